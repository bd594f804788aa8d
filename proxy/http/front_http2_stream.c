#include "common/buffer.h"
#include "common/decimal.h"
#include "proxy/http/front_exchange.h"
#include "proxy/http/front_http2.h"
#include "proxy/http/grpc_reply.h"
#include "proxy/http/refusal_counts.h"
#include "proxy/http/worker.h"

static struct front_http2_stream *stream_of(struct http2_stream *http2)
{
    return (struct front_http2_stream *)http2;
}

static const struct http_options *options_of(const struct front_http2_stream *stream)
{
    return &stream->exchange->worker->shared->http;
}

static uint64_t now_ms_of(const struct front_http2_stream *stream)
{
    return timers_now_ms(&stream->exchange->worker->timers);
}

static void expect_read(struct front_http2_stream *stream, uint64_t due_ms)
{
    stream->read_due_ms = due_ms;
    if (due_ms != TIMER_NEVER)
        front_http2_expect(stream->front, due_ms);
}

/* --- the request's head ---------------------------------------------------------------------- */

static const struct front_operations operations;

struct http2_stream *front_http2_stream_open(struct http2_session *session)
{
    struct front_http2 *front = (struct front_http2 *)session;
    struct front_http2_stream *stream =
        memory_pool_allocate_zeroed(1, sizeof(*stream), &session->worker->memory_pool);
    struct exchange *exchange = front_exchange_new(front->connection, &operations, stream);
    stream->front = front;
    stream->exchange = exchange;
    stream->write_due_ms = TIMER_NEVER;
    if (session->stream_count > 0)
        exchange->response_window = HTTP2_RESPONSE_WINDOW_BYTES;
    stream->http2.incoming = &exchange->request_body;
    http2_request_reader_begin(&front->reading, &exchange->request_area->parser,
                               &exchange->request_bytes);
    front_http2_set_idle(front, false);
    front_http2_share(front, session->stream_count + 1);
    front_http2_stream_set_share(stream, front->pipe_bytes);
    expect_read(stream, now_ms_of(stream) + options_of(stream)->head_timeout_ms);
    return &stream->http2;
}

void front_http2_stream_on_field(struct http2_stream *http2, struct slice name, struct slice value)
{
    http2_request_reader_add(&stream_of(http2)->front->reading, name, value);
}

/* What still comes of the request is thrown away. */
static void stop_reading(struct front_http2_stream *stream)
{
    stream->http2.incoming = NULL;
    front_http2_tunnel_drop_early(stream);
    stream->wants_continue = false;
    stream->read_due_ms = TIMER_NEVER;
}

static void refuse(struct front_http2_stream *stream, enum refusal refusal)
{
    stop_reading(stream);
    front_exchange_refuse(stream->exchange, refusal);
}

static void start_body(struct front_http2_stream *stream)
{
    if (stream->exchange->request.is_connect) {
        stream->read_due_ms = TIMER_NEVER;
        front_http2_tunnel_hold(stream);
        return;
    }
    if (stream->http2.ends_with_head) {
        stream->exchange->request_body.is_ended = true;
        stream->read_due_ms = TIMER_NEVER;
        return;
    }
    stream->wants_continue = stream->exchange->request.expects_continue;
    expect_read(stream, front_exchange_upload_due_ms(stream->exchange->worker, TIMER_NEVER, 0));
}

/* An answer to HEAD has no body, whatever is refused. */
static void take_method(struct exchange *exchange)
{
    struct slice method = exchange->request_area->parser.request.head.method;
    exchange->is_head_complete = true;
    exchange->request = (struct parsed_request){.minor_version = 1};
    if (request_lint_method(method) == REFUSAL_NONE)
        exchange->request.head.method = method;
}

void front_http2_stream_on_head(struct http2_stream *http2)
{
    struct front_http2_stream *stream = stream_of(http2);
    struct exchange *exchange = stream->exchange;
    enum refusal refusal =
        http2_request_reader_end(&stream->front->reading, !http2->ends_with_head);
    if (http2->is_head_too_large)
        refusal = REFUSAL_HEAD_TOO_LARGE;
    const struct parsed_request *request = &exchange->request_area->parser.request;
    exchange->is_grpc = !request->is_connect && grpc_reply_is_wanted(&request->fields);
    if (refusal == REFUSAL_NONE) {
        front_exchange_serve(exchange, stream->front->connection);
        start_body(stream);
        return;
    }
    counter_add(&exchange->worker->counters->requests, 1);
    take_method(exchange);
    refuse(stream, refusal);
}

/* --- the request's body ---------------------------------------------------------------------- */

