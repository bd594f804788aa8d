#include "proxy/http/probe_http2.h"
#include "proxy/upstream/grpc_check.h"
#include "tests/support/http2_frames.h"
#include "tests/unit/cmocka_all.h"

#include <string.h>

static struct probe_http2 *probe;
static struct buffer output;
static struct buffer frames;
static struct http2_coder coder;

static int set_up(void **state)
{
    (void)state;
    http2_coder_init(&coder);
    probe = probe_http2_new(SLICE("/healthz"), SLICE("10.0.0.1:80"), false, &output);
    http2_put_frame(&frames, HTTP2_FRAME_SETTINGS, 0, 0, SLICE(""));
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    probe_http2_free(probe);
    http2_coder_clear(&coder);
    buffer_clear(&output);
    buffer_clear(&frames);
    return 0;
}

static enum probe_answer take(void)
{
    enum probe_answer answer = probe_http2_take(probe, buffer_slice(&frames), &output);
    buffer_reset(&frames);
    return answer;
}

static void it_asks_for_the_path_and_the_host(void **state)
{
    (void)state;
    assert_true(slice_has_prefix(buffer_slice(&output), HTTP2_FRAMES_PREFACE));
    buffer_consume(&output, HTTP2_FRAMES_PREFACE.length);
    struct http2_frame frame;
    while (http2_look_at_frame(&output, &frame) && frame.type != HTTP2_FRAME_HEADERS)
        http2_drop_frame(&output, &frame);
    struct buffer fields = BUFFER_EMPTY;

    assert_true(http2_read_head(&coder, &frame, &fields));

    assert_true(frame.flags & HTTP2_FLAG_END_STREAM);
    assert_string_equal(buffer_string(&fields),
                        ":method: GET\n:scheme: http\n:authority: 10.0.0.1:80\n:path: /healthz\n"
                        "user-agent: pointsman-health-check\n");
    buffer_clear(&fields);
}

static void the_head_is_the_answer(void **state)
{
    (void)state;
    http2_put_head(&coder, &frames, 1, 0, ":status: 503\n");
    assert_int_equal(take(), PROBE_ANSWER_STATUS);
    assert_int_equal(probe_http2_status(probe), 503);
}

static void an_interim_head_is_none(void **state)
{
    (void)state;
    http2_put_head(&coder, &frames, 1, 0, ":status: 103\n");
    assert_int_equal(take(), PROBE_ANSWER_MORE);
    http2_put_head(&coder, &frames, 1, HTTP2_FLAG_END_STREAM, ":status: 204\n");
    assert_int_equal(take(), PROBE_ANSWER_STATUS);
    assert_int_equal(probe_http2_status(probe), 204);
}

static void bytes_may_come_one_by_one(void **state)
{
    (void)state;
    http2_put_head(&coder, &frames, 1, HTTP2_FLAG_END_STREAM, ":status: 200\n");
    for (size_t i = 0; i + 1 < frames.length; i++)
        assert_int_equal(probe_http2_take(probe, slice_of(frames.at + i, 1), &output),
                         PROBE_ANSWER_MORE);
    assert_int_equal(probe_http2_take(probe, slice_of(frames.at + frames.length - 1, 1), &output),
                     PROBE_ANSWER_STATUS);
}

static void settings_are_acknowledged(void **state)
{
    (void)state;
    buffer_reset(&output);
    assert_int_equal(take(), PROBE_ANSWER_MORE);
    struct http2_frame frame;
    assert_true(http2_look_at_frame(&output, &frame));
    assert_int_equal(frame.type, HTTP2_FRAME_SETTINGS);
    assert_true(frame.flags & HTTP2_FLAG_ACK);
}

