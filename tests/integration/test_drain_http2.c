/* SIGTERM, to clients of HTTP/2: they are told, what runs ends properly, and what comes later than
 * the last stream reaches nobody. */
#include "tests/support/fake_upstream.h"
#include "tests/support/http2_client.h"
#include "tests/support/pointsman.h"
#include "tests/support/wait.h"
#include "tests/unit/cmocka_all.h"

#include <signal.h>
#include <string.h>

enum { ANY_STREAM = 0x7fffffff, AT_ONCE = 20 };

#define GET HTTP2_CLIENT_GET("h", "/page")

static const struct fake_step answers_late[] = {
    {.action = FAKE_READ_REQUEST},
    {.action = FAKE_HOLD},
    {.action = FAKE_SEND, .text = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nlate"},
    {.action = FAKE_SERVE},
};

static const struct fake_step never_ends[] = {
    {.action = FAKE_READ_REQUEST},
    {.action = FAKE_SEND, .text = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nla"},
    {.action = FAKE_READ_TO_END},
    {.action = FAKE_CLOSE},
};

static struct fake_upstream *upstream;
static struct pointsman *pointsman;
static struct http2_client *client;

static void start_with(const char *drain_time)
{
    static const char *arguments[] = {"--drain-time", NULL, NULL};
    arguments[1] = drain_time;
    upstream = fake_upstream_start("upstream");
    pointsman = pointsman_start(&(struct pointsman_options){.proxy_arguments = arguments});
    pointsman_routectl_ok(pointsman, "add", "page", "--path-prefix", "/page", "--to",
                          fake_upstream_url(upstream), NULL);
    client = http2_client_open(pointsman_port(pointsman));
    assert_non_null(client);
}

static int start(void **state)
{
    (void)state;
    start_with("30s");
    return 0;
}

static int start_in_a_hurry(void **state)
{
    (void)state;
    start_with("200ms");
    return 0;
}

static int stop(void **state)
{
    (void)state;
    http2_client_close(client);
    pointsman_free(pointsman);
    fake_upstream_free(upstream);
    return 0;
}

/* --- what the stories do --------------------------------------------------------------------- */

/* A request that its service has, and answers when it is released. */
static struct http2_reply *ask_for_late_answer(size_t number)
{
    fake_upstream_script(upstream, answers_late);
    struct http2_reply *reply = http2_client_ask(client, GET, true);
    assert_true(fake_upstream_wait_requests(upstream, number, WAIT_MS));
    return reply;
}

static void terminate(void)
{
    process_signal(pointsman_proxy(pointsman), SIGTERM);
}

/* The client has nothing left to say. */
static void expect_clean_exit(void)
{
    http2_client_close(client);
    client = NULL;
    assert_int_equal(process_wait(pointsman_proxy(pointsman), WAIT_MS), 0);
}

static void expect_answer(struct http2_reply *reply, const char *body)
{
    assert_true(HTTP2_CLIENT_WAIT(client, reply->has_ended));
    assert_int_equal(http2_reply_status(reply), 200);
    assert_false(reply->was_reset);
    assert_string_equal(buffer_string(&reply->body), body);
}

/* --- the stories ----------------------------------------------------------------------------- */

static void what_crosses_the_notice_is_served_and_nothing_later(void **state)
{
    (void)state;
    struct http2_reply *running = ask_for_late_answer(1);
    client->holds_acks = true;

    terminate();
    assert_true(HTTP2_CLIENT_WAIT(client, client->goaways == 1));
    assert_int_equal(client->last_stream, ANY_STREAM);
    assert_int_equal(client->goaway_error, 0);
    struct http2_reply *crossing = ask_for_late_answer(2); /* within the second that it waits */
    pointsman_wait_refused(pointsman);

    struct buffer ack = BUFFER_EMPTY;
    http2_put_frame(&ack, HTTP2_FRAME_PING, HTTP2_FLAG_ACK, 0, SLICE("\0\0\0\0\0\0\0\0"));
    http2_client_send_frames(client, &ack);
    assert_true(HTTP2_CLIENT_WAIT(client, client->goaways == 2));
    assert_int_equal(client->last_stream, crossing->stream);
    struct http2_reply *later = http2_client_ask(client, GET, true);

    fake_upstream_release(upstream);
    expect_answer(running, "late");
    expect_answer(crossing, "late");
    HTTP2_CLIENT_WAIT(client, client->is_over);
    assert_true(client->is_over);
    assert_int_equal(client->goaways, 2);
    assert_false(later->has_head || later->has_ended);
    assert_int_equal(fake_upstream_request_count(upstream), 2);
    expect_clean_exit();
}

static void many_that_run_are_all_answered(void **state)
{
    (void)state;
    struct http2_reply *replies[AT_ONCE];
    for (size_t i = 0; i < AT_ONCE; i++)
        replies[i] = ask_for_late_answer(i + 1);

    terminate();
    assert_true(HTTP2_CLIENT_WAIT(client, client->goaways == 2));
    fake_upstream_release(upstream);

    for (size_t i = 0; i < AT_ONCE; i++)
        expect_answer(replies[i], "late");
    expect_clean_exit();
}

/* Its body is not complete, and it may be long until it is. */
static void an_upload_that_runs_goes_on(void **state)
{
    (void)state;
    static const char fields[] = ":method: POST\n:scheme: http\n:authority: h\n:path: /page\n"
                                 "content-length: 8\n";
    struct http2_reply *upload = http2_client_ask(client, fields, false);
    http2_client_send(client, upload, SLICE("body"), false);
    assert_true(fake_upstream_wait_connections(upstream, 1, WAIT_MS));

    terminate();
    assert_true(HTTP2_CLIENT_WAIT(client, client->goaways == 2));
    http2_client_send(client, upload, SLICE("body"), true);

    assert_true(HTTP2_CLIENT_WAIT(client, upload->has_ended));
    assert_int_equal(http2_reply_status(upload), 200);
    assert_non_null(strstr(buffer_string(&upload->body), "bodybody"));
    expect_clean_exit();
}

static void who_asks_for_nothing_is_told_and_closed(void **state)
{
    (void)state;
    struct http2_reply *reply = http2_client_ask(client, GET, true);
    assert_true(HTTP2_CLIENT_WAIT(client, reply->has_ended));

    terminate();

    HTTP2_CLIENT_WAIT(client, client->is_over);
    assert_true(client->is_over);
    assert_int_equal(client->goaways, 2);
    assert_int_equal(client->last_stream, reply->stream);
    expect_clean_exit();
}

static void what_never_ends_is_cut_after_the_drain_time(void **state)
{
    (void)state;
    fake_upstream_script(upstream, never_ends);
    struct http2_reply *reply = http2_client_ask(client, GET, true);
    assert_true(HTTP2_CLIENT_WAIT(client, reply->body.length == 2));

    terminate();

    HTTP2_CLIENT_WAIT(client, client->is_over);
    assert_true(client->is_over);
    assert_true(!reply->has_ended || reply->was_reset);
    expect_clean_exit();
}

static void a_second_signal_ends_it_at_once(void **state)
{
    (void)state;
    struct http2_reply *reply = ask_for_late_answer(1);
    terminate();
    assert_true(HTTP2_CLIENT_WAIT(client, client->goaways > 0));

    terminate();

    assert_true(process_wait(pointsman_proxy(pointsman), WAIT_MS) > 0);
    HTTP2_CLIENT_WAIT(client, client->is_over);
    assert_true(client->is_over);
    assert_false(reply->has_head);
    pointsman_kill_proxy(pointsman);
}

int main(void)
{
#define STORY(test) cmocka_unit_test_setup_teardown(test, start, stop)
    const struct CMUnitTest tests[] = {
        STORY(what_crosses_the_notice_is_served_and_nothing_later),
        STORY(many_that_run_are_all_answered),
        STORY(an_upload_that_runs_goes_on),
        STORY(who_asks_for_nothing_is_told_and_closed),
        cmocka_unit_test_setup_teardown(what_never_ends_is_cut_after_the_drain_time,
                                        start_in_a_hurry, stop),
        STORY(a_second_signal_ends_it_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
