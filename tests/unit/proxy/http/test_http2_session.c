/* Two sessions on the two ends of a socket, as a client and a server of HTTP/2. */
#include "common/buffer.h"
#include "proxy/http/http2_session.h"
#include "proxy/http/worker.h"
#include "tests/unit/cmocka_all.h"
#include "tests/unit/proxy/http/http2_pair.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

static void assert_text(struct buffer *bytes, const char *expected)
{
    assert_string_equal(buffer_string(bytes), expected);
}

/* --- exchanges ------------------------------------------------------------------------------- */

static void heads_bodies_and_trailers_go_both_ways(void **state)
{
    (void)state;
    struct pair pair;
    pair_open(&pair);
    struct stream *request = pair_ask(&pair, true);
    pair_put(request, "question");
    buffer_append_string(&request->out.trailers, "x-sum: 7\r\nx-end: yes\r\n");
    pair_finish(request);

    PAIR_WAIT(&pair, pair.server.first != NULL && pair.server.first->has_ended);
    struct stream *served = pair.server.first;
    pair_answer(served, true);
    pair_put(served, "an");
    pair_let_pass(&pair);
    pair_put(served, "swer");
    buffer_append_string(&served->out.trailers, "grpc-status: 0\r\n");
    pair_finish(served);
    PAIR_WAIT(&pair, request->is_closed && served->is_closed);

    assert_text(&served->fields, ":method=POST\n:scheme=http\n:authority=shop\n:path=/a\n");
    assert_text(&served->in.bytes, "question");
    assert_text(&served->in.trailers, "x-sum: 7\r\nx-end: yes\r\n");
    assert_text(&request->fields, ":status=200\n");
    assert_text(&request->in.bytes, "answer");
    assert_text(&request->in.trailers, "grpc-status: 0\r\n");
    assert_int_equal(request->error, HTTP2_NO_ERROR);
    assert_int_equal(served->error, HTTP2_NO_ERROR);
    pair_close(&pair);
}

static void messages_without_a_body_end_with_their_heads(void **state)
{
    (void)state;
    struct pair pair;
    pair_open(&pair);
    struct stream *request = pair_ask(&pair, false);
    struct stream *served = pair_wait_for_request(&pair);
    assert_true(served->has_ended);

    pair_answer(served, false);

    PAIR_WAIT(&pair, request->is_closed);
    assert_true(request->has_ended);
    assert_int_equal(request->error, HTTP2_NO_ERROR);
    pair_close(&pair);
}

static void interim_heads_come_before_the_answer(void **state)
{
    (void)state;
    static const struct header early[] = {PAIR_FIELD(":status", "103"),
                                          PAIR_FIELD("link", "</a.css>")};
    struct pair pair;
    pair_open(&pair);
    struct stream *request = pair_ask(&pair, false);
    struct stream *served = pair_wait_for_request(&pair);

    http2_stream_inform(&served->http2, early, 2, NULL);
    PAIR_WAIT(&pair, request->heads == 1);
    assert_false(request->http2.has_head);
    pair_answer(served, false);

    PAIR_WAIT(&pair, request->is_closed);
    assert_int_equal(request->heads, 2);
    assert_text(&request->fields, ":status=103\nlink=</a.css>\n:status=200\n");
    pair_close(&pair);
}

static void an_early_answer_ends_a_request_that_is_open(void **state)
{
    (void)state;
    struct pair pair;
    pair_open(&pair);
    struct stream *request = pair_ask(&pair, true);
    struct stream *served = pair_wait_for_request(&pair);

    pair_answer(served, true);
    pair_put(served, "enough");
    pair_finish(served);

    PAIR_WAIT(&pair, request->is_closed && served->is_closed);
    assert_text(&request->in.bytes, "enough");
    assert_true(request->has_ended);
    assert_int_equal(request->error, HTTP2_NO_ERROR);
    pair_close(&pair);
}

static void a_reset_tells_the_other_side_and_drops_what_was_under_way(void **state)
{
    (void)state;
    struct pair pair;
    pair_open(&pair);
    struct stream *request = pair_ask(&pair, true);
    struct stream *served = pair_wait_for_request(&pair);
    pair_answer(served, true);
    pair_put(served, "half of it");

    http2_stream_reset(&served->http2, HTTP2_INTERNAL_ERROR);

    PAIR_WAIT(&pair, request->is_closed && served->is_closed);
    assert_int_equal(request->error, HTTP2_INTERNAL_ERROR);
    assert_false(request->has_ended);
    pair_close(&pair);
}

static void a_request_that_is_taken_back_at_once_is_never_sent(void **state)
{
    (void)state;
    struct pair pair;
    pair_open(&pair);
    struct stream *request = pair_ask(&pair, true);

    http2_stream_reset(&request->http2, HTTP2_CANCEL);

    PAIR_WAIT(&pair, request->is_closed);
    pair_let_pass(&pair);
    assert_null(pair.server.first);
    pair_close(&pair);
}

