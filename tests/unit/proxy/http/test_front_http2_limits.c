/* What a client of HTTP/2 may not do for too long or too much: heads, bodies, and not reading. */
#include "common/buffer.h"
#include "proxy/http/front_http2.h"
#include "tests/support/http2_frames.h"
#include "tests/unit/cmocka_all.h"
#include "tests/unit/proxy/http/http2_pair.h"

#include <string.h>

enum { BODY_LIMIT = 1000 };

#define GET SLICE("\x82\x86\x84\x01\x04shop")

static int set_up(void **state)
{
    struct stage *stage = stage_new();
    stage->shared.http.max_body_bytes = BODY_LIMIT;
    stage_start(stage);
    *state = stage;
    return 0;
}

static void put_preface(struct buffer *to)
{
    buffer_append_slice(to, HTTP2_FRAMES_PREFACE);
    http2_put_frame(to, HTTP2_FRAME_SETTINGS, 0, 0, SLICE("\0\x04\x7f\xff\xff\xff"));
    http2_put_number(to, HTTP2_FRAME_WINDOW_UPDATE, 0, 0x7fff0000);
}

static void send_all(struct player *client, struct buffer *bytes)
{
    player_send_some(client, bytes->at, bytes->length);
    buffer_clear(bytes);
    for (int turn = 0; turn < 20; turn++) /* accepted, looked at, read */
        stage_turn(client->stage);
}

/* The first frame of a server (RFC 9113 section 3.4), before the client has said anything. */
static void the_limits_are_announced_first(void **state)
{
    struct stage *stage = *state;
    struct player client = stage_connect(stage);
    struct buffer bytes = BUFFER_EMPTY;
    buffer_append_slice(&bytes, HTTP2_FRAMES_PREFACE);
    send_all(&client, &bytes);

    struct http2_frame frame;
    player_read(&client);
    assert_true(http2_look_at_frame(&client.received, &frame));
    assert_int_equal(frame.type, HTTP2_FRAME_SETTINGS);
    assert_int_equal(frame.flags, 0);
    assert_int_equal(frame.stream, 0);
    struct slice expected = SLICE("\0\x03\0\0\0\x64"   /* streams */
                                  "\0\x06\0\0\x80\0"   /* bytes of a head */
                                  "\0\x08\0\0\0\x01"); /* extended CONNECT */
    assert_true(slice_equals(frame.payload, expected));
    player_close(&client);
}

static void wait_for_goaway(struct player *client, uint32_t error)
{
    struct http2_frame frame;
    for (int i = 0; i < 2000; i++) {
        player_read(client);
        while (http2_look_at_frame(&client->received, &frame)) {
            if (frame.type == HTTP2_FRAME_GOAWAY) {
                assert_int_equal(http2_frame_number(&frame), error);
                return;
            }
            http2_drop_frame(&client->received, &frame);
        }
        stage_turn(client->stage);
    }
    fail_msg("no GOAWAY came");
}

/* Section 5.1.2 asks for no more than an error of the stream; but who has acknowledged the limit
 * and goes beyond it is not worth one. */
static void who_knows_how_many_streams_there_may_be_opens_no_more(void **state)
{
    struct stage *stage = *state;
    struct player client = stage_connect(stage);
    struct buffer bytes = BUFFER_EMPTY;
    put_preface(&bytes);
    http2_put_frame(&bytes, HTTP2_FRAME_SETTINGS, HTTP2_FLAG_ACK, 0, SLICE(""));
    send_all(&client, &bytes);

    for (uint32_t i = 0; i < HTTP2_STREAMS_MAX; i++)
        http2_put_frame(&bytes, HTTP2_FRAME_HEADERS, HTTP2_FLAG_END_HEADERS, 2 * i + 1, GET);
    send_all(&client, &bytes);
    assert_int_equal(stage->worker->connection_count, 1);
    http2_put_frame(&bytes, HTTP2_FRAME_HEADERS, HTTP2_FLAG_END_HEADERS, 2 * HTTP2_STREAMS_MAX + 1,
                    GET);
    send_all(&client, &bytes);

    wait_for_goaway(&client, HTTP2_PROTOCOL_ERROR);
    player_close(&client);
}

static void a_head_that_goes_on_in_continuations_has_its_time(void **state)
{
    struct stage *stage = *state;
    struct player client = stage_connect(stage);
    struct buffer bytes = BUFFER_EMPTY;
    put_preface(&bytes);
    http2_put_frame(&bytes, HTTP2_FRAME_HEADERS, HTTP2_FLAG_END_STREAM, 1, SLICE("\x82"));
    send_all(&client, &bytes);

    stage_advance(stage, stage->shared.http.head_timeout_ms / 2);
    http2_put_frame(&bytes, HTTP2_FRAME_CONTINUATION, 0, 1, SLICE("\x86"));
    send_all(&client, &bytes);
    assert_int_equal(stage->worker->connection_count, 1);
    stage_advance(stage, stage->shared.http.head_timeout_ms / 2 + 1000);

    player_expect_gone(&client);
    assert_int_equal(counter_read(&stage->worker->counters->refused[DENIAL_HEAD_TIMEOUT]), 1);
    player_close(&client);
}

static void assert_413(struct stage *stage, const char *fields)
{
    struct pair pair;
    pair_connect(&pair, stage);
    struct stream *request = pair_request(&pair, fields, true);
    char body[2 * BODY_LIMIT + 1];
    memset(body, 'x', sizeof(body) - 1);
    body[sizeof(body) - 1] = '\0';
    pair_put(request, body);

    PAIR_WAIT(&pair, request->is_closed);
    if (strstr(buffer_string(&request->fields), ":status=413\n") == NULL)
        fail_msg("answered with %s", buffer_string(&request->fields));
    assert_false(pair.client.is_over);
    pair_close(&pair);
}

static void a_body_over_the_limit_is_413_announced_or_not(void **state)
{
    assert_413(*state, PAIR_HEAD("POST", "/") "content-length=2000\n");
    assert_413(*state, PAIR_HEAD("POST", "/"));
}

static void a_client_that_takes_nothing_is_closed(void **state)
{
    static char zeros[64 * 1024];
    struct stage *stage = *state;
    struct player client = stage_connect(stage);
    struct buffer bytes = BUFFER_EMPTY;
    put_preface(&bytes);
    http2_put_frame(&bytes, HTTP2_FRAME_HEADERS, HTTP2_FLAG_END_HEADERS | HTTP2_FLAG_END_STREAM, 1,
                    GET);
    send_all(&client, &bytes);
    struct player endpoint = stage_accept(stage, 0);
    player_expect(&endpoint, "\r\n\r\n");
    player_send(&endpoint, "HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n");
    for (int idle = 0; idle < 50; idle++) {
        if (player_send_some(&endpoint, zeros, sizeof(zeros)) > 0)
            idle = 0;
        stage_turn(stage);
    }
    assert_int_equal(stage->worker->connection_count, 1);

    stage_advance(stage, stage->shared.http.write_stall_timeout_ms);

    assert_int_equal(stage->worker->connection_count, 0);
    player_expect_gone(&endpoint);
    player_close(&endpoint);
    player_close(&client);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, stage_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_limits_are_announced_first),
        TEST(who_knows_how_many_streams_there_may_be_opens_no_more),
        TEST(a_head_that_goes_on_in_continuations_has_its_time),
        TEST(a_body_over_the_limit_is_413_announced_or_not),
        TEST(a_client_that_takes_nothing_is_closed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
