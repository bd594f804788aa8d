/* Calls of gRPC, frame by frame, from a client of HTTP/2 to a service of HTTP/2: what of "gRPC over
 * HTTP/2" a proxy could get wrong. */
#include "common/buffer.h"
#include "tests/unit/cmocka_all.h"
#include "tests/unit/proxy/http/http2_endpoint.h"
#include "tests/unit/proxy/http/http2_scene.h"

#include <stdlib.h>
#include <string.h>

enum { NO_ERROR = 0, CANCEL = 8 };

#define CALL PAIR_HEAD("POST", "/p.S/M") "content-type=application/grpc+proto\nte=trailers\n"
#define ANSWER ":status: 200\ncontent-type: application/grpc+proto\n"

/* The head of a message, which has no bytes. */
#define EMPTY_MESSAGE "\0\0\0\0"

struct call {
    struct stream *client;
    struct http2_endpoint service;
    uint32_t stream;
};

static struct call begin_with(struct scene *scene, const char *fields)
{
    struct call call = {.client = pair_request(&scene->pair, fields, true)};
    call.service = http2_endpoint_accept(scene->stage, 0);
    call.stream = http2_endpoint_expect_head(&call.service);
    return call;
}

static struct call begin(struct scene *scene)
{
    return begin_with(scene, CALL);
}

static void answer(struct scene *scene, struct call *call)
{
    http2_endpoint_send_head(&call->service, call->stream, false, ANSWER);
    PAIR_WAIT(&scene->pair, call->client->heads == 1);
}

static void expect_closed(struct scene *scene, struct call *call)
{
    PAIR_WAIT(&scene->pair, call->client->is_closed);
    assert_int_equal(call->client->error, NO_ERROR);
    assert_true(call->client->has_ended);
}

/* --- requests -------------------------------------------------------------------------------- */

static void what_a_call_says_of_itself_reaches_the_service(void **state)
{
    static const char *const timeouts[] = {"99999999H", "1M", "2S",         "3m", "4u", "5n",
                                           "0n",        "1X", "123456789S", "m",  "-1S"};
    struct scene *scene = *state;
    for (size_t i = 0; i < sizeof(timeouts) / sizeof(timeouts[0]); i++) {
        char fields[512];
        char expected[64];
        snprintf(fields, sizeof(fields),
                 CALL "grpc-timeout=%s\ngrpc-encoding=gzip\ngrpc-accept-encoding=identity,gzip\n"
                      "x-data-bin=AP8\nuser-agent=grpc-test/1\n",
                 timeouts[i]);
        snprintf(expected, sizeof(expected), "grpc-timeout: %s\n", timeouts[i]);

        struct call call = begin_with(scene, fields);

        assert_contains(&call.service.fields, expected);
        assert_contains(&call.service.fields, "te: trailers\n");
        assert_contains(&call.service.fields, "content-type: application/grpc+proto\n");
        assert_contains(&call.service.fields, "grpc-encoding: gzip\n");
        assert_contains(&call.service.fields, "grpc-accept-encoding: identity,gzip\n");
        assert_contains(&call.service.fields, "x-data-bin: AP8\n");
        assert_contains(&call.service.fields, "user-agent: grpc-test/1\n");
        http2_endpoint_close(&call.service);
        PAIR_WAIT(&scene->pair, call.client->is_closed);
    }
}

/* A message, and the end in an empty frame. */
static void messages_without_bytes_are_messages(void **state)
{
    struct scene *scene = *state;
    struct call call = begin(scene);
    body_pipe_append(&call.client->out, slice_of(EMPTY_MESSAGE, 5));
    http2_stream_resume(&call.client->http2);
    http2_endpoint_expect(&call.service, HTTP2_FRAME_DATA);
    assert_int_equal(call.service.flags & HTTP2_FLAG_END_STREAM, 0);
    pair_finish(call.client);
    http2_endpoint_expect(&call.service, HTTP2_FRAME_DATA);
    assert_int_equal(call.service.flags & HTTP2_FLAG_END_STREAM, HTTP2_FLAG_END_STREAM);

    answer(scene, &call);
    struct buffer frames = BUFFER_EMPTY;
    http2_put_frame(&frames, HTTP2_FRAME_DATA, 0, call.stream, slice_of(EMPTY_MESSAGE, 5));
    http2_put_frame(&frames, HTTP2_FRAME_DATA, 0, call.stream, SLICE(""));
    http2_put_head(&call.service.coder, &frames, call.stream, HTTP2_FLAG_END_STREAM,
                   "grpc-status: 0\n");
    http2_endpoint_send(&call.service, &frames);

    expect_closed(scene, &call);
    assert_int_equal(call.client->in.total, 5);
    assert_string_equal(buffer_string(&call.client->in.trailers), "grpc-status: 0\r\n");
    http2_endpoint_close(&call.service);
}

