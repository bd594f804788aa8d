/* Certificate watch: reads the certificates of listeners, what their clients are verified by, and
 * the authorities of endpoints again when their files have changed, and when it is asked to; and
 * says what of it has ended.
 *
 * It looks every two seconds, and reads what is the same at two looks: whoever writes a certificate
 * and then its key is not caught in between. Reading happens on main's loop, away from the workers.
 * As long as there are no such files it does not look, and the loop sleeps.
 *
 * Threads: main, but for certificate_watch_wants_wake. */
#ifndef PROXY_CERTIFICATE_WATCH_H
#define PROXY_CERTIFICATE_WATCH_H

#include "common/event_loop.h"

#include <stdatomic.h>
#include <stdbool.h>

struct http_server;
struct tls_registry;

struct certificate_watch {
    struct event_loop *loop; /* NULL: not started */
    const struct http_server *server;
    struct tls_registry *endpoints;
    struct event_timer timer;
    atomic_bool is_idle; /* any: there was no file to look at */
};

/* `endpoints` is borrowed, as the server is. */
void certificate_watch_start(struct certificate_watch *watch, struct event_loop *loop,
                             const struct http_server *server, struct tls_registry *endpoints);
/* Harmless when it was not started. */
void certificate_watch_stop(struct certificate_watch *watch);

/* From any thread, once there may be new endpoints: whether it is to go on. */
bool certificate_watch_wants_wake(struct certificate_watch *watch);
/* Harmless when it need not. */
void certificate_watch_go_on(struct certificate_watch *watch);

/* All of them, changed or not. */
void certificate_watch_reload(struct certificate_watch *watch);

#endif
