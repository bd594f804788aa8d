/* Connections of HTTP/2 to endpoints: how many there are, who shares them, how they end. */
#include "common/buffer.h"
#include "tests/unit/cmocka_all.h"
#include "tests/unit/proxy/http/http2_endpoint.h"

#include <stdlib.h>
#include <string.h>

enum { REFUSED_STREAM = 7, CANCEL = 8, MANY = 120 };

/* What the proxy itself puts on one connection. */
enum { STREAMS_MAX = 100 };

static int set_up(void **state)
{
    struct stage *stage = stage_new();
    stage->route.app_protocol = "h2c";
    *state = stage;
    return 0;
}

static const char get[] = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
static const char post[] = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi";

#define OK_FIELDS ":status: 200\n"
#define OK "HTTP/1.1 200 OK\r\n" STAGE_DATE "content-length: 0\r\n\r\n"

static struct player ask(struct stage *stage, const char *request)
{
    struct player client = stage_connect(stage);
    player_send(&client, request);
    return client;
}

static struct http2_endpoint accept_limited(struct stage *stage, uint32_t streams)
{
    return http2_endpoint_accept_saying(stage, 0, HTTP2_SETTING_MAX_CONCURRENT_STREAMS, streams);
}

static void answer(struct player *client, struct http2_endpoint *endpoint, uint32_t stream)
{
    http2_endpoint_send_head(endpoint, stream, true, OK_FIELDS);
    player_expect(client, OK);
}

static uint64_t opened(const struct stage *stage)
{
    return counter_read(&stage->worker->counters->upstream_connections_opened);
}

static uint64_t open_now(const struct stage *stage)
{
    return opened(stage) - counter_read(&stage->worker->counters->upstream_connections_closed);
}

/* --- sharing --------------------------------------------------------------------------------- */

static void requests_at_a_time_share_a_connection(void **state)
{
    struct stage *stage = *state;
    stage_start(stage);
    struct player clients[10];
    for (int i = 0; i < 10; i++)
        clients[i] = ask(stage, get);

    struct http2_endpoint endpoint = http2_endpoint_accept(stage, 0);
    uint32_t streams[10];
    for (int i = 0; i < 10; i++)
        streams[i] = http2_endpoint_expect_head(&endpoint);
    for (int i = 0; i < 10; i++)
        http2_endpoint_send_head(&endpoint, streams[9 - i], true, OK_FIELDS);

    for (int i = 0; i < 10; i++) {
        player_expect(&clients[i], OK);
        player_close(&clients[i]);
    }
    assert_int_equal(opened(stage), 1);
    http2_endpoint_close(&endpoint);
}

static void a_connection_serves_one_request_after_the_other(void **state)
{
    struct stage *stage = *state;
    stage_start(stage);
    struct player client = ask(stage, get);
    struct http2_endpoint endpoint = http2_endpoint_accept(stage, 0);
    for (int i = 0; i < 5; i++) {
        if (i > 0)
            player_send(&client, get);
        assert_int_equal(http2_endpoint_expect_head(&endpoint), 2 * i + 1);
        answer(&client, &endpoint, endpoint.stream);
    }
    assert_int_equal(opened(stage), 1);
    assert_int_equal(counter_read(&stage->worker->counters->upstream_connections_reused), 4);
    player_close(&client);
    http2_endpoint_close(&endpoint);
}

static void a_full_connection_gets_company(void **state)
{
    struct stage *stage = *state;
    stage_start(stage);
    struct player clients[3];
    clients[0] = ask(stage, get);
    struct http2_endpoint first = accept_limited(stage, 1);
    http2_endpoint_expect_head(&first);
    http2_endpoint_expect(&first,
                          HTTP2_FRAME_SETTINGS); /* ours has been read, and is acknowledged */
    while (!(first.flags & HTTP2_FLAG_ACK))
        http2_endpoint_expect(&first, HTTP2_FRAME_SETTINGS);

    clients[1] = ask(stage, get);
    struct http2_endpoint second = accept_limited(stage, 1);

    assert_int_equal(http2_endpoint_expect_head(&second), 1);
    assert_int_equal(open_now(stage), 2);
    /* and whoever has room gets the next */
    answer(&clients[0], &first, 1);
    clients[2] = ask(stage, get);
    assert_int_equal(http2_endpoint_expect_head(&first), 3);
    assert_int_equal(opened(stage), 2);
    for (int i = 0; i < 3; i++)
        player_close(&clients[i]);
    http2_endpoint_close(&first);
    http2_endpoint_close(&second);
}

