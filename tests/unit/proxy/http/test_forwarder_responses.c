/* Responses as the forwarder passes them on: what they are, and what becomes of broken ones. */
#include "proxy/http/conn_pool.h"
#include "tests/unit/cmocka_all.h"
#include "tests/unit/proxy/http/stage.h"

#include <stdlib.h>
#include <string.h>

static const char get[] = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
static const char ok[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/* --- what a response is ---------------------------------------------------------------------- */

static void an_answer_has_one_date_its_own_or_the_time_it_came(void **state)
{
    struct stage *stage = *state;
    struct player client = stage_connect(stage);
    struct player endpoint = stage_forward(stage, &client, get);

    player_send(&endpoint, "HTTP/1.1 200 OK\r\nDATE: then\r\nContent-Length: 0\r\n\r\n");
    player_expect(&client, "HTTP/1.1 200 OK\r\nDATE: then\r\ncontent-length: 0\r\n\r\n");
    player_send(&client, get);
    player_expect(&endpoint, "\r\n\r\n");
    player_send(&endpoint, "HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n");
    player_expect(&client, "HTTP/1.1 500 Oh\r\n" STAGE_DATE "content-length: 0\r\n\r\n");
    player_send(&client, get);
    player_expect(&endpoint, "\r\n\r\n");
    player_send(&endpoint, "HTTP/1.1 200 OK\r\nDate: of this hop\r\nConnection: Date\r\n"
                           "Content-Length: 0\r\n\r\n");
    player_expect(&client, "HTTP/1.1 200 OK\r\n" STAGE_DATE "content-length: 0\r\n\r\n");

    players_close(&client, &endpoint);
}

/* As many fields as an answer may have leave room for it. */
static void a_head_that_is_full_gets_a_date_too(void **state)
{
    struct stage *stage = *state;
    struct player client = stage_connect(stage);
    struct player endpoint = stage_forward(stage, &client, get);

    player_send(&endpoint, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n");
    for (int i = 1; i < RESPONSE_HEADERS_DEFAULT; i++)
        player_send(&endpoint, "a: b\r\n");
    player_send(&endpoint, "\r\n");

    player_expect(&client, "a: b\r\n" STAGE_DATE "content-length: 0\r\n\r\n");
    players_close(&client, &endpoint);
}

static void chunks_are_framed_anew_with_their_trailers(void **state)
{
    struct stage *stage = *state;
    struct player client = stage_connect(stage);
    struct player endpoint =
        stage_forward(stage, &client, "GET / HTTP/1.1\r\nHost: a\r\nTE: trailers\r\n\r\n");

    player_send(&endpoint, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                           "000A;x=y\r\n0123456789\r\n");
    player_expect(&client, "transfer-encoding: chunked\r\n\r\na\r\n0123456789\r\n");
    player_send(&endpoint, "1\r\nx\r\n0\r\nX-Sum: 1\r\nX_Sum: 2\r\n\r\n");

    player_expect(&client, "1\r\nx\r\n0\r\nX-Sum: 1\r\nX_Sum: 2\r\n\r\n");
    assert_int_equal(conn_pool_count(stage->worker->pool), 1);
    players_close(&client, &endpoint);
}

static void trailers_nobody_asked_for_are_dropped(void **state)
{
    struct stage *stage = *state;
    struct player client = stage_connect(stage);
    struct player endpoint = stage_forward(stage, &client, get);

    player_send(&endpoint, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                           "1\r\nx\r\n0\r\nX-Sum: 1\r\n\r\n");

    player_expect(&client, "\r\n\r\n1\r\nx\r\n0\r\n\r\n");
    players_close(&client, &endpoint);
}

static void a_body_until_close_becomes_chunks(void **state)
{
    struct stage *stage = *state;
    struct player client = stage_connect(stage);
    struct player endpoint = stage_forward(stage, &client, get);

    player_send(&endpoint, "HTTP/1.1 200 OK\r\n\r\nsome");
    player_expect(&client, "HTTP/1.1 200 OK\r\n" STAGE_DATE
                           "transfer-encoding: chunked\r\n\r\n4\r\nsome\r\n");
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
    struct player endpoint = stage_forward(stage, &client, "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n");

    player_send(&endpoint, "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n");

    player_expect(&client, "HTTP/1.1 200 OK\r\n" STAGE_DATE "content-length: 1000\r\n\r\n");
    player_expect_nothing(&client);
    assert_int_equal(conn_pool_count(stage->worker->pool), 1);
    players_close(&client, &endpoint);
}

static void no_content_and_not_modified_have_no_body(void **state)
{
    struct stage *stage = *state;
    struct player client = stage_connect(stage);
    struct player endpoint = stage_forward(stage, &client, get);

    player_send(&endpoint, "HTTP/1.1 204 No Content\r\n\r\n");
    player_expect(&client, "HTTP/1.1 204 No Content\r\n" STAGE_DATE "\r\n");
    player_send(&client, get);
    player_expect(&endpoint, "\r\n\r\n");
    player_send(&endpoint, "HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\n\r\n");

    player_expect(&client, "HTTP/1.1 304 Not Modified\r\n" STAGE_DATE "content-length: 7\r\n\r\n");
    player_expect_nothing(&client);
    assert_int_equal(conn_pool_count(stage->worker->pool), 1);
    players_close(&client, &endpoint);
}

static void a_response_head_may_come_byte_by_byte(void **state)
{
    struct stage *stage = *state;
    struct player client = stage_connect(stage);
    struct player endpoint = stage_forward(stage, &client, get);

    for (size_t i = 0; i < strlen(ok); i++) {
        char byte[2] = {ok[i], '\0'};
        player_send(&endpoint, byte);
    }

    player_expect(&client, "HTTP/1.1 200 OK\r\n" STAGE_DATE "content-length: 2\r\n\r\nok");
    players_close(&client, &endpoint);
}

static void a_large_response_arrives_whole(void **state)
{
    enum { LENGTH = 5 * 1000 * 1000 };
    struct stage *stage = *state;
    struct player client = stage_connect(stage);
    struct player endpoint = stage_forward(stage, &client, get);
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
    players_close(&client, &endpoint);
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
                             "x-forwarded-host: a\r\n"
                             "cdn-loop: pointsman;rule=3f219ba1b00089ef\r\n\r\n");

    player_send(&endpoint, "HTTP/1.1 200 OK\r\nConnection: X-Theirs, keep-alive\r\nX-Theirs: 1\r\n"
                           "Keep-Alive: 1\r\nContent-Length: 0\r\n\r\n");

    player_expect(&client, "HTTP/1.1 200 OK\r\n" STAGE_DATE "content-length: 0\r\n\r\n");
    players_close(&client, &endpoint);
}

/* --- broken responses ------------------------------------------------------------------------ */

/* ANSWER-5 */
static void a_response_that_breaks_http_is_a_502(void **state)
{
    struct stage *stage = *state;
    struct player client = stage_connect(stage);
    struct player endpoint = stage_forward(stage, &client, get);

    player_send(&endpoint, "HTTP/1.1 200 OK\r\nContent-Length: +3\r\n\r\nabc");

    stage_expect_own_answer(stage, &client, "HTTP/1.1 502 Bad Gateway\r\n", 1);
    player_expect_gone(&endpoint);
    players_close(&client, &endpoint);
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
    struct player endpoint = stage_forward(stage, &client, get);

    player_close(&endpoint);

    stage_expect_own_answer(stage, &client, "HTTP/1.1 503 Service Unavailable\r\n", 1);
    player_close(&client);
}

static void half_a_head_is_a_503(void **state)
{
    struct stage *stage = *state;
    struct player client = stage_connect(stage);
    struct player endpoint = stage_forward(stage, &client, get);

    player_send(&endpoint, "HTTP/1.1 200 OK\r\nContent-Le");
    player_close(&endpoint);

    stage_expect_own_answer(stage, &client, "HTTP/1.1 503 Service Unavailable\r\n", 1);
    player_close(&client);
}

static void a_response_cut_short_is_cut_short_for_the_client(void **state)
{
    struct stage *stage = *state;
    struct player client = stage_connect(stage);
    struct player endpoint = stage_forward(stage, &client, get);

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
    struct player endpoint = stage_forward(stage, &client, get);

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
    struct player endpoint = stage_forward(stage, &client, "GET / HTTP/1.0\r\n\r\n");
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
    struct player endpoint = stage_forward(stage, &client, get);
    player_send(&endpoint, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n");
    player_expect(&client, "\r\n\r\n3\r\nabc\r\n");

    player_send(&endpoint, "0x5\r\nhello\r\n0\r\n\r\n");

    player_expect_end(&client);
    players_close(&client, &endpoint);
}

static void extra_bytes_end_the_connection_but_not_the_answer(void **state)
{
    struct stage *stage = *state;
    struct player client = stage_connect(stage);
    struct player endpoint = stage_forward(stage, &client, get);

    player_send(&endpoint, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 evil\r\n");

    player_expect(&client, "\r\n\r\nok");
    player_expect_nothing(&client);
    assert_int_equal(conn_pool_count(stage->worker->pool), 0);
    player_expect_gone(&endpoint);
    players_close(&client, &endpoint);
}

static void an_answer_nobody_asked_for_reaches_nobody(void **state)
{
    struct stage *stage = *state;
    struct player client = stage_connect(stage);
    struct player endpoint = stage_warm_up(stage, &client);

    player_send(&endpoint, "HTTP/1.1 200 evil\r\nContent-Length: 4\r\n\r\nevil");
    player_expect_nothing(&client);
    assert_int_equal(conn_pool_count(stage->worker->pool), 0);
    player_send(&client, get);
    struct player second = stage_accept(stage, 0);
    player_expect(&second, "\r\n\r\n");
    player_send(&second, ok);

    player_expect(&client, "\r\n\r\nok");
    player_close(&second);
    players_close(&client, &endpoint);
}

static void connection_close_is_respected(void **state)
{
    struct stage *stage = *state;
    struct player client = stage_connect(stage);
    struct player endpoint = stage_forward(stage, &client, get);

    player_send(&endpoint, "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok");

    player_expect(&client, "\r\n\r\nok");
    player_expect_nothing(&client);
    assert_int_equal(conn_pool_count(stage->worker->pool), 0);
    players_close(&client, &endpoint);
}

int main(void)
{
#define ON_STAGE(test)                                                                             \
    cmocka_unit_test_setup_teardown(test, stage_set_up_and_start, stage_tear_down)
    const struct CMUnitTest tests[] = {
        ON_STAGE(an_answer_has_one_date_its_own_or_the_time_it_came),
        ON_STAGE(a_head_that_is_full_gets_a_date_too),
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
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
