/* Moment: the point in the history that a verb is asked about: a revision, or a time, which stands
 * for the newest revision made by then.
 *
 * Threads: main. */
#ifndef CONTROL_ROUTECTL_MOMENT_H
#define CONTROL_ROUTECTL_MOMENT_H

#include "common/options.h"
#include "control/routectl/exit_code.h"
#include "control/routectl/flag_values.h"

struct session;

/* The --at of every verb that shows what there was. */
extern const struct option moment_options[];

/* What --at says; without it both are 0, which is now. EXIT_USAGE, and said by the name of `verb`,
 * when it is neither a revision nor a time. */
enum exit_code moment_read(const char *verb, struct flag_moment *at);

/* The revision that a moment stands for. 0, the empty beginning, is one too. */
enum exit_code moment_find_revision(struct session *session, const struct flag_moment *moment,
                                    uint64_t *revision);

#endif
