#include "tests/support/fake_upstream.h"

#include "common/clock.h"
#include "tests/support/check.h"
#include "tests/support/fake_connection.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

/* --- accepting ------------------------------------------------------------------------------ */

static void start_connection(struct fake_upstream *upstream, int fd)
{
    int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    struct fake_connection *connection = memory_allocate_zeroed(1, sizeof(*connection));
    connection->upstream = upstream;
    connection->fd = fd;

    mutex_lock(&upstream->mutex);
    if (upstream->next_script < upstream->script_count)
        connection->script = upstream->scripts[upstream->next_script++];
    int failed = pthread_create(&connection->thread, NULL, fake_connection_run, connection);
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
    for (struct fake_connection *at = upstream->connections; at != NULL; at = at->next) {
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
    struct fake_connection *connection = upstream->connections;
    mutex_unlock(&upstream->mutex);
    while (connection != NULL) {
        struct fake_connection *next = connection->next;
        fake_connection_free(connection);
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