/* --- answers --------------------------------------------------------------------------------- */

static void trailers_only_stays_one_head(void **state)
{
    struct scene *scene = *state;
    struct call call = begin(scene);
    http2_endpoint_send_head(&call.service, call.stream, true,
                             ANSWER "grpc-status: 5\ngrpc-message: no such thing%21\n");
    expect_closed(scene, &call);
    assert_true(call.client->http2.ends_with_head);
    assert_int_equal(call.client->heads, 1);
    assert_contains(&call.client->fields, "grpc-status=5\ngrpc-message=no such thing%21\n");
    http2_endpoint_close(&call.service);
}

/* While the client goes on sending: at once, and both are told that they may stop. */
static void trailers_that_come_early_end_the_upload(void **state)
{
    struct scene *scene = *state;
    struct call call = begin(scene);
    pair_put(call.client, "some of it");
    http2_endpoint_expect(&call.service, HTTP2_FRAME_DATA);
    answer(scene, &call);

    http2_endpoint_send_head(&call.service, call.stream, true, "grpc-status: 8\nx_detail: y\n");

    expect_closed(scene, &call);
    assert_string_equal(buffer_string(&call.client->in.trailers),
                        "grpc-status: 8\r\nx_detail: y\r\n");
    assert_false(call.client->http2.has_sent_end);
    http2_endpoint_expect_reset(&call.service, call.stream, NO_ERROR);
    assert_false(scene->pair.client.is_over);
    http2_endpoint_close(&call.service);
}

/* --- failures -------------------------------------------------------------------------------- */

/* "Errors" in gRPC over HTTP/2; http_1_1_required is not in that table. */
static const struct reset {
    uint32_t error;
    const char *status;
} resets[] = {
    {0, "13"}, {1, "13"}, {2, "13"},  {3, "13"}, {4, "13"}, {6, "13"},  {7, "14"},
    {8, "1"},  {9, "13"}, {10, "13"}, {11, "8"}, {12, "7"}, {13, "13"},
};

static void a_reset_before_the_head_is_told_as_its_status(void **state)
{
    struct scene *scene = *state;
    for (size_t i = 0; i < sizeof(resets) / sizeof(resets[0]); i++) {
        struct call call = begin(scene);
        http2_endpoint_send_reset(&call.service, call.stream, resets[i].error);
        if (resets[i].error == HTTP2_REFUSED_STREAM) { /* which is repeated, once */
            call.stream = http2_endpoint_expect_head(&call.service);
            http2_endpoint_send_reset(&call.service, call.stream, resets[i].error);
        }

        expect_closed(scene, &call);
        char expected[32];
        snprintf(expected, sizeof(expected), "grpc-status=%s\n", resets[i].status);
        assert_contains(&call.client->fields, expected);
        assert_true(call.client->http2.ends_with_head);
        http2_endpoint_close(&call.service);
        pair_let_pass(&scene->pair);
    }
}

static void a_reset_behind_the_head_is_told_in_trailers(void **state)
{
    struct scene *scene = *state;
    for (size_t i = 0; i < sizeof(resets) / sizeof(resets[0]); i++) {
        struct call call = begin(scene);
        answer(scene, &call);
        http2_endpoint_send_data(&call.service, call.stream, false, "half a message");
        PAIR_WAIT(&scene->pair, call.client->in.total > 0);
        http2_endpoint_send_reset(&call.service, call.stream, resets[i].error);

        expect_closed(scene, &call);
        char expected[32];
        snprintf(expected, sizeof(expected), "grpc-status: %s\r\n", resets[i].status);
        assert_contains(&call.client->in.trailers, expected);
        http2_endpoint_close(&call.service);
        pair_let_pass(&scene->pair);
    }
}

static void a_connection_that_ends_is_unavailable(void **state)
{
    struct scene *scene = *state;
    struct call call = begin(scene);
    http2_endpoint_close(&call.service);
    expect_closed(scene, &call);
    assert_contains(&call.client->fields, "grpc-status=14\n");

    call = begin(scene);
    answer(scene, &call);
    http2_endpoint_close(&call.service);
    expect_closed(scene, &call);
    assert_contains(&call.client->in.trailers, "grpc-status: 14\r\n");
}

