/* Serving process: one run of the program that serves, as its supervisor sees it.
 *
 * Threads: main. */
#ifndef PROXY_SERVING_PROCESS_H
#define PROXY_SERVING_PROCESS_H

#include "common/error.h"
#include "common/event_loop.h"
#include "proxy/socket_set.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct serving_process;

struct serving_process_options {
    const char *path; /* of the program, as it is now */
    char *const *arguments;
    struct event_loop *loop;
    uint64_t generation;
    uint64_t restarts;
    bool has_predecessor;
    bool waits_for_routes; /* before it takes requests */

    /* It has said something new: is_ready, has_routes or is_stopping. */
    void (*on_news)(struct serving_process *process);
    /* It takes too long: to become ready, or to end after it was told to. */
    void (*on_overdue)(struct serving_process *process);
    void *context;
};

struct serving_process {
    struct serving_process *next; /* for its owner */
    struct serving_process_options options;
    pid_t pid;
    uint64_t started_ms; /* on clock_now_ms */
    uint64_t ready_ms;   /* likewise */
    uint64_t drain_ms;
    bool is_ready;
    bool has_routes;
    bool is_stopping; /* it has begun to, or was told to */

    struct socket_set sockets; /* those it has told of */
    int channel;
    struct event_watch watch;
    struct event_timer overdue;
};

/* Starts it on `sockets`, in a process group of its own, so that what a terminal sends comes to the
 * supervisor alone. It must become ready within `patience_ms`. NULL when there can be no process; a
 * program that cannot be run is one that ends with 127. Borrows what options points to. */
struct serving_process *serving_process_start(const struct serving_process_options *options,
                                              const struct socket_set *sockets,
                                              uint64_t patience_ms, struct error *err);

/* Takes what it has said last. For one that has ended. */
void serving_process_drain_channel(struct serving_process *process);

/* It has ended, and was waited for. What it told of sockets is closed unless it was taken. */
void serving_process_free(struct serving_process *process);

/* A successor serves. */
void serving_process_tell_taken_over(struct serving_process *process);

/* SIGTERM. It must end within its drain time and a little more, or is overdue. */
void serving_process_terminate(struct serving_process *process);

/* The same without a signal: it stops by itself. */
void serving_process_expect_end(struct serving_process *process);

#endif
