/* Front HTTP/2: a client's connection, turned into exchanges, many at a time (RFC 9113).
 *
 * front_http2.c is the connection: its timers and its end; front_http2_stream.c is one request and
 * its response; front_http2_tunnel.c is what a WebSocket makes of a stream (RFC 8441). Which frames
 * may come when is http2_session.h's, which fields http2_request_reader.h's.
 *
 * A request that breaks HTTP/2 itself, so that two readers could see different messages in it
 * (RFC 9113 section 8.1.1), has its stream reset with PROTOCOL_ERROR; what only we do not take is
 * answered with the status that HTTP/1 gives it.
 *
 * Threads: worker. */
#ifndef PROXY_HTTP_FRONT_HTTP2_H
#define PROXY_HTTP_FRONT_HTTP2_H

#include "proxy/http/client_connection.h"
#include "proxy/http/exchange.h"
#include "proxy/http/http2_request_reader.h"
#include "proxy/http/http2_session.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The first bytes of every HTTP/2 connection (RFC 9113 section 3.4). */
#define HTTP2_PREFACE "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

extern const struct client_protocol front_http2_protocol;

/* One connection. */
struct front_http2 {
    struct http2_session session;
    struct client_connection *connection;
    struct http2_request_reader reading; /* the head that is coming in */
    struct timer timer;       /* not later than anything that is waited for; see expect */
    struct timer write_timer; /* the socket takes nothing */
    uint64_t idle_due_ms;     /* TIMER_NEVER: something is under way */
    uint64_t refuse_due_ms;   /* TIMER_NEVER: it is not shutting down, or refuses already */
    size_t pipe_bytes;        /* that each response may have waiting; see front_http2_share */
    bool is_stopping;
};

/* One request. */
struct front_http2_stream {
    struct http2_stream http2; /* first: see there */
    struct front_http2 *front;
    struct exchange *exchange; /* NULL: the client broke the rules, and it waits to be reset */
    uint64_t read_due_ms;      /* the rest of the head, or of the body; TIMER_NEVER: nothing */
    uint64_t write_due_ms;     /* the client takes something; TIMER_NEVER: nothing to take */
    uint64_t write_mark;       /* what it had taken when that was set */
    struct body_pipe *early;   /* came before the WebSocket is open; NULL: it is, or is none */
    bool wants_continue;
    bool is_tunnel; /* HTTP is over on it: bytes go as they are */
};

/* --- between the files ----------------------------------------------------------------------- */

/* front_http2.c: looks at all timers again at `due_ms`, or earlier. */
void front_http2_expect(struct front_http2 *front, uint64_t due_ms);
/* A stream has begun, or the last one has ended. */
void front_http2_set_idle(struct front_http2 *front, bool is_idle);
/* The client is told to go elsewhere; what it has asked for, or does before it knows, is served. */
void front_http2_shut_down(struct front_http2 *front);

/* front_http2.c: there are `count` streams now. What all of their responses may have waiting for a
 * client that does not read is bounded, so each gets less when there are more. */
void front_http2_share(struct front_http2 *front, size_t count);

/* front_http2_stream.c */
struct http2_stream *front_http2_stream_open(struct http2_session *session);
void front_http2_stream_on_field(struct http2_stream *http2, struct slice name, struct slice value);
void front_http2_stream_on_head(struct http2_stream *http2);
void front_http2_stream_on_data(struct http2_stream *http2, size_t length);
void front_http2_stream_on_end(struct http2_stream *http2);
void front_http2_stream_on_room(struct http2_stream *http2);
void front_http2_stream_on_fault(struct http2_stream *http2);
void front_http2_stream_on_closed(struct http2_stream *http2, uint32_t error);
/* Its response may have `bytes` waiting from now on. */
void front_http2_stream_set_share(struct front_http2_stream *stream, size_t bytes);
/* Does what is due; returns when something is next. */
uint64_t front_http2_stream_check(struct front_http2_stream *stream, uint64_t now_ms);

/* front_http2_tunnel.c: the request is a handshake: what comes behind it waits for the answer. */
void front_http2_tunnel_hold(struct front_http2_stream *stream);
/* The service has switched: exchange->response is an answer of HTTP/2 then, and the request pipe is
 * open again. */
void front_http2_tunnel_start(struct front_http2_stream *stream);
/* It will not be opened any more. Harmless when it is, or is none. */
void front_http2_tunnel_drop_early(struct front_http2_stream *stream);

#endif
