/* Demo backend: a small HTTP server that says who it is and what request it saw.
 *
 *   demo-backend NAME [PORT]      listens on 127.0.0.1; port 0, the default, takes a free one
 *
 * It prints its URL as its first line of output, so that a script knows the port. One thread, on
 * libh2o's own server, which is all a demonstration needs. */
#include "common/buffer.h"

#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <h2o.h>

/* libh2o's callbacks for accepting carry nothing else. */
static h2o_accept_ctx_t accept_context;
static volatile sig_atomic_t is_stopping;

struct demo_handler {
    h2o_handler_t super; /* libh2o's part */
    const char *name;
};

static void append_iovec(struct buffer *to, h2o_iovec_t bytes)
{
    buffer_append(to, bytes.base, bytes.len);
}

static void describe(struct buffer *to, const char *name, const h2o_req_t *req)
{
    buffer_printf(to, "%s saw: ", name);
    append_iovec(to, req->method);
    buffer_append_char(to, ' ');
    append_iovec(to, req->path);
    buffer_append_string(to, "\nhost: ");
    append_iovec(to, req->authority);
    buffer_append_char(to, '\n');
    for (size_t i = 0; i < req->headers.size; i++) {
        append_iovec(to, *req->headers.entries[i].name);
        buffer_append_string(to, ": ");
        append_iovec(to, req->headers.entries[i].value);
        buffer_append_char(to, '\n');
    }
    if (req->entity.len > 0)
        buffer_printf(to, "and a body of %zu bytes\n", req->entity.len);
}

static int on_request(h2o_handler_t *super, h2o_req_t *req)
{
    const struct demo_handler *handler = (const struct demo_handler *)super;
    struct buffer body = BUFFER_EMPTY;
    describe(&body, handler->name, req);

    req->res.status = 200;
    req->res.reason = "OK";
    req->res.content_length = body.length;
    h2o_add_header(&req->pool, &req->res.headers, H2O_TOKEN_CONTENT_TYPE, NULL,
                   H2O_STRLIT("text/plain; charset=utf-8"));
    h2o_add_header_by_str(&req->pool, &req->res.headers, H2O_STRLIT("x-served-by"), 0, NULL,
                          handler->name, strlen(handler->name));
    h2o_send_inline(req, body.at, body.length);
    buffer_clear(&body);
    return 0;
}

static void on_accept(h2o_socket_t *listener, const char *error)
{
    if (error != NULL)
        return;
    h2o_socket_t *socket = h2o_evloop_socket_accept(listener);
    if (socket != NULL)
        h2o_accept(&accept_context, socket);
}

static void on_stop_signal(int signal)
{
    (void)signal;
    is_stopping = 1;
}

/* A listening socket on 127.0.0.1; the port it got in `port`. -1 with errno. */
static int open_listener(uint16_t *port)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_port = htons(*port),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    socklen_t length = sizeof(address);
    int on = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0 ||
        bind(fd, (struct sockaddr *)&address, length) != 0 || listen(fd, SOMAXCONN) != 0 ||
        getsockname(fd, (struct sockaddr *)&address, &length) != 0)
        return -1;
    *port = ntohs(address.sin_port);
    return fd;
}

static void serve(h2o_context_t *context, h2o_globalconf_t *config, int listen_fd)
{
    h2o_context_init(context, h2o_evloop_create(), config);
    accept_context.ctx = context;
    accept_context.hosts = config->hosts;
    h2o_socket_t *listener =
        h2o_evloop_socket_create(context->loop, listen_fd, H2O_SOCKET_FLAG_DONT_READ);
    h2o_socket_read_start(listener, on_accept);

    while (!is_stopping)
        h2o_evloop_run(context->loop, 1000);
}

int main(int argc, char **argv)
{
    char *end = "";
    unsigned long port_given = argc == 3 ? strtoul(argv[2], &end, 10) : 0;
    if (argc < 2 || argc > 3 || argv[1][0] == '-' || *end != '\0' || port_given > UINT16_MAX) {
        fprintf(stderr, "usage: demo-backend NAME [PORT]\n");
        return 2;
    }

    /* Without SA_RESTART: the signal ends the wait of the loop. */
    struct sigaction stop = {.sa_handler = on_stop_signal};
    sigaction(SIGTERM, &stop, NULL);
    sigaction(SIGINT, &stop, NULL);
    signal(SIGPIPE, SIG_IGN);

    uint16_t port = (uint16_t)port_given;
    int listen_fd = open_listener(&port);
    if (listen_fd < 0) {
        fprintf(stderr, "demo-backend: 127.0.0.1:%u: %s\n", port, strerror(errno));
        return 1;
    }

    static h2o_globalconf_t config;
    static h2o_context_t context;
    h2o_config_init(&config);
    config.http1.upgrade_to_http2 = 0;
    h2o_hostconf_t *host =
        h2o_config_register_host(&config, h2o_iovec_init(H2O_STRLIT("*")), 65535);
    h2o_pathconf_t *root = h2o_config_register_path(host, "/", 0);
    struct demo_handler *handler =
        (struct demo_handler *)h2o_create_handler(root, sizeof(*handler));
    handler->super.on_req = on_request;
    handler->name = argv[1];

    printf("http://127.0.0.1:%u\n", port);
    fflush(stdout);
    serve(&context, &config, listen_fd);
    return 0;
}
