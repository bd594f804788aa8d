/* Both programs come and go in any order while requests flow, and none fails that need not. */
#include "tests/integration/supervise/stage.h"
#include "tests/support/check.h"
#include "tests/support/http_connection.h"
#include "tests/support/wait.h"
#include "tests/support/websocket_switch.h"
#include "tests/unit/cmocka_all.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

enum { CONNECTIONS = 8, SOME_REQUESTS = 300 };

static struct stage stage;

static int set_up(void **state)
{
    (void)state;
    static const char *const more[] = {"--drain-time", "1s", NULL};
    stage_start(&stage, more);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    stage_stop(&stage);
    return 0;
}

static struct load *start_load(void)
{
    struct load *load = load_start(pointsman_port(stage.pointsman), "h", "/page", CONNECTIONS);
    load_wait_answered(load, SOME_REQUESTS);
    return load;
}

static void add_route(const char *name, const char *path)
{
    pointsman_routectl_ok(stage.pointsman, "add", name, "--path-prefix", path, "--to",
                          fake_upstream_url(stage.upstream), NULL);
}

/* The copy is written at most once a second. */
static bool is_in_local_copy(void *context)
{
    static const char *const names[] = {"local-copy", "local-copy.journal"};
    bool is_there = false;
    for (size_t i = 0; i < 2; i++) {
        char *path = temp_dir_file(pointsman_dir(stage.pointsman), names[i]);
        char *content = temp_dir_read(path);
        is_there = is_there || (content != NULL && strstr(content, context) != NULL);
        free(content);
        free(path);
    }
    return is_there;
}

static void upgrades_without_control_fail_no_request(void **state)
{
    (void)state;
    assert_true(wait_until(is_in_local_copy, "/page", WAIT_MS));
    struct load *load = start_load();

    pointsman_kill_control(stage.pointsman);
    stage_upgrade(&stage, 2);
    load_wait_more_answered(load, SOME_REQUESTS);
    pointsman_start_control(stage.pointsman);
    stage_upgrade(&stage, 3);
    load_wait_more_answered(load, SOME_REQUESTS);
    struct load_tally tally = load_stop(load);

    stage_assert_undisturbed(tally);
    add_route("after", "/after");
    assert_int_equal(stage_get(&stage, "/after"), 200);
}

static void control_restarts_between_upgrades_fail_no_request(void **state)
{
    (void)state;
    struct load *load = start_load();
    for (unsigned generation = 2; generation < 5; generation++) {
        process_signal(pointsman_proxy(stage.pointsman), SIGUSR2);
        pointsman_kill_control(stage.pointsman);
        pointsman_start_control(stage.pointsman);
        stage_wait_serving(&stage, generation);
        load_wait_more_answered(load, SOME_REQUESTS);
    }
    stage_assert_undisturbed(load_stop(load));
}

static void both_are_killed_and_only_what_was_inside_is_lost(void **state)
{
    (void)state;
    assert_true(wait_until(is_in_local_copy, "/page", WAIT_MS));
    struct load *load = start_load();

    pointsman_kill_control(stage.pointsman);
    kill(stage_wait_serving(&stage, 1), SIGKILL);
    stage_wait_serving(&stage, 2);
    load_wait_more_answered(load, SOME_REQUESTS);
    pointsman_start_control(stage.pointsman);
    kill(stage_wait_serving(&stage, 2), SIGKILL);
    stage_wait_serving(&stage, 3);
    load_wait_more_answered(load, SOME_REQUESTS);
    struct load_tally tally = load_stop(load);

    assert_int_equal(tally.refused + tally.failed, 0);
    assert_true(tally.unanswered + tally.broken <= 2 * (size_t)CONNECTIONS);
}

