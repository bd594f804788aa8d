/* A service that answers each request after a while, with 128 bytes; any number of them at once.
 *
 *     bench_delayed_service PORT DELAY_MS */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { CONNECTIONS_MAX = 4096, EVENTS = 256 };

/* Requests are answered in the order in which they came, since all wait equally long. */
struct due {
    int fd;
    uint64_t at_us;
};

static struct due dues[CONNECTIONS_MAX];
static size_t first_due, due_count;
static uint64_t delay_us;
static char answer[512];

static uint64_t now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static void fail(const char *what)
{
    perror(what);
    exit(1);
}

static void reply(int fd)
{
    /* A client that has gone is noticed when it is read from. */
    if (send(fd, answer, strlen(answer), MSG_NOSIGNAL) < 0)
        return;
}

static void on_readable(int fd)
{
    char request[8192];
    ssize_t received = recv(fd, request, sizeof(request), 0);
    if (received <= 0) {
        for (size_t i = 0; i < due_count; i++) {
            struct due *due = &dues[(first_due + i) % CONNECTIONS_MAX];
            if (due->fd == fd)
                due->fd = -1;
        }
        close(fd);
        return;
    }
    if (delay_us == 0) {
        reply(fd);
    } else if (due_count < CONNECTIONS_MAX) {
        dues[(first_due + due_count++) % CONNECTIONS_MAX] = (struct due){fd, now_us() + delay_us};
    }
}

/* Returns the milliseconds until the next one is due; -1: none is. */
static int answer_due(void)
{
    uint64_t now = due_count > 0 ? now_us() : 0;
    while (due_count > 0) {
        const struct due *due = &dues[first_due];
        if (due->at_us > now)
            return (int)((due->at_us - now + 999) / 1000);
        if (due->fd >= 0)
            reply(due->fd);
        first_due = (first_due + 1) % CONNECTIONS_MAX;
        due_count--;
    }
    return -1;
}

int main(int argc, char **argv)
{
    if (argc != 3) {
        fprintf(stderr, "usage: bench_delayed_service PORT DELAY_MS\n");
        return 2;
    }
    struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
        .sin_port = htons((uint16_t)atoi(argv[1])),
    };
    delay_us = (uint64_t)atoi(argv[2]) * 1000;
    snprintf(answer, sizeof(answer), "HTTP/1.1 200 OK\r\nContent-Length: 128\r\n\r\n%0128d", 0);

    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int on = 1;
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (bind(listener, (struct sockaddr *)&address, sizeof(address)) != 0 ||
        listen(listener, 1024) != 0)
        fail("listen");
    int loop = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event wanted = {.events = EPOLLIN, .data.fd = listener};
    epoll_ctl(loop, EPOLL_CTL_ADD, listener, &wanted);

    for (;;) {
        struct epoll_event events[EVENTS];
        int count = epoll_wait(loop, events, EVENTS, answer_due());
        for (int i = 0; i < count; i++) {
            int fd = events[i].data.fd;
            if (fd != listener) {
                on_readable(fd);
                continue;
            }
            fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
            if (fd < 0)
                continue;
            setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
            struct epoll_event client = {.events = EPOLLIN, .data.fd = fd};
            epoll_ctl(loop, EPOLL_CTL_ADD, fd, &client);
        }
    }
}
