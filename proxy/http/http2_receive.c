/* What nghttp2 tells while it takes bytes in. Which frames are legal when, and which fields are
 * well-formed (RFC 9113 section 8), it judges itself. */
#include "common/buffer.h"
#include "proxy/http/http2_session.h"
#include "proxy/http/trailers.h"
#include "proxy/http/worker.h"

#include <nghttp2/nghttp2.h>

/* RFC 9113 section 6.5.2: what a field counts beside its name and value. */
enum { FIELD_OVERHEAD_BYTES = 32 };

/* --- heads ----------------------------------------------------------------------------------- */

static int on_begin_headers(nghttp2_session *native, const nghttp2_frame *frame, void *user_data)
{
    struct http2_session *session = user_data;
    struct http2_stream *stream;
    if (session->role == HTTP2_SERVER && frame->headers.cat == NGHTTP2_HCAT_REQUEST) {
        stream = session->events->on_opened(session);
        stream->id = frame->hd.stream_id;
        session->opened_count++;
        http2_stream_link(session, stream);
        nghttp2_session_set_stream_user_data(native, stream->id, stream);
    } else {
        stream = http2_stream_find(session, frame->hd.stream_id);
    }
    session->reading = stream;
    if (stream != NULL)
        stream->is_interim = false;
    return 0;
}

/* nghttp2 only announces the limit. What is beyond it is decoded, as the connection's other heads
 * need it, and forgotten. */
static bool is_within_limits(struct http2_stream *stream, size_t bytes)
{
    struct http2_session *session = stream->session;
    stream->head_bytes += bytes;
    session->head_bytes += bytes;
    /* A client has no more answers than it has asked for. */
    if (session->role == HTTP2_CLIENT)
        return stream->head_bytes <= HTTP2_RESPONSE_HEAD_BYTES_MAX;
    return stream->head_bytes <= HTTP2_HEAD_BYTES_MAX &&
           session->head_bytes <= HTTP2_CONNECTION_HEAD_BYTES_MAX;
}

static void take_trailer(struct http2_stream *stream, struct slice name, struct slice value)
{
    if (stream->incoming == NULL)
        return;
    struct buffer *trailers = &stream->incoming->trailers;
    if (++stream->trailer_count > TRAILERS_MAX ||
        trailers->length + name.length + value.length > TRAILERS_MAX_BYTES)
        http2_stream_reset(stream, HTTP2_ENHANCE_YOUR_CALM);
    else if (trailer_is_kept(name, header_name_id(name), stream->session->role == HTTP2_CLIENT))
        trailer_append(trailers, name, value);
}

static int on_header(nghttp2_session *native, const nghttp2_frame *frame, const uint8_t *name_at,
                     size_t name_length, const uint8_t *value_at, size_t value_length,
                     uint8_t flags, void *user_data)
{
    (void)native;
    (void)frame;
    (void)flags;
    struct http2_session *session = user_data;
    struct http2_stream *stream = session->reading;
    if (stream == NULL || stream->is_reset)
        return 0;

    struct slice name = slice_of((const char *)name_at, name_length);
    struct slice value = slice_of((const char *)value_at, value_length);
    if (!is_within_limits(stream, name.length + value.length + FIELD_OVERHEAD_BYTES)) {
        stream->is_head_too_large = true;
        return 0;
    }
    if (stream->has_head) {
        take_trailer(stream, name, value);
        return 0;
    }
    if (session->role == HTTP2_CLIENT && slice_equals(name, SLICE(":status")))
        stream->is_interim = value.at[0] == '1';
    session->events->on_field(stream, name, value);
    return 0;
}

/* Without this, nghttp2 would pass the rest of the head on without the field (RFC 9113 section
 * 8.2.1: the message is malformed). */
static int on_invalid_header(nghttp2_session *native, const nghttp2_frame *frame,
                             const uint8_t *name, size_t name_length, const uint8_t *value,
                             size_t value_length, uint8_t flags, void *user_data)
{
    (void)native;
    (void)frame;
    (void)name;
    (void)name_length;
    (void)value;
    (void)value_length;
    (void)flags;
    (void)user_data;
    return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
}

static void on_headers_complete(struct http2_stream *stream, bool is_end)
{
    if (stream->has_head) /* that were trailers */
        return;
    stream->has_head = !stream->is_interim;
    stream->ends_with_head = is_end;
    http2_flood_note_use(&stream->session->flood);
    stream->session->events->on_head(stream);
}

/* --- bodies ---------------------------------------------------------------------------------- */

/* Until the endpoint has acknowledged our SETTINGS, nghttp2 counts with the default, which is the
 * most. */
