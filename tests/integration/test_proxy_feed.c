/* The way of a route from control into the proxy, and what becomes of it when either goes away. */
#include "proxy/local_copy_read.h"
#include "tests/support/check.h"
#include "tests/support/fake_upstream.h"
#include "tests/support/http_get.h"
#include "tests/support/pointsman.h"
#include "tests/support/wait.h"
#include "tests/unit/cmocka_all.h"

#include <stdlib.h>

struct fixture {
    struct pointsman *pointsman;
    struct fake_upstream *users;
    char *local_copy;
};

static int set_up(void **state)
{
    static struct fixture fixture;
    fixture.pointsman = pointsman_start(NULL);
    fixture.users = fake_upstream_start("users");
    fixture.local_copy = temp_dir_file(pointsman_dir(fixture.pointsman), "local-copy");
    *state = &fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    pointsman_free(fixture->pointsman);
    fake_upstream_free(fixture->users);
    free(fixture->local_copy);
    return 0;
}

/* --- helpers -------------------------------------------------------------------------------- */

static void add_route(struct fixture *fixture, const char *name, const char *host)
{
    pointsman_routectl_ok(fixture->pointsman, "add", name, "--host", host, "--path-prefix", "/",
                          "--to", fake_upstream_url(fixture->users), NULL);
}

static int status_of(struct fixture *fixture, const char *host)
{
    return http_get_status(pointsman_port(fixture->pointsman), host, "/");
}

/* Whether an admin page says `text`, with any status. */
struct expectation {
    struct fixture *fixture;
    const char *path;
    const char *text;
};

static bool page_says(void *context)
{
    struct expectation *expected = context;
    return pointsman_page_has(expected->fixture->pointsman, expected->path, expected->text);
}

static void expect_page(struct fixture *fixture, const char *path, const char *text)
{
    struct expectation expected = {fixture, path, text};
    CHECK(wait_until(page_says, &expected, WAIT_MS), "%s never says '%s'", path, text);
}

static void count_route(void *context, Pointsman__V1__ObjectKind kind, struct slice name,
                        bool deleted, struct slice bytes)
{
    (void)name;
    (void)bytes;
    if (kind == POINTSMAN__V1__OBJECT_KIND__OBJECT_KIND_ROUTE)
        *(size_t *)context += deleted ? (size_t)-1 : 1;
}

static bool copy_has_a_route(void *context)
{
    struct fixture *fixture = context;
    struct local_copy_files files;
    struct local_copy_info info;
    size_t routes = 0;
    if (!local_copy_open(&files, fixture->local_copy, NULL))
        return false;
    bool has_one = local_copy_parse(files.base, &info, count_route, &routes, NULL) &&
                   local_copy_parse_journal(files.journal, &info, count_route, &routes, NULL) &&
                   routes == 1;
    local_copy_close(&files);
    return has_one;
}

/* --- claims --------------------------------------------------------------------------------- */

static void route_carries_traffic_when_routectl_returns(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(status_of(fixture, "users.internal"), 404);

    add_route(fixture, "users", "users.internal");

    assert_int_equal(status_of(fixture, "users.internal"), 200);
    assert_int_equal(fake_upstream_request_count(fixture->users), 1);
    expect_page(fixture, "/metrics", "pointsman_requests_total{route=\"users\",class=\"2xx\"} 1\n");
    expect_page(fixture, "/metrics", "pointsman_route_cache_lookups_total 2\n");
    expect_page(fixture, "/status", "\"routes\": 1,");
}

static void removed_route_answers_404(void **state)
{
    struct fixture *fixture = *state;
    add_route(fixture, "users", "users.internal");
    assert_int_equal(status_of(fixture, "users.internal"), 200);

    pointsman_routectl_ok(fixture->pointsman, "remove", "users", NULL);

    assert_int_equal(status_of(fixture, "users.internal"), 404);
}

static void traffic_goes_on_while_control_is_down(void **state)
{
    struct fixture *fixture = *state;
    add_route(fixture, "users", "users.internal");

    pointsman_kill_control(fixture->pointsman);

    expect_page(fixture, "/readyz", "stale");
    assert_int_equal(status_of(fixture, "users.internal"), 200);
    expect_page(fixture, "/metrics", "pointsman_control_connected 0\n");
}

