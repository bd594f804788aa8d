#include "tests/support/http_get.h"

#include "tests/support/check.h"
#include "tests/support/wait.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static enum http_outcome exchange_once(int port, const char *head, const char *body,
                                       struct http_message *response)
{
    struct http_connection *connection = http_connection_open(port);
    if (connection == NULL)
        return HTTP_CLOSED;

    http_message_clear(response);
    http_connection_send_text(connection, head);
    http_connection_send_text(connection, "\r\n");
    http_connection_send_text(connection, body);
    enum http_outcome outcome = http_connection_receive(connection, response, WAIT_MS);
    http_connection_close(connection);
    return outcome;
}

static enum http_outcome get_once(int port, const char *host, const char *path,
                                  struct http_message *response)
{
    struct buffer head = BUFFER_EMPTY;
    buffer_printf(&head, "GET %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n", path, host);
    enum http_outcome outcome = exchange_once(port, buffer_string(&head), "", response);
    buffer_clear(&head);
    return outcome;
}

int http_get(int port, const char *host, const char *path, struct http_message *response)
{
    enum http_outcome outcome = get_once(port, host, path, response);
    CHECK(outcome == HTTP_COMPLETE, "GET http://%s%s at port %d: %s", host, path, port,
          http_outcome_name(outcome));
    return response->status;
}

int http_exchange(int port, const char *head, const char *body, struct http_message *response)
{
    enum http_outcome outcome = exchange_once(port, head, body, response);
    CHECK(outcome == HTTP_COMPLETE, "%s at port %d: %s", head, port, http_outcome_name(outcome));
    return response->status;
}

int http_get_status(int port, const char *host, const char *path)
{
    struct http_message response = HTTP_MESSAGE_EMPTY;
    enum http_outcome outcome = get_once(port, host, path, &response);
    int status = outcome == HTTP_COMPLETE ? response.status : 0;
    http_message_clear(&response);
    return status;
}

void http_get_expect(int port, const char *host, const char *path, const char *expected)
{
    struct http_message response = HTTP_MESSAGE_EMPTY;
    char status[16];
    snprintf(status, sizeof(status), "%d", http_get(port, host, path, &response));
    char *server = http_message_field(&response, "X-Served-By");
    const char *answer = response.status == 200 && server != NULL ? server : status;
    CHECK(strcmp(answer, expected) == 0, "GET http://%s%s gives %s, not %s", host, path, answer,
          expected);
    free(server);
    http_message_clear(&response);
}
