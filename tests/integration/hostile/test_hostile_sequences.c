/* Hostile sequences: what stands behind a request, in front of its answer, or in the place of its
 * body, is never taken for something else. */
#include "common/buffer.h"
#include "tests/support/fake_upstream.h"
#include "tests/support/http_connection.h"
#include "tests/support/pointsman.h"
#include "tests/support/wait.h"
#include "tests/support/websocket_switch.h"
#include "tests/unit/cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HOST "Host: a\r\n"
#define SMUGGLED "GET /smuggled HTTP/1.1\r\n" HOST "\r\n"
#define HANDSHAKE "GET /chat HTTP/1.1\r\n" HOST WEBSOCKET_SWITCH_FIELDS "\r\n"

static struct fake_upstream *service;
static struct pointsman *pointsman;

static int start(void **state)
{
    (void)state;
    service = fake_upstream_start("service");
    pointsman = pointsman_start(NULL);
    pointsman_routectl_ok(pointsman, "add", "service", "--path-prefix", "/", "--to",
                          fake_upstream_url(service), NULL);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    pointsman_free(pointsman);
    fake_upstream_free(service);
    return 0;
}

static struct http_connection *send_text(const char *text)
{
    struct http_connection *connection = http_connection_open(pointsman_port(pointsman));
    assert_non_null(connection);
    assert_true(http_connection_send_text(connection, text));
    return connection;
}

/* The next answer, with this status and a body that begins so (NULL: any). */
static void expect_answer(struct http_connection *connection, int status, const char *body)
{
    struct http_message response = HTTP_MESSAGE_EMPTY;
    assert_int_equal(http_connection_receive(connection, &response, WAIT_MS), HTTP_COMPLETE);
    assert_int_equal(response.status, status);
    if (body != NULL)
        assert_ptr_equal(strstr(buffer_string(&response.body), body), response.body.at);
    http_message_clear(&response);
}

static void expect_closed(struct http_connection *connection)
{
    assert_true(http_connection_is_closed_within(connection, WAIT_MS));
    http_connection_close(connection);
}

static void script(const struct fake_step *steps)
{
    fake_upstream_drop_connections(service);
    pointsman_wait_no_upstream_connections(pointsman);
    fake_upstream_script(service, steps);
}

/* --- one behind the other -------------------------------------------------------------------- */

static void requests_in_one_packet_are_answered_in_their_order(void **state)
{
    (void)state;
    struct http_connection *connection = send_text(
        "GET /1 HTTP/1.1\r\n" HOST "\r\n"
        "POST /2 HTTP/1.1\r\n" HOST "Content-Length: 47\r\n\r\n"
        "GET /no HTTP/1.1\r\nHost: shop.internal.....\r\n\r\n1"
        "\r\nPOST /3 HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n5\r\nGET /\r\n0\r\n\r\n"
        "GET /4 HTTP/1.1\r\n" HOST "\r\n");
    expect_answer(connection, 200, "GET /1 ");
    expect_answer(connection, 200, "POST /2 ");
    expect_answer(connection, 200, "POST /3 ");
    expect_answer(connection, 200, "GET /4 ");
    http_connection_close(connection);
}

static void a_thousand_requests_at_once_are_answered_one_by_one(void **state)
{
    (void)state;
    enum { REQUESTS = 1000 };
    struct buffer text = BUFFER_EMPTY;
    size_t requests_before = fake_upstream_request_count(service);
    for (int i = 0; i < REQUESTS; i++)
        buffer_printf(&text, "GET /%d HTTP/1.1\r\n" HOST "\r\n", i);
    struct http_connection *connection = http_connection_open(pointsman_port(pointsman));
    assert_true(http_connection_send(connection, text.at, text.length));

    for (int i = 0; i < REQUESTS; i++) {
        char expected[32];
        snprintf(expected, sizeof(expected), "GET /%d HTTP", i);
        expect_answer(connection, 200, expected);
    }

    assert_int_equal(fake_upstream_request_count(service), requests_before + REQUESTS);
    http_connection_close(connection);
    buffer_clear(&text);
}

