/* Endpoints of HTTP/2 that accept a connection and close it without a word, and what is sent again
 * then. */
#include "common/buffer.h"
#include "tests/support/websocket_switch.h"
#include "tests/unit/cmocka_all.h"
#include "tests/unit/proxy/http/http2_endpoint.h"

static int set_up(void **state)
{
    struct stage *stage = stage_new();
    stage->route.app_protocol = "h2c";
    stage->endpoint_count = 2;
    stage_start(stage);
    *state = stage;
    return 0;
}

static const char get[] = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
static const char post[] = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi";

static struct player ask(struct stage *stage, const char *request)
{
    struct player client = stage_connect(stage);
    player_send(&client, request);
    return client;
}

/* Whichever endpoint was chosen accepts, and closes at once. Returns the other. */
static size_t close_first(struct stage *stage)
{
    if (stage_has_connection(stage, 0))
        return 1;
    assert_true(stage_has_connection(stage, 1));
    return 0;
}

static void expect_503(struct player *client, const char *sentence)
{
    player_expect(client, "HTTP/1.1 503 Service Unavailable\r\n");
    player_expect(client, sentence);
}

static void expect_nobody(struct stage *stage)
{
    assert_false(stage_has_connection(stage, 0));
    assert_false(stage_has_connection(stage, 1));
}

static void what_does_no_harm_is_sent_to_another(void **state)
{
    struct player client = ask(*state, get);
    size_t other = close_first(*state);
    struct http2_endpoint endpoint = http2_endpoint_accept(*state, other);
    uint32_t stream = http2_endpoint_expect_head(&endpoint);
    http2_endpoint_send_head(&endpoint, stream, true, ":status: 200\n");
    player_expect(&client, "HTTP/1.1 200 OK\r\n");
    player_close(&client);
    http2_endpoint_close(&endpoint);
}

static void but_only_once(void **state)
{
    struct player client = ask(*state, get);
    size_t other = close_first(*state);
    struct http2_endpoint endpoint = http2_endpoint_accept_silently(*state, other);
    http2_endpoint_close(&endpoint);
    expect_503(&client, "The service does not accept connections.\n");
    expect_nobody(*state);
    player_close(&client);
}

/* It may have been read all the same. */
static void what_may_do_harm_is_not(void **state)
{
    struct player client = ask(*state, post);
    close_first(*state);
    expect_503(&client, "The service does not accept connections.\n");
    expect_nobody(*state);
    player_close(&client);
}

static void who_has_said_anything_has_accepted(void **state)
{
    struct player client = ask(*state, get);
    struct http2_endpoint endpoint = http2_endpoint_accept(*state, 0);
    http2_endpoint_expect_head(&endpoint);
    http2_endpoint_close(&endpoint);
    expect_503(&client, "The service closed the connection without an answer.\n");
    expect_nobody(*state);
    player_close(&client);
}

static void a_websocket_that_waits_for_settings_was_not_sent(void **state)
{
    struct player client =
        ask(*state, "GET / HTTP/1.1\r\nHost: a\r\n" WEBSOCKET_SWITCH_FIELDS "\r\n");
    size_t other = close_first(*state);
    struct http2_endpoint endpoint =
        http2_endpoint_accept_saying(*state, other, HTTP2_SETTING_ENABLE_CONNECT_PROTOCOL, 1);
    uint32_t stream = http2_endpoint_expect_head(&endpoint);
    http2_endpoint_send_head(&endpoint, stream, false, ":status: 200\n");
    player_expect(&client, "HTTP/1.1 101 Switching Protocols\r\n");
    player_close(&client);
    http2_endpoint_close(&endpoint);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, stage_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_does_no_harm_is_sent_to_another),
        TEST(but_only_once),
        TEST(what_may_do_harm_is_not),
        TEST(who_has_said_anything_has_accepted),
        TEST(a_websocket_that_waits_for_settings_was_not_sent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
