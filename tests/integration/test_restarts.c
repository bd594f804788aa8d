/* Either program may die at any time: requests go on, and what was acknowledged is there. */
#include "tests/support/check.h"
#include "tests/support/fake_upstream.h"
#include "tests/support/http_get.h"
#include "tests/support/load.h"
#include "tests/support/pointsman.h"
#include "tests/support/wait.h"
#include "tests/unit/cmocka_all.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CONNECTIONS = 4, SOME_REQUESTS = 200 };

static struct fake_upstream *upstream;
static struct pointsman *pointsman;

static int start(void **state)
{
    (void)state;
    upstream = fake_upstream_start("upstream");
    pointsman = pointsman_start(NULL);
    pointsman_routectl_ok(pointsman, "add", "page", "--path-prefix", "/page", "--to",
                          fake_upstream_url(upstream), NULL);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    pointsman_free(pointsman);
    fake_upstream_free(upstream);
    return 0;
}

static int get_status(const char *path)
{
    return http_get_status(pointsman_port(pointsman), "h", path);
}

static void add(const char *name, const char *path)
{
    pointsman_routectl_ok(pointsman, "add", name, "--path-prefix", path, "--to",
                          fake_upstream_url(upstream), NULL);
}

/* What /readyz and /status say, one behind the other. Caller frees. */
static char *admin_pages(void)
{
    struct buffer text = BUFFER_EMPTY;
    const char *const paths[] = {"/readyz", "/status"};
    for (size_t i = 0; i < 2; i++) {
        struct http_message response = HTTP_MESSAGE_EMPTY;
        http_get(pointsman_admin_port(pointsman), "localhost", paths[i], &response);
        buffer_append_slice(&text, buffer_slice(&response.body));
        http_message_clear(&response);
    }
    buffer_string(&text);
    return text.at;
}

static bool says_stale(void *context)
{
    (void)context;
    char *pages = admin_pages();
    bool is_stale = strstr(pages, "stale") != NULL && strstr(pages, "\"stale\":false") == NULL &&
                    strstr(pages, "\"stale\": false") == NULL;
    free(pages);
    return is_stale;
}

static bool page_is_served(void *context)
{
    return get_status(context) == 200;
}

