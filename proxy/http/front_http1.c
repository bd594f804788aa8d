#include "proxy/http/front_http1.h"

#include "common/buffer.h"
#include "proxy/http/local_reply.h"
#include "proxy/http/refusal.h"
#include "proxy/http/worker.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

/* Most heads fit into one read. What clients send ahead of their turn is bounded by the second. */
enum { HEAD_READ_BYTES = 4 * 1024, AHEAD_MAX_BYTES = 64 * 1024 };

static void on_readable(h2o_socket_t *socket, const char *error);

/* --- one connection -------------------------------------------------------------------------- */

static void set_idle(struct front_http1 *front, bool is_idle)
{
    struct worker *worker = front->worker;
    if (front->is_idle == is_idle)
        return;
    front->is_idle = is_idle;
    if (is_idle) {
        front->idle_newer = NULL;
        front->idle_older = worker->idle_newest;
        if (worker->idle_newest != NULL)
            worker->idle_newest->idle_newer = front;
        else
            worker->idle_oldest = front;
        worker->idle_newest = front;
        return;
    }
    if (front->idle_newer != NULL)
        front->idle_newer->idle_older = front->idle_older;
    else
        worker->idle_newest = front->idle_older;
    if (front->idle_older != NULL)
        front->idle_older->idle_newer = front->idle_newer;
    else
        worker->idle_oldest = front->idle_newer;
}

void front_http1_close(struct front_http1 *front)
{
    struct worker *worker = front->worker;
    if (front->exchange != NULL)
        exchange_end(front->exchange);
    set_idle(front, false);

    if (front->next != NULL)
        front->next->previous = front->previous;
    if (front->previous != NULL)
        front->previous->next = front->next;
    else
        worker->fronts = front->next;
    worker->front_count--;
    counter_add(&worker->counters->connections_closed, 1);
    connection_limits_leave(worker->shared->limits, front->peer);

    timer_clear(&worker->timers, &front->read_timer);
    timer_clear(&worker->timers, &front->write_timer);
    http1_writer_clear(&front->writer);
    buffer_clear(&front->input);
    h2o_socket_close(front->socket);
    free(front);
    worker_on_front_closed(worker);
}

static void start_read_timer(struct front_http1 *front, uint64_t delay_ms)
{
    timer_start(&front->worker->timers, &front->read_timer, delay_ms);
}

static void stop_reading(struct front_http1 *front)
{
    front->is_paused = true;
    h2o_socket_read_stop(front->socket);
}

/* -1: nothing for now; 0: the end, or an error (`*is_reset`). */
static ssize_t receive(struct front_http1 *front, char *at, size_t length, bool *is_reset)
{
    ssize_t received;
    do
        received = recv(h2o_socket_get_fd(front->socket), at, length, 0);
    while (received < 0 && errno == EINTR);

    *is_reset = received < 0 && errno != EAGAIN;
    if (received > 0)
        counter_add(&front->worker->counters->client_bytes_in, (uint64_t)received);
    return *is_reset ? 0 : received;
}

/* --- refusing -------------------------------------------------------------------------------- */

static enum denial denial_of(unsigned status)
{
    switch (status) {
    case 405:
        return DENIAL_METHOD;
    case 413:
        return DENIAL_BODY_TOO_LARGE;
    case 414:
        return DENIAL_URI_TOO_LONG;
    case 417:
        return DENIAL_EXPECTATION;
    case 431:
        return DENIAL_HEAD_TOO_LARGE;
    case 505:
        return DENIAL_VERSION;
    default:
        return DENIAL_BAD_REQUEST;
    }
}

/* Answers and then closes: behind a request that is not understood nothing can be. */
static void refuse(struct front_http1 *front, enum denial denial, unsigned status,
                   const char *sentence)
{
    struct exchange *exchange = front->exchange;
    counter_add(&front->worker->counters->refused[denial], 1);
    timer_stop(&front->read_timer);
    if (!exchange->is_head_complete) {
        exchange->is_head_complete = true;
        exchange->request = (struct parsed_request){.minor_version = 1};
    }
    exchange->response_closes = true;
    front->body_is_refused = true;
    exchange_cancel_upstream(exchange);
    local_reply(exchange, status, sentence);
}

static void refuse_message(struct front_http1 *front, enum refusal refusal)
{
    const struct refusal_info *info = refusal_info(refusal);
    refuse(front, denial_of(info->status), info->status, info->reason);
}