static void who_goes_away_finishes_what_it_has(void **state)
{
    struct scene *scene = *state;
    struct call call = begin(scene);
    answer(scene, &call);
    http2_endpoint_send_goaway(&call.service, call.stream);
    http2_endpoint_send_data(&call.service, call.stream, false, "more");
    http2_endpoint_send_head(&call.service, call.stream, true, "grpc-status: 0\n");
    expect_closed(scene, &call);
    assert_string_equal(buffer_string(&call.client->in.trailers), "grpc-status: 0\r\n");
    http2_endpoint_close(&call.service);
}

/* --- cancelling and deadlines ---------------------------------------------------------------- */

static void a_call_that_is_cancelled_before_its_answer_is_cancelled_there(void **state)
{
    struct scene *scene = *state;
    struct call call = begin(scene);
    http2_stream_reset(&call.client->http2, HTTP2_CANCEL);
    http2_endpoint_expect_reset(&call.service, call.stream, CANCEL);
    http2_endpoint_close(&call.service);
}

enum { BACKOFF_MS = 1000 };

static int set_up_retries(void **state)
{
    scene_prepare(state);
    struct scene *scene = *state;
    scene->stage->route.app_protocol = "h2c";
    scene->stage->route.has_retry = true;
    scene->stage->route.retry_attempts = 3;
    scene->stage->route.retry_code = 503;
    scene->stage->route.retry_backoff_ms = BACKOFF_MS;
    scene->stage->route.request_timeout_ms = BACKOFF_MS / 2;
    scene_begin(scene);
    return 0;
}

static void a_time_that_runs_out_between_tries_is_a_deadline(void **state)
{
    struct scene *scene = *state;
    struct call call = begin(scene);
    http2_endpoint_send_reset(&call.service, call.stream, HTTP2_INTERNAL_ERROR);
    pair_let_pass(&scene->pair);
    assert_false(call.client->is_closed);

    stage_advance(scene->stage, BACKOFF_MS / 2);

    expect_closed(scene, &call);
    assert_contains(&call.client->fields, "grpc-status=4\n");
    stage_advance(scene->stage, 2 * BACKOFF_MS);
    assert_false(stage_has_connection(scene->stage, 0));
    http2_endpoint_close(&call.service);
}

static void expect_no_more(struct scene *scene, struct call *call)
{
    struct buffer *received = &call->service.player.received;
    struct http2_frame frame;
    pair_let_pass(&scene->pair);
    player_read(&call->service.player);
    while (http2_look_at_frame(received, &frame)) {
        assert_int_not_equal(frame.type, HTTP2_FRAME_HEADERS);
        http2_drop_frame(received, &frame);
    }
}

/* As a client does whose deadline has passed. */
static void a_call_that_is_cancelled_between_tries_is_not_sent_again(void **state)
{
    struct scene *scene = *state;
    struct call call = begin(scene);
    http2_endpoint_send_head(&call.service, call.stream, true, ":status: 503\n");
    pair_let_pass(&scene->pair);
    http2_stream_reset(&call.client->http2, HTTP2_CANCEL);
    PAIR_WAIT(&scene->pair, call.client->is_closed);

    stage_advance(scene->stage, 2 * BACKOFF_MS);

    expect_no_more(scene, &call);
    assert_false(stage_has_connection(scene->stage, 0));
    http2_endpoint_close(&call.service);
}

/* --- what is left of its time --------------------------------------------------------------- */

/* A pause is half as long again, at most. */
enum { FIRST_PAUSE_MS = BACKOFF_MS + BACKOFF_MS / 2, SECOND_PAUSE_MS = 2 * FIRST_PAUSE_MS };

static int set_up_pauses(void **state)
{
    scene_prepare(state);
    struct scene *scene = *state;
    scene->stage->route.app_protocol = "h2c";
    scene->stage->route.has_retry = true;
    scene->stage->route.retry_attempts = 3;
    scene->stage->route.retry_backoff_ms = BACKOFF_MS;
    scene_begin(scene);
    return 0;
}

static int set_up_line(void **state)
{
    scene_prepare(state);
    struct scene *scene = *state;
    scene->stage->route.app_protocol = "h2c";
    scene->stage->route.limits.max_requests = 1;
    scene_begin(scene);
    return 0;
}

static void fail_try(struct scene *scene, struct call *call, uint64_t pause_ms)
{
    http2_endpoint_send_reset(&call->service, call->stream, HTTP2_INTERNAL_ERROR);
    pair_let_pass(&scene->pair);
    stage_advance(scene->stage, pause_ms);
}

static void expect_told(struct call *call, const char *timeout)
{
    char expected[64];
    snprintf(expected, sizeof(expected), "grpc-timeout: %s\n", timeout);
    call->stream = http2_endpoint_expect_head(&call->service);
    assert_contains(&call->service.fields, expected);
}

