/* Whose sockets are whose: from one process to the next, from the configuration, from systemd. */
#include "common/buffer.h"
#include "tests/integration/supervise/stage.h"
#include "tests/support/check.h"
#include "tests/support/http_connection.h"
#include "tests/support/http_get.h"
#include "tests/support/wait.h"
#include "tests/unit/cmocka_all.h"

#include <arpa/inet.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { CONNECTIONS = 8, SOME_REQUESTS = 300 };

static struct fake_upstream *upstream;
static struct pointsman *pointsman; /* its proxy is never started */
static struct process *proxy;
static char *program;
static char *config;
static int ports[3]; /* of a listener, another one, and the admin pages */

/* --- the stage ------------------------------------------------------------------------------- */

static int free_port(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK(bind(fd, (struct sockaddr *)&address, length) == 0 &&
              getsockname(fd, (struct sockaddr *)&address, &length) == 0,
          "no port is free");
    close(fd);
    return ntohs(address.sin_port);
}

static int set_up(void **state)
{
    (void)state;
    upstream = fake_upstream_start("upstream");
    pointsman = pointsman_new(NULL);
    pointsman_start_control(pointsman);
    pointsman_routectl_ok(pointsman, "add", "page", "--path-prefix", "/page", "--to",
                          fake_upstream_url(upstream), NULL);
    program = pointsman_program("pointsman-proxy");
    for (size_t i = 0; i < 3; i++)
        ports[i] = free_port();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    if (proxy != NULL) {
        process_signal(proxy, SIGTERM);
        assert_int_equal(process_wait(proxy, WAIT_MS), 0);
        process_free(proxy);
        proxy = NULL;
    }
    pointsman_free(pointsman);
    fake_upstream_free(upstream);
    free(program);
    free(config);
    config = NULL;
    return 0;
}

/* The configuration with these lines in it. */
static void configure(const char *format, ...)
{
    struct buffer text = BUFFER_EMPTY;
    char lines[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(lines, sizeof(lines), format, arguments);
    va_end(arguments);
    buffer_printf(&text, "control = %s\nlocal-copy = %s/copy\nadmin = 127.0.0.1:%d\n%s",
                  pointsman_socket(pointsman), temp_dir_path(pointsman_dir(pointsman)), ports[2],
                  lines);
    free(config);
    config = temp_dir_write(pointsman_dir(pointsman), "proxy.conf", buffer_string(&text));
    buffer_clear(&text);
}

static void wait_serving(unsigned generation)
{
    char text[64];
    snprintf(text, sizeof(text), " generation=%u took_ms=", generation);
    free(process_expect_line(proxy, text));
}

static void start_supervised(const char *const *environment)
{
    const char *const arguments[] = {program, "--supervise", "--config", config, NULL};
    proxy = process_start(arguments, environment);
    wait_serving(1);
}

static void upgrade(unsigned generation)
{
    process_signal(proxy, SIGUSR2);
    wait_serving(generation);
}

static bool is_refused(void *context)
{
    struct http_connection *connection = http_connection_open(*(int *)context);
    http_connection_close(connection);
    return connection == NULL;
}

static int get(int port)
{
    return http_get_status(port, "h", "/page");
}

/* --- from one process to the next ------------------------------------------------------------ */

static void addresses_come_and_go_with_the_configuration(void **state)
{
    (void)state;
    configure("listen = web=127.0.0.1:%d\n", ports[0]);
    start_supervised(NULL);
    struct load *load = load_start(ports[0], "h", "/page", CONNECTIONS);
    load_wait_answered(load, SOME_REQUESTS);
    assert_true(is_refused(&ports[1]));

    configure("listen = web=127.0.0.1:%d\nlisten = more=127.0.0.1:%d\n", ports[0], ports[1]);
    upgrade(2);
    assert_int_equal(get(ports[1]), 200);
    load_wait_more_answered(load, SOME_REQUESTS);
    stage_assert_undisturbed(load_stop(load));

    load = load_start(ports[1], "h", "/page", CONNECTIONS);
    load_wait_answered(load, SOME_REQUESTS);
    configure("listen = renamed=127.0.0.1:%d\n", ports[1]);
    upgrade(3);
    assert_true(wait_until(is_refused, &ports[0], WAIT_MS));
    load_wait_more_answered(load, SOME_REQUESTS);
    stage_assert_undisturbed(load_stop(load));
}

static void more_or_fewer_workers_lose_no_connection(void **state)
{
    (void)state;
    static const unsigned workers[] = {4, 1, 3, 2};
    configure("listen = 127.0.0.1:%d\nworkers = 2\n", ports[0]);
    start_supervised(NULL);
    struct load *load = load_start(ports[0], "h", "/page", CONNECTIONS);
    for (unsigned i = 0; i < 4; i++) {
        load_wait_more_answered(load, SOME_REQUESTS);
        configure("listen = 127.0.0.1:%d\nworkers = %u\n", ports[0], workers[i]);
        upgrade(i + 2);
    }
    load_wait_more_answered(load, SOME_REQUESTS);
    stage_assert_undisturbed(load_stop(load));
}

static int get_unix(const char *path)
{
    struct http_message response = HTTP_MESSAGE_EMPTY;
    struct http_connection *connection = http_connection_open_unix(path);
    assert_non_null(connection);
    http_connection_send_text(connection, "GET /page HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_int_equal(http_connection_receive(connection, &response, WAIT_MS), HTTP_COMPLETE);
    int status = response.status;
    http_connection_close(connection);
    http_message_clear(&response);
    return status;
}

static bool is_missing(void *path)
{
    return access(path, F_OK) != 0;
}

static void a_unix_socket_keeps_its_file_until_it_is_not_asked_for(void **state)
{
    (void)state;
    char *path = temp_dir_file(pointsman_dir(pointsman), "web.sock");
    configure("listen = unix:%s\n", path);
    start_supervised(NULL);
    assert_int_equal(get_unix(path), 200);
    upgrade(2);
    assert_int_equal(get_unix(path), 200);

    configure("listen = 127.0.0.1:%d\n", ports[0]);
    upgrade(3);
    assert_true(wait_until(is_missing, path, WAIT_MS));

    configure("listen = unix:%s\n", path);
    upgrade(4);
    assert_int_equal(get_unix(path), 200);
    process_signal(proxy, SIGTERM);
    assert_int_equal(process_wait(proxy, WAIT_MS), 0);
    assert_true(is_missing(path));
    process_free(proxy);
    proxy = NULL;
    free(path);
}

static void bad_options_leave_the_old_process_serving(void **state)
{
    (void)state;
    configure("listen = 127.0.0.1:%d\n", ports[0]);
    start_supervised(NULL);

    configure("no-such-option = 1\n");
    process_signal(proxy, SIGUSR2);
    free(process_expect_line(proxy, "no-such-option"));
    free(process_expect_line(proxy, "reason=\"exit code 2\" still_serving="));

    assert_int_equal(get(ports[0]), 200);
    configure("listen = 127.0.0.1:%d\n", ports[0]);
    upgrade(3);
}

static void the_first_start_fails_as_it_would_without_a_supervisor(void **state)
{
    (void)state;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)ports[0]),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(fd, 1), 0);
    configure("listen = 127.0.0.1:%d\n", ports[0]);
    const char *const arguments[] = {program, "--supervise", "--config", config, NULL};

    command_expect(command_run(arguments, NULL), 1, NULL, "something else does already");

    close(fd);
}

