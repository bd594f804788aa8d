/* The session and the receiving half of grpc_core; grpc_send.c is the other, and grpc_head.c knows
 * what heads say.
 *
 * nghttp2 is told not to judge messages (no_http_messaging): clients send an empty :authority, or
 * a path in it, on Unix sockets. What matters of a head is checked there. */
#include "proto/grpc_core.h"

#include "common/clock.h"
#include "proto/grpc_stream.h"
#include "proto/grpc_wire.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    MAX_STREAMS = 100,
    SERVER_HEADER_BYTES = 16 * 1024, /* of a request head */
    CLIENT_HEADER_BYTES = 64 * 1024, /* of a response head and trailers: details can be long */
    CLIENT_WINDOW_BYTES = 1 << 20,
    INCOMPLETE_BYTES = 16 << 20, /* of messages that are still coming in, for a connection */
    RESET_BURST = 200,
    RESETS_PER_SECOND = 20,
    RECEIVE_BYTES = 4096, /* at a time: little of a flood comes in after it was noticed */
};

/* --- streams ---------------------------------------------------------------------------------- */

void grpc_stream_link(struct grpc_stream *stream)
{
    struct grpc_core *core = stream->core;
    stream->next = core->streams;
    if (core->streams != NULL)
        core->streams->previous = stream;
    core->streams = stream;
}

static void free_stream(struct grpc_core *core, struct grpc_stream *stream)
{
    if (stream->previous != NULL)
        stream->previous->next = stream->next;
    else
        core->streams = stream->next;
    if (stream->next != NULL)
        stream->next->previous = stream->previous;
    core->incomplete_bytes -= stream->in.length;

    buffer_clear(&stream->head.path);
    buffer_clear(&stream->in);
    buffer_clear(&stream->out);
    buffer_clear(&stream->status_message);
    buffer_clear(&stream->status_details);
    grpc_result_clear(&stream->result);
    free(stream);
}

static void close_stream(struct grpc_core *core, struct grpc_stream *stream,
                         const struct grpc_result *result)
{
    if (stream->user != NULL)
        core->handlers.on_close(core->handlers.context, stream, result);
    free_stream(core, stream);
}

void *grpc_stream_user(const struct grpc_stream *stream)
{
    return stream->user;
}

void grpc_stream_set_user(struct grpc_stream *stream, void *user)
{
    stream->user = user;
}

void grpc_stream_set_max_message(struct grpc_stream *stream, size_t bytes)
{
    stream->max_message_bytes = bytes;
}

static void refuse(struct grpc_stream *stream, enum grpc_status status, const char *message)
{
    if (stream->core->role == GRPC_ROLE_CLIENT)
        grpc_stream_cancel(stream, status, message);
    else
        grpc_stream_fail(stream, status, message);
}

/* --- heads ------------------------------------------------------------------------------------ */

static int on_begin_headers(nghttp2_session *session, const nghttp2_frame *frame, void *user_data)
{
    struct grpc_core *core = user_data;
    if (core->role == GRPC_ROLE_CLIENT || frame->headers.cat != NGHTTP2_HCAT_REQUEST)
        return 0;

    struct grpc_stream *stream = memory_allocate_zeroed(1, sizeof(*stream));
    stream->core = core;
    stream->id = frame->hd.stream_id;
    stream->head.timeout_ms = UINT64_MAX;
    grpc_stream_link(stream);
    nghttp2_session_set_stream_user_data(session, stream->id, stream);
    return 0;
}

/* Called for each field; one that is too much ends the stream, so that what nghttp2 decodes is
 * never kept. nghttp2 itself only announces the limit. */
static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
                     size_t name_length, const uint8_t *value, size_t value_length, uint8_t flags,
                     void *user_data)
{
    (void)flags;
    struct grpc_core *core = user_data;
    struct grpc_stream *stream = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);
    if (stream == NULL || stream->ignores_rest)
        return 0;

    const size_t limit = core->role == GRPC_ROLE_SERVER ? SERVER_HEADER_BYTES : CLIENT_HEADER_BYTES;
    stream->head.bytes += name_length + value_length + 32;
    if (stream->head.bytes > limit) {
        refuse(stream, GRPC_RESOURCE_EXHAUSTED, "the headers are too large");
        return 0;
    }
    grpc_stream_note_header(stream, slice_of((const char *)name, name_length),
                            slice_of((const char *)value, value_length));
    return 0;
}

/* --- messages --------------------------------------------------------------------------------- */

static void refuse_size(struct grpc_stream *stream, size_t bytes)
{
    char text[96];
    snprintf(text, sizeof(text), "the message has %zu bytes, at most %zu are taken", bytes,
             stream->max_message_bytes);
    refuse(stream, GRPC_RESOURCE_EXHAUSTED, text);
}

