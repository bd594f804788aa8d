/* Slow services: what comes drop by drop is passed on for as long as something comes, and no longer
 * than its route allows. */
#include "tests/support/fake_upstream.h"
#include "tests/support/http_connection.h"
#include "tests/support/pointsman.h"
#include "tests/support/wait.h"
#include "tests/unit/cmocka_all.h"

#include <stdio.h>

/* A drop comes well within the time for silence, and all of them take several times as long. */
#define SILENCE "--upstream-idle-timeout=1s"
enum { DROPS = 20, DROP_MS = 150 };

static struct pointsman *pointsman;
static struct fake_upstream *service;

static int start(void **state)
{
    (void)state;
    static const char *const arguments[] = {SILENCE, NULL};
    pointsman =
        pointsman_start(&(struct pointsman_options){.workers = "1", .proxy_arguments = arguments});
    return 0;
}

static int stop(void **state)
{
    (void)state;
    pointsman_free(pointsman);
    return 0;
}

static int start_service(void **state)
{
    (void)state;
    service = fake_upstream_start("slow");
    return 0;
}

static int stop_service(void **state)
{
    (void)state;
    fake_upstream_free(service);
    return 0;
}

/* What a client gets from a service that does this, on a route of the given times. */
static enum http_outcome ask(const char *name, const struct fake_step *steps, const char *timeout,
                             const char *backend_timeout, struct http_message *response)
{
    char prefix[64];
    char request[128];
    fake_upstream_script(service, steps);
    snprintf(prefix, sizeof(prefix), "/%s", name);
    pointsman_routectl_ok(pointsman, "add", name, "--path-prefix", prefix, "--to",
                          fake_upstream_url(service), "--timeout", timeout, "--backend-timeout",
                          backend_timeout, NULL);
    struct http_connection *client = http_connection_open(pointsman_port(pointsman));
    assert_non_null(client);
    snprintf(request, sizeof(request), "GET %s HTTP/1.1\r\nHost: a\r\n\r\n", prefix);
    assert_true(http_connection_send_text(client, request));
    enum http_outcome outcome = http_connection_receive(client, response, WAIT_MS);
    http_connection_close(client);
    return outcome;
}

static bool metrics_have(void *line)
{
    return pointsman_page_has(pointsman, "/metrics", line);
}

static void expect_timeouts(const char *backend, unsigned count)
{
    char line[160];
    snprintf(line, sizeof(line),
             "pointsman_upstream_failures_total{backend=\"%s\",kind=\"timeout\"} %u\n", backend,
             count);
    if (count == 0)
        assert_false(metrics_have(line));
    else if (!wait_until(metrics_have, line, WAIT_MS))
        fail_msg("missing in /metrics: %s", line);
}

#define HEAD "HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n"

static void a_body_that_drips_is_passed_on_to_its_end(void **state)
{
    (void)state;
    static const struct fake_step steps[] = {
        {.action = FAKE_READ_REQUEST},
        {.action = FAKE_SEND, .text = HEAD},
        {.action = FAKE_SEND, .text = "x", .repeat = DROPS, .pause_ms = DROP_MS},
        {.action = FAKE_SERVE},
    };
    struct http_message response = HTTP_MESSAGE_EMPTY;

    enum http_outcome outcome = ask("drips", steps, "30s", "30s", &response);

    assert_int_equal(outcome, HTTP_COMPLETE);
    assert_string_equal(buffer_string(&response.body), "xxxxxxxxxxxxxxxxxxxx");
    assert_int_equal(fake_upstream_connection_count(service), 1);
    http_message_clear(&response);
}

static void so_is_a_head(void **state)
{
    (void)state;
    static const struct fake_step steps[] = {
        {.action = FAKE_READ_REQUEST},
        {.action = FAKE_SEND, .text = "HTTP/1.1 200 OK\r\n"},
        {.action = FAKE_SEND, .text = "X-Drop: 1\r\n", .repeat = DROPS, .pause_ms = DROP_MS},
        {.action = FAKE_SEND, .text = "Content-Length: 2\r\n\r\nok"},
        {.action = FAKE_SERVE},
    };
    struct http_message response = HTTP_MESSAGE_EMPTY;

    enum http_outcome outcome = ask("drips-a-head", steps, "30s", "30s", &response);

    assert_int_equal(outcome, HTTP_COMPLETE);
    assert_int_equal(response.status, 200);
    assert_string_equal(buffer_string(&response.body), "ok");
    http_message_clear(&response);
}

static void a_service_that_falls_silent_is_given_up(void **state)
{
    (void)state;
    static const struct fake_step steps[] = {
        {.action = FAKE_READ_REQUEST},
        {.action = FAKE_SEND, .text = HEAD},
        {.action = FAKE_SEND, .text = "x", .repeat = 4, .pause_ms = DROP_MS},
        {.action = FAKE_READ_TO_END},
        {.action = FAKE_CLOSE},
    };
    struct http_message response = HTTP_MESSAGE_EMPTY;

    enum http_outcome outcome = ask("falls-silent", steps, "30s", "30s", &response);

    assert_int_equal(outcome, HTTP_TRUNCATED);
    assert_string_equal(buffer_string(&response.body), "xxxx");
    expect_timeouts("falls-silent", 1);
    http_message_clear(&response);
}

static void a_head_that_drips_too_long_is_504(void **state)
{
    (void)state;
    static const struct fake_step steps[] = {
        {.action = FAKE_READ_REQUEST},
        {.action = FAKE_SEND, .text = "HTTP/1.1 200 OK\r\n"},
        {.action = FAKE_SEND, .text = "X-Drop: 1\r\n", .repeat = 10 * DROPS, .pause_ms = DROP_MS},
        {.action = FAKE_CLOSE},
    };
    struct http_message response = HTTP_MESSAGE_EMPTY;

    enum http_outcome outcome = ask("drips-too-long", steps, "30s", "1500ms", &response);

    assert_int_equal(outcome, HTTP_COMPLETE);
    assert_int_equal(response.status, 504);
    expect_timeouts("drips-too-long", 1);
    http_message_clear(&response);
}

static void a_body_that_drips_longer_than_the_request_may_take_is_cut(void **state)
{
    (void)state;
    static const struct fake_step steps[] = {
        {.action = FAKE_READ_REQUEST},
        {.action = FAKE_SEND, .text = "HTTP/1.1 200 OK\r\nContent-Length: 2000\r\n\r\n"},
        {.action = FAKE_SEND, .text = "x", .repeat = 10 * DROPS, .pause_ms = DROP_MS},
        {.action = FAKE_CLOSE},
    };
    struct http_message response = HTTP_MESSAGE_EMPTY;

    enum http_outcome outcome = ask("drips-and-drips", steps, "1500ms", "1500ms", &response);

    assert_int_equal(outcome, HTTP_TRUNCATED);
    assert_int_equal(response.status, 200);
    assert_in_range(response.body.length, 2, 9 * DROPS);
    http_message_clear(&response);
}

int main(void)
{
#define STORY(test) cmocka_unit_test_setup_teardown(test, start_service, stop_service)
    const struct CMUnitTest tests[] = {
        STORY(a_body_that_drips_is_passed_on_to_its_end),
        STORY(so_is_a_head),
        STORY(a_service_that_falls_silent_is_given_up),
        STORY(a_head_that_drips_too_long_is_504),
        STORY(a_body_that_drips_longer_than_the_request_may_take_is_cut),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
