/* Health of endpoints, from the command line to the client who notices nothing. */
#include "tests/support/fake_upstream.h"
#include "tests/support/http_get.h"
#include "tests/support/pointsman.h"
#include "tests/support/wait.h"
#include "tests/unit/cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char busy[] = "HTTP/1.1 503 Busy\r\nContent-Length: 4\r\n\r\nbusy";

/* Proxies say soon what has changed. */
static const char *const quick_signs[] = {"--heartbeat-interval", "200ms", NULL};

static struct fake_upstream *failing;
static struct fake_upstream *healthy;
static struct pointsman *pointsman;

static int start(void **state)
{
    (void)state;
    failing = fake_upstream_start("failing");
    healthy = fake_upstream_start("healthy");
    pointsman = pointsman_start(&(struct pointsman_options){.control_arguments = quick_signs});
    pointsman_routectl_ok(pointsman, "add", "shop", "--path-prefix", "/", "--backend", "shop",
                          NULL);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    pointsman_free(pointsman);
    fake_upstream_free(failing);
    fake_upstream_free(healthy);
    return 0;
}

static int get_status(void)
{
    return http_get_status(pointsman_port(pointsman), "h", "/");
}

static void get_all_with(int count, int status)
{
    for (int i = 0; i < count; i++)
        assert_int_equal(get_status(), status);
}

/* --- passive: what happens to requests ------------------------------------------------------- */

static void add_backend_that_ejects_for(const char *time)
{
    pointsman_routectl_ok(pointsman, "backend", "add", "shop", "--policy", "RoundRobin", "--to",
                          fake_upstream_url(failing), "--to", fake_upstream_url(healthy),
                          "--eject-after", "3", "--eject-time", time, NULL);
}

/* Sends requests until the failing endpoint has had its three. */
static void fail_three_times(void)
{
    fake_upstream_answer(failing, busy);
    size_t before = fake_upstream_request_count(failing);
    while (fake_upstream_request_count(failing) < before + 3)
        get_status();
}

static void an_endpoint_that_keeps_failing_gets_no_more_requests(void **state)
{
    (void)state;
    add_backend_that_ejects_for("1h");
    fail_three_times();

    get_all_with(20, 200);

    assert_int_equal(fake_upstream_request_count(failing), 3);
    assert_true(
        pointsman_page_has(pointsman, "/status", "\"state\": \"ejected\", \"ejected_for_ms\": "));
    assert_true(pointsman_page_has(pointsman, "/metrics",
                                   "pointsman_endpoint_ejections_total{backend=\"shop\"} 1\n"));
    assert_true(
        pointsman_page_has(pointsman, "/metrics", "pointsman_endpoints{state=\"ejected\"} 1\n"));
    assert_true(pointsman_page_has(
        pointsman, "/metrics",
        "pointsman_backend_endpoints_out{backend=\"shop\",state=\"ejected\"} 1"));
    free(process_expect_line(pointsman_proxy(pointsman), "endpoint_ejected"));
}

static void ejection_survives_changes_of_routes_and_backends(void **state)
{
    (void)state;
    add_backend_that_ejects_for("1h");
    fail_three_times();

    pointsman_routectl_ok(pointsman, "add", "other", "--path-prefix", "/other", "--backend", "shop",
                          NULL);
    pointsman_routectl_ok(pointsman, "backend", "add", "shop", "--replace", "--to",
                          fake_upstream_url(failing), "--to", fake_upstream_url(healthy),
                          "--connect-timeout", "1s", NULL);

    get_all_with(20, 200);
    assert_int_equal(fake_upstream_request_count(failing), 3);
}

static bool failing_is_asked(void *context)
{
    const size_t *before = context;
    get_status();
    return fake_upstream_request_count(failing) > *before;
}

static void after_its_time_it_is_tried_again(void **state)
{
    (void)state;
    add_backend_that_ejects_for("100ms");
    fail_three_times();
    fake_upstream_answer(failing, NULL);
    size_t before = fake_upstream_request_count(failing);

    assert_true(wait_until(failing_is_asked, &before, WAIT_MS));

    free(process_expect_line(pointsman_proxy(pointsman), "endpoint_returned"));
    get_all_with(10, 200);
}

static void the_last_endpoints_stay_however_they_fail(void **state)
{
    (void)state;
    add_backend_that_ejects_for("1h");
    fake_upstream_answer(healthy, busy);
    fail_three_times();

    get_all_with(20, 503);

    assert_true(fake_upstream_request_count(healthy) >= 20);
}

