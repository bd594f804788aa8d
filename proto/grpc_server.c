/* Listening, and what holds for the server as a whole. A connection's I/O is in grpc_connection.c,
 * calls are in grpc_call.c. */
#include "proto/grpc_server.h"

#include "common/log.h"
#include "proto/grpc_server_parts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { ACCEPT_PAUSE_MS = 100, ACCEPTS_PER_TURN = 64 };

void grpc_server_limits_init(struct grpc_server_limits *limits)
{
    *limits = (struct grpc_server_limits){
        .max_connections = 1024,
        .max_connections_per_uid = 64,
        .reserved_connections = 16,
        .message_timeout_ms = 5000,
        .stall_timeout_ms = 30000,
        .max_queued_bytes = 8 << 20,
    };
}

/* --- accepting -------------------------------------------------------------------------------- */

static size_t connections_of(const struct grpc_server *server, uid_t uid)
{
    size_t count = 0;
    for (const struct grpc_connection *each = server->connections; each != NULL; each = each->next)
        count += each->peer.uid == uid && !each->is_exempt;
    return count;
}

/* Why a peer is hung up on; NULL: it may stay. */
static const char *judge_peer(const struct grpc_server *server, const struct peer_credentials *peer,
                              bool is_exempt)
{
    const struct grpc_server_limits *limits = &server->limits;
    if (limits->is_welcome != NULL && !limits->is_welcome(server->context, peer))
        return "not_allowed";
    bool has_reserve = limits->has_reserve == NULL || limits->has_reserve(server->context, peer);
    size_t reserved = has_reserve ? 0 : limits->reserved_connections;
    if (server->connection_count + reserved >= limits->max_connections)
        return "too_many_connections";
    if (!is_exempt && connections_of(server, peer->uid) >= limits->max_connections_per_uid)
        return "too_many_connections_of_user";
    return NULL;
}

static void welcome(struct grpc_server *server, int fd)
{
    struct peer_credentials peer;
    struct error err = {0};
    if (!unix_socket_peer(fd, &peer, &err)) {
        log_warn("control_peer_unknown", "error=%s", err.message);
        close(fd);
        return;
    }

    bool is_exempt =
        server->limits.is_exempt != NULL && server->limits.is_exempt(server->context, &peer);
    const char *reason = judge_peer(server, &peer, is_exempt);
    if (reason != NULL) {
        char command[160];
        log_warn("control_peer_refused", "reason=%s uid=%u gid=%u pid=%d command=%s", reason,
                 peer.uid, peer.gid, (int)peer.pid,
                 log_quote(command, sizeof(command), peer.command));
        close(fd);
        return;
    }
    grpc_connection_open(server, fd, &peer, is_exempt);
}

static void on_listener_ready(struct event_watch *watch, uint32_t events);

static void on_accept_pause_over(struct event_timer *timer)
{
    struct grpc_server *server = timer->context;
    event_watch_start(&server->listen_watch, server->loop, server->listen_fd, EPOLLIN,
                      on_listener_ready, server);
}

static void on_listener_ready(struct event_watch *watch, uint32_t events)
{
    (void)events;
    struct grpc_server *server = watch->context;

    for (int i = 0; i < ACCEPTS_PER_TURN; i++) {
        int fd = accept4(server->listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            server->has_paused = false;
            welcome(server, fd);
            continue;
        }
        if (errno == EINTR || errno == ECONNABORTED)
            continue;
        if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
            if (!server->has_paused)
                log_error("control_accept_paused", "reason=\"%s\"", strerror(errno));
            server->has_paused = true;
            event_watch_stop(&server->listen_watch);
            event_timer_start(&server->accept_timer, server->loop, ACCEPT_PAUSE_MS,
                              on_accept_pause_over, server);
        }
        return;
    }
}

/* --- life ------------------------------------------------------------------------------------- */

struct grpc_server *grpc_server_new(struct event_loop *loop, int listen_fd,
                                    const struct grpc_server_limits *limits,
                                    const struct grpc_method *methods, void *context)
{
    struct grpc_server *server = memory_allocate_zeroed(1, sizeof(*server));
    server->loop = loop;
    server->listen_fd = listen_fd;
    server->limits = *limits;
    server->methods = methods;
    server->context = context;
    event_watch_start(&server->listen_watch, loop, listen_fd, EPOLLIN, on_listener_ready, server);
    return server;
}

void grpc_server_set_serving(struct grpc_server *server, bool is_serving)
{
    if (server->is_serving == is_serving)
        return;
    server->is_serving = is_serving;
    grpc_health_announce(server);
}

static void stop_listening(struct grpc_server *server)
{
    if (server->listen_fd < 0)
        return;
    event_watch_stop(&server->listen_watch);
    event_timer_stop(&server->accept_timer);
    close(server->listen_fd);
    server->listen_fd = -1;
}

static struct grpc_call *find_stream(const struct grpc_connection *connection)
{
    struct grpc_call *call = connection->calls;
    while (call != NULL && call->pull == NULL && !call->method->has_many_requests)
        call = call->next;
    return call;
}

/* Streams would never end by themselves; calls get their answer. What the end of one leads to may
 * end others, so each is looked for anew. */
static void end_streams(struct grpc_connection *connection)
{
    for (struct grpc_call *call = find_stream(connection); call != NULL;
         call = find_stream(connection))
        grpc_call_abandon(call, GRPC_UNAVAILABLE, "shutting down");
}

void grpc_server_check_drained(struct grpc_server *server)
{
    if (server->on_drained == NULL)
        return;
    for (const struct grpc_connection *each = server->connections; each != NULL;
         each = each->next) {
        if (!grpc_connection_is_idle(each))
            return;
    }
    void (*on_drained)(void *context) = server->on_drained;
    server->on_drained = NULL;
    on_drained(server->drained_context);
}

void grpc_server_drain(struct grpc_server *server, void (*on_drained)(void *context), void *context)
{
    server->is_draining = true;
    server->on_drained = on_drained;
    server->drained_context = context;
    stop_listening(server);
    for (struct grpc_connection *each = server->connections; each != NULL; each = each->next) {
        end_streams(each);
        grpc_core_drain(each->core);
        grpc_connection_touch(each);
    }
    grpc_server_check_drained(server);
}

void grpc_server_free(struct grpc_server *server)
{
    if (server == NULL)
        return;
    server->on_drained = NULL;
    stop_listening(server);
    while (server->connections != NULL)
        grpc_connection_close(server->connections);
    free(server);
}
