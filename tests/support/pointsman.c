#include "tests/support/pointsman.h"

#include "common/buffer.h"
#include "tests/support/check.h"
#include "tests/support/http_connection.h"
#include "tests/support/http_get.h"
#include "tests/support/wait.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ARGUMENTS_MAX = 96 };

struct pointsman {
    struct pointsman_options options;
    struct temp_dir *dir;
    char *socket;
    char *database;
    char *local_copy;
    char *proxy_program; /* NULL: ours */
    int port;            /* 0 until the proxy has chosen one */
    int admin_port;      /* likewise */
    struct process *control;
    struct process *proxy;
};

/* --- command lines -------------------------------------------------------------------------- */

struct arguments {
    const char *items[ARGUMENTS_MAX + 1];
    size_t count;
};

static void arguments_add(struct arguments *arguments, const char *item)
{
    CHECK(arguments->count < ARGUMENTS_MAX, "too many arguments");
    arguments->items[arguments->count++] = item;
}

static void arguments_add_all(struct arguments *arguments, const char *const *items)
{
    for (; items != NULL && *items != NULL; items++)
        arguments_add(arguments, *items);
}

static void arguments_add_list(struct arguments *arguments, va_list list)
{
    for (const char *item = va_arg(list, const char *); item != NULL;
         item = va_arg(list, const char *))
        arguments_add(arguments, item);
}

char *pointsman_program(const char *name)
{
    const char *folder = getenv("POINTSMAN_BIN");
    CHECK(folder != NULL, "POINTSMAN_BIN must name the folder with the programs");

    struct buffer path = BUFFER_EMPTY;
    buffer_printf(&path, "%s/%s", folder, name);
    char *copy = memory_duplicate_string(buffer_string(&path));
    buffer_clear(&path);
    return copy;
}

/* Ours of that name, unless there is a `path`. */
static struct process *start_program(const char *name, const char *path,
                                     struct arguments *arguments)
{
    char *program = path == NULL ? pointsman_program(name) : memory_duplicate_string(path);
    arguments->items[0] = program;
    struct process *process = process_start(arguments->items, NULL);
    free(program);
    return process;
}

/* --- start and end -------------------------------------------------------------------------- */

struct pointsman *pointsman_new(const struct pointsman_options *options)
{
    struct pointsman *pointsman = memory_allocate_zeroed(1, sizeof(*pointsman));
    if (options != NULL)
        pointsman->options = *options;
    pointsman->dir = temp_dir_new();
    pointsman->socket = temp_dir_file(pointsman->dir, "control.sock");
    pointsman->database = temp_dir_file(pointsman->dir, "routes.db");
    pointsman->local_copy = temp_dir_file(pointsman->dir, "local-copy");
    return pointsman;
}

struct pointsman *pointsman_start(const struct pointsman_options *options)
{
    struct pointsman *pointsman = pointsman_new(options);
    pointsman_start_control(pointsman);
    pointsman_start_proxy(pointsman);
    pointsman_wait_ready(pointsman);
    return pointsman;
}

struct pointsman *pointsman_start_serving(const char *const *proxy_arguments, const char *url)
{
    struct pointsman *pointsman =
        pointsman_start(&(struct pointsman_options){.proxy_arguments = proxy_arguments});
    pointsman_routectl_ok(pointsman, "add", "all", "--path-prefix", "/", "--to", url, NULL);
    return pointsman;
}

void pointsman_free(struct pointsman *pointsman)
{
    if (pointsman == NULL)
        return;
    pointsman_stop_proxy(pointsman);
    pointsman_stop_control(pointsman);
    temp_dir_free(pointsman->dir);
    free(pointsman->socket);
    free(pointsman->database);
    free(pointsman->local_copy);
    free(pointsman->proxy_program);
    free(pointsman);
}

void pointsman_set_proxy_program(struct pointsman *pointsman, const char *path)
{
    pointsman->proxy_program = memory_duplicate_string(path);
}

static bool control_answers(void *context)
{
    struct pointsman *pointsman = context;
    CHECK(process_is_running(pointsman->control), "pointsman-control has ended");
    struct http_connection *connection = http_connection_open_unix(pointsman->socket);
    http_connection_close(connection);
    return connection != NULL;
}

void pointsman_start_control(struct pointsman *pointsman)
{
    CHECK(pointsman->control == NULL, "control runs already");
    struct arguments arguments = {
        .items = {"", "--database", pointsman->database, "--socket", pointsman->socket},
        .count = 5,
    };
    arguments_add_all(&arguments, pointsman->options.control_arguments);

    pointsman->control = start_program("pointsman-control", NULL, &arguments);
    CHECK(wait_until(control_answers, pointsman, WAIT_MS), "pointsman-control does not answer");
}

/* The port in a log line like "... listening listener=default=127.0.0.1:40123". */
static int find_port(struct process *process, const char *event)
{
    static const char host[] = "127.0.0.1:";
    char *line = process_expect_line(process, event);
    const char *address = strstr(line, host);
    CHECK(address != NULL, "no %sPORT in '%s'", host, line);
    int port = atoi(address + strlen(host));
    free(line);
    return port;
}

