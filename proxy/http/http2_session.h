/* HTTP/2 session: one connection that speaks HTTP/2 (RFC 9113), as the server in front of clients
 * or as the client of an endpoint; nghttp2 on a socket of the loop, clear or secured.
 *
 * Its owner opens the socket and says what streams mean; here are frames, flow control, limits and
 * what to do against floods. Bodies lie in body pipes: what comes in is appended to a stream's
 * `incoming`, what goes out is taken from its `outgoing`.
 *
 * Bytes are taken in when the socket is readable and sent when the loop's turn ends: whatever is
 * done to a session only notes that there is something to send (http2_sessions_flush). So nothing
 * happens to a session inside nghttp2, and what several exchanges have to say leaves together.
 *
 * http2_session.c is the connection, http2_receive.c what comes in, http2_stream.c what goes out.
 *
 * Threads: worker. */
#ifndef PROXY_HTTP_HTTP2_SESSION_H
#define PROXY_HTTP_HTTP2_SESSION_H

#include "common/buffer.h"
#include "common/http2_flood.h"
#include "proxy/http/body_pipe.h"
#include "proxy/http/http2_frame_walk.h"
#include "proxy/http/output_queue.h"
#include "proxy/http/read_buffers.h"
#include "proxy/metrics/counters.h"
#include "proxy/routing/header_list.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <h2o.h>
#include <openssl/ssl.h>

struct http2_session;
struct http2_stream;
struct worker;

enum http2_role { HTTP2_SERVER, HTTP2_CLIENT };

/* RFC 9113 section 7. */
enum http2_error {
    HTTP2_NO_ERROR = 0,
    HTTP2_PROTOCOL_ERROR = 1,
    HTTP2_INTERNAL_ERROR = 2,
    HTTP2_FLOW_CONTROL_ERROR = 3,
    HTTP2_STREAM_CLOSED = 5,
    HTTP2_REFUSED_STREAM = 7, /* nothing was done with it: it may be sent again */
    HTTP2_CANCEL = 8,
    HTTP2_ENHANCE_YOUR_CALM = 11,
    HTTP2_INADEQUATE_SECURITY = 12,
    HTTP2_HTTP_1_1_REQUIRED = 13,
};

/* Limits that are announced and kept. */
enum {
    HTTP2_STREAMS_MAX = 100,                      /* that a client may have open */
    HTTP2_HEAD_BYTES_MAX = 32 * 1024,             /* names, values and 32 for each field */
    HTTP2_CONNECTION_HEAD_BYTES_MAX = 512 * 1024, /* of all streams that are open */
    HTTP2_RESPONSE_HEAD_BYTES_MAX = 72 * 1024,    /* of all heads of a response, and its trailers */
    HTTP2_STREAM_WINDOW_BYTES = 64 * 1024 - 1,    /* RFC 9113 section 6.9.2: the default */
    /* Of a response, unless its stream says more: what we may have to keep for each stream of a
     * client that does not read. It grows to the above as the client reads, but with many streams
     * not beyond what each may have waiting. */
    HTTP2_RESPONSE_WINDOW_BYTES = READ_BUFFER_BYTES,
    HTTP2_CONNECTION_WINDOW_BYTES = 1024 * 1024,
};

/* The owner's side. */
struct http2_session_events {
    /* --- while bytes are taken in or made: note what it means, free nothing but the stream -- */

    /* Server: a request begins. Returns its stream, all zero; the session links it. */
    struct http2_stream *(*on_opened)(struct http2_session *session);
    /* A field of a request or of a response, pseudo-header fields first: well-formed, the name in
     * lower case, and no more than the limits allow. Borrowed until it returns. */
    void (*on_field)(struct http2_stream *stream, struct slice name, struct slice value);
    /* The head is complete. A client may get several: interim ones have a status below 200. */
    void (*on_head)(struct http2_stream *stream);
    /* `length` bytes were appended to stream->incoming. */
    void (*on_data)(struct http2_stream *stream, size_t length);
    /* stream->incoming is ended, with its trailers; may come with the head. */
    void (*on_end)(struct http2_stream *stream);
    /* The peer broke the rules on this stream; it is reset, its pipes are let go of, and on_closed
     * follows when that is sent: nothing is to be done for it any more (CVE-2025-8671). May be
     * NULL. */
    void (*on_fault)(struct http2_stream *stream);
    /* stream->outgoing has room again. */
    void (*on_room)(struct http2_stream *stream);
    /* It is over, for both: completely (HTTP2_NO_ERROR), reset by either, or because the session
     * is. To be freed. */
    void (*on_closed)(struct http2_stream *stream, uint32_t error);

