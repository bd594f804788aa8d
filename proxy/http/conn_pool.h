/* Connection pool: this worker's connections to endpoints that wait for a request, and those with
 * HTTP/2, which may be serving others.
 *
 * The newest is used first, so that what is not needed ages and goes. Each stays readable while it
 * waits: one that the endpoint closes, or on which it says anything unasked, is gone before a
 * request could be sent on it. The loop could not tell yet of one that came back in this turn: it
 * is used only when there is no other, and only after a look at its socket, which costs a system
 * call.
 *
 * Threads: worker. */
#ifndef PROXY_HTTP_CONN_POOL_H
#define PROXY_HTTP_CONN_POOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <openssl/ssl.h>

struct conn_pool;
struct endpoint;
struct upstream_http1;
struct upstream_http2;
struct worker;

/* Embedded in each connection. */
struct pool_links {
    struct upstream_http1 *newer; /* of all in the pool */
    struct upstream_http1 *older;
    struct upstream_http1 *endpoint_newer; /* of those to the same endpoint */
    struct upstream_http1 *endpoint_older;
    uint64_t since_ms;
};

struct conn_pool *conn_pool_new(struct worker *worker);
/* Closes what is in it. */
void conn_pool_free(struct conn_pool *pool);

/* The newest connection to `endpoint`, taken out, or NULL. */
struct upstream_http1 *conn_pool_take(struct conn_pool *pool, const struct endpoint *endpoint);

/* Keeps a connection for later; closes the oldest to the same endpoint when there are too many. */
void conn_pool_put(struct conn_pool *pool, struct upstream_http1 *connection);

/* A connection is closing while it waits. */
void conn_pool_remove(struct conn_pool *pool, struct upstream_http1 *connection);

/* The HTTP/2 connections to an endpoint, linked by their `next`, newest first; NULL: none. */
struct upstream_http2 *conn_pool_first_http2(const struct conn_pool *pool,
                                             const struct endpoint *endpoint);
void conn_pool_add_http2(struct conn_pool *pool, struct upstream_http2 *connection);
void conn_pool_remove_http2(struct conn_pool *pool, struct upstream_http2 *connection);

/* Other workers may open no more connections to some endpoints: closes as many of ours to these as
 * they want; those with HTTP/2 take no more streams. Returns whether there were any. */
bool conn_pool_give_up_wanted(struct conn_pool *pool);

/* Those with HTTP/2 are closed when their last stream has ended. */
void conn_pool_close_all(struct conn_pool *pool);

/* The session that a new connection to `endpoint` may resume, or NULL. Borrowed until the next one
 * is kept. */
SSL_SESSION *conn_pool_session(const struct conn_pool *pool, const struct endpoint *endpoint);
/* Takes the caller's reference. */
void conn_pool_keep_session(struct conn_pool *pool, const struct endpoint *endpoint,
                            SSL_SESSION *session);

/* Those that wait. For tests. */
size_t conn_pool_count(const struct conn_pool *pool);

#endif
