/* The service behind the proxies that are compared: `GET /N` is answered with N bytes, after a
 * while if one is given; any number of requests at once. It does as little as a service can, so
 * that it is the proxy under load that decides how fast it goes, and its heads are as long as
 * nginx's.
 *
 *     bench_service PORT [DELAY_MS] */
#include "tests/bench/loopback.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { CONNECTIONS_MAX = 8192, EVENTS = 256, SIZES_MAX = 16 };
enum { DEFAULT_BYTES = 128, BYTES_MAX = 16 * 1024 * 1024, HEAD_BYTES_MAX = 512 };

/* What is sent for one size, head and body. */
struct answer {
    size_t size;
    bool closes;
    size_t length;
    char *bytes;
};

/* By descriptor. A request is there when `answer` is; it waits until `due_us`, then what is `left`
 * of the answer is sent. */
struct connection {
    const struct answer *answer;
    size_t left;
    uint64_t due_us;
    bool is_full; /* the socket, and epoll is asked for room */
};

static struct connection connections[CONNECTIONS_MAX];
static int loop;

/* Requests are answered in the order in which they came, since all wait equally long. */
static int due[CONNECTIONS_MAX];
static size_t first_due, due_count;
static uint64_t delay_us;

static uint64_t now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

/* --- answers --------------------------------------------------------------------------------- */

static void make_answer(struct answer *answer, size_t size, bool closes)
{
    answer->size = size;
    answer->closes = closes;
    answer->bytes = malloc(HEAD_BYTES_MAX + size);
    if (answer->bytes == NULL)
        loopback_fail("malloc");
    int head = snprintf(answer->bytes, HEAD_BYTES_MAX,
                        "HTTP/1.1 200 OK\r\nServer: bench_service\r\n"
                        "Date: Mon, 30 Nov 2026 08:00:00 GMT\r\n"
                        "Content-Type: application/octet-stream\r\nContent-Length: %zu\r\n"
                        "Last-Modified: Mon, 30 Nov 2026 07:00:00 GMT\r\n"
                        "Connection: %s\r\nETag: \"692bf3a0-80\"\r\n"
                        "Accept-Ranges: bytes\r\n\r\n",
                        size, closes ? "close" : "keep-alive");
    memset(answer->bytes + head, 'x', size);
    answer->length = (size_t)head + size;
}

static const struct answer *answer_of(size_t size, bool closes)
{
    static struct answer answers[SIZES_MAX];
    static size_t count;
    for (size_t i = 0; i < count; i++) {
        if (answers[i].size == size && answers[i].closes == closes)
            return &answers[i];
    }
    if (count == SIZES_MAX || size > BYTES_MAX) {
        fprintf(stderr, "bench_service: %zu bytes are too many, or one size too many\n", size);
        exit(1);
    }
    make_answer(&answers[count], size, closes);
    return &answers[count++];
}

/* --- connections ----------------------------------------------------------------------------- */

static void watch(int fd, int operation, uint32_t events)
{
    loopback_watch(loop, fd, operation, events, (epoll_data_t){.fd = fd});
}

static void ask_for_room(int fd, bool is_full)
{
    if (connections[fd].is_full == is_full)
        return;
    connections[fd].is_full = is_full;
    watch(fd, EPOLL_CTL_MOD, is_full ? EPOLLIN | EPOLLOUT : EPOLLIN);
}

/* Its place among those that are due stays, and is passed over. */
static void close_connection(int fd)
{
    close(fd);
    connections[fd] = (struct connection){0};
}

/* A client that has gone is noticed when it is read from. */
static void send_on(int fd)
{
    struct connection *connection = &connections[fd];
    while (connection->left > 0) {
        const struct answer *answer = connection->answer;
        ssize_t sent = send(fd, answer->bytes + answer->length - connection->left, connection->left,
                            MSG_NOSIGNAL);
        if (sent <= 0)
            return ask_for_room(fd, sent < 0 && errno == EAGAIN);
        connection->left -= (size_t)sent;
    }
    if (connection->answer->closes)
        return close_connection(fd);
    connection->answer = NULL;
    ask_for_room(fd, false);
}

static void reply(int fd)
{
    connections[fd].left = connections[fd].answer->length;
    connections[fd].due_us = 0;
    send_on(fd);
}

/* A request comes in one piece: it is small, and clients wait for each answer. */
static void on_readable(int fd)
{
    char request[8192];
    ssize_t received = recv(fd, request, sizeof(request) - 1, 0);
    if (received <= 0)
        return close_connection(fd);
    request[received] = '\0';
    size_t size;
    bool closes = strstr(request, "\r\nConnection: close\r\n") != NULL;
    connections[fd].answer =
        answer_of(sscanf(request, "GET /%zu", &size) == 1 ? size : DEFAULT_BYTES, closes);
    if (delay_us == 0)
        return reply(fd);
    if (due_count == CONNECTIONS_MAX)
        loopback_fail("too many requests");
    connections[fd].due_us = now_us() + delay_us;
    due[(first_due + due_count++) % CONNECTIONS_MAX] = fd;
}

/* Returns the milliseconds until the next one is due; -1: none is. */
static int answer_due(void)
{
    uint64_t now = due_count > 0 ? now_us() : 0;
    while (due_count > 0) {
        int fd = due[first_due];
        uint64_t due_us = connections[fd].due_us;
        if (due_us > now)
            return (int)((due_us - now + 999) / 1000);
        if (due_us > 0)
            reply(fd);
        first_due = (first_due + 1) % CONNECTIONS_MAX;
        due_count--;
    }
    return -1;
}

/* --- the program ----------------------------------------------------------------------------- */

static void accept_all(int listener)
{
    int fd;
    while ((fd = loopback_accept(listener)) >= 0) {
        if (fd >= CONNECTIONS_MAX)
            loopback_fail("too many connections");
        watch(fd, EPOLL_CTL_ADD, EPOLLIN);
    }
}

int main(int argc, char **argv)
{
    if (argc != 2 && argc != 3) {
        fprintf(stderr, "usage: bench_service PORT [DELAY_MS]\n");
        return 2;
    }
    delay_us = argc == 3 ? (uint64_t)atoi(argv[2]) * 1000 : 0;
    loop = epoll_create1(EPOLL_CLOEXEC);
    if (loop < 0)
        loopback_fail("epoll_create1");
    int listener = loopback_listen(argv[1]);
    watch(listener, EPOLL_CTL_ADD, EPOLLIN);
    for (;;) {
        struct epoll_event events[EVENTS];
        int count = epoll_wait(loop, events, EVENTS, answer_due());
        for (int i = 0; i < count; i++) {
            int fd = events[i].data.fd;
            if (fd == listener)
                accept_all(listener);
            else if ((events[i].events & EPOLLOUT) != 0)
                send_on(fd);
            else
                on_readable(fd);
        }
    }
}
