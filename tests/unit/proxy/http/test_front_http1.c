#include "common/buffer.h"
#include "proxy/http/front_http1.h"
#include "tests/unit/cmocka_all.h"
#include "tests/unit/proxy/http/stage.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A request of `client`, answered with `answer` by a fresh endpoint that stays connected. */
static struct player answer_first(struct stage *stage, struct player *client, const char *request,
                                  const char *answer)
{
    player_send(client, request);
    struct player endpoint = stage_accept(stage, 0);
    player_expect(&endpoint, "\r\n\r\n");
    player_send(&endpoint, answer);
    return endpoint;
}

/* --- requests one after the other ------------------------------------------------------------ */

static void a_request_is_forwarded_and_answered(void **state)
{
    struct stage *stage = *state;
    struct player client = stage_connect(stage);

    player_send(&client, "GET /a?b=c HTTP/1.1\r\nHost: shop.internal\r\nAccept: x/y\r\n\r\n");
    struct player endpoint = stage_accept(stage, 0);
    player_expect(&endpoint, "GET /a?b=c HTTP/1.1\r\nhost: shop.internal\r\nAccept: x/y\r\n"
                             "x-forwarded-for: 127.0.0.1\r\nx-forwarded-proto: http\r\n"
                             "x-forwarded-host: shop.internal\r\nx-request-id: ");
    player_expect(&endpoint, "\r\n\r\n");
    player_send(&endpoint, "HTTP/1.1 200 Fine\r\nServer: x\r\nContent-Length: 5\r\n\r\nhello");

    player_expect(&client,
                  "HTTP/1.1 200 Fine\r\nServer: x\r\n" STAGE_DATE "content-length: 5\r\n\r\nhello");
    player_expect_nothing(&client);
    player_close(&client);
    player_close(&endpoint);
}

static void both_connections_are_used_again(void **state)
{
    struct stage *stage = *state;
    struct player client = stage_connect(stage);
    struct player endpoint = answer_first(stage, &client, "GET /1 HTTP/1.1\r\nHost: a\r\n\r\n",
                                          "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n1");
    player_expect(&client, "\r\n\r\n1");

    player_send(&client, "GET /2 HTTP/1.1\r\nHost: a\r\n\r\n");
    player_expect(&endpoint, "GET /2 ");
    player_expect(&endpoint, "\r\n\r\n");
    player_send(&endpoint, "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n2");

    player_expect(&client, "\r\n\r\n2");
    assert_int_equal(counter_read(&stage->worker->counters->upstream_connections_opened), 1);
    assert_int_equal(counter_read(&stage->worker->counters->upstream_connections_reused), 1);
    player_close(&client);
    player_close(&endpoint);
}

static void pipelined_requests_are_answered_in_order(void **state)
{
    struct stage *stage = *state;
    struct player client = stage_connect(stage);

    player_send(&client, "GET /1 HTTP/1.1\r\nHost: a\r\n\r\nPOST /2 HTTP/1.1\r\nHost: a\r\n"
                         "Content-Length: 3\r\n\r\ntwoGET /3 HTTP/1.1\r\nHost: a\r\n\r\n");
    struct player endpoint = stage_accept(stage, 0);
    player_expect(&endpoint, "GET /1 ");
    player_expect(&endpoint, "\r\n\r\n");
    player_expect_nothing(&endpoint);
    player_send(&endpoint, "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n1");
    player_expect(&client, "\r\n\r\n1");
    player_expect(&endpoint, "POST /2 ");
    player_expect(&endpoint, "content-length: 3\r\n\r\ntwo");
    player_send(&endpoint, "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n2");
    player_expect(&client, "\r\n\r\n2");
    player_expect(&endpoint, "GET /3 ");
    player_expect(&endpoint, "\r\n\r\n");
    player_send(&endpoint, "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n3");

    player_expect(&client, "\r\n\r\n3");
    player_close(&client);
    player_close(&endpoint);
}

static void many_pipelined_requests_come_through(void **state)
{
    enum { COUNT = 2000 };
    struct stage *stage = *state;
    stage->route.has_no_backend = true;
    stage_start(stage);
    struct player client = stage_connect(stage);

    static const char request[] = "GET /some/path HTTP/1.1\r\nHost: a\r\n\r\n";
    for (int i = 0; i < COUNT; i++)
        player_send_some(&client, request, sizeof(request) - 1);

    for (int i = 0; i < COUNT; i++)
        player_expect(&client, "HTTP/1.1 500 ");
    player_expect(&client, "\n");
    player_close(&client);
}

