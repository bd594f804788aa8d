/* WebSockets to a service that speaks HTTP/2 (RFC 8441), of clients that speak either. */
#include "common/buffer.h"
#include "proxy/http/front_http1.h"
#include "tests/support/websocket_switch.h"
#include "tests/unit/cmocka_all.h"
#include "tests/unit/proxy/http/http2_endpoint.h"
#include "tests/unit/proxy/http/http2_scene.h"

#include <stdlib.h>
#include <string.h>

enum { NO_ERROR = 0, CANCEL = 8 };

#define HANDSHAKE                                                                                  \
    "GET /chat?a=b HTTP/1.1\r\nHost: shop\r\n" WEBSOCKET_SWITCH_FIELDS                             \
    "Sec-WebSocket-Protocol: chat\r\n\r\n"
#define CONNECT                                                                                    \
    ":method=CONNECT\n:protocol=websocket\n:scheme=http\n:authority=shop\n:path=/chat?a=b\n"       \
    "sec-websocket-version=13\n"

static const char get[] = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

static struct http2_endpoint accept_endpoint(struct stage *stage)
{
    return http2_endpoint_accept_saying(stage, 0, HTTP2_SETTING_ENABLE_CONNECT_PROTOCOL, 1);
}

static void assert_asked(struct http2_endpoint *endpoint)
{
    struct buffer *fields = &endpoint->fields;
    assert_contains(fields, ":method: CONNECT\n");
    assert_contains(fields, ":protocol: websocket\n");
    assert_contains(fields, ":scheme: http\n:authority: shop\n:path: /chat?a=b\n");
    assert_contains(fields, "sec-websocket-version: 13\n");
    assert_null(strstr(buffer_string(fields), "key"));
    assert_null(strstr(buffer_string(fields), "upgrade"));
    assert_null(strstr(buffer_string(fields), "connection"));
    assert_int_equal(endpoint->flags & HTTP2_FLAG_END_STREAM, 0);
}

static uint64_t open_tunnels(struct stage *stage)
{
    const struct worker_counters *counters = stage->worker->counters;
    return counter_read(&counters->tunnels_opened) - counter_read(&counters->tunnels_closed);
}

/* --- a client of HTTP/1 ---------------------------------------------------------------------- */

struct tunnel {
    struct player client;
    struct http2_endpoint endpoint;
    uint32_t stream;
};

static struct tunnel ask(struct stage *stage)
{
    struct tunnel tunnel = {.client = stage_connect(stage)};
    player_send(&tunnel.client, HANDSHAKE);
    tunnel.endpoint = accept_endpoint(stage);
    tunnel.stream = http2_endpoint_expect_head(&tunnel.endpoint);
    return tunnel;
}

static void answer(struct tunnel *tunnel)
{
    http2_endpoint_send_head(&tunnel->endpoint, tunnel->stream, false, ":status: 200\n");
    player_expect(&tunnel->client, "HTTP/1.1 101 Switching Protocols\r\n");
    player_expect(&tunnel->client, "\r\n\r\n");
}

static struct tunnel open_tunnel(struct stage *stage)
{
    struct tunnel tunnel = ask(stage);
    answer(&tunnel);
    return tunnel;
}

static void close_tunnel(struct tunnel *tunnel)
{
    player_close(&tunnel->client);
    http2_endpoint_close(&tunnel->endpoint);
}

static void a_handshake_becomes_a_connect_and_its_answer_a_switch(void **state)
{
    struct tunnel tunnel = ask(*state);
    assert_asked(&tunnel.endpoint);
    assert_contains(&tunnel.endpoint.fields, "sec-websocket-protocol: chat\n");
    player_expect_nothing(&tunnel.client);

    http2_endpoint_send_head(&tunnel.endpoint, tunnel.stream, false,
                             ":status: 200\nsec-websocket-protocol: chat\n"
                             "sec-websocket-accept: of nothing\n");

    player_expect(&tunnel.client,
                  "HTTP/1.1 101 Switching Protocols\r\n"
                  "sec-websocket-protocol: chat\r\n"
                  "sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n" STAGE_DATE
                  "connection: upgrade\r\nupgrade: websocket\r\n\r\n");
    assert_int_equal(open_tunnels(*state), 1);
    close_tunnel(&tunnel);
}

