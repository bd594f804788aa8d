/* Stage: a proxy with --supervise, one backend, and what a story asks about the processes.
 *
 * Threads: main. */
#ifndef TESTS_INTEGRATION_SUPERVISE_STAGE_H
#define TESTS_INTEGRATION_SUPERVISE_STAGE_H

#include "tests/support/fake_upstream.h"
#include "tests/support/load.h"
#include "tests/support/pointsman.h"

#include <stddef.h>
#include <sys/types.h>

struct stage {
    struct fake_upstream *upstream;
    struct pointsman *pointsman;
    char *program; /* a copy of the proxy's that a story may replace */
};

/* Starts all, with the route /page to the backend. `more` are arguments of the proxy, ended by
 * NULL. */
void stage_start(struct stage *stage, const char *const *more);
/* Stops all; everything must end well. */
void stage_stop(struct stage *stage);

/* Waits until the process of that generation serves; its process id. */
pid_t stage_wait_serving(struct stage *stage, unsigned generation);

/* Sends SIGUSR2 and waits until the process of that generation serves. */
void stage_upgrade(struct stage *stage, unsigned generation);

/* What must hold after a load that nothing may have disturbed. */
void stage_assert_undisturbed(struct load_tally tally);

int stage_get(const struct stage *stage, const char *path);

/* How many lines of the log so far hold `text`. */
size_t stage_count_lines(struct stage *stage, const char *text);

/* Puts something else in the place of the program, as a package manager does: under its name at
 * once. `content` NULL: the real one again. */
void stage_replace_program(struct stage *stage, const char *content);

#endif
