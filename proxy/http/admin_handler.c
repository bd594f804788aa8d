#include "proxy/http/admin_handler.h"

#include "common/log.h"
#include "common/sanitizers.h"
#include "proxy/http/listener.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <h2o.h>

enum {
    CONNECTIONS_MAX = 64,
    REQUEST_TIMEOUT_MS = 5000,
    REQUEST_BODY_MAX = 1024, /* nothing here reads one */
    ACCEPT_PAUSE_MS = 100,   /* without descriptors, accepting would only spin */
};

struct admin_connection {
    struct admin_handler *handler;
    int fd;
    struct admin_connection *next, *previous;
};

struct admin_handler {
    /* immutable */
    struct listener *listener;
    const struct admin_page *pages;
    void *context;
    pthread_t thread;
    int stop_fd;

    /* own thread only */
    h2o_globalconf_t config;
    h2o_context_t h2o;
    h2o_accept_ctx_t accept;
    h2o_loop_t *loop;
    h2o_timeout_t pause;
    h2o_timeout_entry_t pause_entry;
    h2o_socket_t *listen_socket;
    h2o_socket_t *stop_socket;
    struct admin_connection *connections;
    size_t connection_count;
    bool is_stopping;
};

/* libh2o's handler with a way back to ours. */
struct page_handler {
    h2o_handler_t super;
    struct admin_handler *admin;
};

#if IS_ADDRESS_SANITIZED
/* libh2o keeps freed chunks in caches of each thread and never frees the queue of a context: a
 * few kilobytes, lost when the thread ends, which is when the program does. */
const char *__lsan_default_suppressions(void); // NOLINT: the sanitizer's name
const char *__lsan_default_suppressions(void)  // NOLINT
{
    return "leak:libh2o-evloop";
}

const char *__lsan_default_options(void); // NOLINT: the sanitizer's name
const char *__lsan_default_options(void)  // NOLINT
{
    return "print_suppressions=0";
}
#endif

/* --- pages ---------------------------------------------------------------------------------- */

static void send_page(h2o_req_t *req, int status, const char *content_type, struct slice body)
{
    req->res.status = status;
    req->res.reason = status == 200 ? "OK" : "Error";
    req->res.content_length = body.length;
    req->http1_is_persistent = 0;
    h2o_add_header(&req->pool, &req->res.headers, H2O_TOKEN_CONTENT_TYPE, NULL, content_type,
                   strlen(content_type));
    h2o_add_header(&req->pool, &req->res.headers, H2O_TOKEN_CACHE_CONTROL, NULL,
                   H2O_STRLIT("no-store"));
    h2o_send_inline(req, body.at, body.length);
}

static const struct admin_page *find_page(const struct admin_handler *handler, const h2o_req_t *req)
{
    struct slice path = slice_of(req->path_normalized.base, req->path_normalized.len);
    for (const struct admin_page *page = handler->pages; page->path != NULL; page++) {
        if (slice_equals(slice_from_string(page->path), path))
            return page;
    }
    return NULL;
}

static bool is_method(const h2o_req_t *req, struct slice method)
{
    return slice_equals(slice_of(req->method.base, req->method.len), method);
}

static int on_request(h2o_handler_t *super, h2o_req_t *req)
{
    struct admin_handler *handler = ((struct page_handler *)(void *)super)->admin;
    if (!is_method(req, SLICE("GET")) && !is_method(req, SLICE("HEAD"))) {
        send_page(req, 405, "text/plain", SLICE("only GET and HEAD\n"));
        return 0;
    }
    const struct admin_page *page = find_page(handler, req);
    if (page == NULL) {
        send_page(req, 404, "text/plain", SLICE("no such page\n"));
        return 0;
    }

    struct buffer body = BUFFER_EMPTY;
    int status = page->write(handler->context, &body);
    send_page(req, status, page->content_type, buffer_slice(&body));
    buffer_clear(&body);
    return 0;
}

/* --- connections ---------------------------------------------------------------------------- */

static void on_connection_closed(void *context)
{
    struct admin_connection *connection = context;
    struct admin_handler *handler = connection->handler;
    if (connection->next != NULL)
        connection->next->previous = connection->previous;
    *(connection->previous != NULL ? &connection->previous->next : &handler->connections) =
        connection->next;
    handler->connection_count--;
    free(connection);
}

static void track(struct admin_handler *handler, h2o_socket_t *socket)
{
    struct admin_connection *connection = memory_allocate_zeroed(1, sizeof(*connection));
    connection->handler = handler;
    connection->fd = h2o_socket_get_fd(socket);
    connection->next = handler->connections;
    if (connection->next != NULL)
        connection->next->previous = connection;
    handler->connections = connection;
    handler->connection_count++;
    socket->on_close.cb = on_connection_closed;
    socket->on_close.data = connection;
}

static void on_pause_over(h2o_timeout_entry_t *entry);
static void on_accept(h2o_socket_t *listen_socket, const char *error);

