#include "proxy/http/upstream_http1.h"

#include "common/buffer.h"
#include "proxy/http/exchange.h"
#include "proxy/http/forwarder.h"
#include "proxy/http/http1_head.h"
#include "proxy/http/refusal_counts.h"
#include "proxy/http/websocket_accept.h"
#include "proxy/http/worker.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Reads begin small, so that an exchange with a small answer holds little, and grow when an answer
 * proves to be large. */
enum {
    FIRST_READ_BYTES = READ_BUFFER_BYTES,
    LATER_READ_BYTES = 64 * 1024,
    LEAST_READ_BYTES = 4 * 1024
};

/* An endpoint that only ever says "wait" would hold its request for ever. */
enum { INTERIM_HEADS_MAX = 16 };

/* All of them together: a client that does not read keeps them in our memory. */
enum { INTERIM_BYTES_MAX = 64 * 1024 };

static const struct upstream_operations operations;

static void on_readable(h2o_socket_t *socket, const char *error);

/* --- one connection -------------------------------------------------------------------------- */

static void close_connection(struct upstream_http1 *connection)
{
    struct worker *worker = connection->link.worker;
    upstream_link_close(&connection->link);
    http1_writer_clear(&connection->writer);
    line_memory_free(&worker->line_memory, connection, sizeof(*connection));
}

void upstream_http1_close(struct upstream_http1 *connection)
{
    assert(connection->exchange == NULL);
    conn_pool_remove(connection->link.worker->pool, connection);
    close_connection(connection);
}

static void fail(struct upstream_http1 *connection, enum upstream_failure failure)
{
    struct exchange *exchange = connection->exchange;
    close_connection(connection);
    exchange_fail(exchange, failure);
}

/* The answer breaks a rule. */
static void fail_broken(struct upstream_http1 *connection, enum refusal refusal)
{
    refusal_count_response(connection->link.worker->counters, refusal);
    fail(connection, UPSTREAM_FAILURE_BAD_RESPONSE);
}

/* A body where none has a meaning: an endpoint that does not expect it there may take it for the
 * next request, and its answer to that would come on this connection (RFC 9110 section 9.3.1). */
static bool has_unexpected_body(const struct parsed_request *request)
{
    struct slice method = request->head.method;
    if (request->framing == BODY_NONE ||
        (request->framing == BODY_LENGTH && request->content_length == 0))
        return false;
    return slice_equals(method, SLICE("GET")) || slice_equals(method, SLICE("HEAD")) ||
           slice_equals(method, SLICE("DELETE"));
}

/* The answer is complete. Whether the connection can serve again depends on everything that is
 * not: a request still being sent, bytes nobody asked for. */
static void finish(struct upstream_http1 *connection, bool is_clean)
{
    struct worker *worker = connection->link.worker;
    struct exchange *exchange = connection->exchange;
    bool is_reusable = is_clean && exchange->response.keep_alive &&
                       !has_unexpected_body(&exchange->request) && connection->has_sent_all &&
                       !worker->is_draining &&
                       timers_now_ms(&worker->timers) - connection->connected_ms <
                           worker->shared->http.pool_max_age_ms;

    connection->exchange = NULL;
    connection->served++;
    exchange->response_body.is_ended = true;
    if (is_reusable) {
        if (connection->is_paused)
            h2o_socket_read_start(connection->link.socket, on_readable);
        connection->is_paused = false;
        conn_pool_put(worker->pool, connection);
    } else {
        close_connection(connection);
    }
    exchange_complete(exchange);
}

/* --- sending --------------------------------------------------------------------------------- */

static void on_writable(h2o_socket_t *socket, const char *error);

/* All that the client has sent is on its way, and when it has closed its side, so do we. */
static void on_tunnel_sent(struct upstream_http1 *connection)
{
    if (!connection->has_sent_all)
        return;
    connection->is_unwritable = true;
    upstream_link_finish_sending(&connection->link);
}