static void bytes_go_both_ways_as_they_are(void **state)
{
    struct tunnel tunnel = open_tunnel(*state);
    player_send(&tunnel.client, "GET / HTTP/1.1\r\n\r\n");
    http2_endpoint_expect_data(&tunnel.endpoint, tunnel.stream, "GET / HTTP/1.1\r\n\r\n", false);
    http2_endpoint_send_data(&tunnel.endpoint, tunnel.stream, false, "HTTP/1.1 200 OK\r\n\r\n");
    player_expect(&tunnel.client, "HTTP/1.1 200 OK\r\n\r\n");
    player_send(&tunnel.client, "more");
    http2_endpoint_expect_data(&tunnel.endpoint, tunnel.stream, "more", false);
    close_tunnel(&tunnel);
}

static void what_comes_early_waits_for_the_switch(void **state)
{
    struct stage *stage = *state;
    struct tunnel tunnel = {.client = stage_connect(stage)};
    player_send(&tunnel.client, HANDSHAKE "early");
    tunnel.endpoint = accept_endpoint(stage);
    tunnel.stream = http2_endpoint_expect_head(&tunnel.endpoint);
    for (int i = 0; i < 20; i++)
        stage_turn(stage);
    player_read(&tunnel.endpoint.player);
    assert_null(strstr(buffer_string(&tunnel.endpoint.player.received), "early"));

    answer(&tunnel);

    http2_endpoint_expect_data(&tunnel.endpoint, tunnel.stream, "early", false);
    close_tunnel(&tunnel);
}

static void an_answer_and_bytes_behind_it_come_together(void **state)
{
    struct tunnel tunnel = ask(*state);
    struct buffer frames = BUFFER_EMPTY;
    http2_put_head(&tunnel.endpoint.coder, &frames, tunnel.stream, 0, ":status: 103\nlink: x\n");
    http2_put_head(&tunnel.endpoint.coder, &frames, tunnel.stream, 0, ":status: 201\n");
    http2_put_data(&frames, tunnel.stream, 0, "hello");
    http2_put_data(&frames, tunnel.stream, HTTP2_FLAG_END_STREAM, " and bye");
    http2_endpoint_send(&tunnel.endpoint, &frames);

    player_expect(&tunnel.client, "HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n");
    player_expect(&tunnel.client, "HTTP/1.1 101 Switching Protocols\r\n");
    player_expect(&tunnel.client, "\r\n\r\nhello and bye");
    player_expect_end(&tunnel.client);
    http2_endpoint_expect_reset(&tunnel.endpoint, tunnel.stream, NO_ERROR);
    assert_int_equal(open_tunnels(*state), 0);
    close_tunnel(&tunnel);
}

static void another_answer_is_an_ordinary_one(void **state)
{
    struct tunnel tunnel = ask(*state);
    http2_endpoint_send_head(&tunnel.endpoint, tunnel.stream, false,
                             ":status: 403\ncontent-length: 2\n");
    http2_endpoint_send_data(&tunnel.endpoint, tunnel.stream, true, "no");

    player_expect(&tunnel.client,
                  "HTTP/1.1 403 Forbidden\r\n" STAGE_DATE "content-length: 2\r\n\r\nno");
    http2_endpoint_expect_reset(&tunnel.endpoint, tunnel.stream, NO_ERROR);
    assert_int_equal(open_tunnels(*state), 0);
    close_tunnel(&tunnel);
}

/* --- when it may be asked for ---------------------------------------------------------------- */

static void it_is_asked_for_when_settings_have_come(void **state)
{
    struct stage *stage = *state;
    struct player websocket = stage_connect(stage);
    player_send(&websocket, HANDSHAKE);
    struct http2_endpoint endpoint = http2_endpoint_accept_silently(stage, 0);
    struct player other = stage_connect(stage);
    player_send(&other, get);
    http2_endpoint_expect_head(&endpoint); /* a request need not wait */
    assert_contains(&endpoint.fields, ":method: GET\n");

    struct buffer frames = BUFFER_EMPTY;
    http2_put_setting(&frames, HTTP2_SETTING_ENABLE_CONNECT_PROTOCOL, 1);
    http2_endpoint_send(&endpoint, &frames);

    http2_endpoint_expect_head(&endpoint);
    assert_asked(&endpoint);
    player_close(&other);
    player_close(&websocket);
    http2_endpoint_close(&endpoint);
}

