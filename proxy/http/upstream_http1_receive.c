#include "proxy/http/exchange.h"
#include "proxy/http/forwarder.h"
#include "proxy/http/refusal_counts.h"
#include "proxy/http/upstream_http1.h"
#include "proxy/http/websocket_accept.h"
#include "proxy/http/worker.h"

#include <assert.h>
#include <errno.h>
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

/* The answer breaks a rule. */
static void fail_broken(struct upstream_http1 *connection, enum refusal refusal)
{
    refusal_count_response(connection->link.worker->counters, refusal);
    upstream_http1_fail(connection, UPSTREAM_FAILURE_BAD_RESPONSE);
}

/* --- heads ----------------------------------------------------------------------------------- */

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

/* --- bodies ---------------------------------------------------------------------------------- */

static void on_chunked(struct upstream_http1 *connection, struct slice bytes)
{
    struct exchange *exchange = connection->exchange;
    size_t used;
    switch (
        chunked_body_decode(exchange->response_chunks, bytes, &exchange->response_body, &used)) {
    case CHUNK_DONE:
        return upstream_http1_finish(connection, used == bytes.length);
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
        upstream_http1_finish(connection, extra == 0);
    else
        exchange_mark(exchange, EXCHANGE_RESPONSE_DATA);
}

/* --- from the head to the body --------------------------------------------------------------- */

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

/* --- the socket ------------------------------------------------------------------------------ */

static void on_end(struct upstream_http1 *connection, bool is_orderly)
{
    if (!connection->has_received)
        upstream_http1_fail(connection, connection->served > 0 ? UPSTREAM_FAILURE_STALE
                                                               : UPSTREAM_FAILURE_CLOSED);
    else if (!connection->is_head_complete)
        upstream_http1_fail(connection, UPSTREAM_FAILURE_CLOSED);
    else if (is_orderly && connection->exchange->response.framing == BODY_UNTIL_CLOSE)
        upstream_http1_finish(connection, false);
    else
        upstream_http1_fail(connection, UPSTREAM_FAILURE_TRUNCATED);
}

static size_t smaller(size_t one, size_t other)
{
    return one < other ? one : other;
}

static size_t larger(size_t one, size_t other)
{
    return one > other ? one : other;
}

/* How much to receive at once. */
static size_t read_limit(const struct upstream_http1 *connection)
{
    const struct body_pipe *body = &connection->exchange->response_body;
    size_t least = upstream_link_least_read(&connection->link);
    size_t most = connection->read_bytes;
    size_t room = body_pipe_room(body);
    if (connection->is_head_complete)
        return room >= most ? most : larger(room, least);
    if (body->withheld == 0)
        return most;
    /* What comes with the head is body too. */
    return larger(smaller(larger(room, LEAST_READ_BYTES), most), least);
}

/* Where to receive to, and how much. Chunks are decoded out of the worker's scratch space, and what
 * comes through a tunnel takes no more room than it has bytes. */
static char *receive_area(struct upstream_http1 *connection, size_t *length)
{
    struct exchange *exchange = connection->exchange;
    size_t limit = read_limit(connection);
    *length = limit;
    if (connection->is_head_complete &&
        (connection->is_tunnel || exchange->response.framing == BODY_CHUNKED))
        return connection->link.worker->scratch;

    struct buffer *bytes = &exchange->response_body.bytes;
    struct read_buffers *buffers = &connection->link.worker->read_buffers;
    read_buffers_lend(buffers, bytes);
    if (limit > READ_BUFFER_BYTES && bytes->length == 0)
        read_buffers_lend_large(buffers, bytes);
    size_t spare = bytes->capacity - bytes->consumed - bytes->length;
    size_t least = larger(upstream_link_least_read(&connection->link), LEAST_READ_BYTES);
    if (spare >= least && spare < limit)
        *length = spare;
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

/* What the loop says in the turn in which the request was sent, it had seen before: that is no
 * answer to this request, but the rest of an earlier one, or the end of the connection. */
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
            upstream_http1_fail(connection, UPSTREAM_FAILURE_STALE);
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

void upstream_http1_on_readable(h2o_socket_t *socket, const char *error)
{
    (void)error;
    struct upstream_http1 *connection = socket->data;
    struct worker *worker = connection->link.worker;
    receive(connection);
    exchanges_flush(worker);
}

void upstream_http1_expect_answer(struct upstream_http1 *connection)
{
    connection->has_received = false;
    connection->begun_turn = connection->link.worker->turn;
    connection->interim_heads = 0;
    connection->interim_bytes = 0;
    connection->is_informing = false;
    connection->is_head_complete = false;
    connection->read_bytes = FIRST_READ_BYTES;
}

void upstream_http1_resume_reading(struct upstream_http1 *connection)
{
    if (!connection->is_paused)
        return;
    connection->is_paused = false;
    h2o_socket_read_start(connection->link.socket, upstream_http1_on_readable);
}

void upstream_http1_resume(struct upstream_http1 *connection)
{
    if (connection->is_informing) {
        connection->is_informing = false;
        skip_interim_head(connection);
        on_head_bytes(connection);
    } else if (has_room(connection)) {
        upstream_http1_resume_reading(connection);
    }
}
