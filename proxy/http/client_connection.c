#include "proxy/http/client_connection.h"

#include "common/buffer.h"
#include "proxy/http/client_opening.h"
#include "proxy/http/hangup_watch.h"
#include "proxy/http/worker.h"

#include <arpa/inet.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

/* --- in the worker's lists ------------------------------------------------------------------- */

static void list(struct client_connection *connection)
{
    struct worker *worker = connection->worker;
    connection->next = worker->connections;
    if (worker->connections != NULL)
        worker->connections->previous = connection;
    worker->connections = connection;
    worker->connection_count++;
}

static void unlist(struct client_connection *connection)
{
    struct worker *worker = connection->worker;
    if (connection->next != NULL)
        connection->next->previous = connection->previous;
    if (connection->previous != NULL)
        connection->previous->next = connection->next;
    else
        worker->connections = connection->next;
    worker->connection_count--;
}

void client_connection_set_idle(struct client_connection *connection, bool is_idle)
{
    struct worker *worker = connection->worker;
    if (connection->is_idle == is_idle)
        return;
    connection->is_idle = is_idle;
    if (is_idle) {
        connection->idle_since_ms = timers_now_ms(&worker->timers);
        connection->idle_newer = NULL;
        connection->idle_older = worker->idle_newest;
        if (worker->idle_newest != NULL)
            worker->idle_newest->idle_newer = connection;
        else
            worker->idle_oldest = connection;
        worker->idle_newest = connection;
        return;
    }
    if (connection->idle_newer != NULL)
        connection->idle_newer->idle_older = connection->idle_older;
    else
        worker->idle_newest = connection->idle_older;
    if (connection->idle_older != NULL)
        connection->idle_older->idle_newer = connection->idle_newer;
    else
        worker->idle_oldest = connection->idle_newer;
}

/* --- from accepting to closing --------------------------------------------------------------- */

/* As inet_ntop does, without its sprintf. */
static void describe_ipv4(uint32_t address, char *text)
{
    uint32_t host = ntohl(address);
    for (int shift = 24; shift >= 0; shift -= 8) {
        unsigned byte = (host >> shift) & 255;
        if (byte >= 100)
            *text++ = (char)('0' + byte / 100);
        if (byte >= 10)
            *text++ = (char)('0' + byte / 10 % 10);
        *text++ = (char)('0' + byte % 10);
        *text++ = shift > 0 ? '.' : '\0';
    }
}

static void describe_peer(struct client_connection *connection, const struct sockaddr *address)
{
    const struct sockaddr_in *ipv4 = (const void *)address;
    const struct sockaddr_in6 *ipv6 = (const void *)address;
    switch (address->sa_family) {
    case AF_INET:
        describe_ipv4(ipv4->sin_addr.s_addr, connection->peer_text);
        connection->peer_port = ntohs(ipv4->sin_port);
        return;
    case AF_INET6:
        inet_ntop(AF_INET6, &ipv6->sin6_addr, connection->peer_text, sizeof(connection->peer_text));
        connection->peer_port = ntohs(ipv6->sin6_port);
        return;
    default:
        memcpy(connection->peer_text, "unix:", sizeof("unix:"));
        connection->peer_port = 0;
        return;
    }
}

void client_connection_accept(struct worker *worker, const struct listener *listener, int fd,
                              const struct sockaddr *address, struct peer_key peer)
{
    struct client_connection *connection =
        line_memory_allocate(&worker->line_memory, sizeof(*connection));
    connection->worker = worker;
    connection->listener = listener;
    connection->fd = fd;
    connection->peer = peer;
    connection->accepted_ms = timers_now_ms(&worker->timers);
    describe_peer(connection, address);
    connection->peer_is_trusted = worker_trusts(worker, address);
    list(connection);
    counter_add(&worker->counters->connections_accepted, 1);

    connection->socket = h2o_evloop_socket_create(
        worker->loop, fd, H2O_SOCKET_FLAG_DONT_READ | H2O_SOCKET_FLAG_IS_ACCEPTED_CONNECTION);
    connection->socket->data = connection;
    client_opening_start(connection);
}

bool client_connection_introduce(struct client_connection *connection,
                                 const struct sockaddr *address)
{
    struct worker *worker = connection->worker;
    if (address->sa_family == AF_UNSPEC)
        return true;
    describe_peer(connection, address);
    connection->peer_is_trusted = worker_trusts(worker, address);
    if (connection->peer_is_trusted)
        return true;
    struct peer_key peer = peer_key_of(address);
    if (!connection_limits_introduce(worker->shared->limits, peer)) {
        counter_add(&worker->counters->refused[DENIAL_PEER_LIMIT], 1);
        return false;
    }
    connection->peer = peer;
    return true;
}