static void the_local_copy_goes_on_in_the_new_process(void **state)
{
    (void)state;
    assert_true(wait_until(is_in_local_copy, "/page", WAIT_MS));
    stage_upgrade(&stage, 2);
    add_route("newer", "/newer");
    assert_true(wait_until(is_in_local_copy, "/newer", WAIT_MS));

    pointsman_kill_control(stage.pointsman);
    kill(stage_wait_serving(&stage, 2), SIGKILL);
    stage_wait_serving(&stage, 3);

    assert_int_equal(stage_get(&stage, "/newer"), 200);
    assert_int_equal(stage_count_lines(&stage, " local_copy_failed "), 0);
    assert_int_equal(stage_count_lines(&stage, " local_copy_refused "), 0);
}

/* It could not answer 200 where the old one does. */
static void a_process_without_routes_does_not_take_over(void **state)
{
    (void)state;
    assert_true(wait_until(is_in_local_copy, "/page", WAIT_MS));
    pointsman_kill_control(stage.pointsman);
    free(temp_dir_write(pointsman_dir(stage.pointsman), "local-copy", "damaged"));

    process_signal(pointsman_proxy(stage.pointsman), SIGUSR2);
    free(process_expect_line(pointsman_proxy(stage.pointsman), " no_routes "));
    assert_int_equal(stage_count_lines(&stage, " from_generation=1"), 0);
    assert_int_equal(stage_get(&stage, "/page"), 200);

    pointsman_start_control(stage.pointsman);
    stage_wait_serving(&stage, 2);
    assert_int_equal(stage_get(&stage, "/page"), 200);
}

/* It answers that it knows none, rather than not at all. */
static void a_process_without_routes_is_better_than_none(void **state)
{
    (void)state;
    assert_true(wait_until(is_in_local_copy, "/page", WAIT_MS));
    pid_t first = stage_wait_serving(&stage, 1);
    pointsman_kill_control(stage.pointsman);
    free(temp_dir_write(pointsman_dir(stage.pointsman), "local-copy", "damaged"));
    process_signal(pointsman_proxy(stage.pointsman), SIGUSR2);
    free(process_expect_line(pointsman_proxy(stage.pointsman), " no_routes "));

    kill(first, SIGKILL);

    stage_wait_serving(&stage, 3);
    assert_int_equal(stage_get(&stage, "/page"), 503);
}

static void a_websocket_stays_open_until_the_drain_time_is_over(void **state)
{
    (void)state;
    static const struct fake_step chat[] = {
        {.action = FAKE_READ_REQUEST},
        {.action = FAKE_SEND, .text = WEBSOCKET_SWITCH_ANSWER},
        {.action = FAKE_HOLD},
        {.action = FAKE_SEND, .text = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"},
        {.action = FAKE_READ_TO_END},
        {.action = FAKE_CLOSE},
    };
    struct http_message response = HTTP_MESSAGE_EMPTY;
    fake_upstream_script(stage.upstream, chat);
    struct http_connection *socket = http_connection_open(pointsman_port(stage.pointsman));
    http_connection_send_text(socket, "GET /page HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\n"
                                      "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
                                      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n");
    assert_int_equal(http_connection_receive(socket, &response, WAIT_MS), HTTP_COMPLETE);
    assert_int_equal(response.status, 101);
    http_message_clear(&response);

    stage_upgrade(&stage, 2);
    free(process_expect_line(pointsman_proxy(stage.pointsman), " draining "));
    fake_upstream_release(stage.upstream);

    /* Any bytes go through; these read like a response, which our client understands. */
    assert_int_equal(http_connection_receive(socket, &response, WAIT_MS), HTTP_COMPLETE);
    assert_string_equal(response.body.at, "hi");
    free(process_expect_line(pointsman_proxy(stage.pointsman), " drain_cut "));
    assert_true(http_connection_is_closed_within(socket, WAIT_MS));
    http_connection_close(socket);
    http_message_clear(&response);
}

#define STORY(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORY(upgrades_without_control_fail_no_request),
        STORY(control_restarts_between_upgrades_fail_no_request),
        STORY(both_are_killed_and_only_what_was_inside_is_lost),
        STORY(the_local_copy_goes_on_in_the_new_process),
        STORY(a_process_without_routes_does_not_take_over),
        STORY(a_process_without_routes_is_better_than_none),
        STORY(a_websocket_stays_open_until_the_drain_time_is_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
