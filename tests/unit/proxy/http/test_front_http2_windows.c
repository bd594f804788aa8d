/* Windows of flow control (RFC 9113 section 6.9), and what comes of streams that are closed. */
#include "common/buffer.h"
#include "proxy/http/http2_session.h"
#include "tests/support/http2_frames.h"
#include "tests/unit/cmocka_all.h"
#include "tests/unit/proxy/http/stage.h"

#include <string.h>

#define GET SLICE("\x82\x86\x84\x01\x04shop")
#define POST SLICE("\x83\x86\x84\x01\x04shop")
/* Answered at once. */
#define TRACE                                                                                      \
    SLICE("\x02\x05TRACE"                                                                          \
          "\x86\x84\x01\x04shop")

enum { FRAME_MAX_BYTES = 16 * 1024 };

struct client {
    struct player player;
    struct buffer sending;
    int64_t window; /* of the connection */
    size_t data_bytes;
    unsigned resets;
    unsigned settings_acks;
    bool has_goaway;
    uint32_t goaway_code;
};

static void connect_client(struct client *client, struct stage *stage)
{
    *client = (struct client){.player = stage_connect(stage), .window = 64 * 1024 - 1};
    buffer_append_slice(&client->sending, HTTP2_FRAMES_PREFACE);
}

static void close_client(struct client *client)
{
    buffer_clear(&client->sending);
    player_close(&client->player);
}

static void note_frame(struct client *client, const struct http2_frame *frame)
{
    switch (frame->type) {
    case HTTP2_FRAME_WINDOW_UPDATE:
        if (frame->stream == 0)
            client->window += http2_frame_number(frame);
        break;
    case HTTP2_FRAME_DATA:
        client->data_bytes += frame->payload.length;
        break;
    case HTTP2_FRAME_RST_STREAM:
        client->resets++;
        break;
    case HTTP2_FRAME_SETTINGS:
        client->settings_acks += (frame->flags & HTTP2_FLAG_ACK) != 0;
        break;
    case HTTP2_FRAME_GOAWAY:
        client->has_goaway = true;
        client->goaway_code = http2_frame_number(frame);
        break;
    default:
        break;
    }
}

static void turn(struct client *client)
{
    size_t sent = player_send_some(&client->player, client->sending.at, client->sending.length);
    buffer_consume(&client->sending, sent);
    stage_turn(client->player.stage);
    player_read(&client->player);
    struct http2_frame frame;
    while (http2_look_at_frame(&client->player.received, &frame)) {
        note_frame(client, &frame);
        http2_drop_frame(&client->player.received, &frame);
    }
}

#define WAIT(client, condition)                                                                    \
    do {                                                                                           \
        for (int turns_ = 0; !(condition); turns_++) {                                             \
            assert_true(turns_ < 2000);                                                            \
            turn(client);                                                                          \
        }                                                                                          \
    } while (0)

static void let_pass(struct client *client)
{
    for (int i = 0; i < 20; i++)
        turn(client);
}

static void put_settings(struct client *client, struct slice settings)
{
    http2_put_frame(&client->sending, HTTP2_FRAME_SETTINGS, 0, 0, settings);
}

static void put_head(struct client *client, uint32_t stream, uint8_t flags, struct slice block)
{
    http2_put_frame(&client->sending, HTTP2_FRAME_HEADERS, flags | HTTP2_FLAG_END_HEADERS, stream,
                    block);
}

static void put_zeros(struct client *client, uint32_t stream, size_t length)
{
    static const char zeros[FRAME_MAX_BYTES];
    while (length > 0) {
        size_t some = length < sizeof(zeros) ? length : sizeof(zeros);
        http2_put_frame(&client->sending, HTTP2_FRAME_DATA, 0, stream, slice_of(zeros, some));
        client->window -= (int64_t)some;
        length -= some;
    }
}

/* A stream that was answered while it was still open, and reset for that. */
static void have_one_reset(struct client *client, uint32_t stream)
{
    unsigned before = client->resets;
    put_head(client, stream, 0, TRACE);
    WAIT(client, client->resets > before);
}

/* --- what comes late ------------------------------------------------------------------------- */

static void what_comes_behind_a_reset_costs_the_connection_nothing(void **state)
{
    struct client client;
    connect_client(&client, *state);
    put_settings(&client, SLICE(""));

    for (uint32_t stream = 1; stream < 200; stream += 2) {
        have_one_reset(&client, stream);
        WAIT(&client, client.window >= HTTP2_STREAM_WINDOW_BYTES);
        put_zeros(&client, stream, HTTP2_STREAM_WINDOW_BYTES);
    }

    WAIT(&client, client.window >= HTTP2_CONNECTION_WINDOW_BYTES / 2);
    assert_false(client.has_goaway);
    close_client(&client);
}

static void what_was_cancelled_costs_the_connection_nothing(void **state)
{
    struct client client;
    connect_client(&client, *state);
    put_settings(&client, SLICE(""));

    for (uint32_t stream = 1; stream < 200; stream += 2) {
        put_head(&client, stream, 0, POST);
        WAIT(&client, client.window >= HTTP2_STREAM_WINDOW_BYTES);
        put_zeros(&client, stream, HTTP2_STREAM_WINDOW_BYTES); /* which nobody reads */
        http2_put_number(&client.sending, HTTP2_FRAME_RST_STREAM, stream, HTTP2_CANCEL);
    }

    WAIT(&client, client.window >= HTTP2_CONNECTION_WINDOW_BYTES / 2);
    assert_false(client.has_goaway);
    close_client(&client);
}

