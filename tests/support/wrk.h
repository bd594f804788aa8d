/* wrk: the load generator, and what it found.
 *
 * Threads: main. */
#ifndef TESTS_SUPPORT_WRK_H
#define TESTS_SUPPORT_WRK_H

#include "tests/support/process.h"

#include <stddef.h>

struct wrk_result {
    size_t requests;
    size_t socket_errors;  /* connect, read, write and timeout together */
    size_t other_statuses; /* neither 2xx nor 3xx */
    char *report;          /* all it said */
};

/* Starts it on 127.0.0.1:`port` for `seconds`; it ends by itself. */
struct process *wrk_start(int port, const char *path, unsigned connections, unsigned seconds);

/* Waits for its end and frees it. Free the report. */
struct wrk_result wrk_finish(struct process *wrk, unsigned seconds);

#endif