static void what_is_no_answer_is_broken(void **state)
{
    (void)state;
    buffer_reset(&frames);
    buffer_append_string(&frames, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    assert_int_equal(take(), PROBE_ANSWER_BROKEN);
}

static void a_reset_is_broken(void **state)
{
    (void)state;
    http2_put_number(&frames, HTTP2_FRAME_RST_STREAM, 1, 2);
    assert_int_equal(take(), PROBE_ANSWER_BROKEN);
}

static void a_goaway_is_broken(void **state)
{
    (void)state;
    http2_put_goaway(&frames, 0, 0);
    assert_int_equal(take(), PROBE_ANSWER_BROKEN);
}

static void interim_heads_without_end_are_broken(void **state)
{
    (void)state;
    enum probe_answer answer = PROBE_ANSWER_MORE;
    for (int i = 0; i < 100000 && answer == PROBE_ANSWER_MORE; i++) {
        http2_put_head(&coder, &frames, 1, 0, ":status: 103\n");
        answer = take();
    }
    assert_int_equal(answer, PROBE_ANSWER_BROKEN);
}

/* --- calls ------------------------------------------------------------------------------------ */

static int set_up_call(void **state)
{
    (void)state;
    http2_coder_init(&coder);
    probe = probe_http2_new_call(SLICE("/a.B/C"), SLICE("10.0.0.1:80"), true, SLICE("question"),
                                 &output);
    http2_put_frame(&frames, HTTP2_FRAME_SETTINGS, 0, 0, SLICE(""));
    return 0;
}

static void assert_answered(unsigned status, const char *grpc_status, const char *body)
{
    assert_int_equal(take(), PROBE_ANSWER_STATUS);
    assert_int_equal(probe_http2_status(probe), status);
    assert_true(slice_equals(probe_http2_grpc_status(probe), slice_from_string(grpc_status)));
    assert_true(slice_equals(probe_http2_body(probe), slice_from_string(body)));
}

static void a_call_has_the_fields_of_grpc_and_its_message(void **state)
{
    (void)state;
    buffer_consume(&output, HTTP2_FRAMES_PREFACE.length);
    struct http2_frame frame;
    while (http2_look_at_frame(&output, &frame) && frame.type != HTTP2_FRAME_HEADERS)
        http2_drop_frame(&output, &frame);
    struct buffer fields = BUFFER_EMPTY;
    assert_true(http2_read_head(&coder, &frame, &fields));
    assert_string_equal(buffer_string(&fields),
                        ":method: POST\n:scheme: https\n:authority: 10.0.0.1:80\n:path: /a.B/C\n"
                        "te: trailers\ncontent-type: application/grpc\n"
                        "user-agent: pointsman-health-check\n");
    buffer_clear(&fields);

    http2_drop_frame(&output, &frame);
    assert_true(http2_look_at_frame(&output, &frame));
    assert_int_equal(frame.type, HTTP2_FRAME_DATA);
    assert_true(frame.flags & HTTP2_FLAG_END_STREAM);
    assert_true(slice_equals(frame.payload, SLICE("question")));
}

static void a_call_is_answered_when_it_has_ended(void **state)
{
    (void)state;
    http2_put_head(&coder, &frames, 1, 0, ":status: 200\ncontent-type: application/grpc\n");
    assert_int_equal(take(), PROBE_ANSWER_MORE);
    http2_put_data(&frames, 1, 0, "ans");
    http2_put_data(&frames, 1, 0, "wer");
    assert_int_equal(take(), PROBE_ANSWER_MORE);
    http2_put_head(&coder, &frames, 1, HTTP2_FLAG_END_STREAM, "grpc-status: 0\n");
    assert_answered(200, "0", "answer");
}

static void a_call_may_fail_with_trailers_only(void **state)
{
    (void)state;
    http2_put_head(&coder, &frames, 1, HTTP2_FLAG_END_STREAM, ":status: 200\ngrpc-status: 12\n");
    assert_answered(200, "12", "");
}

static void a_call_of_no_grpc_server_is_answered_by_its_head(void **state)
{
    (void)state;
    http2_put_head(&coder, &frames, 1, 0, ":status: 404\n");
    assert_answered(404, "", "");
}

static void a_call_that_is_reset_is_broken(void **state)
{
    (void)state;
    http2_put_head(&coder, &frames, 1, 0, ":status: 200\n");
    http2_put_number(&frames, HTTP2_FRAME_RST_STREAM, 1, 2);
    assert_answered(200, "", "");
}

static void of_a_long_answer_no_more_is_kept_than_shows_that_it_is_too_long(void **state)
{
    (void)state;
    char text[1001] = "";
    memset(text, 'x', sizeof(text) - 1);
    http2_put_head(&coder, &frames, 1, 0, ":status: 200\n");
    for (int i = 0; i < 3; i++)
        http2_put_data(&frames, 1, 0, text);
    assert_int_equal(take(), PROBE_ANSWER_MORE);
    assert_int_equal(probe_http2_body(probe).length, GRPC_CHECK_ANSWER_BYTES_MAX + 1);
}

static void of_a_long_status_only_the_beginning_is_kept(void **state)
{
    (void)state;
    http2_put_head(&coder, &frames, 1, HTTP2_FLAG_END_STREAM,
                   ":status: 200\ngrpc-status: 00000000000000000000000000\n");
    assert_answered(200, "0000000000000000", "");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
#define CALL_TEST(name) cmocka_unit_test_setup_teardown(name, set_up_call, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(it_asks_for_the_path_and_the_host),
        TEST(the_head_is_the_answer),
        TEST(an_interim_head_is_none),
        TEST(bytes_may_come_one_by_one),
        TEST(settings_are_acknowledged),
        TEST(what_is_no_answer_is_broken),
        TEST(a_reset_is_broken),
        TEST(a_goaway_is_broken),
        TEST(interim_heads_without_end_are_broken),
        CALL_TEST(a_call_has_the_fields_of_grpc_and_its_message),
        CALL_TEST(a_call_is_answered_when_it_has_ended),
        CALL_TEST(a_call_may_fail_with_trailers_only),
        CALL_TEST(a_call_of_no_grpc_server_is_answered_by_its_head),
        CALL_TEST(a_call_that_is_reset_is_broken),
        CALL_TEST(of_a_long_answer_no_more_is_kept_than_shows_that_it_is_too_long),
        CALL_TEST(of_a_long_status_only_the_beginning_is_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
