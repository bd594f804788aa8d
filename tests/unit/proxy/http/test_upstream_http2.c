/* A client of HTTP/1 and an endpoint of HTTP/2: what each hears of the other. */
#include "common/buffer.h"
#include "tests/unit/cmocka_all.h"
#include "tests/unit/proxy/http/http2_endpoint.h"

#include <stdlib.h>
#include <string.h>

enum { NO_ERROR = 0, CANCEL = 8 };

static const char get[] = "GET /a?b=c HTTP/1.1\r\nHost: shop.example:8080\r\n\r\n";

#define OK_FIELDS ":status: 200\n"

/* The endpoint has the head of the client's request. */
static struct http2_endpoint forward(struct player *client, const char *request, uint32_t *stream)
{
    player_send(client, request);
    struct http2_endpoint endpoint = http2_endpoint_accept(client->stage, 0);
    *stream = http2_endpoint_expect_head(&endpoint);
    return endpoint;
}

static void leave(struct player *client, struct http2_endpoint *endpoint)
{
    player_close(client);
    http2_endpoint_close(endpoint);
}

static void assert_field(const struct http2_endpoint *endpoint, const char *line)
{
    struct buffer fields = endpoint->fields;
    if (strstr(buffer_string(&fields), line) == NULL)
        fail_msg("no \"%s\" in \"%s\"", line, buffer_string(&fields));
}

static void assert_no_field(const struct http2_endpoint *endpoint, const char *text)
{
    struct buffer fields = endpoint->fields;
    if (strstr(buffer_string(&fields), text) != NULL)
        fail_msg("\"%s\" in \"%s\"", text, buffer_string(&fields));
}

/* --- requests -------------------------------------------------------------------------------- */

static void a_request_is_a_stream(void **state)
{
    struct player client = stage_connect(*state);
    uint32_t stream;

    struct http2_endpoint endpoint = forward(&client, get, &stream);

    assert_int_equal(stream, 1);
    assert_true(endpoint.flags & HTTP2_FLAG_END_STREAM);
    struct buffer *fields = &endpoint.fields;
    assert_ptr_equal(strstr(buffer_string(fields),
                            ":method: GET\n:scheme: http\n"
                            ":authority: shop.example:8080\n:path: /a?b=c\n"),
                     buffer_string(fields));
    assert_no_field(&endpoint, "\nhost:");
    assert_no_field(&endpoint, "content-length");
    assert_no_field(&endpoint, "\nte:");
    leave(&client, &endpoint);
}

static void what_belongs_to_the_connection_stays_behind(void **state)
{
    struct player client = stage_connect(*state);
    uint32_t stream;

    struct http2_endpoint endpoint =
        forward(&client,
                "GET / HTTP/1.1\r\nHost: a\r\nConnection: x-hop, te\r\nX-Hop: 1\r\n"
                "TE: trailers, gzip\r\nKeep-Alive: 1\r\nUpgrade: h2c\r\nX-Kept: Two Words\r\n"
                "Cookie: a=1\r\nCookie: b=2\r\n\r\n",
                &stream);

    assert_no_field(&endpoint, "x-hop");
    assert_no_field(&endpoint, "connection");
    assert_no_field(&endpoint, "keep-alive");
    assert_no_field(&endpoint, "upgrade");
    assert_field(&endpoint, "\nte: trailers\n");
    assert_field(&endpoint, "\nx-kept: Two Words\n");
    assert_field(&endpoint, "\ncookie: a=1\n");
    assert_field(&endpoint, "\ncookie: b=2\n");
    leave(&client, &endpoint);
}

