/* Certificate watch: reads the certificates of listeners, and the authorities that endpoints are
 * verified by, again when their files have changed, and when it is asked to.
 *
 * It looks every two seconds, and reads what is the same at two looks: who writes a certificate and
 * then its key is not caught in between. Reading happens on main's loop, away from the workers.
 *
 * Threads: main. */
#ifndef PROXY_CERTIFICATE_WATCH_H
#define PROXY_CERTIFICATE_WATCH_H

#include "common/event_loop.h"

struct http_server;
struct tls_registry;

struct certificate_watch {
    struct event_loop *loop; /* NULL: not started */
    const struct http_server *server;
    struct tls_registry *endpoints;
    struct event_timer timer;
};

/* `endpoints` is borrowed, as the server is. */
void certificate_watch_start(struct certificate_watch *watch, struct event_loop *loop,
                             const struct http_server *server, struct tls_registry *endpoints);
/* Harmless when it was not started. */
void certificate_watch_stop(struct certificate_watch *watch);

/* All of them, changed or not. */
void certificate_watch_reload(struct certificate_watch *watch);

#endif
