/* Authorization where everybody speaks HTTP/2: the client, the service that is asked, and the one
 * that serves. */
#include "common/buffer.h"
#include "tests/unit/cmocka_all.h"
#include "tests/unit/proxy/http/authorization_stage.h"
#include "tests/unit/proxy/http/http2_endpoint.h"
#include "tests/unit/proxy/http/http2_scene.h"

#include <string.h>

enum { NO_ERROR = 0, INTERNAL_ERROR = 2, CANCEL = 8 };

#define GET PAIR_HEAD("GET", "/page") "x-user=evil\nauthorization=s\n"
#define CALL PAIR_HEAD("POST", "/p.S/M") "content-type=application/grpc+proto\nte=trailers\n"

static int set_up(void **state)
{
    scene_prepare(state);
    struct scene *scene = *state;
    scene->stage->route.filters = "auth:gate auth-path:/check auth-take:x-user";
    scene->stage->route.gate_port = scene->stage->endpoint_ports[GATE];
    scene->stage->route.app_protocol = "h2c";
    scene_begin(scene);
    return 0;
}

/* A question, as the gate has its head. */
struct asked {
    struct stream *client;
    struct http2_endpoint gate;
    uint32_t stream;
};

static struct asked ask(struct scene *scene, const char *fields, bool has_body)
{
    struct asked asked = {.client = pair_request(&scene->pair, fields, has_body)};
    asked.gate = http2_endpoint_accept(scene->stage, GATE);
    asked.stream = http2_endpoint_expect_head(&asked.gate);
    return asked;
}

static void expect_closed(struct scene *scene, const struct asked *asked)
{
    PAIR_WAIT(&scene->pair, asked->client->is_closed);
    assert_int_equal(asked->client->error, NO_ERROR);
    assert_true(asked->client->has_ended);
    assert_false(stage_has_connection(scene->stage, SERVICE));
}

/* FLT-AUTH-3, FLT-AUTH-5 */
static void an_allowed_request_goes_on(void **state)
{
    struct scene *scene = *state;
    struct asked asked = ask(scene, GET, false);
    assert_contains(&asked.gate.fields, ":method: GET\n");
    assert_contains(&asked.gate.fields, ":path: /check/page\n");
    assert_contains(&asked.gate.fields, ":authority: shop\n");
    assert_contains(&asked.gate.fields, "authorization: s\n");
    assert_contains(&asked.gate.fields, "content-length: 0\n");
    assert_lacks(buffer_string(&asked.gate.fields), "evil");

    http2_endpoint_send_head(&asked.gate, asked.stream, false, ":status: 200\nx-user: kim\n");
    http2_endpoint_send_data(&asked.gate, asked.stream, false, "go ");
    assert_false(stage_has_connection(scene->stage, SERVICE));
    http2_endpoint_send_data(&asked.gate, asked.stream, true, "on");

    struct http2_endpoint service = http2_endpoint_accept(scene->stage, SERVICE);
    http2_endpoint_expect_head(&service);
    assert_contains(&service.fields, ":path: /page\n");
    assert_contains(&service.fields, "x-user: kim\n");
    assert_lacks(buffer_string(&service.fields), "evil");
    http2_endpoint_close(&service);
    http2_endpoint_close(&asked.gate);
}

/* FLT-AUTH-2 */
static void a_refusal_is_passed_on_with_its_trailers(void **state)
{
    struct scene *scene = *state;
    struct asked asked = ask(scene, GET, false);

    http2_endpoint_send_head(&asked.gate, asked.stream, false,
                             ":status: 401\nwww-authenticate: Basic\n");
    http2_endpoint_send_data(&asked.gate, asked.stream, false, "who");
    http2_endpoint_send_head(&asked.gate, asked.stream, true, "x-end: 1\n");

    expect_closed(scene, &asked);
    assert_contains(&asked.client->fields, ":status=401\n");
    assert_contains(&asked.client->fields, "www-authenticate=Basic\n");
    assert_int_equal(asked.client->in.total, 3);
    assert_string_equal(buffer_string(&asked.client->in.trailers), "x-end: 1\r\n");
    http2_endpoint_close(&asked.gate);
}

