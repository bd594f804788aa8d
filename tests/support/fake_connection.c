#include "tests/support/fake_connection.h"

#include "tests/support/check.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

static bool send_all(const struct fake_connection *connection, const char *bytes, size_t length)
{
    while (length > 0) {
        ssize_t sent = connection->ssl != NULL ? SSL_write(connection->ssl, bytes, (int)length)
                                               : send(connection->fd, bytes, length, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent <= 0)
            return false;
        bytes += sent;
        length -= (size_t)sent;
    }
    return true;
}

static bool receive_some(struct fake_connection *connection)
{
    enum { ROOM = 65536 };
    ssize_t got;
    do {
        char *at = buffer_reserve(&connection->input, ROOM);
        got = connection->ssl != NULL ? SSL_read(connection->ssl, at, ROOM)
                                      : recv(connection->fd, at, ROOM, 0);
    } while (got < 0 && errno == EINTR);
    if (got <= 0)
        return false;
    buffer_extend(&connection->input, (size_t)got);
    return true;
}

/* Receives until the request has come to `state`. False when the client left before. */
static bool receive_request(struct fake_connection *connection, enum http_message_state state)
{
    while (http_message_take(&connection->request, &connection->input, false) < state) {
        if (!receive_some(connection))
            return false;
    }
    return connection->request.state != HTTP_MESSAGE_BROKEN;
}

static struct http_message *copy_of(const struct http_message *request)
{
    struct http_message *copy = memory_allocate_zeroed(1, sizeof(*copy));
    buffer_append_slice(&copy->head, buffer_slice(&request->head));
    buffer_append_slice(&copy->body, buffer_slice(&request->body));
    buffer_append_slice(&copy->trailers, buffer_slice(&request->trailers));
    buffer_string(&copy->head);
    buffer_string(&copy->body);
    buffer_string(&copy->trailers);
    copy->is_chunked = request->is_chunked;
    copy->state = HTTP_MESSAGE_COMPLETE;
    return copy;
}

static void record_request(struct fake_connection *connection)
{
    struct fake_upstream *upstream = connection->upstream;
    mutex_lock(&upstream->mutex);
    if (upstream->request_count < REQUESTS_MAX) {
        upstream->requests[upstream->request_count++] = copy_of(&connection->request);
        pthread_cond_broadcast(&upstream->changed);
    }
    mutex_unlock(&upstream->mutex);
}

static bool request_is(const struct fake_connection *connection, const char *method)
{
    size_t length = strlen(method);
    return connection->request.head.length > length &&
           memcmp(connection->request.head.at, method, length) == 0 &&
           connection->request.head.at[length] == ' ';
}

/* What is answered without a script. Caller clears it. */
static struct buffer build_answer(struct fake_connection *connection)
{
    struct fake_upstream *upstream = connection->upstream;
    struct buffer answer = BUFFER_EMPTY;

    mutex_lock(&upstream->mutex);
    if (upstream->answer != NULL)
        buffer_append_string(&answer, upstream->answer);
    mutex_unlock(&upstream->mutex);
    if (answer.length > 0)
        return answer;

    const struct http_message *request = &connection->request;
    buffer_printf(&answer,
                  "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nX-Served-By: %s\r\n"
                  "Content-Length: %zu\r\n\r\n",
                  upstream->name, request->head.length + request->body.length);
    if (!request_is(connection, "HEAD")) {
        buffer_append_slice(&answer, buffer_slice(&request->head));
        buffer_append_slice(&answer, buffer_slice(&request->body));
    }
    return answer;
}

static bool serve_one(struct fake_connection *connection)
{
    if (!receive_request(connection, HTTP_MESSAGE_BODY))
        return false;
    char *expectation = http_message_field(&connection->request, "expect");
    bool is_expected = expectation != NULL && strcasecmp(expectation, "100-continue") == 0;
    free(expectation);
    static const char go_on[] = "HTTP/1.1 100 Continue\r\n\r\n";
    if (is_expected && !send_all(connection, go_on, strlen(go_on)))
        return false;
    if (!receive_request(connection, HTTP_MESSAGE_COMPLETE))
        return false;

    record_request(connection);
    struct buffer answer = build_answer(connection);
    bool is_sent = send_all(connection, answer.at, answer.length);
    buffer_clear(&answer);
    http_message_clear(&connection->request);
    return is_sent;
}