/* Before it has said so itself: what is beyond it would only be refused. */
static void company_is_expected_to_allow_as_much(void **state)
{
    struct stage *stage = *state;
    stage_start(stage);
    struct player clients[3];
    clients[0] = ask(stage, get);
    struct http2_endpoint first = accept_limited(stage, 1);
    http2_endpoint_expect_head(&first);
    stage_advance(stage, 1);

    clients[1] = ask(stage, get);
    clients[2] = ask(stage, get);
    struct http2_endpoint second = accept_limited(stage, 1);
    struct http2_endpoint third = accept_limited(stage, 1);

    answer(&clients[1], &second, http2_endpoint_expect_head(&second));
    answer(&clients[2], &third, http2_endpoint_expect_head(&third));
    assert_int_equal(opened(stage), 3);
    for (int i = 0; i < 3; i++)
        player_close(&clients[i]);
    http2_endpoint_close(&first);
    http2_endpoint_close(&second);
    http2_endpoint_close(&third);
}

static void a_burst_opens_few_connections_and_fills_them_alike(void **state)
{
    struct stage *stage = *state;
    stage_start(stage);
    struct player clients[MANY];
    for (int i = 0; i < MANY; i++)
        clients[i] = ask(stage, get);

    struct http2_endpoint first = http2_endpoint_accept(stage, 0);
    struct http2_endpoint second = http2_endpoint_accept(stage, 0);
    for (int i = 0; i < MANY - STREAMS_MAX; i++)
        http2_endpoint_expect_head(&second);
    for (int i = 0; i < STREAMS_MAX; i++) {
        http2_endpoint_expect_head(&first);
        http2_endpoint_send_head(&first, first.stream, true, OK_FIELDS);
    }
    assert_int_equal(opened(stage), 2);

    /* The one with fewer gets the next. */
    stage_advance(stage, 1);
    struct player next = ask(stage, get);
    http2_endpoint_expect_head(&first);
    for (int i = 0; i < MANY; i++)
        player_close(&clients[i]);
    player_close(&next);
    http2_endpoint_close(&first);
    http2_endpoint_close(&second);
}

static void an_endpoint_that_allows_no_stream_gets_no_more_connections(void **state)
{
    struct stage *stage = *state;
    stage_start(stage);
    struct player client = ask(stage, get);
    struct http2_endpoint endpoint = accept_limited(stage, 0);
    http2_endpoint_expect_head(&endpoint); /* left before the limit was known */
    stage_advance(stage, 1);
    answer(&client, &endpoint, 1);

    struct player waiting = ask(stage, get);
    assert_false(stage_has_connection(stage, 0));
    assert_int_equal(opened(stage), 1);

    struct buffer frames = BUFFER_EMPTY;
    http2_put_setting(&frames, HTTP2_SETTING_MAX_CONCURRENT_STREAMS, 1);
    http2_endpoint_send(&endpoint, &frames);
    for (int i = 0; i < 10; i++)
        stage_advance(stage, 20);
    answer(&waiting, &endpoint, http2_endpoint_expect_head(&endpoint));
    player_close(&client);
    player_close(&waiting);
    http2_endpoint_close(&endpoint);
}

/* --- limits ---------------------------------------------------------------------------------- */

static void requests_beyond_the_limit_of_connections_wait(void **state)
{
    struct stage *stage = *state;
    stage->route.limits.max_connections = 1;
    stage_start(stage);
    struct player first = ask(stage, get);
    struct http2_endpoint endpoint = accept_limited(stage, 1);
    http2_endpoint_expect_head(&endpoint);
    stage_advance(stage, 1);

    struct player second = ask(stage, get);
    assert_false(stage_has_connection(stage, 0));
    answer(&first, &endpoint, 1);
    stage_advance(stage, 1);

    answer(&second, &endpoint, http2_endpoint_expect_head(&endpoint));
    assert_int_equal(opened(stage), 1);
    player_close(&first);
    player_close(&second);
    http2_endpoint_close(&endpoint);
}

static void requests_beyond_the_limit_of_requests_wait(void **state)
{
    struct stage *stage = *state;
    stage->route.limits.max_requests = 1;
    stage_start(stage);
    struct player first = ask(stage, get);
    struct http2_endpoint endpoint = http2_endpoint_accept(stage, 0);
    http2_endpoint_expect_head(&endpoint);

    struct player second = ask(stage, get);
    player_expect_nothing(&second);
    answer(&first, &endpoint, 1);
    stage_advance(stage, 1);

    answer(&second, &endpoint, http2_endpoint_expect_head(&endpoint));
    player_close(&first);
    player_close(&second);
    http2_endpoint_close(&endpoint);
}

/* --- endings --------------------------------------------------------------------------------- */