/* FLT-AUTH-1 */
static void a_stream_that_is_reset_allows_nothing(void **state)
{
    struct scene *scene = *state;
    struct asked asked = ask(scene, GET, false);

    http2_endpoint_send_head(&asked.gate, asked.stream, false, ":status: 200\nx-user: kim\n");
    http2_endpoint_send_reset(&asked.gate, asked.stream, INTERNAL_ERROR);

    expect_closed(scene, &asked);
    assert_contains(&asked.client->fields, ":status=502\n");
    http2_endpoint_close(&asked.gate);
}

/* FLT-AUTH-13 */
static void a_client_that_resets_its_stream_ends_the_question(void **state)
{
    struct scene *scene = *state;
    struct asked asked = ask(scene, GET, false);

    http2_stream_reset(&asked.client->http2, HTTP2_CANCEL);

    http2_endpoint_expect_reset(&asked.gate, asked.stream, CANCEL);
    assert_false(stage_has_connection(scene->stage, SERVICE));
    http2_endpoint_close(&asked.gate);
}

/* FLT-AUTH-14 */
static void a_websocket_is_asked_about_as_a_get(void **state)
{
    struct scene *scene = *state;
    struct asked asked = ask(scene,
                             ":method=CONNECT\n:protocol=websocket\n:scheme=http\n:authority=shop\n"
                             ":path=/chat\nsec-websocket-version=13\n",
                             true);
    assert_contains(&asked.gate.fields, ":method: GET\n");
    assert_contains(&asked.gate.fields, ":path: /check/chat\n");
    assert_lacks(buffer_string(&asked.gate.fields), ":protocol");
    assert_lacks(buffer_string(&asked.gate.fields), "websocket");

    http2_endpoint_send_head(&asked.gate, asked.stream, true, ":status: 204\n");

    PAIR_WAIT(&scene->pair, asked.client->heads == 1);
    assert_contains(&asked.client->fields, ":status=502\n");
    assert_false(stage_has_connection(scene->stage, SERVICE));
    http2_endpoint_close(&asked.gate);
}

/* --- the service is called ------------------------------------------------------------------- */

static int set_up_call(void **state)
{
    scene_prepare(state);
    struct scene *scene = *state;
    scene->stage->route.filters = "auth:gate auth-grpc";
    scene->stage->route.gate_port = scene->stage->endpoint_ports[GATE];
    scene->stage->route.app_protocol = "h2c";
    scene_begin(scene);
    return 0;
}

static void answer_call(struct asked *asked, struct slice message)
{
    http2_endpoint_send_head(&asked->gate, asked->stream, false,
                             ":status: 200\ncontent-type: application/grpc\n");
    http2_endpoint_send_bytes(&asked->gate, asked->stream, message);
    http2_endpoint_send_head(&asked->gate, asked->stream, true, "grpc-status: 0\n");
}

/* FLT-AUTH-17 */
static void a_call_tells_of_the_clients_http2(void **state)
{
    struct scene *scene = *state;
    struct asked asked = ask(scene, GET, false);
    struct buffer body = BUFFER_EMPTY;
    http2_endpoint_read_body(&asked.gate, asked.stream, &body);
    assert_non_null(memmem(body.at, body.length, "HTTP/2", 6));
    assert_non_null(memmem(body.at, body.length, "shop", 4));
    buffer_clear(&body);

    answer_call(&asked, SLICE("\0\0\0\0\2\x0a\0"));

    struct http2_endpoint service = http2_endpoint_accept(scene->stage, SERVICE);
    http2_endpoint_expect_head(&service);
    assert_contains(&service.fields, "x-user: evil\n");
    http2_endpoint_close(&service);
    http2_endpoint_close(&asked.gate);
}