static bool is_in_file(const char *name, const char *text)
{
    char *path = temp_dir_file(pointsman_dir(pointsman), name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    char content[8192];
    ssize_t length = fd < 0 ? 0 : read(fd, content, sizeof(content));
    bool is_there = length > 0 && memmem(content, (size_t)length, text, strlen(text)) != NULL;
    if (fd >= 0)
        close(fd);
    free(path);
    return is_there;
}

/* The copy is written at most once a second, and a killed proxy has no time to. */
static bool is_in_local_copy(void *context)
{
    return is_in_file("local-copy", context) || is_in_file("local-copy.journal", context);
}

static void requests_go_on_while_control_is_killed_and_started_again(void **state)
{
    (void)state;
    struct load *load = load_start(pointsman_port(pointsman), "h", "/page", CONNECTIONS);
    load_wait_answered(load, SOME_REQUESTS);

    pointsman_kill_control(pointsman);
    load_wait_more_answered(load, SOME_REQUESTS);
    pointsman_start_control(pointsman);
    load_wait_more_answered(load, SOME_REQUESTS);
    add("after", "/after");
    load_wait_more_answered(load, SOME_REQUESTS);
    struct load_tally tally = load_stop(load);

    assert_true(page_is_served("/after"));
    assert_int_equal(tally.refused + tally.unanswered + tally.broken + tally.failed, 0);
}

static void acknowledged_changes_survive_a_kill_of_control(void **state)
{
    (void)state;
    add("one", "/one");
    add("two", "/two");
    pointsman_routectl_ok(pointsman, "remove", "one", NULL);

    pointsman_kill_control(pointsman);
    pointsman_start_control(pointsman);

    struct command one = pointsman_routectl(pointsman, "get", "one", NULL);
    struct command two = pointsman_routectl(pointsman, "get", "two", NULL);
    assert_int_equal(one.exit_code, 3);
    assert_int_equal(two.exit_code, 0);
    command_clear(&one);
    command_clear(&two);
}

/* A volume that is not mounted, or a slip in the path. */
static void lose_database(void)
{
    const char *const files[] = {"routes.db", "routes.db-wal"};
    for (size_t i = 0; i < 2; i++) {
        char *path = temp_dir_file(pointsman_dir(pointsman), files[i]);
        assert_int_equal(unlink(path), 0);
        free(path);
    }
}

static void routes_outlive_the_database_until_there_are_others(void **state)
{
    (void)state;
    pointsman_kill_control(pointsman);
    lose_database();
    pointsman_start_control(pointsman);

    free(process_expect_line(pointsman_control(pointsman), "proxy_keeps_its_routes"));
    assert_true(page_is_served("/page"));

    add("other", "/other");
    assert_true(page_is_served("/other"));
    assert_int_equal(get_status("/page"), 404);
}

static void a_proxy_without_control_starts_with_the_last_routes(void **state)
{
    (void)state;
    add("last", "/last");

    pointsman_stop_control(pointsman);
    pointsman_stop_proxy(pointsman);
    pointsman_start_proxy(pointsman);
    pointsman_wait_ready(pointsman);

    assert_int_equal(get_status("/page"), 200);
    assert_int_equal(get_status("/last"), 200);
    assert_true(wait_until(says_stale, NULL, WAIT_MS));
}

static void a_killed_proxy_serves_again_without_control(void **state)
{
    (void)state;
    assert_true(wait_until(is_in_local_copy, "/page", WAIT_MS));

    pointsman_kill_control(pointsman);
    pointsman_kill_proxy(pointsman);
    pointsman_start_proxy(pointsman);
    pointsman_wait_ready(pointsman);

    assert_int_equal(get_status("/page"), 200);
}

static void a_proxy_that_served_its_copy_takes_changes_when_control_is_back(void **state)
{
    (void)state;
    pointsman_stop_control(pointsman);
    pointsman_stop_proxy(pointsman);
    pointsman_start_proxy(pointsman);
    pointsman_wait_ready(pointsman);

    pointsman_start_control(pointsman);
    add("back", "/back");

    assert_true(page_is_served("/back"));
    assert_false(says_stale(NULL));
}

static void a_proxy_without_control_and_without_a_copy_is_not_ready(void **state)
{
    (void)state;
    struct pointsman *alone = pointsman_new(NULL);
    pointsman_start_proxy(alone);

    int ready = http_get_status(pointsman_admin_port(alone), "localhost", "/readyz");
    int alive = http_get_status(pointsman_admin_port(alone), "localhost", "/healthz");

    assert_int_equal(ready, 503);
    assert_int_equal(alive, 200);
    assert_int_not_equal(http_get_status(pointsman_port(alone), "h", "/page"), 404);
    pointsman_free(alone);
}

static void a_damaged_copy_and_no_control_are_no_routes_and_not_ready(void **state)
{
    (void)state;
    assert_true(wait_until(is_in_local_copy, "/page", WAIT_MS));
    pointsman_kill_control(pointsman);
    pointsman_kill_proxy(pointsman);
    free(
        temp_dir_write(pointsman_dir(pointsman), "local-copy.journal", "pointsjl, or so it seems"));

    pointsman_start_proxy(pointsman);
    free(process_expect_line(pointsman_proxy(pointsman), "local_copy_refused"));
    free(process_expect_line(pointsman_proxy(pointsman), "no_routes"));

    assert_int_equal(http_get_status(pointsman_admin_port(pointsman), "localhost", "/readyz"), 503);
    assert_int_not_equal(get_status("/page"), 404);
}

static bool is_copy_failing(void *context)
{
    (void)context;
    return pointsman_page_has(pointsman, "/metrics", "pointsman_local_copy_failing 1\n");
}

/* Where its new file should be, there is a folder: not even root writes to that. */
static void a_copy_that_cannot_be_written_is_shown(void **state)
{
    (void)state;
    assert_true(wait_until(is_in_local_copy, "/page", WAIT_MS));
    assert_true(pointsman_page_has(pointsman, "/metrics", "pointsman_local_copy_failing 0\n"));
    pointsman_kill_proxy(pointsman);
    const struct temp_dir *dir = pointsman_dir(pointsman);
    char *copy = temp_dir_file(dir, "local-copy");
    char *obstacle = temp_dir_file(dir, "local-copy.new");
    assert_int_equal(unlink(copy), 0);
    assert_int_equal(mkdir(obstacle, 0700), 0);

    pointsman_start_proxy(pointsman);

    assert_true(wait_until(is_copy_failing, NULL, WAIT_MS));
    assert_true(pointsman_page_has(pointsman, "/metrics", "pointsman_local_copy_failures_total 1"));
    assert_true(pointsman_page_has(pointsman, "/status", "\"failing\": true"));
    assert_true(pointsman_page_has(pointsman, "/status", "local-copy.new: Is a directory"));
    assert_int_equal(get_status("/page"), 200);
    rmdir(obstacle);
    free(obstacle);
    free(copy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(requests_go_on_while_control_is_killed_and_started_again,
                                        start, stop),
        cmocka_unit_test_setup_teardown(acknowledged_changes_survive_a_kill_of_control, start,
                                        stop),
        cmocka_unit_test_setup_teardown(routes_outlive_the_database_until_there_are_others, start,
                                        stop),
        cmocka_unit_test_setup_teardown(a_proxy_without_control_starts_with_the_last_routes, start,
                                        stop),
        cmocka_unit_test_setup_teardown(a_killed_proxy_serves_again_without_control, start, stop),
        cmocka_unit_test_setup_teardown(
            a_proxy_that_served_its_copy_takes_changes_when_control_is_back, start, stop),
        cmocka_unit_test_setup_teardown(a_damaged_copy_and_no_control_are_no_routes_and_not_ready,
                                        start, stop),
        cmocka_unit_test_setup_teardown(a_copy_that_cannot_be_written_is_shown, start, stop),
        cmocka_unit_test(a_proxy_without_control_and_without_a_copy_is_not_ready),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
