#include "proxy/http/conn_pool.h"
#include "proxy/http/front_http1.h"
#include "proxy/metrics/backend_metrics.h"
#include "tests/unit/cmocka_all.h"
#include "tests/unit/proxy/http/stage.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int set_up(void **state)
{
    *state = stage_new();
    return 0;
}

static int set_up_and_start(void **state)
{
    struct stage *stage = stage_new();
    stage_start(stage);
    *state = stage;
    return 0;
}

static int set_up_two_endpoints(void **state)
{
    struct stage *stage = stage_new();
    stage->endpoint_count = 2;
    stage_start(stage);
    *state = stage;
    return 0;
}

static int tear_down(void **state)
{
    stage_free(*state);
    return 0;
}

static const char get[] = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
static const char ok[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/* Sends `request` from `client`; the endpoint that gets it has read its head. */
static struct player forward(struct stage *stage, struct player *client, const char *request)
{
    player_send(client, request);
    struct player endpoint = stage_accept(stage, 0);
    player_expect(&endpoint, "\r\n\r\n");
    return endpoint;
}

/* An endpoint whose connection waits in the pool. */
static struct player warm_up(struct stage *stage, struct player *client)
{
    struct player endpoint = forward(stage, client, get);
    player_send(&endpoint, ok);
    player_expect(client, "\r\n\r\nok");
    assert_int_equal(conn_pool_count(stage->worker->pool), 1);
    return endpoint;
}

static void leave(struct player *client, struct player *endpoint)
{
    player_close(client);
    player_close(endpoint);
}

/* --- what a response is ---------------------------------------------------------------------- */

static void chunks_are_framed_anew_with_their_trailers(void **state)
{
    struct stage *stage = *state;
    struct player client = stage_connect(stage);
    struct player endpoint =
        forward(stage, &client, "GET / HTTP/1.1\r\nHost: a\r\nTE: trailers\r\n\r\n");

    player_send(&endpoint, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                           "000A;x=y\r\n0123456789\r\n");
    player_expect(&client, "transfer-encoding: chunked\r\n\r\na\r\n0123456789\r\n");
    player_send(&endpoint, "1\r\nx\r\n0\r\nX-Sum: 1\r\n\r\n");

    player_expect(&client, "1\r\nx\r\n0\r\nX-Sum: 1\r\n\r\n");
    assert_int_equal(conn_pool_count(stage->worker->pool), 1);
    leave(&client, &endpoint);
}

static void trailers_nobody_asked_for_are_dropped(void **state)
{
    struct stage *stage = *state;
    struct player client = stage_connect(stage);
    struct player endpoint = forward(stage, &client, get);

    player_send(&endpoint, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                           "1\r\nx\r\n0\r\nX-Sum: 1\r\n\r\n");

    player_expect(&client, "\r\n\r\n1\r\nx\r\n0\r\n\r\n");
    leave(&client, &endpoint);
}

static void a_body_until_close_becomes_chunks(void **state)
{
    struct stage *stage = *state;
    struct player client = stage_connect(stage);
    struct player endpoint = forward(stage, &client, get);

    player_send(&endpoint, "HTTP/1.1 200 OK\r\n\r\nsome");
    player_expect(&client, "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nsome\r\n");
    player_send(&endpoint, "more");
    player_expect(&client, "4\r\nmore\r\n");
    player_close(&endpoint);

    player_expect(&client, "0\r\n\r\n");
    player_expect_nothing(&client);
    player_close(&client);
}

static void the_answer_to_head_has_no_body_whatever_its_length_says(void **state)
{
    struct stage *stage = *state;
    struct player client = stage_connect(stage);
    struct player endpoint = forward(stage, &client, "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n");

    player_send(&endpoint, "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n");

    player_expect(&client, "HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n");
    player_expect_nothing(&client);
    assert_int_equal(conn_pool_count(stage->worker->pool), 1);
    leave(&client, &endpoint);
}

static void no_content_and_not_modified_have_no_body(void **state)
{
    struct stage *stage = *state;
    struct player client = stage_connect(stage);
    struct player endpoint = forward(stage, &client, get);

    player_send(&endpoint, "HTTP/1.1 204 No Content\r\n\r\n");
    player_expect(&client, "HTTP/1.1 204 No Content\r\n\r\n");
    player_send(&client, get);
    player_expect(&endpoint, "\r\n\r\n");
    player_send(&endpoint, "HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\n\r\n");

    player_expect(&client, "HTTP/1.1 304 Not Modified\r\ncontent-length: 7\r\n\r\n");
    player_expect_nothing(&client);
    assert_int_equal(conn_pool_count(stage->worker->pool), 1);
    leave(&client, &endpoint);
}

static void a_response_head_may_come_byte_by_byte(void **state)
{
    struct stage *stage = *state;
    struct player client = stage_connect(stage);
    struct player endpoint = forward(stage, &client, get);

    for (size_t i = 0; i < strlen(ok); i++) {
        char byte[2] = {ok[i], '\0'};
        player_send(&endpoint, byte);
    }

    player_expect(&client, "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok");
    leave(&client, &endpoint);
}

static void a_large_response_arrives_whole(void **state)
{
    enum { LENGTH = 5 * 1000 * 1000 };
    struct stage *stage = *state;
    struct player client = stage_connect(stage);
    struct player endpoint = forward(stage, &client, get);
    char *body = malloc(LENGTH);
    for (int i = 0; i < LENGTH; i++)
        body[i] = (char)('a' + (i / 11 + i) % 26);
    player_send(&endpoint, "HTTP/1.1 200 OK\r\nContent-Length: 5000000\r\n\r\n");
    player_expect(&client, "\r\n\r\n");

    size_t sent = 0;
    while (sent < LENGTH || client.received.length < LENGTH) {
        sent += player_send_some(&endpoint, body + sent, LENGTH - sent);
        stage_turn(stage);
        player_read(&client);
    }

    assert_memory_equal(client.received.at, body, LENGTH);
    free(body);
    leave(&client, &endpoint);
}

static void hop_by_hop_fields_stay_behind(void **state)
{
    struct stage *stage = *state;
    struct player client = stage_connect(stage);
    player_send(&client, "GET / HTTP/1.1\r\nHost: a\r\nConnection: X-Mine\r\nX-Mine: 1\r\n"
                         "Keep-Alive: 1\r\nX-Forwarded-For: 6.6.6.6\r\nX-Request-ID: r\r\n\r\n");
    struct player endpoint = stage_accept(stage, 0);
    player_expect(&endpoint, "GET / HTTP/1.1\r\nhost: a\r\nX-Request-ID: r\r\n"
                             "x-forwarded-for: 127.0.0.1\r\nx-forwarded-proto: http\r\n"
                             "x-forwarded-host: a\r\n\r\n");

    player_send(&endpoint, "HTTP/1.1 200 OK\r\nConnection: X-Theirs, keep-alive\r\nX-Theirs: 1\r\n"
                           "Keep-Alive: 1\r\nContent-Length: 0\r\n\r\n");

    player_expect(&client, "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
    leave(&client, &endpoint);
}

/* --- broken responses ------------------------------------------------------------------------ */

static void assert_answer(struct stage *stage, struct player *client, const char *status_line,
                          unsigned connection_count)
{
    player_expect(client, status_line);
    player_expect(client, ".\n");
    player_expect_nothing(client);
    assert_int_equal(stage->worker->connection_count, connection_count);
}

/* ANSWER-5 */
static void a_response_that_breaks_http_is_a_502(void **state)
{
    struct stage *stage = *state;
    struct player client = stage_connect(stage);
    struct player endpoint = forward(stage, &client, get);

    player_send(&endpoint, "HTTP/1.1 200 OK\r\nContent-Length: +3\r\n\r\nabc");

    assert_answer(stage, &client, "HTTP/1.1 502 Bad Gateway\r\n", 1);
    player_expect_gone(&endpoint);
    leave(&client, &endpoint);
}

static void the_proxys_own_answers_have_a_date(void **state)
{
    struct stage *stage = *state;
    struct player client = stage_connect(stage);
    stage_stop_endpoint(stage, 0);

    player_send(&client, get);

    player_expect(&client, "HTTP/1.1 503 Service Unavailable\r\ndate: ");
    player_expect(&client, " GMT\r\n");
    player_close(&client);
}

static void no_response_at_all_is_a_503(void **state)
{
    struct stage *stage = *state;
    struct player client = stage_connect(stage);
    struct player endpoint = forward(stage, &client, get);

    player_close(&endpoint);

    assert_answer(stage, &client, "HTTP/1.1 503 Service Unavailable\r\n", 1);
    player_close(&client);
}

static void half_a_head_is_a_503(void **state)
{
    struct stage *stage = *state;
    struct player client = stage_connect(stage);
    struct player endpoint = forward(stage, &client, get);

    player_send(&endpoint, "HTTP/1.1 200 OK\r\nContent-Le");
    player_close(&endpoint);

    assert_answer(stage, &client, "HTTP/1.1 503 Service Unavailable\r\n", 1);
    player_close(&client);
}

static void a_response_cut_short_is_cut_short_for_the_client(void **state)
{
    struct stage *stage = *state;
    struct player client = stage_connect(stage);
    struct player endpoint = forward(stage, &client, get);

    player_send(&endpoint, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc");
    player_expect(&client, "content-length: 10\r\n\r\nabc");
    player_close(&endpoint);

    player_expect_end(&client);
    player_close(&client);
}

static void chunks_without_an_end_have_none_for_the_client(void **state)
{
    struct stage *stage = *state;
    struct player client = stage_connect(stage);
    struct player endpoint = forward(stage, &client, get);

    player_send(&endpoint, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n");
    player_expect(&client, "\r\n\r\n3\r\nabc\r\n");
    player_send(&endpoint, "5\r\nde");
    player_expect(&client, "2\r\nde\r\n");
    player_close(&endpoint);

    player_expect_end(&client);
    player_close(&client);
}

static void a_reset_in_a_body_until_close_is_not_an_end(void **state)
{
    struct stage *stage = *state;
    struct player client = stage_connect(stage);
    struct player endpoint = forward(stage, &client, "GET / HTTP/1.0\r\n\r\n");
    player_send(&endpoint, "HTTP/1.1 200 OK\r\n\r\nabc");
    player_expect(&client, "\r\n\r\nabc");

    player_reset(&endpoint);

    player_expect_reset(&client);
    player_close(&client);
}

static void broken_chunks_cut_the_response(void **state)
{
    struct stage *stage = *state;
    struct player client = stage_connect(stage);
    struct player endpoint = forward(stage, &client, get);
    player_send(&endpoint, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n");
    player_expect(&client, "\r\n\r\n3\r\nabc\r\n");

    player_send(&endpoint, "0x5\r\nhello\r\n0\r\n\r\n");

    player_expect_end(&client);
    leave(&client, &endpoint);
}

static void extra_bytes_end_the_connection_but_not_the_answer(void **state)
{
    struct stage *stage = *state;
    struct player client = stage_connect(stage);
    struct player endpoint = forward(stage, &client, get);

    player_send(&endpoint, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 evil\r\n");

    player_expect(&client, "\r\n\r\nok");
    player_expect_nothing(&client);
    assert_int_equal(conn_pool_count(stage->worker->pool), 0);
    player_expect_gone(&endpoint);
    leave(&client, &endpoint);
}

static void an_answer_nobody_asked_for_reaches_nobody(void **state)
{
    struct stage *stage = *state;
    struct player client = stage_connect(stage);
    struct player endpoint = warm_up(stage, &client);

    player_send(&endpoint, "HTTP/1.1 200 evil\r\nContent-Length: 4\r\n\r\nevil");
    player_expect_nothing(&client);
    assert_int_equal(conn_pool_count(stage->worker->pool), 0);
    player_send(&client, get);
    struct player second = stage_accept(stage, 0);
    player_expect(&second, "\r\n\r\n");
    player_send(&second, ok);

    player_expect(&client, "\r\n\r\nok");
    player_close(&second);
    leave(&client, &endpoint);
}

static void connection_close_is_respected(void **state)
{
    struct stage *stage = *state;
    struct player client = stage_connect(stage);
    struct player endpoint = forward(stage, &client, get);

    player_send(&endpoint, "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok");

    player_expect(&client, "\r\n\r\nok");
    player_expect_nothing(&client);
    assert_int_equal(conn_pool_count(stage->worker->pool), 0);
    leave(&client, &endpoint);
}

/* --- trying again ---------------------------------------------------------------------------- */

static void a_stale_connection_is_replaced_by_a_fresh_one(void **state)
{
    struct stage *stage = *state;
    struct player client = stage_connect(stage);
    struct player endpoint = warm_up(stage, &client);

    player_send(&client, "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody");
    player_expect(&endpoint, "\r\n\r\nbody");
    player_close(&endpoint);
    struct player second = stage_accept(stage, 0);
    player_expect(&second, "PUT / HTTP/1.1\r\n");
    player_expect(&second, "content-length: 4\r\n\r\nbody");
    player_send(&second, ok);

    player_expect(&client, "\r\n\r\nok");
    leave(&client, &second);
}

static void what_is_not_idempotent_is_not_sent_twice(void **state)
{
    struct stage *stage = *state;
    struct player client = stage_connect(stage);
    struct player endpoint = warm_up(stage, &client);

    player_send(&client, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody");
    player_expect(&endpoint, "\r\n\r\nbody");
    player_close(&endpoint);

    assert_answer(stage, &client, "HTTP/1.1 503 Service Unavailable\r\n", 1);
    assert_false(stage_has_connection(stage, 0));
    player_close(&client);
}

static void a_body_too_large_to_keep_is_not_sent_twice(void **state)
{
    struct stage *stage = *state;
    stage->shared.http.max_replay_bytes = 3;
    stage_start(stage);
    struct player client = stage_connect(stage);
    struct player endpoint = warm_up(stage, &client);

    player_send(&client, "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody");
    player_expect(&endpoint, "\r\n\r\nbody");
    player_close(&endpoint);

    assert_answer(stage, &client, "HTTP/1.1 503 Service Unavailable\r\n", 1);
    player_close(&client);
}

static void a_fresh_connection_that_closes_is_not_tried_again(void **state)
{
    struct stage *stage = *state;
    struct player client = stage_connect(stage);
    struct player endpoint = forward(stage, &client, get);

    player_close(&endpoint);

    assert_answer(stage, &client, "HTTP/1.1 503 Service Unavailable\r\n", 1);
    assert_false(stage_has_connection(stage, 0));
    player_close(&client);
}

/* RETRY-6 */
static void a_refused_connection_is_tried_on_another_endpoint(void **state)
{
    struct stage *stage = *state;
    stage_stop_endpoint(stage, 0);

    for (int i = 0; i < 2; i++) {
        struct player client = stage_connect(stage);
        player_send(&client, "POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
                             "Content-Length: 4\r\n\r\nbody");
        struct player endpoint = stage_accept(stage, 1);
        player_expect(&endpoint, "\r\n\r\nbody");
        player_send(&endpoint,
                    "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok");
        player_expect(&client, "\r\n\r\nok");
        leave(&client, &endpoint);
    }
}

static void refused_everywhere_is_a_503(void **state)
{
    struct stage *stage = *state;
    stage_stop_endpoint(stage, 0);
    stage_stop_endpoint(stage, 1);
    struct player client = stage_connect(stage);

    player_send(&client, get);

    assert_answer(stage, &client, "HTTP/1.1 503 Service Unavailable\r\n", 1);
    player_close(&client);
}

static void no_backend_is_a_500(void **state)
{
    struct stage *stage = *state;
    stage->route.has_no_backend = true;
    stage_start(stage);
    struct player client = stage_connect(stage);

    player_send(&client, get);

    assert_answer(stage, &client, "HTTP/1.1 500 Internal Server Error\r\n", 1);
    player_close(&client);
}

/* --- time ------------------------------------------------------------------------------------ */

static void a_request_over_its_time_is_a_504(void **state)
{
    struct stage *stage = *state;
    stage->route.request_timeout_ms = 500;
    stage_start(stage);
    struct player client = stage_connect(stage);
    struct player endpoint = forward(stage, &client, get);

    stage_advance(stage, 499);
    player_expect_nothing(&client);
    stage_advance(stage, 2);

    assert_answer(stage, &client, "HTTP/1.1 504 Gateway Timeout\r\n", 1);
    player_expect_gone(&endpoint);
    leave(&client, &endpoint);
}

static void a_response_over_its_time_is_cut_visibly(void **state)
{
    struct stage *stage = *state;
    stage->route.request_timeout_ms = 500;
    stage_start(stage);
    struct player client = stage_connect(stage);
    struct player endpoint = forward(stage, &client, get);
    player_send(&endpoint, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc");
    player_expect(&client, "\r\n\r\nabc");

    stage_advance(stage, 501);

    player_expect_end(&client);
    player_expect_gone(&endpoint);
    leave(&client, &endpoint);
}

static void a_try_over_its_time_is_a_504(void **state)
{
    struct stage *stage = *state;
    stage->route.try_timeout_ms = 300;
    stage_start(stage);
    struct player client = stage_connect(stage);
    struct player endpoint = forward(stage, &client, get);

    stage_advance(stage, 301);

    assert_answer(stage, &client, "HTTP/1.1 504 Gateway Timeout\r\n", 1);
    leave(&client, &endpoint);
}

static void a_silent_endpoint_is_given_up(void **state)
{
    struct stage *stage = *state;
    struct player client = stage_connect(stage);
    struct player endpoint = forward(stage, &client, get);

    stage_advance(stage, 59 * 1000);
    player_expect_nothing(&client);
    stage_advance(stage, 2 * 1000);

    assert_answer(stage, &client, "HTTP/1.1 504 Gateway Timeout\r\n", 1);
    leave(&client, &endpoint);
}

static void an_endpoint_may_be_silent_while_the_client_sends(void **state)
{
    struct stage *stage = *state;
    stage->shared.http.upload_timeout_ms = 1000 * 1000;
    stage_start(stage);
    struct player client = stage_connect(stage);
    struct player endpoint =
        forward(stage, &client, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\n");

    stage_advance(stage, 200 * 1000);
    player_send(&client, "body");
    player_expect(&endpoint, "body");
    player_send(&endpoint, ok);

    player_expect(&client, "\r\n\r\nok");
    leave(&client, &endpoint);
}

static void pooled_connections_age(void **state)
{
    struct stage *stage = *state;
    struct player client = stage_connect(stage);
    struct player endpoint = warm_up(stage, &client);

    stage_advance(stage, 59 * 1000);
    assert_int_equal(conn_pool_count(stage->worker->pool), 1);
    stage_advance(stage, 2 * 1000);

    assert_int_equal(conn_pool_count(stage->worker->pool), 0);
    player_expect_gone(&endpoint);
    leave(&client, &endpoint);
}

static void the_pool_is_capped(void **state)
{
    struct stage *stage = *state;
    stage->shared.http.pool_max_idle = 1;
    stage_start(stage);
    struct player clients[2] = {stage_connect(stage), stage_connect(stage)};
    struct player endpoints[2];
    for (int i = 0; i < 2; i++)
        endpoints[i] = forward(stage, &clients[i], get);

    for (int i = 0; i < 2; i++) {
        player_send(&endpoints[i], ok);
        player_expect(&clients[i], "\r\n\r\nok");
    }

    assert_int_equal(conn_pool_count(stage->worker->pool), 1);
    player_expect_gone(&endpoints[0]);
    for (int i = 0; i < 2; i++)
        leave(&clients[i], &endpoints[i]);
}

/* --- the outcome ----------------------------------------------------------------------------- */

static void nothing_stays_in_flight(void **state)
{
    struct stage *stage = *state;
    struct player client = stage_connect(stage);
    struct player endpoint = warm_up(stage, &client);
    struct endpoint_address address;
    endpoint_address_set_ip(&address, "127.0.0.1", stage->endpoint_ports[0]);
    struct endpoint *counted =
        endpoint_registry_acquire(stage->route.endpoints, &address, ENDPOINT_HTTP1, NULL);
    assert_int_equal(atomic_load(&counted->in_flight), 0);

    player_send(&client, get);
    player_expect(&endpoint, "\r\n\r\n");
    assert_int_equal(atomic_load(&counted->in_flight), 1);
    player_reset(&client);
    player_expect_gone(&endpoint);

    assert_int_equal(atomic_load(&counted->in_flight), 0);
    assert_int_equal(atomic_load(&counted->consecutive_failures), 0);
    endpoint_release(&counted);
    player_close(&endpoint);
}

static void a_request_keeps_its_route_through_a_change(void **state)
{
    struct stage *stage = *state;
    struct player client = stage_connect(stage);
    struct player endpoint = forward(stage, &client, get);

    stage->route.prefix = "/elsewhere";
    one_route_publish(&stage->route, stage->endpoint_ports, 1);
    player_send(&client, get);
    player_send(&endpoint, ok);
    player_expect(&client, "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok");

    player_expect(&client, "HTTP/1.1 404 Not Found\r\n");
    leave(&client, &endpoint);
}

int main(void)
{
#define ON_STAGE(test) cmocka_unit_test_setup_teardown(test, set_up_and_start, tear_down)
#define ON_OWN_STAGE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
#define WITH_TWO_ENDPOINTS(test)                                                                   \
    cmocka_unit_test_setup_teardown(test, set_up_two_endpoints, tear_down)
    const struct CMUnitTest tests[] = {
        ON_STAGE(chunks_are_framed_anew_with_their_trailers),
        ON_STAGE(trailers_nobody_asked_for_are_dropped),
        ON_STAGE(a_body_until_close_becomes_chunks),
        ON_STAGE(the_answer_to_head_has_no_body_whatever_its_length_says),
        ON_STAGE(no_content_and_not_modified_have_no_body),
        ON_STAGE(a_response_head_may_come_byte_by_byte),
        ON_STAGE(a_large_response_arrives_whole),
        ON_STAGE(hop_by_hop_fields_stay_behind),
        ON_STAGE(a_response_that_breaks_http_is_a_502),
        ON_STAGE(the_proxys_own_answers_have_a_date),
        ON_STAGE(no_response_at_all_is_a_503),
        ON_STAGE(half_a_head_is_a_503),
        ON_STAGE(a_response_cut_short_is_cut_short_for_the_client),
        ON_STAGE(chunks_without_an_end_have_none_for_the_client),
        ON_STAGE(a_reset_in_a_body_until_close_is_not_an_end),
        ON_STAGE(broken_chunks_cut_the_response),
        ON_STAGE(extra_bytes_end_the_connection_but_not_the_answer),
        ON_STAGE(an_answer_nobody_asked_for_reaches_nobody),
        ON_STAGE(connection_close_is_respected),
        ON_STAGE(a_stale_connection_is_replaced_by_a_fresh_one),
        ON_STAGE(what_is_not_idempotent_is_not_sent_twice),
        ON_OWN_STAGE(a_body_too_large_to_keep_is_not_sent_twice),
        ON_STAGE(a_fresh_connection_that_closes_is_not_tried_again),
        WITH_TWO_ENDPOINTS(a_refused_connection_is_tried_on_another_endpoint),
        WITH_TWO_ENDPOINTS(refused_everywhere_is_a_503),
        ON_OWN_STAGE(no_backend_is_a_500),
        ON_OWN_STAGE(a_request_over_its_time_is_a_504),
        ON_OWN_STAGE(a_response_over_its_time_is_cut_visibly),
        ON_OWN_STAGE(a_try_over_its_time_is_a_504),
        ON_STAGE(a_silent_endpoint_is_given_up),
        ON_OWN_STAGE(an_endpoint_may_be_silent_while_the_client_sends),
        ON_STAGE(pooled_connections_age),
        ON_OWN_STAGE(the_pool_is_capped),
        ON_STAGE(nothing_stays_in_flight),
        ON_STAGE(a_request_keeps_its_route_through_a_change),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
