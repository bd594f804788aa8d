/* Bodies of requests on a client's connection: forwarded as they come, within limits. */
#include "common/buffer.h"
#include "proxy/http/front_http1.h"
#include "tests/unit/cmocka_all.h"
#include "tests/unit/proxy/http/stage.h"

#include <stdlib.h>

static void a_body_of_known_length_is_forwarded_as_it_comes(void **state)
{
    struct stage *stage = *state;
    struct player client = stage_connect(stage);

    player_send(&client, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\nabc");
    struct player endpoint = stage_accept(stage, 0);
    player_expect(&endpoint, "content-length: 6\r\n\r\nabc");
    player_send(&client, "def");

    player_expect(&endpoint, "def");
    player_close(&client);
    player_close(&endpoint);
}

static void a_chunked_body_is_framed_anew_with_its_trailers(void **state)
{
    struct stage *stage = *state;
    struct player client = stage_connect(stage);

    player_send(&client, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                         "3;name=value\r\nabc\r\n");
    struct player endpoint = stage_accept(stage, 0);
    player_expect(&endpoint, "transfer-encoding: chunked\r\n\r\n3\r\nabc\r\n");
    player_send(&client, "0003\r\ndef\r\n0\r\nX-Sum: 7\r\n\r\n");

    player_expect(&endpoint, "3\r\ndef\r\n0\r\nX-Sum: 7\r\n\r\n");
    player_close(&client);
    player_close(&endpoint);
}

static void continue_is_said_once_when_the_endpoint_reads(void **state)
{
    struct stage *stage = *state;
    struct player client = stage_connect(stage);

    player_send(&client, "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n"
                         "Content-Length: 4\r\n\r\n");
    struct player endpoint = stage_accept(stage, 0);
    player_expect(&endpoint, "content-length: 4\r\n\r\n");
    player_expect(&client, "HTTP/1.1 100 Continue\r\n\r\n");
    player_send(&client, "body");
    player_expect(&endpoint, "body");
    player_send(&endpoint, "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n"
                           "Content-Length: 2\r\n\r\nok");

    player_expect(&client, "HTTP/1.1 200 OK\r\n" STAGE_DATE "content-length: 2\r\n\r\nok");
    player_close(&client);
    player_close(&endpoint);
}

static void continue_is_not_said_when_nobody_will_read(void **state)
{
    struct stage *stage = *state;
    stage->route.has_no_backend = true;
    stage_start(stage);
    struct player client = stage_connect(stage);

    player_send(&client, "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n"
                         "Content-Length: 4\r\n\r\n");

    player_expect(&client, "HTTP/1.1 500 Internal Server Error\r\n");
    player_expect(&client, "connection: close\r\n\r\n");
    player_close(&client);
}

static void an_announced_body_over_the_limit_is_refused_unread(void **state)
{
    struct stage *stage = *state;
    stage->shared.http.max_body_bytes = 100;
    stage_start(stage);
    struct player client = stage_connect(stage);

    player_send(&client, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 101\r\n\r\n");

    player_expect(&client, "HTTP/1.1 413 Content Too Large\r\n");
    player_expect(&client, "connection: close\r\n\r\n");
    assert_false(stage_has_connection(stage, 0));
    player_close(&client);
}

static void a_chunked_body_over_the_limit_is_refused_on_the_way(void **state)
{
    struct stage *stage = *state;
    stage->shared.http.max_body_bytes = 4;
    stage_start(stage);
    struct player client = stage_connect(stage);
    player_send(&client, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                         "3\r\nabc\r\n");
    struct player endpoint = stage_accept(stage, 0);
    player_expect(&endpoint, "3\r\nabc\r\n");

    player_send(&client, "2\r\nde\r\n0\r\n\r\n");

    player_expect(&client, "HTTP/1.1 413 Content Too Large\r\n");
    player_expect_gone(&endpoint);
    player_close(&client);
    player_close(&endpoint);
}

static void an_early_answer_arrives_while_the_client_still_sends(void **state)
{
    struct stage *stage = *state;
    struct player client = stage_connect(stage);
    char *block = memory_allocate_zeroed(1, 300000);
    player_send(&client, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000000\r\n\r\n");
    struct player endpoint = stage_accept(stage, 0);
    player_expect(&endpoint, "\r\n\r\n");
    player_send_some(&client, block, 300000);

    player_send(&endpoint, "HTTP/1.1 403 No\r\nContent-Length: 2\r\n\r\nno");

    player_expect(&client, "HTTP/1.1 403 No\r\n" STAGE_DATE
                           "content-length: 2\r\nconnection: close\r\n\r\nno");
    player_send_some(&client, block, 300000);
    player_expect_end(&client);
    player_expect_gone(&endpoint);
    player_close(&client);
    player_close(&endpoint);
    free(block);
}

static void an_upload_to_a_slow_endpoint_takes_bounded_memory(void **state)
{
    struct stage *stage = *state;
    struct player client = stage_connect(stage);
    char *block = memory_allocate_zeroed(1, 1 << 20);
    player_send(&client, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000000\r\n\r\n");
    struct player endpoint = stage_accept(stage, 0);

    for (int i = 0; i < 200; i++) {
        player_send_some(&client, block, 1 << 20);
        stage_turn(stage);
    }

    struct exchange *exchange = stage_front(stage)->exchange;
    assert_true(exchange->request_body.bytes.capacity <= 2 * BODY_PIPE_HIGH_BYTES);
    assert_true(stage_front(stage)->input.capacity <= 2 * BODY_PIPE_HIGH_BYTES);
    player_close(&client);
    player_close(&endpoint);
    free(block);
}

static void a_large_upload_arrives_whole(void **state)
{
    enum { LENGTH = 5 * 1000 * 1000 };
    struct stage *stage = *state;
    struct player client = stage_connect(stage);
    char *body = memory_allocate(LENGTH);
    for (int i = 0; i < LENGTH; i++)
        body[i] = (char)('a' + (i / 7 + i) % 26);
    player_send(&client, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5000000\r\n\r\n");
    struct player endpoint = stage_accept(stage, 0);
    player_expect(&endpoint, "\r\n\r\n");

    size_t sent = 0;
    while (sent < LENGTH || endpoint.received.length < LENGTH) {
        sent += player_send_some(&client, body + sent, LENGTH - sent);
        stage_turn(stage);
        player_read(&endpoint);
    }

    assert_memory_equal(endpoint.received.at, body, LENGTH);
    player_close(&client);
    player_close(&endpoint);
    free(body);
}

int main(void)
{
#define ON_STAGE(test)                                                                             \
    cmocka_unit_test_setup_teardown(test, stage_set_up_and_start, stage_tear_down)
#define ON_OWN_STAGE(test) cmocka_unit_test_setup_teardown(test, stage_set_up, stage_tear_down)
    const struct CMUnitTest tests[] = {
        ON_STAGE(a_body_of_known_length_is_forwarded_as_it_comes),
        ON_STAGE(a_chunked_body_is_framed_anew_with_its_trailers),
        ON_STAGE(continue_is_said_once_when_the_endpoint_reads),
        ON_OWN_STAGE(continue_is_not_said_when_nobody_will_read),
        ON_OWN_STAGE(an_announced_body_over_the_limit_is_refused_unread),
        ON_OWN_STAGE(a_chunked_body_over_the_limit_is_refused_on_the_way),
        ON_STAGE(an_early_answer_arrives_while_the_client_still_sends),
        ON_STAGE(an_upload_to_a_slow_endpoint_takes_bounded_memory),
        ON_STAGE(a_large_upload_arrives_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