static void retries_go_to_every_endpoint_once(void **state)
{
    (void)state;
    struct fake_upstream *third = fake_upstream_start("third");
    fake_upstream_answer(failing, busy);
    fake_upstream_answer(third, busy);
    pointsman_routectl_ok(pointsman, "backend", "add", "shop", "--to", fake_upstream_url(failing),
                          "--to", fake_upstream_url(healthy), "--to", fake_upstream_url(third),
                          "--eject-after", "0", NULL);
    pointsman_routectl_ok(pointsman, "add", "shop", "--replace", "--path-prefix", "/", "--backend",
                          "shop", "--retry-attempts", "2", "--retry-code", "503", "--retry-backoff",
                          "1ms", NULL);

    get_all_with(30, 200);

    assert_int_equal(fake_upstream_request_count(healthy), 30);
    fake_upstream_free(third);
}

static bool routectl_shows_it(void *context)
{
    (void)context;
    struct command status = pointsman_routectl(pointsman, "status", NULL);
    const char *row = strstr(status.out, "BACKEND");
    bool shows_it = row != NULL && strstr(row, "shop") != NULL && strstr(row, "ejected") != NULL;
    command_clear(&status);
    return shows_it;
}

static void routectl_shows_endpoints_that_are_out(void **state)
{
    (void)state;
    add_backend_that_ejects_for("1h");
    fail_three_times();

    assert_true(wait_until(routectl_shows_it, NULL, WAIT_MS));
}

/* --- active: what endpoints say when asked ---------------------------------------------------- */

static void add_backend_that_checks(const char *type, const char *path)
{
    pointsman_routectl_ok(pointsman, "backend", "add", "shop", "--policy", "RoundRobin", "--to",
                          fake_upstream_url(failing), "--to", fake_upstream_url(healthy),
                          "--eject-after", "0", "--health-type", type, "--health-path", path,
                          "--health-interval", "50ms", "--health-timeout", "5s",
                          "--health-unhealthy", "2", "--health-healthy", "2", NULL);
}

static bool one_is_unhealthy(void *context)
{
    (void)context;
    return pointsman_page_has(pointsman, "/metrics",
                              "pointsman_endpoints{state=\"unhealthy\"} 1\n");
}

static bool all_are_healthy(void *context)
{
    (void)context;
    return pointsman_page_has(pointsman, "/metrics", "pointsman_endpoints{state=\"healthy\"} 2\n");
}

static size_t count_of(struct fake_upstream *upstream, const char *path)
{
    char line[64];
    snprintf(line, sizeof(line), "GET %s ", path);
    size_t count = 0;
    for (size_t i = 0; i < fake_upstream_request_count(upstream); i++)
        count += strncmp(fake_upstream_request(upstream, i)->head.at, line, strlen(line)) == 0;
    return count;
}

static void an_endpoint_whose_check_fails_gets_nothing_until_it_succeeds(void **state)
{
    (void)state;
    fake_upstream_answer(failing, busy);
    add_backend_that_checks("HTTP", "/healthz");
    assert_true(wait_until(one_is_unhealthy, NULL, WAIT_MS));
    free(process_expect_line(pointsman_proxy(pointsman), "reason=\"status 503\""));

    get_all_with(20, 200);
    assert_int_equal(count_of(failing, "/"), 0);
    assert_true(pointsman_page_has(pointsman, "/status", "\"state\": \"unhealthy\""));

    fake_upstream_answer(failing, NULL);
    assert_true(wait_until(all_are_healthy, NULL, WAIT_MS));
    get_all_with(20, 200);
    assert_int_equal(count_of(failing, "/"), 10);
}

static void a_tcp_check_is_content_with_a_connection(void **state)
{
    (void)state;
    fake_upstream_refuse(failing);
    add_backend_that_checks("TCP", "/ignored");
    assert_true(wait_until(one_is_unhealthy, NULL, WAIT_MS));
    get_all_with(20, 200);
    assert_int_equal(fake_upstream_request_count(healthy), 20);

    fake_upstream_accept(failing);
    assert_true(wait_until(all_are_healthy, NULL, WAIT_MS));
}

static bool none_is_healthy(void *context)
{
    (void)context;
    return pointsman_page_has(pointsman, "/metrics",
                              "pointsman_endpoints{state=\"unhealthy\"} 2\n");
}

static void without_a_healthy_endpoint_the_answer_is_503_unless_panic(void **state)
{
    (void)state;
    fake_upstream_refuse(failing);
    fake_upstream_answer(healthy, busy);
    add_backend_that_checks("HTTP", "/healthz");
    assert_true(wait_until(none_is_healthy, NULL, WAIT_MS));
    get_all_with(5, 503);
    assert_int_equal(count_of(healthy, "/"), 0);

    pointsman_routectl_ok(pointsman, "backend", "add", "shop", "--replace", "--to",
                          fake_upstream_url(failing), "--to", fake_upstream_url(healthy),
                          "--health-path", "/healthz", "--health-interval", "50ms",
                          "--health-timeout", "5s", "--health-unhealthy", "2", "--health-healthy",
                          "2", "--panic-percent", "50", NULL);
    get_status();
    get_status();
    assert_true(count_of(healthy, "/") > 0);
}

