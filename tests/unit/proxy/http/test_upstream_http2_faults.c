/* Endpoints of HTTP/2 that break rules, break off, or flood: what the client is told, and who else
 * is hurt. */
#include "common/buffer.h"
#include "tests/unit/cmocka_all.h"
#include "tests/unit/proxy/http/http2_endpoint.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PROTOCOL_ERROR = 1, INTERNAL_ERROR = 2, CANCEL = 8, HTTP_1_1_REQUIRED = 13 };

static const char get[] = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
static const char post[] = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi";

#define OK_FIELDS ":status: 200\n"
#define OK "HTTP/1.1 200 OK\r\n" STAGE_DATE "content-length: 0\r\n\r\n"

static struct http2_endpoint forward(struct player *client, const char *request)
{
    player_send(client, request);
    struct http2_endpoint endpoint = http2_endpoint_accept(client->stage, 0);
    http2_endpoint_expect_head(&endpoint);
    return endpoint;
}

static void answer(struct player *client, struct http2_endpoint *endpoint, uint32_t stream)
{
    http2_endpoint_send_head(endpoint, stream, true, OK_FIELDS);
    player_expect(client, OK);
}

/* The same connection serves the next request. */
static void assert_still_serves(struct stage *stage, struct http2_endpoint *endpoint)
{
    struct player client = stage_connect(stage);
    player_send(&client, get);
    answer(&client, endpoint, http2_endpoint_expect_head(endpoint));
    player_close(&client);
}

static void leave(struct player *client, struct http2_endpoint *endpoint)
{
    player_close(client);
    http2_endpoint_close(endpoint);
}

/* --- heads ----------------------------------------------------------------------------------- */

static void a_head_that_breaks_a_rule_is_a_bad_gateway(void **state)
{
    static const char *const heads[] = {
        "content-type: text/plain\n",
        ":status: 20\n",
        ":status: 2000\n",
        ":status: abc\n",
        ":status: 600\n",
        ":status: 099\n",
        ":status: 101\n",
        ":status: 200\n:status: 200\n",
        ":status: 200\n:path: /\n",
        ":status: 200\n:other: /\n",
        "x-a: b\n:status: 200\n",
        ":status: 200\nX-Upper: a\n",
        ":status: 200\nx a: b\n",
        ":status: 200\nx-a: b\rc\n",
        ":status: 200\nx-a: b\x01\n",
        ":status: 200\nconnection: close\n",
        ":status: 200\nkeep-alive: 1\n",
        ":status: 200\nproxy-connection: close\n",
        ":status: 200\ntransfer-encoding: chunked\n",
        ":status: 200\nupgrade: h2c\n",
        ":status: 200\ncontent-length: +3\n",
        ":status: 200\ncontent-length: 3\ncontent-length: 3\n",
        ":status: 200\ncontent-length: 99999999999999999999\n",
    };
    for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
        struct player client = stage_connect(*state);
        struct http2_endpoint endpoint = forward(&client, get);

        http2_endpoint_send_head(&endpoint, 1, false, heads[i]);

        player_expect(&client, "HTTP/1.1 502 Bad Gateway\r\n");
        player_expect(&client, "The service's answer is not valid HTTP.\n");
        http2_endpoint_expect_reset(&endpoint, 1, PROTOCOL_ERROR);
        assert_still_serves(*state, &endpoint);
        leave(&client, &endpoint);
    }
}

static void a_body_of_another_length_than_announced_is_never_complete(void **state)
{
    static const struct {
        const char *length, *body;
    } cases[] = {{"3", "ab"}, {"3", "abcd"}, {"0", "a"}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct player client = stage_connect(*state);
        struct http2_endpoint endpoint = forward(&client, get);
        char fields[64];
        snprintf(fields, sizeof(fields), OK_FIELDS "content-length: %s\n", cases[i].length);
        http2_endpoint_send_head(&endpoint, 1, false, fields);
        player_expect(&client, "\r\n\r\n");

        http2_endpoint_send_data(&endpoint, 1, true, cases[i].body);

        player_expect_gone(&client);
        http2_endpoint_expect_reset(&endpoint, 1, PROTOCOL_ERROR);
        assert_still_serves(*state, &endpoint);
        leave(&client, &endpoint);
    }
}

static void a_body_where_there_may_be_none_is_not_passed_on(void **state)
{
    struct player client = stage_connect(*state);
    struct http2_endpoint endpoint = forward(&client, "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n");
    http2_endpoint_send_head(&endpoint, 1, false, OK_FIELDS);
    http2_endpoint_send_data(&endpoint, 1, true, "body");

    player_expect(&client, "HTTP/1.1 200 OK\r\n" STAGE_DATE "\r\n");
    player_expect_end(&client);
    leave(&client, &endpoint);
}

/* `count` fields of `length` bytes each. */
static char *many_fields(unsigned count, unsigned length)
{
    struct buffer text = BUFFER_EMPTY;
    buffer_append_string(&text, OK_FIELDS);
    for (unsigned i = 0; i < count; i++) {
        buffer_printf(&text, "x-%u: ", i);
        for (unsigned j = 0; j < length; j++)
            buffer_append_char(&text, 'a');
        buffer_append_char(&text, '\n');
    }
    char *copy = memory_duplicate_string(buffer_string(&text));
    buffer_clear(&text);
    return copy;
}