/* Hands on each whole message that is there. */
static void take_messages(struct grpc_stream *stream)
{
    struct grpc_core *core = stream->core;
    struct grpc_frame frame;

    while (!stream->ignores_rest && grpc_frame_read(buffer_slice(&stream->in), &frame)) {
        if (frame.is_compressed)
            return refuse(stream, GRPC_UNIMPLEMENTED, "compressed messages are not supported");
        if (frame.length > stream->max_message_bytes)
            return refuse_size(stream, frame.length);
        if (stream->in.length - GRPC_FRAME_BYTES < frame.length)
            return;
        if (stream->user != NULL)
            core->handlers.on_message(core->handlers.context, stream,
                                      slice_of(stream->in.at + GRPC_FRAME_BYTES, frame.length));
        buffer_consume(&stream->in, GRPC_FRAME_BYTES + frame.length);
    }
}

static int on_data_chunk(nghttp2_session *session, uint8_t flags, int32_t stream_id,
                         const uint8_t *data, size_t length, void *user_data)
{
    (void)flags;
    struct grpc_core *core = user_data;
    struct grpc_stream *stream = nghttp2_session_get_stream_user_data(session, stream_id);
    http2_flood_note_use(&core->flood);
    if (stream == NULL || stream->ignores_rest)
        return 0;

    core->incomplete_bytes -= stream->in.length;
    buffer_append(&stream->in, data, length);
    take_messages(stream);
    if (!stream->ignores_rest && core->incomplete_bytes + stream->in.length > INCOMPLETE_BYTES)
        refuse(stream, GRPC_RESOURCE_EXHAUSTED, "too many messages are coming in at once");
    if (stream->ignores_rest || stream->in.length == 0)
        buffer_clear(&stream->in);
    core->incomplete_bytes += stream->in.length;
    return 0;
}

static void finish_request(struct grpc_stream *stream)
{
    struct grpc_core *core = stream->core;
    if (stream->ignores_rest || stream->is_finished)
        return;
    if (stream->in.length > 0)
        return grpc_stream_fail(stream, GRPC_INVALID_ARGUMENT, "the message is cut off");
    core->handlers.on_half_close(core->handlers.context, stream);
}

/* --- floods ----------------------------------------------------------------------------------- */

static void give_up(struct grpc_core *core)
{
    core->has_given_up = true;
    nghttp2_session_terminate_session(core->session, NGHTTP2_ENHANCE_YOUR_CALM);
}

static void note_idle_frame(struct grpc_core *core)
{
    if (!http2_flood_note_idle(&core->flood, clock_now_ms()))
        give_up(core);
}

static int on_invalid_frame(nghttp2_session *session, const nghttp2_frame *frame, int error,
                            void *user_data)
{
    (void)session;
    (void)frame;
    (void)error;
    struct grpc_core *core = user_data;
    if (!http2_flood_note_fault(&core->flood, clock_now_ms()))
        give_up(core);
    return 0;
}

/* nghttp2 passes frames of types it does not know over without a word, unless they are to be
 * unpacked. */
static int on_unknown_frame(nghttp2_session *session, void **payload, const nghttp2_frame_hd *head,
                            void *user_data)
{
    (void)session;
    (void)payload;
    (void)head;
    note_idle_frame(user_data);
    return NGHTTP2_ERR_CANCEL;
}

static void report_unknown_frames(nghttp2_option *option)
{
    enum { FIRST_EXTENSION = 0x0a, LAST_EXTENSION = 0xff };
    for (unsigned type = FIRST_EXTENSION; type <= LAST_EXTENSION; type++)
        nghttp2_option_set_user_recv_extension_type(option, (uint8_t)type);
}

/* --- frames ----------------------------------------------------------------------------------- */

static int on_frame_received(nghttp2_session *session, const nghttp2_frame *frame, void *user_data)
{
    struct grpc_core *core = user_data;
    core->has_begun = true;
    size_t padding = frame->hd.type == NGHTTP2_DATA ? frame->data.padlen : 0;
    if (http2_flood_is_idle(frame->hd.type, frame->hd.flags, frame->hd.length, padding))
        note_idle_frame(core);
    if (frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA)
        return 0;

    struct grpc_stream *stream = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);
    if (stream == NULL)
        return 0;
    if (frame->hd.type == NGHTTP2_HEADERS) {
        http2_flood_note_use(&core->flood);
        grpc_stream_finish_head(stream);
    }
    if (core->role == GRPC_ROLE_SERVER && (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0)
        finish_request(stream);
    return 0;
}

/* An answer that came before the whole request: once it has left, the client may stop sending.
 * Earlier, the reset could overtake the trailers. */
