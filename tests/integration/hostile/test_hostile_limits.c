/* Hostile sizes and times: who sends too much, or holds a limit, is let go; who stays just within
 * is served. Real programs, with limits low enough to meet. */
#include "common/buffer.h"
#include "common/clock.h"
#include "tests/support/fake_upstream.h"
#include "tests/support/http_connection.h"
#include "tests/support/http_get.h"
#include "tests/support/pointsman.h"
#include "tests/support/wait.h"
#include "tests/support/websocket_switch.h"
#include "tests/unit/cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define HOST "Host: a\r\n"
#define CHUNKED "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n"

enum { MAX_BODY = 1000 };

static struct fake_upstream *service;
static struct pointsman *pointsman;

static int start(void **state)
{
    (void)state;
    static const char *const arguments[] = {"--head-timeout=400ms",   "--idle-timeout=400ms",
                                            "--upload-timeout=400ms", "--write-stall-timeout=400ms",
                                            "--linger-timeout=400ms", "--tunnel-idle-timeout=400ms",
                                            "--max-body=1000",        NULL};
    service = fake_upstream_start("service");
    pointsman = pointsman_start(&(struct pointsman_options){.proxy_arguments = arguments});
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

static struct http_connection *open_connection(void)
{
    struct http_connection *connection = http_connection_open(pointsman_port(pointsman));
    assert_non_null(connection);
    return connection;
}

static void expect_answer(struct http_connection *connection, int status)
{
    struct http_message response = HTTP_MESSAGE_EMPTY;
    assert_int_equal(http_connection_receive(connection, &response, WAIT_MS), HTTP_COMPLETE);
    assert_int_equal(response.status, status);
    http_message_clear(&response);
}

static void expect_closed(struct http_connection *connection)
{
    assert_true(http_connection_is_closed_within(connection, WAIT_MS));
    http_connection_close(connection);
}

/* --- sizes ----------------------------------------------------------------------------------- */

/* `before`, so many letters that all of it has `length` bytes, `after`. */
static void fill(struct buffer *to, const char *before, size_t length, const char *after)
{
    buffer_append_string(to, before);
    while (to->length + strlen(after) < length)
        buffer_append_char(to, 'a');
    buffer_append_string(to, after);
}

/* Sends `text` and `rest`, and clears both. */
static void check_answer(struct buffer *text, const char *rest, int status)
{
    size_t requests_before = fake_upstream_request_count(service);
    struct http_connection *connection = open_connection();
    buffer_append_string(text, rest);

    http_connection_send(connection, text->at, text->length);
    expect_answer(connection, status);

    assert_int_equal(fake_upstream_request_count(service), requests_before + (status == 200));
    if (status == 200)
        http_connection_close(connection);
    else
        expect_closed(connection);
    buffer_clear(text);
}

static void a_request_line_has_16_kib(void **state)
{
    (void)state;
    struct buffer text = BUFFER_EMPTY;
    fill(&text, "GET /", 16384, " HTTP/1.1");
    check_answer(&text, "\r\n" HOST "\r\n", 200);
    fill(&text, "GET /", 16385, " HTTP/1.1");
    check_answer(&text, "\r\n" HOST "\r\n", 414);
    fill(&text, "GET /?", 16385, " HTTP/1.1");
    check_answer(&text, "\r\n" HOST "\r\n", 414);
    fill(&text, "", 16385, " / HTTP/1.1");
    check_answer(&text, "\r\n" HOST "\r\n", 414);
    fill(&text, "", 1 << 20, "");
    check_answer(&text, "", 414);
}

static void a_head_has_64_kib(void **state)
{
    (void)state;
    struct buffer text = BUFFER_EMPTY;
    fill(&text, "GET / HTTP/1.1\r\n" HOST "X: ", 65536, "\r\n\r\n");
    check_answer(&text, "", 200);
    fill(&text, "GET / HTTP/1.1\r\n" HOST "X: ", 65537, "\r\n\r\n");
    check_answer(&text, "", 431);
    fill(&text, "GET / HTTP/1.1\r\n" HOST "X: ", 1 << 20, "");
    check_answer(&text, "", 431);
    fill(&text, "GET / HTTP/1.1\r\n" HOST, 1 << 20, ":");
    check_answer(&text, "", 431);
}

static void add_fields(struct buffer *text, int count, const char *field)
{
    buffer_append_string(text, "GET / HTTP/1.1\r\n" HOST);
    for (int i = 1; i < count; i++)
        buffer_append_string(text, field);
    buffer_append_string(text, "\r\n");
}

static void a_request_has_100_headers(void **state)
{
    (void)state;
    struct buffer text = BUFFER_EMPTY;
    add_fields(&text, 100, "X: a\r\n");
    check_answer(&text, "", 200);
    add_fields(&text, 101, "X: a\r\n");
    check_answer(&text, "", 431);
    add_fields(&text, 5000, "X: a\r\n");
    check_answer(&text, "", 431);
    /* Those that vanish count as well. */
    add_fields(&text, 100, "X_Y: a\r\n");
    check_answer(&text, "", 200);
    add_fields(&text, 101, "X_Y: a\r\n");
    check_answer(&text, "", 431);
    add_fields(&text, 101, "Keep-Alive:\r\n");
    check_answer(&text, "", 431);
}

static void a_body_has_what_was_set(void **state)
{
    (void)state;
    struct buffer text = BUFFER_EMPTY;
    const char *head = "POST / HTTP/1.1\r\n" HOST "Content-Length: 1000\r\n\r\n";
    fill(&text, head, strlen(head) + MAX_BODY, "");
    check_answer(&text, "", 200);
    /* Refused before anything of it has come, or while all of it does. */
    buffer_append_string(&text, "POST / HTTP/1.1\r\n" HOST "Content-Length: 1001\r\n\r\n");
    check_answer(&text, "", 413);
    fill(&text, "POST / HTTP/1.1\r\n" HOST "Content-Length: 10000000\r\n\r\n", 10000000, "");
    check_answer(&text, "", 413);
    buffer_append_string(&text, "POST / HTTP/1.1\r\n" HOST
                                "Expect: 100-continue\r\nContent-Length: 1001\r\n\r\n");
    check_answer(&text, "", 413);

    fill(&text, CHUNKED "3e8\r\n", strlen(CHUNKED) + 5 + MAX_BODY, "");
    check_answer(&text, "\r\n0\r\n\r\n", 200);
    buffer_append_string(&text, CHUNKED "3e9\r\n");
    check_answer(&text, "", 413);
    fill(&text, CHUNKED "3e8\r\n", strlen(CHUNKED) + 5 + MAX_BODY, "");
    check_answer(&text, "\r\n1\r\n", 413);
}

static void chunk_extensions_have_256_bytes(void **state)
{
    (void)state;
    struct buffer text = BUFFER_EMPTY;
    fill(&text, CHUNKED "5;", strlen(CHUNKED) + 1 + 256, "");
    check_answer(&text, "\r\nhello\r\n0\r\n\r\n", 200);
    fill(&text, CHUNKED "5;", strlen(CHUNKED) + 1 + 257, "");
    check_answer(&text, "\r\nhello\r\n0\r\n\r\n", 400);
    fill(&text, CHUNKED "5;", 1 << 20, "");
    check_answer(&text, "", 400);
}

static void trailers_have_8_kib(void **state)
{
    (void)state;
    struct buffer text = BUFFER_EMPTY;
    size_t before = strlen(CHUNKED "0\r\n");
    fill(&text, CHUNKED "0\r\nX: ", before + 8192, "\r\n\r\n");
    check_answer(&text, "", 200);
    fill(&text, CHUNKED "0\r\nX: ", before + 8193, "\r\n\r\n");
    check_answer(&text, "", 431);
    fill(&text, CHUNKED "0\r\nX: ", 1 << 20, "");
    check_answer(&text, "", 431);
    buffer_append_string(&text, CHUNKED "0\r\n");
    for (int i = 0; i < 33; i++)
        buffer_append_string(&text, "X: a\r\n");
    check_answer(&text, "\r\n", 431);
}

/* --- times ----------------------------------------------------------------------------------- */

/* Sends `piece` again and again, with a pause each time, until the other side has had enough. */
static void drip(struct http_connection *connection, const char *piece)
{
    uint64_t deadline_ms = clock_now_ms() + WAIT_MS;
    char byte;
    for (;;) {
        assert_true(clock_now_ms() < deadline_ms);
        if (!http_connection_send_text(connection, piece) ||
            recv(http_connection_fd(connection), &byte, 1, MSG_PEEK | MSG_DONTWAIT) >= 0)
            return;
        http_connection_wait(connection, 50);
    }
}

static void check_drip(const char *first, const char *piece)
{
    size_t requests_before = fake_upstream_request_count(service);
    struct http_connection *connection = open_connection();
    http_connection_send_text(connection, first);

    drip(connection, piece);

    expect_answer(connection, 408);
    expect_closed(connection);
    assert_int_equal(fake_upstream_request_count(service), requests_before);
}

static void a_connection_that_says_nothing_is_closed(void **state)
{
    (void)state;
    expect_closed(open_connection());
}

static void a_head_that_drips_is_given_up(void **state)
{
    (void)state;
    check_drip("G", "E");
    check_drip("GET / HTTP/1.1\r\n" HOST, "X: y\r\n");
    check_drip("GET / HTTP/1.1\r\n" HOST "X: ", "y");
}

static void a_head_that_stops_is_given_up(void **state)
{
    (void)state;
    struct http_connection *connection = open_connection();
    http_connection_send_text(connection, "GET / HTTP/1.1\r\n" HOST);
    expect_answer(connection, 408);
    expect_closed(connection);
}

static void a_body_that_drips_is_given_up(void **state)
{
    (void)state;
    check_drip("POST / HTTP/1.1\r\n" HOST "Content-Length: 1000\r\n\r\n", "x");
    check_drip(CHUNKED, "1\r\nx\r\n");
    check_drip(CHUNKED "1;", "x");
    check_drip(CHUNKED "0\r\nX: ", "y");
}

static void a_body_that_never_comes_is_given_up(void **state)
{
    (void)state;
    struct http_connection *connection = open_connection();
    http_connection_send_text(connection, "POST / HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\n");
    expect_answer(connection, 408);
    expect_closed(connection);

    connection = open_connection();
    http_connection_send_text(connection, "POST / HTTP/1.1\r\n" HOST
                                          "Expect: 100-continue\r\nContent-Length: 5\r\n\r\n");
    expect_answer(connection, 100);
    expect_answer(connection, 408);
    expect_closed(connection);
}

static void a_connection_that_is_idle_is_closed(void **state)
{
    (void)state;
    struct http_connection *connection = open_connection();
    http_connection_send_text(connection, "GET / HTTP/1.1\r\n" HOST "\r\n");
    expect_answer(connection, 200);
    expect_closed(connection);

    /* Nor does an empty line, which stands for no request, keep it. */
    connection = open_connection();
    http_connection_send_text(connection, "GET / HTTP/1.1\r\n" HOST "\r\n");
    expect_answer(connection, 200);
    http_connection_send_text(connection, "\r\n");
    expect_answer(connection, 408);
    expect_closed(connection);
}

static void a_refused_client_that_goes_on_sending_is_let_go(void **state)
{
    (void)state;
    struct http_connection *connection = open_connection();
    http_connection_send_text(connection, "GET / HTTP/1.1\n");
    expect_answer(connection, 400);
    uint64_t deadline_ms = clock_now_ms() + WAIT_MS;
    while (http_connection_send_text(connection, "x")) {
        assert_true(clock_now_ms() < deadline_ms);
        http_connection_wait(connection, 20);
    }
    http_connection_close(connection);
}

static bool has_stalled(void *context)
{
    (void)context;
    return pointsman_page_has(pointsman, "/metrics",
                              "pointsman_refused_total{reason=\"write_stall\"} 1\n");
}

static void a_client_that_does_not_read_is_let_go(void **state)
{
    (void)state;
    static char piece[100 * 1000];
    memset(piece, 'x', sizeof(piece));
    static const struct fake_step endless[] = {
        {.action = FAKE_READ_REQUEST},
        {.action = FAKE_SEND, .text = "HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n"},
        {.action = FAKE_SEND, .text = piece, .text_length = sizeof(piece), .repeat = 10000},
        {.action = FAKE_CLOSE},
    };
    fake_upstream_drop_connections(service);
    pointsman_wait_no_upstream_connections(pointsman);
    fake_upstream_script(service, endless);
    struct http_connection *connection = open_connection();
    http_connection_send_text(connection, "GET / HTTP/1.1\r\n" HOST "\r\n");

    assert_true(wait_until(has_stalled, NULL, WAIT_MS));

    struct http_message response = HTTP_MESSAGE_EMPTY;
    enum http_outcome outcome = http_connection_receive(connection, &response, WAIT_MS);
    assert_true(outcome == HTTP_TRUNCATED || outcome == HTTP_RESET);
    http_message_clear(&response);
    http_connection_close(connection);
}

static void a_tunnel_through_which_nothing_comes_is_closed(void **state)
{
    (void)state;
    static const struct fake_step switches[] = {
        {.action = FAKE_READ_REQUEST},
        {.action = FAKE_SEND, .text = WEBSOCKET_SWITCH_ANSWER},
        {.action = FAKE_READ_TO_END},
        {.action = FAKE_CLOSE},
    };
    fake_upstream_drop_connections(service);
    pointsman_wait_no_upstream_connections(pointsman);
    fake_upstream_script(service, switches);
    struct http_connection *connection = open_connection();
    http_connection_send_text(connection, "GET / HTTP/1.1\r\n" HOST WEBSOCKET_SWITCH_FIELDS "\r\n");
    expect_answer(connection, 101);
    expect_closed(connection);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_line_has_16_kib),
        cmocka_unit_test(a_head_has_64_kib),
        cmocka_unit_test(a_request_has_100_headers),
        cmocka_unit_test(a_body_has_what_was_set),
        cmocka_unit_test(chunk_extensions_have_256_bytes),
        cmocka_unit_test(trailers_have_8_kib),
        cmocka_unit_test(a_connection_that_says_nothing_is_closed),
        cmocka_unit_test(a_head_that_drips_is_given_up),
        cmocka_unit_test(a_head_that_stops_is_given_up),
        cmocka_unit_test(a_body_that_drips_is_given_up),
        cmocka_unit_test(a_body_that_never_comes_is_given_up),
        cmocka_unit_test(a_connection_that_is_idle_is_closed),
        cmocka_unit_test(a_refused_client_that_goes_on_sending_is_let_go),
        cmocka_unit_test(a_client_that_does_not_read_is_let_go),
        cmocka_unit_test(a_tunnel_through_which_nothing_comes_is_closed),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
