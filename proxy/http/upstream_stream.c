#include "proxy/http/upstream_stream.h"

#include "proxy/http/exchange.h"
#include "proxy/http/forwarder.h"
#include "proxy/http/http2_request.h"
#include "proxy/http/upstream_http2.h"
#include "proxy/http/websocket_accept.h"
#include "proxy/http/worker.h"

/* As for HTTP/1: an endpoint that only ever says "wait" would hold its request for ever, and a
 * client that does not read would keep what it says in our memory. */
enum { INTERIM_HEADS_MAX = 16, INTERIM_BYTES_MAX = 64 * 1024 };

struct interim_head {
    struct parsed_response head;
    struct interim_head *next;
};

static const struct upstream_operations operations;

static struct upstream_stream *stream_of(struct http2_stream *base)
{
    return (struct upstream_stream *)base;
}

static void free_stream(struct upstream_stream *stream)
{
    memory_pool_free(stream, stream->pool);
}

/* --- waiting for the connection -------------------------------------------------------------- */

static void leave_line(struct upstream_stream *stream)
{
    struct upstream_http2 *connection = stream->connection;
    if (stream->previous != NULL)
        stream->previous->next = stream->next;
    else
        connection->waiting = stream->next;
    if (stream->next != NULL)
        stream->next->previous = stream->previous;
    connection->waiting_count--;
}

struct upstream_stream *upstream_stream_new(struct exchange *exchange,
                                            struct upstream_http2 *connection)
{
    struct memory_pool *pool = &exchange->worker->memory_pool;
    struct upstream_stream *stream = memory_pool_allocate_zeroed(1, sizeof(*stream), pool);
    stream->pool = pool;
    stream->connection = connection;
    stream->exchange = exchange;
    stream->next = connection->waiting;
    if (connection->waiting != NULL)
        connection->waiting->previous = stream;
    connection->waiting = stream;
    connection->waiting_count++;
    exchange->upstream = stream;
    exchange->upstream_operations = &operations;
    return stream;
}

bool upstream_stream_can_begin(const struct upstream_stream *stream)
{
    return !stream->exchange->request.wants_websocket ||
           stream->connection->session.has_peer_settings;
}

static void refuse_websocket(struct upstream_stream *stream)
{
    stream->exchange->forwarding.websocket_error =
        "the endpoint's SETTINGS do not have ENABLE_CONNECT_PROTOCOL";
    upstream_stream_fail(stream, UPSTREAM_FAILURE_WEBSOCKET);
}

/* For a WebSocket the request pipe was ended with the handshake; what the client says goes in once
 * that is answered. The key has no meaning here, but is kept: the answer is made from it (RFC 8441
 * section 5). */
void upstream_stream_begin(struct upstream_stream *stream)
{
    struct upstream_http2 *connection = stream->connection;
    struct exchange *exchange = stream->exchange;
    bool wants_websocket = exchange->request.wants_websocket;
    if (wants_websocket && !http2_session_takes_connect(&connection->session))
        return refuse_websocket(stream);
    if (wants_websocket)
        header_list_drop(&exchange->request.fields, HEADER_SEC_WEBSOCKET_KEY);
    leave_line(stream);
    stream->has_begun = true;
    stream->begun_ms = timers_now_ms(&exchange->worker->timers);
    stream->was_used = connection->served > 0;
    stream->base.incoming = &exchange->response_body;
    stream->base.outgoing = wants_websocket ? NULL : &exchange->request_body;
    stream->base.first_window = exchange->response_window;

    struct http2_request request;
    http2_request_make(&request, &exchange->request, connection->link.ssl != NULL,
                       slice_from_string(endpoint_authority(connection->link.endpoint)),
                       &exchange->arena);
    http2_stream_send_head(&connection->session, &stream->base, request.own, request.own_count,
                           &exchange->request.fields, request.has_body);
    forwarder_on_connected(exchange);
    forwarder_on_sent(exchange);
}

/* --- endings --------------------------------------------------------------------------------- */

/* Neither end knows of the other any more. */
static struct exchange *let_go(struct upstream_stream *stream)
{
    struct exchange *exchange = stream->exchange;
    stream->exchange = NULL;
    stream->base.incoming = NULL;
    stream->base.outgoing = NULL;
    return exchange;
}