static void heads_beyond_the_limits_are_refused(void **state)
{
    static const struct {
        unsigned count, length;
        bool is_good;
    } cases[] = {{256, 10, true}, {257, 10, false}, {15, 4000, true}, {18, 4000, false}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct player client = stage_connect(*state);
        struct http2_endpoint endpoint = forward(&client, get);
        char *fields = many_fields(cases[i].count, cases[i].length);
        struct buffer frames = BUFFER_EMPTY;
        http2_put_long_head(&endpoint.coder, &frames, 1, HTTP2_FLAG_END_STREAM, fields);
        http2_endpoint_send(&endpoint, &frames);

        player_expect(&client, cases[i].is_good ? "HTTP/1.1 200 OK\r\n" : "HTTP/1.1 502 ");
        free(fields);
        leave(&client, &endpoint);
    }
}

static void interim_heads_without_end_are_refused(void **state)
{
    struct player client = stage_connect(*state);
    struct http2_endpoint endpoint = forward(&client, get);
    for (int i = 0; i < 17; i++)
        http2_endpoint_send_head(&endpoint, 1, false, ":status: 103\nlink: </a>\n");

    player_expect(&client, "HTTP/1.1 502 Bad Gateway\r\n");
    http2_endpoint_expect_reset(&endpoint, 1, PROTOCOL_ERROR);
    assert_still_serves(*state, &endpoint);
    leave(&client, &endpoint);
}

/* --- broken off ------------------------------------------------------------------------------ */

static void a_reset_before_the_head_says_what_the_client_is_told(void **state)
{
    static const struct {
        uint32_t error;
        const char *status;
    } cases[] = {
        {PROTOCOL_ERROR, "HTTP/1.1 502 "},
        {HTTP_1_1_REQUIRED, "HTTP/1.1 502 "},
        {INTERNAL_ERROR, "HTTP/1.1 503 "},
        {CANCEL, "HTTP/1.1 503 "},
        {0, "HTTP/1.1 503 "},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct player client = stage_connect(*state);
        struct http2_endpoint endpoint = forward(&client, get);
        http2_endpoint_send_reset(&endpoint, 1, cases[i].error);
        player_expect(&client, cases[i].status);
        assert_still_serves(*state, &endpoint);
        leave(&client, &endpoint);
    }
}

static void a_reset_in_the_body_cuts_the_answer(void **state)
{
    struct player client = stage_connect(*state);
    struct http2_endpoint endpoint = forward(&client, get);
    http2_endpoint_send_head(&endpoint, 1, false, OK_FIELDS);
    http2_endpoint_send_data(&endpoint, 1, false, "abc");
    player_expect(&client, "3\r\nabc\r\n");

    http2_endpoint_send_reset(&endpoint, 1, INTERNAL_ERROR);

    player_expect_gone(&client);
    assert_true(strstr(buffer_string(&client.received), "0\r\n\r\n") == NULL);
    assert_still_serves(*state, &endpoint);
    leave(&client, &endpoint);
}

static void a_connection_that_ends_fails_what_is_on_it(void **state)
{
    struct player client = stage_connect(*state);
    struct player other = stage_connect(*state);
    struct http2_endpoint endpoint = forward(&client, get);
    player_send(&other, get);
    http2_endpoint_expect_head(&endpoint);
    http2_endpoint_send_head(&endpoint, 1, false, OK_FIELDS);
    http2_endpoint_send_data(&endpoint, 1, false, "abc");
    player_expect(&client, "3\r\nabc\r\n");

    http2_endpoint_close(&endpoint);

    player_expect_gone(&client);
    player_expect(&other, "HTTP/1.1 503 Service Unavailable\r\n");
    player_close(&client);
    player_close(&other);
}

static void what_a_used_connection_takes_with_it_is_sent_again_if_it_does_no_harm(void **state)
{
    static const char *const requests[] = {get, post};
    for (size_t i = 0; i < 2; i++) {
        struct player client = stage_connect(*state);
        struct http2_endpoint first = forward(&client, get);
        answer(&client, &first, 1);
        player_send(&client, requests[i]);
        http2_endpoint_expect_head(&first);
        http2_endpoint_close(&first);

        if (i == 0) {
            struct http2_endpoint second = http2_endpoint_accept(*state, 0);
            answer(&client, &second, http2_endpoint_expect_head(&second));
            http2_endpoint_close(&second);
        } else {
            player_expect(&client, "HTTP/1.1 503 Service Unavailable\r\n");
        }
        player_close(&client);
    }
}

static void an_endpoint_that_speaks_something_else_is_a_failure(void **state)
{
    struct player client = stage_connect(*state);
    player_send(&client, get);
    struct player endpoint = stage_accept(*state, 0);
    player_expect(&endpoint, HTTP2_FRAMES_PREFACE.at);

    player_send(&endpoint, "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");

    player_expect(&client, "HTTP/1.1 503 Service Unavailable\r\n");
    player_close(&client);
    player_close(&endpoint);
}

