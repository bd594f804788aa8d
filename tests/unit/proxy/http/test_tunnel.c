#include "common/clock.h"
#include "proxy/http/conn_pool.h"
#include "proxy/http/front_http1.h"
#include "tests/support/websocket_switch.h"
#include "tests/unit/cmocka_all.h"
#include "tests/unit/proxy/http/stage.h"

#include <stdlib.h>
#include <string.h>

#define HANDSHAKE                                                                                  \
    "GET /chat HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\n"   \
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"                 \
    "Sec-WebSocket-Protocol: chat\r\n\r\n"

static const char get[] = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
static const char ok[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/* A client and an endpoint that have switched to WebSocket. */
struct tunnel {
    struct player client;
    struct player endpoint;
};

static struct tunnel ask(struct stage *stage, const char *request)
{
    struct tunnel tunnel = {.client = stage_connect(stage)};
    player_send(&tunnel.client, request);
    tunnel.endpoint = stage_accept(stage, 0);
    player_expect(&tunnel.endpoint, "\r\n\r\n");
    return tunnel;
}

static struct tunnel open_tunnel(struct stage *stage)
{
    struct tunnel tunnel = ask(stage, HANDSHAKE);
    player_send(&tunnel.endpoint, WEBSOCKET_SWITCH_ANSWER);
    player_expect(&tunnel.client, "HTTP/1.1 101 Switching Protocols\r\n");
    player_expect(&tunnel.client, "\r\n\r\n");
    return tunnel;
}

static void close_tunnel(struct tunnel *tunnel)
{
    player_close(&tunnel->client);
    player_close(&tunnel->endpoint);
}

static uint64_t open_tunnels(struct stage *stage)
{
    const struct worker_counters *counters = stage->worker->counters;
    return counter_read(&counters->tunnels_opened) - counter_read(&counters->tunnels_closed);
}

static void turn_some(struct stage *stage)
{
    for (int i = 0; i < 20; i++)
        stage_turn(stage);
}

/* --- the handshake --------------------------------------------------------------------------- */

static void a_handshake_goes_through_both_ways(void **state)
{
    struct stage *stage = *state;
    struct player client = stage_connect(stage);
    player_send(&client, HANDSHAKE);
    struct player endpoint = stage_accept(stage, 0);
    player_expect(&endpoint, "GET /chat HTTP/1.1\r\nhost: a\r\n"
                             "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                             "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: chat\r\n");
    player_expect(&endpoint, "connection: upgrade\r\nupgrade: websocket\r\n\r\n");

    player_send(&endpoint, WEBSOCKET_SWITCH_ANSWER);

    player_expect(&client, "HTTP/1.1 101 Switching Protocols\r\n"
                           "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n" STAGE_DATE
                           "connection: upgrade\r\nupgrade: websocket\r\n\r\n");
    assert_int_equal(open_tunnels(stage), 1);
    player_close(&client);
    player_close(&endpoint);
}

static void bytes_go_both_ways_as_they_are(void **state)
{
    struct stage *stage = *state;
    struct tunnel tunnel = open_tunnel(stage);

    player_send(&tunnel.client, "GET / HTTP/1.1\r\n\r\n");
    player_expect(&tunnel.endpoint, "GET / HTTP/1.1\r\n\r\n");
    player_send(&tunnel.endpoint, "HTTP/1.1 200 OK\r\n\r\n");
    player_expect(&tunnel.client, "HTTP/1.1 200 OK\r\n\r\n");
    player_send(&tunnel.client, "again");

    player_expect(&tunnel.endpoint, "again");
    close_tunnel(&tunnel);
}

static void what_comes_with_the_heads_is_not_lost(void **state)
{
    struct stage *stage = *state;
    struct tunnel tunnel = ask(stage, HANDSHAKE "early");
    player_expect_nothing(&tunnel.endpoint);

    player_send(&tunnel.endpoint, WEBSOCKET_SWITCH_ANSWER "hello");

    player_expect(&tunnel.client, "\r\n\r\nhello");
    player_expect(&tunnel.endpoint, "early");
    close_tunnel(&tunnel);
}

static void another_answer_is_an_ordinary_one(void **state)
{
    struct stage *stage = *state;
    struct tunnel tunnel = ask(stage, HANDSHAKE);

    player_send(&tunnel.endpoint, "HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno");
    player_expect(&tunnel.client,
                  "HTTP/1.1 403 Forbidden\r\n" STAGE_DATE "content-length: 2\r\n\r\nno");
    assert_int_equal(conn_pool_count(stage->worker->pool), 1);
    player_send(&tunnel.client, get);
    player_expect(&tunnel.endpoint, "GET / HTTP/1.1\r\n");
    player_send(&tunnel.endpoint, ok);

    player_expect(&tunnel.client, "\r\n\r\nok");
    assert_int_equal(counter_read(&stage->worker->counters->tunnels_opened), 0);
    close_tunnel(&tunnel);
}

static void a_switch_nobody_asked_for_is_a_502(void **state)
{
    struct stage *stage = *state;
    struct tunnel tunnel = ask(stage, get);

    player_send(&tunnel.endpoint, WEBSOCKET_SWITCH_ANSWER);

    player_expect(&tunnel.client, "HTTP/1.1 502 Bad Gateway\r\n");
    player_expect_gone(&tunnel.endpoint);
    close_tunnel(&tunnel);
}

static void a_broken_switch_is_a_502(void **state)
{
    struct stage *stage = *state;
    struct tunnel tunnel = ask(stage, HANDSHAKE);

    player_send(&tunnel.endpoint, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                                  "Connection: Upgrade\r\n\r\n");

    player_expect(&tunnel.client, "HTTP/1.1 502 Bad Gateway\r\n");
    player_expect_gone(&tunnel.endpoint);
    close_tunnel(&tunnel);
}

static void a_switch_that_answers_another_handshake_is_a_502(void **state)
{
    struct stage *stage = *state;
    struct tunnel tunnel = ask(stage, HANDSHAKE);

    player_send(&tunnel.endpoint, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                                  "Connection: Upgrade\r\n"
                                  "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOp=\r\n\r\n");

    player_expect(&tunnel.client, "HTTP/1.1 502 Bad Gateway\r\n");
    player_expect_gone(&tunnel.endpoint);
    close_tunnel(&tunnel);
}

static void an_incomplete_handshake_is_an_ordinary_request(void **state)
{
    struct stage *stage = *state;
    struct player client = stage_connect(stage);
    player_send(&client, "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\n"
                         "Upgrade: websocket\r\n\r\n");
    struct player endpoint = stage_accept(stage, 0);
    player_expect(&endpoint, "x-forwarded-host: a\r\n");
    player_expect(&endpoint, "\r\n\r\n");

    player_send(&endpoint, WEBSOCKET_SWITCH_ANSWER);

    player_expect(&client, "HTTP/1.1 502 Bad Gateway\r\n");
    player_close(&client);
    player_close(&endpoint);
}

/* --- the end --------------------------------------------------------------------------------- */

static void an_endpoint_that_closes_ends_the_tunnel(void **state)
{
    struct stage *stage = *state;
    struct tunnel tunnel = open_tunnel(stage);

    player_send(&tunnel.endpoint, "bye");
    player_close(&tunnel.endpoint);

    player_expect(&tunnel.client, "bye");
    player_expect_end(&tunnel.client);
    player_close(&tunnel.client);
    turn_some(stage);
    assert_int_equal(stage->worker->connection_count, 0);
    assert_int_equal(open_tunnels(stage), 0);
    assert_int_equal(conn_pool_count(stage->worker->pool), 0);
}

static void a_client_that_finishes_may_still_be_answered(void **state)
{
    struct stage *stage = *state;
    struct tunnel tunnel = open_tunnel(stage);

    player_send(&tunnel.client, "bye");
    player_finish_sending(&tunnel.client);
    player_expect(&tunnel.endpoint, "bye");
    player_expect_end(&tunnel.endpoint);
    assert_int_equal(open_tunnels(stage), 1);
    player_send(&tunnel.endpoint, "and bye");
    player_close(&tunnel.endpoint);

    player_expect(&tunnel.client, "and bye");
    player_expect_end(&tunnel.client);
    player_close(&tunnel.client);
    assert_int_equal(stage->worker->connection_count, 0);
}

static void a_client_that_leaves_after_it_finished_ends_the_tunnel(void **state)
{
    struct stage *stage = *state;
    struct tunnel tunnel = open_tunnel(stage);
    player_finish_sending(&tunnel.client);
    player_expect_end(&tunnel.endpoint);
    assert_int_equal(open_tunnels(stage), 1);

    player_reset(&tunnel.client);
    turn_some(stage);

    assert_int_equal(open_tunnels(stage), 0);
    assert_int_equal(stage->worker->connection_count, 0);
    player_close(&tunnel.endpoint);
}

static void a_client_that_finished_before_the_switch_is_finished(void **state)
{
    struct stage *stage = *state;
    struct tunnel tunnel = ask(stage, HANDSHAKE "early");
    player_finish_sending(&tunnel.client);
    turn_some(stage);

    player_send(&tunnel.endpoint, WEBSOCKET_SWITCH_ANSWER);

    player_expect(&tunnel.endpoint, "early");
    player_expect_end(&tunnel.endpoint);
    close_tunnel(&tunnel);
}

static void a_client_that_leaves_ends_the_tunnel(void **state)
{
    struct stage *stage = *state;
    struct tunnel tunnel = open_tunnel(stage);

    player_reset(&tunnel.client);

    player_expect_gone(&tunnel.endpoint);
    assert_int_equal(stage->worker->connection_count, 0);
    assert_int_equal(open_tunnels(stage), 0);
    player_close(&tunnel.endpoint);
}

static void an_endpoint_that_breaks_off_resets_the_client(void **state)
{
    struct stage *stage = *state;
    struct tunnel tunnel = open_tunnel(stage);

    player_reset(&tunnel.endpoint);

    player_expect_reset(&tunnel.client);
    player_close(&tunnel.client);
    assert_int_equal(open_tunnels(stage), 0);
}

static void a_switch_with_an_end_behind_it_is_both(void **state)
{
    struct stage *stage = *state;
    struct tunnel tunnel = ask(stage, HANDSHAKE);

    player_send_some(&tunnel.endpoint, WEBSOCKET_SWITCH_ANSWER "bye",
                     strlen(WEBSOCKET_SWITCH_ANSWER "bye"));
    player_close(&tunnel.endpoint);

    player_expect(&tunnel.client, "\r\n\r\nbye");
    player_expect_end(&tunnel.client);
    player_close(&tunnel.client);
}

/* --- time ------------------------------------------------------------------------------------ */

static void a_tunnel_outlives_the_timeouts_of_requests(void **state)
{
    struct stage *stage = *state;
    stage->route.request_timeout_ms = 1000;
    stage->route.try_timeout_ms = 500;
    stage_start(stage);
    struct tunnel tunnel = open_tunnel(stage);

    stage_advance(stage, 10 * 60 * 1000);
    player_send(&tunnel.endpoint, "ping");

    player_expect(&tunnel.client, "ping");
    close_tunnel(&tunnel);
}

static void an_idle_tunnel_is_closed_after_its_time(void **state)
{
    struct stage *stage = *state;
    stage->shared.http.tunnel_idle_timeout_ms = 1000;
    stage_start(stage);
    struct tunnel tunnel = open_tunnel(stage);

    for (int i = 0; i < 3; i++) {
        stage_advance(stage, 900);
        player_send(&tunnel.client, "ping");
        player_expect(&tunnel.endpoint, "ping");
        stage_advance(stage, 900);
        player_send(&tunnel.endpoint, "pong");
        player_expect(&tunnel.client, "pong");
    }
    stage_advance(stage, 1001);

    player_expect_end(&tunnel.client);
    player_expect_gone(&tunnel.endpoint);
    assert_int_equal(open_tunnels(stage), 0);
    close_tunnel(&tunnel);
}

static void a_client_that_reads_nothing_is_let_go(void **state)
{
    enum { LENGTH = 16 * 1024 * 1024 };
    struct stage *stage = *state;
    struct tunnel tunnel = open_tunnel(stage);
    char *bytes = calloc(1, LENGTH);
    size_t sent = 0;
    for (int i = 0; i < 400; i++) {
        sent += player_send_some(&tunnel.endpoint, bytes + sent, LENGTH - sent);
        stage_turn(stage);
    }
    assert_true(sent < LENGTH);

    stage_advance(stage, 31 * 1000);

    assert_int_equal(stage->worker->connection_count, 0);
    free(bytes);
    close_tunnel(&tunnel);
}

/* --- much ------------------------------------------------------------------------------------ */

static void fill(char *bytes, size_t length, char first)
{
    for (size_t i = 0; i < length; i++)
        bytes[i] = (char)((size_t)first + (i / 13 + i) % 26);
}

static void much_goes_both_ways_at_once(void **state)
{
    enum { LENGTH = 3 * 1000 * 1000 };
    struct stage *stage = *state;
    struct tunnel tunnel = open_tunnel(stage);
    char *up = malloc(LENGTH);
    char *down = malloc(LENGTH);
    fill(up, LENGTH, 'a');
    fill(down, LENGTH, 'A');

    size_t up_sent = 0;
    size_t down_sent = 0;
    while (tunnel.client.received.length < LENGTH || tunnel.endpoint.received.length < LENGTH) {
        up_sent += player_send_some(&tunnel.client, up + up_sent, LENGTH - up_sent);
        down_sent += player_send_some(&tunnel.endpoint, down + down_sent, LENGTH - down_sent);
        stage_turn(stage);
        player_read(&tunnel.client);
        player_read(&tunnel.endpoint);
        assert_false(tunnel.client.has_ended || tunnel.endpoint.has_ended);
    }

    assert_memory_equal(tunnel.endpoint.received.at, up, LENGTH);
    assert_memory_equal(tunnel.client.received.at, down, LENGTH);
    free(up);
    free(down);
    close_tunnel(&tunnel);
}

static void who_does_not_read_takes_bounded_memory(void **state)
{
    enum { LENGTH = 32 * 1024 * 1024 };
    struct stage *stage = *state;
    struct tunnel tunnel = open_tunnel(stage);
    const struct exchange *exchange = stage_front(stage)->exchange;
    char *bytes = calloc(1, LENGTH);

    size_t up = 0;
    size_t down = 0;
    for (int i = 0; i < 400; i++) {
        up += player_send_some(&tunnel.client, bytes + up, LENGTH - up);
        down += player_send_some(&tunnel.endpoint, bytes + down, LENGTH - down);
        stage_turn(stage);
        assert_true(exchange->request_body.bytes.capacity <= 256 * 1024);
        assert_true(exchange->response_body.bytes.capacity <= 256 * 1024);
    }

    assert_true(up < LENGTH && down < LENGTH);
    player_expect_bytes(&tunnel.endpoint, up);
    player_expect_bytes(&tunnel.client, down);
    assert_int_equal(exchange->request_body.bytes.capacity, 0);
    assert_int_equal(exchange->response_body.bytes.capacity, 0);
    free(bytes);
    close_tunnel(&tunnel);
}

/* --- around it ------------------------------------------------------------------------------- */

static void a_tunnel_lives_on_through_route_changes(void **state)
{
    struct stage *stage = *state;
    struct tunnel tunnel = open_tunnel(stage);

    for (int i = 0; i < 3; i++) {
        stage->route.prefix = i % 2 == 0 ? "/elsewhere" : "/other";
        one_route_publish(&stage->route, stage->endpoint_ports + 1, 1);
        worker_route_table(stage->worker);
        player_send(&tunnel.client, "still");
        player_expect(&tunnel.endpoint, "still");
    }

    player_send(&tunnel.endpoint, "there");
    player_expect(&tunnel.client, "there");
    close_tunnel(&tunnel);
}

static void draining_waits_for_tunnels_until_its_time(void **state)
{
    struct stage *stage = *state;
    struct tunnel tunnel = open_tunnel(stage);

    worker_drain(stage->worker, clock_now_ms() + 5000, false);
    turn_some(stage);
    stage_advance(stage, 4900);
    player_send(&tunnel.client, "still");
    player_expect(&tunnel.endpoint, "still");
    stage_advance(stage, 200);

    player_expect_gone(&tunnel.client);
    player_expect_gone(&tunnel.endpoint);
    assert_true(stage->worker->is_drained);
    close_tunnel(&tunnel);
}

static void a_tunnel_is_a_request_of_its_endpoint(void **state)
{
    struct stage *stage = *state;
    struct tunnel tunnel = open_tunnel(stage);
    struct endpoint_address address;
    endpoint_address_set_ip(&address, "127.0.0.1", stage->endpoint_ports[0]);
    struct endpoint *counted =
        endpoint_registry_acquire(stage->route.endpoints, &address, ENDPOINT_HTTP1, NULL);
    assert_int_equal(atomic_load(&counted->in_flight), 1);

    player_reset(&tunnel.endpoint);
    player_expect_gone(&tunnel.client);

    assert_int_equal(atomic_load(&counted->in_flight), 0);
    assert_int_equal(atomic_load(&counted->consecutive_failures), 0);
    endpoint_release(&counted);
    player_close(&tunnel.client);
}

int main(void)
{
#define ON_STAGE(test)                                                                             \
    cmocka_unit_test_setup_teardown(test, stage_set_up_and_start, stage_tear_down)
#define ON_OWN_STAGE(test) cmocka_unit_test_setup_teardown(test, stage_set_up, stage_tear_down)
    const struct CMUnitTest tests[] = {
        ON_STAGE(a_handshake_goes_through_both_ways),
        ON_STAGE(bytes_go_both_ways_as_they_are),
        ON_STAGE(what_comes_with_the_heads_is_not_lost),
        ON_STAGE(another_answer_is_an_ordinary_one),
        ON_STAGE(a_switch_nobody_asked_for_is_a_502),
        ON_STAGE(a_broken_switch_is_a_502),
        ON_STAGE(a_switch_that_answers_another_handshake_is_a_502),
        ON_STAGE(an_incomplete_handshake_is_an_ordinary_request),
        ON_STAGE(an_endpoint_that_closes_ends_the_tunnel),
        ON_STAGE(a_client_that_finishes_may_still_be_answered),
        ON_STAGE(a_client_that_leaves_after_it_finished_ends_the_tunnel),
        ON_STAGE(a_client_that_finished_before_the_switch_is_finished),
        ON_STAGE(a_client_that_leaves_ends_the_tunnel),
        ON_STAGE(an_endpoint_that_breaks_off_resets_the_client),
        ON_STAGE(a_switch_with_an_end_behind_it_is_both),
        ON_OWN_STAGE(a_tunnel_outlives_the_timeouts_of_requests),
        ON_OWN_STAGE(an_idle_tunnel_is_closed_after_its_time),
        ON_STAGE(a_client_that_reads_nothing_is_let_go),
        ON_STAGE(much_goes_both_ways_at_once),
        ON_STAGE(who_does_not_read_takes_bounded_memory),
        ON_STAGE(a_tunnel_lives_on_through_route_changes),
        ON_STAGE(draining_waits_for_tunnels_until_its_time),
        ON_STAGE(a_tunnel_is_a_request_of_its_endpoint),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
