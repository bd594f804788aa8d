/* The server as it runs: workers on their own threads, clients on others, routes that change. What
 * it does with a request is the business of test_front_http1 and test_forwarder. */
#include "common/clock.h"
#include "proxy/http/http_server.h"
#include "proxy/metrics/counters.h"
#include "tests/support/fake_upstream.h"
#include "tests/support/http_connection.h"
#include "tests/support/temp_dir.h"
#include "tests/support/wait.h"
#include "tests/unit/cmocka_all.h"
#include "tests/unit/proxy/http/one_route.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { WORKERS = 2, CLIENTS = 4, REQUESTS = 100 };

static struct one_route route;
static struct counters *counters;
static struct fake_upstream *upstream;
static struct temp_dir *dir;
static struct listener_specs specs;
static struct http_server *server;
static atomic_int drained;

static void on_drained(void *context)
{
    (void)context;
    atomic_fetch_add(&drained, 1);
}

static uint16_t upstream_port(void)
{
    return (uint16_t)fake_upstream_port(upstream);
}

static void start(const char *listen, const char *access_log_path)
{
    assert_true(listener_specs_parse(&listen, 1, &specs, NULL));
    struct http_server_options options = {
        .listen = &specs,
        .worker_count = WORKERS,
        .route_cache = route.cache,
        .counters = counters,
        .http = HTTP_OPTIONS_DEFAULT,
        .on_drained = on_drained,
    };
    struct error err = {0};
    server = http_server_open(&options, &err);
    if (server == NULL)
        fail_msg("%s", err.message);
    if (access_log_path != NULL)
        assert_true(http_server_open_log(server, access_log_path, NULL));
    http_server_serve(server);
}

static int set_up(void **state)
{
    (void)state;
    one_route_init(&route);
    counters = counters_new(WORKERS);
    upstream = fake_upstream_start("one");
    dir = temp_dir_new();
    uint16_t port = upstream_port();
    one_route_publish(&route, &port, 1);
    atomic_store(&drained, 0);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    http_server_stop(server);
    server = NULL;
    listener_specs_clear(&specs);
    one_route_clear(&route);
    counters_free(counters);
    fake_upstream_free(upstream);
    temp_dir_free(dir);
    return 0;
}

static int port(void)
{
    return listener_identity(http_server_listener(server, 0))->port;
}

static bool get(struct http_connection *connection)
{
    struct http_message response = {0};
    bool is_served = http_connection_send_text(connection, "GET /x HTTP/1.1\r\nHost: a\r\n\r\n") &&
                     http_connection_receive(connection, &response, WAIT_MS) == HTTP_COMPLETE &&
                     response.status == 200;
    http_message_clear(&response);
    return is_served;
}

static void *run_client(void *context)
{
    (void)context;
    size_t served = 0;
    for (int i = 0; i < REQUESTS; i += 10) {
        struct http_connection *connection = http_connection_open(port());
        for (int j = 0; j < 10; j++)
            served += get(connection);
        http_connection_close(connection);
    }
    return (void *)(uintptr_t)served; /* NOLINT(performance-no-int-to-ptr) */
}

static void no_request_is_lost_while_routes_change(void **state)
{
    (void)state;
    start("127.0.0.1:0", NULL);
    pthread_t threads[CLIENTS];
    for (int i = 0; i < CLIENTS; i++)
        pthread_create(&threads[i], NULL, run_client, NULL);

    uint16_t to = upstream_port();
    for (int i = 0; i < 200; i++) {
        one_route_publish(&route, &to, 1);
        http_server_wake(server);
    }

    size_t served = 0;
    for (int i = 0; i < CLIENTS; i++) {
        void *result;
        pthread_join(threads[i], &result);
        served += (uintptr_t)result;
    }
    assert_int_equal(served, CLIENTS * REQUESTS);
    assert_int_equal(counters_sum(counters, offsetof(struct worker_counters, requests)), served);
}

static bool is_drained(void *context)
{
    (void)context;
    return atomic_load(&drained) == 1;
}