/* --- flow control ---------------------------------------------------------------------------- */

static void who_does_not_take_a_body_gets_no_more_of_it(void **state)
{
    (void)state;
    struct pair pair;
    pair_open(&pair);
    struct stream *request = pair_ask(&pair, true);
    pair_put_zeros(request, 200000);
    struct stream *served = pair_wait_for_request(&pair);

    pair_let_pass(&pair);
    assert_int_equal(served->in.bytes.length, HTTP2_STREAM_WINDOW_BYTES);
    assert_int_equal(request->out.bytes.length, 200000 - HTTP2_STREAM_WINDOW_BYTES);

    while (served->in.total < 200000 || served->in.bytes.length > 0) {
        body_pipe_take(&served->in, served->in.bytes.length);
        http2_stream_consume(&served->http2);
        pair_let_pass(&pair);
    }
    assert_int_equal(request->rooms, 2); /* below the low mark, and none left */
    pair_close(&pair);
}

static void a_slow_stream_does_not_hold_up_the_others_of_its_connection(void **state)
{
    (void)state;
    struct pair pair;
    pair_open(&pair);
    enum { SLOW_STREAMS = 20 };
    for (int i = 0; i < SLOW_STREAMS; i++) {
        pair_ask(&pair, false);
        PAIR_WAIT(&pair, pair.server.session.stream_count == (size_t)i + 1);
        pair_answer(pair.server.last, true);
        pair_put_zeros(pair.server.last, 200000);
    }
    pair_let_pass(&pair);

    struct stream *quick = pair_ask(&pair, false);
    PAIR_WAIT(&pair, pair.server.session.stream_count == SLOW_STREAMS + 1);
    pair_answer(pair.server.last, true);
    pair_put_zeros(pair.server.last, 1000);
    pair_finish(pair.server.last);

    PAIR_WAIT(&pair, quick->is_closed);
    assert_int_equal(quick->in.bytes.length, 1000);
    pair_close(&pair);
}

/* --- limits ---------------------------------------------------------------------------------- */

static void a_head_beyond_the_limit_is_marked_and_not_kept(void **state)
{
    (void)state;
    struct pair pair;
    pair_open(&pair);
    struct header head[12] = {
        PAIR_FIELD(":method", "GET"),
        PAIR_FIELD(":scheme", "http"),
        PAIR_FIELD(":authority", "shop"),
        PAIR_FIELD(":path", "/a"),
    };
    char *large = memory_allocate_zeroed(1, 8000);
    memset(large, 'x', 8000);
    for (size_t i = 4; i < 12; i++) {
        head[i].name = SLICE("x-large");
        head[i].value = slice_of(large, 8000);
    }
    struct stream *request = pair_add_stream(&pair.client);

    http2_stream_send_head(&pair.client.session, &request->http2, head, 12, NULL, false);

    struct stream *served = pair_wait_for_request(&pair);
    assert_true(served->http2.is_head_too_large);
    assert_true(served->fields.length < HTTP2_HEAD_BYTES_MAX);
    pair_answer(served, false);
    PAIR_WAIT(&pair, request->is_closed);
    assert_int_equal(pair.server.session.head_bytes, 0);
    free(large);
    pair_close(&pair);
}

static void trailers_beyond_the_limit_end_the_stream(void **state)
{
    (void)state;
    struct pair pair;
    pair_open(&pair);
    struct stream *request = pair_ask(&pair, true);
    struct stream *served = pair_wait_for_request(&pair);
    char large[9000];
    memset(large, 'x', sizeof(large));
    memcpy(large, "x-large: ", 9);
    buffer_append(&request->out.trailers, large, sizeof(large));
    buffer_append_string(&request->out.trailers, "\r\n");

    pair_finish(request);

    PAIR_WAIT(&pair, served->is_closed && request->is_closed);
    assert_false(served->has_ended);
    assert_int_equal(request->error, HTTP2_ENHANCE_YOUR_CALM);
    pair_close(&pair);
}

static void a_client_knows_how_many_streams_it_may_open(void **state)
{
    (void)state;
    struct pair pair;
    pair_open(&pair);
    pair_ask(&pair, false);
    pair_wait_for_request(&pair);

    assert_int_equal(http2_session_room(&pair.client.session), HTTP2_STREAMS_MAX - 1);

    pair_close(&pair);
}

/* --- the end of a session -------------------------------------------------------------------- */

static void a_server_that_shuts_down_finishes_what_was_sent(void **state)
{
    (void)state;
    struct pair pair;
    pair_open(&pair);
    struct stream *first = pair_ask(&pair, false);
    struct stream *served = pair_wait_for_request(&pair);

    http2_session_shut_down(&pair.server.session);
    PAIR_WAIT(&pair, pair.client.session.has_peer_goaway);
    assert_int_equal(http2_session_room(&pair.client.session), 0);
    pair_let_pass(&pair);
    assert_false(pair.server.is_over);
    pair_answer(served, false);

    PAIR_WAIT(&pair, pair.server.is_over && pair.client.is_over);
    assert_int_equal(first->error, HTTP2_NO_ERROR);
    assert_true(first->has_ended);
    pair_close(&pair);
}