void http2_stream_widen(struct http2_stream *stream, uint64_t bytes)
{
    nghttp2_session *native = stream->session->native;
    if (bytes > HTTP2_STREAM_WINDOW_BYTES)
        bytes = HTTP2_STREAM_WINDOW_BYTES;
    if ((int64_t)bytes > nghttp2_session_get_stream_effective_local_window_size(native, stream->id))
        nghttp2_session_set_local_window_size(native, NGHTTP2_FLAG_NONE, stream->id,
                                              (int32_t)bytes);
}

void http2_stream_consume(struct http2_stream *stream)
{
    size_t waiting = stream->incoming == NULL ? 0 : stream->incoming->bytes.length;
    if (stream->unconsumed_bytes <= waiting)
        return;
    size_t consumed = stream->unconsumed_bytes - waiting;
    stream->unconsumed_bytes = waiting;
    struct http2_session *session = stream->session;
    if (session->role == HTTP2_SERVER)
        nghttp2_session_consume(session->native, stream->id, consumed);
    else /* the connection's share was given back at once */
        nghttp2_session_consume_stream(session->native, stream->id, consumed);
    stream->consumed_bytes += consumed;
    /* Four times what its client has read, so that a long response soon has the whole window, but
     * not more than may wait for a client that reads no further. */
    if (session->role == HTTP2_CLIENT && stream->incoming != NULL) {
        uint64_t high = body_pipe_high(stream->incoming);
        uint64_t earned = stream->consumed_bytes * 4;
        http2_stream_widen(stream, earned < high ? earned : high);
    }
    http2_session_mark(session);
}

/* A client's connection carries the answers to many of ours: one of them that is slow must not stop
 * the others. */
static int on_data_chunk(nghttp2_session *native, uint8_t flags, int32_t id, const uint8_t *at,
                         size_t length, void *user_data)
{
    (void)flags;
    struct http2_session *session = user_data;
    if (session->role == HTTP2_CLIENT)
        nghttp2_session_consume_connection(native, length);
    struct http2_stream *stream = session->reading;
    if (stream == NULL) {
        if (session->role == HTTP2_SERVER)
            nghttp2_session_consume(native, id, length);
        return 0;
    }

    stream->unconsumed_bytes += length;
    http2_flood_note_use(&session->flood);
    if (stream->incoming != NULL) {
        read_buffers_lend_room(&session->worker->read_buffers, &stream->incoming->bytes, length);
        body_pipe_append(stream->incoming, slice_of((const char *)at, length));
        session->events->on_data(stream, length);
    }
    http2_stream_consume(stream);
    return 0;
}

static void on_end_stream(struct http2_stream *stream)
{
    if (stream->incoming == NULL)
        return;
    stream->incoming->is_ended = true;
    stream->session->events->on_end(stream);
}

/* --- frames ---------------------------------------------------------------------------------- */

static void note_idle_frame(struct http2_session *session)
{
    if (!http2_flood_note_idle(&session->flood, timers_now_ms(&session->worker->timers)))
        http2_session_condemn(session, HTTP2_ENHANCE_YOUR_CALM);
}

static int32_t last_opened(const struct http2_session *session)
{
    if (session->role == HTTP2_CLIENT)
        return (int32_t)nghttp2_session_get_next_stream_id(session->native) - 2;
    return nghttp2_session_get_last_proc_stream_id(session->native);
}

/* Of the streams that a client opens. Those above are either idle, which nghttp2 knows, or come
 * behind our last word. */
static bool is_closed(struct http2_session *session, int32_t id)
{
    return id % 2 == 1 && id <= last_opened(session) && http2_stream_find(session, id) == NULL;
}

/* No head may come behind the end of a stream that neither side has reset, nor one of a stream that
 * has been passed over (RFC 9113 sections 5.1 and 5.1.1). nghttp2 ignores both, for it remembers no
 * streams; but where each was opened after the other, what is not open must be closed. Once we have
 * reset one, its trailers may have been on their way, so they are ignored here too. */
static void judge_late_head(struct http2_session *session)
{
    bool all_were_opened = session->role == HTTP2_CLIENT ||
                           session->opened_count == ((uint32_t)last_opened(session) + 1) / 2;
    if (session->has_reset)
        note_idle_frame(session);
    else
        http2_session_condemn(session,
                              all_were_opened ? HTTP2_STREAM_CLOSED : HTTP2_PROTOCOL_ERROR);
}

/* Nor may DATA, but for what was on its way to a stream that we have reset (RFC 9113 sections 5.1
 * and 6.1): who sends more than there can be has not stopped. nghttp2 gives it back to the
 * connection. */
static void judge_late_data(struct http2_session *session, size_t length)
{
    if (!session->has_reset || length > session->late_bytes)
        http2_session_condemn(session, HTTP2_STREAM_CLOSED);
    else if (length == 0)
        note_idle_frame(session);
    else
        session->late_bytes -= length;
}

