#include "proxy/http/front_exchange.h"
#include "proxy/http/front_http1.h"
#include "proxy/http/worker.h"

bool front_http1_is_reading_body(const struct front_http1 *front)
{
    return front->exchange != NULL && front->exchange->is_head_complete &&
           !front->exchange->request_body.is_ended && !front->body_is_refused;
}

static void on_body_progress(struct front_http1 *front, size_t length)
{
    exchange_continue_request(front->exchange);
    if (body_pipe_room(&front->exchange->request_body) == 0) {
        timer_stop(&front->read_timer); /* it is not the client that is slow */
        return;
    }
    timer_start_at(&front->worker->timers, &front->read_timer,
                   front_exchange_upload_due_ms(front->worker, front->read_timer.due_ms, length));
}

static void on_body_end(struct front_http1 *front)
{
    front->exchange->request_body.is_ended = true;
    front->wants_continue = false;
    timer_stop(&front->read_timer);
    exchange_continue_request(front->exchange);
}

/* Takes what belongs to the body out of `bytes`; returns how much that was. */
static size_t take_body(struct front_http1 *front, struct slice bytes)
{
    struct exchange *exchange = front->exchange;
    struct body_pipe *body = &exchange->request_body;
    size_t used = 0;

    if (exchange->request.framing == BODY_LENGTH) {
        used = bytes.length < front->body_left ? bytes.length : (size_t)front->body_left;
        body_pipe_append(body, slice_of(bytes.at, used));
        front->body_left -= used;
        body->is_ended = front->body_left == 0;
    } else if (chunked_body_decode(exchange->request_chunks, bytes, body, &used) == CHUNK_REFUSED) {
        front_http1_refuse(front, exchange->request_chunks->decoder.refusal);
        return bytes.length;
    }

    if (body->is_ended)
        on_body_end(front);
    else
        on_body_progress(front, used);
    return used;
}

/* What came in early: behind the head, or behind the request before. */
static void take_body_from_input(struct front_http1 *front)
{
    while (front_http1_is_reading_body(front) && front->input.length > 0) {
        size_t room = body_pipe_room(&front->exchange->request_body);
        if (room == 0)
            return;
        struct slice bytes = buffer_slice(&front->input);
        if (bytes.length > room)
            bytes.length = room;
        buffer_consume(&front->input, take_body(front, bytes));
    }
}

bool front_http1_has_lost_body(const struct front_http1 *front)
{
    return front_http1_is_reading_body(front) && front->is_half_closed && front->input.length == 0;
}

/* Returns how many bytes came. 0 when there are none for now, or when the client is gone, and with
 * it `front`: the body will never be complete. */
static size_t receive(struct front_http1 *front, char *at, size_t length)
{
    bool is_reset;
    ssize_t received = front_http1_receive(front, at, length, &is_reset);
    if (received == 0)
        front_http1_close(front);
    return received > 0 ? (size_t)received : 0;
}

/* Straight into the pipe. */
static void receive_in_place(struct front_http1 *front, size_t length)
{
    struct body_pipe *body = &front->exchange->request_body;
    if (body->bytes.length == 0 && length > READ_BUFFER_BYTES)
        read_buffers_lend_large(&front->worker->read_buffers, &body->bytes);
    size_t received = receive(front, buffer_reserve(&body->bytes, length), length);
    if (received == 0)
        return;
    body_pipe_extend(body, received);
    front->body_left -= received;
    if (front->body_left == 0)
        on_body_end(front);
    else
        on_body_progress(front, received);
}

/* By way of the worker's scratch space: chunks, and what a record of TLS may hold besides the body.
 * Such a record may be more than the pipe has room for. */
static void receive_apart(struct front_http1 *front, size_t length)
{
    char *at = front->worker->scratch;
    size_t received = receive(front, at, length);
    if (received == 0)
        return;
    size_t used = take_body(front, slice_of(at, received));
    buffer_append(&front->input, at + used, received - used);
}

void front_http1_read_body(struct front_http1 *front)
{
    struct exchange *exchange = front->exchange;
    take_body_from_input(front);
    if (!front_http1_is_reading_body(front))
        return;
    size_t room = body_pipe_room(&exchange->request_body);
    if (room == 0) {
        timer_stop(&front->read_timer);
        front_http1_stop_reading(front);
        return;
    }

    bool by_length = exchange->request.framing == BODY_LENGTH;
    if (by_length && room > front->body_left)
        room = (size_t)front->body_left;
    size_t least = client_connection_least_read(front->connection);
    if (by_length && room >= least)
        receive_in_place(front, room);
    else
        receive_apart(front, room < least ? least : room);
}

void front_http1_resume_body(struct front_http1 *front)
{
    if (!front_http1_is_reading_body(front))
        return;
    if (front->wants_continue) {
        front->wants_continue = false;
        buffer_append_string(&front->writer.before, "HTTP/1.1 100 Continue\r\n\r\n");
        front_http1_send(front);
        return;
    }

    take_body_from_input(front);
    if (front_http1_has_lost_body(front)) {
        front_http1_close(front);
        return;
    }
    if (front_http1_is_reading_body(front) && front->connection->is_paused &&
        body_pipe_room(&front->exchange->request_body) > 0) {
        front_http1_start_read_timer(front, front->worker->shared->http.upload_timeout_ms);
        front_http1_resume_reading(front);
    }
}

void front_http1_start_body(struct front_http1 *front)
{
    struct exchange *exchange = front->exchange;
    uint64_t limit = front->worker->shared->http.max_body_bytes;

    if (exchange->request.framing == BODY_NONE ||
        (exchange->request.framing == BODY_LENGTH && exchange->request.content_length == 0)) {
        exchange->request_body.is_ended = true;
        return;
    }
    front->body_left = exchange->request.content_length;
    if (exchange->request.framing == BODY_CHUNKED)
        exchange_start_request_chunks(exchange, limit);
    front->wants_continue = exchange->request.expects_continue && front->input.length == 0;
    front_http1_start_read_timer(front, front->worker->shared->http.upload_timeout_ms);
    take_body_from_input(front);
}
