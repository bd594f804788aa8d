#include "tests/support/fake_upstream.h"
#include "tests/support/http_get.h"
#include "tests/support/temp_dir.h"
#include "tests/support/wait.h"
#include "tests/unit/cmocka_all.h"

#include <stdlib.h>
#include <string.h>

#define REQUEST "GET /a HTTP/1.1\r\nHost: h\r\n\r\n"

static int start(void **state)
{
    *state = fake_upstream_start("fake");
    return 0;
}

static int stop(void **state)
{
    fake_upstream_free(*state);
    return 0;
}

/* What one connection gets that sends `request`. */
static enum http_outcome send_request(struct fake_upstream *upstream, const char *request,
                                      struct http_message *response)
{
    struct http_connection *connection = http_connection_open(fake_upstream_port(upstream));
    assert_non_null(connection);
    http_connection_send_text(connection, request);
    enum http_outcome outcome = http_connection_receive(connection, response, WAIT_MS);
    http_connection_close(connection);
    return outcome;
}

static void the_default_answer_shows_the_request(void **state)
{
    struct http_message response = HTTP_MESSAGE_EMPTY;

    int status = http_get(fake_upstream_port(*state), "shop", "/a?b=c", &response);

    assert_int_equal(status, 200);
    char *served_by = http_message_field(&response, "x-served-by");
    assert_string_equal(served_by, "fake");
    assert_non_null(strstr(response.body.at, "GET /a?b=c HTTP/1.1\r\nHost: shop\r\n"));
    free(served_by);
    http_message_clear(&response);
}

static void a_connection_carries_many_requests(void **state)
{
    struct http_connection *connection = http_connection_open(fake_upstream_port(*state));

    for (int i = 0; i < 3; i++) {
        struct http_message response = HTTP_MESSAGE_EMPTY;
        http_connection_send_text(connection, REQUEST);
        assert_int_equal(http_connection_receive(connection, &response, WAIT_MS), HTTP_COMPLETE);
        http_message_clear(&response);
    }

    assert_int_equal(fake_upstream_request_count(*state), 3);
    assert_int_equal(fake_upstream_connection_count(*state), 1);
    http_connection_close(connection);
}

static void bodies_with_a_length_and_in_chunks_are_recorded(void **state)
{
    struct http_message response = HTTP_MESSAGE_EMPTY;
    struct http_message second = HTTP_MESSAGE_EMPTY;

    send_request(*state, "POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello", &response);
    send_request(*state,
                 "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
                 "3\r\nhel\r\n2;x=y\r\nlo\r\n0\r\nX-Sum: 1\r\n\r\n",
                 &second);

    assert_string_equal(fake_upstream_request(*state, 0)->body.at, "hello");
    assert_string_equal(fake_upstream_request(*state, 1)->body.at, "hello");
    assert_string_equal(fake_upstream_request(*state, 1)->trailers.at, "X-Sum: 1\r\n");
    http_message_clear(&response);
    http_message_clear(&second);
}

static void an_answer_is_sent_as_it_was_given(void **state)
{
    struct http_message response = HTTP_MESSAGE_EMPTY;

    fake_upstream_answer(*state, "HTTP/1.1 503 Busy\r\nContent-Length: 2\r\n\r\nno");

    assert_int_equal(send_request(*state, REQUEST, &response), HTTP_COMPLETE);
    assert_int_equal(response.status, 503);
    assert_string_equal(response.body.at, "no");
    http_message_clear(&response);
}

