/* Signals: the ones a daemon is told to stop, to reopen its log and the like with, on an event
 * loop.
 *
 * Threads: the loop's; started before any other thread, so that all inherit the mask. */
#ifndef COMMON_SIGNALS_H
#define COMMON_SIGNALS_H

#include "common/error.h"
#include "common/event_loop.h"

#include <stdbool.h>

struct signal_handlers {
    void (*on_terminate)(void *context); /* SIGTERM, SIGINT; each time */
    void (*on_hangup)(void *context);    /* SIGHUP */
    void (*on_upgrade)(void *context);   /* SIGUSR2; NULL: it is ignored */
    void (*on_child)(void *context);     /* SIGCHLD; several may become one; NULL: not asked for */
    void *context;
};

/* Embedded in its owner. */
struct signals {
    struct event_watch watch;
    struct signal_handlers handlers;
};

/* From now on these signals come to the handlers, and SIGPIPE and SIGXFSZ are ignored. */
bool signals_start(struct signals *signals, struct event_loop *loop,
                   const struct signal_handlers *handlers, struct error *err);
/* They stay blocked. */
void signals_stop(struct signals *signals);

#endif
