#include "proxy/http/front_http1.h"
#include "proxy/http/http1_head.h"
#include "proxy/http/worker.h"

static void on_writable(h2o_socket_t *socket, const char *error)
{
    (void)error;
    struct client_connection *connection = socket->data;
    struct front_http1 *front = connection->state;
    front->is_blocked = false;
    timer_stop(&front->write_timer);
    front_http1_send(front);
}

static void start_write_timer(struct front_http1 *front)
{
    timer_start(&front->worker->timers, &front->write_timer,
                front->worker->shared->http.write_stall_timeout_ms);
}

static void count_sent(struct front_http1 *front, uint64_t bytes)
{
    front->exchange->sent_bytes += bytes;
    counter_add(&front->worker->counters->client_bytes_out, bytes);
}

void front_http1_send(struct front_http1 *front)
{
    struct client_connection *connection = front->connection;
    struct exchange *exchange = front->exchange;
    if (front->is_blocked)
        return;

    /* Before its head is told, what lies in the response body is not for the client. */
    struct body_pipe nothing = {0};
    struct body_pipe *body = front->is_writing_response ? &exchange->response_body : &nothing;
    bool made_room;
    uint64_t sent_before = front->writer.sent_bytes;
    enum writer_result result = http1_writer_send(&front->writer, client_connection_fd(connection),
                                                  connection->ssl, body, &made_room);
    count_sent(front, front->writer.sent_bytes - sent_before);
    if (made_room)
        exchange_mark(exchange, EXCHANGE_RESPONSE_ROOM);

    switch (result) {
    case WRITER_DONE:
        if (front->is_writing_response)
            read_buffers_return(&front->worker->read_buffers, &exchange->response_body.bytes);
        if (!front->is_writing_response || !http1_writer_is_complete(&front->writer))
            return;
        read_buffers_return(&front->worker->read_buffers, &front->writer.before);
        front_http1_next(front);
        return;
    case WRITER_BLOCKED:
        start_write_timer(front);
        front->is_blocked = true;
        h2o_socket_notify_write(connection->socket, on_writable);
        return;
    case WRITER_FAILED:
        front_http1_close(front);
        return;
    }
}

/* --- what the exchange tells ----------------------------------------------------------------- */

static enum response_framing choose_framing(const struct exchange *exchange)
{
    if (exchange->response.status == 101)
        return RESPONSE_UNTIL_CLOSE;
    switch (exchange->response.framing) {
    case BODY_NONE:
        return RESPONSE_WITHOUT_BODY;
    case BODY_LENGTH:
        return RESPONSE_BY_LENGTH;
    case BODY_CHUNKED:
    case BODY_UNTIL_CLOSE:
        break;
    }
    return exchange->request.minor_version >= 1 ? RESPONSE_CHUNKED : RESPONSE_UNTIL_CLOSE;
}

/* A request of which not everything has come yet makes the rest of the connection unreadable. */
static bool closes_after(const struct front_http1 *front, enum response_framing framing)
{
    const struct exchange *exchange = front->exchange;
    return !exchange->request.keep_alive || exchange->response_closes ||
           framing == RESPONSE_UNTIL_CLOSE || !exchange->request_body.is_ended ||
           front->worker->is_draining || client_connection_is_spent(front->connection);
}

static void on_head(struct exchange *exchange)
{
    struct front_http1 *front = exchange->front;
    enum response_framing framing = choose_framing(exchange);

    front->is_until_close = framing == RESPONSE_UNTIL_CLOSE;
    front->closes = closes_after(front, framing);
    enum connection_field connection = CONNECTION_UNSAID;
    if (exchange->response.status == 101)
        connection = CONNECTION_UPGRADE;
    else if (front->closes)
        connection = CONNECTION_CLOSE;
    else if (exchange->request.minor_version == 0)
        connection = CONNECTION_KEEP_ALIVE;

    read_buffers_lend_for_head(&front->worker->read_buffers, &front->writer.before);
    http1_writer_start(&front->writer, framing == RESPONSE_CHUNKED);
    http1_head_write_response(&front->writer.before, &exchange->response, framing, connection);
    front->wants_continue = false;
    front->is_writing_response = true;
    exchange->sent_status = exchange->response.status;
    if (exchange->response.status == 101)
        front_http1_start_tunnel(front);
}

/* HTTP/1.0 knows no such heads. */
static void on_interim(struct exchange *exchange)
{
    struct front_http1 *front = exchange->front;
    if (exchange->request.minor_version == 0)
        return;
    http1_head_write_response(&front->writer.before, &exchange->response, RESPONSE_WITHOUT_BODY,
                              CONNECTION_UNSAID);
    front_http1_send(front);
}

static void on_data(struct exchange *exchange)
{
    struct front_http1 *front = exchange->front;
    if (!front->is_writing_response)
        return;
    if (!exchange->request.accepts_trailers)
        buffer_reset(&exchange->response_body.trailers);
    front_http1_send(front);
}

/* By length or in chunks, a response that ends too early is seen to be broken. */
static void on_abort(struct exchange *exchange)
{
    struct front_http1 *front = exchange->front;
    if (front->is_until_close)
        client_connection_reset(front->connection);
    else
        front_http1_close(front);
}

static void on_room(struct exchange *exchange)
{
    struct front_http1 *front = exchange->front;
    if (front->is_tunnel)
        front_http1_resume_tunnel(front);
    else
        front_http1_resume_body(front);
}

/* While the socket is read, that tells; but once the client has closed its side it is not. */
static bool is_gone(const struct exchange *exchange)
{
    const struct front_http1 *front = exchange->front;
    return front->connection->is_paused && client_connection_is_gone(front->connection);
}

static const struct client_connection *connection_of(const struct exchange *exchange)
{
    const struct front_http1 *front = exchange->front;
    return front->connection;
}

const struct front_operations front_http1_operations = {
    .head = on_head,
    .interim = on_interim,
    .data = on_data,
    .abort = on_abort,
    .room = on_room,
    .is_gone = is_gone,
    .connection = connection_of,
};