static int on_frame_sent(nghttp2_session *session, const nghttp2_frame *frame, void *user_data)
{
    struct grpc_core *core = user_data;
    if (frame->hd.type == NGHTTP2_DATA)
        http2_flood_note_use(&core->flood);
    if (core->role == GRPC_ROLE_SERVER && frame->hd.type == NGHTTP2_HEADERS &&
        (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0 &&
        nghttp2_session_get_stream_remote_close(session, frame->hd.stream_id) == 0)
        nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, frame->hd.stream_id,
                                  NGHTTP2_NO_ERROR);
    return 0;
}

/* --- the end of streams ----------------------------------------------------------------------- */

static enum grpc_status status_of_http(unsigned http_status)
{
    switch (http_status) {
    case 400:
        return GRPC_INTERNAL;
    case 401:
        return GRPC_UNAUTHENTICATED;
    case 403:
        return GRPC_PERMISSION_DENIED;
    case 404:
        return GRPC_UNIMPLEMENTED;
    case 429:
    case 502:
    case 503:
    case 504:
        return GRPC_UNAVAILABLE;
    default:
        return GRPC_UNKNOWN;
    }
}

/* What the end of a stream means when the peer sent no grpc-status. */
static void judge_end(struct grpc_stream *stream, uint32_t error_code)
{
    struct grpc_result *result = &stream->result;

    if (stream->head.http_status != 0 && stream->head.http_status != 200)
        grpc_result_set(result, status_of_http(stream->head.http_status), "an HTTP error");
    else if (error_code == NGHTTP2_REFUSED_STREAM)
        grpc_result_set(result, GRPC_UNAVAILABLE, "the server took no more calls");
    else if (error_code == NGHTTP2_CANCEL)
        grpc_result_set(result, GRPC_CANCELLED, "cancelled");
    else if (error_code == NGHTTP2_ENHANCE_YOUR_CALM)
        grpc_result_set(result, GRPC_RESOURCE_EXHAUSTED, "the server had enough of us");
    else
        grpc_result_set(result, GRPC_INTERNAL, "the call ended without a status");
}

static int on_stream_close(nghttp2_session *session, int32_t stream_id, uint32_t error_code,
                           void *user_data)
{
    struct grpc_core *core = user_data;
    struct grpc_stream *stream = nghttp2_session_get_stream_user_data(session, stream_id);
    if (stream == NULL)
        return 0;

    nghttp2_session_set_stream_user_data(session, stream_id, NULL);
    if (core->role == GRPC_ROLE_SERVER)
        grpc_result_set(&stream->result, GRPC_CANCELLED, "the client cancelled the call");
    else if (!stream->head.has_status)
        judge_end(stream, error_code);
    else if (stream->result.status == GRPC_OK && stream->in.length > 0)
        grpc_result_set(&stream->result, GRPC_INTERNAL, "the answer is cut off");
    struct grpc_result result = stream->result;
    stream->result.details = NULL;
    close_stream(core, stream, &result);
    grpc_result_clear(&result);
    return 0;
}

/* A call that could not even be sent, e.g. behind the server's GOAWAY. */
static int on_frame_not_sent(nghttp2_session *session, const nghttp2_frame *frame, int error,
                             void *user_data)
{
    (void)error;
    struct grpc_core *core = user_data;
    if (core->role == GRPC_ROLE_SERVER || frame->hd.type != NGHTTP2_HEADERS)
        return 0;

    struct grpc_stream *stream = core->streams;
    while (stream != NULL && stream->id != frame->hd.stream_id)
        stream = stream->next;
    if (stream == NULL)
        return 0;
    if (!stream->head.has_status) /* else it was cancelled first */
        grpc_result_set(&stream->result, GRPC_UNAVAILABLE, "the server takes no more calls");
    stream->head.has_status = true;
    if (nghttp2_session_get_stream_user_data(session, stream->id) == NULL)
        close_stream(core, stream, &stream->result);
    return 0;
}

/* --- the session ------------------------------------------------------------------------------ */

static nghttp2_session *new_session(struct grpc_core *core)
{
    nghttp2_session_callbacks *callbacks;
    nghttp2_option *option;
    nghttp2_session *session;
    if (nghttp2_session_callbacks_new(&callbacks) != 0 || nghttp2_option_new(&option) != 0)
        abort();

    nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, on_begin_headers);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data_chunk);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame_received);
    nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(callbacks, on_invalid_frame);
    nghttp2_session_callbacks_set_unpack_extension_callback(callbacks, on_unknown_frame);
    nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, on_frame_sent);
    nghttp2_session_callbacks_set_on_frame_not_send_callback(callbacks, on_frame_not_sent);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_stream_close);

    nghttp2_option_set_no_http_messaging(option, 1);
    report_unknown_frames(option);
    nghttp2_option_set_stream_reset_rate_limit(option, RESET_BURST, RESETS_PER_SECOND);

    int failed = core->role == GRPC_ROLE_SERVER
                     ? nghttp2_session_server_new2(&session, callbacks, core, option)
                     : nghttp2_session_client_new2(&session, callbacks, core, option);
    nghttp2_session_callbacks_del(callbacks);
    nghttp2_option_del(option);
    if (failed != 0)
        abort();
    return session;
}

