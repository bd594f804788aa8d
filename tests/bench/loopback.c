#include "tests/bench/loopback.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

_Noreturn void loopback_fail(const char *what)
{
    perror(what);
    exit(1);
}

struct sockaddr_in loopback_address(const char *port)
{
    return (struct sockaddr_in){
        .sin_family = AF_INET,
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
        .sin_port = htons((uint16_t)strtoul(port, NULL, 10)),
    };
}

static int open_socket(void)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        loopback_fail("socket");
    return fd;
}

static void send_at_once(int fd)
{
    int on = 1;
    if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) != 0)
        loopback_fail("TCP_NODELAY");
}

int loopback_listen(const char *port)
{
    struct sockaddr_in address = loopback_address(port);
    int listener = open_socket();
    int on = 1;
    if (setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0 ||
        bind(listener, (struct sockaddr *)&address, sizeof(address)) != 0 ||
        listen(listener, SOMAXCONN) != 0)
        loopback_fail("listen");
    return listener;
}

int loopback_accept(int listener)
{
    int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0)
        send_at_once(fd);
    return fd;
}

int loopback_connect(const struct sockaddr_in *address)
{
    int fd = open_socket();
    if (connect(fd, (const struct sockaddr *)address, sizeof(*address)) != 0 &&
        errno != EINPROGRESS)
        loopback_fail("connect");
    send_at_once(fd);
    return fd;
}

void loopback_watch(int loop, int fd, int operation, uint32_t events, epoll_data_t data)
{
    struct epoll_event event = {.events = events, .data = data};
    if (epoll_ctl(loop, operation, fd, &event) != 0)
        loopback_fail("epoll_ctl");
}
