/* Supervised: the serving process's side of its supervisor (supervisor.h).
 *
 * Without a supervisor every function here does nothing.
 *
 * Threads: main. */
#ifndef PROXY_SUPERVISED_H
#define PROXY_SUPERVISED_H

#include "common/event_loop.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct listener;

struct supervised {
    int channel;           /* -1: there is no supervisor */
    uint64_t generation;   /* the first serving process is 1; 0: there is no supervisor */
    uint64_t restarts;     /* how often one before this had ended unexpectedly */
    bool has_predecessor;  /* which still serves, and must not be disturbed until this one does */
    bool waits_for_routes; /* that one has some: until this one has, it takes no requests */

    struct event_watch watch;
    void (*on_taken_over)(void *context);
    void (*on_lost)(void *context);
    void *context;
};

/* Takes it out of the environment. Before threads start. */
void supervised_init(struct supervised *supervised);

/* Hands the supervisor the sockets of a listener; it keeps them open, over our end and for our
 * successor. The file of a Unix socket is its to remove from now on. */
void supervised_offer(const struct supervised *supervised, struct listener *listener);

/* We serve, or would if we had routes. */
void supervised_ready(const struct supervised *supervised, uint64_t drain_ms, bool has_routes);
/* We serve, with routes. */
void supervised_has_routes(const struct supervised *supervised);

/* We have begun to drain. */
void supervised_stopping(const struct supervised *supervised);

/* `on_taken_over`: a successor serves. `on_lost`: the supervisor is gone. */
void supervised_watch(struct supervised *supervised, struct event_loop *loop,
                      void (*on_taken_over)(void *context), void (*on_lost)(void *context),
                      void *context);
void supervised_unwatch(struct supervised *supervised);

#endif
