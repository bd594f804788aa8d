#include "common/clock.h"
#include "proxy/http/conn_pool.h"
#include "proxy/http/worker.h"
#include "tests/unit/cmocka_all.h"
#include "tests/unit/proxy/http/stage.h"

#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

static const char get[] = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
static const char ok[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

static int drained;

static void on_drained(void *context)
{
    (void)context;
    drained++;
}

static int set_up(void **state)
{
    struct stage *stage = stage_new();
    stage->shared.on_drained = on_drained;
    drained = 0;
    *state = stage;
    return 0;
}

static int set_up_and_start(void **state)
{
    set_up(state);
    stage_start(*state);
    return 0;
}

static void drain(struct stage *stage, uint64_t drain_ms)
{
    worker_drain(stage->worker, stage->now_ms + drain_ms, false);
    listener_stop(stage->listener);
    stage_turn(stage);
}

/* Turns enough for everything that is on its way. */
static void let_pass(struct stage *stage)
{
    for (int i = 0; i < 10; i++)
        stage_turn(stage);
}

/* A connection that has been served and waits for its next request. */
static struct player make_idle(struct stage *stage)
{
    struct player client = stage_connect(stage);
    player_send(&client, "GET /404 HTTP/1.1\r\nHost: a\r\n\r\n");
    player_expect(&client, "request.\n");
    return client;
}

static struct player make_busy(struct stage *stage, struct player *endpoint)
{
    struct player client = stage_connect(stage);
    player_send(&client, get);
    *endpoint = stage_accept(stage, 0);
    player_expect(endpoint, "\r\n\r\n");
    return client;
}

/* --- draining -------------------------------------------------------------------------------- */

static void draining_closes_idle_connections_at_once(void **state)
{
    struct stage *stage = *state;
    stage->route.prefix = "/known";
    stage_start(stage);
    struct player client = make_idle(stage);

    drain(stage, 10 * 1000);

    player_expect_end(&client);
    assert_int_equal(drained, 1);
    player_close(&client);
}

static void draining_lets_a_running_request_finish(void **state)
{
    struct stage *stage = *state;
    struct player endpoint;
    struct player client = make_busy(stage, &endpoint);

    drain(stage, 10 * 1000);
    assert_int_equal(drained, 0);
    player_send(&endpoint, ok);

    player_expect(&client, "content-length: 2\r\nconnection: close\r\n\r\nok");
    player_expect_end(&client);
    player_close(&client);
    let_pass(stage);
    assert_int_equal(drained, 1);
    player_close(&endpoint);
}

/* What it has sent already must not reset the connection while our answer is on its way. */
static void a_client_that_sends_on_still_gets_its_last_answer(void **state)
{
    struct stage *stage = *state;
    struct player endpoint;
    struct player client = make_busy(stage, &endpoint);
    drain(stage, 10 * 1000);
    player_send(&endpoint, ok);
    let_pass(stage);

    player_send(&client, get);

    player_expect(&client, "connection: close\r\n\r\nok");
    player_expect_end(&client);
    player_close(&client);
    player_close(&endpoint);
}

static void draining_serves_a_request_that_is_there_already(void **state)
{
    struct stage *stage = *state;
    struct player in_backlog = stage_connect(stage);
    player_send_some(&in_backlog, get, sizeof(get) - 1);

    drain(stage, 10 * 1000);
    struct player endpoint = stage_accept(stage, 0);
    player_expect(&endpoint, "\r\n\r\n");
    player_send(&endpoint, ok);

    player_expect(&in_backlog, "connection: close\r\n\r\nok");
    player_expect_end(&in_backlog);
    player_close(&in_backlog);
    player_close(&endpoint);
}

static void draining_cuts_what_is_left_at_its_deadline(void **state)
{
    struct stage *stage = *state;
    struct player endpoint;
    struct player client = make_busy(stage, &endpoint);
    drain(stage, 10 * 1000);

    stage_advance(stage, 9 * 1000);
    assert_int_equal(drained, 0);
    stage_advance(stage, 2 * 1000);

    assert_int_equal(drained, 1);
    player_expect_gone(&client);
    player_expect_gone(&endpoint);
    player_close(&client);
    player_close(&endpoint);
}

static void draining_closes_connections_that_wait_in_the_pool(void **state)
{
    struct stage *stage = *state;
    struct player endpoint;
    struct player client = make_busy(stage, &endpoint);
    player_send(&endpoint, ok);
    player_expect(&client, "\r\n\r\nok");
    assert_int_equal(conn_pool_count(stage->worker->pool), 1);

    drain(stage, 10 * 1000);

    player_expect_gone(&endpoint);
    assert_int_equal(drained, 1);
    player_close(&client);
    player_close(&endpoint);
}

/* Long enough that nobody's request can be on its way. */
static void become_idle(struct stage *stage)
{
    stage_advance(stage, 10);
}

/* --- limits ---------------------------------------------------------------------------------- */

static void at_the_limit_the_longest_idle_connection_makes_room(void **state)
{
    struct stage *stage = *state;
    stage->route.prefix = "/known";
    stage->shared.http.max_connections = 2;
    stage_start(stage);
    struct player oldest = make_idle(stage);
    struct player newer = make_idle(stage);
    become_idle(stage);

    struct player newest = make_idle(stage);

    player_expect_end(&oldest);
    player_expect_nothing(&newer);
    player_close(&oldest);
    player_close(&newer);
    player_close(&newest);
}

static void nobody_is_closed_whose_request_may_be_on_its_way(void **state)
{
    struct stage *stage = *state;
    stage->route.prefix = "/known";
    stage->shared.http.max_connections = 1;
    stage_start(stage);
    struct player just_come = stage_connect(stage);
    let_pass(stage);

    struct player next = stage_connect(stage);
    player_send(&next, "GET /404 HTTP/1.1\r\nHost: a\r\n\r\n");
    player_expect_nothing(&next);
    player_send(&just_come, "GET /404 HTTP/1.1\r\nHost: a\r\n\r\n");
    player_expect(&just_come, "request.\n");
    become_idle(stage);

    player_expect_end(&just_come);
    player_expect(&next, "request.\n");
    player_close(&just_come);
    player_close(&next);
}

/* The worker learns of who comes before it reads what the idle one has just sent. */
static void nobody_is_closed_whose_request_has_come(void **state)
{
    struct stage *stage = *state;
    stage->route.prefix = "/known";
    stage->shared.http.max_connections = 1;
    stage_start(stage);
    struct player idle = make_idle(stage);
    become_idle(stage);

    struct player next = stage_connect(stage);
    player_send(&idle, "GET /404 HTTP/1.1\r\nHost: a\r\n\r\n");

    player_expect(&idle, "request.\n");
    player_send(&next, "GET /404 HTTP/1.1\r\nHost: a\r\n\r\n");
    become_idle(stage);
    player_expect_end(&idle);
    player_expect(&next, "request.\n");
    player_close(&idle);
    player_close(&next);
}

static void who_has_said_nothing_makes_room_too(void **state)
{
    struct stage *stage = *state;
    stage->route.prefix = "/known";
    stage->shared.http.max_connections = 2;
    stage_start(stage);
    struct player silent = stage_connect(stage);
    let_pass(stage);
    struct player idle = make_idle(stage);
    become_idle(stage);

    struct player newest = make_idle(stage);

    player_expect_end(&silent);
    player_expect_nothing(&idle);
    assert_int_equal(counter_read(&stage->worker->counters->refused[DENIAL_MADE_ROOM]), 1);
    player_close(&silent);
    player_close(&idle);
    player_close(&newest);
}

static void nobody_makes_room_for_who_is_turned_away(void **state)
{
    struct stage *stage = *state;
    stage->route.prefix = "/known";
    stage->shared.http.max_connections = 2;
    stage->shared.http.max_connections_per_peer = 2;
    stage_start(stage);
    struct player first = make_idle(stage);
    struct player second = make_idle(stage);
    become_idle(stage);

    struct player third = stage_connect(stage);

    player_expect_end(&third);
    player_expect_nothing(&first);
    player_expect_nothing(&second);
    assert_int_equal(counter_read(&stage->worker->counters->refused[DENIAL_MADE_ROOM]), 0);
    player_close(&first);
    player_close(&second);
    player_close(&third);
}

static void at_the_limit_without_an_idle_one_newcomers_wait(void **state)
{
    struct stage *stage = *state;
    stage->shared.http.max_connections = 1;
    stage_start(stage);
    struct player endpoint;
    struct player busy = make_busy(stage, &endpoint);
    struct player waiting = stage_connect(stage);
    player_send(&waiting, get);
    player_expect_nothing(&waiting);
    assert_int_equal(stage->worker->connection_count, 1);

    player_send(&endpoint, ok);
    player_expect(&busy, "\r\n\r\nok");
    stage_advance(stage, 100);
    player_expect(&endpoint, "\r\n\r\n");
    player_send(&endpoint, ok);

    player_expect(&waiting, "\r\n\r\nok");
    player_close(&busy);
    player_close(&waiting);
    player_close(&endpoint);
}

static void too_many_from_one_peer_are_closed(void **state)
{
    struct stage *stage = *state;
    stage->shared.http.max_connections_per_peer = 1;
    stage->route.prefix = "/known";
    stage_start(stage);
    struct player first = make_idle(stage);

    struct player second = stage_connect(stage);

    player_expect_end(&second);
    player_expect_nothing(&first);
    assert_int_equal(counter_read(&stage->worker->counters->refused[DENIAL_PEER_LIMIT]), 1);
    player_close(&first);
    player_close(&second);
}

/* A limit of descriptors below what is open makes accept fail with EMFILE. */
static void out_of_descriptors_it_pauses_and_recovers(void **state)
{
    struct stage *stage = *state;
    stage->route.prefix = "/known";
    stage_start(stage);
    struct player client = stage_connect(stage);
    struct rlimit before;
    getrlimit(RLIMIT_NOFILE, &before);
    struct rlimit low = {.rlim_cur = (rlim_t)client.fd + 1, .rlim_max = before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);

    player_send(&client, "GET /404 HTTP/1.1\r\nHost: a\r\n\r\n");
    player_expect_nothing(&client);
    assert_true(timer_is_running(&stage->worker->accept_timer));
    assert_int_equal(counter_read(&stage->worker->counters->accept_pauses), 1);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    stage_advance(stage, 100);

    player_expect(&client, "HTTP/1.1 404 Not Found\r\n");
    player_close(&client);
}

static void memory_that_is_not_needed_is_given_back(void **state)
{
    struct stage *stage = *state;
    stage->route.prefix = "/known";
    stage_start(stage);
    struct player client = make_idle(stage);
    assert_int_equal(stage->worker->exchanges.free_count, 1);

    for (int i = 0; i < 3; i++)
        stage_advance(stage, 11 * 1000);

    assert_int_equal(stage->worker->exchanges.free_count, 0);
    assert_int_equal(stage->worker->exchanges.request_areas.count, 0);
    assert_int_equal(stage->worker->read_buffers.sizes[READ_BUFFER_FOR_HEAD].count, 0);
    assert_false(timer_is_running(&stage->worker->trim_timer));
    player_close(&client);
}

/* --- tables ---------------------------------------------------------------------------------- */

static void a_worker_that_is_woken_lets_an_old_table_go(void **state)
{
    struct stage *stage = *state;
    stage->route.prefix = "/known";
    stage_start(stage);
    struct player client = make_idle(stage);
    one_route_publish(&stage->route, stage->endpoint_ports, 1);
    assert_int_equal(route_table_builder_collect(stage->route.builder), 1);

    worker_wake(stage->worker);
    stage_turn(stage);

    assert_int_equal(route_table_builder_collect(stage->route.builder), 0);
    player_close(&client);
}

static void without_a_table_a_request_is_told_to_come_back(void **state)
{
    struct stage *stage = *state;
    stage->has_no_table = true;
    stage_start(stage);
    struct player client = stage_connect(stage);

    player_send(&client, get);

    player_expect(&client, "HTTP/1.1 503 Service Unavailable\r\n");
    player_expect(&client, "No routes are known yet; try again soon.\n");
    player_close(&client);
}

int main(void)
{
#define ON_STAGE(test) cmocka_unit_test_setup_teardown(test, set_up_and_start, stage_tear_down)
#define ON_OWN_STAGE(test) cmocka_unit_test_setup_teardown(test, set_up, stage_tear_down)
    const struct CMUnitTest tests[] = {
        ON_OWN_STAGE(draining_closes_idle_connections_at_once),
        ON_STAGE(draining_lets_a_running_request_finish),
        ON_STAGE(a_client_that_sends_on_still_gets_its_last_answer),
        ON_STAGE(draining_serves_a_request_that_is_there_already),
        ON_STAGE(draining_cuts_what_is_left_at_its_deadline),
        ON_STAGE(draining_closes_connections_that_wait_in_the_pool),
        ON_OWN_STAGE(at_the_limit_the_longest_idle_connection_makes_room),
        ON_OWN_STAGE(nobody_is_closed_whose_request_may_be_on_its_way),
        ON_OWN_STAGE(nobody_is_closed_whose_request_has_come),
        ON_OWN_STAGE(who_has_said_nothing_makes_room_too),
        ON_OWN_STAGE(nobody_makes_room_for_who_is_turned_away),
        ON_OWN_STAGE(at_the_limit_without_an_idle_one_newcomers_wait),
        ON_OWN_STAGE(too_many_from_one_peer_are_closed),
        ON_OWN_STAGE(out_of_descriptors_it_pauses_and_recovers),
        ON_OWN_STAGE(memory_that_is_not_needed_is_given_back),
        ON_OWN_STAGE(a_worker_that_is_woken_lets_an_old_table_go),
        ON_OWN_STAGE(without_a_table_a_request_is_told_to_come_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