/* --- bodies ---------------------------------------------------------------------------------- */

static bool is_reading_body(const struct front_http1 *front)
{
    return front->exchange != NULL && front->exchange->is_head_complete &&
           !front->exchange->request_body.is_ended && !front->body_is_refused;
}

/* A client has the whole timeout for anything, and then must keep up a minimum. */
static void on_body_progress(struct front_http1 *front, size_t length)
{
    exchange_mark(front->exchange, EXCHANGE_REQUEST_DATA);
    if (body_pipe_room(&front->exchange->request_body) == 0) {
        timer_stop(&front->read_timer); /* it is not the client that is slow */
        return;
    }
    struct timers *timers = &front->worker->timers;
    uint64_t latest_ms = timers_now_ms(timers) + front->worker->shared->http.upload_timeout_ms;
    uint64_t due_ms = latest_ms;
    if (timer_is_running(&front->read_timer))
        due_ms = front->read_timer.due_ms + length * 1000 / UPLOAD_MINIMUM_BYTES_A_SECOND;
    timer_start_at(timers, &front->read_timer, due_ms < latest_ms ? due_ms : latest_ms);
}

static void on_body_end(struct front_http1 *front)
{
    front->exchange->request_body.is_ended = true;
    front->wants_continue = false;
    timer_stop(&front->read_timer);
    exchange_mark(front->exchange, EXCHANGE_REQUEST_DATA);
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
    } else if (chunked_body_decode(&exchange->request_chunks, bytes, body, &used) ==
               CHUNK_REFUSED) {
        refuse_message(front, exchange->request_chunks.decoder.refusal);
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
    while (is_reading_body(front) && front->input.length > 0) {
        size_t room = body_pipe_room(&front->exchange->request_body);
        if (room == 0)
            return;
        struct slice bytes = buffer_slice(&front->input);
        if (bytes.length > room)
            bytes.length = room;
        buffer_consume(&front->input, take_body(front, bytes));
    }
}

/* By length, straight into the pipe; chunks by way of the worker's scratch space. */
static void read_body(struct front_http1 *front)
{
    struct exchange *exchange = front->exchange;
    struct body_pipe *body = &exchange->request_body;
    take_body_from_input(front);
    if (!is_reading_body(front))
        return;
    size_t room = body_pipe_room(body);
    if (room == 0) {
        timer_stop(&front->read_timer);
        stop_reading(front);
        return;
    }

    bool by_length = exchange->request.framing == BODY_LENGTH;
    if (by_length && room > front->body_left)
        room = (size_t)front->body_left;
    char *at = by_length ? buffer_reserve(&body->bytes, room) : front->worker->scratch;
    bool is_reset;
    ssize_t received = receive(front, at, room, &is_reset);
    if (received < 0)
        return;
    if (received == 0) {
        front_http1_close(front); /* it will never be complete */
        return;
    }

    if (by_length) {
        body_pipe_extend(body, (size_t)received);
        front->body_left -= (size_t)received;
        if (front->body_left == 0)
            on_body_end(front);
        else
            on_body_progress(front, (size_t)received);
        return;
    }
    size_t used = take_body(front, slice_of(at, (size_t)received));
    buffer_append(&front->input, at + used, (size_t)received - used);
}

void front_http1_resume_body(struct front_http1 *front)
{
    if (!is_reading_body(front))
        return;
    if (front->wants_continue) {
        front->wants_continue = false;
        buffer_append_string(&front->writer.before, "HTTP/1.1 100 Continue\r\n\r\n");
        front_http1_send(front);
        return;
    }

    take_body_from_input(front);
    if (is_reading_body(front) && front->is_paused && !front->is_half_closed &&
        body_pipe_room(&front->exchange->request_body) > 0) {
        front->is_paused = false;
        start_read_timer(front, front->worker->shared->http.upload_timeout_ms);
        h2o_socket_read_start(front->socket, on_readable);
    }
}

static void start_body(struct front_http1 *front)
{
    struct exchange *exchange = front->exchange;
    uint64_t limit = front->worker->shared->http.max_body_bytes;

    front->body_left = exchange->request.content_length;
    if (exchange->request.framing == BODY_NONE ||
        (exchange->request.framing == BODY_LENGTH && front->body_left == 0)) {
        exchange->request_body.is_ended = true;
        return;
    }
    if (exchange->request.framing == BODY_CHUNKED)
        chunked_body_start(&exchange->request_chunks, limit);
    front->wants_continue = exchange->request.expects_continue && front->input.length == 0;
    start_read_timer(front, front->worker->shared->http.upload_timeout_ms);
    take_body_from_input(front);
}

