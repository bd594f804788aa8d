/* How a client of HTTP/2 is told to go elsewhere, frame by frame (RFC 9113 section 6.8): a notice,
 * a PING behind it, and when that is answered the last stream that is served. */
#include "common/buffer.h"
#include "proxy/http/front_http2.h"
#include "tests/support/http2_frames.h"
#include "tests/unit/cmocka_all.h"
#include "tests/unit/proxy/http/stage.h"

#include <string.h>

enum { PATIENCE_TURNS = 2000, ANY_STREAM = 0x7fffffff };

#define GET SLICE("\x82\x86\x84\x01\x04shop")
#define WHOLE (HTTP2_FLAG_END_HEADERS | HTTP2_FLAG_END_STREAM)

static void send_frames(struct player *client, struct buffer *frames)
{
    assert_int_equal(player_send_some(client, frames->at, frames->length), frames->length);
    buffer_clear(frames);
}

/* Preface and a request, on stream 1. */
static void begin(struct player *client)
{
    struct buffer frames = BUFFER_EMPTY;
    http2_put_preface(&frames);
    http2_put_frame(&frames, HTTP2_FRAME_HEADERS, WHOLE, 1, GET);
    send_frames(client, &frames);
}

static void acknowledge_ping(struct player *client)
{
    struct buffer frames = BUFFER_EMPTY;
    http2_put_frame(&frames, HTTP2_FRAME_PING, HTTP2_FLAG_ACK, 0, SLICE("\0\0\0\0\0\0\0\0"));
    send_frames(client, &frames);
}

/* The next GOAWAY or PING: its type, and of GOAWAY the last stream. */
static uint8_t expect_word(struct player *client, uint32_t *last_stream)
{
    struct http2_frame frame;
    for (int i = 0; i < PATIENCE_TURNS; i++) {
        player_read(client);
        while (http2_look_at_frame(&client->received, &frame)) {
            uint8_t type = frame.type;
            if (type == HTTP2_FRAME_GOAWAY)
                *last_stream = http2_frame_last_stream(&frame);
            http2_drop_frame(&client->received, &frame);
            if (type == HTTP2_FRAME_GOAWAY || type == HTTP2_FRAME_PING)
                return type;
        }
        stage_turn(client->stage);
    }
    fail_msg("neither GOAWAY nor PING came");
    return 0;
}

static void expect_notice(struct player *client)
{
    uint32_t last_stream = 0;
    assert_int_equal(expect_word(client, &last_stream), HTTP2_FRAME_GOAWAY);
    assert_int_equal(last_stream, ANY_STREAM);
    assert_int_equal(expect_word(client, &last_stream), HTTP2_FRAME_PING);
}

static void expect_last_word(struct player *client, uint32_t stream)
{
    uint32_t last_stream = 0;
    assert_int_equal(expect_word(client, &last_stream), HTTP2_FRAME_GOAWAY);
    assert_int_equal(last_stream, stream);
}

/* Reads to the end; no further word comes. */
static void expect_silent_end(struct player *client)
{
    struct http2_frame frame;
    for (int i = 0; i < PATIENCE_TURNS && !client->has_ended; i++) {
        stage_turn(client->stage);
        player_read(client);
    }
    assert_true(client->has_ended);
    while (http2_look_at_frame(&client->received, &frame)) {
        assert_int_not_equal(frame.type, HTTP2_FRAME_GOAWAY);
        http2_drop_frame(&client->received, &frame);
    }
}

static void drain(struct stage *stage, bool is_patient)
{
    worker_drain(stage->worker, stage->now_ms + 10000, is_patient);
}

static void answer(struct player *endpoint)
{
    player_send(endpoint, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
}

static void the_notice_comes_before_its_ping_and_the_last_word_once(void **state)
{
    struct stage *stage = *state;
    struct player client = stage_connect(stage);
    begin(&client);
    struct player endpoint = stage_accept(stage, 0);
    player_expect(&endpoint, "\r\n\r\n");

    drain(stage, false);
    expect_notice(&client);
    acknowledge_ping(&client);
    expect_last_word(&client, 1);
    acknowledge_ping(&client);      /* once more, which was not asked for */
    stage_advance(stage, 2 * 1000); /* nor is it waited for any longer */
    answer(&endpoint);

    expect_silent_end(&client);
    player_close(&client);
    player_close(&endpoint);
}

/* A client that was accepted, and had said nothing when draining began. */
static void who_begins_while_it_drains_is_served_and_told(void **state)
{
    struct stage *stage = *state;
    struct player client = stage_connect(stage);
    for (int i = 0; stage->worker->connection_count == 0; i++) {
        assert_true(i < PATIENCE_TURNS);
        stage_turn(stage);
    }
    drain(stage, true);
    for (int i = 0; !stage->worker->is_draining; i++) {
        assert_true(i < PATIENCE_TURNS);
        stage_turn(stage);
    }

    begin(&client);
    struct player endpoint = stage_accept(stage, 0);
    player_expect(&endpoint, "\r\n\r\n");
    expect_notice(&client);
    acknowledge_ping(&client);
    expect_last_word(&client, 1);
    answer(&endpoint);

    expect_silent_end(&client);
    player_close(&client);
    for (int i = 0; !stage->worker->is_drained; i++) {
        assert_true(i < PATIENCE_TURNS);
        stage_turn(stage);
    }
    player_close(&endpoint);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, stage_set_up_and_start, stage_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_notice_comes_before_its_ping_and_the_last_word_once),
        TEST(who_begins_while_it_drains_is_served_and_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