static void pause_accepting(struct admin_handler *handler)
{
    if (h2o_timeout_is_linked(&handler->pause_entry))
        return;
    h2o_socket_read_stop(handler->listen_socket);
    handler->pause_entry.cb = on_pause_over;
    h2o_timeout_link(handler->loop, &handler->pause, &handler->pause_entry);
}

static void on_pause_over(h2o_timeout_entry_t *entry)
{
    struct admin_handler *handler =
        H2O_STRUCT_FROM_MEMBER(struct admin_handler, pause_entry, entry);
    h2o_socket_read_start(handler->listen_socket, on_accept);
}

static void on_accept(h2o_socket_t *listen_socket, const char *error)
{
    struct admin_handler *handler = listen_socket->data;
    if (error != NULL)
        return;
    h2o_socket_t *socket = h2o_evloop_socket_accept(listen_socket);
    if (socket == NULL) {
        if (errno == EMFILE || errno == ENFILE)
            pause_accepting(handler);
        return;
    }
    if (handler->connection_count == CONNECTIONS_MAX) {
        h2o_socket_close(socket);
        return;
    }
    track(handler, socket);
    h2o_accept(&handler->accept, socket);
}

/* --- the thread ----------------------------------------------------------------------------- */

static void on_stop(h2o_socket_t *socket, const char *error)
{
    (void)error;
    struct admin_handler *handler = socket->data;
    handler->is_stopping = true;
}

/* A descriptor of h2o's own: closing its socket closes that one alone. */
static h2o_socket_t *watch(struct admin_handler *handler, int fd, h2o_socket_cb on_readable)
{
    int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    if (copy < 0)
        abort();
    h2o_socket_t *socket = h2o_evloop_socket_create(handler->loop, copy, H2O_SOCKET_FLAG_DONT_READ);
    socket->data = handler;
    h2o_socket_read_start(socket, on_readable);
    return socket;
}

/* Everything of libh2o's is made on the thread that runs it. */
static void set_up(struct admin_handler *handler)
{
    h2o_config_init(&handler->config);
    handler->config.max_request_entity_size = REQUEST_BODY_MAX;
    handler->config.http1.req_timeout = REQUEST_TIMEOUT_MS;
    handler->config.http1.upgrade_to_http2 = 0;
    handler->config.server_name = h2o_iovec_init(H2O_STRLIT("pointsman-proxy"));
    h2o_hostconf_t *host =
        h2o_config_register_host(&handler->config, h2o_iovec_init(H2O_STRLIT("default")), 65535);
    h2o_pathconf_t *path = h2o_config_register_path(host, "/", 0);
    struct page_handler *pages =
        (struct page_handler *)(void *)h2o_create_handler(path, sizeof(*pages));
    pages->super.on_req = on_request;
    pages->admin = handler;

    handler->loop = h2o_evloop_create();
    h2o_context_init(&handler->h2o, handler->loop, &handler->config);
    h2o_timeout_init(handler->loop, &handler->pause, ACCEPT_PAUSE_MS);
    handler->accept = (h2o_accept_ctx_t){.ctx = &handler->h2o, .hosts = handler->config.hosts};
    handler->stop_socket = watch(handler, handler->stop_fd, on_stop);
    handler->listen_socket = watch(handler, listener_fd(handler->listener, 0), on_accept);
}

static void tear_down(struct admin_handler *handler)
{
    h2o_timeout_unlink(&handler->pause_entry);
    h2o_socket_close(handler->listen_socket);
    h2o_socket_close(handler->stop_socket);
    for (struct admin_connection *each = handler->connections; each != NULL; each = each->next)
        shutdown(each->fd, SHUT_RDWR);
    while (handler->connection_count > 0)
        h2o_evloop_run(handler->loop, REQUEST_TIMEOUT_MS);

    h2o_timeout_dispose(handler->loop, &handler->pause);
    h2o_context_dispose(&handler->h2o);
    h2o_evloop_destroy(handler->loop);
    h2o_config_dispose(&handler->config);
}

static void *serve(void *context)
{
    struct admin_handler *handler = context;
    set_up(handler);
    while (!handler->is_stopping)
        h2o_evloop_run(handler->loop, INT32_MAX);
    tear_down(handler);
    return NULL;
}

/* --- start and stop ------------------------------------------------------------------------- */

struct admin_handler *admin_handler_start(struct listener *listener, const struct admin_page *pages,
                                          void *context)
{
    struct admin_handler *handler = memory_allocate_zeroed(1, sizeof(*handler));
    handler->listener = listener;
    handler->pages = pages;
    handler->context = context;
    handler->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (handler->stop_fd < 0 || pthread_create(&handler->thread, NULL, serve, handler) != 0)
        abort();
    log_info("admin_listening", "listener=%s", listener_description(listener));
    return handler;
}

void admin_handler_stop(struct admin_handler *handler)
{
    if (handler == NULL)
        return;
    eventfd_write(handler->stop_fd, 1);
    pthread_join(handler->thread, NULL);
    close(handler->stop_fd);
    listener_close(handler->listener);
    free(handler);
}
