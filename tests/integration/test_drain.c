/* SIGTERM: no new connections, and every request that has come in is answered whole. */
#include "tests/support/fake_upstream.h"
#include "tests/support/http_connection.h"
#include "tests/support/load.h"
#include "tests/support/pointsman.h"
#include "tests/support/wait.h"
#include "tests/unit/cmocka_all.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

enum { CONNECTIONS = 8, SOME_REQUESTS = 500 };

#define REQUEST "GET /page HTTP/1.1\r\nHost: h\r\n\r\n"

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

static void a_running_request_is_answered_and_its_connection_closed(void **state)
{
    (void)state;
    static const struct fake_step late_answer[] = {
        {.action = FAKE_READ_REQUEST},
        {.action = FAKE_HOLD},
        {.action = FAKE_SEND, .text = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nlate"},
        {.action = FAKE_SERVE},
    };
    struct http_message response = HTTP_MESSAGE_EMPTY;
    fake_upstream_script(upstream, late_answer);
    struct http_connection *connection = http_connection_open(pointsman_port(pointsman));
    http_connection_send_text(connection, REQUEST);
    assert_true(fake_upstream_wait_requests(upstream, 1, WAIT_MS));

    process_signal(pointsman_proxy(pointsman), SIGTERM);
    pointsman_wait_refused(pointsman);
    fake_upstream_release(upstream);

    assert_int_equal(http_connection_receive(connection, &response, WAIT_MS), HTTP_COMPLETE);
    assert_string_equal(response.body.at, "late");
    char *field = http_message_field(&response, "connection");
    assert_string_equal(field, "close");
    assert_true(http_connection_is_closed_within(connection, WAIT_MS));
    assert_int_equal(process_wait(pointsman_proxy(pointsman), WAIT_MS), 0);
    free(field);
    http_connection_close(connection);
    http_message_clear(&response);
}

static void an_idle_connection_is_closed_at_once(void **state)
{
    (void)state;
    struct http_message response = HTTP_MESSAGE_EMPTY;
    struct http_connection *connection = http_connection_open(pointsman_port(pointsman));
    http_connection_send_text(connection, REQUEST);
    assert_int_equal(http_connection_receive(connection, &response, WAIT_MS), HTTP_COMPLETE);

    process_signal(pointsman_proxy(pointsman), SIGTERM);

    assert_true(http_connection_is_closed_within(connection, WAIT_MS));
    assert_int_equal(process_wait(pointsman_proxy(pointsman), WAIT_MS), 0);
    http_connection_close(connection);
    http_message_clear(&response);
}

static void a_request_that_never_ends_is_cut_after_the_drain_time(void **state)
{
    (void)state;
    static const struct fake_step never_answers[] = {
        {.action = FAKE_READ_REQUEST},
        {.action = FAKE_READ_TO_END},
        {.action = FAKE_CLOSE},
    };
    static const char *const arguments[] = {"--drain-time", "200ms", NULL};
    static const struct pointsman_options options = {.proxy_arguments = arguments};
    struct http_message response = HTTP_MESSAGE_EMPTY;
    struct pointsman *impatient = pointsman_start(&options);
    pointsman_routectl_ok(impatient, "add", "page", "--path-prefix", "/page", "--to",
                          fake_upstream_url(upstream), NULL);
    fake_upstream_script(upstream, never_answers);
    struct http_connection *connection = http_connection_open(pointsman_port(impatient));
    http_connection_send_text(connection, REQUEST);
    assert_true(fake_upstream_wait_requests(upstream, 1, WAIT_MS));

    process_signal(pointsman_proxy(impatient), SIGTERM);

    assert_int_equal(process_wait(pointsman_proxy(impatient), WAIT_MS), 0);
    assert_int_not_equal(http_connection_receive(connection, &response, WAIT_MS), HTTP_COMPLETE);
    http_connection_close(connection);
    http_message_clear(&response);
    pointsman_free(impatient);
}

static void a_second_signal_ends_it_at_once(void **state)
{
    (void)state;
    static const struct fake_step never_answers[] = {
        {.action = FAKE_READ_REQUEST},
        {.action = FAKE_READ_TO_END},
        {.action = FAKE_CLOSE},
    };
    struct pointsman *hurried = pointsman_start(NULL);
    pointsman_routectl_ok(hurried, "add", "page", "--path-prefix", "/page", "--to",
                          fake_upstream_url(upstream), NULL);
    fake_upstream_script(upstream, never_answers);
    struct http_connection *connection = http_connection_open(pointsman_port(hurried));
    http_connection_send_text(connection, REQUEST);
    assert_true(fake_upstream_wait_requests(upstream, 1, WAIT_MS));
    process_signal(pointsman_proxy(hurried), SIGTERM);
    free(process_expect_line(pointsman_proxy(hurried), " draining "));

    process_signal(pointsman_proxy(hurried), SIGTERM);

    assert_true(process_wait(pointsman_proxy(hurried), WAIT_MS) > 0);
    http_connection_close(connection);
    pointsman_kill_proxy(hurried);
    pointsman_free(hurried);
}

static void whatever_reached_the_backend_is_answered_under_load(void **state)
{
    (void)state;
    struct load *load = load_start(pointsman_port(pointsman), "h", "/page", CONNECTIONS);
    load_wait_answered(load, SOME_REQUESTS);

    process_signal(pointsman_proxy(pointsman), SIGTERM);
    load_wait_refused(load);
    struct load_tally tally = load_stop(load);

    assert_int_equal(process_wait(pointsman_proxy(pointsman), WAIT_MS), 0);
    assert_int_equal(tally.broken + tally.failed, 0);
    assert_int_equal(tally.answered, fake_upstream_request_count(upstream));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_running_request_is_answered_and_its_connection_closed,
                                        start, stop),
        cmocka_unit_test_setup_teardown(an_idle_connection_is_closed_at_once, start, stop),
        cmocka_unit_test_setup_teardown(a_request_that_never_ends_is_cut_after_the_drain_time,
                                        start, stop),
        cmocka_unit_test_setup_teardown(a_second_signal_ends_it_at_once, start, stop),
        cmocka_unit_test_setup_teardown(whatever_reached_the_backend_is_answered_under_load, start,
                                        stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
