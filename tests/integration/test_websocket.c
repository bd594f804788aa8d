/* WebSockets: a tunnel through the real programs, and what must not end it. */
#include "common/clock.h"
#include "tests/support/fake_upstream.h"
#include "tests/support/http_connection.h"
#include "tests/support/http_get.h"
#include "tests/support/pointsman.h"
#include "tests/support/wait.h"
#include "tests/support/websocket_switch.h"
#include "tests/unit/cmocka_all.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#define HANDSHAKE "GET /chat HTTP/1.1\r\nHost: h\r\n" WEBSOCKET_SWITCH_FIELDS "\r\n"

/* "Hello", masked (RFC 6455 section 5.7). */
static const char hello[] = "\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58";

static const struct fake_step switches_and_echoes[] = {
    {.action = FAKE_READ_REQUEST},
    {.action = FAKE_SEND, .text = WEBSOCKET_SWITCH_ANSWER},
    {.action = FAKE_ECHO},
    {.action = FAKE_CLOSE},
};

static struct fake_upstream *upstream;
static struct pointsman *pointsman;

static int start(void **state)
{
    (void)state;
    static const char *const arguments[] = {"--drain-time", "300ms", NULL};
    static const struct pointsman_options options = {.proxy_arguments = arguments};
    upstream = fake_upstream_start("upstream");
    pointsman = pointsman_start(&options);
    pointsman_routectl_ok(pointsman, "add", "chat", "--path-prefix", "/chat", "--to",
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

static struct http_connection *open_websocket(void)
{
    struct http_message response = HTTP_MESSAGE_EMPTY;
    fake_upstream_script(upstream, switches_and_echoes);
    struct http_connection *websocket = http_connection_open(pointsman_port(pointsman));
    http_connection_send_text(websocket, HANDSHAKE);
    assert_int_equal(http_connection_receive(websocket, &response, WAIT_MS), HTTP_COMPLETE);
    assert_int_equal(response.status, 101);
    char *upgrade = http_message_field(&response, "upgrade");
    assert_string_equal(upgrade, "websocket");
    free(upgrade);
    http_message_clear(&response);
    return websocket;
}

static void assert_echo(struct http_connection *websocket, const char *bytes, size_t length)
{
    char *echoed = malloc(length);
    size_t received = 0;
    uint64_t deadline_ms = clock_now_ms() + WAIT_MS;
    struct pollfd poller = {.fd = http_connection_fd(websocket), .events = POLLIN};

    assert_true(http_connection_send(websocket, bytes, length));
    while (received < length) {
        assert_int_equal(poll(&poller, 1, wait_left_ms(deadline_ms)), 1);
        ssize_t got = recv(poller.fd, echoed + received, length - received, 0);
        assert_true(got > 0);
        received += (size_t)got;
    }

    assert_memory_equal(echoed, bytes, length);
    free(echoed);
}

static void assert_hello(struct http_connection *websocket)
{
    assert_echo(websocket, hello, sizeof(hello) - 1);
}

static bool metrics_have(void *line)
{
    return pointsman_page_has(pointsman, "/metrics", line);
}

static void a_websocket_carries_frames_and_is_counted(void **state)
{
    (void)state;
    struct http_connection *websocket = open_websocket();
    enum { LARGE = 50 * 1000 };
    char *large = calloc(1, LARGE);

    assert_hello(websocket);
    assert_echo(websocket, large, LARGE);

    assert_true(wait_until(metrics_have, "pointsman_tunnels_open 1\n", WAIT_MS));
    http_connection_close(websocket);
    assert_true(wait_until(metrics_have, "pointsman_tunnels_open 0\n", WAIT_MS));
    free(large);
}

static void a_websocket_lives_on_through_changes_and_restarts_of_control(void **state)
{
    (void)state;
    struct http_connection *websocket = open_websocket();
    assert_hello(websocket);

    for (int i = 0; i < 10; i++) {
        char name[16];
        snprintf(name, sizeof(name), "other-%d", i);
        pointsman_routectl_ok(pointsman, "add", name, "--path-prefix", "/chat/other", "--to",
                              fake_upstream_url(upstream), NULL);
        assert_hello(websocket);
    }
    pointsman_routectl_ok(pointsman, "remove", "chat", NULL);
    assert_int_equal(http_get_status(pointsman_port(pointsman), "h", "/chat"), 404);
    assert_hello(websocket);
    pointsman_stop_control(pointsman);
    assert_hello(websocket);
    pointsman_start_control(pointsman);

    assert_hello(websocket);
    assert_true(wait_until(metrics_have, "pointsman_tunnels_open 1\n", WAIT_MS));
    http_connection_close(websocket);
}

static void a_websocket_is_closed_at_the_end_of_the_drain_time(void **state)
{
    (void)state;
    struct http_connection *websocket = open_websocket();
    assert_hello(websocket);

    process_signal(pointsman_proxy(pointsman), SIGTERM);

    assert_true(http_connection_is_closed_within(websocket, WAIT_MS));
    assert_int_equal(process_wait(pointsman_proxy(pointsman), WAIT_MS), 0);
    http_connection_close(websocket);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_websocket_carries_frames_and_is_counted, start, stop),
        cmocka_unit_test_setup_teardown(
            a_websocket_lives_on_through_changes_and_restarts_of_control, start, stop),
        cmocka_unit_test_setup_teardown(a_websocket_is_closed_at_the_end_of_the_drain_time, start,
                                        stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