static void hold(struct fake_upstream *upstream)
{
    mutex_lock(&upstream->mutex);
    while (!upstream->is_released)
        pthread_cond_wait(&upstream->changed, &upstream->mutex.native);
    mutex_unlock(&upstream->mutex);
}

/* Being slow is what the story is about. */
static void pause_for(unsigned milliseconds)
{
    struct timespec time = {.tv_sec = milliseconds / 1000,
                            .tv_nsec = (long)(milliseconds % 1000) * 1000000};
    nanosleep(&time, NULL);
}

static bool send_step(struct fake_connection *connection, const struct fake_step *step)
{
    size_t length = step->text_length > 0 ? step->text_length : strlen(step->text);
    for (size_t i = 0; i < (step->repeat > 0 ? step->repeat : 1); i++) {
        if (i > 0 && step->pause_ms > 0)
            pause_for(step->pause_ms);
        if (!send_all(connection, step->text, length))
            return false;
    }
    return true;
}

static void echo(struct fake_connection *connection)
{
    do {
        if (!send_all(connection, connection->input.at, connection->input.length))
            return;
        buffer_reset(&connection->input);
    } while (receive_some(connection));
}

static void set_reset(const struct fake_connection *connection)
{
    struct linger at_once = {.l_onoff = 1, .l_linger = 0};
    setsockopt(connection->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
    if (connection->ssl != NULL)
        SSL_set_quiet_shutdown(connection->ssl, 1);
}

/* False when the connection is to be closed. */
static bool run_step(struct fake_connection *connection, const struct fake_step *step)
{
    switch (step->action) {
    case FAKE_CLOSE:
        return false;
    case FAKE_RESET:
        set_reset(connection);
        return false;
    case FAKE_READ_HEAD:
        return receive_request(connection, HTTP_MESSAGE_BODY);
    case FAKE_READ_REQUEST:
        if (!receive_request(connection, HTTP_MESSAGE_COMPLETE))
            return false;
        record_request(connection);
        http_message_clear(&connection->request);
        return true;
    case FAKE_SEND:
        return send_step(connection, step);
    case FAKE_HOLD:
        hold(connection->upstream);
        return true;
    case FAKE_READ_TO_END:
        while (receive_some(connection))
            buffer_reset(&connection->input);
        return true;
    case FAKE_ECHO:
        echo(connection);
        return true;
    case FAKE_SERVE:
        while (serve_one(connection))
            continue;
        return false;
    }
    return false;
}

/* False when there is no TLS to be had with this client. */
static bool secure(struct fake_connection *connection)
{
    struct fake_upstream *upstream = connection->upstream;
    if (upstream->tls == NULL)
        return true;
    connection->ssl = SSL_new(upstream->tls);
    SSL_set_fd(connection->ssl, connection->fd);
    bool is_secure = SSL_accept(connection->ssl) == 1;

    const char *name = SSL_get_servername(connection->ssl, TLSEXT_NAMETYPE_host_name);
    mutex_lock(&upstream->mutex);
    upstream->resumed_count += is_secure && SSL_session_reused(connection->ssl);
    snprintf(upstream->server_name, sizeof(upstream->server_name), "%s", name == NULL ? "" : name);
    mutex_unlock(&upstream->mutex);
    return is_secure;
}

void *fake_connection_run(void *context)
{
    static const struct fake_step serving[] = {{.action = FAKE_SERVE}};
    struct fake_connection *connection = context;
    const struct fake_step *step = connection->script == NULL ? serving : connection->script;

    if (secure(connection)) {
        while (run_step(connection, step))
            step++;
    }
    if (connection->ssl != NULL && SSL_is_init_finished(connection->ssl))
        SSL_shutdown(connection->ssl);
    SSL_free(connection->ssl);

    mutex_lock(&connection->upstream->mutex);
    close(connection->fd);
    connection->fd = -1;
    mutex_unlock(&connection->upstream->mutex);
    return NULL;
}

void fake_connection_free(struct fake_connection *connection)
{
    pthread_join(connection->thread, NULL);
    buffer_clear(&connection->input);
    http_message_clear(&connection->request);
    free(connection);
}