static void expect_502(struct stage *stage, struct player *client)
{
    player_expect(client, "HTTP/1.1 502 Bad Gateway\r\n");
    player_expect(client, "The service does not take WebSockets over HTTP/2.");
    assert_int_equal(open_tunnels(stage), 0);
}

static void who_does_not_take_it_is_not_asked(void **state)
{
    struct stage *stage = *state;
    struct player websocket = stage_connect(stage);
    player_send(&websocket, HANDSHAKE);
    struct http2_endpoint endpoint = http2_endpoint_accept(stage, 0);
    expect_502(stage, &websocket);

    /* Nor when that is known, and the connection goes on. */
    struct player other = stage_connect(stage);
    player_send(&other, HANDSHAKE);
    expect_502(stage, &other);
    struct player third = stage_connect(stage);
    player_send(&third, get);
    uint32_t stream = http2_endpoint_expect_head(&endpoint);
    http2_endpoint_send_head(&endpoint, stream, true, ":status: 200\n");
    player_expect(&third, "HTTP/1.1 200 OK\r\n");
    player_close(&websocket);
    player_close(&other);
    player_close(&third);
    http2_endpoint_close(&endpoint);
}

static void settings_that_never_come_are_a_connection_that_never_stands(void **state)
{
    struct stage *stage = *state;
    struct player client = stage_connect(stage);
    player_send(&client, HANDSHAKE);
    struct http2_endpoint endpoint = http2_endpoint_accept_silently(stage, 0);
    stage_advance(stage, 10 * 1000);
    player_expect(&client, "HTTP/1.1 503 Service Unavailable\r\n");
    player_expect(&client, "Connecting to the service took too long.");
    player_expect_gone(&endpoint.player);
    player_close(&client);
    http2_endpoint_close(&endpoint);
}

static void who_leaves_before_settings_is_forgotten(void **state)
{
    struct stage *stage = *state;
    struct player client = stage_connect(stage);
    player_send(&client, HANDSHAKE);
    struct http2_endpoint endpoint = http2_endpoint_accept_silently(stage, 0);
    player_reset(&client);
    struct player other = stage_connect(stage);
    player_send(&other, get);
    uint32_t stream = http2_endpoint_expect_head(&endpoint);
    struct buffer frames = BUFFER_EMPTY;
    http2_put_setting(&frames, HTTP2_SETTING_ENABLE_CONNECT_PROTOCOL, 1);
    http2_endpoint_send(&endpoint, &frames);
    http2_endpoint_send_head(&endpoint, stream, true, ":status: 200\n");
    player_expect(&other, "HTTP/1.1 200 OK\r\n");
    player_close(&other);
    http2_endpoint_close(&endpoint);
}

static void a_websocket_is_a_stream_of_its_connection(void **state)
{
    struct stage *stage = *state;
    struct tunnel tunnel = open_tunnel(stage);
    struct buffer frames = BUFFER_EMPTY;
    http2_put_setting(&frames, HTTP2_SETTING_MAX_CONCURRENT_STREAMS, 1);
    http2_endpoint_send(&tunnel.endpoint, &frames);
    http2_endpoint_expect(&tunnel.endpoint, HTTP2_FRAME_SETTINGS);

    struct player other = stage_connect(stage);
    player_send(&other, get);
    struct http2_endpoint second = accept_endpoint(stage);
    http2_endpoint_expect_head(&second);
    player_close(&other);
    http2_endpoint_close(&second);
    close_tunnel(&tunnel);
}

/* --- the end --------------------------------------------------------------------------------- */

static void a_client_that_finishes_may_still_be_answered(void **state)
{
    struct tunnel tunnel = open_tunnel(*state);
    player_send(&tunnel.client, "bye");
    player_finish_sending(&tunnel.client);
    http2_endpoint_expect_data(&tunnel.endpoint, tunnel.stream, "bye", true);
    assert_int_equal(open_tunnels(*state), 1);

    http2_endpoint_send_data(&tunnel.endpoint, tunnel.stream, true, "and bye");

    player_expect(&tunnel.client, "and bye");
    player_expect_end(&tunnel.client);
    assert_int_equal(open_tunnels(*state), 0);
    close_tunnel(&tunnel);
}

