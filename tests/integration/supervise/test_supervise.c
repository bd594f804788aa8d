/* --supervise: processes come and go, and nobody who asks notices. */
#include "common/clock.h"
#include "common/sanitizers.h"
#include "tests/integration/supervise/stage.h"
#include "tests/support/check.h"
#include "tests/support/http_connection.h"
#include "tests/support/http_get.h"
#include "tests/support/wait.h"
#include "tests/support/wrk.h"
#include "tests/unit/cmocka_all.h"

#include <glob.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    CONNECTIONS = 8,
    SOME_REQUESTS = 300,
    UPGRADES = 6,
    WRK_SECONDS = 6,
    WITHIN_A_SECOND_MS = 1000,
};

#define REQUEST "GET /page HTTP/1.1\r\nHost: h\r\n\r\n"

/* A sanitizer catches a bad access, and its report would be a failure of the test. */
#if IS_ADDRESS_SANITIZED || IS_THREAD_SANITIZED
#define CRASH SIGABRT
#define CRASH_TEXT "signal 6"
#else
#define CRASH SIGSEGV
#define CRASH_TEXT "signal 11"
#endif

static struct stage stage;

static int set_up(void **state)
{
    (void)state;
    stage_start(&stage, NULL);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    stage_stop(&stage);
    return 0;
}

static struct process *supervisor(void)
{
    return pointsman_proxy(stage.pointsman);
}

static struct load *start_load(void)
{
    struct load *load = load_start(pointsman_port(stage.pointsman), "h", "/page", CONNECTIONS);
    load_wait_answered(load, SOME_REQUESTS);
    return load;
}

static struct http_connection *open_connection(void)
{
    struct http_connection *connection = http_connection_open(pointsman_port(stage.pointsman));
    assert_non_null(connection);
    return connection;
}

static void assert_answered(struct http_connection *connection, uint64_t timeout_ms)
{
    struct http_message response = HTTP_MESSAGE_EMPTY;
    enum http_outcome outcome = http_connection_receive(connection, &response, timeout_ms);
    CHECK(outcome == HTTP_COMPLETE, "not answered: %s", http_outcome_name(outcome));
    assert_int_equal(response.status, 200);
    http_message_clear(&response);
}

static bool is_gone(void *context)
{
    return kill(*(pid_t *)context, 0) != 0;
}

static void add_route(const char *name, const char *path)
{
    pointsman_routectl_ok(stage.pointsman, "add", name, "--path-prefix", path, "--to",
                          fake_upstream_url(stage.upstream), NULL);
}

/* --- a new process takes over ---------------------------------------------------------------- */

static void upgrades_fail_no_request_and_refuse_no_connection(void **state)
{
    (void)state;
    struct load *load = start_load();

    for (unsigned generation = 2; generation < 2 + UPGRADES; generation++) {
        stage_upgrade(&stage, generation);
        load_wait_more_answered(load, SOME_REQUESTS);
    }
    struct load_tally tally = load_stop(load);

    stage_assert_undisturbed(tally);
    assert_int_equal(stage_count_lines(&stage, " local_copy_failed "), 0);
    assert_true(pointsman_page_has(stage.pointsman, "/metrics", "pointsman_generation 7\n"));
    assert_true(pointsman_page_has(stage.pointsman, "/metrics", "pointsman_restarts_total 0\n"));
}

static void upgrades_fail_no_request_of_wrk(void **state)
{
    (void)state;
    struct process *wrk =
        wrk_start(pointsman_port(stage.pointsman), "/page", CONNECTIONS * 4, WRK_SECONDS);
    for (unsigned generation = 2; process_is_running(wrk); generation++)
        stage_upgrade(&stage, generation);
    struct wrk_result result = wrk_finish(wrk, WRK_SECONDS);

    CHECK(result.socket_errors == 0 && result.other_statuses == 0, "%s", result.report);
    assert_true(result.requests > SOME_REQUESTS);
    free(result.report);
}

static bool is_one_left(void *context)
{
    (void)context;
    return stage_count_lines(&stage, " process_started ") ==
           stage_count_lines(&stage, " process_drained ") + 1;
}

static void many_signals_at_once_are_as_good_as_two(void **state)
{
    (void)state;
    struct load *load = start_load();

    for (int i = 0; i < 20; i++)
        process_signal(supervisor(), SIGUSR2);
    stage_wait_serving(&stage, 2);
    load_wait_more_answered(load, SOME_REQUESTS);
    struct load_tally tally = load_stop(load);

    stage_assert_undisturbed(tally);
    assert_true(wait_until(is_one_left, NULL, WAIT_MS));
    assert_int_equal(stage_get(&stage, "/page"), 200);
}

