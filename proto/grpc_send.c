/* The sending half of grpc_core: heads, messages as the peer's window asks for them, trailers. */
#include "proto/grpc_stream.h"
#include "proto/grpc_wire.h"

#include <stdio.h>

/* Points at its arguments, which nghttp2 copies when the frame is submitted. */
static nghttp2_nv header(const char *name, struct slice value)
{
    static uint8_t nothing[1];
    return (nghttp2_nv){
        .name = (uint8_t *)name,
        .namelen = strlen(name),
        .value = value.length == 0 ? nothing : (uint8_t *)value.at,
        .valuelen = value.length,
    };
}

/* Common clients refuse larger heads and trailers; the rest of the 8 KiB is for the other fields.
 */
enum { STATUS_BYTES = 7680, STATUS_MESSAGE_BYTES = 1024 };

/* --- heads and trailers ----------------------------------------------------------------------- */

static ssize_t read_data(nghttp2_session *session, int32_t stream_id, uint8_t *to, size_t room,
                         uint32_t *flags, nghttp2_data_source *source, void *user_data);

static const nghttp2_data_provider data_provider = {.read_callback = read_data};

static void send_response_head(struct grpc_stream *stream)
{
    const nghttp2_nv head[] = {
        header(":status", SLICE("200")),
        header("content-type", SLICE("application/grpc")),
    };
    stream->head_is_sent = true;
    nghttp2_submit_response(stream->core->session, stream->id, head, 2, &data_provider);
}

enum { STATUS_HEADERS = 3 };

/* Fills `to` with what says how the call ended. `number` is the caller's room for digits. */
static size_t status_headers(struct grpc_stream *stream, nghttp2_nv *to, char number[12])
{
    size_t count = 0;
    snprintf(number, 12, "%d", (int)stream->status);
    to[count++] = header("grpc-status", slice_from_string(number));
    if (stream->status_message.length > 0)
        to[count++] = header("grpc-message", buffer_slice(&stream->status_message));
    if (stream->status_details.length > 0)
        to[count++] = header("grpc-status-details-bin", buffer_slice(&stream->status_details));
    return count;
}

/* The whole answer is one HEADERS frame: an error before any message. */
static void send_trailers_only(struct grpc_stream *stream)
{
    char number[12];
    nghttp2_nv head[2 + STATUS_HEADERS] = {
        header(":status", SLICE("200")),
        header("content-type", SLICE("application/grpc")),
    };
    size_t count = 2 + status_headers(stream, head + 2, number);
    stream->head_is_sent = true;
    stream->has_ended = true;
    nghttp2_submit_response(stream->core->session, stream->id, head, count, NULL);
}

void grpc_stream_refuse_http(struct grpc_stream *stream, const char *http_status)
{
    const nghttp2_nv head[] = {header(":status", slice_from_string(http_status))};
    stream->head_is_sent = true;
    stream->has_ended = true;
    stream->is_finished = true;
    stream->ignores_rest = true;
    nghttp2_submit_response(stream->core->session, stream->id, head, 1, NULL);
}

/* --- data ------------------------------------------------------------------------------------- */

static ssize_t end_with_trailers(struct grpc_stream *stream, uint32_t *flags)
{
    char number[12];
    nghttp2_nv trailers[STATUS_HEADERS];
    size_t count = status_headers(stream, trailers, number);
    stream->has_ended = true;
    *flags = NGHTTP2_DATA_FLAG_EOF | NGHTTP2_DATA_FLAG_NO_END_STREAM;
    nghttp2_submit_trailer(stream->core->session, stream->id, trailers, count);
    return 0;
}

/* Asks the user for one message. True when there is something to send or the stream is over. */
static bool pull(struct grpc_stream *stream)
{
    struct grpc_core *core = stream->core;
    size_t begun = stream->out.length;
    grpc_frame_begin(&stream->out);
    stream->is_pulling = true;
    enum grpc_pull pulled = core->handlers.on_pull(core->handlers.context, stream, &stream->out);
    stream->is_pulling = false;

    if (pulled == GRPC_PULL_MESSAGE) {
        grpc_frame_end(&stream->out, begun);
        return true;
    }
    stream->out.length = begun;
    if (pulled == GRPC_PULL_END && !stream->is_finished)
        grpc_stream_finish(stream, GRPC_OK, SLICE(""), SLICE(""));
    return stream->is_finished;
}

static ssize_t read_data(nghttp2_session *session, int32_t stream_id, uint8_t *to, size_t room,
                         uint32_t *flags, nghttp2_data_source *source, void *user_data)
{
    (void)source;
    struct grpc_core *core = user_data;
    struct grpc_stream *stream = nghttp2_session_get_stream_user_data(session, stream_id);
    if (stream == NULL)
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;

    if (stream->out.length == 0 && stream->is_pulled && !stream->is_finished && !pull(stream))
        return NGHTTP2_ERR_DEFERRED;

    size_t length = stream->out.length < room ? stream->out.length : room;
    if (length > 0) {
        memcpy(to, stream->out.at, length);
        buffer_consume(&stream->out, length);
    }
    if (core->role == GRPC_ROLE_CLIENT) {
        if (stream->out.length == 0)
            *flags = NGHTTP2_DATA_FLAG_EOF;
        return (ssize_t)length;
    }
    if (length > 0)
        return (ssize_t)length;
    return stream->is_finished ? end_with_trailers(stream, flags) : NGHTTP2_ERR_DEFERRED;
}

