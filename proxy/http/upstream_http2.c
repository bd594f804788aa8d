#include "proxy/http/upstream_http2.h"

#include "common/buffer.h"
#include "proxy/http/conn_pool.h"
#include "proxy/http/exchange.h"
#include "proxy/http/forwarder.h"
#include "proxy/http/upstream_stream.h"
#include "proxy/http/worker.h"

#include <assert.h>
#include <stdlib.h>

/* At most so many streams on one connection, also when the endpoint allows more or has not said
 * yet: with more, more of them would wait behind one lost packet. RFC 9113 section 5.1.2 recommends
 * that an endpoint allows no fewer. */
enum { STREAMS_MAX = 100 };

/* A connection from which nothing has come for so long, while an exchange waited in vain, is taken
 * for dead; sooner when not even SETTINGS have come, which are first (RFC 9113 section 3.4). */
enum { SILENCE_MS = 5 * 1000, FIRST_SILENCE_MS = 500 };

/* What `is_fresh` may share: a connection that others have just opened for the same reason. */
enum { FRESH_MS = 1000 };

static uint64_t now_ms(const struct upstream_http2 *connection)
{
    return timers_now_ms(&connection->link.worker->timers);
}

/* --- one connection -------------------------------------------------------------------------- */

static size_t load_of(const struct upstream_http2 *connection)
{
    size_t begun = connection->link.is_opening ? 0 : connection->session.stream_count;
    return begun + connection->waiting_count;
}

/* What is not in use goes when the turn is over, or after a while. */
static void schedule(struct upstream_http2 *connection)
{
    struct worker *worker = connection->link.worker;
    if (load_of(connection) > 0) {
        timer_stop(&connection->timer);
        return;
    }
    bool is_over = connection->is_retired || connection->link.is_opening || worker->is_draining;
    timer_start(&worker->timers, &connection->timer,
                is_over ? 0 : worker->shared->http.pool_idle_timeout_ms);
}

static void on_due(struct timer *timer)
{
    struct upstream_http2 *connection = timer->context;
    if (load_of(connection) == 0)
        upstream_http2_close(connection);
}

void upstream_http2_retire(struct upstream_http2 *connection)
{
    connection->is_retired = true;
    schedule(connection);
}

static void fail_waiting(struct upstream_http2 *connection, enum upstream_failure failure)
{
    while (connection->waiting != NULL)
        upstream_stream_fail(connection->waiting, failure);
}

enum upstream_failure upstream_http2_failure(const struct upstream_http2 *connection)
{
    return connection->session.has_received ? UPSTREAM_FAILURE_CLOSED : UPSTREAM_FAILURE_CONNECT;
}

void upstream_http2_close(struct upstream_http2 *connection)
{
    struct worker *worker = connection->link.worker;
    conn_pool_remove_http2(worker->pool, connection);
    fail_waiting(connection, upstream_http2_failure(connection));
    if (!connection->link.is_opening)
        http2_session_close(&connection->session);
    timer_clear(&worker->timers, &connection->timer);
    upstream_link_close(&connection->link);
    free(connection);
}

/* --- what the session tells ------------------------------------------------------------------ */

static struct upstream_http2 *connection_of(struct http2_session *session)
{
    return (struct upstream_http2 *)((char *)session - offsetof(struct upstream_http2, session));
}

static void on_closed(struct http2_stream *stream, uint32_t error)
{
    struct upstream_http2 *connection = connection_of(stream->session);
    upstream_stream_on_closed(stream, error);
    /* An endpoint that does not keep to windows goes on sending where nobody listens any more. */
    if (connection->session.has_peer_goaway || error == HTTP2_FLOW_CONTROL_ERROR)
        connection->is_retired = true;
    schedule(connection);
}

static void on_writable(h2o_socket_t *socket, const char *error)
{
    (void)error;
    struct upstream_http2 *connection = socket->data;
    http2_session_mark(&connection->session);
}

static void on_sent(struct http2_session *session, bool is_blocked)
{
    (void)session;
    (void)is_blocked;
}

static void on_over(struct http2_session *session)
{
    upstream_http2_close(connection_of(session));
}

static void begin_waiting(struct upstream_http2 *connection)
{
    struct upstream_stream *next;
    for (struct upstream_stream *each = connection->waiting; each != NULL; each = next) {
        next = each->next;
        if (upstream_stream_can_begin(each))
            upstream_stream_begin(each);
    }
    schedule(connection);
}

static void on_settings(struct http2_session *session)
{
    begin_waiting(connection_of(session));
}

static const struct http2_session_events session_events = {
    .on_field = upstream_stream_on_field,
    .on_head = upstream_stream_on_head,
    .on_data = upstream_stream_on_data,
    .on_end = upstream_stream_on_end,
    .on_room = upstream_stream_on_room,
    .on_closed = on_closed,
    .on_settings = on_settings,
    .on_writable = on_writable,
    .on_sent = on_sent,
    .on_over = on_over,
};

/* --- opening --------------------------------------------------------------------------------- */

static void open_session(struct upstream_http2 *connection)
{
    struct upstream_link *link = &connection->link;
    struct worker_counters *counters = link->worker->counters;
    connection->connected_ms = connection->received_ms = now_ms(connection);
    http2_session_open(&connection->session, HTTP2_CLIENT, link->worker, link->socket, link->ssl,
                       &session_events, &counters->upstream_bytes_in,
                       &counters->upstream_bytes_out);
}