static void a_request_that_runs_is_answered_by_the_old_process(void **state)
{
    (void)state;
    static const struct fake_step late_answer[] = {
        {.action = FAKE_READ_REQUEST},
        {.action = FAKE_HOLD},
        {.action = FAKE_SEND, .text = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nlate"},
        {.action = FAKE_SERVE},
    };
    fake_upstream_script(stage.upstream, late_answer);
    struct http_connection *connection = open_connection();
    http_connection_send_text(connection, REQUEST);
    assert_true(fake_upstream_wait_requests(stage.upstream, 1, WAIT_MS));

    stage_upgrade(&stage, 2);
    fake_upstream_release(stage.upstream);

    assert_answered(connection, WAIT_MS);
    free(process_expect_line(supervisor(), " process_drained "));
    http_connection_close(connection);
}

/* A client that was told nothing of an end may be sending its next request. */
static void an_idle_connection_has_one_more_request_answered(void **state)
{
    (void)state;
    struct http_message response = HTTP_MESSAGE_EMPTY;
    struct http_connection *connection = open_connection();
    http_connection_send_text(connection, REQUEST);
    assert_answered(connection, WAIT_MS);

    stage_upgrade(&stage, 2);
    free(process_expect_line(supervisor(), " draining "));
    /* Its workers learn of it a moment after it is logged. */
    char *field = NULL;
    while (field == NULL) {
        http_connection_send_text(connection, REQUEST);
        assert_int_equal(http_connection_receive(connection, &response, WAIT_MS), HTTP_COMPLETE);
        field = http_message_field(&response, "connection");
        http_message_clear(&response);
    }

    assert_string_equal(field, "close");
    free(field);
    http_connection_close(connection);
}

/* What control has acknowledged is live for the last request to the old process too. The request's
 * head is not complete before that, so its connection is not idle. */
static void the_old_process_follows_changes_to_its_end(void **state)
{
    (void)state;
    struct http_connection *connection = open_connection();
    http_connection_send_text(connection, "GET /after HTTP/1.1\r\n");
    process_signal(supervisor(), SIGUSR2);
    free(process_expect_line(supervisor(), " taken_over generation=1"));

    add_route("after", "/after");
    http_connection_send_text(connection, "Host: h\r\n\r\n");

    assert_answered(connection, WAIT_MS);
    http_connection_close(connection);
    free(process_expect_line(supervisor(), " process_drained "));
}

/* Asks on a connection, and opens the next one when its process has done with it. The status. */
static int ask(struct http_connection **connection, const char *path)
{
    char request[64];
    struct http_message response = HTTP_MESSAGE_EMPTY;
    enum http_outcome outcome = HTTP_CLOSED;
    snprintf(request, sizeof(request), "GET %s HTTP/1.1\r\nHost: h\r\n\r\n", path);
    while (outcome == HTTP_CLOSED) {
        if (*connection == NULL)
            *connection = open_connection();
        http_connection_send_text(*connection, request);
        outcome = http_connection_receive(*connection, &response, WAIT_MS);
        if (outcome == HTTP_CLOSED) {
            http_connection_close(*connection);
            *connection = NULL;
        }
    }
    CHECK(outcome == HTTP_COMPLETE, "not answered: %s", http_outcome_name(outcome));
    int status = response.status;
    http_message_clear(&response);
    return status;
}

/* From the start of a process until it has taken over, and until the connections of the old one are
 * gone, both answer. */
static void what_is_acknowledged_is_live_while_processes_change(void **state)
{
    (void)state;
    struct http_connection *connection = NULL;
    for (unsigned generation = 2; generation < 2 + UPGRADES; generation++) {
        process_signal(supervisor(), SIGUSR2);
        while (stage_count_lines(&stage, " process_drained ") < generation - 1) {
            add_route("comes", "/comes");
            assert_int_equal(ask(&connection, "/comes"), 200);
            assert_int_equal(stage_get(&stage, "/comes"), 200);
            pointsman_routectl_ok(stage.pointsman, "remove", "comes", NULL);
            assert_int_equal(ask(&connection, "/comes"), 404);
            assert_int_equal(stage_get(&stage, "/comes"), 404);
        }
    }
    http_connection_close(connection);
}

static void a_broken_program_leaves_the_old_process_serving(void **state)
{
    (void)state;
    static const char *const broken[] = {"#!/bin/sh\nexit 3\n", "#!/nowhere/at/all\n",
                                         "#!/bin/sh\nkill -SEGV $$\n", "not a program at all"};
    static const char *const reasons[] = {"exit code 3", "exit code 127", "signal 11",
                                          "exit code 127"};
    pid_t first = stage_wait_serving(&stage, 1);
    struct load *load = start_load();

    for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
        size_t before = stage_count_lines(&stage, reasons[i]);
        stage_replace_program(&stage, broken[i]);
        process_signal(supervisor(), SIGUSR2);
        while (stage_count_lines(&stage, reasons[i]) == before)
            load_wait_more_answered(load, 1);
    }
    assert_int_equal(stage_count_lines(&stage, " not_taken_over "), 4);
    assert_int_equal(kill(first, 0), 0);
    stage_replace_program(&stage, NULL);
    stage_upgrade(&stage, 6);
    load_wait_more_answered(load, SOME_REQUESTS);

    stage_assert_undisturbed(load_stop(load));
}