static void expect_deadline(struct scene *scene, struct call *call)
{
    expect_closed(scene, call);
    assert_contains(&call->client->fields, "grpc-status=4\n");
}

static void another_try_is_told_what_is_left_of_the_time(void **state)
{
    static const struct {
        const char *asked;
        const char *left;
    } cases[] = {
        {"2S", "500000u"},
        {"1501m", "1000u"},
        {"1500001u", "1u"},
        {"100S", "98500000u"},
        {"1000S", "998500m"},
        {"30H", "107998S"},
        {"99999999H", "99999998H"},
        {"99999999M", "99999998M"},
        {"1X", "1X"},
        {"123456789S", "123456789S"},
        {"m", "m"},
    };
    struct scene *scene = *state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char fields[256];
        snprintf(fields, sizeof(fields), CALL "grpc-timeout=%s\n", cases[i].asked);
        struct call call = begin_with(scene, fields);

        fail_try(scene, &call, FIRST_PAUSE_MS);

        expect_told(&call, cases[i].left);
        http2_endpoint_send_head(&call.service, call.stream, true, ANSWER "grpc-status: 0\n");
        expect_closed(scene, &call);
        http2_endpoint_close(&call.service);
        pair_let_pass(&scene->pair);
    }
}

static void what_is_left_gets_less_with_each_try(void **state)
{
    struct scene *scene = *state;
    struct call call = begin_with(scene, CALL "grpc-timeout=10S\n");

    fail_try(scene, &call, FIRST_PAUSE_MS);
    expect_told(&call, "8500000u");
    fail_try(scene, &call, SECOND_PAUSE_MS);
    expect_told(&call, "5500000u");

    http2_endpoint_close(&call.service);
}

static void a_call_whose_time_is_over_is_not_tried_again(void **state)
{
    struct scene *scene = *state;
    struct call call = begin_with(scene, CALL "grpc-timeout=1500m\n");

    fail_try(scene, &call, FIRST_PAUSE_MS);

    expect_deadline(scene, &call);
    expect_no_more(scene, &call);
    http2_endpoint_close(&call.service);
}

static void what_waits_for_room_is_told_what_is_left(void **state)
{
    enum { WAIT_MS = 1500 };
    struct scene *scene = *state;
    struct call first = begin(scene);
    struct call patient = first;
    patient.client = pair_request(&scene->pair, CALL "grpc-timeout=2S\n", true);
    struct call hasty = first;
    hasty.client = pair_request(&scene->pair, CALL "grpc-timeout=1S\n", true);
    PAIR_WAIT(&scene->pair, atomic_load(&scene->stage->worker->line.count) == 2);

    stage_advance(scene->stage, WAIT_MS);
    http2_endpoint_send_head(&first.service, first.stream, true, ANSWER "grpc-status: 0\n");

    expect_closed(scene, &first);
    patient.service = first.service;
    expect_told(&patient, "500000u");
    http2_endpoint_send_head(&patient.service, patient.stream, true, ANSWER "grpc-status: 0\n");
    expect_closed(scene, &patient);
    expect_deadline(scene, &hasty);
    http2_endpoint_close(&patient.service);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, scene_set_up_http2, scene_tear_down)
#define WITH_RETRIES(name) cmocka_unit_test_setup_teardown(name, set_up_retries, scene_tear_down)
#define WITH_PAUSES(name) cmocka_unit_test_setup_teardown(name, set_up_pauses, scene_tear_down)
#define WITH_A_LINE(name) cmocka_unit_test_setup_teardown(name, set_up_line, scene_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_a_call_says_of_itself_reaches_the_service),
        TEST(messages_without_bytes_are_messages),
        TEST(trailers_only_stays_one_head),
        TEST(trailers_that_come_early_end_the_upload),
        TEST(a_reset_before_the_head_is_told_as_its_status),
        TEST(a_reset_behind_the_head_is_told_in_trailers),
        TEST(a_connection_that_ends_is_unavailable),
        TEST(who_goes_away_finishes_what_it_has),
        TEST(a_call_that_is_cancelled_before_its_answer_is_cancelled_there),
        WITH_RETRIES(a_time_that_runs_out_between_tries_is_a_deadline),
        WITH_RETRIES(a_call_that_is_cancelled_between_tries_is_not_sent_again),
        WITH_PAUSES(another_try_is_told_what_is_left_of_the_time),
        WITH_PAUSES(what_is_left_gets_less_with_each_try),
        WITH_PAUSES(a_call_whose_time_is_over_is_not_tried_again),
        WITH_A_LINE(what_waits_for_room_is_told_what_is_left),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