static void an_endpoint_that_finishes_ends_it(void **state)
{
    struct tunnel tunnel = open_tunnel(*state);
    http2_endpoint_send_data(&tunnel.endpoint, tunnel.stream, true, "bye");
    player_expect(&tunnel.client, "bye");
    player_expect_end(&tunnel.client);
    http2_endpoint_expect_reset(&tunnel.endpoint, tunnel.stream, NO_ERROR);
    assert_int_equal(open_tunnels(*state), 0);
    close_tunnel(&tunnel);
}

static void a_client_that_leaves_resets_the_stream(void **state)
{
    struct tunnel tunnel = open_tunnel(*state);
    player_reset(&tunnel.client);
    http2_endpoint_expect_reset(&tunnel.endpoint, tunnel.stream, CANCEL);
    assert_int_equal(open_tunnels(*state), 0);
    http2_endpoint_close(&tunnel.endpoint);
}

static void an_endpoint_that_breaks_off_resets_the_client(void **state)
{
    struct tunnel tunnel = open_tunnel(*state);
    http2_endpoint_send_reset(&tunnel.endpoint, tunnel.stream, CANCEL);
    player_expect_reset(&tunnel.client);
    assert_int_equal(open_tunnels(*state), 0);
    close_tunnel(&tunnel);

    tunnel = open_tunnel(*state);
    player_reset(&tunnel.endpoint.player);
    player_expect_reset(&tunnel.client);
    close_tunnel(&tunnel);
}

static void an_idle_tunnel_is_closed_after_its_time(void **state)
{
    struct stage *stage = *state;
    struct tunnel tunnel = open_tunnel(stage);
    stage_advance(stage, stage->shared.http.tunnel_idle_timeout_ms - 1000);
    player_send(&tunnel.client, "still here");
    http2_endpoint_expect_data(&tunnel.endpoint, tunnel.stream, "still here", false);
    stage_advance(stage, stage->shared.http.tunnel_idle_timeout_ms - 1000);
    assert_int_equal(open_tunnels(stage), 1);
    stage_advance(stage, 1000);
    player_expect_end(&tunnel.client);
    http2_endpoint_expect_reset(&tunnel.endpoint, tunnel.stream, CANCEL);
    close_tunnel(&tunnel);
}

/* --- memory ---------------------------------------------------------------------------------- */

/* Sends what the windows of the stream allow, until they allow no more. */
static void send_what_is_allowed(struct tunnel *tunnel)
{
    static const char zeros[1024];
    struct player *player = &tunnel->endpoint.player;
    struct buffer frames = BUFFER_EMPTY;
    size_t allowed = HTTP2_RESPONSE_WINDOW_BYTES;
    for (int idle = 0; idle < 50; idle++) {
        struct http2_frame frame;
        stage_turn(player->stage);
        player_read(player);
        for (; http2_look_at_frame(&player->received, &frame);
             http2_drop_frame(&player->received, &frame)) {
            if (frame.type == HTTP2_FRAME_WINDOW_UPDATE && frame.stream == tunnel->stream)
                allowed += http2_frame_number(&frame);
        }
        for (; allowed >= sizeof(zeros); allowed -= sizeof(zeros), idle = 0)
            http2_put_frame(&frames, HTTP2_FRAME_DATA, 0, tunnel->stream,
                            slice_of(zeros, sizeof(zeros)));
        http2_endpoint_send(&tunnel->endpoint, &frames);
    }
}

static void a_client_that_does_not_read_gets_a_window_and_no_more(void **state)
{
    struct stage *stage = *state;
    struct tunnel tunnel = open_tunnel(stage);

    send_what_is_allowed(&tunnel);

    const struct front_http1 *front = stage_front(stage);
    assert_in_range(body_pipe_waiting(&front->exchange->response_body).length, 1,
                    BODY_PIPE_HIGH_BYTES + HTTP2_STREAM_WINDOW_BYTES);
    close_tunnel(&tunnel);
}

/* --- a client of HTTP/2 ---------------------------------------------------------------------- */