/* --- a process ends unexpectedly ------------------------------------------------------------- */

static void a_killed_process_is_followed_by_another_within_a_second(void **state)
{
    (void)state;
    static const int signals[] = {SIGKILL, CRASH};
    for (unsigned i = 0; i < 2; i++) {
        pid_t pid = stage_wait_serving(&stage, i + 1);
        uint64_t deadline_ms = clock_now_ms() + WITHIN_A_SECOND_MS;
        kill(pid, signals[i]);
        assert_true(wait_until(is_gone, &pid, WAIT_MS)); /* it accepts no more */

        struct http_connection *connection = open_connection();
        http_connection_send_text(connection, REQUEST);
        assert_answered(connection, (uint64_t)wait_left_ms(deadline_ms));
        http_connection_close(connection);
    }
    free(process_expect_line(supervisor(), "signal 9"));
    free(process_expect_line(supervisor(), CRASH_TEXT));
    stage_wait_serving(&stage, 3);
    assert_true(pointsman_page_has(stage.pointsman, "/metrics", "pointsman_restarts_total 2\n"));
    assert_true(pointsman_page_has(stage.pointsman, "/status", "\"generation\": 3,"));
}

/* Every thread of it: none accepts any more. */
static bool is_stopped(void *context)
{
    char pattern[64];
    snprintf(pattern, sizeof(pattern), "/proc/%d/task/*/status", *(pid_t *)context);
    glob_t paths;
    assert_int_equal(glob(pattern, 0, NULL, &paths), 0);
    bool is_stopped = true;
    for (size_t i = 0; i < paths.gl_pathc; i++) {
        char *status = temp_dir_read(paths.gl_pathv[i]);
        is_stopped = is_stopped && status != NULL && strstr(status, "\nState:\tT") != NULL;
        free(status);
    }
    globfree(&paths);
    return is_stopped;
}

static void who_waits_in_the_backlog_is_served_by_the_next_process(void **state)
{
    (void)state;
    struct http_connection *connections[CONNECTIONS];
    pid_t pid = stage_wait_serving(&stage, 1);
    kill(pid, SIGSTOP);
    assert_true(wait_until(is_stopped, &pid, WAIT_MS));
    for (size_t i = 0; i < CONNECTIONS; i++) {
        connections[i] = open_connection();
        http_connection_send_text(connections[i], REQUEST);
    }

    kill(pid, SIGKILL);

    for (size_t i = 0; i < CONNECTIONS; i++) {
        assert_answered(connections[i], WAIT_MS);
        http_connection_close(connections[i]);
    }
}

static void kills_under_load_refuse_no_connection(void **state)
{
    (void)state;
    struct load *load = start_load();
    for (unsigned generation = 1; generation <= 3; generation++) {
        kill(stage_wait_serving(&stage, generation), SIGKILL);
        stage_wait_serving(&stage, generation + 1);
        load_wait_more_answered(load, SOME_REQUESTS);
    }
    struct load_tally tally = load_stop(load);

    /* What was on its way in the process that was killed is gone, and no more. */
    assert_int_equal(tally.refused + tally.failed, 0);
    assert_true(tally.unanswered + tally.broken <= 3 * (size_t)CONNECTIONS);
}