    /* Client: the server's first SETTINGS have come. May be NULL. */
    void (*on_settings)(struct http2_session *session);

    /* The socket takes bytes again: calls http2_session_mark. */
    void (*on_writable)(h2o_socket_t *socket, const char *error);

    /* --- outside of all that; both may close the session -------------------------------------- */

    /* Some output was sent, or none could be: `is_blocked` while some waits for the socket. */
    void (*on_sent)(struct http2_session *session, bool is_blocked);
    /* The connection has ended (is_broken), or everything is said, GOAWAY too, and it has to. To be
     * closed. */
    void (*on_over)(struct http2_session *session);
};

/* The first member of the owner's stream. */
struct http2_stream {
    struct http2_session *session;
    int32_t id;                /* 0: not yet */
    struct http2_stream *next; /* of the session's */
    struct http2_stream *previous;

    /* The owner's to set. NULL: what comes is thrown away; nothing goes. */
    struct body_pipe *incoming;
    struct body_pipe *outgoing;
    size_t first_window; /* client: of the response, where more than HTTP2_RESPONSE_WINDOW_BYTES */

    /* for the owner */
    bool is_head_too_large; /* beyond a limit; not all fields were told */
    bool has_head;          /* final: what comes now is a body, then trailers */
    bool has_sent_end;      /* all of outgoing, or a head without a body, is in frames */
    bool ends_with_head;    /* ... but nothing comes */
    uint64_t sent_bytes;    /* in frames, heads included */

    /* the session's own */
    size_t head_bytes;
    size_t trailer_count;
    size_t unconsumed_bytes; /* received, and not yet given back to the peer as window */
    uint64_t consumed_bytes;
    bool is_interim; /* the head being read */
    bool is_deferred;
    bool is_reset; /* by our owner */
};

struct http2_session {
    struct worker *worker;
    enum http2_role role;
    h2o_socket_t *socket; /* the owner's */
    SSL *ssl;             /* the owner's; NULL: a clear connection */
    const struct http2_session_events *events;
    struct counter *bytes_in;
    struct counter *bytes_out;
    struct http2_stream *streams; /* that are open, or were asked for */
    size_t stream_count;
    bool has_received; /* anything at all */
    bool has_peer_settings;
    bool has_peer_goaway; /* the peer takes no new streams */
    bool is_broken;       /* the socket has ended, or takes nothing any more */

    /* its own */
    struct nghttp2_session *native;
    struct output_queue output; /* frames, while the socket does not take them */
    struct http2_flood flood;
    struct http2_frame_walk walk;
    size_t head_bytes;            /* of its streams */
    uint32_t opened_count;        /* server: streams that there have been */
    struct http2_stream *reading; /* whose head or DATA is coming in; NULL: nobody wants it */
    struct http2_stream *writing; /* whose DATA was made last */
    struct http2_stream *found;   /* that was asked for last */
    struct http2_session *next_dirty;
    struct http2_session *previous_dirty;
    bool is_dirty;
    bool is_ended; /* no more can come, or be sent */
    bool is_shutting_down;
    bool is_refusing;    /* the last stream is said */
    bool has_reset;      /* a stream of which more may have been on its way */
    uint64_t late_bytes; /* DATA that may still come of such streams */
    bool is_data_taken;  /* by nghttp2: the frame of it whose head has just come in */
};

/* What a worker's sessions have to send. */
struct http2_dirty_list {
    struct http2_session *first;
};

/* Begins with the memory as it is. `socket` is one that the owner reads with, and whose writing is
 * the session's; both it and `ssl` stay the owner's. What is received and sent is counted in
 * `bytes_in` and `bytes_out`. */
