#include "proxy/http/waiting_line.h"
#include "tests/unit/cmocka_all.h"
#include "tests/unit/proxy/http/stage.h"

static const char get[] = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
static const char ok[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

static struct player ask(struct stage *stage)
{
    struct player client = stage_connect(stage);
    player_send(&client, get);
    return client;
}

static struct player serve(struct stage *stage, size_t index)
{
    struct player endpoint = stage_accept(stage, index);
    player_expect(&endpoint, "\r\n\r\n");
    return endpoint;
}

static uint64_t waiting_now(const struct stage *stage)
{
    return atomic_load(&stage->worker->line.count);
}

static void expect_waiting(struct stage *stage, uint64_t count)
{
    for (int turns = 0; waiting_now(stage) != count && turns < 2000; turns++)
        stage_turn(stage);
    assert_int_equal(waiting_now(stage), count);
}

static void beyond_max_requests_they_wait_and_go_in_their_order(void **state)
{
    struct stage *stage = *state;
    stage->route.limits.max_requests = 1;
    stage_start(stage);
    struct player first = ask(stage);
    struct player endpoint = serve(stage, 0);

    struct player second = ask(stage);
    expect_waiting(stage, 1);
    struct player third = ask(stage);
    expect_waiting(stage, 2);
    player_expect_nothing(&endpoint);

    player_send(&endpoint, ok);
    player_expect(&first, "ok");
    player_expect(&endpoint, "\r\n\r\n");
    player_expect_nothing(&endpoint);
    player_send(&endpoint, ok);
    player_expect(&second, "ok");
    player_expect(&endpoint, "\r\n\r\n");
    player_send(&endpoint, ok);
    player_expect(&third, "ok");
    expect_waiting(stage, 0);

    player_close(&first);
    player_close(&second);
    player_close(&third);
    player_close(&endpoint);
}

static void beyond_max_connections_they_wait_for_one(void **state)
{
    struct stage *stage = *state;
    stage->route.limits.max_connections = 1;
    stage_start(stage);
    struct player first = ask(stage);
    struct player endpoint = serve(stage, 0);
    struct player second = ask(stage);
    expect_waiting(stage, 1);
    assert_false(stage_has_connection(stage, 0));

    player_send(&endpoint, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok");
    player_expect(&first, "ok");
    struct player fresh = serve(stage, 0);
    player_send(&fresh, ok);
    player_expect(&second, "ok");

    player_close(&first);
    player_close(&second);
    player_close(&endpoint);
    player_close(&fresh);
}

static void beyond_max_pending_the_answer_is_503(void **state)
{
    struct stage *stage = *state;
    stage->route.limits.max_requests = 1;
    stage->route.limits.max_pending = 1;
    stage_start(stage);
    struct player first = ask(stage);
    struct player endpoint = serve(stage, 0);
    struct player second = ask(stage);
    expect_waiting(stage, 1);

    struct player third = ask(stage);
    player_expect(&third, "503 Service Unavailable");
    player_expect(&third, "as many requests as it may have.\n");
    assert_int_equal(counter_read(&stage->worker->counters->refused[DENIAL_BACKEND_FULL]), 1);
    assert_int_equal(waiting_now(stage), 1);

    player_close(&first);
    player_close(&second);
    player_close(&third);
    player_close(&endpoint);
}

static void an_endpoint_with_room_is_used_before_anybody_waits(void **state)
{
    struct stage *stage = *state;
    stage->endpoint_count = 2;
    stage->route.limits.max_requests = 1;
    stage_start(stage);

    struct player first = ask(stage);
    struct player endpoint_0 = serve(stage, 0);
    struct player second = ask(stage);
    struct player endpoint_1 = serve(stage, 1);
    struct player third = ask(stage);
    expect_waiting(stage, 1);

    /* Whoever of both is free first gets the one that waits. */
    player_send(&endpoint_1, ok);
    player_expect(&second, "ok");
    stage_advance(stage, 20);
    player_expect(&endpoint_1, "\r\n\r\n");
    player_send(&endpoint_1, ok);
    player_expect(&third, "ok");

    player_close(&first);
    player_close(&second);
    player_close(&third);
    player_close(&endpoint_0);
    player_close(&endpoint_1);
}

static void the_request_timeout_runs_while_it_waits(void **state)
{
    struct stage *stage = *state;
    stage->route.limits.max_requests = 1;
    stage->route.request_timeout_ms = 500;
    stage_start(stage);
    struct player first = ask(stage);
    struct player endpoint = serve(stage, 0);
    stage_advance(stage, 100);
    struct player second = ask(stage);
    expect_waiting(stage, 1);

    stage_advance(stage, 400);
    player_expect(&first, "504 Gateway Timeout");
    player_expect_gone(&endpoint);
    /* The room of the first is the second's. */
    struct player other = serve(stage, 0);
    struct player third = ask(stage);
    expect_waiting(stage, 1);

    stage_advance(stage, 100);
    player_expect(&second, "504 Gateway Timeout");
    player_close(&endpoint);
    player_close(&endpoint);
    player_close(&other);
    player_close(&first);
    player_close(&second);
    player_close(&third);
}

static void who_leaves_is_out_of_the_line(void **state)
{
    struct stage *stage = *state;
    stage->route.limits.max_requests = 1;
    stage->route.limits.max_pending = 1;
    stage_start(stage);
    struct player first = ask(stage);
    struct player endpoint = serve(stage, 0);
    struct player second = ask(stage);
    expect_waiting(stage, 1);

    player_reset(&second);
    expect_waiting(stage, 0);
    struct player third = ask(stage);
    expect_waiting(stage, 1);

    player_send(&endpoint, ok);
    player_expect(&first, "ok");
    player_expect(&endpoint, "\r\n\r\n");
    player_send(&endpoint, ok);
    player_expect(&third, "ok");
    player_close(&first);
    player_close(&third);
    player_close(&endpoint);
}

static void who_has_closed_its_side_waits_on_unless_it_is_gone(void **state)
{
    struct stage *stage = *state;
    stage->route.limits.max_requests = 1;
    stage_start(stage);
    struct player first = ask(stage);
    struct player endpoint = serve(stage, 0);
    struct player second = ask(stage);
    expect_waiting(stage, 1);
    stage_finish_sending(stage, &second);
    struct player third = ask(stage);
    expect_waiting(stage, 2);
    stage_finish_sending(stage, &third);

    player_reset(&second);
    player_send(&endpoint, ok);

    player_expect(&first, "ok");
    player_expect(&endpoint, "\r\n\r\n");
    player_send(&endpoint, ok);
    player_expect(&third, "ok");
    player_expect_end(&third);
    player_expect_nothing(&endpoint);
    expect_waiting(stage, 0);
    assert_int_equal(stage->worker->connection_count, 1);
    player_close(&first);
    player_close(&third);
    player_close(&endpoint);
}

static void a_connection_that_closed_while_idle_makes_room(void **state)
{
    struct stage *stage = *state;
    stage->route.limits.max_connections = 1;
    stage_start(stage);
    struct player first = ask(stage);
    struct player endpoint = serve(stage, 0);
    player_send(&endpoint, ok);
    player_expect(&first, "ok");
    player_close(&endpoint);
    stage_turn(stage);

    player_send(&first, get);
    struct player fresh = serve(stage, 0);
    player_send(&fresh, ok);
    player_expect(&first, "ok");

    player_close(&first);
    player_close(&fresh);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, stage_set_up, stage_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(beyond_max_requests_they_wait_and_go_in_their_order),
        TEST(beyond_max_connections_they_wait_for_one),
        TEST(beyond_max_pending_the_answer_is_503),
        TEST(an_endpoint_with_room_is_used_before_anybody_waits),
        TEST(the_request_timeout_runs_while_it_waits),
        TEST(who_leaves_is_out_of_the_line),
        TEST(who_has_closed_its_side_waits_on_unless_it_is_gone),
        TEST(a_connection_that_closed_while_idle_makes_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