static void an_unused_connection_goes_after_a_while(void **state)
{
    struct stage *stage = *state;
    stage->shared.http.pool_idle_timeout_ms = 5000;
    stage_start(stage);
    struct player client = ask(stage, get);
    struct http2_endpoint endpoint = http2_endpoint_accept(stage, 0);
    http2_endpoint_expect_head(&endpoint);
    stage_advance(stage, 6000); /* in use: that does not count */
    answer(&client, &endpoint, 1);

    stage_advance(stage, 4000);
    assert_int_equal(open_now(stage), 1);
    stage_advance(stage, 1001);

    assert_int_equal(open_now(stage), 0);
    player_close(&client);
    http2_endpoint_close(&endpoint);
}

static void an_old_connection_takes_no_more_and_finishes_what_it_has(void **state)
{
    struct stage *stage = *state;
    stage->shared.http.pool_max_age_ms = 5000;
    stage_start(stage);
    struct player old = ask(stage, get);
    struct http2_endpoint first = http2_endpoint_accept(stage, 0);
    http2_endpoint_expect_head(&first);
    stage_advance(stage, 5000);

    struct player young = ask(stage, get);
    struct http2_endpoint second = http2_endpoint_accept(stage, 0);
    answer(&young, &second, http2_endpoint_expect_head(&second));
    assert_int_equal(open_now(stage), 2);
    answer(&old, &first, 1);
    stage_advance(stage, 1);

    assert_int_equal(open_now(stage), 1);
    player_close(&old);
    player_close(&young);
    http2_endpoint_close(&first);
    http2_endpoint_close(&second);
}

static void what_goaway_leaves_out_is_sent_again_and_the_rest_finishes(void **state)
{
    struct stage *stage = *state;
    stage_start(stage);
    struct player done = ask(stage, get);
    struct http2_endpoint first = http2_endpoint_accept(stage, 0);
    http2_endpoint_expect_head(&first);
    struct player left_out = ask(stage, post);
    assert_int_equal(http2_endpoint_expect_head(&first), 3);
    http2_endpoint_expect_data(&first, 3, "hi", true);

    http2_endpoint_send_goaway(&first, 1);

    struct http2_endpoint second = http2_endpoint_accept(stage, 0);
    assert_int_equal(http2_endpoint_expect_head(&second), 1);
    http2_endpoint_expect_data(&second, 1, "hi", true);
    answer(&left_out, &second, 1);
    answer(&done, &first, 1);
    stage_advance(stage, 1);
    assert_int_equal(open_now(stage), 1);
    player_close(&done);
    player_close(&left_out);
    http2_endpoint_close(&first);
    http2_endpoint_close(&second);
}

static void an_idle_connection_that_says_goaway_is_not_used(void **state)
{
    struct stage *stage = *state;
    stage_start(stage);
    struct player client = ask(stage, get);
    struct http2_endpoint first = http2_endpoint_accept(stage, 0);
    answer(&client, &first, http2_endpoint_expect_head(&first));

    http2_endpoint_send_goaway(&first, 1);
    stage_advance(stage, 1);
    assert_int_equal(open_now(stage), 0);

    player_send(&client, get);
    struct http2_endpoint second = http2_endpoint_accept(stage, 0);
    answer(&client, &second, http2_endpoint_expect_head(&second));
    player_close(&client);
    http2_endpoint_close(&first);
    http2_endpoint_close(&second);
}

static void a_refused_stream_is_sent_again_whatever_it_is(void **state)
{
    struct stage *stage = *state;
    stage_start(stage);
    struct player client = ask(stage, post);
    struct http2_endpoint endpoint = http2_endpoint_accept(stage, 0);
    http2_endpoint_expect_head(&endpoint);
    http2_endpoint_expect_data(&endpoint, 1, "hi", true);

    http2_endpoint_send_reset(&endpoint, 1, REFUSED_STREAM);

    assert_int_equal(http2_endpoint_expect_head(&endpoint), 3);
    http2_endpoint_expect_data(&endpoint, 3, "hi", true);
    answer(&client, &endpoint, 3);
    player_close(&client);
    http2_endpoint_close(&endpoint);
}

static void a_stream_that_is_refused_again_and_again_fails(void **state)
{
    struct stage *stage = *state;
    stage_start(stage);
    struct player client = ask(stage, post);
    struct http2_endpoint endpoint = http2_endpoint_accept(stage, 0);
    for (uint32_t stream = 1; stream <= 3; stream += 2) {
        assert_int_equal(http2_endpoint_expect_head(&endpoint), stream);
        http2_endpoint_expect_data(&endpoint, stream, "hi", true);
        http2_endpoint_send_reset(&endpoint, stream, REFUSED_STREAM);
    }

    player_expect(&client, "HTTP/1.1 503 Service Unavailable\r\n");
    player_close(&client);
    http2_endpoint_close(&endpoint);
}