void upstream_stream_fail(struct upstream_stream *stream, enum upstream_failure failure)
{
    struct exchange *exchange = let_go(stream);
    if (!stream->has_begun) {
        leave_line(stream);
        free_stream(stream);
    }
    exchange_fail(exchange, failure);
}

/* An answer that came before all of the request was sent ends that too (RFC 9113 section 8.1). */
static void complete(struct upstream_stream *stream)
{
    struct exchange *exchange = let_go(stream);
    if (stream->connection == NULL)
        free_stream(stream);
    else if (!stream->base.has_sent_end)
        http2_stream_reset(&stream->base, HTTP2_NO_ERROR);
    exchange_complete(exchange);
}

/* The endpoint breaks the rules of HTTP. */
static void refuse(struct upstream_stream *stream)
{
    http2_stream_reset(&stream->base, HTTP2_PROTOCOL_ERROR);
    upstream_stream_fail(stream, UPSTREAM_FAILURE_BAD_RESPONSE);
}

/* What it means for the exchange that its stream was closed before the response was complete. */
static enum upstream_failure failure_of(const struct upstream_stream *stream, uint32_t error)
{
    if (stream->base.has_head)
        return UPSTREAM_FAILURE_TRUNCATED;
    if (error == HTTP2_REFUSED_STREAM)
        return UPSTREAM_FAILURE_STALE;
    if (stream->connection->session.is_ended)
        return stream->was_used && !stream->has_received
                   ? UPSTREAM_FAILURE_STALE
                   : upstream_http2_failure(stream->connection);
    if (error == HTTP2_PROTOCOL_ERROR || error == HTTP2_HTTP_1_1_REQUIRED)
        return UPSTREAM_FAILURE_BAD_RESPONSE;
    return UPSTREAM_FAILURE_CLOSED;
}

void upstream_stream_on_closed(struct http2_stream *base, uint32_t error)
{
    struct upstream_stream *stream = stream_of(base);
    if (stream->exchange != NULL && stream->has_end) {
        stream->connection = NULL;
        return;
    }
    if (stream->exchange != NULL) {
        struct forwarding *forwarding = &stream->exchange->forwarding;
        forwarding->was_reset = !stream->connection->session.is_ended;
        forwarding->reset_error = error;
        if (error == HTTP2_REFUSED_STREAM) /* nobody has had any work with it */
            forwarding->is_request_sent = false;
        upstream_stream_fail(stream, failure_of(stream, error));
    }
    free_stream(stream);
}

/* --- heads ----------------------------------------------------------------------------------- */

void upstream_stream_on_field(struct http2_stream *base, struct slice name, struct slice value)
{
    struct upstream_stream *stream = stream_of(base);
    struct exchange *exchange = stream->exchange;
    if (exchange == NULL)
        return;
    if (!stream->is_reading) {
        http2_response_start(&stream->response, &exchange->response_bytes,
                             exchange_response_fields(exchange, RESPONSE_HEADERS_DEFAULT),
                             slice_equals(exchange->request.head.method, SLICE("HEAD")));
        stream->is_reading = true;
    }
    http2_response_add(&stream->response, name, value);
}

/* To everyone else it is the 101 of HTTP/1: see front_http2_tunnel.c. */
static void switch_to_websocket(struct upstream_stream *stream)
{
    struct exchange *exchange = stream->exchange;
    const struct slice *key = header_list_find(&exchange->request.fields, HEADER_SEC_WEBSOCKET_KEY);
    char *accept = arena_allocate(&exchange->arena, WEBSOCKET_ACCEPT_BYTES);
    websocket_accept_make(*key, accept);
    stream->response.head.fields.capacity = RESPONSE_HEADERS_DEFAULT + EXCHANGE_ADDED_HEADERS;
    http2_response_switch(&stream->response.head, slice_of(accept, WEBSOCKET_ACCEPT_BYTES));
    stream->is_tunnel = true;
}

static void answer(struct upstream_stream *stream)
{
    if (stream->exchange->request.wants_websocket && stream->response.head.status / 100 == 2)
        switch_to_websocket(stream);
    stream->exchange->response = stream->response.head;
    exchange_answer(stream->exchange);
}

static void pass_on_interim(struct upstream_stream *stream)
{
    stream->exchange->response = stream->interim->head;
    exchange_inform(stream->exchange);
}

