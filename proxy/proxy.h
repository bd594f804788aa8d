/* Proxy: owns every part of pointsman-proxy; starts them in order and stops them in reverse.
 *
 *   identity, counters, endpoints, routes    what the others share
 *   listeners                                bound, so that a port in use ends it here
 *   resolver                                 asks for the addresses of names
 *   health checker                           asks the endpoints of the routes to come
 *   control client                           gets the routes, from control or from disk
 *   admin                                    says how far that is
 *   certificate watch                        reads them again when they change
 *   workers                                  accept once it is settled whether there are routes
 *
 * No two locks are ever held at once.
 *
 * Threads: main. */
#ifndef PROXY_PROXY_H
#define PROXY_PROXY_H

#include "common/error.h"
#include "proxy/http/http_options.h"
#include "proxy/http/listener_spec.h"
#include "proxy/upstream/dns_resolver.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct event_loop;
struct inherited_sockets;
struct proxy;
struct supervised;

/* Borrowed as long as the proxy runs. */
struct proxy_options {
    struct listener_specs listen;       /* the caller's to clear */
    struct address_set trusted_proxies; /* the caller's to clear */
    const char *via;                    /* our name in Via; NULL: none is added */
    const char *admin;                  /* ADDR:PORT */
    const char *control;                /* path of the control socket */
    const char *local_copy;             /* NULL: none is kept */
    const char *access_log;             /* NULL: none is written */
    const char *log_file;               /* NULL: standard error */
    const char *id;                     /* NULL: see identity.h */
    bool sandbox;                       /* see common/sandbox.h */
    unsigned worker_count;
    uint64_t drain_ms;
    struct http_options http;
    struct dns_options dns;
    struct inherited_sockets *inherited; /* what is claimed of them is ours */
    struct supervised *supervised;
};

/* Starts everything, or nothing: NULL on error. `loop` is main's. */
struct proxy *proxy_start(const struct proxy_options *options, struct event_loop *loop,
                          struct error *err);

/* Stops accepting and lets what runs finish, for at most the drain time; then stops the loop. Once
 * it has begun, harmless. */
void proxy_drain(struct proxy *proxy);

/* Follows a rotation of the access log, and reads the certificates again. */
void proxy_reload(struct proxy *proxy);

/* Cuts what still runs. Harmless on NULL. */
void proxy_stop(struct proxy *proxy);

#endif
