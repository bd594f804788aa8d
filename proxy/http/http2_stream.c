/* What goes out on a stream, and how it ends. */
#include "common/buffer.h"
#include "proxy/http/http2_session.h"
#include "proxy/http/trailers.h"
#include "proxy/http/worker.h"

#include <stdlib.h>

#include <nghttp2/nghttp2.h>

/* --- the session's list ---------------------------------------------------------------------- */

void http2_stream_link(struct http2_session *session, struct http2_stream *stream)
{
    stream->session = session;
    stream->previous = NULL;
    stream->next = session->streams;
    if (session->streams != NULL)
        session->streams->previous = stream;
    session->streams = stream;
    session->stream_count++;
}

/* Frames of one stream often come and go together, and each asks several times. */
struct http2_stream *http2_stream_find(struct http2_session *session, int32_t id)
{
    if (session->found == NULL || session->found->id != id)
        session->found = nghttp2_session_get_stream_user_data(session->native, id);
    return session->found;
}

void http2_stream_end(struct http2_stream *stream, uint32_t error)
{
    struct http2_session *session = stream->session;
    if (stream->previous != NULL)
        stream->previous->next = stream->next;
    else
        session->streams = stream->next;
    if (stream->next != NULL)
        stream->next->previous = stream->previous;
    if (session->reading == stream)
        session->reading = NULL;
    if (session->writing == stream)
        session->writing = NULL;
    if (session->found == stream)
        session->found = NULL;
    session->stream_count--;
    session->head_bytes -= stream->head_bytes;
    session->events->on_closed(stream, error);
}

static int on_stream_close(nghttp2_session *native, int32_t id, uint32_t error, void *user_data)
{
    (void)native;
    struct http2_stream *stream = http2_stream_find(user_data, id);
    if (stream == NULL)
        return 0;
    /* What was never taken from the stream no longer counts against the connection. */
    stream->incoming = NULL;
    http2_stream_consume(stream);
    http2_stream_end(stream, error);
    return 0;
}

void http2_stream_reset(struct http2_stream *stream, enum http2_error error)
{
    if (stream->is_reset)
        return;
    stream->is_reset = true;
    stream->incoming = NULL;
    stream->outgoing = NULL;
    http2_stream_consume(stream);
    nghttp2_submit_rst_stream(stream->session->native, NGHTTP2_FLAG_NONE, stream->id, error);
    http2_session_mark(stream->session);
}

/* --- heads ----------------------------------------------------------------------------------- */

/* Most heads are small. */
enum { FEW_FIELDS = 64 };

struct field_block {
    nghttp2_nv few[FEW_FIELDS];
    nghttp2_nv *fields; /* these, or more than these */
    size_t count;
};

static void block_start(struct field_block *block, size_t most)
{
    block->fields = most <= FEW_FIELDS ? block->few : memory_allocate(most * sizeof(nghttp2_nv));
    block->count = 0;
}

static void block_clear(struct field_block *block)
{
    if (block->fields != block->few)
        free(block->fields);
}

static void block_add(struct field_block *block, struct slice name, struct slice value,
                      uint8_t flags)
{
    block->fields[block->count++] = (nghttp2_nv){
        .name = (uint8_t *)(uintptr_t)name.at,
        .value = (uint8_t *)(uintptr_t)value.at,
        .namelen = name.length,
        .valuelen = value.length,
        .flags = flags,
    };
}

/* Names that we know need not be copied. What is another with each request would drive out of the
 * compression's table what comes again, and both ends would search for it there in vain (RFC 7541
 * section 6.2.3). */
static void block_add_field(struct field_block *block, const struct header *field,
                            enum header_id id)
{
    struct slice known = header_name_text(id);
    if (id == HEADER_X_REQUEST_ID)
        block_add(block, known, field->value,
                  NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_INDEX);
    else if (known.length > 0)
        block_add(block, known, field->value, NGHTTP2_NV_FLAG_NO_COPY_NAME);
    else
        block_add(block, field->name, field->value, NGHTTP2_NV_FLAG_NONE);
}