/* --- from systemd ---------------------------------------------------------------------------- */

static void start_activated(const char *more)
{
    char web[64], admin[64];
    snprintf(web, sizeof(web), "web=127.0.0.1:%d", ports[0]);
    snprintf(admin, sizeof(admin), "admin=127.0.0.1:%d", ports[2]);
    const char *const arguments[] = {"python3", LAUNCHER,   web,    admin, "--",
                                     program,   "--config", config, more,  NULL};
    proxy = process_start(arguments, NULL);
}

static void sockets_that_were_handed_over_are_served(void **state)
{
    (void)state;
    configure("listen = web=127.0.0.1:%d\nworkers = 3\n", ports[0]);
    start_activated(NULL);
    free(process_expect_line(proxy, " admin_listening "));

    assert_int_equal(get(ports[0]), 200);
    assert_int_equal(http_get_status(ports[2], "localhost", "/readyz"), 200);
}

static void a_supervisor_passes_them_on(void **state)
{
    (void)state;
    configure("listen = web=127.0.0.1:%d\n", ports[0]);
    start_activated("--supervise");
    wait_serving(1);
    upgrade(2);
    assert_int_equal(get(ports[0]), 200);
}

static void a_socket_that_nobody_asks_for_is_an_error(void **state)
{
    (void)state;
    configure("listen = web=127.0.0.1:%d\n", ports[1]);
    start_activated(NULL);
    free(process_expect_line(proxy, "socket 'web' (descriptor 3) was handed over by LISTEN_FDS"));
    assert_int_equal(process_wait(proxy, WAIT_MS), 1);
    process_free(proxy);
    proxy = NULL;
}

/* --- telling systemd ------------------------------------------------------------------------- */

/* The next message that begins so; others are passed over. */
static void expect_notification(int fd, const char *start)
{
    char message[512];
    do {
        ssize_t length = recv(fd, message, sizeof(message) - 1, 0);
        CHECK(length > 0, "no '%s' came", start);
        message[length] = '\0';
    } while (strncmp(message, start, strlen(start)) != 0);
}

static void systemd_is_told_how_far_it_is(void **state)
{
    (void)state;
    char *path = temp_dir_file(pointsman_dir(pointsman), "notify");
    char variable[256];
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct timeval patience = {.tv_sec = WAIT_MS / 1000};
    snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
    snprintf(variable, sizeof(variable), "NOTIFY_SOCKET=%s", path);
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    const char *const environment[] = {variable, NULL};
    configure("listen = 127.0.0.1:%d\n", ports[0]);

    start_supervised(environment);
    expect_notification(fd, "READY=1\nSTATUS=process ");
    process_signal(proxy, SIGUSR2);
    expect_notification(fd, "RELOADING=1\nMONOTONIC_USEC=");
    expect_notification(fd, "READY=1\nSTATUS=process ");
    process_signal(proxy, SIGTERM);
    expect_notification(fd, "STOPPING=1");

    assert_int_equal(process_wait(proxy, WAIT_MS), 0);
    process_free(proxy);
    proxy = NULL;
    close(fd);
    free(path);
}

#define STORY(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORY(addresses_come_and_go_with_the_configuration),
        STORY(more_or_fewer_workers_lose_no_connection),
        STORY(a_unix_socket_keeps_its_file_until_it_is_not_asked_for),
        STORY(bad_options_leave_the_old_process_serving),
        STORY(the_first_start_fails_as_it_would_without_a_supervisor),
        STORY(sockets_that_were_handed_over_are_served),
        STORY(a_supervisor_passes_them_on),
        STORY(a_socket_that_nobody_asks_for_is_an_error),
        STORY(systemd_is_told_how_far_it_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