static void nobody_listening_is_a_failure(void **state)
{
    stage_stop_endpoint(*state, 0);
    struct player client = stage_connect(*state);
    player_send(&client, get);
    player_expect(&client, "HTTP/1.1 503 Service Unavailable\r\n");
    player_expect(&client, "The service does not accept connections.\n");
    player_close(&client);
}

/* --- floods ---------------------------------------------------------------------------------- */

enum { FLOOD_FRAMES = 20000, PIECE_FRAMES = 50 };

/* Sends the same frame until the proxy has closed the connection. */
static void flood(struct http2_endpoint *endpoint, const struct buffer *frame)
{
    struct player *player = &endpoint->player;
    for (int i = 0; i < FLOOD_FRAMES / PIECE_FRAMES; i++) {
        for (int j = 0; j < PIECE_FRAMES; j++)
            player_send_some(player, frame->at, frame->length);
        stage_turn(player->stage);
        player_read(player);
        if (player->has_ended || player->was_reset)
            return;
    }
    fail_msg("the flood was taken");
}

static void floods_end_the_connection_and_nothing_else(void **state)
{
    static const struct {
        uint8_t type, flags;
        uint32_t stream;
        const char payload[9];
        uint8_t length;
    } floods[] = {
        {HTTP2_FRAME_PING, 0, 0, "pingpong", 8},
        {HTTP2_FRAME_SETTINGS, 0, 0, "", 0},
        {HTTP2_FRAME_WINDOW_UPDATE, 0, 0, "\0\0\0\1", 4},
        {HTTP2_FRAME_PRIORITY, 0, 1, "\0\0\0\0\1", 5},
        {HTTP2_FRAME_DATA, 0, 1, "", 0},
        {0xbe, 0, 0, "", 0},
    };
    for (size_t i = 0; i < sizeof(floods) / sizeof(floods[0]); i++) {
        struct player client = stage_connect(*state);
        struct http2_endpoint endpoint = forward(&client, get);
        http2_endpoint_send_head(&endpoint, 1, false, OK_FIELDS);
        player_expect(&client, "\r\n\r\n");
        struct buffer frame = BUFFER_EMPTY;
        http2_put_frame(&frame, floods[i].type, floods[i].flags, floods[i].stream,
                        slice_of(floods[i].payload, floods[i].length));

        flood(&endpoint, &frame);

        player_expect_gone(&client);
        buffer_clear(&frame);
        leave(&client, &endpoint);
        struct player next = stage_connect(*state);
        struct http2_endpoint fresh = forward(&next, get);
        answer(&next, &fresh, 1);
        leave(&next, &fresh);
    }
}

static void continuations_without_end_end_the_connection(void **state)
{
    struct player client = stage_connect(*state);
    struct http2_endpoint endpoint = forward(&client, get);
    struct buffer frame = BUFFER_EMPTY;
    http2_put_frame(&frame, HTTP2_FRAME_HEADERS, 0, 1, SLICE("\x88"));
    http2_endpoint_send(&endpoint, &frame);
    http2_put_frame(&frame, HTTP2_FRAME_CONTINUATION, 0, 1, SLICE("\x88"));

    flood(&endpoint, &frame);

    player_expect(&client, "HTTP/1.1 503 Service Unavailable\r\n");
    buffer_clear(&frame);
    leave(&client, &endpoint);
}

static void pushed_responses_end_the_connection(void **state)
{
    struct player client = stage_connect(*state);
    struct http2_endpoint endpoint = forward(&client, get);
    struct buffer frame = BUFFER_EMPTY;
    http2_put_frame(&frame, HTTP2_FRAME_PUSH_PROMISE, HTTP2_FLAG_END_HEADERS, 1,
                    SLICE("\0\0\0\2\x82\x86\x84"));
    http2_endpoint_send(&endpoint, &frame);

    player_expect(&client, "HTTP/1.1 503 Service Unavailable\r\n");
    leave(&client, &endpoint);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, http2_endpoint_set_up, stage_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_head_that_breaks_a_rule_is_a_bad_gateway),
        TEST(a_body_of_another_length_than_announced_is_never_complete),
        TEST(a_body_where_there_may_be_none_is_not_passed_on),
        TEST(heads_beyond_the_limits_are_refused),
        TEST(interim_heads_without_end_are_refused),
        TEST(a_reset_before_the_head_says_what_the_client_is_told),
        TEST(a_reset_in_the_body_cuts_the_answer),
        TEST(a_connection_that_ends_fails_what_is_on_it),
        TEST(what_a_used_connection_takes_with_it_is_sent_again_if_it_does_no_harm),
        TEST(an_endpoint_that_speaks_something_else_is_a_failure),
        TEST(nobody_listening_is_a_failure),
        TEST(floods_end_the_connection_and_nothing_else),
        TEST(continuations_without_end_end_the_connection),
        TEST(pushed_responses_end_the_connection),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
