/* gRPC stream: the inside of grpc_core, shared by its files (grpc_core.c receives and keeps the
 * session, grpc_head.c reads heads, grpc_send.c sends).
 *
 * Threads: its core's. */
#ifndef PROTO_GRPC_STREAM_H
#define PROTO_GRPC_STREAM_H

#include "common/http2_flood.h"
#include "proto/grpc_core.h"

#include <nghttp2/nghttp2.h>

struct grpc_core {
    enum grpc_role role;
    struct grpc_core_handlers handlers;
    nghttp2_session *session;
    struct grpc_stream *streams;
    bool has_begun;
    bool has_given_up; /* on the peer: a GOAWAY is all that is left to say */
    bool has_resumed;  /* some stream was resumed while it was pulled */
    struct http2_flood flood;
    size_t incomplete_bytes; /* of messages that are still coming in, on all streams */
};

/* What a head said; a server's request or a client's response. */
struct grpc_head {
    bool is_complete;
    bool is_repeated; /* a field is there twice that may be there once */
    bool has_method;
    bool has_path;
    bool has_type;
    bool is_post;
    bool has_grpc_type; /* content-type: application/grpc or application/grpc+proto */
    bool is_encoded;    /* grpc-encoding names anything but identity */
    bool has_status;    /* grpc-status, in the head or the trailers */
    unsigned http_status;
    uint64_t timeout_ms;
    size_t bytes; /* counted as SETTINGS_MAX_HEADER_LIST_SIZE counts */
    struct buffer path;
};

struct grpc_stream {
    struct grpc_core *core;
    struct grpc_stream *next;
    struct grpc_stream *previous;
    int32_t id;
    void *user;

    struct grpc_head head;
    size_t max_message_bytes;
    struct buffer in;          /* less than one message */
    bool ignores_rest;         /* the call has failed: what else comes is dropped */
    struct grpc_result result; /* client: what the trailers said */

    struct buffer out; /* framed messages */
    bool head_is_sent;
    bool is_pulled;
    bool is_pulling; /* inside on_pull */
    bool is_resumed; /* meanwhile */
    bool is_finished;
    bool has_ended; /* the trailers are submitted */
    enum grpc_status status;
    struct buffer status_message; /* percent-encoded */
    struct buffer status_details; /* base64 */
};

/* Puts it among its core's streams. */
void grpc_stream_link(struct grpc_stream *stream);

/* A field of a head or of the trailers. Copies. */
void grpc_stream_note_header(struct grpc_stream *stream, struct slice name, struct slice value);
/* Once all fields of a head were noted: a server begins the call, or refuses it. */
void grpc_stream_finish_head(struct grpc_stream *stream);

/* Answers with an HTTP status and nothing else: this is not a gRPC call. */
void grpc_stream_refuse_http(struct grpc_stream *stream, const char *http_status);

/* Ends a call from inside the core, and tells its user (server) that it is gone. */
void grpc_stream_fail(struct grpc_stream *stream, enum grpc_status status, const char *message);

#endif
