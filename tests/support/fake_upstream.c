#include "tests/support/fake_upstream.h"

#include "common/clock.h"
#include "common/mutex.h"
#include "tests/support/check.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <openssl/ssl.h>

enum { REQUESTS_MAX = 100000, SCRIPTS_MAX = 2048 };

struct connection {
    /* immutable */
    struct fake_upstream *upstream;
    const struct fake_step *script; /* NULL: serves */
    pthread_t thread;
    struct connection *next;
    /* its own thread */
    struct buffer input;
    struct http_message request;
    SSL *ssl; /* NULL: clear */
    /* guarded by the upstream's mutex */
    int fd; /* -1: closed */
};

struct fake_upstream {
    /* immutable */
    char *name;
    struct sockaddr_storage address;
    socklen_t address_length;
    int port;
    char url[64];
    SSL_CTX *tls;  /* NULL: clear */
    int keeper_fd; /* bound and not listening: keeps the port while we refuse */
    /* the story's thread */
    int listen_fd; /* -1: refuses */
    pthread_t acceptor;
    /* guarded by mutex */
    struct mutex mutex;
    pthread_cond_t changed;
    struct connection *connections;
    size_t connection_count;
    struct http_message **requests;
    size_t request_count;
    const struct fake_step *scripts[SCRIPTS_MAX];
    size_t script_count;
    size_t next_script;
    char *answer; /* NULL: the default */
    bool is_released;
    size_t resumed_count;
    char server_name[256];
};

/* --- one connection ------------------------------------------------------------------------- */

static bool send_all(const struct connection *connection, const char *bytes, size_t length)
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

static bool receive_some(struct connection *connection)
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
static bool receive_request(struct connection *connection, enum http_message_state state)
{
    while (http_message_take(&connection->request, &connection->input, false) < state) {
        if (!receive_some(connection))
            return false;
    }
    return connection->request.state != HTTP_MESSAGE_BROKEN;
}

static void record_request(struct connection *connection)
{
    struct fake_upstream *upstream = connection->upstream;
    struct http_message *copy = memory_allocate_zeroed(1, sizeof(*copy));
    buffer_append_slice(&copy->head, buffer_slice(&connection->request.head));
    buffer_append_slice(&copy->body, buffer_slice(&connection->request.body));
    buffer_append_slice(&copy->trailers, buffer_slice(&connection->request.trailers));
    buffer_string(&copy->head);
    buffer_string(&copy->body);
    buffer_string(&copy->trailers);
    copy->is_chunked = connection->request.is_chunked;
    copy->state = HTTP_MESSAGE_COMPLETE;

    mutex_lock(&upstream->mutex);
    CHECK(upstream->request_count < REQUESTS_MAX, "more requests than a story should have");
    upstream->requests[upstream->request_count++] = copy;
    pthread_cond_broadcast(&upstream->changed);
    mutex_unlock(&upstream->mutex);
}

static bool request_is(const struct connection *connection, const char *method)
{
    size_t length = strlen(method);
    return connection->request.head.length > length &&
           memcmp(connection->request.head.at, method, length) == 0 &&
           connection->request.head.at[length] == ' ';
}

/* What is answered without a script. Caller clears it. */
static struct buffer build_answer(struct connection *connection)
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

static bool serve_one(struct connection *connection)
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

static bool send_step(struct connection *connection, const struct fake_step *step)
{
    size_t length = step->text_length > 0 ? step->text_length : strlen(step->text);
    for (size_t i = 0; i < (step->repeat > 0 ? step->repeat : 1); i++) {
        if (!send_all(connection, step->text, length))
            return false;
    }
    return true;
}

static void echo(struct connection *connection)
{
    do {
        if (!send_all(connection, connection->input.at, connection->input.length))
            return;
        buffer_reset(&connection->input);
    } while (receive_some(connection));
}

