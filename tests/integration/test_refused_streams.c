/* Services that speak HTTP/2 and turn requests away, which costs no client its answer: nginx that
 * refuses streams and ends connections, a second proxy that is stopped. */
#include "tests/support/fake_upstream.h"
#include "tests/support/http2_client.h"
#include "tests/support/http_get.h"
#include "tests/support/load.h"
#include "tests/support/nginx.h"
#include "tests/support/pointsman.h"
#include "tests/support/wait.h"
#include "tests/unit/cmocka_all.h"

#include <stdio.h>

enum { REQUESTS = 50, AT_ONCE = 50, CLIENTS = 4, SOME_REQUESTS = 500 };

#define POST "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\n"

static struct temp_dir *files;
static struct nginx *nginx;
static struct pointsman *pointsman;

static void start_before(const char *directives)
{
    files = temp_dir_new();
    nginx = nginx_start_http2(files, directives);
    pointsman = pointsman_start(&(struct pointsman_options){.workers = "1"});
    pointsman_routectl_ok(pointsman, "add", "nginx", "--path-prefix", "/", "--to", nginx_url(nginx),
                          NULL);
}

static int stop(void **state)
{
    (void)state;
    pointsman_free(pointsman);
    nginx_free(nginx);
    temp_dir_free(files);
    return 0;
}

static uint64_t connections(void)
{
    return pointsman_metric(pointsman, "pointsman_upstream_connects_total");
}

static void post_some(void)
{
    struct http_message response = HTTP_MESSAGE_EMPTY;
    for (int i = 0; i < REQUESTS; i++)
        assert_int_equal(http_exchange(pointsman_port(pointsman), POST, "body", &response), 200);
    http_message_clear(&response);
}

static bool was_retried(void)
{
    return pointsman_page_has(pointsman, "/metrics",
                              "pointsman_upstream_retries_total{backend=\"nginx\",");
}

/* --- refused --------------------------------------------------------------------------------- */

/* It refuses streams with a body until its SETTINGS are acknowledged. */
static int start_before_one_that_wants_its_settings_first(void **state)
{
    (void)state;
    start_before("http2_body_preread_size 0; keepalive_requests 5; "
                 "location / { return 200 ok; }");
    return 0;
}

static void what_was_refused_is_sent_again(void **state)
{
    (void)state;
    post_some();
    assert_true(was_retried());
}

static int start_before_one_that_takes_few(void **state)
{
    (void)state;
    start_before("http2_max_concurrent_streams 2; location / { return 200 ok; }");
    return 0;
}

/* All at once, before a connection has said how few it takes. */
static void more_than_a_connection_takes_are_spread(void **state)
{
    (void)state;
    struct http2_client *client = http2_client_open(pointsman_port(pointsman));
    struct http2_reply *replies[AT_ONCE];
    for (size_t i = 0; i < AT_ONCE; i++)
        replies[i] = http2_client_ask(client, HTTP2_CLIENT_GET("h", "/"), true);

    for (size_t i = 0; i < AT_ONCE; i++) {
        assert_true(HTTP2_CLIENT_WAIT(client, replies[i]->has_ended));
        assert_int_equal(http2_reply_status(replies[i]), 200);
    }
    http2_client_close(client);
}

/* --- connections that end -------------------------------------------------------------------- */

static int start_before_one_that_ends_connections(void **state)
{
    (void)state;
    start_before("keepalive_requests 5; location / { return 200 ok; }");
    return 0;
}

static void a_connection_that_ends_loses_nothing(void **state)
{
    (void)state;
    post_some();
    assert_true(connections() >= REQUESTS / 5);

    struct load *load = load_start(pointsman_port(pointsman), "h", "/", CLIENTS);
    load_wait_answered(load, SOME_REQUESTS);
    struct load_tally tally = load_stop(load);
    assert_int_equal(tally.unanswered + tally.broken + tally.failed, 0);
    assert_true(connections() >= (REQUESTS + SOME_REQUESTS) / 5);
}

/* --- a second proxy -------------------------------------------------------------------------- */

enum { BEHIND = 2 };

static struct fake_upstream *service;
static struct pointsman *behind[BEHIND];

static int start_before_proxies(void **state)
{
    (void)state;
    char urls[BEHIND][64];
    service = fake_upstream_start("service");
    for (size_t i = 0; i < BEHIND; i++) {
        behind[i] = pointsman_start(NULL);
        pointsman_routectl_ok(behind[i], "add", "service", "--path-prefix", "/", "--to",
                              fake_upstream_url(service), NULL);
        snprintf(urls[i], sizeof(urls[i]), "h2c://127.0.0.1:%d", pointsman_port(behind[i]));
    }
    pointsman = pointsman_start(NULL);
    /* A connection that still waits to be accepted when a process ends is reset, whatever was sent
     * on it: only a stanza repeats that. */
    pointsman_routectl_ok(pointsman, "add", "proxies", "--path-prefix", "/", "--to", urls[0],
                          "--to", urls[1], "--retry-attempts", "3", "--retry-backoff", "1ms", NULL);
    return 0;
}

static int stop_proxies(void **state)
{
    (void)state;
    pointsman_free(pointsman);
    for (size_t i = 0; i < BEHIND; i++)
        pointsman_free(behind[i]);
    fake_upstream_free(service);
    return 0;
}

static void one_that_is_stopped_under_load_is_not_missed(void **state)
{
    (void)state;
    struct load *load = load_start(pointsman_port(pointsman), "h", "/", CLIENTS);
    load_wait_answered(load, SOME_REQUESTS);

    pointsman_stop_proxy(behind[0]);
    load_wait_more_answered(load, SOME_REQUESTS);
    pointsman_start_proxy(behind[0]);
    load_wait_more_answered(load, SOME_REQUESTS);
    struct load_tally tally = load_stop(load);

    assert_int_equal(tally.unanswered + tally.broken + tally.failed, 0);
    assert_int_equal(tally.answered, fake_upstream_request_count(service));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_was_refused_is_sent_again,
                                        start_before_one_that_wants_its_settings_first, stop),
        cmocka_unit_test_setup_teardown(more_than_a_connection_takes_are_spread,
                                        start_before_one_that_takes_few, stop),
        cmocka_unit_test_setup_teardown(a_connection_that_ends_loses_nothing,
                                        start_before_one_that_ends_connections, stop),
        cmocka_unit_test_setup_teardown(one_that_is_stopped_under_load_is_not_missed,
                                        start_before_proxies, stop_proxies),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
