/* Response windows: how much of a response an endpoint of HTTP/2 may send before its client has
 * read any of it. */
#include "tests/unit/cmocka_all.h"
#include "tests/unit/proxy/http/http2_endpoint.h"
#include "tests/unit/proxy/http/http2_pair.h"

#include <stdlib.h>

enum { SMALL_SHARE = 8 * 1024 };

static const char get[] = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

static int set_up(void **state)
{
    struct stage *stage = stage_new();
    stage->route.app_protocol = "h2c";
    stage_start(stage);
    *state = stage;
    return 0;
}

/* A connection to the endpoint, which has acknowledged what we announced and answered once. */
static struct http2_endpoint connect_endpoint(struct stage *stage)
{
    struct player client = stage_connect(stage);
    player_send(&client, get);
    struct http2_endpoint endpoint = http2_endpoint_accept(stage, 0);
    uint32_t stream = http2_endpoint_expect_head(&endpoint);
    http2_endpoint_send_head(&endpoint, stream, true, ":status: 200\n");
    player_expect(&client, "\r\n\r\n");
    player_close(&client);
    return endpoint;
}

/* The next request, whose stream is widened to `bytes`. */
static void expect_window(struct http2_endpoint *endpoint, uint32_t bytes)
{
    uint32_t stream = http2_endpoint_expect_head(endpoint);
    http2_endpoint_expect(endpoint, HTTP2_FRAME_WINDOW_UPDATE);
    assert_int_equal(endpoint->stream, stream);
    assert_int_equal(endpoint->number, bytes - HTTP2_RESPONSE_WINDOW_BYTES);
}

static void a_client_of_http1_has_all_of_it_at_once(void **state)
{
    struct http2_endpoint endpoint = connect_endpoint(*state);
    struct player client = stage_connect(*state);

    player_send(&client, get);

    expect_window(&endpoint, HTTP2_STREAM_WINDOW_BYTES);
    player_close(&client);
    http2_endpoint_close(&endpoint);
}

static void the_requests_of_one_client_share_it(void **state)
{
    enum { MANY = 20 };
    struct http2_endpoint endpoint = connect_endpoint(*state);
    struct pair client;
    pair_connect(&client, *state);

    pair_request(&client, PAIR_HEAD("GET", "/"), false);
    expect_window(&endpoint, HTTP2_STREAM_WINDOW_BYTES);
    pair_request(&client, PAIR_HEAD("GET", "/"), false);
    expect_window(&endpoint, SMALL_SHARE);

    /* then with more of them there is nothing to add: heads alone come */
    for (int i = 0; i < MANY; i++)
        pair_request(&client, PAIR_HEAD("GET", "/"), false);
    uint32_t widened = 0;
    for (int i = 0; i < MANY; i++) {
        struct http2_frame frame;
        PAIR_WAIT(&client, (player_read(&endpoint.player),
                            http2_look_at_frame(&endpoint.player.received, &frame)));
        i -= frame.type != HTTP2_FRAME_HEADERS;
        widened += frame.type == HTTP2_FRAME_WINDOW_UPDATE;
        http2_drop_frame(&endpoint.player.received, &frame);
    }
    assert_true(widened < MANY / 2);
    pair_close(&client);
    http2_endpoint_close(&endpoint);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, stage_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_client_of_http1_has_all_of_it_at_once),
        TEST(the_requests_of_one_client_share_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
