/* Certificate watch: reads the certificates of listeners again when their files have changed, and
 * when it is asked to.
 *
 * It looks every two seconds, and reads what is the same at two looks: who writes a certificate and
 * then its key is not caught in between. Reading happens on main's loop, away from the workers.
 *
 * Threads: main. */
#ifndef PROXY_CERTIFICATE_WATCH_H
#define PROXY_CERTIFICATE_WATCH_H

#include "common/event_loop.h"

struct http_server;

struct certificate_watch {
    struct event_loop *loop; /* NULL: not started */
    const struct http_server *server;
    struct event_timer timer;
};

/* Without listeners that have certificates there is nothing to do. */
void certificate_watch_start(struct certificate_watch *watch, struct event_loop *loop,
                             const struct http_server *server);
/* Harmless when it was not started. */
void certificate_watch_stop(struct certificate_watch *watch);

/* All of them, changed or not. */
void certificate_watch_reload(struct certificate_watch *watch);

#endif
