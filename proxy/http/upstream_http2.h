/* Upstream HTTP/2: exchanges to an endpoint as streams of few connections.
 *
 * A worker shares its connections to an endpoint among its exchanges: each goes to the one with the
 * fewest streams, and only when all have as many as the endpoint allows there is another one. A
 * connection takes no more streams once it is old, once the endpoint says GOAWAY, once nothing
 * comes from it any more, or once another worker wants one and there may be no more; when its last
 * stream has ended it goes.
 *
 * What the endpoint has surely not touched (REFUSED_STREAM, or a stream above the last one that
 * GOAWAY names; RFC 9113 section 8.7) counts as not sent, so it may be sent again whatever it is.
 *
 * An endpoint that closes a connection without a word has not begun to serve it: a server's
 * SETTINGS come before all else (section 3.4). It counts as one that does not accept connections,
 * which is repeated elsewhere, once, if it may be sent twice: a kernel that throws away what its
 * program said last is no proof (RFC 9110 section 9.2.2). In HTTP/1, where nobody speaks before the
 * answer, the same end may as well be one in the middle of the work, and is not repeated. Nor is a
 * request whose time runs out: an endpoint may keep its SETTINGS back until it has an answer.
 *
 * Threads: worker. */
#ifndef PROXY_HTTP_UPSTREAM_HTTP2_H
#define PROXY_HTTP_UPSTREAM_HTTP2_H

#include "proxy/http/http2_session.h"
#include "proxy/http/timers.h"
#include "proxy/http/upstream.h"
#include "proxy/http/upstream_link.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct endpoint;
struct exchange;
struct upstream_stream;
struct worker;

/* One connection. */
struct upstream_http2 {
    struct upstream_link link;    /* first: see there */
    struct http2_session session; /* once it stands */
    struct upstream_http2 *next;  /* of this worker's to the same endpoint */
    struct upstream_http2 *previous;
    struct upstream_stream *waiting; /* exchanges until it stands; or until SETTINGS have come */
    size_t waiting_count;
    uint64_t connected_ms;
    uint64_t received_ms; /* when something came last */
    uint64_t served;      /* exchanges that were answered */
    bool is_retired;      /* takes no more streams */
    struct timer timer;   /* it has been without a stream for too long, or is retired */
};

/* A connection to the endpoint on which upstream_http2_start may be called now; `is_fresh`: one
 * that has just been opened. `max_connections` is for all workers together; 0: no limit. */
enum upstream_lease upstream_http2_lease(struct worker *worker, struct endpoint *endpoint,
                                         bool is_fresh, uint32_t max_connections,
                                         struct upstream_http2 **connection);

/* Sends the exchange's request as a stream of a connection just leased. What becomes of it, the
 * exchange is told. */
void upstream_http2_start(struct exchange *exchange, struct upstream_http2 *connection);

/* No more streams; it is closed when there is none, but never before this turn is over. */
void upstream_http2_retire(struct upstream_http2 *connection);

/* An exchange was cancelled, whose stream began at `since_ms` (0: it never did). */
void upstream_http2_on_cancelled(struct upstream_http2 *connection, uint64_t since_ms);

/* How an exchange has failed to which the connection said nothing before it ended. */
enum upstream_failure upstream_http2_failure(const struct upstream_http2 *connection);

/* At once. Exchanges that are still on it fail. */
void upstream_http2_close(struct upstream_http2 *connection);

#endif