static void send_request(struct upstream_http1 *connection)
{
    struct exchange *exchange = connection->exchange;
    if (connection->is_unwritable || connection->is_blocked)
        return;

    bool made_room;
    uint64_t sent_before = connection->writer.sent_bytes;
    enum writer_result result =
        http1_writer_send(&connection->writer, connection->link.fd, connection->link.ssl,
                          &exchange->request_body, &made_room);
    uint64_t sent = connection->writer.sent_bytes - sent_before;
    if (sent > 0) {
        counter_add(&connection->link.worker->counters->upstream_bytes_out, sent);
        forwarder_on_sent(exchange);
    }
    if (made_room)
        exchange_mark(exchange, EXCHANGE_REQUEST_ROOM);

    switch (result) {
    case WRITER_DONE:
        connection->has_sent_all = http1_writer_is_complete(&connection->writer);
        if (connection->has_sent_all)
            read_buffers_return(&connection->link.worker->read_buffers, &connection->writer.before);
        if (exchange->request_body.bytes.length == 0) /* else it is kept for another try */
            read_buffers_return(&connection->link.worker->read_buffers,
                                &exchange->request_body.bytes);
        if (connection->is_tunnel)
            on_tunnel_sent(connection);
        return;
    case WRITER_BLOCKED:
        connection->is_blocked = true;
        h2o_socket_notify_write(connection->link.socket, on_writable);
        return;
    case WRITER_FAILED:
        /* It may have answered before it closed: reading will tell. */
        connection->is_unwritable = true;
        return;
    }
}

static void on_writable(h2o_socket_t *socket, const char *error)
{
    (void)error;
    struct upstream_http1 *connection = socket->data;
    connection->is_blocked = false;
    if (connection->exchange != NULL)
        send_request(connection);
}

/* --- receiving ------------------------------------------------------------------------------- */

static struct response_parser *parser_of(const struct upstream_http1 *connection)
{
    return &connection->exchange->response_area->parser;
}

/* With the first byte: until then there is no area to parse in. */
static void start_parser(struct upstream_http1 *connection)
{
    struct exchange *exchange = connection->exchange;
    struct header_list fields = exchange_response_fields(exchange, RESPONSE_HEADERS_DEFAULT);
    struct response_context context = {
        .is_head = slice_equals(exchange->request.head.method, SLICE("HEAD")),
        .asked_websocket = exchange->request.wants_websocket,
    };
    response_parser_init(parser_of(connection), RESPONSE_HEAD_BYTES_DEFAULT, fields, context);
}

static void on_chunked(struct upstream_http1 *connection, struct slice bytes)
{
    struct exchange *exchange = connection->exchange;
    size_t used;
    switch (
        chunked_body_decode(exchange->response_chunks, bytes, &exchange->response_body, &used)) {
    case CHUNK_DONE:
        return finish(connection, used == bytes.length);
    case CHUNK_REFUSED:
        return fail_broken(connection, exchange->response_chunks->decoder.refusal);
    case CHUNK_MORE:
    case CHUNK_DATA:
        return exchange_mark(exchange, EXCHANGE_RESPONSE_DATA);
    }
}

/* The last `length` bytes of the response body have just come in, as they were sent. */
static void on_plain(struct upstream_http1 *connection, size_t length)
{
    struct exchange *exchange = connection->exchange;
    struct body_pipe *body = &exchange->response_body;

    if (exchange->response.framing == BODY_UNTIL_CLOSE) {
        exchange_mark(exchange, EXCHANGE_RESPONSE_DATA);
        return;
    }
    size_t extra = length > connection->body_left ? length - (size_t)connection->body_left : 0;
    body->bytes.length -= extra;
    body->total -= extra;
    connection->body_left -= length - extra;
    if (connection->body_left == 0)
        finish(connection, extra == 0);
    else
        exchange_mark(exchange, EXCHANGE_RESPONSE_DATA);
}

/* A 101 turns both pipes into a tunnel: from here on the request pipe carries what the client
 * sends. The handshake had no body, so an endpoint that has not read all of it has not answered it.
 */