static void changes_go_live_again_after_a_restart_of_control(void **state)
{
    struct fixture *fixture = *state;
    add_route(fixture, "users", "users.internal");
    pointsman_kill_control(fixture->pointsman);
    expect_page(fixture, "/readyz", "stale");

    pointsman_start_control(fixture->pointsman);
    expect_page(fixture, "/status", "\"stale\": false");
    add_route(fixture, "orders", "orders.internal");

    assert_int_equal(status_of(fixture, "users.internal"), 200);
    assert_int_equal(status_of(fixture, "orders.internal"), 200);
}

static void restarted_proxy_gets_what_it_missed(void **state)
{
    struct fixture *fixture = *state;
    pointsman_stop_proxy(fixture->pointsman);
    pointsman_routectl_ok(fixture->pointsman, "add", "users", "--host", "users.internal", "--to",
                          fake_upstream_url(fixture->users), "--no-wait", NULL);

    pointsman_start_proxy(fixture->pointsman);
    pointsman_wait_ready(fixture->pointsman);

    assert_int_equal(status_of(fixture, "users.internal"), 200);
}

static void killed_proxy_serves_its_copy_as_stale_without_control(void **state)
{
    struct fixture *fixture = *state;
    add_route(fixture, "users", "users.internal");
    CHECK(wait_until(copy_has_a_route, fixture, WAIT_MS), "the copy was not written");
    pointsman_kill_proxy(fixture->pointsman);
    pointsman_kill_control(fixture->pointsman);

    pointsman_start_proxy(fixture->pointsman);
    pointsman_wait_ready(fixture->pointsman);

    expect_page(fixture, "/readyz", "ready, stale");
    expect_page(fixture, "/metrics", "pointsman_stale 1\n");
    assert_int_equal(status_of(fixture, "users.internal"), 200);

    pointsman_start_control(fixture->pointsman);
    expect_page(fixture, "/status", "\"stale\": false");
    assert_int_equal(status_of(fixture, "users.internal"), 200);
}

static void proxy_with_a_bad_copy_and_no_control_is_not_ready(void **state)
{
    struct fixture *fixture = *state;
    add_route(fixture, "users", "users.internal");
    pointsman_stop_proxy(fixture->pointsman);
    pointsman_stop_control(fixture->pointsman);
    free(temp_dir_write(pointsman_dir(fixture->pointsman), "local-copy", "not what it was"));

    pointsman_start_proxy(fixture->pointsman);
    free(process_expect_line(pointsman_proxy(fixture->pointsman), " local_copy_refused "));
    free(process_expect_line(pointsman_proxy(fixture->pointsman), " no_routes "));

    assert_int_equal(status_of(fixture, "users.internal"), 503);
    expect_page(fixture, "/readyz", "not ready");

    pointsman_start_control(fixture->pointsman);
    pointsman_wait_ready(fixture->pointsman);
    assert_int_equal(status_of(fixture, "users.internal"), 200);
}

static void proxy_that_starts_before_control_waits_for_it(void **state)
{
    struct fixture *fixture = *state;
    add_route(fixture, "users", "users.internal");
    pointsman_stop_proxy(fixture->pointsman);
    pointsman_stop_control(fixture->pointsman);

    pointsman_start_proxy(fixture->pointsman);
    pointsman_start_control(fixture->pointsman);
    expect_page(fixture, "/status", "\"stale\": false");

    assert_int_equal(status_of(fixture, "users.internal"), 200);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(route_carries_traffic_when_routectl_returns),
        TEST(removed_route_answers_404),
        TEST(traffic_goes_on_while_control_is_down),
        TEST(changes_go_live_again_after_a_restart_of_control),
        TEST(restarted_proxy_gets_what_it_missed),
        TEST(killed_proxy_serves_its_copy_as_stale_without_control),
        TEST(proxy_with_a_bad_copy_and_no_control_is_not_ready),
        TEST(proxy_that_starts_before_control_waits_for_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