void http2_session_open(struct http2_session *session, enum http2_role role, struct worker *worker,
                        h2o_socket_t *socket, SSL *ssl, const struct http2_session_events *events,
                        struct counter *bytes_in, struct counter *bytes_out);

/* Tells on_closed of every stream that is left. Not from an event of the session's streams. */
void http2_session_close(struct http2_session *session);

/* The socket is readable. The session may be gone afterwards. */
void http2_session_receive(struct http2_session *session);

/* Bytes that were received before the session began. It may be gone afterwards. */
void http2_session_feed(struct http2_session *session, struct slice bytes);

/* Server: takes the requests that are on their way, and then no more (RFC 9113 section 6.8). It is
 * over when the last stream is. */
void http2_session_shut_down(struct http2_session *session);
/* ... without waiting for those that are on their way any longer. */
void http2_session_refuse_new(struct http2_session *session);

/* GOAWAY, and then it is over: the peer breaks the rules. */
void http2_session_condemn(struct http2_session *session, enum http2_error error);

/* How many streams a client may have open at a time, as far as its server has said. */
size_t http2_session_allowance(const struct http2_session *session);
/* How many more it may open now. */
size_t http2_session_room(const struct http2_session *session);

/* Client: whether the server takes an extended CONNECT (RFC 8441 section 3), as far as it has said.
 */
bool http2_session_takes_connect(const struct http2_session *session);

/* There is something to send. */
void http2_session_mark(struct http2_session *session);

/* Makes frames of it at once, as far as there is room, so that the next one finds the memory of
 * this one in the CPU's cache, and a response that is complete ends its stream. They leave when the
 * turn ends, or with the last stream: nothing else can join them then. The session may be gone
 * afterwards. */
void http2_session_make(struct http2_session *session);

/* --- streams --------------------------------------------------------------------------------- */

/* Client: opens the stream with a request's head. Server: answers with a final head. `own` fields
 * come first, pseudo-header fields among them; of `fields` (or NULL) those that are not dropped.
 * Copies all but the names of `own`, which are literals in lower case. With `has_body`
 * stream->outgoing follows. */
void http2_stream_send_head(struct http2_session *session, struct http2_stream *stream,
                            const struct header *own, size_t own_count,
                            const struct header_list *fields, bool has_body);

/* Server: an interim head (1xx). Copies as that. */
void http2_stream_inform(struct http2_stream *stream, const struct header *own, size_t own_count,
                         const struct header_list *fields);

/* stream->outgoing has more, or has ended. */
void http2_stream_resume(struct http2_stream *stream);

/* Bytes have left stream->incoming: the peer may send as many. */
void http2_stream_consume(struct http2_stream *stream);

/* Ends the stream, and lets go of its pipes. on_closed follows. */
void http2_stream_reset(struct http2_stream *stream, enum http2_error error);

/* --- a worker's sessions --------------------------------------------------------------------- */

/* Sends what there is. Returns whether there was any: then exchanges may have been marked. */
bool http2_sessions_flush(struct worker *worker);

/* --- between the files ----------------------------------------------------------------------- */

/* Client: so many bytes may be under way to stream->incoming, HTTP2_STREAM_WINDOW_BYTES at most;
 * nothing where that is so already. */
void http2_stream_widen(struct http2_stream *stream, uint64_t bytes);

/* http2_receive.c: what nghttp2_session_mem_recv returns for `bytes`. */
ssize_t http2_receive_take_in(struct http2_session *session, struct slice bytes);
/* A stream is reset, of which the peer may have sent more than has come. */
void http2_receive_expect_late(struct http2_session *session);

struct nghttp2_session_callbacks;
/* http2_receive.c and http2_stream.c */
void http2_receive_set_callbacks(struct nghttp2_session_callbacks *callbacks);
void http2_stream_set_callbacks(struct nghttp2_session_callbacks *callbacks);
void http2_stream_link(struct http2_session *session, struct http2_stream *stream);
/* One that is open, and has an owner; or NULL. */
struct http2_stream *http2_stream_find(struct http2_session *session, int32_t id);
/* Out of the list, and told. */
void http2_stream_end(struct http2_stream *stream, uint32_t error);

#endif
