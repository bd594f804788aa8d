/* Authorization by gRPC where the service fails: nothing is allowed. */
#include "tests/unit/cmocka_all.h"
#include "tests/unit/proxy/http/authorization_call.h"

#include <string.h>

enum { INTERNAL_ERROR = 2, REFUSED_STREAM = 7, CANCEL = 8 };

#define ALLOWING SLICE("\0\0\0\0\2\x0a\0")

static struct call start(void **state)
{
    return call_begin(authorization_start(state, "auth:gate auth-grpc"), authorization_get);
}

static void expect_failure(struct call *call, const char *status, const char *sentence)
{
    player_expect(&call->client, status);
    player_expect(&call->client, sentence);
    assert_false(stage_has_connection(call->stage, SERVICE));
    assert_int_equal(authorization_refused(call->stage, DENIAL_AUTHORIZATION_FAILED), 1);
    call_end(call);
}

static void let_pass(struct stage *stage)
{
    enum { TURNS = 10 };
    for (int i = 0; i < TURNS; i++)
        stage_turn(stage);
}

static void expect_no_call(struct call *call)
{
    expect_failure(call, "HTTP/1.1 502 ", "The authorization service's answer is not valid gRPC.");
}

/* --- who is there ---------------------------------------------------------------------------- */

/* FLT-AUTH-16 */
static void a_service_that_speaks_no_http2_is_not_asked(void **state)
{
    struct stage *stage = *state;
    stage->route.gate_protocol = "http";
    authorization_start(state, "auth:gate auth-grpc");
    struct player client = stage_connect(stage);

    player_send(&client, authorization_get);

    player_expect(&client, "HTTP/1.1 500 ");
    player_expect(&client, "The authorization service does not speak HTTP/2.");
    assert_false(stage_has_connection(stage, GATE));
    assert_false(stage_has_connection(stage, SERVICE));
    assert_int_equal(authorization_refused(stage, DENIAL_AUTHORIZATION_FAILED), 1);
    player_close(&client);
}

/* FLT-AUTH-9 */
static void a_service_that_does_not_exist_allows_nothing(void **state)
{
    struct stage *stage = *state;
    stage->route.gate_port = 0;
    authorization_start(state, "auth:gate auth-grpc");
    struct player client = stage_connect(stage);

    player_send(&client, authorization_get);

    player_expect(&client, "HTTP/1.1 500 ");
    player_close(&client);
}

/* FLT-AUTH-22 */
static void a_service_that_refuses_connections_allows_nothing(void **state)
{
    struct stage *stage = authorization_start(state, "auth:gate auth-grpc");
    stage_stop_endpoint(stage, GATE);
    struct player client = stage_connect(stage);

    player_send(&client, authorization_get);

    player_expect(&client, "HTTP/1.1 503 ");
    player_expect(&client, "The authorization service is not available.");
    assert_false(stage_has_connection(stage, SERVICE));
    player_close(&client);
}

/* FLT-AUTH-22 */
static void a_service_that_speaks_http1_after_all_allows_nothing(void **state)
{
    struct stage *stage = authorization_start(state, "auth:gate auth-grpc");
    struct player client = stage_connect(stage);
    player_send(&client, authorization_get);
    struct player gate = stage_accept(stage, GATE);
    player_expect(&gate, "PRI * HTTP/2.0\r\n");

    player_send(&gate, authorization_allowed);

    player_expect(&client, "HTTP/1.1 503 ");
    assert_false(stage_has_connection(stage, SERVICE));
    players_close(&client, &gate);
}

/* FLT-AUTH-22, FLT-AUTH-13 */
static void a_service_that_is_silent_allows_nothing(void **state)
{
    struct stage *stage = *state;
    stage->route.request_timeout_ms = 500;
    struct call call = start(state);

    stage_advance(stage, 501);

    http2_endpoint_expect_reset(&call.gate, call.stream, CANCEL);
    expect_failure(&call, "HTTP/1.1 504 ", "The request took longer than its route allows.");
}

/* FLT-AUTH-22 */
static void a_service_that_stops_in_the_middle_allows_nothing(void **state)
{
    struct call call = start(state);
    call_answer_head(&call);
    http2_endpoint_send_bytes(&call.gate, call.stream, ALLOWING);

    let_pass(call.stage);

    stage_advance(call.stage, 61 * 1000);

    expect_failure(&call, "HTTP/1.1 504 ", "The authorization service did not answer in time.");
}

/* FLT-AUTH-13 */
static void a_client_that_leaves_ends_the_call(void **state)
{
    struct call call = start(state);

    player_reset(&call.client);

    http2_endpoint_expect_reset(&call.gate, call.stream, CANCEL);
    assert_false(stage_has_connection(call.stage, SERVICE));
    call_end(&call);
}

/* --- streams --------------------------------------------------------------------------------- */