static void a_refusal_behind_a_good_request_ends_it(void **state)
{
    (void)state;
    size_t requests_before = fake_upstream_request_count(service);
    struct http_connection *connection =
        send_text("GET /1 HTTP/1.1\r\n" HOST "\r\nGET /2 HTTP/1.1\r\n\r\n" SMUGGLED);
    expect_answer(connection, 200, "GET /1 ");
    expect_answer(connection, 400, NULL);
    expect_closed(connection);
    assert_int_equal(fake_upstream_request_count(service), requests_before + 1);
}

static void an_answer_to_head_does_not_shift_those_behind_it(void **state)
{
    (void)state;
    struct http_message response = HTTP_MESSAGE_EMPTY;
    struct http_connection *connection =
        send_text("HEAD /1 HTTP/1.1\r\n" HOST "\r\nGET /2 HTTP/1.1\r\n" HOST "\r\n");
    fake_upstream_answer(service, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n");
    fake_upstream_answer(service, NULL);
    assert_int_equal(http_connection_receive_head(connection, &response, WAIT_MS), HTTP_COMPLETE);
    http_message_clear(&response);
    expect_answer(connection, 200, "GET /2 ");
    http_connection_close(connection);
}

/* --- bodies that nobody has read ------------------------------------------------------------- */

static void the_rest_of_a_body_is_no_request(void **state)
{
    (void)state;
    static const struct fake_step answers_early[] = {
        {.action = FAKE_READ_HEAD},
        {.action = FAKE_SEND, .text = "HTTP/1.1 401 No\r\nContent-Length: 2\r\n\r\nno"},
        {.action = FAKE_READ_TO_END},
        {.action = FAKE_CLOSE},
    };
    script(answers_early);
    size_t requests_before = fake_upstream_request_count(service);
    struct http_connection *connection =
        send_text("POST / HTTP/1.1\r\n" HOST "Content-Length: 1000\r\n\r\n");
    expect_answer(connection, 401, "no");
    http_connection_send_text(connection, SMUGGLED);
    expect_closed(connection);
    assert_int_equal(fake_upstream_request_count(service), requests_before);
}

static void a_body_that_was_not_waited_for_is_no_request(void **state)
{
    (void)state;
    static const struct fake_step answers_early[] = {
        {.action = FAKE_READ_HEAD},
        {.action = FAKE_SEND, .text = "HTTP/1.1 401 No\r\nContent-Length: 2\r\n\r\nno"},
        {.action = FAKE_READ_TO_END},
        {.action = FAKE_CLOSE},
    };
    script(answers_early);
    size_t requests_before = fake_upstream_request_count(service);
    struct http_connection *connection =
        send_text("POST / HTTP/1.1\r\n" HOST "Expect: 100-continue\r\nContent-Length: 37\r\n\r\n");
    struct http_message response = HTTP_MESSAGE_EMPTY;
    enum http_outcome outcome = http_connection_receive(connection, &response, WAIT_MS);
    if (outcome == HTTP_COMPLETE && response.status == 100) {
        http_message_clear(&response);
        outcome = http_connection_receive(connection, &response, WAIT_MS);
    }
    assert_int_equal(outcome, HTTP_COMPLETE);
    assert_int_equal(response.status, 401);
    http_connection_send_text(connection, SMUGGLED);
    expect_closed(connection);
    assert_int_equal(fake_upstream_request_count(service), requests_before);
    http_message_clear(&response);
}

static void a_body_that_breaks_is_no_complete_request(void **state)
{
    (void)state;
    static const struct fake_step reads[] = {
        {.action = FAKE_READ_REQUEST},
        {.action = FAKE_CLOSE},
    };
    script(reads);
    size_t requests_before = fake_upstream_request_count(service);
    size_t connections_before = fake_upstream_connection_count(service);
    struct http_connection *connection =
        send_text("POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n");
    assert_true(fake_upstream_wait_connections(service, connections_before + 1, WAIT_MS));

    http_connection_send_text(connection, "5\nhello\r\n0\r\n\r\n" SMUGGLED);

    expect_answer(connection, 400, NULL);
    expect_closed(connection);
    assert_int_equal(fake_upstream_request_count(service), requests_before);
}

static void a_client_that_leaves_in_its_body_has_sent_no_request(void **state)
{
    (void)state;
    static const struct fake_step reads[] = {
        {.action = FAKE_READ_REQUEST},
        {.action = FAKE_CLOSE},
    };
    script(reads);
    size_t requests_before = fake_upstream_request_count(service);
    size_t connections_before = fake_upstream_connection_count(service);
    struct http_connection *connection =
        send_text("POST / HTTP/1.1\r\n" HOST "Content-Length: 10\r\n\r\nhello");
    assert_true(fake_upstream_wait_connections(service, connections_before + 1, WAIT_MS));
    http_connection_finish_sending(connection);
    expect_closed(connection);

    connection = send_text("GET /after HTTP/1.1\r\n" HOST "\r\n");
    expect_answer(connection, 200, "GET /after ");
    assert_int_equal(fake_upstream_request_count(service), requests_before + 1);
    http_connection_close(connection);
}

/* --- behind a handshake ---------------------------------------------------------------------- */

static void behind_a_handshake_that_fails_comes_a_request(void **state)
{
    (void)state;
    static const struct fake_step refuses[] = {
        {.action = FAKE_READ_REQUEST},
        {.action = FAKE_SEND, .text = "HTTP/1.1 426 Old\r\nContent-Length: 2\r\n\r\nno"},
        {.action = FAKE_SERVE},
    };
    script(refuses);
    struct http_connection *connection = send_text(HANDSHAKE SMUGGLED);
    expect_answer(connection, 426, "no");
    /* Through the rules, like any other. */
    expect_answer(connection, 200, "GET /smuggled HTTP/1.1\r\nhost: a\r\nx-forwarded-for: ");
    http_connection_close(connection);
}

static void a_false_switch_opens_no_tunnel(void **state)
{
    (void)state;
    static const char *const switches[] = {
        "HTTP/1.1 101 Switching Protocols\r\n\r\n",
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Accept: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n",
        "HTTP/1.0 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n",
    };
    /* Connections borrow them for as long as they last. */
    static struct fake_step scripts[sizeof(switches) / sizeof(switches[0])][4];
    for (size_t i = 0; i < sizeof(switches) / sizeof(switches[0]); i++) {
        struct fake_step *steps = scripts[i];
        steps[0] = (struct fake_step){.action = FAKE_READ_REQUEST};
        steps[1] = (struct fake_step){.action = FAKE_SEND, .text = switches[i]};
        steps[2] = (struct fake_step){.action = FAKE_READ_TO_END};
        steps[3] = (struct fake_step){.action = FAKE_CLOSE};
        script(steps);
        struct http_connection *connection = send_text(HANDSHAKE);
        expect_answer(connection, 502, NULL);
        http_connection_close(connection);
    }
}

static void a_handshake_of_another_version_opens_no_tunnel(void **state)
{
    (void)state;
    static const struct fake_step switches_anyway[] = {
        {.action = FAKE_READ_REQUEST},
        {.action = FAKE_SEND, .text = WEBSOCKET_SWITCH_ANSWER},
        {.action = FAKE_READ_TO_END},
        {.action = FAKE_CLOSE},
    };
    script(switches_anyway);
    struct http_connection *connection = send_text(
        "GET / HTTP/1.1\r\n" HOST "Connection: Upgrade\r\nUpgrade: websocket\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 777\r\n\r\n");
    expect_answer(connection, 502, NULL);
    http_connection_close(connection);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_in_one_packet_are_answered_in_their_order),
        cmocka_unit_test(a_thousand_requests_at_once_are_answered_one_by_one),
        cmocka_unit_test(a_refusal_behind_a_good_request_ends_it),
        cmocka_unit_test(an_answer_to_head_does_not_shift_those_behind_it),
        cmocka_unit_test(the_rest_of_a_body_is_no_request),
        cmocka_unit_test(a_body_that_was_not_waited_for_is_no_request),
        cmocka_unit_test(a_body_that_breaks_is_no_complete_request),
        cmocka_unit_test(a_client_that_leaves_in_its_body_has_sent_no_request),
        cmocka_unit_test(behind_a_handshake_that_fails_comes_a_request),
        cmocka_unit_test(a_false_switch_opens_no_tunnel),
        cmocka_unit_test(a_handshake_of_another_version_opens_no_tunnel),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
