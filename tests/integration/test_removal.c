/* What is removed while a request runs on it, an endpoint, a route, a backend: the request ends as
 * if nothing had happened, and no other one follows it there. */
#include "tests/support/fake_upstream.h"
#include "tests/support/http_connection.h"
#include "tests/support/http_get.h"
#include "tests/support/pointsman.h"
#include "tests/support/wait.h"
#include "tests/unit/cmocka_all.h"

#include <stdlib.h>
#include <string.h>

enum { PIECE_BYTES = 64, HALF_PIECES = 50 * 1000, BODY_BYTES = 2 * HALF_PIECES * PIECE_BYTES };

#define PIECE "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcde\n"
#define REQUEST "GET /page HTTP/1.1\r\nHost: h\r\n\r\n"

/* 6.4 MB, more than fits into all the buffers on its way, with a pause in the middle. */
static const struct fake_step long_answer[] = {
    {.action = FAKE_READ_REQUEST},
    {.action = FAKE_SEND,
     .text = "HTTP/1.1 200 OK\r\nX-Served-By: old\r\nContent-Length: 6400000\r\n\r\n"},
    {.action = FAKE_SEND, .text = PIECE, .repeat = HALF_PIECES},
    {.action = FAKE_HOLD},
    {.action = FAKE_SEND, .text = PIECE, .repeat = HALF_PIECES},
    {.action = FAKE_SERVE},
};

static const struct fake_step late_answer[] = {
    {.action = FAKE_READ_REQUEST},
    {.action = FAKE_HOLD},
    {.action = FAKE_SEND, .text = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nlate"},
    {.action = FAKE_SERVE},
};

static struct fake_upstream *old;
static struct fake_upstream *new;
static struct pointsman *pointsman;

static int start(void **state)
{
    (void)state;
    old = fake_upstream_start("old");
    new = fake_upstream_start("new");
    pointsman = pointsman_start(&(struct pointsman_options){.workers = "1"});
    pointsman_routectl_ok(pointsman, "backend", "add", "pages", "--to", fake_upstream_url(old),
                          NULL);
    pointsman_routectl_ok(pointsman, "add", "page", "--path-prefix", "/page", "--backend", "pages",
                          NULL);
    return 0;
}

static int stop(void **state)
{
    (void)state;
    pointsman_free(pointsman);
    fake_upstream_free(old);
    fake_upstream_free(new);
    return 0;
}

/* A client whose request has reached the old endpoint, which answers as `steps` say. */
static struct http_connection *ask_old(const struct fake_step *steps)
{
    fake_upstream_script(old, steps);
    struct http_connection *connection = http_connection_open(pointsman_port(pointsman));
    http_connection_send_text(connection, REQUEST);
    assert_true(fake_upstream_wait_requests(old, 1, WAIT_MS));
    return connection;
}

static void expect_whole_stream(struct http_connection *connection)
{
    struct http_message response = HTTP_MESSAGE_EMPTY;
    assert_int_equal(http_connection_receive(connection, &response, WAIT_MS), HTTP_COMPLETE);
    assert_int_equal(response.body.length, BODY_BYTES);
    for (size_t at = 0; at < BODY_BYTES; at += PIECE_BYTES)
        assert_memory_equal(response.body.at + at, PIECE, PIECE_BYTES);
    http_message_clear(&response);
}

static void expect_answer(struct http_connection *connection, int status, const char *served_by)
{
    struct http_message response = HTTP_MESSAGE_EMPTY;
    http_connection_send_text(connection, REQUEST);
    assert_int_equal(http_connection_receive(connection, &response, WAIT_MS), HTTP_COMPLETE);
    assert_int_equal(response.status, status);
    char *name = http_message_field(&response, "x-served-by");
    if (served_by != NULL)
        assert_string_equal(name, served_by);
    free(name);
    http_message_clear(&response);
}

static void an_endpoint_that_leaves_its_backend_ends_what_it_has_and_gets_no_more(void **state)
{
    (void)state;
    struct http_message response = HTTP_MESSAGE_EMPTY;
    struct http_connection *connection = ask_old(late_answer);

    pointsman_routectl_ok(pointsman, "backend", "add", "pages", "--replace", "--to",
                          fake_upstream_url(new), NULL);
    struct http_connection *other = http_connection_open(pointsman_port(pointsman));
    expect_answer(other, 200, "new");
    fake_upstream_release(old);

    assert_int_equal(http_connection_receive(connection, &response, WAIT_MS), HTTP_COMPLETE);
    assert_string_equal(response.body.at, "late");
    for (int i = 0; i < 10; i++)
        expect_answer(connection, 200, "new");
    assert_int_equal(fake_upstream_request_count(old), 1);
    http_message_clear(&response);
    http_connection_close(other);
    http_connection_close(connection);
}

static void a_long_response_outlives_its_endpoint(void **state)
{
    (void)state;
    struct http_connection *connection = ask_old(long_answer);

    pointsman_routectl_ok(pointsman, "backend", "add", "pages", "--replace", "--to",
                          fake_upstream_url(new), NULL);
    fake_upstream_release(old);

    expect_whole_stream(connection);
    expect_answer(connection, 200, "new");
    http_connection_close(connection);
}

static void a_long_response_outlives_its_route(void **state)
{
    (void)state;
    struct http_connection *connection = ask_old(long_answer);

    pointsman_routectl_ok(pointsman, "remove", "page", NULL);
    assert_int_equal(http_get_status(pointsman_port(pointsman), "h", "/page"), 404);
    fake_upstream_release(old);

    expect_whole_stream(connection);
    expect_answer(connection, 404, NULL);
    http_connection_close(connection);
}

static void a_long_response_outlives_its_backend(void **state)
{
    (void)state;
    struct http_connection *connection = ask_old(long_answer);

    pointsman_routectl_ok(pointsman, "backend", "remove", "pages", "--force", NULL);
    assert_int_equal(http_get_status(pointsman_port(pointsman), "h", "/page"), 500);
    fake_upstream_release(old);

    expect_whole_stream(connection);
    expect_answer(connection, 500, NULL);
    http_connection_close(connection);
}

#define STORY(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORY(an_endpoint_that_leaves_its_backend_ends_what_it_has_and_gets_no_more),
        STORY(a_long_response_outlives_its_endpoint),
        STORY(a_long_response_outlives_its_route),
        STORY(a_long_response_outlives_its_backend),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