static bool waits_for_us(const struct front_http2_stream *stream)
{
    return body_pipe_waiting(&stream->exchange->request_body).length > BODY_PIPE_LOW_BYTES;
}

void front_http2_stream_on_data(struct http2_stream *http2, size_t length)
{
    struct front_http2_stream *stream = stream_of(http2);
    struct exchange *exchange = stream->exchange;
    uint64_t limit = options_of(stream)->max_body_bytes;
    if (stream->early != NULL)
        return;
    if (stream->is_tunnel) {
        exchange_mark(exchange, EXCHANGE_REQUEST_DATA);
        return;
    }
    stream->wants_continue = false;
    if (limit > 0 && exchange->request_body.total > limit) {
        refuse(stream, REFUSAL_BODY_TOO_LARGE);
        return;
    }
    exchange_continue_request(exchange);
    expect_read(stream, waits_for_us(stream) ? TIMER_NEVER
                                             : front_exchange_upload_due_ms(
                                                   exchange->worker, stream->read_due_ms, length));
}

void front_http2_stream_on_end(struct http2_stream *http2)
{
    struct front_http2_stream *stream = stream_of(http2);
    stream->wants_continue = false;
    stream->read_due_ms = TIMER_NEVER;
    if (!http2->ends_with_head && stream->early == NULL)
        exchange_continue_request(stream->exchange);
}

static void on_request_room(struct exchange *exchange)
{
    struct front_http2_stream *stream = exchange->front;
    static const struct header go_on[] = {{SLICE(":status"), SLICE("100")}};
    if (stream->http2.incoming == NULL || exchange->request_body.is_ended)
        return;
    if (stream->wants_continue) {
        stream->wants_continue = false;
        http2_stream_inform(&stream->http2, go_on, 1, NULL);
    }
    http2_stream_consume(&stream->http2);
    if (stream->is_tunnel)
        return;
    if (stream->read_due_ms == TIMER_NEVER && !waits_for_us(stream))
        expect_read(stream, front_exchange_upload_due_ms(exchange->worker, TIMER_NEVER, 0));
}

/* --- the response ---------------------------------------------------------------------------- */

/* The fields that HTTP/2 writes itself, and what they say. */
struct own_fields {
    struct header fields[2];
    size_t count;
    char status[DECIMAL_BYTES];
    char length[DECIMAL_BYTES];
};

static void make_own_fields(struct own_fields *own, const struct parsed_response *response)
{
    own->fields[0] =
        (struct header){SLICE(":status"), decimal_write(own->status, response->status)};
    own->count = 1;
    /* HEAD and 304 may say how long the body would be; 1xx and 204 have none (RFC 9110 section
     * 8.6). */
    if (!response->has_content_length || response->status < 200 || response->status == 204)
        return;
    own->fields[1] = (struct header){SLICE("content-length"),
                                     decimal_write(own->length, response->content_length)};
    own->count = 2;
}

static bool has_body(const struct exchange *exchange)
{
    const struct body_pipe *body = &exchange->response_body;
    if (exchange->response.framing == BODY_NONE)
        return false;
    return !body->is_ended || body_pipe_waiting(body).length > 0 || body->trailers.length > 0;
}

static void on_response_head(struct exchange *exchange)
{
    struct front_http2_stream *stream = exchange->front;
    if (stream->http2.is_reset)
        return;
    if (exchange->response.status == 101)
        front_http2_tunnel_start(stream);
    else
        front_http2_tunnel_drop_early(stream);
    struct own_fields own;
    make_own_fields(&own, &exchange->response);
    stream->wants_continue = false;
    exchange->sent_status =
        exchange->own_status != 0 ? exchange->own_status : exchange->response.status;
    stream->http2.outgoing = &exchange->response_body;
    http2_stream_send_head(&stream->front->session, &stream->http2, own.fields, own.count,
                           &exchange->response.fields, has_body(exchange));
    exchange_forget_response_fields(exchange);
}

static void on_interim(struct exchange *exchange)
{
    struct front_http2_stream *stream = exchange->front;
    if (stream->http2.is_reset)
        return;
    struct own_fields own;
    make_own_fields(&own, &exchange->response);
    http2_stream_inform(&stream->http2, own.fields, own.count, &exchange->response.fields);
}

/* Before its head is told, what lies in the response body is not for the client. */
static void on_response_data(struct exchange *exchange)
{
    struct front_http2_stream *stream = exchange->front;
    if (stream->http2.outgoing == NULL)
        return;
    http2_stream_resume(&stream->http2);
    if (stream->write_due_ms == TIMER_NEVER) {
        stream->write_mark = stream->http2.sent_bytes;
        stream->write_due_ms = now_ms_of(stream) + options_of(stream)->write_stall_timeout_ms;
        front_http2_expect(stream->front, stream->write_due_ms);
    }
    http2_session_make(&stream->front->session); /* last: the stream may have ended then */
}