static bool start_tunnel(struct upstream_http1 *connection)
{
    const struct slice *key =
        header_list_find(&connection->exchange->request.fields, HEADER_SEC_WEBSOCKET_KEY);
    const struct slice *accept =
        header_list_find(&parser_of(connection)->response.fields, HEADER_SEC_WEBSOCKET_ACCEPT);
    if (!connection->has_sent_all || key == NULL || accept == NULL ||
        !websocket_accept_answers(*key, *accept))
        return false;
    connection->is_tunnel = true;
    http1_writer_start(&connection->writer, false);
    return true;
}

/* What came with the head is in the response body already; chunks have to be taken apart. */
static void on_head_complete(struct upstream_http1 *connection)
{
    struct exchange *exchange = connection->exchange;
    struct body_pipe *body = &exchange->response_body;

    if (parser_of(connection)->response.status == 101 && !start_tunnel(connection))
        return fail_broken(connection, REFUSAL_BROKEN_SWITCH);
    exchange->response = parser_of(connection)->response;
    connection->is_head_complete = true;
    connection->body_left =
        exchange->response.framing == BODY_LENGTH ? exchange->response.content_length : 0;
    exchange_answer(exchange);

    if (exchange->response.framing == BODY_CHUNKED) {
        exchange_start_response_chunks(exchange);
        struct slice raw = buffer_slice(&body->bytes);
        /* All of it came with the last read: before that the head was not complete. */
        assert(raw.length <= WORKER_SCRATCH_BYTES);
        char *copy = connection->link.worker->scratch;
        if (raw.length > 0)
            memcpy(copy, raw.at, raw.length);
        body->bytes.length = 0;
        on_chunked(connection, slice_of(copy, raw.length));
        return;
    }
    body->total = body->bytes.length;
    on_plain(connection, body->bytes.length);
}

/* What came behind an informational head is the next one. */
static void skip_interim_head(struct upstream_http1 *connection)
{
    buffer_consume(&connection->exchange->response_body.bytes,
                   parser_of(connection)->response.head_bytes);
    start_parser(connection);
}

/* Returns whether the next head may be looked at. An informational one is passed on first (RFC 9110
 * section 15.2), unless it is a 100: what a client waits for with Expect, the front has told it. */
static bool take_interim_head(struct upstream_http1 *connection)
{
    const struct parsed_response *response = &parser_of(connection)->response;

    connection->interim_heads++;
    connection->interim_bytes += (uint32_t)response->head_bytes;
    if (connection->interim_heads > INTERIM_HEADS_MAX ||
        connection->interim_bytes > INTERIM_BYTES_MAX) {
        fail_broken(connection, REFUSAL_TOO_MANY_INTERIM_HEADS);
        return false;
    }
    if (response->status == 100) {
        skip_interim_head(connection);
        return true;
    }
    connection->is_informing = true;
    connection->exchange->response = *response;
    exchange_inform(connection->exchange);
    return false;
}

static void on_head_bytes(struct upstream_http1 *connection)
{
    struct buffer *bytes = &connection->exchange->response_body.bytes;
    for (;;) {
        enum parse_result result =
            response_parser_feed(parser_of(connection), bytes->at, bytes->length);
        if (result == PARSE_MORE)
            return;
        if (result == PARSE_REFUSED)
            return fail_broken(connection, parser_of(connection)->refusal);

        if (!parser_of(connection)->response.is_informational) {
            buffer_consume(bytes, parser_of(connection)->response.head_bytes);
            return on_head_complete(connection);
        }
        if (!take_interim_head(connection))
            return;
    }
}

static void on_end(struct upstream_http1 *connection, bool is_orderly)
{
    if (!connection->has_received)
        fail(connection, connection->served > 0 ? UPSTREAM_FAILURE_STALE : UPSTREAM_FAILURE_CLOSED);
    else if (!connection->is_head_complete)
        fail(connection, UPSTREAM_FAILURE_CLOSED);
    else if (is_orderly && connection->exchange->response.framing == BODY_UNTIL_CLOSE)
        finish(connection, false);
    else
        fail(connection, UPSTREAM_FAILURE_TRUNCATED);
}