static void expected_statuses_and_host_are_what_the_backend_says(void **state)
{
    (void)state;
    fake_upstream_answer(healthy, "HTTP/1.1 418 Teapot\r\nContent-Length: 0\r\n\r\n");
    pointsman_routectl_ok(pointsman, "backend", "add", "shop", "--to", fake_upstream_url(failing),
                          "--to", fake_upstream_url(healthy), "--health-path", "/h",
                          "--health-host", "check.internal", "--health-code", "418",
                          "--health-interval", "50ms", NULL);

    assert_true(wait_until(one_is_unhealthy, NULL, WAIT_MS));

    free(process_expect_line(pointsman_proxy(pointsman), "reason=\"status 200\""));
    assert_true(fake_upstream_wait_requests(healthy, 1, WAIT_MS));
    char *host = http_message_field(fake_upstream_request(healthy, 0), "Host");
    assert_string_equal(host, "check.internal");
    free(host);
}

/* While the one was checked five times more, the other was not. */
static bool only_healthy_is_checked(void *context)
{
    (void)context;
    size_t failing_before = fake_upstream_connection_count(failing);
    size_t before = fake_upstream_connection_count(healthy);
    return fake_upstream_wait_connections(healthy, before + 5, WAIT_MS) &&
           fake_upstream_connection_count(failing) == failing_before;
}

static void checks_of_a_removed_endpoint_end_and_those_of_the_others_go_on(void **state)
{
    (void)state;
    fake_upstream_refuse(failing);
    add_backend_that_checks("TCP", "/");
    assert_true(wait_until(one_is_unhealthy, NULL, WAIT_MS));
    pointsman_routectl_ok(pointsman, "backend", "add", "shop", "--replace", "--policy",
                          "RoundRobin", "--to", fake_upstream_url(healthy), "--eject-after", "0",
                          "--health-type", "TCP", "--health-path", "/", "--health-interval", "50ms",
                          "--health-timeout", "5s", "--health-unhealthy", "2", "--health-healthy",
                          "2", NULL);
    fake_upstream_accept(failing);

    assert_true(wait_until(only_healthy_is_checked, NULL, WAIT_MS));
}

static bool both_ports_are_out(void *context)
{
    (void)context;
    return pointsman_page_has(
               pointsman, "/metrics",
               "endpoints_out{backend=\"shop\",port=\"80\",state=\"unhealthy\"} 1") &&
           pointsman_page_has(pointsman, "/metrics",
                              "endpoints_out{backend=\"shop\",port=\"81\",state=\"unhealthy\"} 1");
}

/* Or two lines of /metrics would have one name. */
static void each_port_of_a_backend_is_told_apart(void **state)
{
    (void)state;
    char document[1024];
    fake_upstream_refuse(failing);
    fake_upstream_refuse(healthy);
    snprintf(document, sizeof(document),
             "apiVersion: pointsman/v1\nkind: Backend\nmetadata: {name: shop}\nspec:\n"
             "  endpoints: [{address: 127.0.0.1}]\n"
             "  ports: [{port: 80, targetPort: %d}, {port: 81, targetPort: %d}]\n"
             "  healthCheck: {type: TCP, interval: 50ms}\n"
             "---\n"
             "apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\n"
             "metadata: {name: ports}\nspec:\n"
             "  rules:\n"
             "  - backendRefs: [{name: shop, port: 80}, {name: shop, port: 81}]\n",
             fake_upstream_port(failing), fake_upstream_port(healthy));
    char *path = temp_dir_write(pointsman_dir(pointsman), "ports.yaml", document);
    pointsman_routectl_ok(pointsman, "apply", "-f", path, NULL);
    pointsman_routectl_ok(pointsman, "remove", "shop", NULL);

    assert_true(wait_until(both_ports_are_out, NULL, WAIT_MS));
    assert_true(pointsman_page_has(pointsman, "/status", "{\"name\": \"shop\", \"port\": 81, "));
    free(path);
}

int main(void)
{
#define STORY(test) cmocka_unit_test_setup_teardown(test, start, stop)
    const struct CMUnitTest tests[] = {
        STORY(an_endpoint_that_keeps_failing_gets_no_more_requests),
        STORY(ejection_survives_changes_of_routes_and_backends),
        STORY(after_its_time_it_is_tried_again),
        STORY(routectl_shows_endpoints_that_are_out),
        STORY(the_last_endpoints_stay_however_they_fail),
        STORY(retries_go_to_every_endpoint_once),
        STORY(an_endpoint_whose_check_fails_gets_nothing_until_it_succeeds),
        STORY(a_tcp_check_is_content_with_a_connection),
        STORY(without_a_healthy_endpoint_the_answer_is_503_unless_panic),
        STORY(expected_statuses_and_host_are_what_the_backend_says),
        STORY(checks_of_a_removed_endpoint_end_and_those_of_the_others_go_on),
        STORY(each_port_of_a_backend_is_told_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
