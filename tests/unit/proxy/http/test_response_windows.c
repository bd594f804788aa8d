/* Response windows: how much of a response an endpoint of HTTP/2 may send before its client has
 * read any of it. */
#include "tests/unit/cmocka_all.h"
#include "tests/unit/proxy/http/http2_endpoint.h"
#include "tests/unit/proxy/http/http2_pair.h"

#include <stdlib.h>
#include <string.h>

static const char get[] = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

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

enum { MANY = 90 };

/* A client that has asked for so much that little of each answer may wait; the endpoint has the
 * heads, and the last of the streams is returned. `widened`: to how many streams more was granted
 * with their heads. */
static struct stream *ask_for_many(struct pair *client, struct http2_endpoint *endpoint,
                                   unsigned *widened)
{
    struct stream *last = NULL;
    for (int i = 0; i < MANY; i++)
        last = pair_request(client, PAIR_HEAD("GET", "/"), false);
    *widened = 0;
    for (int heads = 0; heads < MANY;) {
        struct http2_frame frame;
        PAIR_WAIT(client, (player_read(&endpoint->player),
                           http2_look_at_frame(&endpoint->player.received, &frame)));
        heads += frame.type == HTTP2_FRAME_HEADERS;
        *widened += frame.type == HTTP2_FRAME_WINDOW_UPDATE;
        endpoint->stream = frame.stream;
        http2_drop_frame(&endpoint->player.received, &frame);
    }
    return last;
}

static void of_many_requests_of_one_client_only_the_first_has_all(void **state)
{
    struct http2_endpoint endpoint = connect_endpoint(*state);
    struct pair client;
    pair_connect(&client, *state);

    pair_request(&client, PAIR_HEAD("GET", "/"), false);
    expect_window(&endpoint, HTTP2_STREAM_WINDOW_BYTES);
    pair_request(&client, PAIR_HEAD("GET", "/"), false);
    http2_endpoint_expect_head(&endpoint);
    unsigned widened;
    ask_for_many(&client, &endpoint, &widened);

    assert_int_equal(widened, 0);
    pair_close(&client);
    http2_endpoint_close(&endpoint);
}

/* What is granted on the stream until everything before is known to have been read. */
static size_t count_granted(struct pair *client, struct http2_endpoint *endpoint, uint32_t stream)
{
    struct buffer ping = BUFFER_EMPTY;
    http2_put_frame(&ping, HTTP2_FRAME_PING, 0, 0, SLICE("all read"));
    http2_endpoint_send(endpoint, &ping);
    size_t granted = 0;
    for (bool is_answered = false; !is_answered;) {
        struct http2_frame frame;
        PAIR_WAIT(client, (player_read(&endpoint->player),
                           http2_look_at_frame(&endpoint->player.received, &frame)));
        if (frame.type == HTTP2_FRAME_WINDOW_UPDATE && frame.stream == stream)
            granted += http2_frame_number(&frame);
        is_answered = frame.type == HTTP2_FRAME_PING;
        http2_drop_frame(&endpoint->player.received, &frame);
    }
    return granted;
}

/* The endpoint sends as much as it may on that stream, and the client reads all of it. */
static size_t grant_for_reading(struct pair *client, struct http2_endpoint *endpoint,
                                struct stream *stream)
{
    static char text[HTTP2_RESPONSE_WINDOW_BYTES + 1];
    memset(text, 'x', HTTP2_RESPONSE_WINDOW_BYTES);
    uint32_t id = endpoint->stream;
    http2_endpoint_send_head(endpoint, id, false, ":status: 200\n");
    http2_endpoint_send_data(endpoint, id, false, text);
    PAIR_WAIT(client, stream->in.total >= HTTP2_RESPONSE_WINDOW_BYTES);
    return count_granted(client, endpoint, id);
}

static void what_is_read_widens_it(void **state)
{
    struct http2_endpoint endpoint = connect_endpoint(*state);
    struct pair client;
    pair_connect(&client, *state);
    pair_request(&client, PAIR_HEAD("GET", "/"), false);
    http2_endpoint_expect_head(&endpoint);
    struct stream *stream = pair_request(&client, PAIR_HEAD("GET", "/"), false);
    http2_endpoint_expect_head(&endpoint);

    assert_in_range(grant_for_reading(&client, &endpoint, stream),
                    4 * HTTP2_RESPONSE_WINDOW_BYTES - 1, BODY_PIPE_HIGH_BYTES);

    pair_close(&client);
    http2_endpoint_close(&endpoint);
}

/* Else a client that reads a little of each answer would have us keep more of all of them than one
 * that reads nothing. */
static void but_where_there_are_many_no_further(void **state)
{
    struct http2_endpoint endpoint = connect_endpoint(*state);
    struct pair client;
    pair_connect(&client, *state);
    unsigned widened;
    struct stream *last = ask_for_many(&client, &endpoint, &widened);

    assert_in_range(grant_for_reading(&client, &endpoint, last), 1, HTTP2_RESPONSE_WINDOW_BYTES);

    pair_close(&client);
    http2_endpoint_close(&endpoint);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, http2_endpoint_set_up, stage_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_client_of_http1_has_all_of_it_at_once),
        TEST(of_many_requests_of_one_client_only_the_first_has_all),
        TEST(what_is_read_widens_it),
        TEST(but_where_there_are_many_no_further),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