/* --- heads ----------------------------------------------------------------------------------- */

static void start_exchange(struct front_http1 *front)
{
    struct exchange *exchange = exchange_new(front->worker, &front_http1_operations, front);
    struct request_limits limits = REQUEST_LIMITS_DEFAULT;
    limits.body_bytes = front->worker->shared->http.max_body_bytes;
    struct header_list fields = {.headers = exchange->request_headers,
                                 .tags = exchange->request_tags,
                                 .capacity = REQUEST_HEADERS_DEFAULT};
    exchange->peer_address = slice_from_string(front->peer_text);
    request_parser_init(&exchange->request_parser, &limits, fields, SLICE("http"), false);
    front->exchange = exchange;
    front->body_is_refused = false;
    set_idle(front, false);
}

static void on_head(struct front_http1 *front)
{
    struct exchange *exchange = front->exchange;
    exchange->request = exchange->request_parser.request;
    exchange->request.head.listener = listener_identity(front->listener);
    exchange->is_head_complete = true;
    counter_add(&front->worker->counters->requests, 1);
    timer_stop(&front->read_timer);
    exchange_mark(exchange, EXCHANGE_REQUEST);
    start_body(front);
}

/* `fresh` bytes at the end of the head's bytes are new; those that turn out not to belong to the
 * head were, or are put, in front->input. Returns whether it waits for more. */
static bool parse_head(struct front_http1 *front, size_t fresh, bool is_from_input)
{
    struct exchange *exchange = front->exchange;
    struct buffer *bytes = &exchange->request_bytes;

    enum parse_result result =
        request_parser_feed(&exchange->request_parser, bytes->at, bytes->length);
    size_t behind = 0;
    if (result == PARSE_DONE)
        behind = bytes->length - exchange->request_parser.request.head_bytes;
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
        refuse_message(front, exchange->request_parser.refusal);
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
    start_read_timer(front, front->worker->shared->http.head_timeout_ms);
}

/* False when the client is gone. */
static bool receive_head(struct front_http1 *front)
{
    struct buffer *bytes = &front->exchange->request_bytes;
    bool is_first = bytes->length == 0;
    bool is_reset;
    ssize_t received =
        receive(front, buffer_reserve(bytes, HEAD_READ_BYTES), HEAD_READ_BYTES, &is_reset);
    if (received <= 0)
        return received < 0;
    buffer_extend(bytes, (size_t)received);
    if (parse_head(front, (size_t)received, false) && is_first)
        start_read_timer(front, front->worker->shared->http.head_timeout_ms);
    return true;
}

static void read_head(struct front_http1 *front)
{
    if (front->exchange == NULL)
        start_exchange(front);
    if (!receive_head(front))
        front_http1_close(front);
}

/* --- ahead of their turn, and after the end -------------------------------------------------- */

/* While a response is on its way: the next requests, or the end of them. That a client sends no
 * more does not mean that it does not listen. */
static void read_ahead(struct front_http1 *front)
{
    if (front->input.length >= AHEAD_MAX_BYTES) {
        stop_reading(front);
        return;
    }
    bool is_reset;
    ssize_t received =
        receive(front, buffer_reserve(&front->input, HEAD_READ_BYTES), HEAD_READ_BYTES, &is_reset);
    if (received < 0)
        return;
    if (is_reset) {
        front_http1_close(front);
        return;
    }
    if (received == 0) {
        front->is_half_closed = true;
        stop_reading(front);
        return;
    }
    buffer_extend(&front->input, (size_t)received);
}

static void read_away(struct front_http1 *front)
{
    bool is_reset;
    if (receive(front, front->worker->scratch, WORKER_SCRATCH_BYTES, &is_reset) == 0)
        front_http1_close(front);
}

static void on_readable(h2o_socket_t *socket, const char *error)
{
    (void)error;
    struct front_http1 *front = socket->data;
    if (front->is_lingering)
        read_away(front);
    else if (front->exchange == NULL || !front->exchange->is_head_complete)
        read_head(front);
    else if (is_reading_body(front))
        read_body(front);
    else
        read_ahead(front);
}

