#include "proxy/http/upstream_link.h"

#include "proxy/http/byte_stream.h"
#include "proxy/http/conn_pool.h"
#include "proxy/http/waiting_line.h"
#include "proxy/http/worker.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

/* --- opening --------------------------------------------------------------------------------- */

static void stand(struct upstream_link *link)
{
    link->is_opening = false;
    h2o_socket_read_start(link->socket, link->owner->on_readable);
    link->owner->on_open(link);
}

static void go_on(struct upstream_link *link);

static void on_handshake_ready(h2o_socket_t *socket, const char *error)
{
    (void)error;
    go_on(socket->data);
}

static void go_on(struct upstream_link *link)
{
    switch (tls_handshake(link->ssl)) {
    case TLS_DONE:
        if (link->endpoint->protocol == ENDPOINT_HTTP2 && !tls_client_has_http2(link->ssl)) {
            link->owner->on_failed(link, UPSTREAM_FAILURE_TLS, "does not speak HTTP/2");
            return;
        }
        counter_add(&link->worker->counters->tls_handshakes, 1);
        if (SSL_session_reused(link->ssl))
            counter_add(&link->worker->counters->tls_resumptions, 1);
        stand(link);
        return;
    case TLS_WANTS_READ:
        h2o_socket_read_start(link->socket, on_handshake_ready);
        return;
    case TLS_WANTS_WRITE:
        if (!h2o_socket_is_writing(link->socket))
            h2o_socket_notify_write(link->socket, on_handshake_ready);
        return;
    case TLS_FAILED:
        link->owner->on_failed(link, UPSTREAM_FAILURE_TLS, tls_reason(link->ssl));
        return;
    }
}

static void keep_session(void *context, SSL_SESSION *session)
{
    struct upstream_link *link = context;
    conn_pool_keep_session(link->worker->pool, link->endpoint, session);
}

static void start_handshake(struct upstream_link *link)
{
    struct worker *worker = link->worker;
    link->ssl =
        tls_client_new(link->endpoint, link->fd, conn_pool_session(worker->pool, link->endpoint));
    if (link->ssl == NULL) {
        link->owner->on_failed(link, UPSTREAM_FAILURE_TLS, tls_client_problem(link->endpoint->tls));
        return;
    }
    tls_client_on_session(link->ssl, &link->sessions);
    go_on(link);
}

static void on_connected(h2o_socket_t *socket, const char *error)
{
    (void)error;
    struct upstream_link *link = socket->data;
    int status = 0;
    socklen_t length = sizeof(status);
    if (getsockopt(link->fd, SOL_SOCKET, SO_ERROR, &status, &length) != 0 || status != 0)
        link->owner->on_failed(link, UPSTREAM_FAILURE_CONNECT, NULL);
    else if (link->endpoint->tls != NULL)
        start_handshake(link);
    else
        stand(link);
}

/* A socket on its way to `address`, or -1. */
static int open_socket(const struct endpoint_address *address, bool *is_pending)
{
    int fd = socket(address->any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    if (address->any.sa_family != AF_UNIX) {
        int on = 1;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    }

    *is_pending = false;
    if (connect(fd, &address->any, address->length) == 0)
        return fd;
    if (errno == EINPROGRESS) {
        *is_pending = true;
        return fd;
    }
    close(fd);
    return -1;
}

bool upstream_link_open(struct upstream_link *link, struct worker *worker,
                        struct endpoint *endpoint, const struct upstream_link_owner *owner)
{
    bool is_pending;
    int fd = open_socket(&endpoint->address, &is_pending);
    if (fd < 0)
        return false;

    *link = (struct upstream_link){
        .worker = worker,
        .endpoint = endpoint,
        .owner = owner,
        .fd = fd,
        .sessions = {.keep = keep_session, .context = link},
        .is_opening = is_pending || endpoint->tls != NULL,
    };
    endpoint_acquire(endpoint);
    link->socket = h2o_evloop_socket_create(worker->loop, fd, H2O_SOCKET_FLAG_DONT_READ);
    link->socket->data = link;
    counter_add(&worker->counters->upstream_connections_opened, 1);
    if (link->is_opening)
        h2o_socket_notify_write(link->socket, on_connected);
    else
        h2o_socket_read_start(link->socket, owner->on_readable);
    return true;
}

void upstream_link_close(struct upstream_link *link)
{
    struct worker *worker = link->worker;
    byte_stream_free(link->ssl, !link->is_opening);
    counter_add(&worker->counters->upstream_connections_closed, 1);
    h2o_socket_close(link->socket);
    endpoint_connection_ended(link->endpoint);
    waiting_line_room_made(worker, link->endpoint);
    endpoint_release(&link->endpoint);
}

/* --- bytes ----------------------------------------------------------------------------------- */

ssize_t upstream_link_receive(struct upstream_link *link, char *at, size_t length)
{
    return byte_stream_receive(link->fd, link->ssl, at, length);
}

/* With TLS, session tickets may come at any time. */
bool upstream_link_is_quiet(struct upstream_link *link)
{
    char byte;
    if (link->ssl != NULL)
        return tls_receive(link->ssl, &byte, 1) < 0 && errno == EAGAIN;
    return recv(link->fd, &byte, 1, MSG_PEEK) < 0 && errno == EAGAIN;
}

void upstream_link_finish_sending(struct upstream_link *link)
{
    byte_stream_finish_sending(link->fd, link->ssl);
}