static void set_reset(const struct connection *connection)
{
    struct linger at_once = {.l_onoff = 1, .l_linger = 0};
    setsockopt(connection->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
    if (connection->ssl != NULL)
        SSL_set_quiet_shutdown(connection->ssl, 1);
}

/* False when the connection is to be closed. */
static bool run_step(struct connection *connection, const struct fake_step *step)
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
static bool secure(struct connection *connection)
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

static void *run_connection(void *context)
{
    static const struct fake_step serving[] = {{.action = FAKE_SERVE}};
    struct connection *connection = context;
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

static void connection_free(struct connection *connection)
{
    pthread_join(connection->thread, NULL);
    buffer_clear(&connection->input);
    http_message_clear(&connection->request);
    free(connection);
}

/* --- accepting ------------------------------------------------------------------------------ */

static void start_connection(struct fake_upstream *upstream, int fd)
{
    int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    struct connection *connection = memory_allocate_zeroed(1, sizeof(*connection));
    connection->upstream = upstream;
    connection->fd = fd;

    mutex_lock(&upstream->mutex);
    if (upstream->next_script < upstream->script_count)
        connection->script = upstream->scripts[upstream->next_script++];
    int failed = pthread_create(&connection->thread, NULL, run_connection, connection);
    CHECK(failed == 0, "no thread");
    connection->next = upstream->connections;
    upstream->connections = connection;
    upstream->connection_count++;
    pthread_cond_broadcast(&upstream->changed);
    mutex_unlock(&upstream->mutex);
}

static void *run_acceptor(void *context)
{
    struct fake_upstream *upstream = context;
    for (;;) {
        int fd = accept4(upstream->listen_fd, NULL, NULL, SOCK_CLOEXEC);
        if (fd >= 0)
            start_connection(upstream, fd);
        else if (errno != EINTR && errno != ECONNABORTED)
            return NULL; /* shut down by fake_upstream_refuse */
    }
}

/* TCP sockets share the port with the keeper; SO_REUSEADDR allows it as only one listens. */
static int open_bound(const struct fake_upstream *upstream)
{
    const struct sockaddr *address = (const struct sockaddr *)&upstream->address;
    int fd = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int on = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    CHECK(fd >= 0 && bind(fd, address, upstream->address_length) == 0, "cannot bind: %s",
          strerror(errno));
    return fd;
}

void fake_upstream_accept(struct fake_upstream *upstream)
{
    if (upstream->listen_fd >= 0)
        return;
    upstream->listen_fd = open_bound(upstream);
    CHECK(listen(upstream->listen_fd, 1024) == 0, "cannot listen: %s", strerror(errno));
    int failed = pthread_create(&upstream->acceptor, NULL, run_acceptor, upstream);
    CHECK(failed == 0, "no thread");
}

void fake_upstream_refuse(struct fake_upstream *upstream)
{
    if (upstream->listen_fd < 0)
        return;
    shutdown(upstream->listen_fd, SHUT_RDWR);
    pthread_join(upstream->acceptor, NULL);
    close(upstream->listen_fd);
    upstream->listen_fd = -1;
    if (upstream->address.ss_family == AF_UNIX)
        unlink(((const struct sockaddr_un *)&upstream->address)->sun_path);
}

/* --- start and end -------------------------------------------------------------------------- */

static struct fake_upstream *upstream_new(const char *name)
{
    struct fake_upstream *upstream = memory_allocate_zeroed(1, sizeof(*upstream));
    upstream->name = memory_duplicate_string(name);
    upstream->listen_fd = -1;
    upstream->keeper_fd = -1;
    mutex_init(&upstream->mutex);
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&upstream->changed, &monotonic);
    pthread_condattr_destroy(&monotonic);
    mutex_lock(&upstream->mutex);
    upstream->requests = memory_allocate_zeroed(REQUESTS_MAX, sizeof(*upstream->requests));
    mutex_unlock(&upstream->mutex);
    return upstream;
}

/* `port` 0: any that is free. */
static struct fake_upstream *start_tcp(struct fake_upstream *upstream, const char *ip, int port)
{
    struct sockaddr_in *address = (struct sockaddr_in *)&upstream->address;
    address->sin_family = AF_INET;
    address->sin_port = htons((uint16_t)port);
    CHECK(inet_pton(AF_INET, ip, &address->sin_addr) == 1, "no address: %s", ip);
    upstream->address_length = sizeof(*address);

    upstream->keeper_fd = open_bound(upstream);
    socklen_t length = sizeof(*address);
    getsockname(upstream->keeper_fd, (struct sockaddr *)address, &length);
    upstream->port = ntohs(address->sin_port);
    snprintf(upstream->url, sizeof(upstream->url), "%s://%s:%d",
             upstream->tls == NULL ? "http" : "https", ip, upstream->port);
    fake_upstream_accept(upstream);
    return upstream;
}

struct fake_upstream *fake_upstream_start(const char *name)
{
    return start_tcp(upstream_new(name), "127.0.0.1", 0);
}

struct fake_upstream *fake_upstream_start_at(const char *name, const char *ip, int port)
{
    return start_tcp(upstream_new(name), ip, port);
}

struct fake_upstream *fake_upstream_start_tls(const char *name, const char *certificate,
                                              const char *key)
{
    struct fake_upstream *upstream = upstream_new(name);
    signal(SIGPIPE, SIG_IGN); /* OpenSSL writes without MSG_NOSIGNAL */
    upstream->tls = SSL_CTX_new(TLS_server_method());
    CHECK(SSL_CTX_use_certificate_file(upstream->tls, certificate, SSL_FILETYPE_PEM) == 1 &&
              SSL_CTX_use_PrivateKey_file(upstream->tls, key, SSL_FILETYPE_PEM) == 1,
          "cannot use %s", certificate);
    return start_tcp(upstream, "127.0.0.1", 0);
}

struct fake_upstream *fake_upstream_start_unix(const char *name, const char *path)
{
    struct fake_upstream *upstream = upstream_new(name);
    struct sockaddr_un *address = (struct sockaddr_un *)&upstream->address;
    CHECK(strlen(path) < sizeof(address->sun_path), "socket path too long: %s", path);
    address->sun_family = AF_UNIX;
    memcpy(address->sun_path, path, strlen(path) + 1);
    upstream->address_length = sizeof(*address);
    fake_upstream_accept(upstream);
    return upstream;
}

void fake_upstream_drop_connections(struct fake_upstream *upstream)
{
    mutex_lock(&upstream->mutex);
    for (struct connection *at = upstream->connections; at != NULL; at = at->next) {
        if (at->fd >= 0)
            shutdown(at->fd, SHUT_RDWR);
    }
    mutex_unlock(&upstream->mutex);
}

static void free_state(struct fake_upstream *upstream)
{
    mutex_lock(&upstream->mutex);
    for (size_t i = 0; i < upstream->request_count; i++) {
        http_message_clear(upstream->requests[i]);
        free(upstream->requests[i]);
    }
    free(upstream->requests);
    free(upstream->answer);
    mutex_unlock(&upstream->mutex);
}

void fake_upstream_free(struct fake_upstream *upstream)
{
    if (upstream == NULL)
        return;
    fake_upstream_refuse(upstream);
    fake_upstream_drop_connections(upstream);
    fake_upstream_release(upstream);

    /* The acceptor has ended: nobody else touches the list, and connections need the mutex. */
    mutex_lock(&upstream->mutex);
    struct connection *connection = upstream->connections;
    mutex_unlock(&upstream->mutex);
    while (connection != NULL) {
        struct connection *next = connection->next;
        connection_free(connection);
        connection = next;
    }

    free_state(upstream);
    if (upstream->keeper_fd >= 0)
        close(upstream->keeper_fd);
    SSL_CTX_free(upstream->tls);
    pthread_cond_destroy(&upstream->changed);
    mutex_clear(&upstream->mutex);
    free(upstream->name);
    free(upstream);
}

int fake_upstream_port(const struct fake_upstream *upstream)
{
    return upstream->port;
}

const char *fake_upstream_url(const struct fake_upstream *upstream)
{
    return upstream->url;
}

/* --- the story ------------------------------------------------------------------------------ */

void fake_upstream_answer(struct fake_upstream *upstream, const char *bytes)
{
    mutex_lock(&upstream->mutex);
    free(upstream->answer);
    upstream->answer = bytes == NULL ? NULL : memory_duplicate_string(bytes);
    mutex_unlock(&upstream->mutex);
}

void fake_upstream_script(struct fake_upstream *upstream, const struct fake_step *steps)
{
    mutex_lock(&upstream->mutex);
    CHECK(upstream->script_count < SCRIPTS_MAX, "more scripts than a story should have");
    upstream->scripts[upstream->script_count++] = steps;
    mutex_unlock(&upstream->mutex);
}

void fake_upstream_forget_scripts(struct fake_upstream *upstream)
{
    mutex_lock(&upstream->mutex);
    upstream->next_script = upstream->script_count = 0;
    mutex_unlock(&upstream->mutex);
}

void fake_upstream_release(struct fake_upstream *upstream)
{
    mutex_lock(&upstream->mutex);
    upstream->is_released = true;
    pthread_cond_broadcast(&upstream->changed);
    mutex_unlock(&upstream->mutex);
}

size_t fake_upstream_connection_count(struct fake_upstream *upstream)
{
    mutex_lock(&upstream->mutex);
    size_t count = upstream->connection_count;
    mutex_unlock(&upstream->mutex);
    return count;
}

size_t fake_upstream_request_count(struct fake_upstream *upstream)
{
    mutex_lock(&upstream->mutex);
    size_t count = upstream->request_count;
    mutex_unlock(&upstream->mutex);
    return count;
}

size_t fake_upstream_resumed_count(struct fake_upstream *upstream)
{
    mutex_lock(&upstream->mutex);
    size_t count = upstream->resumed_count;
    mutex_unlock(&upstream->mutex);
    return count;
}

void fake_upstream_server_name(struct fake_upstream *upstream, char name[256])
{
    mutex_lock(&upstream->mutex);
    memcpy(name, upstream->server_name, sizeof(upstream->server_name));
    mutex_unlock(&upstream->mutex);
}

/* Waits until one of the counts, which the mutex guards, reaches `count`. */
static bool wait_count(struct fake_upstream *upstream, const size_t *counted, size_t count,
                       uint64_t timeout_ms)
{
    uint64_t deadline_ms = clock_now_ms() + timeout_ms;
    const struct timespec until = {
        .tv_sec = (time_t)(deadline_ms / 1000),
        .tv_nsec = (long)(deadline_ms % 1000) * 1000000,
    };

    mutex_lock(&upstream->mutex);
    int result = 0;
    while (*counted < count && result != ETIMEDOUT)
        result = pthread_cond_timedwait(&upstream->changed, &upstream->mutex.native, &until);
    bool is_reached = *counted >= count;
    mutex_unlock(&upstream->mutex);
    return is_reached;
}

bool fake_upstream_wait_requests(struct fake_upstream *upstream, size_t count, uint64_t timeout_ms)
{
    return wait_count(upstream, &upstream->request_count, count, timeout_ms);
}

bool fake_upstream_wait_connections(struct fake_upstream *upstream, size_t count,
                                    uint64_t timeout_ms)
{
    return wait_count(upstream, &upstream->connection_count, count, timeout_ms);
}

const struct http_message *fake_upstream_request(struct fake_upstream *upstream, size_t index)
{
    mutex_lock(&upstream->mutex);
    CHECK(index < upstream->request_count, "only %zu requests have come", upstream->request_count);
    const struct http_message *request = upstream->requests[index];
    mutex_unlock(&upstream->mutex);
    return request;
}
