#include "common/clock.h"
#include "proxy/certificate_watch.h"
#include "proxy/http/http_server.h"
#include "proxy/metrics/counters.h"
#include "proxy/routing/route_cache.h"
#include "proxy/upstream/endpoint_tls.h"
#include "tests/unit/cmocka_all.h"

#include <stddef.h>
#include <string.h>

enum { START_MS = 1000, LATER_MS = 60000 };

static struct counters *counters;
static struct route_cache *cache;
static struct listener_specs specs;
static struct http_server *server;
static struct tls_registry *endpoints;
static struct event_loop *loop;
static struct certificate_watch watch;

static int set_up(void **state)
{
    (void)state;
    clock_set_for_test(START_MS);
    const char *listen = "127.0.0.1:0";
    assert_true(listener_specs_parse(&listen, 1, &specs, NULL));
    counters = counters_new(1);
    cache = route_cache_new();
    const struct http_server_options options = {
        .listen = &specs,
        .worker_count = 1,
        .route_cache = cache,
        .counters = counters,
        .http = HTTP_OPTIONS_DEFAULT,
    };
    server = http_server_open(&options, NULL);
    assert_non_null(server);
    endpoints = tls_registry_new();
    loop = event_loop_new();
    memset(&watch, 0, sizeof(watch));
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    certificate_watch_stop(&watch);
    event_loop_free(loop);
    tls_registry_free(endpoints);
    http_server_stop(server);
    route_cache_free(cache);
    counters_free(counters);
    listener_specs_clear(&specs);
    clock_set_for_test(0);
    return 0;
}

static void start(void)
{
    certificate_watch_start(&watch, loop, server, endpoints);
}

static bool is_looking(void)
{
    return watch.timer.loop != NULL;
}

static void let_it_look(void)
{
    clock_set_for_test(clock_now_ms() + LATER_MS);
    event_loop_run_once(loop, 0);
}

static void without_files_the_loop_sleeps(void **state)
{
    (void)state;
    struct endpoint_tls *system = endpoint_tls_acquire(endpoints, "a", "", false);
    struct endpoint_tls *unverified = endpoint_tls_acquire(endpoints, "a", "/ca.pem", true);

    start();

    assert_false(is_looking());
    assert_false(certificate_watch_wants_wake(&watch));
    certificate_watch_go_on(&watch);
    assert_false(is_looking());
    endpoint_tls_release(&system);
    endpoint_tls_release(&unverified);
}

static void it_looks_while_an_endpoint_has_a_file(void **state)
{
    (void)state;
    start();
    struct endpoint_tls *tls = endpoint_tls_acquire(endpoints, "a", "/ca.pem", false);

    assert_true(certificate_watch_wants_wake(&watch));
    certificate_watch_go_on(&watch);
    assert_true(is_looking());
    assert_false(certificate_watch_wants_wake(&watch));
    let_it_look();
    assert_true(is_looking());

    endpoint_tls_release(&tls);
    let_it_look();
    assert_false(is_looking());
}

static void an_endpoint_from_before_the_start_is_looked_at(void **state)
{
    (void)state;
    struct endpoint_tls *tls = endpoint_tls_acquire(endpoints, "a", "/ca.pem", false);

    start();

    assert_true(is_looking());
    endpoint_tls_release(&tls);
}

static void one_that_was_not_started_or_is_stopped_wants_nothing(void **state)
{
    (void)state;
    struct endpoint_tls *tls = endpoint_tls_acquire(endpoints, "a", "/ca.pem", false);
    assert_false(certificate_watch_wants_wake(&watch));

    start();
    certificate_watch_stop(&watch);

    assert_false(certificate_watch_wants_wake(&watch));
    certificate_watch_go_on(&watch);
    assert_false(is_looking());
    endpoint_tls_release(&tls);
}

#define WATCH_TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WATCH_TEST(without_files_the_loop_sleeps),
        WATCH_TEST(it_looks_while_an_endpoint_has_a_file),
        WATCH_TEST(an_endpoint_from_before_the_start_is_looked_at),
        WATCH_TEST(one_that_was_not_started_or_is_stopped_wants_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
