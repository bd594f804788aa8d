#include "proxy/http/hangup_watch.h"

#include "proxy/http/client_connection.h"
#include "proxy/http/worker.h"

#include <sys/epoll.h>
#include <unistd.h>

/* In one turn; what is left, the next one is told of. */
enum { HANGUP_BATCH = 16 };

bool hangup_watch_open(struct hangup_watch *watch)
{
    watch->fd = epoll_create1(EPOLL_CLOEXEC);
    return watch->fd >= 0;
}

void hangup_watch_close(struct hangup_watch *watch)
{
    close(watch->fd);
}

/* One by one: closing a connection may not leave another one's event behind. */
static void on_hangup(h2o_socket_t *socket, const char *error)
{
    (void)error;
    struct worker *worker = socket->data;
    struct epoll_event event;
    for (int i = 0; i < HANGUP_BATCH && epoll_wait(worker->hangups.fd, &event, 1, 0) == 1; i++)
        client_connection_close(event.data.ptr);
    exchanges_flush(worker);
}

void hangup_watch_start(struct worker *worker)
{
    struct hangup_watch *watch = &worker->hangups;
    watch->socket = h2o_evloop_socket_create(worker->loop, watch->fd, H2O_SOCKET_FLAG_DONT_READ);
    watch->socket->data = worker;
    h2o_socket_read_start(watch->socket, on_hangup);
}

void hangup_watch_stop(struct worker *worker)
{
    h2o_socket_close(worker->hangups.socket);
}

void hangup_watch_add(struct client_connection *connection)
{
    struct epoll_event nothing = {.data.ptr = connection};
    if (connection->is_watched)
        return;
    connection->is_watched = epoll_ctl(connection->worker->hangups.fd, EPOLL_CTL_ADD,
                                       client_connection_fd(connection), &nothing) == 0;
}

void hangup_watch_remove(struct client_connection *connection)
{
    if (!connection->is_watched)
        return;
    connection->is_watched = false;
    epoll_ctl(connection->worker->hangups.fd, EPOLL_CTL_DEL, client_connection_fd(connection),
              NULL);
}