void front_http2_stream_on_room(struct http2_stream *http2)
{
    exchange_mark(stream_of(http2)->exchange, EXCHANGE_RESPONSE_ROOM);
}

void front_http2_stream_set_share(struct front_http2_stream *stream, size_t bytes)
{
    struct exchange *exchange = stream->exchange;
    if (exchange == NULL)
        return;
    size_t withheld = BODY_PIPE_HIGH_BYTES - bytes;
    if (withheld < exchange->response_body.withheld)
        exchange_mark(exchange, EXCHANGE_RESPONSE_ROOM);
    exchange->response_body.withheld = withheld;
}

/* A response that ends so is seen to be broken: its end is never sent, or it is one that says so.
 */
static void on_abort(struct exchange *exchange)
{
    struct front_http2_stream *stream = exchange->front;
    stop_reading(stream);
    if (exchange->is_grpc && stream->http2.outgoing != NULL && grpc_reply_break_off(exchange)) {
        http2_stream_resume(&stream->http2);
        return;
    }
    http2_stream_reset(&stream->http2, stream->is_tunnel ? HTTP2_CANCEL : HTTP2_INTERNAL_ERROR);
}

static const struct client_connection *connection_of(const struct exchange *exchange)
{
    const struct front_http2_stream *stream = exchange->front;
    return stream->front->connection;
}

static const struct front_operations operations = {
    .head = on_response_head,
    .interim = on_interim,
    .data = on_response_data,
    .abort = on_abort,
    .room = on_request_room,
    .connection = connection_of,
    .is_http2 = true,
};

/* --- timers ---------------------------------------------------------------------------------- */

/* Nothing else can come on a connection on which a head does not end. */
static void on_read_due(struct front_http2_stream *stream)
{
    if (!stream->http2.has_head) {
        counter_add(&stream->exchange->worker->counters->refused[DENIAL_HEAD_TIMEOUT], 1);
        stop_reading(stream);
        http2_session_condemn(&stream->front->session, HTTP2_ENHANCE_YOUR_CALM);
        return;
    }
    stop_reading(stream);
    front_exchange_time_out(stream->exchange);
}

static void on_write_due(struct front_http2_stream *stream, uint64_t now_ms)
{
    struct http2_stream *http2 = &stream->http2;
    stream->write_due_ms = TIMER_NEVER;
    if (http2->outgoing == NULL || body_pipe_waiting(http2->outgoing).length == 0)
        return;
    if (http2->sent_bytes == stream->write_mark) {
        http2_stream_reset(http2, HTTP2_CANCEL);
        return;
    }
    stream->write_mark = http2->sent_bytes;
    stream->write_due_ms = now_ms + options_of(stream)->write_stall_timeout_ms;
}

uint64_t front_http2_stream_check(struct front_http2_stream *stream, uint64_t now_ms)
{
    if (stream->read_due_ms <= now_ms)
        on_read_due(stream);
    if (stream->write_due_ms <= now_ms)
        on_write_due(stream, now_ms);
    return stream->read_due_ms < stream->write_due_ms ? stream->read_due_ms : stream->write_due_ms;
}

/* --- the end --------------------------------------------------------------------------------- */

static void end_exchange(struct front_http2_stream *stream)
{
    if (stream->exchange == NULL)
        return;
    stream->exchange->sent_bytes = stream->http2.sent_bytes;
    exchange_end(stream->exchange);
    stream->exchange = NULL;
}

void front_http2_stream_on_fault(struct http2_stream *http2)
{
    struct front_http2_stream *stream = stream_of(http2);
    if (!http2->has_head) {
        struct worker_counters *counters = stream->exchange->worker->counters;
        counter_add(&counters->requests, 1);
        refusal_count_request(counters, REFUSAL_HTTP2_MALFORMED);
    }
    stream->read_due_ms = TIMER_NEVER;
    stream->write_due_ms = TIMER_NEVER;
    end_exchange(stream);
}

void front_http2_stream_on_closed(struct http2_stream *http2, uint32_t error)
{
    (void)error;
    struct front_http2_stream *stream = stream_of(http2);
    struct front_http2 *front = stream->front;
    end_exchange(stream);
    front_http2_tunnel_drop_early(stream);
    memory_pool_free(stream, &http2->session->worker->memory_pool);
    front_http2_share(front, front->session.stream_count);
    if (front->session.stream_count == 0)
        front_http2_set_idle(front, true);
    if (client_connection_is_spent(front->connection))
        front_http2_shut_down(front);
}
