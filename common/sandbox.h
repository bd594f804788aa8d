/* Sandbox: the system calls that this process may still make, and where it may still write.
 *
 * The list is what the programs were seen to use while all their tests ran (sandbox.c says how).
 * Any other call fails with EPERM and is logged once for each call, by name, as sandbox_violation:
 * a library that learns something new shows up in the log, not as an outage. Starting a program or
 * looking into another process, which nothing here ever does, ends the process instead (SIGSYS).
 *
 * Threads: before any other is started; threads inherit it. */
#ifndef COMMON_SANDBOX_H
#define COMMON_SANDBOX_H

#include "common/error.h"

#include <stdbool.h>
#include <stddef.h>

struct sandbox_options {
    bool uses_network;           /* IPv4 and IPv6 besides Unix sockets */
    const char *const *writable; /* files; see write_fence_raise */
    size_t writable_count;
};

/* On unless a sanitizer is built in, which makes calls of its own. */
extern const bool sandbox_is_on_by_default;

/* "on" or "off", as --sandbox has it. */
bool sandbox_parse(const char *text, bool *is_on, struct error *err);

/* For good; after privileges_drop. Logs what holds from now on. */
bool sandbox_enter(const struct sandbox_options *options, struct error *err);

#endif