static void who_does_not_stop_is_told_that_the_stream_is_closed(void **state)
{
    struct client client;
    connect_client(&client, *state);
    put_settings(&client, SLICE(""));
    have_one_reset(&client, 1);

    put_zeros(&client, 1, 2 * HTTP2_STREAM_WINDOW_BYTES);
    let_pass(&client);
    assert_false(client.has_goaway);
    put_zeros(&client, 1, 1);

    WAIT(&client, client.has_goaway);
    assert_int_equal(client.goaway_code, HTTP2_STREAM_CLOSED);
    close_client(&client);
}

static void empty_frames_that_come_late_are_a_flood(void **state)
{
    struct client client;
    connect_client(&client, *state);
    put_settings(&client, SLICE(""));
    have_one_reset(&client, 1);

    for (int i = 0; i < HTTP2_FLOOD_IDLE_FRAMES / 2; i++)
        http2_put_data(&client.sending, 1, 0, "");
    let_pass(&client);
    assert_false(client.has_goaway);
    for (int i = 0; i < HTTP2_FLOOD_IDLE_FRAMES; i++)
        http2_put_data(&client.sending, 1, 0, "");

    WAIT(&client, client.has_goaway);
    assert_int_equal(client.goaway_code, HTTP2_ENHANCE_YOUR_CALM);
    close_client(&client);
}

/* What is beyond the limit before our SETTINGS have come to the client is refused; what it had
 * sent of it meanwhile is passed over, whichever stream has come since. */
static void what_was_sent_of_a_stream_that_is_refused_is_passed_over(void **state)
{
    struct client client;
    connect_client(&client, *state);
    put_settings(&client, SLICE(""));
    uint32_t refused = HTTP2_STREAMS_MAX * 2 + 1;

    for (uint32_t stream = 1; stream <= refused; stream += 2)
        put_head(&client, stream, 0, POST);
    http2_put_number(&client.sending, HTTP2_FRAME_RST_STREAM, 1, HTTP2_CANCEL);
    put_head(&client, refused + 2, 0, POST);
    put_zeros(&client, refused, 1000);
    http2_put_data(&client.sending, refused, HTTP2_FLAG_END_STREAM, "");

    WAIT(&client, client.resets > 0);
    let_pass(&client);
    assert_false(client.has_goaway);
    assert_int_equal(client.resets, 1);
    close_client(&client);
}

/* --- windows of the client ------------------------------------------------------------------- */

/* The answer to a GET, of `length` bytes. */
static void answer_with(struct stage *stage, struct player *endpoint, const char *body)
{
    *endpoint = stage_accept(stage, 0);
    player_expect(endpoint, "\r\n\r\n");
    char head[128];
    snprintf(head, sizeof(head), "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n", strlen(body));
    player_send(endpoint, head);
    player_send(endpoint, body);
}

static void the_last_of_several_values_counts(void **state)
{
    struct stage *stage = *state;
    struct client client;
    connect_client(&client, stage);
    put_settings(&client, SLICE("\0\x04\0\0\0\x64\0\x04\0\0\0\x01"));
    put_head(&client, 1, HTTP2_FLAG_END_STREAM, GET);
    let_pass(&client);
    struct player endpoint;
    answer_with(stage, &endpoint, "hello");

    WAIT(&client, client.data_bytes > 0);
    let_pass(&client);
    assert_int_equal(client.data_bytes, 1);
    assert_int_equal(client.settings_acks, 1);
    player_close(&endpoint);
    close_client(&client);
}

/* Streams that are open have their windows changed too, which may then be below nothing. */
static void a_window_may_shrink_below_what_was_sent(void **state)
{
    struct stage *stage = *state;
    struct client client;
    connect_client(&client, stage);
    put_settings(&client, SLICE("\0\x04\0\0\0\x03"));
    put_head(&client, 1, HTTP2_FLAG_END_STREAM, GET);
    let_pass(&client);
    struct player endpoint;
    answer_with(stage, &endpoint, "hello");
    WAIT(&client, client.data_bytes == 3);

    put_settings(&client, SLICE("\0\x04\0\0\0\x01"));
    http2_put_number(&client.sending, HTTP2_FRAME_WINDOW_UPDATE, 1, 2);
    WAIT(&client, client.settings_acks == 2);
    let_pass(&client);
    assert_int_equal(client.data_bytes, 3); /* 1 - 3 + 2 = 0 */

    put_settings(&client, SLICE("\0\x04\0\0\0\x02"));
    WAIT(&client, client.data_bytes == 4);
    let_pass(&client);
    assert_int_equal(client.data_bytes, 4);
    http2_put_number(&client.sending, HTTP2_FRAME_WINDOW_UPDATE, 1, 1);
    WAIT(&client, client.data_bytes == 5);
    player_close(&endpoint);
    close_client(&client);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, stage_set_up_and_start, stage_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_comes_behind_a_reset_costs_the_connection_nothing),
        TEST(what_was_cancelled_costs_the_connection_nothing),
        TEST(who_does_not_stop_is_told_that_the_stream_is_closed),
        TEST(empty_frames_that_come_late_are_a_flood),
        TEST(what_was_sent_of_a_stream_that_is_refused_is_passed_over),
        TEST(the_last_of_several_values_counts),
        TEST(a_window_may_shrink_below_what_was_sent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