static void send_settings(struct grpc_core *core)
{
    const nghttp2_settings_entry server[] = {
        {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, MAX_STREAMS},
        {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, SERVER_HEADER_BYTES},
    };
    const nghttp2_settings_entry client[] = {
        {NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
        {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, CLIENT_HEADER_BYTES},
        {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, CLIENT_WINDOW_BYTES},
    };

    if (core->role == GRPC_ROLE_SERVER) {
        nghttp2_submit_settings(core->session, NGHTTP2_FLAG_NONE, server, 2);
        return;
    }
    nghttp2_submit_settings(core->session, NGHTTP2_FLAG_NONE, client, 3);
    nghttp2_session_set_local_window_size(core->session, NGHTTP2_FLAG_NONE, 0, CLIENT_WINDOW_BYTES);
}

struct grpc_core *grpc_core_new(enum grpc_role role, const struct grpc_core_handlers *handlers)
{
    struct grpc_core *core = memory_allocate_zeroed(1, sizeof(*core));
    http2_flood_init(&core->flood, clock_now_ms());
    core->role = role;
    core->handlers = *handlers;
    core->session = new_session(core);
    send_settings(core);
    return core;
}

void grpc_core_free(struct grpc_core *core)
{
    if (core == NULL)
        return;
    /* nghttp2 does not tell of the streams it deletes. The session goes last: a handler may still
     * answer another call. */
    struct grpc_result result = {0};
    grpc_result_set(&result, GRPC_UNAVAILABLE, "the connection is lost");
    while (core->streams != NULL) {
        struct grpc_stream *first = core->streams;
        /* The analyzer does not see that free_stream has taken the one before off the list. */
        close_stream(core, first, &result); // NOLINT(clang-analyzer-unix.Malloc)
    }
    nghttp2_session_del(core->session);
    free(core);
}

bool grpc_core_receive(struct grpc_core *core, struct slice bytes)
{
    while (bytes.length > 0 && !core->has_given_up) {
        size_t length = bytes.length < RECEIVE_BYTES ? bytes.length : RECEIVE_BYTES;
        if (nghttp2_session_mem_recv(core->session, (const uint8_t *)bytes.at, length) < 0)
            return false;
        bytes = slice_of(bytes.at + length, bytes.length - length);
    }
    return true;
}

/* A stream that its source resumed while it was asked was not deferred yet. */
static void resume_again(struct grpc_core *core)
{
    core->has_resumed = false;
    for (struct grpc_stream *stream = core->streams; stream != NULL; stream = stream->next) {
        if (stream->is_resumed)
            nghttp2_session_resume_data(core->session, stream->id);
        stream->is_resumed = false;
    }
}

bool grpc_core_send(struct grpc_core *core, struct buffer *to, size_t enough)
{
    if (core->has_resumed)
        resume_again(core);
    while (to->length < enough) {
        const uint8_t *bytes;
        ssize_t length = nghttp2_session_mem_send(core->session, &bytes);
        if (length < 0)
            return false;
        if (length == 0)
            return true;
        buffer_append(to, bytes, (size_t)length);
    }
    return true;
}

bool grpc_core_is_done(struct grpc_core *core)
{
    return nghttp2_session_want_read(core->session) == 0 &&
           nghttp2_session_want_write(core->session) == 0;
}

bool grpc_core_has_streams(const struct grpc_core *core)
{
    return core->streams != NULL;
}

size_t grpc_core_queued(const struct grpc_core *core)
{
    size_t bytes = 0;
    for (const struct grpc_stream *stream = core->streams; stream != NULL; stream = stream->next)
        bytes += stream->out.length;
    return bytes;
}

bool grpc_core_awaits_head(const struct grpc_core *core)
{
    const struct grpc_stream *stream = core->streams;
    while (stream != NULL && stream->head.is_complete)
        stream = stream->next;
    return stream != NULL;
}

bool grpc_core_has_begun(const struct grpc_core *core)
{
    return core->has_begun;
}

void grpc_core_drain(struct grpc_core *core)
{
    nghttp2_submit_goaway(core->session, NGHTTP2_FLAG_NONE,
                          nghttp2_session_get_last_proc_stream_id(core->session), NGHTTP2_NO_ERROR,
                          NULL, 0);
}