/* Where to receive to, and how much. Chunks are decoded out of the worker's scratch space, and what
 * comes through a tunnel takes no more room than it has bytes. */
static char *receive_area(struct upstream_http1 *connection, size_t *length)
{
    struct body_pipe *body = &connection->exchange->response_body;
    size_t limit = connection->read_bytes;
    size_t least = upstream_link_least_read(&connection->link);
    if (connection->is_head_complete) {
        size_t room = body_pipe_room(body);
        if (room < limit)
            limit = room < least ? least : room;
        if (connection->is_tunnel || connection->exchange->response.framing == BODY_CHUNKED) {
            *length = limit;
            return connection->link.worker->scratch;
        }
    } else if (body->withheld > 0) {
        limit = body_pipe_room(body); /* what comes with the head is body too */
        if (limit < LEAST_READ_BYTES)
            limit = LEAST_READ_BYTES;
        if (limit > connection->read_bytes)
            limit = connection->read_bytes;
        if (limit < least)
            limit = least;
    }

    struct buffer *bytes = &body->bytes;
    struct read_buffers *buffers = &connection->link.worker->read_buffers;
    read_buffers_lend(buffers, bytes);
    if (limit > READ_BUFFER_BYTES && bytes->length == 0)
        read_buffers_lend_large(buffers, bytes);
    size_t spare = bytes->capacity - bytes->consumed - bytes->length;
    if (least < LEAST_READ_BYTES)
        least = LEAST_READ_BYTES;
    *length = spare >= least && spare < limit ? spare : limit;
    return buffer_reserve(bytes, *length);
}

static void on_received(struct upstream_http1 *connection, const char *at, size_t length)
{
    struct exchange *exchange = connection->exchange;
    if (!connection->has_received)
        start_parser(connection);
    connection->has_received = true;
    counter_add(&connection->link.worker->counters->upstream_bytes_in, length);
    forwarder_on_received(exchange);

    if (!connection->is_head_complete) {
        buffer_extend(&exchange->response_body.bytes, length);
        on_head_bytes(connection);
    } else if (exchange->response.framing == BODY_CHUNKED) {
        on_chunked(connection, slice_of(at, length));
    } else if (connection->is_tunnel) {
        body_pipe_append(&exchange->response_body, slice_of(at, length));
        exchange_mark(exchange, EXCHANGE_RESPONSE_DATA);
    } else {
        body_pipe_extend(&exchange->response_body, length);
        on_plain(connection, length);
    }
}

static bool has_room(const struct upstream_http1 *connection)
{
    return !connection->is_head_complete ||
           body_pipe_room(&connection->exchange->response_body) > 0;
}

/* What the loop tells in the turn in which the request left, it has seen before: that is no answer
 * to it, but the rest of another, or an end. */
static bool is_older_than_request(const struct upstream_http1 *connection)
{
    return connection->served > 0 && connection->begun_turn == connection->link.worker->turn;
}

static void receive(struct upstream_http1 *connection)
{
    h2o_socket_t *socket = connection->link.socket;
    if (connection->exchange == NULL) {
        if (!upstream_link_is_quiet(&connection->link))
            upstream_http1_close(connection);
        return;
    }
    if (is_older_than_request(connection)) {
        if (!upstream_link_is_quiet(&connection->link))
            fail(connection, UPSTREAM_FAILURE_STALE);
        return;
    }
    if (!has_room(connection)) {
        connection->is_paused = true;
        h2o_socket_read_stop(socket);
        return;
    }

    size_t wanted;
    char *at = receive_area(connection, &wanted);
    ssize_t received = upstream_link_receive(&connection->link, at, wanted);
    if (received < 0 && errno == EAGAIN)
        return;
    if (received <= 0) {
        on_end(connection, received == 0);
        return;
    }
    if ((size_t)received == wanted)
        connection->read_bytes = LATER_READ_BYTES;
    on_received(connection, at, (size_t)received);
}