static void from_http2_to_http2(void **state)
{
    struct scene *scene = *state;
    struct stream *client = pair_request(&scene->pair, CONNECT, true);
    pair_put(client, "early");
    struct http2_endpoint endpoint = accept_endpoint(scene->stage);
    uint32_t stream = http2_endpoint_expect_head(&endpoint);
    assert_asked(&endpoint);

    http2_endpoint_send_head(&endpoint, stream, false, ":status: 200\nsec-websocket-protocol: c\n");
    PAIR_WAIT(&scene->pair, client->heads == 1);
    assert_string_equal(buffer_string(&client->fields),
                        ":status=200\nsec-websocket-protocol=c\ndate=" STAGE_DATE_VALUE "\n");
    http2_endpoint_expect_data(&endpoint, stream, "early", false);
    http2_endpoint_send_data(&endpoint, stream, false, "hello");
    PAIR_WAIT(&scene->pair, client->in.bytes.length == 5);
    pair_put(client, " and bye");
    pair_finish(client);
    http2_endpoint_expect_data(&endpoint, stream, " and bye", true);
    http2_endpoint_send_data(&endpoint, stream, true, " bye");

    PAIR_WAIT(&scene->pair, client->is_closed);
    assert_int_equal(client->error, NO_ERROR);
    assert_string_equal(buffer_string(&client->in.bytes), "hello bye");
    assert_int_equal(open_tunnels(scene->stage), 0);
    http2_endpoint_close(&endpoint);
}

static void from_http2_to_who_does_not_take_it(void **state)
{
    struct scene *scene = *state;
    struct stream *client = pair_request(&scene->pair, CONNECT, true);
    struct http2_endpoint endpoint = http2_endpoint_accept(scene->stage, 0);
    PAIR_WAIT(&scene->pair, client->is_closed);
    assert_contains(&client->fields, ":status=502\n");
    assert_int_equal(open_tunnels(scene->stage), 0);
    http2_endpoint_close(&endpoint);
}

static void a_reset_reaches_the_other_side(void **state)
{
    struct scene *scene = *state;
    struct stream *client = pair_request(&scene->pair, CONNECT, true);
    struct http2_endpoint endpoint = accept_endpoint(scene->stage);
    uint32_t stream = http2_endpoint_expect_head(&endpoint);
    http2_endpoint_send_head(&endpoint, stream, false, ":status: 200\n");
    PAIR_WAIT(&scene->pair, client->heads == 1);
    http2_stream_reset(&client->http2, HTTP2_CANCEL);
    http2_endpoint_expect_reset(&endpoint, stream, CANCEL);

    client = pair_request(&scene->pair, CONNECT, true);
    stream = http2_endpoint_expect_head(&endpoint);
    http2_endpoint_send_head(&endpoint, stream, false, ":status: 200\n");
    PAIR_WAIT(&scene->pair, client->heads == 1);
    http2_endpoint_send_reset(&endpoint, stream, CANCEL);
    PAIR_WAIT(&scene->pair, client->is_closed);
    assert_int_equal(client->error, HTTP2_CANCEL);
    http2_endpoint_close(&endpoint);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, http2_endpoint_set_up, stage_tear_down)
#define SCENE(name) cmocka_unit_test_setup_teardown(name, scene_set_up_http2, scene_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_handshake_becomes_a_connect_and_its_answer_a_switch),
        TEST(bytes_go_both_ways_as_they_are),
        TEST(what_comes_early_waits_for_the_switch),
        TEST(an_answer_and_bytes_behind_it_come_together),
        TEST(another_answer_is_an_ordinary_one),
        TEST(it_is_asked_for_when_settings_have_come),
        TEST(who_does_not_take_it_is_not_asked),
        TEST(settings_that_never_come_are_a_connection_that_never_stands),
        TEST(who_leaves_before_settings_is_forgotten),
        TEST(a_websocket_is_a_stream_of_its_connection),
        TEST(a_client_that_finishes_may_still_be_answered),
        TEST(an_endpoint_that_finishes_ends_it),
        TEST(a_client_that_leaves_resets_the_stream),
        TEST(an_endpoint_that_breaks_off_resets_the_client),
        TEST(an_idle_tunnel_is_closed_after_its_time),
        TEST(a_client_that_does_not_read_gets_a_window_and_no_more),
        SCENE(from_http2_to_http2),
        SCENE(from_http2_to_who_does_not_take_it),
        SCENE(a_reset_reaches_the_other_side),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
