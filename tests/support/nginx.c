#include "tests/support/nginx.h"

#include "common/buffer.h"
#include "tests/support/check.h"
#include "tests/support/http_connection.h"
#include "tests/support/process.h"
#include "tests/support/wait.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

struct nginx {
    struct temp_dir *dir;
    struct process *process;
    int port_keeper; /* bound, never listening: the port stays ours while nginx starts */
    int port;
    char url[64];
};

static int keep_free_port(int *port)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    socklen_t length = sizeof(address);
    int on = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    CHECK(bind(fd, (struct sockaddr *)&address, length) == 0, "no free port");
    getsockname(fd, (struct sockaddr *)&address, &length);
    *port = ntohs(address.sin_port);
    return fd;
}

static char *write_configuration(const struct nginx *nginx, const struct temp_dir *root,
                                 const char *listen_flags, const char *directives)
{
    const char *dir = temp_dir_path(nginx->dir);
    struct buffer text = BUFFER_EMPTY;
    buffer_printf(&text,
                  "daemon off;\nmaster_process off;\npid %s/pid;\nerror_log stderr warn;\n"
                  "events { worker_connections 1024; }\n"
                  "http {\n"
                  "  access_log off;\n"
                  "  types { text/plain txt; }\n"
                  "  client_body_temp_path %s/body;\n  proxy_temp_path %s/proxy;\n"
                  "  fastcgi_temp_path %s/fastcgi;\n  uwsgi_temp_path %s/uwsgi;\n"
                  "  scgi_temp_path %s/scgi;\n"
                  "  server { listen 127.0.0.1:%d %s; root %s; %s }\n"
                  "}\n",
                  dir, dir, dir, dir, dir, dir, nginx->port, listen_flags, temp_dir_path(root),
                  directives);
    char *path = temp_dir_write(nginx->dir, "nginx.conf", buffer_string(&text));
    buffer_clear(&text);
    return path;
}

static bool nginx_answers(void *context)
{
    struct nginx *nginx = context;
    CHECK(process_is_running(nginx->process), "nginx has ended");
    struct http_connection *connection = http_connection_open(nginx->port);
    http_connection_close(connection);
    return connection != NULL;
}

static struct nginx *start(const struct temp_dir *root, const char *scheme,
                           const char *listen_flags, const char *directives)
{
    struct nginx *nginx = memory_allocate_zeroed(1, sizeof(*nginx));
    nginx->dir = temp_dir_new();
    nginx->port_keeper = keep_free_port(&nginx->port);
    snprintf(nginx->url, sizeof(nginx->url), "%s://127.0.0.1:%d", scheme, nginx->port);

    char *configuration = write_configuration(nginx, root, listen_flags, directives);
    const char *arguments[] = {
        "nginx", "-c", configuration, "-e", "stderr", "-p", temp_dir_path(nginx->dir), NULL};
    nginx->process = process_start(arguments, NULL);
    free(configuration);
    CHECK(wait_until(nginx_answers, nginx, WAIT_MS), "nginx does not answer");
    return nginx;
}

struct nginx *nginx_start(const struct temp_dir *root)
{
    return start(root, "http", "", "");
}

struct nginx *nginx_start_http2(const struct temp_dir *root, const char *directives)
{
    return start(root, "h2c", "http2", directives);
}

void nginx_free(struct nginx *nginx)
{
    if (nginx == NULL)
        return;
    process_free(nginx->process);
    close(nginx->port_keeper);
    temp_dir_free(nginx->dir);
    free(nginx);
}

int nginx_port(const struct nginx *nginx)
{
    return nginx->port;
}

const char *nginx_url(const struct nginx *nginx)
{
    return nginx->url;
}