void pointsman_start_proxy(struct pointsman *pointsman)
{
    CHECK(pointsman->proxy == NULL, "the proxy runs already");
    const struct pointsman_options *options = &pointsman->options;
    char listen[64];
    char admin[64];
    snprintf(listen, sizeof(listen), "127.0.0.1:%d", pointsman->port);
    snprintf(admin, sizeof(admin), "127.0.0.1:%d", pointsman->admin_port);
    const char *control = options->control == NULL ? pointsman->socket : options->control;
    struct arguments arguments = {
        .items = {"", "--control", control, "--local-copy", pointsman->local_copy, "--admin", admin,
                  "--listen", options->listen == NULL ? listen : options->listen, "--workers",
                  options->workers == NULL ? "2" : options->workers},
        .count = 11,
    };
    arguments_add_all(&arguments, options->proxy_arguments);

    pointsman->proxy = start_program("pointsman-proxy", pointsman->proxy_program, &arguments);
    pointsman->admin_port = find_port(pointsman->proxy, " admin_listening ");
    if (options->listen == NULL)
        pointsman->port = find_port(pointsman->proxy, " listening ");
}

static bool proxy_is_ready(void *context)
{
    struct pointsman *pointsman = context;
    CHECK(process_is_running(pointsman->proxy), "pointsman-proxy has ended");
    return http_get_status(pointsman->admin_port, "localhost", "/readyz") == 200;
}

void pointsman_wait_ready(struct pointsman *pointsman)
{
    CHECK(wait_until(proxy_is_ready, pointsman, WAIT_MS), "pointsman-proxy is not ready");
}

/* Asks it to stop. Clears `process`. */
static void stop(struct process **process, const char *name)
{
    if (*process == NULL)
        return;
    process_signal(*process, SIGTERM);
    int exit_code = process_wait(*process, WAIT_MS);
    CHECK(exit_code == 0, "%s ended with %d (-1: not at all)", name, exit_code);
    process_free(*process);
    *process = NULL;
}

static void kill_at_once(struct process **process)
{
    process_free(*process);
    *process = NULL;
}

void pointsman_stop_control(struct pointsman *pointsman)
{
    stop(&pointsman->control, "pointsman-control");
}

void pointsman_stop_proxy(struct pointsman *pointsman)
{
    stop(&pointsman->proxy, "pointsman-proxy");
}

void pointsman_kill_control(struct pointsman *pointsman)
{
    kill_at_once(&pointsman->control);
}

void pointsman_kill_proxy(struct pointsman *pointsman)
{
    kill_at_once(&pointsman->proxy);
}

/* --- what a story asks ---------------------------------------------------------------------- */

struct process *pointsman_control(struct pointsman *pointsman)
{
    return pointsman->control;
}

struct process *pointsman_proxy(struct pointsman *pointsman)
{
    return pointsman->proxy;
}

int pointsman_port(const struct pointsman *pointsman)
{
    return pointsman->port;
}

int pointsman_listener_port(const struct pointsman *pointsman, const char *name)
{
    char event[128];
    snprintf(event, sizeof(event), " listening listener=%s=", name);
    return find_port(pointsman->proxy, event);
}

int pointsman_admin_port(const struct pointsman *pointsman)
{
    return pointsman->admin_port;
}

const char *pointsman_socket(const struct pointsman *pointsman)
{
    return pointsman->socket;
}

struct temp_dir *pointsman_dir(struct pointsman *pointsman)
{
    return pointsman->dir;
}

bool pointsman_page_has(const struct pointsman *pointsman, const char *path, const char *text)
{
    struct http_message page = HTTP_MESSAGE_EMPTY;
    http_get(pointsman->admin_port, "localhost", path, &page);
    bool has = strstr(buffer_string(&page.body), text) != NULL;
    http_message_clear(&page);
    return has;
}

uint64_t pointsman_metric(const struct pointsman *pointsman, const char *name)
{
    struct http_message page = HTTP_MESSAGE_EMPTY;
    http_get(pointsman->admin_port, "localhost", "/metrics", &page);
    char start[96];
    snprintf(start, sizeof(start), "\n%s ", name);
    const char *at = strstr(buffer_string(&page.body), start);
    CHECK(at != NULL, "%s is not in /metrics", name);
    uint64_t value = strtoull(at + strlen(start), NULL, 10);
    http_message_clear(&page);
    return value;
}

static bool is_refused(void *context)
{
    const struct pointsman *pointsman = context;
    struct http_connection *connection = http_connection_open(pointsman_port(pointsman));
    http_connection_close(connection);
    return connection == NULL;
}

void pointsman_wait_refused(const struct pointsman *pointsman)
{
    CHECK(wait_until(is_refused, (void *)pointsman, WAIT_MS), "the proxy still listens");
}

static bool has_no_upstream_connections(void *pointsman)
{
    return pointsman_metric(pointsman, "pointsman_upstream_connections_open") == 0;
}

void pointsman_wait_no_upstream_connections(const struct pointsman *pointsman)
{
    CHECK(wait_until(has_no_upstream_connections, (void *)pointsman, WAIT_MS),
          "the proxy keeps connections to a service that has closed them");
}

static struct command run_routectl(const struct pointsman *pointsman, va_list list)
{
    char *program = pointsman_program("routectl");
    struct arguments arguments = {.items = {program, "--socket", pointsman->socket}, .count = 3};
    arguments_add_list(&arguments, list);
    struct command command = command_run(arguments.items, NULL);
    free(program);
    return command;
}

struct command pointsman_routectl(const struct pointsman *pointsman, ...)
{
    va_list list;
    va_start(list, pointsman);
    struct command command = run_routectl(pointsman, list);
    va_end(list);
    return command;
}

void pointsman_routectl_ok(const struct pointsman *pointsman, ...)
{
    va_list list;
    va_start(list, pointsman);
    struct command command = run_routectl(pointsman, list);
    va_end(list);
    CHECK(command.exit_code == 0, "routectl ended with %d: %s%s", command.exit_code, command.out,
          command.err);
    command_clear(&command);
}