/* Its window, and what may have been given back to it in front of the reset. */
void http2_receive_expect_late(struct http2_session *session)
{
    session->has_reset = true;
    session->late_bytes += 2 * HTTP2_STREAM_WINDOW_BYTES;
}

static int on_begin_frame(nghttp2_session *native, const nghttp2_frame_hd *head, void *user_data)
{
    (void)native;
    struct http2_session *session = user_data;
    session->is_data_taken = head->type == NGHTTP2_DATA;
    if (head->type == NGHTTP2_DATA)
        session->reading = http2_stream_find(session, head->stream_id);
    if (head->type == NGHTTP2_HEADERS && is_closed(session, head->stream_id))
        judge_late_head(session);
    return 0;
}

/* nghttp2 begins no frame of DATA that it is going to ignore. */
ssize_t http2_receive_take_in(struct http2_session *session, struct slice bytes)
{
    struct http2_data_head head;
    ssize_t used = 0;
    while (bytes.length > 0 && used >= 0) {
        size_t length = http2_frame_walk_to_data(&session->walk, bytes, &head);
        session->is_data_taken = false;
        used = nghttp2_session_mem_recv(session->native, (const uint8_t *)bytes.at, length);
        if (used >= 0 && !session->is_data_taken && is_closed(session, head.stream_id))
            judge_late_data(session, head.length);
        bytes = slice_of(bytes.at + length, bytes.length - length);
    }
    return used;
}

static void on_settings(struct http2_session *session)
{
    bool are_first = !session->has_peer_settings;
    session->has_peer_settings = true;
    if (are_first && session->events->on_settings != NULL)
        session->events->on_settings(session);
}

static int on_frame_received(nghttp2_session *native, const nghttp2_frame *frame, void *user_data)
{
    (void)native;
    struct http2_session *session = user_data;
    size_t padding = frame->hd.type == NGHTTP2_DATA ? frame->data.padlen : 0;
    if (http2_flood_is_idle(frame->hd.type, frame->hd.flags, frame->hd.length, padding))
        note_idle_frame(session);
    if (frame->hd.type == NGHTTP2_SETTINGS && (frame->hd.flags & NGHTTP2_FLAG_ACK) == 0)
        on_settings(session);
    if (frame->hd.type == NGHTTP2_GOAWAY)
        session->has_peer_goaway = true;
    if (frame->hd.type == NGHTTP2_PING && session->is_shutting_down &&
        (frame->hd.flags & NGHTTP2_FLAG_ACK) != 0)
        http2_session_refuse_new(session);
    if (frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA)
        return 0;

    struct http2_stream *stream = session->reading;
    if (stream == NULL || stream->is_reset)
        return 0;
    bool is_end = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
    if (frame->hd.type == NGHTTP2_HEADERS)
        on_headers_complete(stream, is_end);
    if (is_end)
        on_end_stream(stream);
    return 0;
}

static int on_unknown_frame(nghttp2_session *native, void **payload, const nghttp2_frame_hd *head,
                            void *user_data)
{
    (void)native;
    (void)payload;
    (void)head;
    note_idle_frame(user_data);
    return NGHTTP2_ERR_CANCEL;
}

/* nghttp2 resets the stream, or ends the session. */
static int on_invalid_frame(nghttp2_session *native, const nghttp2_frame *frame, int error,
                            void *user_data)
{
    (void)native;
    (void)error;
    struct http2_session *session = user_data;
    if (!http2_flood_note_fault(&session->flood, timers_now_ms(&session->worker->timers)))
        http2_session_condemn(session, HTTP2_ENHANCE_YOUR_CALM);
    http2_receive_expect_late(session);
    if (frame->hd.stream_id == 0)
        return 0;
    struct http2_stream *stream = http2_stream_find(session, frame->hd.stream_id);
    if (stream == NULL || stream->is_reset)
        return 0;
    stream->is_reset = true;
    stream->incoming = NULL;
    stream->outgoing = NULL;
    http2_stream_consume(stream);
    if (session->events->on_fault != NULL)
        session->events->on_fault(stream);
    return 0;
}

void http2_receive_set_callbacks(nghttp2_session_callbacks *callbacks)
{
    nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, on_begin_headers);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
    nghttp2_session_callbacks_set_on_invalid_header_callback(callbacks, on_invalid_header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data_chunk);
    nghttp2_session_callbacks_set_on_begin_frame_callback(callbacks, on_begin_frame);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame_received);
    nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(callbacks, on_invalid_frame);
    nghttp2_session_callbacks_set_unpack_extension_callback(callbacks, on_unknown_frame);
}
