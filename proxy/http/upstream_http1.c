#include "proxy/http/upstream_http1.h"

#include "common/buffer.h"
#include "proxy/http/exchange.h"
#include "proxy/http/forwarder.h"
#include "proxy/http/http1_head.h"
#include "proxy/http/worker.h"

#include <assert.h>

static const struct upstream_operations operations;

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

void upstream_http1_fail(struct upstream_http1 *connection, enum upstream_failure failure)
{
    struct exchange *exchange = connection->exchange;
    close_connection(connection);
    exchange_fail(exchange, failure);
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

void upstream_http1_finish(struct upstream_http1 *connection, bool is_clean)
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
        upstream_http1_resume_reading(connection);
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

/* --- connecting ------------------------------------------------------------------------------ */

static void begin(struct upstream_http1 *connection)
{
    struct exchange *exchange = connection->exchange;
    connection->is_unwritable = false;
    connection->has_sent_all = false;
    connection->is_tunnel = false;
    upstream_http1_expect_answer(connection);

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
    upstream_http1_fail(connection, failure);
}

static const struct upstream_link_owner link_owner = {
    .on_open = on_open,
    .on_failed = on_failed,
    .on_readable = upstream_http1_on_readable,
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
    upstream_http1_resume(exchange->upstream);
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
