/* How a connection of HTTP/2 and the requests on it end: time, draining, and what gRPC is told. */
#include "common/buffer.h"
#include "proxy/http/front_http2.h"
#include "tests/unit/cmocka_all.h"
#include "tests/unit/proxy/http/http2_scene.h"

#include <stdlib.h>
#include <string.h>

#define GRPC "content-type=application/grpc+proto\nte=trailers\n"

/* --- time ------------------------------------------------------------------------------------ */

static void an_idle_connection_is_told_and_closed(void **state)
{
    struct scene *scene = *state;
    struct stream *request;
    struct player endpoint = scene_forward(scene, &request, PAIR_HEAD("GET", "/"));
    player_send(&endpoint, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    PAIR_WAIT(&scene->pair, request->is_closed);
    uint64_t idle_ms = scene->stage->shared.http.idle_timeout_ms;

    stage_advance(scene->stage, idle_ms - 1000);
    pair_let_pass(&scene->pair);
    assert_false(scene->pair.client.is_over);
    stage_advance(scene->stage, 1000);

    PAIR_WAIT(&scene->pair, scene->pair.client.is_over);
    assert_true(scene->pair.client.session.has_peer_goaway);
    PAIR_WAIT(&scene->pair, scene->stage->worker->connection_count == 0);
    player_close(&endpoint);
}

static void a_connection_with_a_request_is_not_idle(void **state)
{
    struct scene *scene = *state;
    struct stream *request;
    struct player endpoint = scene_forward(scene, &request, PAIR_HEAD("GET", "/"));
    player_send(&endpoint, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nha");
    for (int i = 0; i < 5; i++) {
        stage_advance(scene->stage, scene->stage->shared.http.idle_timeout_ms / 2);
        player_send(&endpoint, i < 2 ? "x" : "");
    }
    PAIR_WAIT(&scene->pair, request->is_closed);
    assert_true(request->has_ended);
    player_close(&endpoint);
}

static void a_body_that_stops_is_408(void **state)
{
    struct scene *scene = *state;
    struct stream *request =
        pair_request(&scene->pair, PAIR_HEAD("POST", "/") "content-length=100\n", true);
    pair_put(request, "some");
    struct player endpoint = stage_accept(scene->stage, 0);
    player_expect(&endpoint, "some");

    stage_advance(scene->stage, scene->stage->shared.http.upload_timeout_ms);

    PAIR_WAIT(&scene->pair, request->is_closed);
    assert_contains(&request->fields, ":status=408\n");
    player_expect_gone(&endpoint);
    player_close(&endpoint);
    assert_false(scene->pair.client.is_over);
}

static void a_client_that_opens_no_window_loses_the_stream(void **state)
{
    struct scene *scene = *state;
    struct stream *request;
    struct player endpoint = scene_forward(scene, &request, PAIR_HEAD("GET", "/"));
    player_send(&endpoint, "HTTP/1.1 200 OK\r\nContent-Length: 200000\r\n\r\n");
    char piece[1000] = {0};
    for (int i = 0; i < 200; i++) {
        player_send_some(&endpoint, piece, sizeof(piece));
        stage_turn(scene->stage);
    }
    PAIR_WAIT(&scene->pair, request->in.bytes.length == HTTP2_RESPONSE_WINDOW_BYTES);
    uint64_t stall_ms = scene->stage->shared.http.write_stall_timeout_ms;

    stage_advance(scene->stage, stall_ms);
    stage_advance(scene->stage, stall_ms);

    PAIR_WAIT(&scene->pair, request->is_closed);
    assert_int_equal(request->error, HTTP2_CANCEL);
    player_expect_gone(&endpoint);
    player_close(&endpoint);
}

/* --- draining -------------------------------------------------------------------------------- */

static void drain(struct scene *scene)
{
    worker_drain(scene->stage->worker, scene->stage->now_ms + 10000, false);
}

static void what_runs_is_finished_and_the_client_told(void **state)
{
    struct scene *scene = *state;
    struct stream *request;
    struct player endpoint = scene_forward(scene, &request, PAIR_HEAD("GET", "/"));

    drain(scene);
    PAIR_WAIT(&scene->pair, scene->pair.client.session.has_peer_goaway);
    pair_let_pass(&scene->pair);
    assert_false(scene->pair.client.is_over);
    player_send(&endpoint, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");

    PAIR_WAIT(&scene->pair, scene->pair.client.is_over);
    assert_true(request->has_ended);
    assert_int_equal(request->error, HTTP2_NO_ERROR);
    PAIR_WAIT(&scene->pair, scene->stage->worker->is_drained);
    player_close(&endpoint);
}

static void a_request_that_crosses_the_notice_is_served(void **state)
{
    struct scene *scene = *state;
    PAIR_WAIT(&scene->pair, scene->stage->worker->connection_count == 1);
    pair_let_pass(&scene->pair);
    drain(scene);
    struct stream *request = pair_request(&scene->pair, PAIR_HEAD("GET", "/"), false);

    struct player endpoint = stage_accept(scene->stage, 0);
    player_expect(&endpoint, "\r\n\r\n");
    player_send(&endpoint, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");

    PAIR_WAIT(&scene->pair, request->is_closed && scene->pair.client.is_over);
    assert_true(request->has_ended);
    player_close(&endpoint);
}

static void a_connection_without_requests_ends_at_once(void **state)
{
    struct scene *scene = *state;
    PAIR_WAIT(&scene->pair, scene->stage->worker->connection_count == 1);
    pair_let_pass(&scene->pair);

    drain(scene);

    PAIR_WAIT(&scene->pair, scene->pair.client.is_over && scene->stage->worker->is_drained);
}

static void who_does_not_answer_the_notice_is_closed_all_the_same(void **state)
{
    struct scene *scene = *state;
    PAIR_WAIT(&scene->pair, scene->stage->worker->connection_count == 1);
    pair_let_pass(&scene->pair);
    pair_read(&scene->pair, false);
    drain(scene);
    pair_let_pass(&scene->pair);
    assert_false(scene->stage->worker->is_drained);

    stage_advance(scene->stage, 1000);
    pair_let_pass(&scene->pair);
    stage_advance(scene->stage, scene->stage->shared.http.linger_timeout_ms);

    PAIR_WAIT(&scene->pair, scene->stage->worker->is_drained);
}

/* --- a connection's share --------------------------------------------------------------------- */

static void serve_one(struct scene *scene, struct player *endpoint, struct stream *request)
{
    player_send(endpoint, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    PAIR_WAIT(&scene->pair, request->is_closed);
    assert_true(request->has_ended);
}

static void after_its_requests_a_connection_ends(void **state)
{
    struct scene *scene = *state;
    scene->stage->shared.http.connection_max_requests = 2;
    scene_begin(scene);
    struct stream *request;
    struct player endpoint = scene_forward(scene, &request, PAIR_HEAD("GET", "/"));
    serve_one(scene, &endpoint, request);
    pair_let_pass(&scene->pair);
    assert_false(scene->pair.client.is_over);

    request = pair_request(&scene->pair, PAIR_HEAD("GET", "/"), false);
    player_expect(&endpoint, "\r\n\r\n");
    serve_one(scene, &endpoint, request);

    PAIR_WAIT(&scene->pair, scene->pair.client.is_over);
    player_close(&endpoint);
}

static void a_connection_that_is_old_ends_after_a_request(void **state)
{
    struct scene *scene = *state;
    scene->stage->shared.http.connection_max_age_ms = 1000;
    scene_begin(scene);
    struct stream *request;
    struct player endpoint = scene_forward(scene, &request, PAIR_HEAD("GET", "/"));

    stage_advance(scene->stage, 1000);
    pair_let_pass(&scene->pair);
    assert_false(scene->pair.client.is_over);
    serve_one(scene, &endpoint, request);

    PAIR_WAIT(&scene->pair, scene->pair.client.is_over);
    player_close(&endpoint);
}

/* --- gRPC ------------------------------------------------------------------------------------ */

static void expect_grpc_status(struct scene *scene, struct stream *request, const char *status)
{
    PAIR_WAIT(&scene->pair, request->is_closed);
    char expected[64];
    snprintf(expected, sizeof(expected), "grpc-status=%s\n", status);
    assert_contains(&request->fields, ":status=200\n");
    assert_contains(&request->fields, "content-type=application/grpc\n");
    assert_contains(&request->fields, expected);
    assert_int_equal(request->in.total, 0);
    assert_int_equal(request->error, HTTP2_NO_ERROR);
}

static void without_routes_a_call_is_unavailable(void **state)
{
    struct scene *scene = *state;
    scene->stage->has_no_table = true;
    scene_begin(scene);

    struct stream *request = pair_request(&scene->pair, PAIR_HEAD("POST", "/p.S/M") GRPC, true);

    expect_grpc_status(scene, request, "14");
}

static void without_its_backend_a_call_is_unavailable(void **state)
{
    struct scene *scene = *state;
    scene->stage->route.has_no_backend = true;
    scene_begin(scene);

    struct stream *call = pair_request(&scene->pair, PAIR_HEAD("POST", "/p.S/M") GRPC, true);
    struct stream *other = pair_request(&scene->pair, PAIR_HEAD("POST", "/p.S/M"), true);

    expect_grpc_status(scene, call, "14");
    PAIR_WAIT(&scene->pair, other->is_closed);
    assert_contains(&other->fields, ":status=500\n");
}

static void without_a_route_a_call_is_unimplemented(void **state)
{
    struct scene *scene = *state;
    scene->stage->route.prefix = "/only";
    scene_begin(scene);

    struct stream *call = pair_request(&scene->pair, PAIR_HEAD("POST", "/p.S/M") GRPC, true);
    struct stream *other = pair_request(
        &scene->pair, PAIR_HEAD("POST", "/p.S/M") "content-type=application/grpc-web\n", true);

    expect_grpc_status(scene, call, "12");
    PAIR_WAIT(&scene->pair, other->is_closed);
    assert_contains(&other->fields, ":status=404\n");
}

static void a_service_that_is_gone_is_unavailable(void **state)
{
    struct scene *scene = *state;
    struct stream *request;
    struct player endpoint = scene_forward(scene, &request, PAIR_HEAD("POST", "/p.S/M") GRPC);

    player_close(&endpoint);

    expect_grpc_status(scene, request, "14");
    assert_contains(&request->fields, "grpc-message=The service closed the connection");
}

static void a_call_that_takes_too_long_exceeds_its_deadline(void **state)
{
    struct scene *scene = *state;
    scene->stage->route.request_timeout_ms = 5000;
    scene_begin(scene);
    struct stream *request;
    struct player endpoint = scene_forward(scene, &request, PAIR_HEAD("POST", "/p.S/M") GRPC);

    stage_advance(scene->stage, 5000);

    expect_grpc_status(scene, request, "4");
    player_close(&endpoint);
}

static void a_refused_call_gets_a_status_too(void **state)
{
    struct scene *scene = *state;

    struct stream *request = pair_request(&scene->pair, PAIR_HEAD("POST", "/a/../b") GRPC, true);

    expect_grpc_status(scene, request, "13");
}

static void an_answer_that_breaks_off_ends_with_unavailable(void **state)
{
    struct scene *scene = *state;
    struct stream *request;
    struct player endpoint = scene_forward(scene, &request, PAIR_HEAD("POST", "/p.S/M") GRPC);
    player_send(&endpoint, "HTTP/1.1 200 OK\r\nContent-Type: application/grpc\r\n"
                           "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n");
    PAIR_WAIT(&scene->pair, request->in.bytes.length == 5);

    player_close(&endpoint);

    PAIR_WAIT(&scene->pair, request->is_closed);
    assert_true(request->has_ended);
    assert_contains(&request->in.trailers, "grpc-status: 14\r\n");
    assert_int_equal(request->error, HTTP2_NO_ERROR);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, scene_set_up, scene_tear_down)
#define TEST_OF_ITS_OWN(name) cmocka_unit_test_setup_teardown(name, scene_prepare, scene_tear_down)
        TEST(an_idle_connection_is_told_and_closed),
        TEST(a_connection_with_a_request_is_not_idle),
        TEST(a_body_that_stops_is_408),
        TEST(a_client_that_opens_no_window_loses_the_stream),
        TEST(what_runs_is_finished_and_the_client_told),
        TEST(a_request_that_crosses_the_notice_is_served),
        TEST(a_connection_without_requests_ends_at_once),
        TEST(who_does_not_answer_the_notice_is_closed_all_the_same),
        TEST_OF_ITS_OWN(after_its_requests_a_connection_ends),
        TEST_OF_ITS_OWN(a_connection_that_is_old_ends_after_a_request),
        TEST_OF_ITS_OWN(without_routes_a_call_is_unavailable),
        TEST_OF_ITS_OWN(without_its_backend_a_call_is_unavailable),
        TEST_OF_ITS_OWN(without_a_route_a_call_is_unimplemented),
        TEST(a_service_that_is_gone_is_unavailable),
        TEST_OF_ITS_OWN(a_call_that_takes_too_long_exceeds_its_deadline),
        TEST(a_refused_call_gets_a_status_too),
        TEST(an_answer_that_breaks_off_ends_with_unavailable),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