static void block_fill(struct field_block *block, const struct header *own, size_t own_count,
                       const struct header_list *fields)
{
    size_t count = fields == NULL ? 0 : fields->count;
    block_start(block, own_count + count);
    for (size_t i = 0; i < own_count; i++)
        block_add(block, own[i].name, own[i].value, NGHTTP2_NV_FLAG_NO_COPY_NAME);
    for (size_t i = 0; i < count; i++) {
        if (!fields->tags[i].is_dropped)
            block_add_field(block, &fields->headers[i], fields->tags[i].id);
    }
}

void http2_stream_inform(struct http2_stream *stream, const struct header *own, size_t own_count,
                         const struct header_list *fields)
{
    struct field_block block;
    block_fill(&block, own, own_count, fields);
    nghttp2_submit_headers(stream->session->native, NGHTTP2_FLAG_NONE, stream->id, NULL,
                           block.fields, block.count, NULL);
    block_clear(&block);
    http2_session_mark(stream->session);
}

/* --- bodies ---------------------------------------------------------------------------------- */

/* The pipe has them as lines (RFC 9112 section 7.1.2). */
static void submit_trailers(struct http2_stream *stream)
{
    struct field_block block;
    block_start(&block, TRAILERS_MAX);
    struct slice rest = buffer_slice(&stream->outgoing->trailers);
    struct slice name;
    struct slice value;
    while (block.count < TRAILERS_MAX && trailer_next(&rest, &name, &value))
        block_add(&block, name, value, NGHTTP2_NV_FLAG_NONE);
    nghttp2_submit_trailer(stream->session->native, stream->id, block.fields, block.count);
    block_clear(&block);
}

/* nghttp2 asks how much more of the body there is to send, up to `length` bytes; it has them taken
 * by send_body before anything else happens. */
static ssize_t measure_body(nghttp2_session *native, int32_t id, uint8_t *to, size_t length,
                            uint32_t *flags, nghttp2_data_source *source, void *user_data)
{
    (void)native;
    (void)id;
    (void)to;
    (void)user_data;
    struct http2_stream *stream = source->ptr;
    struct body_pipe *body = stream->outgoing;
    size_t waiting = body == NULL ? 0 : body_pipe_waiting(body).length;
    if (body == NULL || (waiting == 0 && !body->is_ended)) {
        stream->is_deferred = true;
        return NGHTTP2_ERR_DEFERRED;
    }

    *flags |= NGHTTP2_DATA_FLAG_NO_COPY;
    if (waiting > length)
        return (ssize_t)length;
    if (body->is_ended) {
        *flags |= NGHTTP2_DATA_FLAG_EOF;
        if (body->trailers.length > 0) {
            *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
            submit_trailers(stream);
        }
    }
    return (ssize_t)waiting;
}

/* With its memory where that can be: it is kept, if at all, for another try. Returns whether there
 * is room for more. */
static bool take_body(struct http2_session *session, struct body_pipe *body, size_t length)
{
    struct output_queue *output = &session->output;
    struct read_buffers *buffers = &session->worker->read_buffers;
    if (length == body->bytes.length && body->keep_limit == 0 &&
        output_queue_wants(output, &body->bytes)) {
        struct buffer piece;
        bool made_room = body_pipe_move(body, &piece);
        output_queue_adopt(output, &piece);
        return made_room;
    }
    output_queue_append(output, buffers, slice_of(body_pipe_waiting(body).at, length));
    bool made_room = body_pipe_take(body, length);
    if (body->bytes.length == 0)
        read_buffers_return(buffers, &body->bytes);
    return made_room;
}

/* Pausing leaves it to the session whether there is room for another frame. */
static int send_body(nghttp2_session *native, nghttp2_frame *frame, const uint8_t *frame_head,
                     size_t length, nghttp2_data_source *source, void *user_data)
{
    (void)native;
    (void)frame;
    struct http2_session *session = user_data;
    struct http2_stream *stream = source->ptr;
    session->writing = stream;
    struct body_pipe *body = stream->outgoing;
    struct read_buffers *buffers = &session->worker->read_buffers;
    struct slice head = slice_of((const char *)frame_head, HTTP2_FRAME_HEAD_BYTES);
    output_queue_append(&session->output, buffers, head);
    if (take_body(session, body, length))
        session->events->on_room(stream);
    return NGHTTP2_ERR_PAUSE;
}

