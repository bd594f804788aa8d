/* A client of HTTP/2, and an endpoint of HTTP/1 behind it. */
#include "common/buffer.h"
#include "proxy/http/front_http2.h"
#include "tests/unit/cmocka_all.h"
#include "tests/unit/proxy/http/http2_scene.h"

#include <stdlib.h>
#include <string.h>

static void assert_text(struct buffer *bytes, const char *expected)
{
    assert_string_equal(buffer_string(bytes), expected);
}

static void expect_status(struct scene *scene, struct stream *request, const char *status)
{
    PAIR_WAIT(&scene->pair, request->is_closed);
    char expected[32];
    snprintf(expected, sizeof(expected), ":status=%s\n", status);
    assert_contains(&request->fields, expected);
    assert_true(request->has_ended);
}

/* --- heads ----------------------------------------------------------------------------------- */

static void a_request_is_forwarded_and_answered(void **state)
{
    struct scene *scene = *state;

    struct stream *request = pair_request(
        &scene->pair, PAIR_HEAD("GET", "/a/%7eb?c=d") "accept=x/y\nx-under_score=1\n", false);
    struct player endpoint = stage_accept(scene->stage, 0);
    player_expect(&endpoint, "GET /a/~b?c=d HTTP/1.1\r\nhost: shop\r\naccept: x/y\r\n"
                             "x-forwarded-for: 127.0.0.1\r\nx-forwarded-proto: http\r\n"
                             "x-forwarded-host: shop\r\nx-request-id: ");
    player_expect(&endpoint, "\r\n\r\n");
    player_send(&endpoint, "HTTP/1.1 200 Fine\r\nServer: x\r\nConnection: x-hop, keep-alive\r\n"
                           "X-Hop: 1\r\nKeep-Alive: 5\r\nContent-Length: 5\r\n\r\nhello");

    PAIR_WAIT(&scene->pair, request->is_closed);
    assert_text(&request->fields,
                ":status=200\ncontent-length=5\nserver=x\ndate=" STAGE_DATE_VALUE "\n");
    assert_text(&request->in.bytes, "hello");
    assert_int_equal(request->error, HTTP2_NO_ERROR);
    assert_int_equal(counter_read(&scene->stage->worker->counters->requests), 1);
    player_close(&endpoint);
}

static void crumbs_of_cookies_are_joined(void **state)
{
    struct scene *scene = *state;

    struct stream *request = pair_request(
        &scene->pair, PAIR_HEAD("GET", "/") "cookie=a=1\nx-between=y\ncookie=b=2\ncookie=c=3\n",
        false);
    struct player endpoint = stage_accept(scene->stage, 0);

    player_expect(&endpoint, "host: shop\r\nx-between: y\r\ncookie: a=1; b=2; c=3\r\nx-forwarded");
    player_close(&endpoint);
    expect_status(scene, request, "503");
}

static void many_requests_run_at_a_time(void **state)
{
    struct scene *scene = *state;
    enum { COUNT = 20 };
    struct stream *requests[COUNT];
    struct player endpoints[COUNT];

    for (int i = 0; i < COUNT; i++)
        endpoints[i] = scene_forward(scene, &requests[i], PAIR_HEAD("GET", "/"));
    for (int i = COUNT - 1; i >= 0; i--) {
        player_send(&endpoints[i], "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        expect_status(scene, requests[i], "200");
    }

    for (int i = 0; i < COUNT; i++)
        player_close(&endpoints[i]);
}

static void responses_without_a_body_end_with_their_heads(void **state)
{
    struct scene *scene = *state;
    static const struct {
        const char *request;
        const char *answer;
        const char *expected;
    } cases[] = {
        {PAIR_HEAD("HEAD", "/"), "HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n",
         ":status=200\ncontent-length=7\ndate=" STAGE_DATE_VALUE "\n"},
        {PAIR_HEAD("GET", "/"), "HTTP/1.1 204 None\r\n\r\n",
         ":status=204\ndate=" STAGE_DATE_VALUE "\n"},
        {PAIR_HEAD("GET", "/"), "HTTP/1.1 304 Same\r\nContent-Length: 9\r\n\r\n",
         ":status=304\ncontent-length=9\ndate=" STAGE_DATE_VALUE "\n"},
        {PAIR_HEAD("GET", "/"), "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
         ":status=200\ncontent-length=0\ndate=" STAGE_DATE_VALUE "\n"},
    };
    struct player endpoint = {0};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct stream *request;
        if (i == 0) {
            endpoint = scene_forward(scene, &request, cases[i].request);
        } else {
            request = pair_request(&scene->pair, cases[i].request, false);
            player_expect(&endpoint, "\r\n\r\n");
        }
        player_send(&endpoint, cases[i].answer);
        PAIR_WAIT(&scene->pair, request->is_closed);
        assert_text(&request->fields, cases[i].expected);
        assert_int_equal(request->in.total, 0);
        assert_int_equal(request->error, HTTP2_NO_ERROR);
    }
    player_close(&endpoint);
}

