#include "proxy/http/admin_handler.h"
#include "proxy/http/listener.h"
#include "tests/support/http_get.h"
#include "tests/support/wait.h"
#include "tests/unit/cmocka_all.h"

#include <stdlib.h>
#include <string.h>

struct fixture {
    struct admin_handler *handler;
    int port;
    int written;
};

static int write_page(void *context, struct buffer *to)
{
    ((struct fixture *)context)->written++;
    buffer_append_string(to, "hello\n");
    return 200;
}

static int write_large(void *context, struct buffer *to)
{
    (void)context;
    for (size_t i = 0; i < 100000; i++)
        buffer_append_string(to, "0123456789");
    return 503;
}

static const struct admin_page pages[] = {
    {"/page", "text/plain", write_page},
    {"/large", "application/json", write_large},
    {NULL, NULL, NULL},
};

static int set_up(void **state)
{
    static struct fixture fixture;
    fixture = (struct fixture){0};
    struct error err;
    struct listener *listener = listener_open_at("admin=127.0.0.1:0", 1, NULL, &err);
    if (listener == NULL)
        fail_msg("%s", err.message);
    fixture.port = listener_identity(listener)->port;
    fixture.handler = admin_handler_start(listener, pages, &fixture);
    *state = &fixture;
    return 0;
}

static int tear_down(void **state)
{
    admin_handler_stop(((struct fixture *)*state)->handler);
    return 0;
}

static void assert_field(const struct http_message *response, const char *name, const char *value)
{
    char *field = http_message_field(response, name);
    assert_non_null(field);
    assert_string_equal(field, value);
    free(field);
}

static void page_is_written_for_each_request(void **state)
{
    struct fixture *fixture = *state;
    struct http_message response = HTTP_MESSAGE_EMPTY;

    assert_int_equal(http_get(fixture->port, "localhost", "/page?verbose", &response), 200);
    assert_int_equal(http_get(fixture->port, "localhost", "/page", &response), 200);

    assert_string_equal(response.body.at, "hello\n");
    assert_field(&response, "content-type", "text/plain");
    assert_field(&response, "content-length", "6");
    assert_field(&response, "cache-control", "no-store");
    assert_field(&response, "connection", "close");
    assert_int_equal(fixture->written, 2);
    http_message_clear(&response);
}

static void large_page_arrives_whole_with_its_status(void **state)
{
    struct fixture *fixture = *state;
    struct http_message response = HTTP_MESSAGE_EMPTY;

    assert_int_equal(http_get(fixture->port, "localhost", "/large", &response), 503);

    assert_int_equal(response.body.length, 1000000);
    http_message_clear(&response);
}

static void unknown_page_is_404(void **state)
{
    struct fixture *fixture = *state;

    assert_int_equal(http_get_status(fixture->port, "localhost", "/pages"), 404);
    assert_int_equal(http_get_status(fixture->port, "localhost", "/"), 404);
}

static void other_methods_are_405(void **state)
{
    struct fixture *fixture = *state;
    struct http_message response = HTTP_MESSAGE_EMPTY;

    assert_int_equal(
        http_exchange(fixture->port, "DELETE /page HTTP/1.1\r\nHost: a\r\n", "", &response), 405);

    assert_int_equal(fixture->written, 0);
    http_message_clear(&response);
}

static void http2_is_not_spoken(void **state)
{
    struct fixture *fixture = *state;
    struct http_connection *connection = http_connection_open(fixture->port);
    struct http_message response = HTTP_MESSAGE_EMPTY;

    http_connection_send_text(connection, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");

    /* A SETTINGS frame would start with a NUL. */
    enum http_outcome outcome = http_connection_receive(connection, &response, WAIT_MS);
    assert_true(outcome == HTTP_COMPLETE || outcome == HTTP_CLOSED || outcome == HTTP_RESET);
    if (outcome == HTTP_COMPLETE)
        assert_true(response.status >= 400);
    http_message_clear(&response);
    http_connection_close(connection);
}

static void bodies_are_not_buffered(void **state)
{
    struct fixture *fixture = *state;
    struct http_message response = HTTP_MESSAGE_EMPTY;

    assert_int_equal(http_exchange(fixture->port,
                                   "GET /page HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n",
                                   "", &response),
                     413);

    http_message_clear(&response);
}

static void stop_does_not_wait_for_silent_clients(void **state)
{
    struct fixture *fixture = *state;
    struct http_connection *connection = http_connection_open(fixture->port);
    assert_int_equal(http_get_status(fixture->port, "localhost", "/page"), 200);

    admin_handler_stop(fixture->handler);
    fixture->handler = NULL;

    assert_true(http_connection_is_closed_within(connection, WAIT_MS));
    http_connection_close(connection);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(page_is_written_for_each_request),
        TEST(large_page_arrives_whole_with_its_status),
        TEST(unknown_page_is_404),
        TEST(other_methods_are_405),
        TEST(http2_is_not_spoken),
        TEST(bodies_are_not_buffered),
        TEST(stop_does_not_wait_for_silent_clients),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