void http2_stream_send_head(struct http2_session *session, struct http2_stream *stream,
                            const struct header *own, size_t own_count,
                            const struct header_list *fields, bool has_body)
{
    struct field_block block;
    block_fill(&block, own, own_count, fields);
    const nghttp2_data_provider body = {.source = {.ptr = stream}, .read_callback = measure_body};
    const nghttp2_data_provider *provider = has_body ? &body : NULL;
    if (session->role == HTTP2_SERVER) {
        nghttp2_submit_response(session->native, stream->id, block.fields, block.count, provider);
    } else {
        stream->id = nghttp2_submit_request(session->native, NULL, block.fields, block.count,
                                            provider, stream);
        http2_stream_link(session, stream);
    }
    block_clear(&block);
    http2_session_mark(session);
}

void http2_stream_resume(struct http2_stream *stream)
{
    if (!stream->is_deferred)
        return;
    stream->is_deferred = false;
    nghttp2_session_resume_data(stream->session->native, stream->id);
    http2_session_mark(stream->session);
}

/* --- frames ---------------------------------------------------------------------------------- */

/* An answer that came before the whole request: once it has left, the client may stop sending
 * (RFC 9113 section 8.1). Earlier, the reset could overtake it. */
static void end_early(nghttp2_session *native, struct http2_stream *stream)
{
    if (stream->session->role == HTTP2_SERVER && !stream->is_reset &&
        nghttp2_session_get_stream_remote_close(native, stream->id) == 0) {
        stream->is_reset = true;
        nghttp2_submit_rst_stream(native, NGHTTP2_FLAG_NONE, stream->id, NGHTTP2_NO_ERROR);
    }
}

/* A client that answers a PING behind the notice has seen it, and what it sends from then on it
 * could have sent elsewhere. Submitted together with it, the PING would leave first. */
static void follow_notice(nghttp2_session *native, const nghttp2_frame *frame)
{
    enum { ANY_STREAM = 0x7fffffff };
    if (frame->hd.type == NGHTTP2_GOAWAY && frame->goaway.last_stream_id == ANY_STREAM)
        nghttp2_submit_ping(native, NGHTTP2_FLAG_NONE, NULL);
}

static int on_frame_sent(nghttp2_session *native, const nghttp2_frame *frame, void *user_data)
{
    struct http2_session *session = user_data;
    struct http2_stream *stream = NULL;
    if (frame->hd.type == NGHTTP2_DATA)
        stream = session->writing;
    else if (frame->hd.stream_id != 0)
        stream = http2_stream_find(session, frame->hd.stream_id);
    if (frame->hd.type == NGHTTP2_RST_STREAM && stream != NULL && !stream->is_reset &&
        !http2_flood_note_fault(&session->flood, timers_now_ms(&session->worker->timers)))
        http2_session_condemn(session, HTTP2_ENHANCE_YOUR_CALM);
    if (frame->hd.type == NGHTTP2_RST_STREAM &&
        nghttp2_session_get_stream_remote_close(native, frame->hd.stream_id) != 1)
        http2_receive_expect_late(session);
    follow_notice(native, frame);
    if (frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA)
        return 0;

    http2_flood_note_use(&session->flood);
    if (stream == NULL)
        return 0;
    if (frame->hd.type == NGHTTP2_HEADERS && stream->first_window > HTTP2_RESPONSE_WINDOW_BYTES)
        http2_stream_widen(stream, stream->first_window);
    stream->sent_bytes += HTTP2_FRAME_HEAD_BYTES + frame->hd.length;
    if ((frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0) {
        stream->has_sent_end = true;
        end_early(native, stream);
    }
    return 0;
}

void http2_stream_set_callbacks(nghttp2_session_callbacks *callbacks)
{
    nghttp2_session_callbacks_set_send_data_callback(callbacks, send_body);
    nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, on_frame_sent);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_stream_close);
}
