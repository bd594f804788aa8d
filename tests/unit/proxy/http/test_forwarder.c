#include "proxy/http/conn_pool.h"
#include "tests/unit/cmocka_all.h"
#include "tests/unit/proxy/http/stage.h"

static int set_up_two_endpoints(void **state)
{
    struct stage *stage = stage_new();
    stage->endpoint_count = 2;
    stage_start(stage);
    *state = stage;
    return 0;
}

static const char get[] = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
static const char ok[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/* --- trying again ---------------------------------------------------------------------------- */

static void a_stale_connection_is_replaced_by_a_fresh_one(void **state)
{
    struct stage *stage = *state;
    struct player client = stage_connect(stage);
    struct player endpoint = stage_warm_up(stage, &client);

    player_send(&client, "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody");
    player_expect(&endpoint, "\r\n\r\nbody");
    player_close(&endpoint);
    struct player second = stage_accept(stage, 0);
    player_expect(&second, "PUT / HTTP/1.1\r\n");
    player_expect(&second, "content-length: 4\r\n\r\nbody");
    player_send(&second, ok);

    player_expect(&client, "\r\n\r\nok");
    players_close(&client, &second);
}

static void what_is_not_idempotent_is_not_sent_twice(void **state)
{
    struct stage *stage = *state;
    struct player client = stage_connect(stage);
    struct player endpoint = stage_warm_up(stage, &client);

    player_send(&client, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody");
    player_expect(&endpoint, "\r\n\r\nbody");
    player_close(&endpoint);

    stage_expect_own_answer(stage, &client, "HTTP/1.1 503 Service Unavailable\r\n", 1);
    assert_false(stage_has_connection(stage, 0));
    player_close(&client);
}

static void a_body_too_large_to_keep_is_not_sent_twice(void **state)
{
    struct stage *stage = *state;
    stage->shared.http.max_replay_bytes = 3;
    stage_start(stage);
    struct player client = stage_connect(stage);
    struct player endpoint = stage_warm_up(stage, &client);

    player_send(&client, "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody");
    player_expect(&endpoint, "\r\n\r\nbody");
    player_close(&endpoint);

    stage_expect_own_answer(stage, &client, "HTTP/1.1 503 Service Unavailable\r\n", 1);
    player_close(&client);
}

static void a_fresh_connection_that_closes_is_not_tried_again(void **state)
{
    struct stage *stage = *state;
    struct player client = stage_connect(stage);
    struct player endpoint = stage_forward(stage, &client, get);

    player_close(&endpoint);

    stage_expect_own_answer(stage, &client, "HTTP/1.1 503 Service Unavailable\r\n", 1);
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
        players_close(&client, &endpoint);
    }
}

static void refused_everywhere_is_a_503(void **state)
{
    struct stage *stage = *state;
    stage_stop_endpoint(stage, 0);
    stage_stop_endpoint(stage, 1);
    struct player client = stage_connect(stage);

    player_send(&client, get);

    stage_expect_own_answer(stage, &client, "HTTP/1.1 503 Service Unavailable\r\n", 1);
    player_close(&client);
}

static void no_backend_is_a_500(void **state)
{
    struct stage *stage = *state;
    stage->route.has_no_backend = true;
    stage_start(stage);
    struct player client = stage_connect(stage);

    player_send(&client, get);

    stage_expect_own_answer(stage, &client, "HTTP/1.1 500 Internal Server Error\r\n", 1);
    player_close(&client);
}

/* --- time ------------------------------------------------------------------------------------ */

static void a_request_over_its_time_is_a_504(void **state)
{
    struct stage *stage = *state;
    stage->route.request_timeout_ms = 500;
    stage_start(stage);
    struct player client = stage_connect(stage);
    struct player endpoint = stage_forward(stage, &client, get);

    stage_advance(stage, 499);
    player_expect_nothing(&client);
    stage_advance(stage, 2);

    stage_expect_own_answer(stage, &client, "HTTP/1.1 504 Gateway Timeout\r\n", 1);
    player_expect_gone(&endpoint);
    players_close(&client, &endpoint);
}

static void a_response_over_its_time_is_cut_visibly(void **state)
{
    struct stage *stage = *state;
    stage->route.request_timeout_ms = 500;
    stage_start(stage);
    struct player client = stage_connect(stage);
    struct player endpoint = stage_forward(stage, &client, get);
    player_send(&endpoint, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc");
    player_expect(&client, "\r\n\r\nabc");

    stage_advance(stage, 501);

    player_expect_end(&client);
    player_expect_gone(&endpoint);
    players_close(&client, &endpoint);
}

static void a_try_over_its_time_is_a_504(void **state)
{
    struct stage *stage = *state;
    stage->route.try_timeout_ms = 300;
    stage_start(stage);
    struct player client = stage_connect(stage);
    struct player endpoint = stage_forward(stage, &client, get);

    stage_advance(stage, 301);

    stage_expect_own_answer(stage, &client, "HTTP/1.1 504 Gateway Timeout\r\n", 1);
    players_close(&client, &endpoint);
}

static void a_silent_endpoint_is_given_up(void **state)
{
    struct stage *stage = *state;
    struct player client = stage_connect(stage);
    struct player endpoint = stage_forward(stage, &client, get);

    stage_advance(stage, 59 * 1000);
    player_expect_nothing(&client);
    stage_advance(stage, 2 * 1000);

    stage_expect_own_answer(stage, &client, "HTTP/1.1 504 Gateway Timeout\r\n", 1);
    players_close(&client, &endpoint);
}

static void an_endpoint_may_be_silent_while_the_client_sends(void **state)
{
    struct stage *stage = *state;
    stage->shared.http.upload_timeout_ms = 1000 * 1000;
    stage_start(stage);
    struct player client = stage_connect(stage);
    struct player endpoint =
        stage_forward(stage, &client, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\n");

    stage_advance(stage, 200 * 1000);
    player_send(&client, "body");
    player_expect(&endpoint, "body");
    player_send(&endpoint, ok);

    player_expect(&client, "\r\n\r\nok");
    players_close(&client, &endpoint);
}

static void pooled_connections_age(void **state)
{
    struct stage *stage = *state;
    struct player client = stage_connect(stage);
    struct player endpoint = stage_warm_up(stage, &client);

    stage_advance(stage, 59 * 1000);
    assert_int_equal(conn_pool_count(stage->worker->pool), 1);
    stage_advance(stage, 2 * 1000);

    assert_int_equal(conn_pool_count(stage->worker->pool), 0);
    player_expect_gone(&endpoint);
    players_close(&client, &endpoint);
}

static void the_pool_is_capped(void **state)
{
    struct stage *stage = *state;
    stage->shared.http.pool_max_idle = 1;
    stage_start(stage);
    struct player clients[2] = {stage_connect(stage), stage_connect(stage)};
    struct player endpoints[2];
    for (int i = 0; i < 2; i++)
        endpoints[i] = stage_forward(stage, &clients[i], get);

    for (int i = 0; i < 2; i++) {
        player_send(&endpoints[i], ok);
        player_expect(&clients[i], "\r\n\r\nok");
    }

    assert_int_equal(conn_pool_count(stage->worker->pool), 1);
    player_expect_gone(&endpoints[0]);
    for (int i = 0; i < 2; i++)
        players_close(&clients[i], &endpoints[i]);
}

/* --- the outcome ----------------------------------------------------------------------------- */

static void nothing_stays_in_flight(void **state)
{
    struct stage *stage = *state;
    struct player client = stage_connect(stage);
    struct player endpoint = stage_warm_up(stage, &client);
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
    struct player endpoint = stage_forward(stage, &client, get);

    stage->route.prefix = "/elsewhere";
    one_route_publish(&stage->route, stage->endpoint_ports, 1);
    player_send(&client, get);
    player_send(&endpoint, ok);
    player_expect(&client, "HTTP/1.1 200 OK\r\n" STAGE_DATE "content-length: 2\r\n\r\nok");

    player_expect(&client, "HTTP/1.1 404 Not Found\r\n");
    players_close(&client, &endpoint);
}

int main(void)
{
#define ON_STAGE(test)                                                                             \
    cmocka_unit_test_setup_teardown(test, stage_set_up_and_start, stage_tear_down)
#define ON_OWN_STAGE(test) cmocka_unit_test_setup_teardown(test, stage_set_up, stage_tear_down)
#define WITH_TWO_ENDPOINTS(test)                                                                   \
    cmocka_unit_test_setup_teardown(test, set_up_two_endpoints, stage_tear_down)
    const struct CMUnitTest tests[] = {
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
