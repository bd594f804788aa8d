/* Exit codes: what a script can rely on. Part of the interface; never renumber.
 *
 * Threads: none. */
#ifndef CONTROL_ROUTECTL_EXIT_CODE_H
#define CONTROL_ROUTECTL_EXIT_CODE_H

enum exit_code {
    EXIT_OK = 0,
    EXIT_FAILED = 1,
    EXIT_USAGE = 2,
    EXIT_NOT_FOUND = 3,
    EXIT_PRECONDITION = 4, /* it exists already, changed meanwhile, or is in use */
    EXIT_INVALID = 5,
    EXIT_NOT_LIVE = 6, /* committed, but not applied everywhere */
    EXIT_UNREACHABLE = 7,
};

#endif