static void resume_reading(struct front_http1 *front)
{
    if (!front->is_paused || front->is_half_closed)
        return;
    front->is_paused = false;
    h2o_socket_read_start(front->socket, on_readable);
}

/* Closing with something unread would reset the connection, and a reset can overtake the answer. */
static void close_in_peace(struct front_http1 *front)
{
    bool has_unread = front->input.length > 0 || front->has_unread_body;
    if (!has_unread || front->is_half_closed) {
        front_http1_close(front);
        return;
    }
    front->is_lingering = true;
    shutdown(h2o_socket_get_fd(front->socket), SHUT_WR);
    start_read_timer(front, front->worker->shared->http.linger_timeout_ms);
    resume_reading(front);
}

void front_http1_next(struct front_http1 *front)
{
    front->has_unread_body = !front->exchange->request_body.is_ended;
    front->is_writing_response = false;
    exchange_end(front->exchange);
    front->exchange = NULL;

    if (front->closes || front->worker->is_draining || front->has_unread_body) {
        close_in_peace(front);
        return;
    }
    if (front->input.length > 0)
        read_next_head(front);
    else
        buffer_clear(&front->input);
    if (front->exchange != NULL && front->exchange->is_head_complete)
        return;
    if (front->is_half_closed) {
        front_http1_close(front);
        return;
    }
    resume_reading(front);
    if (front->exchange == NULL) {
        set_idle(front, true);
        start_read_timer(front, front->worker->shared->http.idle_timeout_ms);
    }
}

/* A request that has reached us already is not turned away. */
void front_http1_drain(struct front_http1 *front)
{
    if (front->exchange != NULL || front->is_lingering)
        return;
    start_exchange(front);
    if (receive_head(front) && front->exchange->request_bytes.length > 0)
        return;
    front_http1_close(front);
}

/* --- timers ---------------------------------------------------------------------------------- */

static void on_read_due(struct timer *timer)
{
    struct front_http1 *front = timer->context;
    struct exchange *exchange = front->exchange;

    if (exchange == NULL || exchange->request_bytes.length == 0) {
        front_http1_close(front); /* idle, lingering, or nothing ever came */
    } else if (!exchange->is_head_complete) {
        refuse(front, DENIAL_HEAD_TIMEOUT, 408, "The request's head did not arrive in time.");
    } else {
        refuse(front, DENIAL_BODY_TIMEOUT, 408, "The request's body did not arrive in time.");
    }
}

static void on_write_due(struct timer *timer)
{
    front_http1_close(timer->context);
}

/* --- accepting ------------------------------------------------------------------------------- */

static void describe_peer(struct front_http1 *front, const struct sockaddr *address)
{
    switch (address->sa_family) {
    case AF_INET:
        inet_ntop(AF_INET, &((const struct sockaddr_in *)(const void *)address)->sin_addr,
                  front->peer_text, sizeof(front->peer_text));
        return;
    case AF_INET6:
        inet_ntop(AF_INET6, &((const struct sockaddr_in6 *)(const void *)address)->sin6_addr,
                  front->peer_text, sizeof(front->peer_text));
        return;
    default:
        memcpy(front->peer_text, "unix:", sizeof("unix:"));
        return;
    }
}

void front_http1_accept(struct worker *worker, const struct listener *listener, int fd,
                        const struct sockaddr *address)
{
    struct front_http1 *front = memory_allocate_zeroed(1, sizeof(*front));
    front->worker = worker;
    front->listener = listener;
    front->peer = peer_key_of(address);
    describe_peer(front, address);
    timer_init(&front->read_timer, on_read_due, front);
    timer_init(&front->write_timer, on_write_due, front);

    front->next = worker->fronts;
    if (worker->fronts != NULL)
        worker->fronts->previous = front;
    worker->fronts = front;
    worker->front_count++;
    counter_add(&worker->counters->connections_accepted, 1);

    if (address->sa_family != AF_UNIX) {
        int on = 1;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    }
    front->socket = h2o_evloop_socket_create(
        worker->loop, fd, H2O_SOCKET_FLAG_DONT_READ | H2O_SOCKET_FLAG_IS_ACCEPTED_CONNECTION);
    front->socket->data = front;
    h2o_socket_read_start(front->socket, on_readable);
    start_read_timer(front, worker->shared->http.head_timeout_ms);
}