static void a_body_of_known_length_keeps_it(void **state)
{
    struct player client = stage_connect(*state);
    uint32_t stream;
    struct http2_endpoint endpoint =
        forward(&client, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 8\r\n\r\n", &stream);

    assert_false(endpoint.flags & HTTP2_FLAG_END_STREAM);
    assert_field(&endpoint, "\ncontent-length: 8\n");
    player_send(&client, "ques");
    http2_endpoint_expect_data(&endpoint, stream, "ques", false);
    player_send(&client, "tion");
    http2_endpoint_expect_data(&endpoint, stream, "tion", true);
    leave(&client, &endpoint);
}

static void an_empty_body_ends_with_the_head(void **state)
{
    struct player client = stage_connect(*state);
    uint32_t stream;
    struct http2_endpoint endpoint =
        forward(&client, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n", &stream);

    assert_true(endpoint.flags & HTTP2_FLAG_END_STREAM);
    assert_field(&endpoint, "\ncontent-length: 0\n");
    leave(&client, &endpoint);
}

static void chunks_become_data_and_their_trailers_a_head(void **state)
{
    struct player client = stage_connect(*state);
    uint32_t stream;
    struct http2_endpoint endpoint = forward(
        &client, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", &stream);

    assert_no_field(&endpoint, "transfer-encoding");
    assert_no_field(&endpoint, "content-length");
    player_send(&client, "3\r\nabc\r\n2\r\nde\r\n0\r\nX-Sum: 5\r\n\r\n");
    http2_endpoint_expect_data(&endpoint, stream, "abcde", false);
    http2_endpoint_expect(&endpoint, HTTP2_FRAME_HEADERS);
    assert_true(endpoint.flags & HTTP2_FLAG_END_STREAM);
    assert_string_equal(buffer_string(&endpoint.fields), "x-sum: 5\n");
    leave(&client, &endpoint);
}

/* --- responses ------------------------------------------------------------------------------- */

static void an_answer_of_known_length_keeps_it(void **state)
{
    struct player client = stage_connect(*state);
    uint32_t stream;
    struct http2_endpoint endpoint = forward(&client, get, &stream);

    http2_endpoint_send_head(&endpoint, stream, false, OK_FIELDS "content-length: 2\nx-a: b c\n");
    http2_endpoint_send_data(&endpoint, stream, true, "ok");

    player_expect(&client,
                  "HTTP/1.1 200 OK\r\nx-a: b c\r\n" STAGE_DATE "content-length: 2\r\n\r\nok");
    player_expect_nothing(&client);
    leave(&client, &endpoint);
}

static void an_answer_of_unknown_length_comes_in_chunks(void **state)
{
    struct player client = stage_connect(*state);
    uint32_t stream;
    struct http2_endpoint endpoint = forward(&client, get, &stream);

    http2_endpoint_send_head(&endpoint, stream, false, OK_FIELDS);
    player_expect(&client, "HTTP/1.1 200 OK\r\n" STAGE_DATE "transfer-encoding: chunked\r\n\r\n");
    http2_endpoint_send_data(&endpoint, stream, false, "abc");
    player_expect(&client, "3\r\nabc\r\n");
    http2_endpoint_send_data(&endpoint, stream, true, "de");
    player_expect(&client, "2\r\nde\r\n0\r\n\r\n");
    leave(&client, &endpoint);
}

static void an_answer_that_ends_with_its_head_has_no_body(void **state)
{
    struct player client = stage_connect(*state);
    uint32_t stream;
    struct http2_endpoint endpoint = forward(&client, get, &stream);

    http2_endpoint_send_head(&endpoint, stream, true, OK_FIELDS);

    player_expect(&client, "HTTP/1.1 200 OK\r\n" STAGE_DATE "content-length: 0\r\n\r\n");
    leave(&client, &endpoint);
}

static void trailers_reach_a_client_that_takes_them(void **state)
{
    struct player client = stage_connect(*state);
    uint32_t stream;
    struct http2_endpoint endpoint = forward(
        &client, "GET / HTTP/1.1\r\nHost: a\r\nConnection: te\r\nTE: trailers\r\n\r\n", &stream);

    http2_endpoint_send_head(&endpoint, stream, false, OK_FIELDS);
    http2_endpoint_send_data(&endpoint, stream, false, "abc");
    http2_endpoint_send_head(&endpoint, stream, true, "grpc-status: 0\n");

    player_expect(&client, "3\r\nabc\r\n0\r\ngrpc-status: 0\r\n\r\n");
    leave(&client, &endpoint);
}

static void answers_without_a_body_have_none(void **state)
{
    static const struct {
        const char *request, *fields, *answer;
    } cases[] = {
        {"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n", OK_FIELDS "content-length: 7\n",
         "HTTP/1.1 200 OK\r\n" STAGE_DATE "content-length: 7\r\n\r\n"},
        {"GET / HTTP/1.1\r\nHost: a\r\n\r\n", ":status: 204\n",
         "HTTP/1.1 204 No Content\r\n" STAGE_DATE "\r\n"},
        {"GET / HTTP/1.1\r\nHost: a\r\n\r\n", ":status: 304\ncontent-length: 7\n",
         "HTTP/1.1 304 Not Modified\r\n" STAGE_DATE "content-length: 7\r\n\r\n"},
    };
    struct player client = stage_connect(*state);
    uint32_t stream;
    struct http2_endpoint endpoint = forward(&client, cases[0].request, &stream);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        if (i > 0) {
            player_send(&client, cases[i].request);
            stream = http2_endpoint_expect_head(&endpoint);
        }
        http2_endpoint_send_head(&endpoint, stream, true, cases[i].fields);
        player_expect(&client, cases[i].answer);
        player_expect_nothing(&client);
    }
    leave(&client, &endpoint);
}

static void interim_heads_come_first_even_when_all_comes_at_once(void **state)
{
    struct player client = stage_connect(*state);
    uint32_t stream;
    struct http2_endpoint endpoint = forward(&client, get, &stream);

    struct buffer frames = BUFFER_EMPTY;
    struct http2_coder *coder = &endpoint.coder;
    http2_put_head(coder, &frames, stream, 0, ":status: 103\nlink: </a>\n");
    http2_put_head(coder, &frames, stream, 0, ":status: 100\n");
    http2_put_head(coder, &frames, stream, 0, ":status: 103\nlink: </b>\n");
    http2_put_head(coder, &frames, stream, 0, OK_FIELDS "content-length: 2\nx-a: b\n");
    http2_put_data(&frames, stream, HTTP2_FLAG_END_STREAM, "ok");
    http2_endpoint_send(&endpoint, &frames);

    player_expect(&client,
                  "HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n"
                  "HTTP/1.1 103 Early Hints\r\nlink: </b>\r\n\r\n"
                  "HTTP/1.1 200 OK\r\nx-a: b\r\n" STAGE_DATE "content-length: 2\r\n\r\nok");
    player_expect_nothing(&client);
    leave(&client, &endpoint);
}

/* --- out of order ---------------------------------------------------------------------------- */

static void an_early_answer_ends_the_upload(void **state)
{
    struct player client = stage_connect(*state);
    uint32_t stream;
    struct http2_endpoint endpoint =
        forward(&client, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nsome", &stream);
    http2_endpoint_expect_data(&endpoint, stream, "some", false);

    http2_endpoint_send_head(&endpoint, stream, true, ":status: 413\n");

    player_expect(&client, "HTTP/1.1 413 Content Too Large\r\n");
    http2_endpoint_expect_reset(&endpoint, stream, NO_ERROR);
    leave(&client, &endpoint);
}

static void a_client_that_leaves_cancels_its_stream(void **state)
{
    struct player client = stage_connect(*state);
    uint32_t stream;
    struct http2_endpoint endpoint = forward(&client, get, &stream);

    player_reset(&client);
    http2_endpoint_expect_reset(&endpoint, stream, CANCEL);

    struct player next = stage_connect(*state);
    player_send(&next, get);
    assert_int_equal(http2_endpoint_expect_head(&endpoint), 3);
    leave(&next, &endpoint);
}

static void what_comes_for_a_cancelled_stream_reaches_nobody(void **state)
{
    struct player client = stage_connect(*state);
    uint32_t stream;
    struct http2_endpoint endpoint = forward(&client, get, &stream);
    player_reset(&client);
    http2_endpoint_expect_reset(&endpoint, stream, CANCEL);
    struct player next = stage_connect(*state);
    player_send(&next, get);
    uint32_t other = http2_endpoint_expect_head(&endpoint);

    http2_endpoint_send_head(&endpoint, stream, false, ":status: 500\nx-late: 1\n");
    http2_endpoint_send_data(&endpoint, stream, true, "late");
    http2_endpoint_send_head(&endpoint, other, true, OK_FIELDS);

    player_expect(&next, "HTTP/1.1 200 OK\r\n" STAGE_DATE "content-length: 0\r\n\r\n");
    leave(&next, &endpoint);
}

/* --- flow control ---------------------------------------------------------------------------- */

enum {
    WINDOW_BYTES = HTTP2_RESPONSE_WINDOW_BYTES,
    BIG_BYTES = 1024 * 1024,
    PIECE_BYTES = 16 * 1024
};

/* As much of the body as the windows let through. Returns what is left of it. */
static size_t send_big(struct http2_endpoint *endpoint, uint32_t stream, size_t left, size_t window)
{
    static char zeros[PIECE_BYTES];
    while (window > 0 && left > 0) {
        size_t piece = left < PIECE_BYTES ? left : PIECE_BYTES;
        if (piece > window)
            piece = window;
        struct buffer frames = BUFFER_EMPTY;
        http2_put_frame(&frames, HTTP2_FRAME_DATA, piece == left ? HTTP2_FLAG_END_STREAM : 0,
                        stream, slice_of(zeros, piece));
        http2_endpoint_send(endpoint, &frames);
        left -= piece;
        window -= piece;
    }
    return left;
}

static void a_client_that_does_not_read_delays_no_other(void **state)
{
    struct player slow = stage_connect(*state);
    uint32_t stream;
    struct http2_endpoint endpoint = forward(&slow, get, &stream);

    /* given: one whose answer fills its window and the kernel's buffers */
    http2_endpoint_send_head(&endpoint, stream, false, OK_FIELDS);
    size_t left = 64 * BIG_BYTES;
    size_t window = WINDOW_BYTES;
    for (int i = 0; i < 200; i++) {
        left = send_big(&endpoint, stream, left, window);
        window = 0;
        struct http2_frame frame;
        for (int turn = 0; turn < 20; turn++) {
            stage_turn(*state);
            player_read(&endpoint.player);
        }
        while (http2_look_at_frame(&endpoint.player.received, &frame)) {
            if (frame.type == HTTP2_FRAME_WINDOW_UPDATE && frame.stream == stream)
                window += http2_frame_number(&frame);
            http2_drop_frame(&endpoint.player.received, &frame);
        }
        if (window == 0)
            break;
    }
    assert_int_equal(window, 0);

    /* when and then: the others on the same connection have all of theirs */
    for (int i = 0; i < 20; i++) {
        struct player client = stage_connect(*state);
        player_send(&client, get);
        uint32_t other = http2_endpoint_expect_head(&endpoint);
        http2_endpoint_send_head(&endpoint, other, false, OK_FIELDS "content-length: 4000\n");
        send_big(&endpoint, other, 4000, WINDOW_BYTES);
        player_expect(&client, "\r\n\r\n");
        player_expect_bytes(&client, 4000);
        player_close(&client);
    }
    leave(&slow, &endpoint);
}

static void an_endpoint_that_opens_no_window_slows_its_client(void **state)
{
    static char zeros[PIECE_BYTES];
    struct player client = stage_connect(*state);
    uint32_t stream;
    struct http2_endpoint endpoint =
        forward(&client, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 67108864\r\n\r\n", &stream);

    size_t sent = 0;
    for (int idle = 0; idle < 50; idle++) {
        size_t more = player_send_some(&client, zeros, sizeof(zeros));
        sent += more;
        idle = more > 0 ? 0 : idle;
        stage_turn(*state);
    }

    assert_true(sent > WINDOW_BYTES);
    assert_true(sent < 67108864);
    leave(&client, &endpoint);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, http2_endpoint_set_up, stage_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_request_is_a_stream),
        TEST(what_belongs_to_the_connection_stays_behind),
        TEST(a_body_of_known_length_keeps_it),
        TEST(an_empty_body_ends_with_the_head),
        TEST(chunks_become_data_and_their_trailers_a_head),
        TEST(an_answer_of_known_length_keeps_it),
        TEST(an_answer_of_unknown_length_comes_in_chunks),
        TEST(an_answer_that_ends_with_its_head_has_no_body),
        TEST(trailers_reach_a_client_that_takes_them),
        TEST(answers_without_a_body_have_none),
        TEST(interim_heads_come_first_even_when_all_comes_at_once),
        TEST(an_early_answer_ends_the_upload),
        TEST(a_client_that_leaves_cancels_its_stream),
        TEST(what_comes_for_a_cancelled_stream_reaches_nobody),
        TEST(a_client_that_does_not_read_delays_no_other),
        TEST(an_endpoint_that_opens_no_window_slows_its_client),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
