/* Upstream HTTP/1: an exchange to an endpoint over one connection.
 *
 * upstream_http1.c is the connection, and what is sent on it; upstream_http1_receive.c is the
 * answer.
 *
 * The response is received straight into the exchange's response body: the head is parsed where
 * it lies, and what is behind it is the body already. A connection is used again only when
 * everything about the exchange was in order; anything unexpected closes it, so that no answer
 * reaches another request.
 *
 * Threads: worker. */
#ifndef PROXY_HTTP_UPSTREAM_HTTP1_H
#define PROXY_HTTP_UPSTREAM_HTTP1_H

#include "common/cache_line.h"
#include "proxy/http/conn_pool.h"
#include "proxy/http/http1_writer.h"
#include "proxy/http/upstream.h"
#include "proxy/http/upstream_link.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct endpoint;
struct exchange;
struct worker;

/* One connection. Of its lines, an answer needs all but the last. */
struct upstream_http1 {
    CACHE_LINE_ALIGNED struct upstream_link link; /* first: see there */

    /* --- while it serves an exchange --- */
    struct exchange *exchange; /* NULL while it waits */
    uint64_t served;           /* exchanges that were answered */
    uint64_t connected_ms;
    uint64_t begun_turn; /* of the loop: what it has seen by then is no answer */
    uint64_t body_left;  /* for BODY_LENGTH */
    size_t read_bytes;   /* how much to ask for in one read */
    uint32_t interim_bytes;
    uint16_t interim_heads;
    bool is_paused;     /* not reading: the client is slower */
    bool is_blocked;    /* the socket takes no more for now */
    bool is_unwritable; /* the endpoint reads no more; it may have answered */
    bool has_sent_all;  /* the request with its body */
    bool has_received;  /* anything of the answer */
    bool is_informing;  /* the last head is being passed on; what is behind it waits */
    bool is_head_complete;
    bool is_tunnel; /* after a 101; never used again */

    /* --- while it waits in the pool --- */
    struct pool_links pool;

    struct http1_writer writer;
};

/* A connection to the endpoint, for upstream_http1_start: of the pool unless `is_fresh`, or one
 * that is opened. `max_connections` is for all workers together; 0: no limit. */
enum upstream_lease upstream_http1_lease(struct worker *worker, struct endpoint *endpoint,
                                         bool is_fresh, uint32_t max_connections,
                                         struct upstream_http1 **connection);

/* Sends the exchange's request on a connection just leased. What becomes of it, the exchange is
 * told. */
void upstream_http1_start(struct exchange *exchange, struct upstream_http1 *connection);

/* Closes a connection that waits in the pool. */
void upstream_http1_close(struct upstream_http1 *connection);

/* --- between the files ----------------------------------------------------------------------- */

/* upstream_http1.c: the answer is complete. Whether the connection can serve again depends on
 * everything that is not: a request still being sent, bytes nobody asked for (`is_clean`: none). */
void upstream_http1_finish(struct upstream_http1 *connection, bool is_clean);
/* The connection is closed, and the exchange is told why. */
void upstream_http1_fail(struct upstream_http1 *connection, enum upstream_failure failure);

/* upstream_http1_receive.c: a request is about to be sent. */
void upstream_http1_expect_answer(struct upstream_http1 *connection);
/* The socket is readable. Its data is the connection. */
void upstream_http1_on_readable(h2o_socket_t *socket, const char *error);
/* The response body has room, or an informational head was passed on. */
void upstream_http1_resume(struct upstream_http1 *connection);
/* Harmless when it is being read. */
void upstream_http1_resume_reading(struct upstream_http1 *connection);

#endif