struct slice client_connection_local_host(const struct client_connection *connection,
                                          struct arena *arena)
{
    char text[INET6_ADDRSTRLEN];
    union {
        struct sockaddr any;
        struct sockaddr_in ipv4;
        struct sockaddr_in6 ipv6;
        struct sockaddr_storage storage;
    } local = {0};
    socklen_t length = sizeof(local);
    if (getsockname(client_connection_fd(connection), &local.any, &length) != 0)
        return SLICE("");
    if (local.any.sa_family == AF_INET) {
        inet_ntop(AF_INET, &local.ipv4.sin_addr, text, sizeof(text));
        return slice_from_string(arena_printf(arena, "%s", text));
    }
    if (local.any.sa_family != AF_INET6)
        return SLICE("");
    const struct in6_addr *ipv6 = &local.ipv6.sin6_addr;
    if (IN6_IS_ADDR_V4MAPPED(ipv6)) {
        inet_ntop(AF_INET, &ipv6->s6_addr[12], text, sizeof(text));
        return slice_from_string(arena_printf(arena, "%s", text));
    }
    inet_ntop(AF_INET6, ipv6, text, sizeof(text));
    return slice_from_string(arena_printf(arena, "[%s]", text));
}

void client_connection_close(struct client_connection *connection)
{
    struct worker *worker = connection->worker;
    connection->protocol->stop(connection);
    hangup_watch_remove(connection);
    client_connection_set_idle(connection, false);
    unlist(connection);
    counter_add(&worker->counters->connections_closed, 1);
    connection_limits_leave(worker->shared->limits, connection->peer);

    byte_stream_free(connection->ssl, true);
    h2o_socket_close(connection->socket);
    free(connection->client_subject);
    line_memory_free(&worker->line_memory, connection, sizeof(*connection));
    worker_on_connection_closed(worker);
}

void client_connection_turn_over(struct client_connection *connection,
                                 const struct client_protocol *protocol, struct slice received)
{
    if (connection->protocol != NULL)
        connection->protocol->stop(connection);
    hangup_watch_remove(connection);
    connection->protocol = protocol;
    connection->is_paused = false;
    h2o_socket_read_start(connection->socket, protocol->on_readable);
    protocol->start(connection, received);
}

bool client_connection_is_spent(const struct client_connection *connection)
{
    struct worker *worker = connection->worker;
    const struct http_options *http = &worker->shared->http;
    if (http->connection_max_requests != 0 &&
        connection->request_count >= http->connection_max_requests)
        return true;
    return http->connection_max_age_ms != 0 &&
           timers_now_ms(&worker->timers) - connection->accepted_ms >= http->connection_max_age_ms;
}

/* --- bytes ----------------------------------------------------------------------------------- */

ssize_t client_connection_receive(struct client_connection *connection, char *at, size_t length,
                                  bool *is_reset)
{
    ssize_t received =
        byte_stream_receive(client_connection_fd(connection), connection->ssl, at, length);
    *is_reset = received < 0 && errno != EAGAIN;
    if (received > 0)
        counter_add(&connection->worker->counters->client_bytes_in, (uint64_t)received);
    return *is_reset ? 0 : received;
}

bool client_connection_has_input(const struct client_connection *connection)
{
    char byte;
    return recv(client_connection_fd(connection), &byte, 1, MSG_PEEK) > 0;
}

bool client_connection_is_gone(const struct client_connection *connection)
{
    struct pollfd end = {.fd = client_connection_fd(connection)};
    return poll(&end, 1, 0) > 0 && (end.revents & (POLLHUP | POLLERR)) != 0;
}

void client_connection_stop_reading(struct client_connection *connection)
{
    connection->is_paused = true;
    h2o_socket_read_stop(connection->socket);
}

void client_connection_resume_reading(struct client_connection *connection)
{
    if (!connection->is_paused)
        return;
    connection->is_paused = false;
    h2o_socket_read_start(connection->socket, connection->protocol->on_readable);
}

ssize_t client_connection_send(struct client_connection *connection, const struct iovec *vector,
                               int count)
{
    return byte_stream_send(client_connection_fd(connection), connection->ssl, vector, count);
}

bool client_connection_finish_sending(struct client_connection *connection)
{
    int fd = client_connection_fd(connection);
    if (!byte_stream_finish_sending(fd, connection->ssl))
        return false;
    if (connection->ssl != NULL)
        shutdown(fd, SHUT_WR);
    return true;
}

void client_connection_reset(struct client_connection *connection)
{
    struct linger reset = {.l_onoff = 1, .l_linger = 0};
    setsockopt(client_connection_fd(connection), SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
    byte_stream_free(connection->ssl, false);
    connection->ssl = NULL;
    client_connection_close(connection);
}