static void a_script_ends_in_the_middle_of_a_body(void **state)
{
    static const struct fake_step steps[] = {
        {.action = FAKE_READ_REQUEST},
        {.action = FAKE_SEND, .text = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nfive!"},
        {.action = FAKE_CLOSE},
    };
    struct http_message response = HTTP_MESSAGE_EMPTY;

    fake_upstream_script(*state, steps);

    assert_int_equal(send_request(*state, REQUEST, &response), HTTP_TRUNCATED);
    assert_string_equal(response.body.at, "five!");
    http_message_clear(&response);
}

static void a_script_resets(void **state)
{
    static const struct fake_step steps[] = {
        {.action = FAKE_READ_HEAD},
        {.action = FAKE_RESET},
    };
    struct http_message response = HTTP_MESSAGE_EMPTY;

    fake_upstream_script(*state, steps);

    assert_int_equal(send_request(*state, REQUEST, &response), HTTP_RESET);
    http_message_clear(&response);
}

static void a_script_holds_until_it_is_released_and_then_serves(void **state)
{
    static const struct fake_step steps[] = {
        {.action = FAKE_HOLD},
        {.action = FAKE_SERVE},
    };
    struct http_message response = HTTP_MESSAGE_EMPTY;
    fake_upstream_script(*state, steps);
    struct http_connection *connection = http_connection_open(fake_upstream_port(*state));
    http_connection_send_text(connection, REQUEST);
    assert_int_equal(http_connection_receive(connection, &response, 20), HTTP_TIMEOUT);

    fake_upstream_release(*state);

    assert_int_equal(http_connection_receive(connection, &response, WAIT_MS), HTTP_COMPLETE);
    http_connection_close(connection);
    http_message_clear(&response);
}

static void it_refuses_and_accepts_again_on_the_same_port(void **state)
{
    int port = fake_upstream_port(*state);

    fake_upstream_refuse(*state);
    assert_null(http_connection_open(port));

    fake_upstream_accept(*state);
    assert_int_equal(http_get_status(port, "h", "/"), 200);
}

static void standing_connections_are_dropped_on_demand(void **state)
{
    struct http_connection *connection = http_connection_open(fake_upstream_port(*state));
    assert_true(fake_upstream_wait_connections(*state, 1, WAIT_MS));

    fake_upstream_drop_connections(*state);

    assert_true(http_connection_is_closed_within(connection, WAIT_MS));
    http_connection_close(connection);
}

static void a_body_until_close_is_complete_at_the_close(void **state)
{
    static const struct fake_step steps[] = {
        {.action = FAKE_READ_REQUEST},
        {.action = FAKE_SEND, .text = "HTTP/1.1 200 OK\r\n\r\n"},
        {.action = FAKE_SEND, .text = "0123456789", .repeat = 1000},
        {.action = FAKE_CLOSE},
    };
    struct http_message response = HTTP_MESSAGE_EMPTY;

    fake_upstream_script(*state, steps);

    assert_int_equal(send_request(*state, REQUEST, &response), HTTP_COMPLETE);
    assert_int_equal(response.body.length, 10000);
    http_message_clear(&response);
}

static void a_unix_socket_serves_likewise(void **state)
{
    (void)state;
    struct temp_dir *dir = temp_dir_new();
    char *path = temp_dir_file(dir, "upstream.sock");
    struct fake_upstream *upstream = fake_upstream_start_unix("unix", path);
    struct http_message response = HTTP_MESSAGE_EMPTY;

    struct http_connection *connection = http_connection_open_unix(path);
    http_connection_send_text(connection, REQUEST);

    assert_int_equal(http_connection_receive(connection, &response, WAIT_MS), HTTP_COMPLETE);
    http_connection_close(connection);
    fake_upstream_free(upstream);
    free(path);
    temp_dir_free(dir);
    http_message_clear(&response);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_default_answer_shows_the_request, start, stop),
        cmocka_unit_test_setup_teardown(a_connection_carries_many_requests, start, stop),
        cmocka_unit_test_setup_teardown(bodies_with_a_length_and_in_chunks_are_recorded, start,
                                        stop),
        cmocka_unit_test_setup_teardown(an_answer_is_sent_as_it_was_given, start, stop),
        cmocka_unit_test_setup_teardown(a_script_ends_in_the_middle_of_a_body, start, stop),
        cmocka_unit_test_setup_teardown(a_script_resets, start, stop),
        cmocka_unit_test_setup_teardown(a_script_holds_until_it_is_released_and_then_serves, start,
                                        stop),
        cmocka_unit_test_setup_teardown(it_refuses_and_accepts_again_on_the_same_port, start, stop),
        cmocka_unit_test_setup_teardown(standing_connections_are_dropped_on_demand, start, stop),
        cmocka_unit_test_setup_teardown(a_body_until_close_is_complete_at_the_close, start, stop),
        cmocka_unit_test(a_unix_socket_serves_likewise),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
