/* What one client may have of the real proxy: so many requests and so much time on a connection,
 * and so much memory for bodies that may have to be sent again. */
#include "common/clock.h"
#include "tests/support/fake_upstream.h"
#include "tests/support/http2_client.h"
#include "tests/support/http_connection.h"
#include "tests/support/http_get.h"
#include "tests/support/load.h"
#include "tests/support/pointsman.h"
#include "tests/support/wait.h"
#include "tests/unit/cmocka_all.h"

#include <stdlib.h>
#include <string.h>

enum { REQUESTS_A_CONNECTION = 5, CLIENTS = 4, SOME_REQUESTS = 500 };

#define GET "GET / HTTP/1.1\r\nHost: h\r\n\r\n"

static struct fake_upstream *service;
static struct pointsman *pointsman;

static void start_with(const char *argument)
{
    static const char *arguments[] = {NULL, NULL};
    arguments[0] = argument;
    service = fake_upstream_start("service");
    pointsman = pointsman_start(&(struct pointsman_options){.proxy_arguments = arguments});
    pointsman_routectl_ok(pointsman, "add", "service", "--path-prefix", "/", "--to",
                          fake_upstream_url(service), "--retry-attempts", "1", "--retry-code",
                          "503", "--retry-backoff", "1ms", NULL);
}

static int stop(void **state)
{
    (void)state;
    pointsman_free(pointsman);
    fake_upstream_free(service);
    return 0;
}

/* Whether the answer says that it is the last. */
static bool ask(struct http_connection *client)
{
    struct http_message response = HTTP_MESSAGE_EMPTY;
    assert_true(http_connection_send_text(client, GET));
    assert_int_equal(http_connection_receive(client, &response, WAIT_MS), HTTP_COMPLETE);
    assert_int_equal(response.status, 200);
    char *field = http_message_field(&response, "connection");
    bool is_last = field != NULL && strcmp(field, "close") == 0;
    free(field);
    http_message_clear(&response);
    return is_last;
}

/* --- requests on a connection ---------------------------------------------------------------- */

static int start_with_few_requests(void **state)
{
    (void)state;
    start_with("--connection-max-requests=5");
    return 0;
}

static void a_connection_ends_with_its_last_request(void **state)
{
    (void)state;
    struct http_connection *client = http_connection_open(pointsman_port(pointsman));
    for (int i = 1; i < REQUESTS_A_CONNECTION; i++)
        assert_false(ask(client));
    assert_true(ask(client));
    assert_true(http_connection_is_closed_within(client, WAIT_MS));
    http_connection_close(client);
}

static void one_of_http2_is_told_and_loses_nothing(void **state)
{
    (void)state;
    enum { AT_ONCE = 2 * REQUESTS_A_CONNECTION };
    struct http2_client *client = http2_client_open(pointsman_port(pointsman));
    struct http2_reply *replies[AT_ONCE];
    for (int i = 0; i < AT_ONCE; i++)
        replies[i] = http2_client_ask(client, HTTP2_CLIENT_GET("h", "/"), true);

    HTTP2_CLIENT_WAIT(client, client->is_over);

    assert_true(client->is_over && client->goaways == 2);
    assert_int_equal(client->goaway_error, 0);
    assert_int_equal(client->last_stream, replies[AT_ONCE - 1]->stream);
    for (int i = 0; i < AT_ONCE; i++)
        assert_int_equal(http2_reply_status(replies[i]), 200);
    http2_client_close(client);
}

static void nobody_notices_that_connections_change(void **state)
{
    (void)state;
    struct load *load = load_start(pointsman_port(pointsman), "h", "/", CLIENTS);
    load_wait_answered(load, SOME_REQUESTS);
    struct load_tally tally = load_stop(load);
    assert_int_equal(tally.unanswered + tally.broken + tally.failed + tally.refused, 0);
    assert_true(pointsman_metric(pointsman, "pointsman_connections_accepted_total") >=
                SOME_REQUESTS / REQUESTS_A_CONNECTION);
}

/* --- time on a connection -------------------------------------------------------------------- */

static int start_with_short_lives(void **state)
{
    (void)state;
    start_with("--connection-max-age=300ms");
    return 0;
}

