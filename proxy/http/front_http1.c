#include "proxy/http/front_http1.h"

#include "common/buffer.h"
#include "proxy/http/client_farewell.h"
#include "proxy/http/front_exchange.h"
#include "proxy/http/hangup_watch.h"
#include "proxy/http/worker.h"

#include <stdlib.h>

/* Most heads fit into one read. What clients send ahead of their turn is bounded by the second. */
enum { HEAD_READ_BYTES = 4 * 1024, AHEAD_MAX_BYTES = 64 * 1024 };

/* --- one connection -------------------------------------------------------------------------- */

void front_http1_close(struct front_http1 *front)
{
    client_connection_close(front->connection);
}

void front_http1_start_read_timer(struct front_http1 *front, uint64_t delay_ms)
{
    timer_start(&front->worker->timers, &front->read_timer, delay_ms);
}

void front_http1_end_reading(struct front_http1 *front)
{
    front->is_half_closed = true;
    front_http1_stop_reading(front);
    hangup_watch_add(front->connection);
}

void front_http1_stop_reading(struct front_http1 *front)
{
    client_connection_stop_reading(front->connection);
}

void front_http1_resume_reading(struct front_http1 *front)
{
    if (!front->is_half_closed)
        client_connection_resume_reading(front->connection);
}

ssize_t front_http1_receive(struct front_http1 *front, char *at, size_t length, bool *is_reset)
{
    return client_connection_receive(front->connection, at, length, is_reset);
}

/* --- refusing -------------------------------------------------------------------------------- */

void front_http1_refuse(struct front_http1 *front, enum refusal refusal)
{
    timer_stop(&front->read_timer);
    front->body_is_refused = true;
    front_exchange_refuse(front->exchange, refusal);
}

/* --- heads ----------------------------------------------------------------------------------- */

static void start_exchange(struct front_http1 *front)
{
    front->exchange = front_exchange_new(front->connection, &front_http1_operations, front);
}

static void on_head(struct front_http1 *front)
{
    timer_stop(&front->read_timer);
    front_exchange_serve(front->exchange, front->connection);
    front_http1_start_body(front);
}

/* `fresh` bytes at the end of the head's bytes are new; those that turn out not to belong to the
 * head were, or are put, in front->input. Returns whether it waits for more. */
static bool parse_head(struct front_http1 *front, size_t fresh, bool is_from_input)
{
    struct exchange *exchange = front->exchange;
    struct buffer *bytes = &exchange->request_bytes;

    enum parse_result result =
        request_parser_feed(&exchange->request_area->parser, bytes->at, bytes->length);
    size_t behind = 0;
    if (result == PARSE_DONE)
        behind = bytes->length - exchange->request_area->parser.request.head_bytes;
    if (is_from_input)
        buffer_consume(&front->input, fresh - behind);
    else if (behind > 0)
        buffer_append(&front->input, bytes->at + bytes->length - behind, behind);

    switch (result) {
    case PARSE_MORE:
        return true;
    case PARSE_DONE:
        on_head(front);
        return false;
    case PARSE_REFUSED:
        counter_add(&front->worker->counters->requests, 1);
        front_http1_refuse(front, exchange->request_area->parser.refusal);
        return false;
    }
    return false;
}

/* From what came in ahead of its turn, piece by piece: one of these bytes is looked at once, or
 * twice, but not once for each request in front of it. */
static void read_next_head(struct front_http1 *front)
{
    start_exchange(front);
    while (front->input.length > 0) {
        size_t piece =
            front->input.length < HEAD_READ_BYTES ? front->input.length : HEAD_READ_BYTES;
        buffer_append(&front->exchange->request_bytes, front->input.at, piece);
        if (!parse_head(front, piece, true))
            return;
    }
    front_http1_start_read_timer(front, front->worker->shared->http.head_timeout_ms);
}

/* Received bytes go behind what `to` holds; see front_http1_receive. By way of the scratch space,
 * as that is in the cache: a buffer of as many bytes for each client is not, and most heads are
 * short. */
static ssize_t receive_behind(struct front_http1 *front, struct buffer *to, bool *is_reset)
{
    char *scratch = front->worker->scratch;
    size_t least = client_connection_least_read(front->connection);
    size_t most = least > HEAD_READ_BYTES ? least : (size_t)HEAD_READ_BYTES;
    ssize_t received = front_http1_receive(front, scratch, most, is_reset);
    if (received > 0)
        buffer_append(to, scratch, (size_t)received);
    return received;
}

/* False when the client is gone. */
static bool receive_head(struct front_http1 *front)
{
    struct buffer *bytes = &front->exchange->request_bytes;
    bool is_first = bytes->length == 0;
    bool is_reset;
    ssize_t received = receive_behind(front, bytes, &is_reset);
    if (received <= 0)
        return received < 0;
    if (parse_head(front, (size_t)received, false) && is_first)
        front_http1_start_read_timer(front, front->worker->shared->http.head_timeout_ms);
    return true;
}

static void read_head(struct front_http1 *front)
{
    if (front->exchange == NULL)
        start_exchange(front);
    if (!receive_head(front))
        front_http1_close(front);
}

/* --- ahead of their turn --------------------------------------------------------------------- */

/* While a response is on its way: the next requests, or the end of them. That a client sends no
 * more does not mean that it does not listen. */
