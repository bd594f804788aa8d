#include "tests/support/http_connection.h"

#include "common/clock.h"
#include "tests/support/check.h"
#include "tests/support/wait.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

struct http_connection {
    int fd;
    struct buffer input; /* received, not taken yet */
};

static struct http_connection *connection_new(int fd, const struct sockaddr *address,
                                              socklen_t address_length)
{
    CHECK(fd >= 0, "no socket: %s", strerror(errno));
    if (connect(fd, address, address_length) != 0) {
        close(fd);
        return NULL;
    }
    struct http_connection *connection = memory_allocate_zeroed(1, sizeof(*connection));
    connection->fd = fd;
    return connection;
}

struct http_connection *http_connection_open(int port)
{
    return http_connection_open_from("127.0.0.1", port);
}

struct http_connection *http_connection_open_from(const char *ip, int port)
{
    struct sockaddr_in source = {.sin_family = AF_INET};
    CHECK(inet_pton(AF_INET, ip, &source.sin_addr) == 1, "no address: %s", ip);
    struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_port = htons((uint16_t)port),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on));
    CHECK(bind(fd, (const struct sockaddr *)&source, sizeof(source)) == 0, "cannot bind to %s", ip);
    return connection_new(fd, (const struct sockaddr *)&address, sizeof(address));
}

struct http_connection *http_connection_open_unix(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    CHECK(strlen(path) < sizeof(address.sun_path), "socket path too long: %s", path);
    memcpy(address.sun_path, path, strlen(path));
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    return connection_new(fd, (const struct sockaddr *)&address, sizeof(address));
}

void http_connection_close(struct http_connection *connection)
{
    if (connection == NULL)
        return;
    close(connection->fd);
    buffer_clear(&connection->input);
    free(connection);
}

void http_connection_reset(struct http_connection *connection)
{
    struct linger at_once = {.l_onoff = 1, .l_linger = 0};
    setsockopt(connection->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
    http_connection_close(connection);
}

bool http_connection_send(struct http_connection *connection, const void *bytes, size_t length)
{
    const char *at = bytes;
    while (length > 0) {
        ssize_t sent = send(connection->fd, at, length, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent < 0)
            return false;
        at += sent;
        length -= (size_t)sent;
    }
    return true;
}

bool http_connection_send_text(struct http_connection *connection, const char *text)
{
    return http_connection_send(connection, text, strlen(text));
}

void http_connection_finish_sending(struct http_connection *connection)
{
    shutdown(connection->fd, SHUT_WR);
}

enum received { RECEIVED_BYTES, RECEIVED_END, RECEIVED_RESET, RECEIVED_NOTHING };

static enum received receive_some(struct http_connection *connection, uint64_t deadline_ms)
{
    struct pollfd ready = {.fd = connection->fd, .events = POLLIN};
    int count;
    do {
        count = poll(&ready, 1, wait_left_ms(deadline_ms));
    } while (count < 0 && errno == EINTR);
    if (count == 0)
        return RECEIVED_NOTHING;

    enum { ROOM = 65536 };
    ssize_t got = recv(connection->fd, buffer_reserve(&connection->input, ROOM), ROOM, 0);
    if (got < 0)
        return RECEIVED_RESET;
    buffer_extend(&connection->input, (size_t)got);
    return got == 0 ? RECEIVED_END : RECEIVED_BYTES;
}

static enum http_outcome receive_message(struct http_connection *connection,
                                         struct http_message *response, bool has_no_body,
                                         uint64_t timeout_ms)
{
    uint64_t deadline_ms = clock_now_ms() + timeout_ms;
    enum received received = RECEIVED_BYTES;

    for (;;) {
        switch (http_message_take(response, &connection->input, has_no_body)) {
        case HTTP_MESSAGE_COMPLETE:
            return HTTP_COMPLETE;
        case HTTP_MESSAGE_BROKEN:
            return HTTP_GARBAGE;
        case HTTP_MESSAGE_HEAD:
        case HTTP_MESSAGE_BODY:
            break;
        }
        received = receive_some(connection, deadline_ms);
        if (received == RECEIVED_NOTHING)
            return HTTP_TIMEOUT;
        if (received == RECEIVED_RESET)
            return HTTP_RESET;
        if (received == RECEIVED_END)
            break;
    }

    if (http_message_end(response) == HTTP_MESSAGE_COMPLETE)
        return HTTP_COMPLETE;
    bool has_begun = response->state != HTTP_MESSAGE_HEAD || connection->input.length > 0;
    return has_begun ? HTTP_TRUNCATED : HTTP_CLOSED;
}

enum http_outcome http_connection_receive(struct http_connection *connection,
                                          struct http_message *response, uint64_t timeout_ms)
{
    return receive_message(connection, response, false, timeout_ms);
}

enum http_outcome http_connection_receive_head(struct http_connection *connection,
                                               struct http_message *response, uint64_t timeout_ms)
{
    return receive_message(connection, response, true, timeout_ms);
}

bool http_connection_wait(struct http_connection *connection, uint64_t timeout_ms)
{
    struct pollfd readable = {.fd = connection->fd, .events = POLLIN};
    return connection->input.length > 0 || poll(&readable, 1, (int)timeout_ms) > 0;
}

bool http_connection_is_closed_within(struct http_connection *connection, uint64_t timeout_ms)
{
    if (connection->input.length > 0)
        return false;
    enum received received = receive_some(connection, clock_now_ms() + timeout_ms);
    return received == RECEIVED_END || received == RECEIVED_RESET;
}

int http_connection_fd(const struct http_connection *connection)
{
    return connection->fd;
}

const char *http_outcome_name(enum http_outcome outcome)
{
    switch (outcome) {
    case HTTP_COMPLETE:
        return "complete";
    case HTTP_CLOSED:
        return "closed before the first byte";
    case HTTP_TRUNCATED:
        return "ended inside the message";
    case HTTP_RESET:
        return "reset";
    case HTTP_TIMEOUT:
        return "nothing in time";
    case HTTP_GARBAGE:
        return "not HTTP";
    }
    return "?";
}
