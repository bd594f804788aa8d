#include "common/log.h"
#include "proto/grpc_server_parts.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    RECEIVE_BYTES = 64 * 1024,
    SEND_BYTES = 64 * 1024, /* asked of the core at a time */
};

static void on_ready(struct grpc_connection *connection, uint32_t events);

static void on_watch_ready(struct event_watch *watch, uint32_t events)
{
    on_ready(watch->context, events);
}

/* --- sending ---------------------------------------------------------------------------------- */

/* False when the connection is over. */
static bool send_all(struct grpc_connection *connection)
{
    for (;;) {
        if (!grpc_core_send(connection->core, &connection->out, SEND_BYTES))
            return false;
        if (connection->out.length == 0)
            return true;

        ssize_t sent =
            send(connection->fd, connection->out.at, connection->out.length, MSG_NOSIGNAL);
        if (sent < 0)
            return errno == EAGAIN || errno == EINTR;
        buffer_consume(&connection->out, (size_t)sent);
        connection->taken_bytes += (size_t)sent;
    }
}

static void on_stall(struct event_timer *timer);

/* From when something waits until nothing does. */
static void time_the_peer(struct grpc_connection *connection)
{
    struct grpc_server *server = connection->server;
    if (connection->out.length == 0 && grpc_core_queued(connection->core) == 0) {
        event_timer_stop(&connection->stall_timer);
        return;
    }
    if (connection->stall_timer.loop != NULL)
        return;
    connection->taken_before = connection->taken_bytes;
    event_timer_start(&connection->stall_timer, server->loop, server->limits.stall_timeout_ms,
                      on_stall, connection);
}

static void on_stall(struct event_timer *timer)
{
    struct grpc_connection *connection = timer->context;
    if (connection->taken_bytes != connection->taken_before) {
        time_the_peer(connection);
        return;
    }
    log_warn("control_peer_stalled", "uid=%u pid=%d", connection->peer.uid,
             (int)connection->peer.pid);
    grpc_connection_close(connection);
}

static void flush(struct grpc_connection *connection)
{
    struct grpc_server *server = connection->server;
    if (!send_all(connection) ||
        (connection->out.length == 0 && grpc_core_is_done(connection->core))) {
        grpc_connection_close(connection);
        return;
    }

    /* A peer that does not read is still read from: it may cancel what it does not want. */
    event_watch_change(&connection->watch,
                       EPOLLIN | (connection->out.length > 0 ? (uint32_t)EPOLLOUT : 0));
    if (connection->out.length == 0)
        buffer_clear(&connection->out);
    time_the_peer(connection);
    grpc_server_check_drained(server);
}

static void on_flush_due(struct event_timer *timer)
{
    flush(timer->context);
}

void grpc_connection_touch(struct grpc_connection *connection)
{
    if (connection->flush_timer.loop == NULL)
        event_timer_start(&connection->flush_timer, connection->server->loop, 0, on_flush_due,
                          connection);
}

/* --- receiving -------------------------------------------------------------------------------- */

static void on_head_timeout(struct event_timer *timer)
{
    grpc_connection_close(timer->context);
}

/* A peer that has begun to say something is to end it; what follows a call's head has a timer of
 * the call. */
static void time_the_head(struct grpc_connection *connection)
{
    struct grpc_server *server = connection->server;
    if (grpc_core_has_begun(connection->core) && !grpc_core_awaits_head(connection->core))
        event_timer_stop(&connection->head_timer);
    else if (connection->head_timer.loop == NULL)
        event_timer_start(&connection->head_timer, server->loop, server->limits.message_timeout_ms,
                          on_head_timeout, connection);
}

/* False when the connection is over. */
static bool receive(struct grpc_connection *connection)
{
    static char bytes[RECEIVE_BYTES]; /* the loop's thread is the only one */
    ssize_t got = recv(connection->fd, bytes, sizeof(bytes), 0);
    if (got < 0)
        return errno == EAGAIN || errno == EINTR;
    if (got == 0)
        return false;
    bool goes_on = grpc_core_receive(connection->core, slice_of(bytes, (size_t)got));
    time_the_head(connection);
    if (!goes_on)
        send_all(connection); /* the last words, as far as the socket takes them */
    return goes_on;
}

static void on_ready(struct grpc_connection *connection, uint32_t events)
{
    if ((events & EPOLLIN) != 0 && !receive(connection)) {
        grpc_connection_close(connection);
        return;
    }
    if ((events & (EPOLLERR | EPOLLHUP)) != 0 && (events & EPOLLIN) == 0) {
        grpc_connection_close(connection);
        return;
    }
    grpc_connection_touch(connection);
}

/* --- open and close --------------------------------------------------------------------------- */

void grpc_connection_open(struct grpc_server *server, int fd, const struct peer_credentials *peer,
                          bool is_exempt)
{
    struct grpc_connection *connection = memory_allocate_zeroed(1, sizeof(*connection));
    connection->server = server;
    connection->fd = fd;
    connection->peer = *peer;
    connection->is_exempt = is_exempt;

    connection->next = server->connections;
    if (server->connections != NULL)
        server->connections->previous = connection;
    server->connections = connection;
    server->connection_count++;

    struct grpc_core_handlers handlers = grpc_call_handlers;
    handlers.context = connection;
    connection->core = grpc_core_new(GRPC_ROLE_SERVER, &handlers);
    event_watch_start(&connection->watch, server->loop, fd, EPOLLIN, on_watch_ready, connection);
    time_the_head(connection);
    grpc_connection_touch(connection);
}

void grpc_connection_close(struct grpc_connection *connection)
{
    struct grpc_server *server = connection->server;
    event_watch_stop(&connection->watch);
    event_timer_stop(&connection->head_timer);
    event_timer_stop(&connection->stall_timer);

    /* Calls under way get their on_end from here; what they do may touch the connection. */
    grpc_core_free(connection->core);
    event_timer_stop(&connection->flush_timer);

    close(connection->fd);
    buffer_clear(&connection->out);
    if (connection->previous != NULL)
        connection->previous->next = connection->next;
    else
        server->connections = connection->next;
    if (connection->next != NULL)
        connection->next->previous = connection->previous;
    server->connection_count--;
    free(connection);
    grpc_server_check_drained(server);
}

bool grpc_connection_is_idle(const struct grpc_connection *connection)
{
    return !grpc_core_has_streams(connection->core) && connection->out.length == 0 &&
           connection->flush_timer.loop == NULL;
}

bool grpc_connection_is_full(const struct grpc_connection *connection)
{
    return grpc_core_queued(connection->core) > connection->server->limits.max_queued_bytes;
}
