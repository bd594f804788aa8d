/* The floor of bench_proxy: bytes from one socket to another and nothing else. A connection to the
 * backend is opened for each client and ends with it; what one side sends is sent to the other as
 * it came. No HTTP is looked at, so nothing could be routed, bounded, retried or refused.
 *
 *     bench_relay LISTEN_PORT BACKEND_PORT */
#include "tests/bench/loopback.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { EVENTS = 256, BUFFER_BYTES = 64 * 1024 };

/* One end of a pair. What could not be sent yet waits at the end that was to send it. */
struct end {
    struct end *other;
    int fd;
    char *waiting;
    size_t waiting_bytes;
};

static int loop;

static void watch(struct end *end, int operation, uint32_t events)
{
    loopback_watch(loop, end->fd, operation, events, (epoll_data_t){.ptr = end});
}

/* The memory goes with the last event of a turn, which may still name either end. */
static struct end *finished[EVENTS];
static size_t finished_count;

static void close_pair(struct end *end)
{
    if (end->fd < 0)
        return;
    close(end->fd);
    close(end->other->fd);
    end->fd = end->other->fd = -1;
    finished[finished_count++] = end;
}

static void free_finished(void)
{
    while (finished_count > 0) {
        struct end *end = finished[--finished_count];
        free(end->waiting);
        free(end->other->waiting);
        free(end->other);
        free(end);
    }
}

static void keep_waiting(struct end *end, const char *bytes, size_t length)
{
    end->waiting = malloc(length);
    if (end->waiting == NULL)
        loopback_fail("malloc");
    memcpy(end->waiting, bytes, length);
    end->waiting_bytes = length;
    watch(end, EPOLL_CTL_MOD, EPOLLOUT);
    watch(end->other, EPOLL_CTL_MOD, 0);
}

static void on_readable(struct end *end)
{
    static char bytes[BUFFER_BYTES];
    ssize_t received = recv(end->fd, bytes, sizeof(bytes), 0);
    if (received < 0 && errno == EAGAIN)
        return;
    if (received <= 0) {
        close_pair(end);
        return;
    }
    ssize_t sent = send(end->other->fd, bytes, (size_t)received, MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN) {
        close_pair(end);
        return;
    }
    if (sent < received)
        keep_waiting(end->other, bytes + (sent > 0 ? sent : 0),
                     (size_t)(received - (sent > 0 ? sent : 0)));
}

static void on_writable(struct end *end)
{
    ssize_t sent = send(end->fd, end->waiting, end->waiting_bytes, MSG_NOSIGNAL);
    if (sent < 0) {
        if (errno != EAGAIN)
            close_pair(end);
        return;
    }
    end->waiting_bytes -= (size_t)sent;
    memmove(end->waiting, end->waiting + sent, end->waiting_bytes);
    if (end->waiting_bytes > 0)
        return;
    free(end->waiting);
    end->waiting = NULL;
    watch(end, EPOLL_CTL_MOD, EPOLLIN);
    watch(end->other, EPOLL_CTL_MOD, EPOLLIN);
}

static struct end *new_end(int fd)
{
    struct end *end = calloc(1, sizeof(*end));
    if (end == NULL)
        loopback_fail("calloc");
    end->fd = fd;
    return end;
}

static void on_client(int listener, const struct sockaddr_in *backend)
{
    int client = loopback_accept(listener);
    if (client < 0)
        return;
    struct end *one = new_end(client);
    struct end *two = new_end(loopback_connect(backend));
    one->other = two;
    two->other = one;
    watch(one, EPOLL_CTL_ADD, EPOLLIN);
    watch(two, EPOLL_CTL_ADD, EPOLLIN);
}

int main(int argc, char **argv)
{
    if (argc != 3) {
        fprintf(stderr, "usage: bench_relay LISTEN_PORT BACKEND_PORT\n");
        return 2;
    }
    const struct sockaddr_in backend = loopback_address(argv[2]);
    int listener = loopback_listen(argv[1]);
    loop = epoll_create1(EPOLL_CLOEXEC);
    struct end accepting = {.fd = listener};
    watch(&accepting, EPOLL_CTL_ADD, EPOLLIN);

    for (;;) {
        struct epoll_event events[EVENTS];
        int count = epoll_wait(loop, events, EVENTS, -1);
        for (int i = 0; i < count; i++) {
            struct end *end = events[i].data.ptr;
            if (end == &accepting)
                on_client(listener, &backend);
            else if (end->fd >= 0 && (events[i].events & EPOLLOUT) != 0)
                on_writable(end);
            else if (end->fd >= 0)
                on_readable(end);
        }
        free_finished();
    }
}
