/* HTTP get: one request on a connection of its own, for stories that care what is answered, not
 * how the bytes came.
 *
 * Threads: any. */
#ifndef TESTS_SUPPORT_HTTP_GET_H
#define TESTS_SUPPORT_HTTP_GET_H

#include "tests/support/http_connection.h"

/* GET `path` of `host` at 127.0.0.1:`port` into `response`, which is cleared first. Fails the
 * test when no whole answer comes. Returns the status. */
int http_get(int port, const char *host, const char *path, struct http_message *response);

/* The same for any request: `head` is everything up to the empty line, each line with CRLF. */
int http_exchange(int port, const char *head, const char *body, struct http_message *response);

/* The status of a GET whose answer does not matter. 0 when there was no whole answer. */
int http_get_status(int port, const char *host, const char *path);

/* Fails the test unless this is the name of the fake upstream that answers with 200, or the status
 * that comes instead. */
void http_get_expect(int port, const char *host, const char *path, const char *expected);

#endif