static void on_open(struct upstream_link *link)
{
    struct upstream_http2 *connection = (struct upstream_http2 *)link;
    open_session(connection);
    begin_waiting(connection);
}

static void on_failed(struct upstream_link *link, enum upstream_failure failure, const char *reason)
{
    struct upstream_http2 *connection = (struct upstream_http2 *)link;
    for (struct upstream_stream *each = connection->waiting; each != NULL; each = each->next)
        each->exchange->forwarding.tls_error = reason;
    fail_waiting(connection, failure);
    upstream_http2_close(connection);
}

static void on_readable(h2o_socket_t *socket, const char *error)
{
    (void)error;
    struct upstream_http2 *connection = socket->data;
    struct worker *worker = connection->link.worker;
    connection->received_ms = now_ms(connection);
    http2_session_receive(&connection->session);
    exchanges_flush(worker);
}

static const struct upstream_link_owner link_owner = {
    .on_open = on_open,
    .on_failed = on_failed,
    .on_readable = on_readable,
};

static struct upstream_http2 *connect_to(struct worker *worker, struct endpoint *endpoint)
{
    struct upstream_http2 *connection = memory_allocate_zeroed(1, sizeof(*connection));
    if (!upstream_link_open(&connection->link, worker, endpoint, &link_owner)) {
        free(connection);
        return NULL;
    }
    timer_init(&connection->timer, on_due, connection);
    connection->connected_ms = now_ms(connection);
    conn_pool_add_http2(worker->pool, connection);
    if (!connection->link.is_opening)
        open_session(connection);
    return connection;
}

/* --- choosing -------------------------------------------------------------------------------- */

/* How many streams a connection will allow that has not said so yet, judged by the others to its
 * endpoint: more would be refused. */
static size_t expected_allowance(const struct upstream_http2 *connection)
{
    size_t least = STREAMS_MAX;
    const struct upstream_http2 *each =
        conn_pool_first_http2(connection->link.worker->pool, connection->link.endpoint);
    for (; each != NULL; each = each->next) {
        if (each->session.has_peer_settings && http2_session_allowance(&each->session) < least)
            least = http2_session_allowance(&each->session);
    }
    return least > 0 ? least : 1;
}

static bool has_room(const struct upstream_http2 *connection)
{
    size_t most =
        connection->session.has_peer_settings ? STREAMS_MAX : expected_allowance(connection);
    return load_of(connection) < most &&
           (connection->link.is_opening ||
            http2_session_room(&connection->session) > connection->waiting_count);
}

static bool may_be_used(struct upstream_http2 *connection, bool is_fresh)
{
    uint64_t age_ms = now_ms(connection) - connection->connected_ms;
    if (!connection->link.is_opening && !connection->is_retired &&
        (connection->session.has_peer_goaway || connection->session.is_ended ||
         age_ms >= connection->link.worker->shared->http.pool_max_age_ms))
        upstream_http2_retire(connection);
    return !connection->is_retired &&
           (!is_fresh || connection->link.is_opening || age_ms < FRESH_MS);
}

/* An endpoint that allows no stream at all would allow none on another connection either. */
static bool allows_none(const struct upstream_http2 *connection)
{
    return !connection->link.is_opening && connection->session.stream_count == 0 &&
           http2_session_room(&connection->session) == 0;
}

enum upstream_lease upstream_http2_lease(struct worker *worker, struct endpoint *endpoint,
                                         bool is_fresh, uint32_t max_connections,
                                         struct upstream_http2 **connection)
{
    bool is_closed_for_now = false;
    struct upstream_http2 *best = NULL;
    struct upstream_http2 *each = conn_pool_first_http2(worker->pool, endpoint);
    for (; each != NULL; each = each->next) {
        if (!may_be_used(each, is_fresh))
            continue;
        if (has_room(each) && (best == NULL || load_of(each) < load_of(best)))
            best = each;
        is_closed_for_now |= allows_none(each);
    }
    *connection = best;
    if (best != NULL) {
        if (best->served > 0)
            counter_add(&worker->counters->upstream_connections_reused, 1);
        return UPSTREAM_LEASED;
    }
    if (is_closed_for_now || !endpoint_connection_start(endpoint, max_connections))
        return UPSTREAM_FULL;
    *connection = connect_to(worker, endpoint);
    if (*connection != NULL)
        return UPSTREAM_LEASED;
    endpoint_connection_ended(endpoint);
    return UPSTREAM_UNREACHABLE;
}

/* --- exchanges ------------------------------------------------------------------------------- */

void upstream_http2_start(struct exchange *exchange, struct upstream_http2 *connection)
{
    struct upstream_stream *stream = upstream_stream_new(exchange, connection);
    if (!connection->link.is_opening && upstream_stream_can_begin(stream))
        upstream_stream_begin(stream);
    schedule(connection);
}

void upstream_http2_on_cancelled(struct upstream_http2 *connection, uint64_t since_ms)
{
    uint64_t silent_since_ms =
        connection->received_ms > since_ms ? connection->received_ms : since_ms;
    uint64_t limit_ms = connection->session.has_peer_settings ? SILENCE_MS : FIRST_SILENCE_MS;
    if (!connection->link.is_opening && now_ms(connection) - silent_since_ms >= limit_ms)
        connection->is_retired = true;
    schedule(connection);
}
