#include "proxy/http/front_http2.h"

#include "common/buffer.h"
#include "proxy/http/client_farewell.h"
#include "proxy/http/worker.h"

#include <stdlib.h>

/* A client that does not answer the PING behind the notice gets the last word all the same. */
enum { SHUTDOWN_NOTICE_MS = 1000 };

/* --- timers ---------------------------------------------------------------------------------- */

/* One timer for whatever is waited for, on whichever stream: started again only for what is due
 * earlier, so that a request costs it nothing. */
void front_http2_expect(struct front_http2 *front, uint64_t due_ms)
{
    if (due_ms < front->timer.due_ms)
        timer_start_at(&front->connection->worker->timers, &front->timer, due_ms);
}

static uint64_t earlier(uint64_t one_ms, uint64_t other_ms)
{
    return one_ms < other_ms ? one_ms : other_ms;
}

static uint64_t check_streams(struct front_http2 *front, uint64_t now_ms)
{
    uint64_t next_ms = TIMER_NEVER;
    struct http2_stream *next;
    for (struct http2_stream *http2 = front->session.streams; http2 != NULL; http2 = next) {
        next = http2->next;
        next_ms =
            earlier(next_ms, front_http2_stream_check((struct front_http2_stream *)http2, now_ms));
    }
    return next_ms;
}

static void on_due(struct timer *timer)
{
    struct front_http2 *front = timer->context;
    uint64_t now_ms = timers_now_ms(&front->connection->worker->timers);
    uint64_t next_ms = check_streams(front, now_ms);

    if (front->idle_due_ms <= now_ms) {
        front->idle_due_ms = TIMER_NEVER;
        http2_session_condemn(&front->session, HTTP2_NO_ERROR);
    }
    if (front->refuse_due_ms <= now_ms) {
        front->refuse_due_ms = TIMER_NEVER;
        http2_session_refuse_new(&front->session);
    }
    front_http2_expect(front, earlier(next_ms, earlier(front->idle_due_ms, front->refuse_due_ms)));
}

static void on_write_due(struct timer *timer)
{
    struct front_http2 *front = timer->context;
    client_connection_close(front->connection);
}

void front_http2_set_idle(struct front_http2 *front, bool is_idle)
{
    struct worker *worker = front->connection->worker;
    if (front->is_stopping)
        return;
    client_connection_set_idle(front->connection, is_idle);
    front->idle_due_ms = TIMER_NEVER;
    if (!is_idle)
        return;
    front->idle_due_ms = timers_now_ms(&worker->timers) + worker->shared->http.idle_timeout_ms;
    front_http2_expect(front, front->idle_due_ms);
}

void front_http2_shut_down(struct front_http2 *front)
{
    if (front->session.is_shutting_down || front->is_stopping)
        return;
    http2_session_shut_down(&front->session);
    front->refuse_due_ms = timers_now_ms(&front->connection->worker->timers) + SHUTDOWN_NOTICE_MS;
    front_http2_expect(front, front->refuse_due_ms);
}

/* --- memory ---------------------------------------------------------------------------------- */

/* Together never more than twice this: those that began when there were few may hold their part
 * still. */
enum { ALL_PIPES_BYTES = 512 * 1024, LEAST_PIPE_BYTES = 4 * 1024 };

/* In powers of two, and more only when there is twice the room for it, so that it rarely changes.
 */
static size_t share_of(size_t count, size_t bytes)
{
    while (bytes > LEAST_PIPE_BYTES && bytes * count > ALL_PIPES_BYTES)
        bytes /= 2;
    while (bytes < BODY_PIPE_HIGH_BYTES && bytes * 4 * count <= ALL_PIPES_BYTES)
        bytes *= 2;
    return bytes;
}

void front_http2_share(struct front_http2 *front, size_t count)
{
    size_t bytes = share_of(count, front->pipe_bytes);
    if (bytes == front->pipe_bytes)
        return;
    front->pipe_bytes = bytes;
    for (struct http2_stream *http2 = front->session.streams; http2 != NULL; http2 = http2->next)
        front_http2_stream_set_share((struct front_http2_stream *)http2, bytes);
}

/* --- what the session tells ------------------------------------------------------------------ */

static struct front_http2 *front_of(struct http2_session *session)
{
    return (struct front_http2 *)session;
}

static void on_writable(h2o_socket_t *socket, const char *error)
{
    (void)error;
    struct client_connection *connection = socket->data;
    struct front_http2 *front = connection->state;
    http2_session_mark(&front->session);
}

static void on_sent(struct http2_session *session, bool is_blocked)
{
    struct front_http2 *front = front_of(session);
    struct worker *worker = session->worker;
    if (is_blocked)
        timer_start(&worker->timers, &front->write_timer,
                    worker->shared->http.write_stall_timeout_ms);
    else
        timer_stop(&front->write_timer);
}

static void on_over(struct http2_session *session)
{
    struct front_http2 *front = front_of(session);
    if (session->is_broken)
        client_connection_close(front->connection);
    else
        client_farewell_start(front->connection);
}

static const struct http2_session_events events = {
    .on_opened = front_http2_stream_open,
    .on_field = front_http2_stream_on_field,
    .on_head = front_http2_stream_on_head,
    .on_data = front_http2_stream_on_data,
    .on_end = front_http2_stream_on_end,
    .on_room = front_http2_stream_on_room,
    .on_fault = front_http2_stream_on_fault,
    .on_closed = front_http2_stream_on_closed,
    .on_writable = on_writable,
    .on_sent = on_sent,
    .on_over = on_over,
};

/* --- as one protocol of a connection --------------------------------------------------------- */

static void start(struct client_connection *connection, struct slice received)
{
    struct worker *worker = connection->worker;
    struct front_http2 *front = memory_allocate_zeroed(1, sizeof(*front));
    front->connection = connection;
    front->refuse_due_ms = TIMER_NEVER;
    front->pipe_bytes = BODY_PIPE_HIGH_BYTES;
    timer_init(&front->timer, on_due, front);
    timer_init(&front->write_timer, on_write_due, front);
    connection->state = front;
    http2_session_open(&front->session, HTTP2_SERVER, worker, connection->socket, connection->ssl,
                       &events, &worker->counters->client_bytes_in,
                       &worker->counters->client_bytes_out);
    front_http2_set_idle(front, true);
    if (worker->is_draining) /* it had not said what it speaks when that began */
        front_http2_shut_down(front);
    http2_session_feed(&front->session, received);
}

static void on_readable(h2o_socket_t *socket, const char *error)
{
    (void)error;
    struct client_connection *connection = socket->data;
    struct front_http2 *front = connection->state;
    struct worker *worker = connection->worker;
    http2_session_receive(&front->session);
    exchanges_flush(worker);
}

static void drain(struct client_connection *connection)
{
    front_http2_shut_down(connection->state);
}

static void stop(struct client_connection *connection)
{
    struct front_http2 *front = connection->state;
    struct timers *timers = &connection->worker->timers;
    front->is_stopping = true;
    http2_session_close(&front->session);
    http2_request_reader_clear(&front->reading);
    timer_clear(timers, &front->timer);
    timer_clear(timers, &front->write_timer);
    free(front);
}

const struct client_protocol front_http2_protocol = {
    .start = start,
    .on_readable = on_readable,
    .drain = drain,
    .stop = stop,
};