static void a_head_may_come_byte_by_byte(void **state)
{
    struct stage *stage = *state;
    struct player client = stage_connect(stage);
    const char *head = "GET /slow HTTP/1.1\r\nHost: a\r\nX-One: 1\r\n\r\n";

    for (size_t i = 0; i < strlen(head); i++) {
        char byte[2] = {head[i], '\0'};
        player_send(&client, byte);
    }

    struct player endpoint = stage_accept(stage, 0);
    player_expect(&endpoint, "GET /slow HTTP/1.1\r\nhost: a\r\nX-One: 1\r\n");
    player_close(&client);
    player_close(&endpoint);
}

static void a_client_that_closed_its_side_is_still_answered(void **state)
{
    struct stage *stage = *state;
    struct player client = stage_connect(stage);
    player_send(&client, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    player_finish_sending(&client);
    struct player endpoint = stage_accept(stage, 0);
    player_expect(&endpoint, "\r\n\r\n");

    player_send(&endpoint, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");

    player_expect(&client, "\r\n\r\nok");
    player_expect_end(&client);
    player_close(&client);
    player_close(&endpoint);
}

static void where_closing_is_leaving_the_request_is_given_up(void **state)
{
    struct stage *stage = *state;
    stage->shared.http.aborts_on_close = true;
    stage_start(stage);
    struct player client = stage_connect(stage);
    struct player endpoint = stage_forward(stage, &client, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");

    player_finish_sending(&client);

    player_expect_end(&endpoint);
    player_expect_end(&client);
    assert_int_equal(stage->worker->connection_count, 0);
    players_close(&client, &endpoint);
}

/* It has closed its side, and then all of it, before we looked. */
static void a_client_that_is_gone_both_ways_takes_its_request_along(void **state)
{
    struct stage *stage = *state;
    struct player client = stage_connect(stage);
    player_send(&client, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    struct player endpoint = stage_accept(stage, 0);
    player_expect(&endpoint, "\r\n\r\n");

    player_finish_sending(&client);
    player_reset(&client);

    player_expect_end(&endpoint);
    assert_int_equal(stage->worker->connection_count, 0);
    player_close(&endpoint);
}

/* We have seen that it sends no more, and then the kernel has told us of its end. */
static void a_client_that_leaves_after_it_closed_its_side_takes_its_request_along(void **state)
{
    struct stage *stage = *state;
    struct player client = stage_connect(stage);
    player_send(&client, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    struct player endpoint = stage_accept(stage, 0);
    player_expect(&endpoint, "\r\n\r\n");
    stage_finish_sending(stage, &client);
    player_expect_nothing(&endpoint);
    assert_int_equal(stage->worker->connection_count, 1);

    player_reset(&client);

    player_expect_end(&endpoint);
    assert_int_equal(stage->worker->connection_count, 0);
    player_close(&endpoint);
}

static void many_that_leave_so_are_all_noticed(void **state)
{
    enum { CLIENTS = 40 };
    struct stage *stage = *state;
    struct player clients[CLIENTS];
    struct player endpoints[CLIENTS];
    for (unsigned i = 0; i < CLIENTS; i++) {
        clients[i] = stage_connect(stage);
        player_send(&clients[i], "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        endpoints[i] = stage_accept(stage, 0);
        player_expect(&endpoints[i], "\r\n\r\n");
        stage_finish_sending(stage, &clients[i]);
    }
    struct player stays = stage_connect(stage);
    player_send(&stays, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    struct player last = stage_accept(stage, 0);
    player_expect(&last, "\r\n\r\n");
    stage_finish_sending(stage, &stays);

    for (unsigned i = 0; i < CLIENTS; i++)
        player_reset(&clients[i]);

    for (unsigned i = 0; i < CLIENTS; i++) {
        player_expect_end(&endpoints[i]);
        player_close(&endpoints[i]);
    }
    assert_int_equal(stage->worker->connection_count, 1);
    player_send(&last, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    player_expect(&stays, "\r\n\r\nok");
    player_expect_end(&stays);
    player_close(&stays);
    player_close(&last);
}

static void http_1_0_gets_a_close(void **state)
{
    struct stage *stage = *state;
    struct player client = stage_connect(stage);

    struct player endpoint = answer_first(stage, &client, "GET / HTTP/1.0\r\n\r\n",
                                          "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");

    player_expect(&client, "content-length: 2\r\nconnection: close\r\n\r\nok");
    player_expect_end(&client);
    player_close(&client);
    player_close(&endpoint);
}

static void http_1_0_is_kept_alive_on_request(void **state)
{
    struct stage *stage = *state;
    struct player client = stage_connect(stage);

    struct player endpoint =
        answer_first(stage, &client, "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
                     "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");

    player_expect(&client, "content-length: 2\r\nconnection: keep-alive\r\n\r\nok");
    player_expect_nothing(&client);
    player_close(&client);
    player_close(&endpoint);
}

static void chunks_become_until_close_for_http_1_0(void **state)
{
    struct stage *stage = *state;
    struct player client = stage_connect(stage);

    struct player endpoint =
        answer_first(stage, &client, "GET / HTTP/1.0\r\n\r\n",
                     "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n");

    player_expect(&client, "HTTP/1.1 200 OK\r\n" STAGE_DATE "connection: close\r\n\r\nok");
    player_expect_end(&client);
    player_close(&client);
    player_close(&endpoint);
}

/* --- refusals -------------------------------------------------------------------------------- */

static void an_ambiguous_request_is_refused_and_the_connection_closed(void **state)
{
    struct stage *stage = *state;
    struct player client = stage_connect(stage);

    player_send(&client, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n"
                         "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /x HTTP/1.1\r\n\r\n");

    player_expect(&client, "HTTP/1.1 400 Bad Request\r\n");
    player_expect(&client, "connection: close\r\n\r\n");
    player_expect(&client, "\n");
    player_expect_end(&client);
    assert_int_equal(counter_read(&stage->worker->counters->refused[DENIAL_BAD_REQUEST]), 1);
    player_close(&client);
}

static void no_route_is_a_404_and_the_connection_stays(void **state)
{
    struct stage *stage = *state;
    stage->route.prefix = "/known";
    stage_start(stage);
    struct player client = stage_connect(stage);

    player_send(&client, "GET /other HTTP/1.1\r\nHost: a\r\n\r\n");

    player_expect(&client, "HTTP/1.1 404 Not Found\r\ndate: ");
    player_expect(&client, " GMT\r\ncontent-type: text/plain; charset=utf-8\r\n"
                           "content-length: 31\r\n\r\nNo route matches this request.\n");
    player_expect_nothing(&client);
    player_close(&client);
}

static void a_local_answer_to_head_has_no_body(void **state)
{
    struct stage *stage = *state;
    stage->route.prefix = "/known";
    stage_start(stage);
    struct player client = stage_connect(stage);

    player_send(&client, "HEAD /other HTTP/1.1\r\nHost: a\r\n\r\n");

    player_expect(&client, "content-length: 31\r\n\r\n");
    player_expect_nothing(&client);
    player_close(&client);
}

/* --- clients that are slow or leave ---------------------------------------------------------- */

static void a_client_that_leaves_cancels_the_try(void **state)
{
    struct stage *stage = *state;
    struct player client = stage_connect(stage);
    player_send(&client, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    struct player endpoint = stage_accept(stage, 0);
    player_expect(&endpoint, "\r\n\r\n");

    player_reset(&client);

    player_expect_gone(&endpoint);
    assert_int_equal(stage->worker->connection_count, 0);
    player_close(&endpoint);
}

static void a_client_that_leaves_in_its_upload_cancels_the_try(void **state)
{
    struct stage *stage = *state;
    struct player client = stage_connect(stage);
    player_send(&client, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc");
    struct player endpoint = stage_accept(stage, 0);
    player_expect(&endpoint, "abc");

    player_close(&client);

    player_expect_gone(&endpoint);
    player_close(&endpoint);
}

static void a_client_that_leaves_in_a_pipelined_upload_is_noticed(void **state)
{
    struct stage *stage = *state;
    struct player client = stage_connect(stage);
    player_send(&client, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    struct player endpoint = stage_accept(stage, 0);
    player_send(&client, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc");
    player_finish_sending(&client);
    player_expect(&endpoint, "\r\n\r\n");
    player_expect_nothing(&client);

    player_send(&endpoint, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");

    player_expect(&client, "\r\n\r\nok");
    player_expect_end(&client);
    assert_int_equal(stage->worker->connection_count, 0);
    player_close(&client);
    player_close(&endpoint);
}

static void a_slow_reader_takes_bounded_memory(void **state)
{
    struct stage *stage = *state;
    struct player client = stage_connect(stage);
    char *block = memory_allocate_zeroed(1, 1 << 20);
    struct player endpoint = answer_first(stage, &client, "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
                                          "HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n");

    for (int i = 0; i < 200; i++) {
        player_send_some(&endpoint, block, 1 << 20);
        stage_turn(stage);
    }

    struct exchange *exchange = stage_front(stage)->exchange;
    assert_true(exchange->response_body.bytes.capacity <= 2 * BODY_PIPE_HIGH_BYTES);
    player_close(&client);
    player_close(&endpoint);
    free(block);
}

static void a_client_that_reads_nothing_is_let_go(void **state)
{
    struct stage *stage = *state;
    struct player client = stage_connect(stage);
    char *block = memory_allocate_zeroed(1, 1 << 20);
    struct player endpoint = answer_first(stage, &client, "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
                                          "HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n");
    for (int i = 0; i < 400; i++) {
        player_send_some(&endpoint, block, 1 << 20);
        stage_turn(stage);
    }

    stage_advance(stage, 29 * 1000);
    assert_int_equal(stage->worker->connection_count, 1);
    stage_advance(stage, 2 * 1000);

    assert_int_equal(stage->worker->connection_count, 0);
    player_close(&client);
    player_close(&endpoint);
    free(block);
}

static void half_a_head_is_timed_out(void **state)
{
    struct stage *stage = *state;
    struct player client = stage_connect(stage);
    player_send(&client, "GET / HT");
    player_expect_nothing(&client);

    stage_advance(stage, 9 * 1000);
    player_expect_nothing(&client);
    stage_advance(stage, 2 * 1000);

    player_expect(&client, "HTTP/1.1 408 Request Timeout\r\n");
    player_close(&client);
}

static void half_a_body_is_timed_out(void **state)
{
    struct stage *stage = *state;
    struct player client = stage_connect(stage);
    player_send(&client, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc");
    struct player endpoint = stage_accept(stage, 0);
    player_expect(&endpoint, "abc");

    stage_advance(stage, 61 * 1000);

    player_expect(&client, "HTTP/1.1 408 Request Timeout\r\n");
    player_expect_gone(&endpoint);
    player_close(&client);
    player_close(&endpoint);
}

static void an_upload_that_drips_does_not_last_for_ever(void **state)
{
    struct stage *stage = *state;
    struct player client = stage_connect(stage);
    player_send(&client, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 900\r\n\r\n");
    struct player endpoint = stage_accept(stage, 0);

    for (int i = 0; i < 7; i++) {
        player_send_some(&client, "x", 1);
        stage_advance(stage, 9 * 1000);
    }

    player_expect(&client, "HTTP/1.1 408 Request Timeout\r\n");
    player_close(&client);
    player_close(&endpoint);
}

static void an_idle_connection_is_closed_after_its_time(void **state)
{
    struct stage *stage = *state;
    stage->route.prefix = "/known";
    stage_start(stage);
    struct player client = stage_connect(stage);
    player_send(&client, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    player_expect(&client, "request.\n");

    stage_advance(stage, 74 * 1000);
    player_expect_nothing(&client);
    stage_advance(stage, 2 * 1000);

    player_expect_end(&client);
    player_close(&client);
}

int main(void)
{
#define ON_STAGE(test)                                                                             \
    cmocka_unit_test_setup_teardown(test, stage_set_up_and_start, stage_tear_down)
#define ON_OWN_STAGE(test) cmocka_unit_test_setup_teardown(test, stage_set_up, stage_tear_down)
    const struct CMUnitTest tests[] = {
        ON_STAGE(a_request_is_forwarded_and_answered),
        ON_STAGE(both_connections_are_used_again),
        ON_STAGE(pipelined_requests_are_answered_in_order),
        ON_OWN_STAGE(many_pipelined_requests_come_through),
        ON_STAGE(a_head_may_come_byte_by_byte),
        ON_STAGE(a_client_that_closed_its_side_is_still_answered),
        ON_OWN_STAGE(where_closing_is_leaving_the_request_is_given_up),
        ON_STAGE(a_client_that_is_gone_both_ways_takes_its_request_along),
        ON_STAGE(a_client_that_leaves_after_it_closed_its_side_takes_its_request_along),
        ON_STAGE(many_that_leave_so_are_all_noticed),
        ON_STAGE(http_1_0_gets_a_close),
        ON_STAGE(http_1_0_is_kept_alive_on_request),
        ON_STAGE(chunks_become_until_close_for_http_1_0),
        ON_STAGE(an_ambiguous_request_is_refused_and_the_connection_closed),
        ON_OWN_STAGE(no_route_is_a_404_and_the_connection_stays),
        ON_OWN_STAGE(a_local_answer_to_head_has_no_body),
        ON_STAGE(a_client_that_leaves_cancels_the_try),
        ON_STAGE(a_client_that_leaves_in_its_upload_cancels_the_try),
        ON_STAGE(a_client_that_leaves_in_a_pipelined_upload_is_noticed),
        ON_STAGE(a_slow_reader_takes_bounded_memory),
        ON_STAGE(a_client_that_reads_nothing_is_let_go),
        ON_STAGE(half_a_head_is_timed_out),
        ON_STAGE(half_a_body_is_timed_out),
        ON_STAGE(an_upload_that_drips_does_not_last_for_ever),
        ON_OWN_STAGE(an_idle_connection_is_closed_after_its_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
