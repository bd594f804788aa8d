/* HTTP server: all workers and what they share, as one thing to start, drain and stop.
 *
 * Threads: main starts and frees; http_server_wake and http_server_reopen_log any. */
#ifndef PROXY_HTTP_HTTP_SERVER_H
#define PROXY_HTTP_HTTP_SERVER_H

#include "common/error.h"
#include "proxy/http/http_options.h"
#include "proxy/http/listener.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct address_set;
struct counters;
struct http_server;
struct inherited_sockets;
struct route_cache;

struct http_server_options {
    const struct listener_specs *listen;       /* outlives the server */
    struct inherited_sockets *inherited;       /* for listener_open; NULL: none */
    const struct address_set *trusted_proxies; /* see worker_shared; outlives the server */
    unsigned worker_count;
    struct route_cache *route_cache; /* outlives the server */
    struct counters *counters;       /* for worker_count workers; outlives the server */
    const char *via;                 /* our name in Via, which via_check_name accepts; NULL: none */
    struct http_options http;

    /* Called once, from a worker, when after http_server_drain the last connection is gone. */
    void (*on_drained)(void *context);
    void *on_drained_context;
};

/* Opens every listener: clients may connect, and wait. Starts no thread. NULL on any error, with
 * nothing left open. */
struct http_server *http_server_open(const struct http_server_options *options, struct error *err);

/* Opens an access log, which has a thread of its own. Before http_server_serve. */
bool http_server_open_log(struct http_server *server, const char *path, struct error *err);

/* Starts the workers: what waits and what comes is served from now on. Once. */
void http_server_serve(struct http_server *server);

/* After a publish: idle workers let the old table go. Cheap; several wakes become one. */
void http_server_wake(struct http_server *server);

/* Follows a rotation of the access log. */
bool http_server_reopen_log(struct http_server *server, struct error *err);

/* Stops accepting, lets running requests finish for at most `drain_ms`, then cuts them. Returns at
 * once. `is_patient`: see worker_drain. */
void http_server_drain(struct http_server *server, uint64_t drain_ms, bool is_patient);

/* Cuts whatever still runs, joins the workers, closes the listeners. Harmless on NULL. */
void http_server_stop(struct http_server *server);

size_t http_server_listener_count(const struct http_server *server);
struct listener *http_server_listener(const struct http_server *server, size_t index);

#endif
