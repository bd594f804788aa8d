/* Upstream stream: one exchange on a connection of HTTP/2; the other half of upstream_http2.h.
 *
 * Threads: worker. */
#ifndef PROXY_HTTP_UPSTREAM_STREAM_H
#define PROXY_HTTP_UPSTREAM_STREAM_H

#include "proxy/http/http2_response.h"
#include "proxy/http/http2_session.h"
#include "proxy/metrics/counters.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct exchange;
struct interim_head;
struct memory_pool;
struct upstream_http2;

struct upstream_stream {
    struct http2_stream base;          /* first: see http2_session.h */
    struct memory_pool *pool;          /* where it lies */
    struct upstream_http2 *connection; /* NULL: it is closed, with a response to be passed on */
    struct exchange *exchange;         /* NULL: it has let go of it */
    struct upstream_stream *next;      /* while it waits for its connection */
    struct upstream_stream *previous;
    bool has_begun;
    uint64_t begun_ms;
    bool was_used; /* the connection, when this began: then its end may have been on the way */

    struct http2_response response; /* the head that is being read, or was read last */
    bool is_reading;                /* a head: some of its fields are there */
    bool has_received;              /* anything */
    unsigned interim_count;
    size_t interim_bytes;
    struct interim_head *interim; /* heads that are to be passed on; the first is being passed on */
    bool has_answer;              /* a final head, which waits for these */
    bool has_end;                 /* and the end of the response */
    bool is_tunnel;               /* the answer has opened a WebSocket: bytes go as they are */
};

/* Takes the exchange on; it waits for the connection. */
struct upstream_stream *upstream_stream_new(struct exchange *exchange,
                                            struct upstream_http2 *connection);
/* The connection stands. Whether the request can be sent: a WebSocket is asked for when the
 * endpoint has said that it takes one (RFC 8441 section 3), and so only after its SETTINGS. */
bool upstream_stream_can_begin(const struct upstream_stream *stream);
/* Sends it, or fails. */
void upstream_stream_begin(struct upstream_stream *stream);

/* Its exchange fails. One that waits is freed. */
void upstream_stream_fail(struct upstream_stream *stream, enum upstream_failure failure);

/* --- http2_session_events -------------------------------------------------------------------- */

void upstream_stream_on_field(struct http2_stream *base, struct slice name, struct slice value);
void upstream_stream_on_head(struct http2_stream *base);
void upstream_stream_on_data(struct http2_stream *base, size_t length);
void upstream_stream_on_end(struct http2_stream *base);
void upstream_stream_on_room(struct http2_stream *base);
/* Frees it, unless it has more to pass on. */
void upstream_stream_on_closed(struct http2_stream *base, uint32_t error);

#endif