/* FLT-AUTH-22 */
static void a_stream_that_is_reset_allows_nothing(void **state)
{
    struct call call = start(state);
    http2_endpoint_send_reset(&call.gate, call.stream, INTERNAL_ERROR);
    expect_failure(&call, "HTTP/1.1 503 ", "The authorization service is not available.");
}

/* FLT-AUTH-22 */
static void a_stream_that_is_reset_behind_its_message_allows_nothing(void **state)
{
    struct call call = start(state);
    call_answer_head(&call);
    http2_endpoint_send_bytes(&call.gate, call.stream, ALLOWING);
    http2_endpoint_send_reset(&call.gate, call.stream, INTERNAL_ERROR);
    expect_failure(&call, "HTTP/1.1 502 ", "The authorization service");
}

static void a_stream_that_was_not_touched_is_asked_again(void **state)
{
    struct call call = start(state);
    http2_endpoint_send_reset(&call.gate, call.stream, REFUSED_STREAM);
    call_read(&call);

    call_allow(&call);

    struct player service = stage_accept(call.stage, SERVICE);
    player_expect(&service, "\r\n\r\n");
    player_close(&service);
    call_end(&call);
}

/* It only asks: a connection that was closed meanwhile is replaced. */
static void a_call_whose_connection_ends_is_made_again(void **state)
{
    struct call call = start(state);
    call_allow(&call);
    struct player service = stage_accept(call.stage, SERVICE);
    player_expect(&service, "\r\n\r\n");
    player_send(&service, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    player_expect(&call.client, "\r\n\r\n");
    player_send(&call.client, authorization_get);
    call_read(&call);

    http2_endpoint_close(&call.gate);
    call.gate = http2_endpoint_accept(call.stage, GATE);
    call_read(&call);
    call_allow(&call);

    player_expect(&service, "\r\n\r\n");
    player_close(&service);
    call_end(&call);
}

/* --- answers that are none ------------------------------------------------------------------- */

static void answer_with_head(struct call *call, bool is_end, const char *fields)
{
    http2_endpoint_send_head(&call->gate, call->stream, is_end, fields);
}

/* FLT-AUTH-22 */
static void what_is_no_answer_of_grpc_allows_nothing(void **state)
{
    static const char *const heads[] = {
        ":status: 200\ncontent-type: text/html\n",
        ":status: 200\n",
        ":status: 204\n",
        ":status: 401\ncontent-type: application/grpc\n",
        ":status: 503\ncontent-type: application/grpc\n",
        ":status: 200\ncontent-type: application/grpc-web\n",
        ":status: 200\ncontent-type: application/grpc\n",                 /* without a status */
        ":status: 200\ncontent-type: application/grpc\ngrpc-status: 0\n", /* without a message */
        ":status: 200\ncontent-type: application/grpc\ngrpc-status: \n",
    };
    for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) {
        struct call call;
        if (i == 0)
            call = start(state);
        else
            call = call_begin(*state, authorization_get);
        answer_with_head(&call, true, heads[i]);
        player_expect(&call.client, "HTTP/1.1 502 ");
        player_expect(&call.client, "is not valid gRPC.");
        assert_false(stage_has_connection(*state, SERVICE));
        assert_int_equal(authorization_refused(*state, DENIAL_AUTHORIZATION_FAILED), i + 1);
        http2_endpoint_send_goaway(&call.gate, call.stream);
        call_end(&call);
    }
}

/* FLT-AUTH-22 */
static void an_answer_without_trailers_allows_nothing(void **state)
{
    struct call call = start(state);
    struct buffer frames = BUFFER_EMPTY;
    call_answer_head(&call);
    http2_put_frame(&frames, HTTP2_FRAME_DATA, HTTP2_FLAG_END_STREAM, call.stream, ALLOWING);
    http2_endpoint_send(&call.gate, &frames);
    expect_no_call(&call);
}

/* In front of a message it is no trailer. */
static void a_status_in_the_head_of_a_message_allows_nothing(void **state)
{
    struct call call = start(state);
    answer_with_head(&call, false,
                     ":status: 200\ncontent-type: application/grpc\ngrpc-status: 0\n");
    http2_endpoint_send_bytes(&call.gate, call.stream, ALLOWING);
    answer_with_head(&call, true, "x-end: 1\n");
    expect_no_call(&call);
}

/* FLT-AUTH-22 */
static void a_call_that_fails_allows_nothing(void **state)
{
    struct call call = start(state);
    call_answer_bytes(&call, ALLOWING, "14");
    expect_failure(&call, "HTTP/1.1 503 ", "The authorization service has failed.");
}

/* FLT-AUTH-22 */
static void a_call_that_fails_at_once_allows_nothing(void **state)
{
    struct call call = start(state);
    answer_with_head(&call, true,
                     ":status: 200\ncontent-type: application/grpc\ngrpc-status: 12\n");
    expect_failure(&call, "HTTP/1.1 503 ", "The authorization service has failed.");
}