static void the_end_of_the_connection_ends_every_stream(void **state)
{
    (void)state;
    struct pair pair;
    pair_open(&pair);
    struct stream *request = pair_ask(&pair, true);
    pair_wait_for_request(&pair);

    pair_end(&pair.server);

    PAIR_WAIT(&pair, pair.client.is_over);
    assert_true(request->is_closed);
    assert_int_equal(request->error, HTTP2_CANCEL);
    pair_close(&pair);
}

static void send_raw(struct pair *pair, const void *bytes, size_t length)
{
    assert_int_equal(send(pair->fd, bytes, length, MSG_NOSIGNAL), length);
}

static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

static void something_else_than_the_preface_ends_it(void **state)
{
    (void)state;
    struct pair pair;
    pair_open_played(&pair);

    send_raw(&pair, "GET / HTTP/1.1\r\n\r\n12345678", 26);

    PAIR_WAIT(&pair, pair.server.is_over);
    pair_close(&pair);
}

static void a_flood_of_pings_ends_it(void **state)
{
    (void)state;
    static const char ping[17] = "\0\0\x08\x06";
    struct pair pair;
    pair_open_played(&pair);
    send_raw(&pair, preface, sizeof(preface) - 1);

    char received[65536];
    ssize_t last = 0;
    for (int i = 0; i < 1000 && !pair.server.is_over; i++) {
        send(pair.fd, ping, sizeof(ping), MSG_NOSIGNAL);
        stage_turn(pair.stage);
        ssize_t length = recv(pair.fd, received, sizeof(received), 0);
        if (length > 0)
            last = length;
    }

    assert_true(pair.server.is_over);
    assert_true(last >= 17);
    const char *goaway = received + last - 17;
    assert_int_equal(goaway[3], 7);
    assert_int_equal(goaway[16], HTTP2_ENHANCE_YOUR_CALM);
    pair_close(&pair);
}

static void who_does_not_read_gets_no_more_than_a_buffer(void **state)
{
    (void)state;
    enum { STREAMS = 16, ANSWER_BYTES = HTTP2_RESPONSE_WINDOW_BYTES - 1 };
    struct stream *requests[STREAMS];
    struct stream *served[STREAMS];
    struct pair pair;
    pair_open(&pair);
    for (int i = 0; i < STREAMS; i++) {
        requests[i] = pair_ask(&pair, false);
        pair_let_pass(&pair);
        served[i] = pair_wait_for_request(&pair);
    }
    int size = 4096;
    setsockopt(h2o_socket_get_fd(pair.server.socket), SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));

    pair_read(&pair, false);
    for (int i = 0; i < STREAMS; i++) {
        pair_answer(served[i], true);
        pair_put_zeros(served[i], ANSWER_BYTES);
    }

    PAIR_WAIT(&pair, pair.server.is_blocked);
    assert_true(pair.server.session.output.length <= LARGE_READ_BUFFER_BYTES);
    pair_read(&pair, true);
    for (int i = 0; i < STREAMS; i++)
        pair_finish(served[i]);
    for (int i = 0; i < STREAMS; i++) {
        PAIR_WAIT(&pair, requests[i]->is_closed);
        assert_int_equal(requests[i]->in.bytes.length, ANSWER_BYTES);
    }
    assert_false(pair.server.is_blocked);
    pair_close(&pair);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(heads_bodies_and_trailers_go_both_ways),
        cmocka_unit_test(messages_without_a_body_end_with_their_heads),
        cmocka_unit_test(interim_heads_come_before_the_answer),
        cmocka_unit_test(an_early_answer_ends_a_request_that_is_open),
        cmocka_unit_test(a_reset_tells_the_other_side_and_drops_what_was_under_way),
        cmocka_unit_test(a_request_that_is_taken_back_at_once_is_never_sent),
        cmocka_unit_test(who_does_not_take_a_body_gets_no_more_of_it),
        cmocka_unit_test(a_slow_stream_does_not_hold_up_the_others_of_its_connection),
        cmocka_unit_test(a_head_beyond_the_limit_is_marked_and_not_kept),
        cmocka_unit_test(trailers_beyond_the_limit_end_the_stream),
        cmocka_unit_test(a_client_knows_how_many_streams_it_may_open),
        cmocka_unit_test(a_server_that_shuts_down_finishes_what_was_sent),
        cmocka_unit_test(the_end_of_the_connection_ends_every_stream),
        cmocka_unit_test(something_else_than_the_preface_ends_it),
        cmocka_unit_test(a_flood_of_pings_ends_it),
        cmocka_unit_test(who_does_not_read_gets_no_more_than_a_buffer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
