/* Fault row: one thing that a service does wrong, and what everyone sees of it: the client, the
 * service itself (how often it was tried), and whoever reads the metrics.
 *
 * Each row has a route and a backend of its own, of its name.
 *
 * Threads: one. */
#ifndef TESTS_INTEGRATION_FAULT_ROW_H
#define TESTS_INTEGRATION_FAULT_ROW_H

#include "tests/support/fake_upstream.h"
#include "tests/support/http_connection.h"
#include "tests/support/pointsman.h"

#include <stdbool.h>
#include <stddef.h>

struct fault {
    const char *name;
    struct fake_step steps[8];    /* of the first connection; none: it serves */
    const struct fake_step *next; /* of those after it; NULL: they serve */
    bool refuses;                 /* takes no connections at all */
    const char *request;          /* NULL: a GET */
    size_t body_bytes;            /* of the request */

    /* the client's view */
    enum http_outcome outcome;
    int status;
    const char *body; /* NULL: whatever the service says by default, or a sentence of ours */

    /* what was counted */
    const char *failure; /* NULL: none */
    unsigned failures;
    const char *retry; /* what was repeated, once; NULL: nothing */
    size_t connections;
};

#define READ                                                                                       \
    {                                                                                              \
        .action = FAKE_READ_REQUEST                                                                \
    }
#define READ_HEAD                                                                                  \
    {                                                                                              \
        .action = FAKE_READ_HEAD                                                                   \
    }
#define SEND(bytes)                                                                                \
    {                                                                                              \
        .action = FAKE_SEND, .text = (bytes)                                                       \
    }
#define SEND_TIMES(bytes, times)                                                                   \
    {                                                                                              \
        .action = FAKE_SEND, .text = (bytes), .repeat = (times)                                    \
    }
#define STAY                                                                                       \
    {                                                                                              \
        .action = FAKE_READ_TO_END                                                                 \
    }
#define CLOSE                                                                                      \
    {                                                                                              \
        .action = FAKE_CLOSE                                                                       \
    }
#define RESET                                                                                      \
    {                                                                                              \
        .action = FAKE_RESET                                                                       \
    }
#define SERVE                                                                                      \
    {                                                                                              \
        .action = FAKE_SERVE                                                                       \
    }

/* Plays each of them on one proxy. `scheme` says what the services speak: "http", "h2c". */
void fault_rows_play(struct pointsman *pointsman, const char *scheme, const struct fault *faults,
                     size_t count);

/* Waits until /metrics has that counter of a backend; `kind` may be NULL. */
void fault_expect_metric(struct pointsman *pointsman, const char *backend, const char *name,
                         const char *kind, unsigned value);

/* A route of this name. A try has a short time where its `failure` is to be "timeout", else a long
 * one. */
void fault_add_route(struct pointsman *pointsman, const char *name, const char *failure,
                     const char *url);

#endif