static void draining_ends_when_the_last_request_has_ended(void **state)
{
    (void)state;
    static const struct fake_step held[] = {
        {.action = FAKE_READ_REQUEST},
        {.action = FAKE_HOLD},
        {.action = FAKE_SEND, .text = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"},
        {.action = FAKE_CLOSE},
    };
    fake_upstream_script(upstream, held);
    start("127.0.0.1:0", NULL);
    struct http_connection *busy = http_connection_open(port());
    http_connection_send_text(busy, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_true(fake_upstream_wait_requests(upstream, 1, WAIT_MS));

    int was_on = port();
    http_server_drain(server, 60 * 1000, false);
    fake_upstream_release(upstream);

    struct http_message response = {0};
    assert_int_equal(http_connection_receive(busy, &response, WAIT_MS), HTTP_COMPLETE);
    http_connection_close(busy);
    assert_true(wait_until(is_drained, NULL, WAIT_MS));
    assert_null(http_connection_open(was_on));
    http_message_clear(&response);
}

static void a_unix_socket_serves_too(void **state)
{
    (void)state;
    char spec[256];
    snprintf(spec, sizeof(spec), "unix:%s/http", temp_dir_path(dir));
    start(spec, NULL);

    struct http_connection *connection = http_connection_open_unix(spec + 5);

    assert_true(get(connection));
    http_connection_close(connection);
}

static size_t count_lines(const char *path, const char *with)
{
    FILE *file = fopen(path, "r");
    char line[1024];
    size_t count = 0;
    while (file != NULL && fgets(line, sizeof(line), file) != NULL)
        count += strstr(line, with) != NULL;
    if (file != NULL)
        fclose(file);
    return count;
}

static void the_access_log_has_a_line_for_each_request_and_follows_a_rotation(void **state)
{
    (void)state;
    char path[256];
    char rotated[256];
    snprintf(path, sizeof(path), "%s/access", temp_dir_path(dir));
    snprintf(rotated, sizeof(rotated), "%s/access.1", temp_dir_path(dir));
    start("127.0.0.1:0", path);
    struct http_connection *connection = http_connection_open(port());

    assert_true(get(connection));
    assert_int_equal(rename(path, rotated), 0);
    assert_true(http_server_reopen_log(server, NULL));
    assert_true(get(connection));
    http_connection_close(connection);
    http_server_stop(server);
    server = NULL;

    static const char *const parts[] = {
        "\"method\":\"GET\",\"host\":\"a\",\"path\":\"/x\",\"status\":200,\"bytes\":",
        "\"route\":\"only\",\"revision\":1,\"endpoint\":\"127.0.0.1:",
        "\"tries\":1}",
    };
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
        assert_int_equal(count_lines(path, parts[i]) + count_lines(rotated, parts[i]), 2);
    assert_true(count_lines(path, "\"method\"") >= 1);
}

static void a_port_in_use_leaves_nothing_open(void **state)
{
    (void)state;
    start("127.0.0.1:0", NULL);
    char taken[64];
    snprintf(taken, sizeof(taken), "127.0.0.1:%d", port());
    char unix_spec[256];
    snprintf(unix_spec, sizeof(unix_spec), "unix:%s/http", temp_dir_path(dir));
    const char *texts[] = {unix_spec, taken};
    struct listener_specs both;
    assert_true(listener_specs_parse(texts, 2, &both, NULL));
    struct http_server_options options = {.listen = &both,
                                          .worker_count = 1,
                                          .route_cache = route.cache,
                                          .counters = counters,
                                          .http = HTTP_OPTIONS_DEFAULT};
    struct error err = {0};

    assert_null(http_server_open(&options, &err));

    assert_int_equal(err.code, ERROR_IN_USE);
    assert_int_not_equal(access(unix_spec + 5, F_OK), 0);
    listener_specs_clear(&both);
}

int main(void)
{
#define WITH_SERVER(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        WITH_SERVER(no_request_is_lost_while_routes_change),
        WITH_SERVER(draining_ends_when_the_last_request_has_ended),
        WITH_SERVER(a_unix_socket_serves_too),
        WITH_SERVER(the_access_log_has_a_line_for_each_request_and_follows_a_rotation),
        WITH_SERVER(a_port_in_use_leaves_nothing_open),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