static void interim_heads_are_passed_on(void **state)
{
    struct scene *scene = *state;
    struct stream *request;
    struct player endpoint = scene_forward(scene, &request, PAIR_HEAD("GET", "/"));

    player_send(&endpoint, "HTTP/1.1 103 Early\r\nLink: </a>\r\n\r\n"
                           "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");

    PAIR_WAIT(&scene->pair, request->is_closed);
    assert_text(&request->fields, ":status=103\nlink=</a>\n:status=200\ncontent-length=2\n"
                                  "date=" STAGE_DATE_VALUE "\n");
    player_close(&endpoint);
}

/* --- bodies ---------------------------------------------------------------------------------- */

static void a_body_of_known_length_is_forwarded_by_length(void **state)
{
    struct scene *scene = *state;
    struct stream *request =
        pair_request(&scene->pair, PAIR_HEAD("POST", "/") "content-length=8\n", true);
    pair_put(request, "ques");
    struct player endpoint = stage_accept(scene->stage, 0);
    player_expect(&endpoint, "content-length: 8\r\n\r\nques");

    pair_put(request, "tion");
    pair_finish(request);

    player_expect(&endpoint, "tion");
    player_send(&endpoint, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    expect_status(scene, request, "200");
    player_close(&endpoint);
}

static void a_body_of_unknown_length_is_chunked_and_has_trailers(void **state)
{
    struct scene *scene = *state;
    struct stream *request =
        pair_request(&scene->pair, PAIR_HEAD("POST", "/") "te=trailers\n", true);
    struct player endpoint = stage_accept(scene->stage, 0);
    player_expect(&endpoint,
                  "te: trailers\r\nconnection: te\r\ntransfer-encoding: chunked\r\n\r\n");

    pair_put(request, "question");
    player_expect(&endpoint, "8\r\nquestion\r\n");
    buffer_append_string(&request->out.trailers, "x-sum: 7\r\nauthorization: me\r\n");
    pair_finish(request);

    player_expect(&endpoint, "0\r\nx-sum: 7\r\n\r\n");
    player_send(&endpoint, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                           "6\r\nanswer\r\n0\r\nGrpc-Status: 0\r\n\r\n");
    expect_status(scene, request, "200");
    assert_text(&request->in.bytes, "answer");
    assert_text(&request->in.trailers, "grpc-status: 0\r\n");
    player_close(&endpoint);
}

static void a_client_that_waits_for_100_gets_it_once(void **state)
{
    struct scene *scene = *state;
    struct stream *request = pair_request(
        &scene->pair, PAIR_HEAD("POST", "/") "content-length=4\nexpect=100-continue\n", true);
    struct player endpoint = stage_accept(scene->stage, 0);
    PAIR_WAIT(&scene->pair, request->heads == 1);

    pair_put(request, "body");
    pair_finish(request);

    player_expect(&endpoint, "content-length: 4\r\n\r\nbody");
    player_send(&endpoint, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    PAIR_WAIT(&scene->pair, request->is_closed);
    assert_text(&request->fields,
                ":status=100\n:status=200\ncontent-length=2\ndate=" STAGE_DATE_VALUE "\n");
    player_close(&endpoint);
}

static void an_endpoint_that_reads_slowly_slows_the_client_down(void **state)
{
    struct scene *scene = *state;
    enum { BYTES = 20 * 1000 * 1000 };
    struct stream *request =
        pair_request(&scene->pair, PAIR_HEAD("POST", "/") "content-length=20000000\n", true);
    pair_put_zeros(request, BYTES);
    struct player endpoint = stage_accept(scene->stage, 0);

    size_t before;
    do {
        before = request->out.bytes.length;
        pair_let_pass(&scene->pair);
    } while (request->out.bytes.length < before);
    assert_true(request->out.bytes.length > BYTES / 4); /* the rest lies in the sockets */

    pair_finish(request);
    player_expect(&endpoint, "content-length: 20000000\r\n\r\n");
    player_expect_bytes(&endpoint, BYTES);
    player_forget(&endpoint);
    player_send(&endpoint, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    expect_status(scene, request, "200");
    player_close(&endpoint);
}

static void an_early_answer_ends_the_upload(void **state)
{
    struct scene *scene = *state;
    struct stream *request =
        pair_request(&scene->pair, PAIR_HEAD("POST", "/") "content-length=100\n", true);
    pair_put(request, "some");
    struct player endpoint = stage_accept(scene->stage, 0);
    player_expect(&endpoint, "some");

    player_send(&endpoint, "HTTP/1.1 403 No\r\nContent-Length: 2\r\n\r\nno");

    expect_status(scene, request, "403");
    assert_int_equal(request->error, HTTP2_NO_ERROR);
    assert_text(&request->in.bytes, "no");
    player_expect_gone(&endpoint);
    player_close(&endpoint);
}

/* --- ends ------------------------------------------------------------------------------------ */

static void a_truncated_answer_ends_in_a_reset(void **state)
{
    struct scene *scene = *state;
    struct stream *request;
    struct player endpoint = scene_forward(scene, &request, PAIR_HEAD("GET", "/"));
    player_send(&endpoint, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf");
    PAIR_WAIT(&scene->pair, request->in.bytes.length == 4);

    player_close(&endpoint);

    PAIR_WAIT(&scene->pair, request->is_closed);
    assert_int_equal(request->error, HTTP2_INTERNAL_ERROR);
    assert_false(request->has_ended);
}

static void a_stream_that_is_cancelled_ends_its_request_at_the_endpoint(void **state)
{
    struct scene *scene = *state;
    struct stream *request;
    struct player endpoint = scene_forward(scene, &request, PAIR_HEAD("GET", "/"));

    http2_stream_reset(&request->http2, HTTP2_CANCEL);

    player_expect_gone(&endpoint);
    player_close(&endpoint);
    struct stream *next;
    endpoint = scene_forward(scene, &next, PAIR_HEAD("GET", "/"));
    player_close(&endpoint);
    expect_status(scene, next, "503");
}

static void a_client_that_leaves_ends_all_its_requests(void **state)
{
    struct scene *scene = *state;
    struct stream *request;
    struct player first = scene_forward(scene, &request, PAIR_HEAD("GET", "/"));
    struct player second = scene_forward(scene, &request, PAIR_HEAD("GET", "/"));

    pair_end(&scene->pair.client);

    player_expect_gone(&first);
    player_expect_gone(&second);
    PAIR_WAIT(&scene->pair, scene->stage->worker->connection_count == 0);
    player_close(&first);
    player_close(&second);
}

/* --- what is not taken ----------------------------------------------------------------------- */

struct refused_case {
    const char *fields;
    const char *status; /* NULL: the stream is reset with PROTOCOL_ERROR */
};

static const struct refused_case refused_cases[] = {
    /* ours: the same answers as HTTP/1 */
    {PAIR_HEAD("TRACE", "/"), "405"},
    {":method=CONNECT\n:authority=shop:80\n", "405"},
    {PAIR_HEAD("GET", "/a/../b"), "400"},
    {PAIR_HEAD("GET", "/a/%2e%2E/b"), "400"},
    {PAIR_HEAD("GET", "/a%00"), "400"},
    {PAIR_HEAD("GET", "/a%zz"), "400"},
    {PAIR_HEAD("GET", "/a#b"), "400"},
    {PAIR_HEAD("GET", "/a\\b"), "400"},
    {":method=GET\n:scheme=http\n:path=/\n", NULL},
    {":method=GET\n:scheme=http\n:path=/\n:authority=a b\n", NULL},
    {":method=GET\n:scheme=http\n:path=/\n:authority=user@shop\n", "400"},
    {":method=GET\n:scheme=http\n:path=/\n:authority=shop:x\n", "400"},
    {":method=GET\n:scheme=gopher\n:path=/\n:authority=shop\n", "400"},
    {PAIR_HEAD("GET", "/") "host=other\n", "400"},
    {PAIR_HEAD("GET", "/") "host=shop\nhost=shop\n", NULL},
    {PAIR_HEAD("POST", "/") "expect=magic\n", "417"},
    /* the version's: malformed (RFC 9113 sections 8.1.1, 8.2 and 8.3) */
    {PAIR_HEAD("GET", "/") "connection=close\n", NULL},
    {PAIR_HEAD("GET", "/") "keep-alive=1\n", NULL},
    {PAIR_HEAD("GET", "/") "proxy-connection=close\n", NULL},
    {PAIR_HEAD("GET", "/") "transfer-encoding=chunked\n", NULL},
    {PAIR_HEAD("GET", "/") "upgrade=websocket\n", NULL},
    {PAIR_HEAD("GET", "/") "te=gzip\n", NULL},
    {PAIR_HEAD("GET", "/") "x y=1\n", NULL},
    {PAIR_HEAD("GET", "/") "x=a\001b\n", NULL},
    {PAIR_HEAD("GET", "/") ":path=/b\n", NULL},
    {PAIR_HEAD("GET", "/") ":strange=/b\n", NULL},
    {PAIR_HEAD("GET", "/") "content-length=1\ncontent-length=1\n", NULL},
    {PAIR_HEAD("GET", "/") "content-length=+1\n", NULL},
    {PAIR_HEAD("GET", "/") "content-length=5\n", NULL},
    {PAIR_HEAD("G T", "/"), NULL},
    {PAIR_HEAD("GET", "a"), NULL},
    {PAIR_HEAD("GET", "*"), NULL},
    {":method=GET\n:scheme=http\n:authority=shop\n", NULL},
    {":scheme=http\n:path=/\n:authority=shop\n", NULL},
    {"x=1\n:method=GET\n:scheme=http\n:path=/\n:authority=shop\n", NULL},
};

static void what_is_not_taken_never_reaches_an_endpoint(void **state)
{
    struct scene *scene = *state;
    for (size_t i = 0; i < sizeof(refused_cases) / sizeof(refused_cases[0]); i++) {
        const struct refused_case *this = &refused_cases[i];
        struct stream *request = pair_request(&scene->pair, this->fields, false);
        PAIR_WAIT(&scene->pair, request->is_closed);
        const char *fields = buffer_string(&request->fields);
        if (this->status == NULL ? request->error != HTTP2_PROTOCOL_ERROR
                                 : strncmp(fields + 8, this->status, 3) != 0)
            fail_msg("case %zu, %s: error %u, %s", i, this->fields, request->error, fields);
    }

    assert_false(stage_has_connection(scene->stage, 0));
    assert_false(scene->pair.client.is_over);
    const struct worker_counters *counters = scene->stage->worker->counters;
    uint64_t refused = counter_read(&counters->refused[DENIAL_METHOD]) +
                       counter_read(&counters->refused[DENIAL_EXPECTATION]) +
                       counter_read(&counters->refused[DENIAL_BAD_REQUEST]);
    assert_int_equal(refused, sizeof(refused_cases) / sizeof(refused_cases[0]));
    assert_int_equal(counter_read(&counters->requests), refused);
}

static void too_many_headers_are_431(void **state)
{
    struct scene *scene = *state;
    struct buffer fields = BUFFER_EMPTY;
    buffer_append_string(&fields, PAIR_HEAD("GET", "/"));
    for (int i = 0; i < 101; i++)
        buffer_printf(&fields, "x-%d=1\n", i);

    struct stream *request = pair_request(&scene->pair, buffer_string(&fields), false);

    expect_status(scene, request, "431");
    buffer_clear(&fields);
}

static void a_target_that_is_too_long_is_414(void **state)
{
    struct scene *scene = *state;
    struct buffer fields = BUFFER_EMPTY;
    buffer_append_string(&fields, ":method=GET\n:scheme=http\n:authority=shop\n:path=/");
    for (int i = 0; i < 16400; i++)
        buffer_append_char(&fields, 'a');
    buffer_append_char(&fields, '\n');

    struct stream *request = pair_request(&scene->pair, buffer_string(&fields), false);

    expect_status(scene, request, "414");
    buffer_clear(&fields);
}

/* --- the preface ----------------------------------------------------------------------------- */

static const char settings_frame[] = "\0\0\0\x04\0\0\0\0\0";

static void the_preface_may_come_in_pieces(void **state)
{
    struct scene *scene = *state;
    struct player client = stage_connect(scene->stage);

    for (size_t i = 0; i < strlen(HTTP2_PREFACE); i++) {
        assert_int_equal(player_send_some(&client, &HTTP2_PREFACE[i], 1), 1);
        stage_turn(scene->stage);
    }
    player_send_some(&client, settings_frame, sizeof(settings_frame) - 1);

    player_expect_bytes(&client, 3);
    assert_int_equal(client.received.at[0], 4); /* SETTINGS */
    player_close(&client);
}

static void what_only_begins_like_the_preface_is_http1(void **state)
{
    struct scene *scene = *state;
    struct player client = stage_connect(scene->stage);

    player_send(&client, "PR");
    pair_let_pass(&scene->pair);
    player_send(&client, "OPFIND / HTTP/1.1\r\nHost: shop\r\n\r\n");

    struct player endpoint = stage_accept(scene->stage, 0);
    player_expect(&endpoint, "PROPFIND / HTTP/1.1\r\nhost: shop\r\n");
    player_close(&endpoint);
    player_close(&client);
}

static void a_listener_may_refuse_it(void **state)
{
    (void)state;
    struct stage *stage = stage_new();
    listener_close(stage->listener);
    stage->listener = listener_open_at("127.0.0.1:0,http2=off", 1, NULL, NULL);
    stage_start(stage);
    struct player client = stage_connect(stage);

    player_send_some(&client, HTTP2_PREFACE, strlen(HTTP2_PREFACE));

    player_expect(&client, "HTTP/1.1 400 ");
    player_expect_gone(&client);
    player_close(&client);
    stage_free(stage);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, scene_set_up, scene_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_request_is_forwarded_and_answered),
        TEST(crumbs_of_cookies_are_joined),
        TEST(many_requests_run_at_a_time),
        TEST(responses_without_a_body_end_with_their_heads),
        TEST(interim_heads_are_passed_on),
        TEST(a_body_of_known_length_is_forwarded_by_length),
        TEST(a_body_of_unknown_length_is_chunked_and_has_trailers),
        TEST(a_client_that_waits_for_100_gets_it_once),
        TEST(an_endpoint_that_reads_slowly_slows_the_client_down),
        TEST(an_early_answer_ends_the_upload),
        TEST(a_truncated_answer_ends_in_a_reset),
        TEST(a_stream_that_is_cancelled_ends_its_request_at_the_endpoint),
        TEST(a_client_that_leaves_ends_all_its_requests),
        TEST(what_is_not_taken_never_reaches_an_endpoint),
        TEST(too_many_headers_are_431),
        TEST(a_target_that_is_too_long_is_414),
        TEST(the_preface_may_come_in_pieces),
        TEST(what_only_begins_like_the_preface_is_http1),
        cmocka_unit_test(a_listener_may_refuse_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
