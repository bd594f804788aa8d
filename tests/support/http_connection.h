/* HTTP connection: a client that sends exactly the bytes it is told and says exactly how the
 * answer came.
 *
 * Threads: one owns a connection. */
#ifndef TESTS_SUPPORT_HTTP_CONNECTION_H
#define TESTS_SUPPORT_HTTP_CONNECTION_H

#include "tests/support/http_message.h"

#include <stdint.h>

struct http_connection;

enum http_outcome {
    HTTP_COMPLETE,  /* a whole message */
    HTTP_CLOSED,    /* the connection ended before its first byte */
    HTTP_TRUNCATED, /* the connection ended inside the message */
    HTTP_RESET,     /* the connection was reset */
    HTTP_TIMEOUT,   /* nothing came in time */
    HTTP_GARBAGE,   /* not HTTP */
};

/* To 127.0.0.1:`port`; NULL when refused. */
struct http_connection *http_connection_open(int port);
/* From that address of loopback: "127.0.0.2". */
struct http_connection *http_connection_open_from(const char *ip, int port);
struct http_connection *http_connection_open_unix(const char *path);
/* Harmless on NULL. */
void http_connection_close(struct http_connection *connection);
/* Closes with a reset instead of an end. */
void http_connection_reset(struct http_connection *connection);

/* False when the other side is gone. */
bool http_connection_send(struct http_connection *connection, const void *bytes, size_t length);
bool http_connection_send_text(struct http_connection *connection, const char *text);
/* Sends no more; still receives. */
void http_connection_finish_sending(struct http_connection *connection);

/* The next response, 1xx included, into an empty `response`, which keeps what came in any case. */
enum http_outcome http_connection_receive(struct http_connection *connection,
                                          struct http_message *response, uint64_t timeout_ms);
/* The same for the answer to a HEAD. */
enum http_outcome http_connection_receive_head(struct http_connection *connection,
                                               struct http_message *response, uint64_t timeout_ms);

/* Waits until the other side has sent something or closed. False when `timeout_ms` passed first. */
bool http_connection_wait(struct http_connection *connection, uint64_t timeout_ms);

/* True when the other side closes without a further byte. */
bool http_connection_is_closed_within(struct http_connection *connection, uint64_t timeout_ms);

/* For stories about the socket itself. */
int http_connection_fd(const struct http_connection *connection);

const char *http_outcome_name(enum http_outcome outcome);

#endif