static void a_process_that_keeps_ending_is_restarted_with_growing_pauses(void **state)
{
    (void)state;
    stage_replace_program(&stage, "#!/bin/sh\nexit 1\n");
    kill(stage_wait_serving(&stage, 1), SIGKILL);
    free(process_expect_line(supervisor(), "pause_ms=100"));
    free(process_expect_line(supervisor(), "pause_ms=200"));
    free(process_expect_line(supervisor(), "pause_ms=400"));

    struct http_connection *connection = open_connection();
    http_connection_send_text(connection, REQUEST);
    stage_replace_program(&stage, NULL);

    assert_answered(connection, WAIT_MS);
    http_connection_close(connection);
}

static void a_process_that_is_told_to_stop_is_replaced_at_once(void **state)
{
    (void)state;
    struct load *load = start_load();

    kill(stage_wait_serving(&stage, 1), SIGTERM);
    stage_wait_serving(&stage, 2);
    load_wait_more_answered(load, SOME_REQUESTS);

    stage_assert_undisturbed(load_stop(load));
    free(process_expect_line(supervisor(), " process_drained "));
}

/* --- the supervisor is told ------------------------------------------------------------------ */

static void it_drains_and_ends_with_zero(void **state)
{
    (void)state;
    static const struct fake_step late_answer[] = {
        {.action = FAKE_READ_REQUEST},
        {.action = FAKE_HOLD},
        {.action = FAKE_SEND, .text = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nlate"},
        {.action = FAKE_SERVE},
    };
    fake_upstream_script(stage.upstream, late_answer);
    struct http_connection *connection = open_connection();
    http_connection_send_text(connection, REQUEST);
    assert_true(fake_upstream_wait_requests(stage.upstream, 1, WAIT_MS));

    process_signal(supervisor(), SIGINT);
    free(process_expect_line(supervisor(), " draining "));
    fake_upstream_release(stage.upstream);

    assert_answered(connection, WAIT_MS);
    assert_int_equal(process_wait(supervisor(), WAIT_MS), 0);
    http_connection_close(connection);
}

static void a_second_signal_ends_everything_at_once(void **state)
{
    (void)state;
    static const struct fake_step never_answers[] = {
        {.action = FAKE_READ_REQUEST}, {.action = FAKE_READ_TO_END}, {.action = FAKE_CLOSE}};
    fake_upstream_script(stage.upstream, never_answers);
    struct http_connection *connection = open_connection();
    http_connection_send_text(connection, REQUEST);
    assert_true(fake_upstream_wait_requests(stage.upstream, 1, WAIT_MS));
    stage_upgrade(&stage, 2); /* so that one drains already */

    process_signal(supervisor(), SIGTERM);
    free(process_expect_line(supervisor(), " stopping"));
    process_signal(supervisor(), SIGTERM);

    assert_true(process_wait(supervisor(), WAIT_MS) > 0);
    http_connection_close(connection);
    pointsman_kill_proxy(stage.pointsman);
}

static void without_its_supervisor_the_process_drains(void **state)
{
    (void)state;
    pid_t pid = stage_wait_serving(&stage, 1);

    pointsman_kill_proxy(stage.pointsman);

    assert_true(wait_until(is_gone, &pid, WAIT_MS));
}

static void logs_are_reopened_by_all(void **state)
{
    (void)state;
    process_signal(supervisor(), SIGHUP);
    free(process_expect_line(supervisor(), " logs_reopened"));
    assert_int_equal(stage_get(&stage, "/page"), 200);
}

#define STORY(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORY(upgrades_fail_no_request_and_refuse_no_connection),
        STORY(upgrades_fail_no_request_of_wrk),
        STORY(many_signals_at_once_are_as_good_as_two),
        STORY(a_request_that_runs_is_answered_by_the_old_process),
        STORY(an_idle_connection_has_one_more_request_answered),
        STORY(the_old_process_follows_changes_to_its_end),
        STORY(what_is_acknowledged_is_live_while_processes_change),
        STORY(a_broken_program_leaves_the_old_process_serving),
        STORY(a_killed_process_is_followed_by_another_within_a_second),
        STORY(who_waits_in_the_backlog_is_served_by_the_next_process),
        STORY(kills_under_load_refuse_no_connection),
        STORY(a_process_that_keeps_ending_is_restarted_with_growing_pauses),
        STORY(a_process_that_is_told_to_stop_is_replaced_at_once),
        STORY(it_drains_and_ends_with_zero),
        STORY(a_second_signal_ends_everything_at_once),
        STORY(without_its_supervisor_the_process_drains),
        STORY(logs_are_reopened_by_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