/* --- what users call -------------------------------------------------------------------------- */

static void queue_message(struct grpc_stream *stream, const ProtobufCMessage *message)
{
    size_t begun = stream->out.length;
    grpc_frame_begin(&stream->out);
    message_pack(message, &stream->out);
    grpc_frame_end(&stream->out, begun);
}

/* Data is there for a stream whose head may not be sent yet. */
static void let_flow(struct grpc_stream *stream)
{
    if (!stream->head_is_sent)
        send_response_head(stream);
    else
        nghttp2_session_resume_data(stream->core->session, stream->id);
}

void grpc_stream_send(struct grpc_stream *stream, const ProtobufCMessage *message)
{
    queue_message(stream, message);
    let_flow(stream);
}

void grpc_stream_send_packed(struct grpc_stream *stream, struct slice message)
{
    size_t begun = stream->out.length;
    grpc_frame_begin(&stream->out);
    buffer_append(&stream->out, message.at, message.length);
    grpc_frame_end(&stream->out, begun);
    let_flow(stream);
}

size_t grpc_stream_queued(const struct grpc_stream *stream)
{
    return stream->out.length;
}

void grpc_stream_start_pull(struct grpc_stream *stream)
{
    stream->is_pulled = true;
    let_flow(stream);
}

void grpc_stream_resume(struct grpc_stream *stream)
{
    if (!stream->is_pulling) {
        nghttp2_session_resume_data(stream->core->session, stream->id);
        return;
    }
    stream->is_resumed = true;
    stream->core->has_resumed = true;
}

/* What is too long for a client would hide the status with it. */
static void set_status_texts(struct grpc_stream *stream, struct slice message, struct slice details)
{
    if (message.length > STATUS_MESSAGE_BYTES)
        message.length = STATUS_MESSAGE_BYTES;
    grpc_message_encode(slice_whole_characters(message), &stream->status_message);
    grpc_binary_encode(details, &stream->status_details);
    if (stream->status_message.length + stream->status_details.length > STATUS_BYTES)
        buffer_clear(&stream->status_details);
}

void grpc_stream_finish(struct grpc_stream *stream, enum grpc_status status, struct slice message,
                        struct slice details)
{
    if (stream->is_finished)
        return;
    stream->is_finished = true;
    stream->user = NULL;
    stream->status = status;
    set_status_texts(stream, message, details);

    /* An error is known early: nobody needs the rest of what the client sends. */
    if (status != GRPC_OK)
        stream->ignores_rest = true;
    if (!stream->head_is_sent && stream->out.length == 0)
        send_trailers_only(stream);
    else
        let_flow(stream);
}

void grpc_stream_fail(struct grpc_stream *stream, enum grpc_status status, const char *message)
{
    struct grpc_core *core = stream->core;
    struct grpc_result result = {0};
    grpc_result_set(&result, status, message);
    if (stream->user != NULL)
        core->handlers.on_close(core->handlers.context, stream, &result);
    grpc_stream_finish(stream, status, slice_from_string(message), SLICE(""));
}

struct grpc_stream *grpc_core_start_call(struct grpc_core *core, const char *path,
                                         const ProtobufCMessage *message, uint64_t timeout_ms,
                                         size_t max_message_bytes, void *user)
{
    struct grpc_stream *stream = memory_allocate_zeroed(1, sizeof(*stream));
    stream->core = core;
    stream->user = user;
    stream->max_message_bytes = max_message_bytes;
    stream->head_is_sent = true;
    stream->is_finished = true;
    queue_message(stream, message);

    char timeout[GRPC_TIMEOUT_BYTES];
    nghttp2_nv head[8] = {
        header(":method", SLICE("POST")),
        header(":scheme", SLICE("http")),
        header(":path", slice_from_string(path)),
        header(":authority", SLICE("localhost")),
        header("te", SLICE("trailers")),
        header("content-type", SLICE("application/grpc")),
        header("user-agent", SLICE("pointsman/" POINTSMAN_VERSION)),
    };
    size_t count = 7;
    if (timeout_ms != UINT64_MAX) {
        grpc_timeout_format(timeout_ms, timeout);
        head[count++] = header("grpc-timeout", slice_from_string(timeout));
    }

    stream->id = nghttp2_submit_request(core->session, NULL, head, count, &data_provider, stream);
    grpc_stream_link(stream);
    return stream;
}

void grpc_stream_cancel(struct grpc_stream *stream, enum grpc_status status, const char *message)
{
    stream->ignores_rest = true;
    stream->head.has_status = true;
    grpc_result_set(&stream->result, status, message);
    nghttp2_submit_rst_stream(stream->core->session, NGHTTP2_FLAG_NONE, stream->id, NGHTTP2_CANCEL);
}
