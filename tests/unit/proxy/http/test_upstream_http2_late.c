/* What an endpoint of HTTP/2 sends on streams that are closed: passed over as far as it may have
 * been on its way, and the end of its connection beyond. */
#include "common/buffer.h"
#include "proxy/http/http2_session.h"
#include "tests/unit/cmocka_all.h"
#include "tests/unit/proxy/http/http2_endpoint.h"

#include <stdlib.h>
#include <string.h>

static const char get[] = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

#define OK_FIELDS ":status: 200\n"

/* One connection, and a request on it that goes on while the others end. */
struct story {
    struct player patient;
    struct http2_endpoint endpoint;
};

static struct story begin(void **state)
{
    struct story story = {.patient = stage_connect(*state)};
    player_send(&story.patient, get);
    story.endpoint = http2_endpoint_accept(*state, 0);
    http2_endpoint_expect_head(&story.endpoint);
    return story;
}

/* On the same connection; returns its stream. */
static uint32_t ask(struct story *story, struct player *client)
{
    *client = stage_connect(story->patient.stage);
    player_send(client, get);
    return http2_endpoint_expect_head(&story->endpoint);
}

static uint32_t have_one_answered(struct story *story)
{
    struct player client;
    uint32_t stream = ask(story, &client);
    http2_endpoint_send_head(&story->endpoint, stream, false, OK_FIELDS);
    http2_endpoint_send_data(&story->endpoint, stream, true, "ok");
    player_expect(&client, "ok\r\n0\r\n\r\n");
    player_close(&client);
    return stream;
}

static uint32_t have_one_reset(struct story *story)
{
    struct player client;
    uint32_t stream = ask(story, &client);
    player_reset(&client);
    http2_endpoint_expect_reset(&story->endpoint, stream, HTTP2_CANCEL);
    return stream;
}

static void send_zeros(struct story *story, uint32_t stream, size_t length)
{
    static const char zeros[16 * 1024];
    struct buffer frames = BUFFER_EMPTY;
    while (length > 0) {
        size_t part = length < sizeof(zeros) ? length : sizeof(zeros);
        http2_put_frame(&frames, HTTP2_FRAME_DATA, 0, stream, slice_of(zeros, part));
        length -= part;
    }
    http2_endpoint_send(&story->endpoint, &frames);
}

static void expect_served(struct story *story)
{
    http2_endpoint_send_head(&story->endpoint, 1, true, OK_FIELDS);
    player_expect(&story->patient, "HTTP/1.1 200 OK\r\n");
    player_close(&story->patient);
    http2_endpoint_close(&story->endpoint);
}

static void expect_condemned(struct story *story, enum http2_error error)
{
    struct http2_frame frame;
    http2_endpoint_expect(&story->endpoint, HTTP2_FRAME_GOAWAY);
    assert_int_equal(story->endpoint.number, error);
    player_expect(&story->patient, "HTTP/1.1 503 Service Unavailable\r\n");
    player_close(&story->patient);
    while (http2_look_at_frame(&story->endpoint.player.received, &frame))
        http2_drop_frame(&story->endpoint.player.received, &frame);
    player_expect_end(&story->endpoint.player);
    http2_endpoint_close(&story->endpoint);
}

/* --- behind an end --------------------------------------------------------------------------- */

static void data_behind_the_end_of_a_stream_ends_the_connection(void **state)
{
    struct story story = begin(state);
    uint32_t stream = have_one_answered(&story);

    http2_endpoint_send_data(&story.endpoint, stream, false, "more");

    expect_condemned(&story, HTTP2_STREAM_CLOSED);
}

static void an_empty_frame_behind_the_end_does_so_too(void **state)
{
    struct story story = begin(state);
    uint32_t stream = have_one_answered(&story);

    http2_endpoint_send_data(&story.endpoint, stream, true, "");

    expect_condemned(&story, HTTP2_STREAM_CLOSED);
}

static void a_head_behind_the_end_does_so_too(void **state)
{
    struct story story = begin(state);
    uint32_t stream = have_one_answered(&story);

    http2_endpoint_send_head(&story.endpoint, stream, true, OK_FIELDS);

    expect_condemned(&story, HTTP2_STREAM_CLOSED);
}

/* --- behind a reset -------------------------------------------------------------------------- */

static void what_comes_behind_a_reset_is_passed_over(void **state)
{
    struct story story = begin(state);
    uint32_t stream = have_one_reset(&story);

    http2_endpoint_send_head(&story.endpoint, stream, false, OK_FIELDS);
    send_zeros(&story, stream, 1000);
    http2_endpoint_send_head(&story.endpoint, stream, true, "x-sum: 1\n");

    expect_served(&story);
}

/* In all it is more than the connection's window, so that without credit it would be an error. */
static void what_is_passed_over_costs_the_connection_nothing(void **state)
{
    struct story story = begin(state);
    size_t sent = 0;
    while (sent < 2 * (size_t)HTTP2_CONNECTION_WINDOW_BYTES) {
        send_zeros(&story, have_one_reset(&story), HTTP2_STREAM_WINDOW_BYTES);
        sent += HTTP2_STREAM_WINDOW_BYTES;
    }

    expect_served(&story);
}

static void who_does_not_stop_loses_the_connection(void **state)
{
    struct story story = begin(state);
    uint32_t stream = have_one_reset(&story);

    send_zeros(&story, stream, 2 * HTTP2_STREAM_WINDOW_BYTES);
    player_expect_nothing(&story.endpoint.player);
    send_zeros(&story, stream, 1);

    expect_condemned(&story, HTTP2_STREAM_CLOSED);
}

static void empty_frames_behind_a_reset_are_a_flood(void **state)
{
    struct story story = begin(state);
    uint32_t stream = have_one_reset(&story);

    for (int i = 0; i < HTTP2_FLOOD_IDLE_FRAMES / 2; i++)
        http2_endpoint_send_data(&story.endpoint, stream, false, "");
    player_expect_nothing(&story.endpoint.player);
    for (int i = 0; i < HTTP2_FLOOD_IDLE_FRAMES; i++)
        http2_endpoint_send_data(&story.endpoint, stream, false, "");

    expect_condemned(&story, HTTP2_ENHANCE_YOUR_CALM);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, http2_endpoint_set_up, stage_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(data_behind_the_end_of_a_stream_ends_the_connection),
        TEST(an_empty_frame_behind_the_end_does_so_too),
        TEST(a_head_behind_the_end_does_so_too),
        TEST(what_comes_behind_a_reset_is_passed_over),
        TEST(what_is_passed_over_costs_the_connection_nothing),
        TEST(who_does_not_stop_loses_the_connection),
        TEST(empty_frames_behind_a_reset_are_a_flood),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