static void a_connection_that_died_unseen_is_given_up(void **state)
{
    struct stage *stage = *state;
    stage->route.try_timeout_ms = 6000;
    stage_start(stage);
    struct player client = ask(stage, get);
    struct http2_endpoint dead = http2_endpoint_accept(stage, 0);
    http2_endpoint_expect_head(&dead);
    stage_advance(stage, 1); /* the SETTINGS have been read */
    stage_advance(stage, 6000);
    player_expect(&client, "HTTP/1.1 504 Gateway Timeout\r\n");

    struct player next = ask(stage, get);
    struct http2_endpoint alive = http2_endpoint_accept(stage, 0);
    answer(&next, &alive, http2_endpoint_expect_head(&alive));
    player_close(&client);
    player_close(&next);
    http2_endpoint_close(&dead);
    http2_endpoint_close(&alive);
}

static void a_connection_that_lives_is_kept_when_one_request_is_slow(void **state)
{
    struct stage *stage = *state;
    stage->route.try_timeout_ms = 6000;
    stage_start(stage);
    struct player slow = ask(stage, get);
    struct http2_endpoint endpoint = http2_endpoint_accept(stage, 0);
    http2_endpoint_expect_head(&endpoint);
    stage_advance(stage, 4000);
    struct player quick = ask(stage, get);
    answer(&quick, &endpoint, http2_endpoint_expect_head(&endpoint));
    stage_advance(stage, 2001);
    player_expect(&slow, "HTTP/1.1 504 Gateway Timeout\r\n");
    http2_endpoint_expect_reset(&endpoint, 1, CANCEL);

    player_send(&quick, get);
    answer(&quick, &endpoint, http2_endpoint_expect_head(&endpoint));
    assert_int_equal(opened(stage), 1);
    player_close(&slow);
    player_close(&quick);
    http2_endpoint_close(&endpoint);
}

static void draining_lets_what_runs_finish(void **state)
{
    struct stage *stage = *state;
    stage_start(stage);
    struct player client = ask(stage, get);
    struct http2_endpoint endpoint = http2_endpoint_accept(stage, 0);
    http2_endpoint_expect_head(&endpoint);

    worker_drain(stage->worker, stage->now_ms + 60000, false);
    stage_advance(stage, 1);
    http2_endpoint_send_head(&endpoint, 1, true, OK_FIELDS);
    player_expect(&client, "HTTP/1.1 200 OK\r\n" STAGE_DATE
                           "content-length: 0\r\nconnection: close\r\n\r\n");
    player_expect_end(&client);
    stage_advance(stage, 1);

    assert_int_equal(open_now(stage), 0);
    player_close(&client);
    http2_endpoint_close(&endpoint);
}

static void copies_go_over_http2_too(void **state)
{
    struct stage *stage = *state;
    stage->route.mirror_port = stage->endpoint_ports[1];
    stage->route.filters = "mirror:mirror";
    stage_start(stage);
    struct player client = ask(stage, post);
    struct http2_endpoint service = http2_endpoint_accept(stage, 0);
    struct http2_endpoint shadow = http2_endpoint_accept(stage, 1);
    http2_endpoint_expect_head(&service);
    http2_endpoint_expect_head(&shadow);
    http2_endpoint_expect_data(&service, 1, "hi", true);
    http2_endpoint_expect_data(&shadow, 1, "hi", true);

    http2_endpoint_send_head(&shadow, 1, true, ":status: 500\n");
    answer(&client, &service, 1);

    stage_advance(stage, 1);
    assert_int_equal(stage->worker->mirror_count, 0);
    player_close(&client);
    http2_endpoint_close(&service);
    http2_endpoint_close(&shadow);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, stage_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(requests_at_a_time_share_a_connection),
        TEST(a_connection_serves_one_request_after_the_other),
        TEST(a_full_connection_gets_company),
        TEST(company_is_expected_to_allow_as_much),
        TEST(a_burst_opens_few_connections_and_fills_them_alike),
        TEST(an_endpoint_that_allows_no_stream_gets_no_more_connections),
        TEST(requests_beyond_the_limit_of_connections_wait),
        TEST(requests_beyond_the_limit_of_requests_wait),
        TEST(an_unused_connection_goes_after_a_while),
        TEST(an_old_connection_takes_no_more_and_finishes_what_it_has),
        TEST(what_goaway_leaves_out_is_sent_again_and_the_rest_finishes),
        TEST(an_idle_connection_that_says_goaway_is_not_used),
        TEST(a_refused_stream_is_sent_again_whatever_it_is),
        TEST(a_stream_that_is_refused_again_and_again_fails),
        TEST(a_connection_that_died_unseen_is_given_up),
        TEST(a_connection_that_lives_is_kept_when_one_request_is_slow),
        TEST(copies_go_over_http2_too),
        TEST(draining_lets_what_runs_finish),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