static void on_readable(h2o_socket_t *socket, const char *error)
{
    (void)error;
    struct upstream_http1 *connection = socket->data;
    struct worker *worker = connection->link.worker;
    receive(connection);
    exchanges_flush(worker);
}

/* --- connecting ------------------------------------------------------------------------------ */

static void begin(struct upstream_http1 *connection)
{
    struct exchange *exchange = connection->exchange;
    connection->is_unwritable = false;
    connection->has_sent_all = false;
    connection->has_received = false;
    connection->begun_turn = connection->link.worker->turn;
    connection->is_tunnel = false;
    connection->interim_heads = 0;
    connection->interim_bytes = 0;
    connection->is_informing = false;
    connection->is_head_complete = false;
    connection->read_bytes = FIRST_READ_BYTES;

    read_buffers_lend_for_head(&connection->link.worker->read_buffers, &connection->writer.before);
    http1_writer_start(&connection->writer, exchange->request.framing == BODY_CHUNKED);
    http1_head_write_request(&connection->writer.before, &exchange->request);
    forwarder_on_connected(exchange);
    send_request(connection);
}

static void on_open(struct upstream_link *link)
{
    struct upstream_http1 *connection = (struct upstream_http1 *)link;
    connection->connected_ms = timers_now_ms(&link->worker->timers);
    begin(connection);
}

static void on_failed(struct upstream_link *link, enum upstream_failure failure, const char *reason)
{
    struct upstream_http1 *connection = (struct upstream_http1 *)link;
    connection->exchange->forwarding.tls_error = reason;
    fail(connection, failure);
}

static const struct upstream_link_owner link_owner = {
    .on_open = on_open,
    .on_failed = on_failed,
    .on_readable = on_readable,
};

static struct upstream_http1 *connect_to(struct worker *worker, struct endpoint *endpoint)
{
    struct upstream_http1 *connection =
        line_memory_allocate(&worker->line_memory, sizeof(*connection));
    connection->connected_ms = timers_now_ms(&worker->timers);
    if (upstream_link_open(&connection->link, worker, endpoint, &link_owner))
        return connection;
    line_memory_free(&worker->line_memory, connection, sizeof(*connection));
    return NULL;
}

enum upstream_lease upstream_http1_lease(struct worker *worker, struct endpoint *endpoint,
                                         bool is_fresh, uint32_t max_connections,
                                         struct upstream_http1 **connection)
{
    *connection = is_fresh ? NULL : conn_pool_take(worker->pool, endpoint);
    if (*connection != NULL) {
        counter_add(&worker->counters->upstream_connections_reused, 1);
        return UPSTREAM_LEASED;
    }
    if (!endpoint_connection_start(endpoint, max_connections))
        return UPSTREAM_FULL;
    *connection = connect_to(worker, endpoint);
    if (*connection != NULL)
        return UPSTREAM_LEASED;
    endpoint_connection_ended(endpoint);
    return UPSTREAM_UNREACHABLE;
}

void upstream_http1_start(struct exchange *exchange, struct upstream_http1 *connection)
{
    connection->exchange = exchange;
    exchange->upstream = connection;
    exchange->upstream_operations = &operations;
    if (!connection->link.is_opening)
        begin(connection);
}

/* --- what the exchange tells ----------------------------------------------------------------- */

static void on_request_data(struct exchange *exchange)
{
    struct upstream_http1 *connection = exchange->upstream;
    if (!connection->link.is_opening)
        send_request(connection);
}

static void on_response_room(struct exchange *exchange)
{
    struct upstream_http1 *connection = exchange->upstream;
    if (connection->is_informing) {
        connection->is_informing = false;
        skip_interim_head(connection);
        return on_head_bytes(connection);
    }
    if (!connection->is_paused || !has_room(connection))
        return;
    connection->is_paused = false;
    h2o_socket_read_start(connection->link.socket, on_readable);
}

static void on_cancel(struct exchange *exchange)
{
    close_connection(exchange->upstream);
}

static const struct upstream_operations operations = {
    .data = on_request_data,
    .room = on_response_room,
    .cancel = on_cancel,
};