static void an_old_connection_ends_with_its_next_request(void **state)
{
    (void)state;
    uint64_t started_ms = clock_now_ms();
    struct http_connection *client = http_connection_open(pointsman_port(pointsman));
    while (!ask(client))
        assert_true(clock_now_ms() - started_ms < WAIT_MS);
    assert_true(clock_now_ms() - started_ms >= 300 - 1); /* clocks of whole milliseconds */
    assert_true(http_connection_is_closed_within(client, WAIT_MS));
    http_connection_close(client);
}

static void an_old_one_of_http2_is_told(void **state)
{
    (void)state;
    uint64_t started_ms = clock_now_ms();
    struct http2_client *client = http2_client_open(pointsman_port(pointsman));
    while (client->goaways == 0) {
        struct http2_reply *reply = http2_client_ask(client, HTTP2_CLIENT_GET("h", "/"), true);
        assert_true(HTTP2_CLIENT_WAIT(client, reply->has_ended));
        assert_int_equal(http2_reply_status(reply), 200);
        assert_true(clock_now_ms() - started_ms < WAIT_MS);
    }
    assert_true(clock_now_ms() - started_ms >= 300 - 1);
    HTTP2_CLIENT_WAIT(client, client->is_over);
    assert_true(client->is_over);
    http2_client_close(client);
}

/* --- memory for what may be sent again ------------------------------------------------------- */

enum { BODY_BYTES = 1000 };

static int start_with_little_memory(void **state)
{
    (void)state;
    start_with("--max-replay-total=1500");
    return 0;
}

static const struct fake_step fails_when_told[] = {
    {.action = FAKE_READ_REQUEST},
    {.action = FAKE_HOLD},
    {.action = FAKE_SEND, .text = "HTTP/1.1 503 Busy\r\nContent-Length: 4\r\n\r\nbusy"},
    {.action = FAKE_SERVE},
};

static struct http_connection *put_body(void)
{
    struct http_connection *client = http_connection_open(pointsman_port(pointsman));
    char body[BODY_BYTES];
    memset(body, 'b', sizeof(body));
    http_connection_send_text(client, "PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 1000\r\n\r\n");
    http_connection_send(client, body, sizeof(body));
    return client;
}

static int receive_status(struct http_connection *client)
{
    struct http_message response = HTTP_MESSAGE_EMPTY;
    assert_int_equal(http_connection_receive(client, &response, WAIT_MS), HTTP_COMPLETE);
    int status = response.status;
    http_message_clear(&response);
    http_connection_close(client);
    return status;
}

static void as_many_bodies_are_kept_as_there_is_memory_for(void **state)
{
    (void)state;
    fake_upstream_script(service, fails_when_told);
    fake_upstream_script(service, fails_when_told);
    struct http_connection *kept = put_body();
    assert_true(fake_upstream_wait_requests(service, 1, WAIT_MS));
    struct http_connection *too_much = put_body();
    assert_true(fake_upstream_wait_requests(service, 2, WAIT_MS));

    fake_upstream_release(service);

    assert_int_equal(receive_status(kept), 200);
    assert_int_equal(receive_status(too_much), 503);
    assert_int_equal(pointsman_metric(pointsman, "pointsman_replays_dropped_total"), 1);
    assert_int_equal(fake_upstream_request_count(service), 3);

    /* What the first has taken is there again. */
    assert_int_equal(receive_status(put_body()), 200);
    assert_int_equal(pointsman_metric(pointsman, "pointsman_replays_dropped_total"), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_connection_ends_with_its_last_request,
                                        start_with_few_requests, stop),
        cmocka_unit_test_setup_teardown(one_of_http2_is_told_and_loses_nothing,
                                        start_with_few_requests, stop),
        cmocka_unit_test_setup_teardown(nobody_notices_that_connections_change,
                                        start_with_few_requests, stop),
        cmocka_unit_test_setup_teardown(an_old_connection_ends_with_its_next_request,
                                        start_with_short_lives, stop),
        cmocka_unit_test_setup_teardown(an_old_one_of_http2_is_told, start_with_short_lives, stop),
        cmocka_unit_test_setup_teardown(as_many_bodies_are_kept_as_there_is_memory_for,
                                        start_with_little_memory, stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