/* FLT-AUTH-19 */
static void a_denial_of_a_websocket_does_not_open_it(void **state)
{
    struct scene *scene = *state;
    struct asked asked = ask(scene,
                             ":method=CONNECT\n:protocol=websocket\n:scheme=http\n"
                             ":authority=shop\n:path=/chat\nsec-websocket-version=13\n",
                             true);

    /* PERMISSION_DENIED, with the status 200 */
    answer_call(&asked, SLICE("\0\0\0\0\x0b\x0a\2\x08\7\x12\5\x0a\3\x08\xc8\1"));

    PAIR_WAIT(&scene->pair, asked.client->heads == 1);
    assert_contains(&asked.client->fields, ":status=502\n");
    assert_false(stage_has_connection(scene->stage, SERVICE));
    http2_endpoint_close(&asked.gate);
}

/* --- gRPC ------------------------------------------------------------------------------------ */

static void a_call_is_told_of_failures_in_its_words(void **state)
{
    struct scene *scene = *state;
    struct asked asked = ask(scene, CALL, false);

    http2_endpoint_send_reset(&asked.gate, asked.stream, INTERNAL_ERROR);

    expect_closed(scene, &asked);
    assert_contains(&asked.client->fields, ":status=200\n");
    assert_contains(&asked.client->fields, "grpc-status=14\n");
    http2_endpoint_close(&asked.gate);
}

/* Clients of gRPC know what a 401 is. */
static void a_refusal_of_a_call_is_the_services_answer(void **state)
{
    struct scene *scene = *state;
    struct asked asked = ask(scene, CALL, false);

    http2_endpoint_send_head(&asked.gate, asked.stream, true, ":status: 401\n");

    expect_closed(scene, &asked);
    assert_contains(&asked.client->fields, ":status=401\n");
    assert_lacks(buffer_string(&asked.client->fields), "grpc-status");
    http2_endpoint_close(&asked.gate);
}

static void the_time_of_a_call_counts_while_it_is_asked_about(void **state)
{
    struct scene *scene = *state;
    struct asked asked = ask(scene, CALL "grpc-timeout=10S\n", false);

    stage_advance(scene->stage, 1500);
    http2_endpoint_send_head(&asked.gate, asked.stream, true, ":status: 200\n");

    struct http2_endpoint service = http2_endpoint_accept(scene->stage, SERVICE);
    http2_endpoint_expect_head(&service);
    assert_contains(&service.fields, "grpc-timeout: 8500000u\n");
    http2_endpoint_close(&service);
    http2_endpoint_close(&asked.gate);
}

static void a_call_whose_time_is_over_when_it_is_allowed_is_not_sent(void **state)
{
    struct scene *scene = *state;
    struct asked asked = ask(scene, CALL "grpc-timeout=1S\n", false);

    stage_advance(scene->stage, 1500);
    http2_endpoint_send_head(&asked.gate, asked.stream, true, ":status: 200\n");

    expect_closed(scene, &asked);
    assert_contains(&asked.client->fields, "grpc-status=4\n");
    http2_endpoint_close(&asked.gate);
}

int main(void)
{
#define ON_SCENE(test) cmocka_unit_test_setup_teardown(test, set_up, scene_tear_down)
    const struct CMUnitTest tests[] = {
        ON_SCENE(an_allowed_request_goes_on),
        ON_SCENE(a_refusal_is_passed_on_with_its_trailers),
        ON_SCENE(a_stream_that_is_reset_allows_nothing),
        ON_SCENE(a_client_that_resets_its_stream_ends_the_question),
        ON_SCENE(a_websocket_is_asked_about_as_a_get),
        cmocka_unit_test_setup_teardown(a_call_tells_of_the_clients_http2, set_up_call,
                                        scene_tear_down),
        cmocka_unit_test_setup_teardown(a_denial_of_a_websocket_does_not_open_it, set_up_call,
                                        scene_tear_down),
        ON_SCENE(a_call_is_told_of_failures_in_its_words),
        ON_SCENE(a_refusal_of_a_call_is_the_services_answer),
        ON_SCENE(the_time_of_a_call_counts_while_it_is_asked_about),
        ON_SCENE(a_call_whose_time_is_over_when_it_is_allowed_is_not_sent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