/* What follows is read into the same memory, so it is copied. */
static void queue_interim(struct upstream_stream *stream)
{
    struct arena *arena = &stream->exchange->arena;
    struct interim_head *interim = arena_allocate(arena, sizeof(*interim));
    interim->head = stream->response.head;
    interim->head.fields = header_list_copy(&stream->response.head.fields, arena);

    struct interim_head **last = &stream->interim;
    while (*last != NULL)
        last = &(*last)->next;
    *last = interim;
    if (stream->interim == interim)
        pass_on_interim(stream);
}

/* A 100 is not passed on: what a client waits for with Expect, the front has told it. */
static void take_interim(struct upstream_stream *stream)
{
    stream->interim_count++;
    stream->interim_bytes += stream->exchange->response_bytes.length;
    if (stream->interim_count > INTERIM_HEADS_MAX || stream->interim_bytes > INTERIM_BYTES_MAX)
        return refuse(stream);
    if (stream->response.head.status != 100)
        queue_interim(stream);
}

void upstream_stream_on_head(struct http2_stream *base)
{
    struct upstream_stream *stream = stream_of(base);
    if (stream->exchange == NULL)
        return;
    stream->has_received = true;
    stream->is_reading = false;
    forwarder_on_received(stream->exchange);
    if (base->is_head_too_large || !http2_response_finish(&stream->response))
        return refuse(stream);
    if (stream->response.head.is_informational)
        return take_interim(stream);
    stream->has_answer = true;
    if (stream->interim == NULL)
        answer(stream);
}

/* --- bodies ---------------------------------------------------------------------------------- */

void upstream_stream_on_data(struct http2_stream *base, size_t length)
{
    (void)length;
    struct upstream_stream *stream = stream_of(base);
    if (stream->exchange == NULL)
        return;
    forwarder_on_received(stream->exchange);
    if (stream->interim == NULL)
        exchange_mark(stream->exchange, EXCHANGE_RESPONSE_DATA);
}

void upstream_stream_on_end(struct http2_stream *base)
{
    struct upstream_stream *stream = stream_of(base);
    struct exchange *exchange = stream->exchange;
    if (exchange == NULL)
        return;
    stream->has_end = true;
    stream->connection->served++;
    const struct body_pipe *body = &exchange->response_body;
    if (body->total == 0 && body->trailers.length == 0)
        http2_response_end(&stream->response.head);
    if (stream->interim != NULL)
        return;
    if (exchange->events & EXCHANGE_ANSWERED) /* not told yet: it may have become more precise */
        exchange->response = stream->response.head;
    complete(stream);
}

void upstream_stream_on_room(struct http2_stream *base)
{
    struct upstream_stream *stream = stream_of(base);
    if (stream->exchange == NULL)
        return;
    forwarder_on_sent(stream->exchange);
    exchange_mark(stream->exchange, EXCHANGE_REQUEST_ROOM);
}

/* --- what the exchange tells ----------------------------------------------------------------- */

static void on_request_data(struct exchange *exchange)
{
    struct upstream_stream *stream = exchange->upstream;
    if (stream->is_tunnel) /* the front has opened its end */
        stream->base.outgoing = &exchange->request_body;
    if (stream->has_begun)
        http2_stream_resume(&stream->base);
}

static void on_response_room(struct exchange *exchange)
{
    struct upstream_stream *stream = exchange->upstream;
    if (stream->interim == NULL) {
        http2_stream_consume(&stream->base);
        return;
    }
    stream->interim = stream->interim->next;
    if (stream->interim != NULL)
        return pass_on_interim(stream);
    if (stream->has_answer)
        answer(stream);
    if (stream->has_end)
        complete(stream);
}

static void on_cancel(struct exchange *exchange)
{
    struct upstream_stream *stream = exchange->upstream;
    struct upstream_http2 *connection = stream->connection;
    uint64_t begun_ms = stream->begun_ms;
    let_go(stream);
    if (connection == NULL) {
        free_stream(stream);
        return;
    }
    if (stream->has_begun) {
        http2_stream_reset(&stream->base, HTTP2_CANCEL);
    } else {
        leave_line(stream);
        free_stream(stream);
    }
    upstream_http2_on_cancelled(connection, begun_ms);
}

static const struct upstream_operations operations = {
    .data = on_request_data,
    .room = on_response_room,
    .cancel = on_cancel,
};