/* FLT-AUTH-22 */
static void a_call_that_was_too_slow_for_the_service_is_a_504(void **state)
{
    struct call call = start(state);
    call_answer_bytes(&call, SLICE(""), "4");
    expect_failure(&call, "HTTP/1.1 504 ", "The authorization service did not answer in time.");
}

/* FLT-AUTH-22 */
static void a_message_that_is_broken_allows_nothing(void **state)
{
    static const struct slice bodies[] = {
        {"", 0},
        {"\1\0\0\0\2\x0a\0", 7},
        {"\0\0\0\0\2\x0a\0\0\0\0\0\2\x0a\0", 14},
        {"\0\0\0\0\3\x0a\0", 7},
        {"\0\0\0\0\2\x0a\7", 7},
        {"\0\0\0\0\0", 5},
        /* allowed, with ":path" as a header */
        {"\0\0\0\0\x11\x0a\0\x1a\x0d\x12\x0b\x0a\x09\x0a\x05:path\x12\0", 22},
    };
    for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
        struct call call;
        if (i == 0)
            call = start(state);
        else
            call = call_begin(*state, authorization_get);
        call_answer_bytes(&call, bodies[i], "0");
        player_expect(&call.client, "HTTP/1.1 502 ");
        player_expect(&call.client, "is not valid gRPC.");
        assert_int_equal(authorization_refused(*state, DENIAL_AUTHORIZATION_FAILED), i + 1);
        http2_endpoint_send_goaway(&call.gate, call.stream);
        call_end(&call);
    }
}

/* FLT-AUTH-23 */
static void an_answer_that_is_too_long_is_not_waited_for(void **state)
{
    static const struct slice beginnings[] = {
        {"\0\0\0\xff\xfc", 5},     /* 64 KiB and one byte */
        {"\0\xff\xff\xff\xff", 5}, /* 4 GiB */
        {"\1\0\0\0\2", 5},         /* compressed */
        {"\0\0\0\0\2\x0a\0\0", 8}, /* another message */
    };
    for (size_t i = 0; i < sizeof(beginnings) / sizeof(beginnings[0]); i++) {
        struct call call;
        if (i == 0)
            call = start(state);
        else
            call = call_begin(*state, authorization_get);
        call_answer_head(&call);
        http2_endpoint_send_bytes(&call.gate, call.stream, beginnings[i]);

        player_expect(&call.client, "HTTP/1.1 502 ");
        player_expect(&call.client, "is not valid gRPC.");
        http2_endpoint_expect_reset(&call.gate, call.stream, CANCEL);
        assert_int_equal(authorization_refused(*state, DENIAL_AUTHORIZATION_FAILED), i + 1);
        http2_endpoint_send_goaway(&call.gate, call.stream);
        call_end(&call);
    }
}

/* To a client of HTTP/2 a 2xx would be an open WebSocket; see test_authorization_http2.c. */
static void a_denial_without_a_status_that_ends_anything_allows_nothing(void **state)
{
    struct call call = start(state);
    struct answer answer;
    answer_init_denied(&answer, 101, "");
    call_answer(&call, &answer.message);
    expect_no_call(&call);
}

int main(void)
{
#define ON_STAGE(test) cmocka_unit_test_setup_teardown(test, call_set_up, stage_tear_down)
    const struct CMUnitTest tests[] = {
        ON_STAGE(a_service_that_speaks_no_http2_is_not_asked),
        ON_STAGE(a_service_that_does_not_exist_allows_nothing),
        ON_STAGE(a_service_that_refuses_connections_allows_nothing),
        ON_STAGE(a_service_that_speaks_http1_after_all_allows_nothing),
        ON_STAGE(a_service_that_is_silent_allows_nothing),
        ON_STAGE(a_service_that_stops_in_the_middle_allows_nothing),
        ON_STAGE(a_client_that_leaves_ends_the_call),
        ON_STAGE(a_stream_that_is_reset_allows_nothing),
        ON_STAGE(a_stream_that_is_reset_behind_its_message_allows_nothing),
        ON_STAGE(a_stream_that_was_not_touched_is_asked_again),
        ON_STAGE(a_call_whose_connection_ends_is_made_again),
        ON_STAGE(what_is_no_answer_of_grpc_allows_nothing),
        ON_STAGE(an_answer_without_trailers_allows_nothing),
        ON_STAGE(a_status_in_the_head_of_a_message_allows_nothing),
        ON_STAGE(a_call_that_fails_allows_nothing),
        ON_STAGE(a_call_that_fails_at_once_allows_nothing),
        ON_STAGE(a_call_that_was_too_slow_for_the_service_is_a_504),
        ON_STAGE(a_message_that_is_broken_allows_nothing),
        ON_STAGE(an_answer_that_is_too_long_is_not_waited_for),
        ON_STAGE(a_denial_without_a_status_that_ends_anything_allows_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