static void read_ahead(struct front_http1 *front)
{
    if (front->input.length >= AHEAD_MAX_BYTES) {
        front_http1_stop_reading(front);
        return;
    }
    bool is_reset;
    ssize_t received = receive_behind(front, &front->input, &is_reset);
    if (received != 0)
        return;
    if (is_reset || front->worker->shared->http.aborts_on_close) {
        front_http1_close(front);
        return;
    }
    front_http1_end_reading(front);
}

static void on_readable(h2o_socket_t *socket, const char *error)
{
    (void)error;
    struct client_connection *connection = socket->data;
    struct front_http1 *front = connection->state;
    struct worker *worker = connection->worker;
    if (front->exchange == NULL || !front->exchange->is_head_complete)
        read_head(front);
    else if (front->is_tunnel)
        front_http1_read_tunnel(front);
    else if (front_http1_is_reading_body(front))
        front_http1_read_body(front);
    else
        read_ahead(front);
    exchanges_flush(worker);
}

/* --- from one request to the next ------------------------------------------------------------ */

/* The response was the last one here. A client that may have sent more must have read it before the
 * connection is closed. */
static void end_connection(struct front_http1 *front, bool may_send_more)
{
    struct client_connection *connection = front->connection;
    bool may_be_unheard = may_send_more && !front->is_half_closed;
    bool is_unsaid = connection->ssl != NULL && !client_connection_finish_sending(connection);
    if (may_be_unheard || is_unsaid)
        client_farewell_start(connection);
    else
        front_http1_close(front);
}

static void wait_for_request(struct front_http1 *front)
{
    front_http1_resume_reading(front);
    if (front->exchange != NULL) /* some of its head is there */
        return;
    client_connection_set_idle(front->connection, true);
    uint64_t idle_ms = front->worker->shared->http.idle_timeout_ms;
    front_http1_start_read_timer(front, worker_patience_ms(front->worker, idle_ms));
}

void front_http1_next(struct front_http1 *front)
{
    const struct exchange *exchange = front->exchange;
    bool has_unread_body = !exchange->request_body.is_ended;
    bool may_send_more = exchange->request.keep_alive || has_unread_body || front->input.length > 0;
    front->is_writing_response = false;
    front->is_tunnel = false;
    front->body_is_refused = false;
    exchange_end(front->exchange);
    front->exchange = NULL;

    bool is_last = front->worker->is_draining && !front->worker->is_patient;
    if (front->closes || is_last || has_unread_body) {
        end_connection(front, may_send_more);
        return;
    }
    if (front->input.length > 0)
        read_next_head(front);
    else
        buffer_clear(&front->input);
    bool has_request = front->exchange != NULL && front->exchange->is_head_complete;
    if (has_request ? front_http1_has_lost_body(front) : front->is_half_closed)
        front_http1_close(front);
    else if (!has_request)
        wait_for_request(front);
}

/* --- timers ---------------------------------------------------------------------------------- */

static void on_read_due(struct timer *timer)
{
    struct front_http1 *front = timer->context;
    struct exchange *exchange = front->exchange;

    if (exchange == NULL || exchange->request_bytes.length == 0) {
        front_http1_close(front); /* idle, or nothing ever came */
    } else {
        front->body_is_refused = true;
        front_exchange_time_out(exchange);
    }
}

static void on_write_due(struct timer *timer)
{
    struct front_http1 *front = timer->context;
    counter_add(&front->worker->counters->refused[DENIAL_WRITE_STALL], 1);
    front_http1_close(front);
}

/* --- as one protocol of a connection --------------------------------------------------------- */

static void start(struct client_connection *connection, struct slice received)
{
    struct line_memory *memory = &connection->worker->line_memory;
    struct front_http1 *front = line_memory_allocate(memory, sizeof(*front));
    front->connection = connection;
    front->worker = connection->worker;
    timer_init(&front->read_timer, on_read_due, front);
    timer_init(&front->write_timer, on_write_due, front);
    connection->state = front;
    if (received.length == 0) {
        front_http1_start_read_timer(front, front->worker->shared->http.head_timeout_ms);
        return;
    }
    buffer_append_slice(&front->input, received);
    read_next_head(front);
    if (front->input.length == 0)
        buffer_clear(&front->input);
}

/* A request that has reached us already is not turned away; with patience, nor one that is on its
 * way. */
static void drain(struct client_connection *connection)
{
    struct front_http1 *front = connection->state;
    struct worker *worker = front->worker;
    if (front->exchange != NULL)
        return;
    if (worker->is_patient) {
        uint64_t idle_ms = worker->shared->http.idle_timeout_ms;
        front_http1_start_read_timer(front, worker_patience_ms(worker, idle_ms));
        return;
    }
    start_exchange(front);
    if (receive_head(front) && front->exchange->request_bytes.length > 0)
        return;
    front_http1_close(front);
}

static void stop(struct client_connection *connection)
{
    struct front_http1 *front = connection->state;
    if (front->exchange != NULL)
        exchange_end(front->exchange);
    timer_clear(&front->worker->timers, &front->read_timer);
    timer_clear(&front->worker->timers, &front->write_timer);
    http1_writer_clear(&front->writer);
    buffer_clear(&front->input);
    line_memory_free(&connection->worker->line_memory, front, sizeof(*front));
}

const struct client_protocol front_http1_protocol = {
    .start = start,
    .on_readable = on_readable,
    .drain = drain,
    .stop = stop,
};
