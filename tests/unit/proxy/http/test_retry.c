#include "proxy/metrics/backend_metrics.h"
#include "proxy/metrics/prometheus.h"
#include "tests/unit/cmocka_all.h"
#include "tests/unit/proxy/http/stage.h"

#include <string.h>

static const char get[] = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
static const char post[] = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody";
static const char ok[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
static const char busy[] = "HTTP/1.1 503 Busy\r\nContent-Length: 4\r\n\r\nbusy";

enum { BACKOFF_MS = 100 };

/* A stanza with one retry, on 503 among others. Two endpoints, taken in turn. */
static int set_up(void **state)
{
    struct stage *stage = stage_new();
    stage->endpoint_count = 2;
    stage->route.has_retry = true;
    stage->route.retry_attempts = 1;
    stage->route.retry_code = 503;
    stage->route.retry_backoff_ms = BACKOFF_MS;
    *state = stage;
    return 0;
}

/* The endpoint that gets `request`, which is its first, has read its head. */
static struct player forward(struct player *client, const char *request, size_t index)
{
    player_send(client, request);
    struct player endpoint = stage_accept(client->stage, index);
    player_expect(&endpoint, "\r\n\r\n");
    return endpoint;
}

/* The longest the first pause can be. */
static void pass_backoff(struct stage *stage)
{
    stage_advance(stage, BACKOFF_MS * 3 / 2 + 1);
}

static void leave(struct player *client, struct player *first, struct player *second)
{
    player_close(client);
    player_close(first);
    player_close(second);
}

static bool metrics_have(struct stage *stage, const char *line)
{
    struct buffer text = BUFFER_EMPTY;
    struct prometheus_facts facts = {0};
    prometheus_write(&text, stage->counters, &facts);
    bool has = strstr(buffer_string(&text), line) != NULL;
    buffer_clear(&text);
    return has;
}

/* --- what is repeated ------------------------------------------------------------------------ */

static void an_answer_of_a_named_code_is_repeated_elsewhere(void **state)
{
    struct stage *stage = *state;
    stage_start(stage);
    struct player client = stage_connect(stage);
    struct player first = forward(&client, post, 0);
    player_expect(&first, "body");

    player_send(&first, busy);
    player_expect_nothing(&client);
    pass_backoff(stage);
    struct player second = stage_accept(stage, 1);
    player_expect(&second, "POST / HTTP/1.1\r\n");
    player_expect(&second, "\r\n\r\nbody");
    player_send(&second, ok);

    player_expect(&client, "HTTP/1.1 200 OK\r\n" STAGE_DATE "content-length: 2\r\n\r\nok");
    player_expect_nothing(&client);
    assert_true(metrics_have(
        stage, "pointsman_upstream_retries_total{backend=\"service\",kind=\"status\"} 1"));
    leave(&client, &first, &second);
}

static void an_answer_still_on_its_way_is_given_up(void **state)
{
    struct stage *stage = *state;
    stage_start(stage);
    struct player client = stage_connect(stage);
    struct player first = forward(&client, get, 0);

    player_send(&first, "HTTP/1.1 503 Busy\r\nContent-Length: 1000\r\n\r\nbusy");
    player_expect_gone(&first);
    pass_backoff(stage);
    struct player second = stage_accept(stage, 1);
    player_send(&second, ok);

    player_expect(&client, "HTTP/1.1 200 OK\r\n" STAGE_DATE "content-length: 2\r\n\r\nok");
    leave(&client, &first, &second);
}

static void the_last_answer_is_passed_on(void **state)
{
    struct stage *stage = *state;
    stage_start(stage);
    struct player client = stage_connect(stage);
    struct player first = forward(&client, get, 0);
    player_send(&first, busy);
    pass_backoff(stage);
    struct player second = stage_accept(stage, 1);

    player_send(&second, busy);

    player_expect(&client, "HTTP/1.1 503 Busy\r\n" STAGE_DATE "content-length: 4\r\n\r\nbusy");
    assert_false(stage_has_connection(stage, 0));
    leave(&client, &first, &second);
}

static void another_code_is_passed_on_at_once(void **state)
{
    struct stage *stage = *state;
    stage_start(stage);
    struct player client = stage_connect(stage);
    struct player first = forward(&client, get, 0);

    player_send(&first, "HTTP/1.1 500 Broken\r\nContent-Length: 0\r\n\r\n");

    player_expect(&client, "HTTP/1.1 500 Broken\r\n" STAGE_DATE "content-length: 0\r\n\r\n");
    player_close(&client);
    player_close(&first);
}

static void a_reset_is_repeated_also_without_codes(void **state)
{
    struct stage *stage = *state;
    stage->route.retry_code = 0;
    stage_start(stage);
    struct player client = stage_connect(stage);
    struct player first = forward(&client, post, 0);

    player_reset(&first);
    for (int i = 0; i < 20; i++)
        stage_turn(stage);
    pass_backoff(stage);
    struct player second = stage_accept(stage, 1);
    player_expect(&second, "\r\n\r\nbody");
    player_send(&second, ok);

    player_expect(&client, "\r\n\r\nok");
    player_close(&client);
    player_close(&second);
}

static void a_try_over_its_time_is_repeated(void **state)
{
    struct stage *stage = *state;
    stage->route.try_timeout_ms = 300;
    stage_start(stage);
    struct player client = stage_connect(stage);
    struct player first = forward(&client, get, 0);

    stage_advance(stage, 301);
    player_expect_gone(&first);
    pass_backoff(stage);
    struct player second = stage_accept(stage, 1);
    player_expect(&second, "\r\n\r\n");
    player_send(&second, ok);

    player_expect(&client, "\r\n\r\nok");
    leave(&client, &first, &second);
}

static void every_try_over_its_time_is_a_504(void **state)
{
    struct stage *stage = *state;
    stage->route.try_timeout_ms = 300;
    stage_start(stage);
    struct player client = stage_connect(stage);
    struct player first = forward(&client, get, 0);

    stage_advance(stage, 301);
    pass_backoff(stage);
    struct player second = stage_accept(stage, 1);
    player_expect(&second, "\r\n\r\n");
    stage_advance(stage, 301);

    player_expect(&client, "HTTP/1.1 504 Gateway Timeout\r\n");
    leave(&client, &first, &second);
}

static void refused_connections_are_repeated_as_often_as_allowed(void **state)
{
    struct stage *stage = *state;
    stage->endpoint_count = 1;
    stage->route.retry_attempts = 2;
    stage_start(stage);
    stage_stop_endpoint(stage, 0);
    struct player client = stage_connect(stage);

    player_send(&client, get);
    player_expect_nothing(&client);
    pass_backoff(stage);
    player_expect_nothing(&client);
    stage_advance(stage, BACKOFF_MS * 3 + 1);

    player_expect(&client, "HTTP/1.1 503 Service Unavailable\r\n");
    assert_true(metrics_have(
        stage, "pointsman_upstream_retries_total{backend=\"service\",kind=\"connect\"} 2"));
    player_close(&client);
}

/* The service may have read what came over a connection that was open before: of two attempts, that
 * is the first, after its pause. */
static void a_stale_connection_is_one_of_the_attempts(void **state)
{
    struct stage *stage = *state;
    stage->endpoint_count = 1;
    stage->route.retry_attempts = 2;
    stage_start(stage);
    struct player client = stage_connect(stage);
    struct player first = forward(&client, get, 0);
    player_send(&first, ok);
    player_expect(&client, "\r\n\r\nok");
    player_send(&client, get);
    player_expect(&first, "\r\n\r\n");

    player_close(&first);
    player_expect_nothing(&client);
    assert_false(stage_has_connection(stage, 0));
    pass_backoff(stage);
    struct player second = stage_accept(stage, 0);
    player_expect(&second, "\r\n\r\n");
    player_close(&second);
    player_expect_nothing(&client);
    stage_advance(stage, BACKOFF_MS * 3 + 1);
    struct player third = stage_accept(stage, 0);
    player_expect(&third, "\r\n\r\n");
    player_close(&third);

    player_expect(&client, "HTTP/1.1 503 Service Unavailable\r\n");
    assert_false(stage_has_connection(stage, 0));
    player_close(&client);
}

/* --- what is not ----------------------------------------------------------------------------- */

static void an_answer_that_is_not_http_is_not_repeated(void **state)
{
    struct stage *stage = *state;
    stage_start(stage);
    struct player client = stage_connect(stage);
    struct player first = forward(&client, get, 0);

    player_send(&first, "SSH-2.0-OpenSSH\r\n");

    player_expect(&client, "HTTP/1.1 502 Bad Gateway\r\n");
    player_close(&client);
    player_close(&first);
}

static void no_attempts_are_none(void **state)
{
    struct stage *stage = *state;
    stage->route.retry_attempts = 0;
    stage_start(stage);
    struct player client = stage_connect(stage);
    struct player first = forward(&client, get, 0);

    player_send(&first, busy);

    player_expect(&client, "HTTP/1.1 503 Busy\r\n");
    player_close(&client);
    player_close(&first);
}

static void a_body_too_large_to_keep_is_not_repeated(void **state)
{
    struct stage *stage = *state;
    stage->shared.http.max_replay_bytes = 3;
    stage_start(stage);
    struct player client = stage_connect(stage);
    struct player first = forward(&client, post, 0);
    player_expect(&first, "body");

    player_send(&first, busy);

    player_expect(&client, "HTTP/1.1 503 Busy\r\n");
    player_close(&client);
    player_close(&first);
}

static void a_response_that_has_begun_is_not_repeated(void **state)
{
    struct stage *stage = *state;
    stage_start(stage);
    struct player client = stage_connect(stage);
    struct player first = forward(&client, get, 0);
    player_send(&first, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc");
    player_expect(&client, "\r\n\r\nabc");

    player_reset(&first);

    player_expect_end(&client);
    assert_false(stage_has_connection(stage, 1));
    player_close(&client);
}

/* --- time ------------------------------------------------------------------------------------ */

static void the_pause_has_a_minimum_and_grows(void **state)
{
    struct stage *stage = *state;
    stage->route.retry_attempts = 2;
    stage_start(stage);
    struct player client = stage_connect(stage);
    struct player first = forward(&client, get, 0);

    player_send(&first, busy);
    player_expect_nothing(&client);
    stage_advance(stage, BACKOFF_MS - 1);
    assert_false(stage_has_connection(stage, 1));
    stage_advance(stage, BACKOFF_MS / 2 + 2);
    struct player second = stage_accept(stage, 1);
    player_send(&second, busy);
    player_expect_nothing(&client);
    stage_advance(stage, BACKOFF_MS * 2 - 1);
    player_expect_nothing(&first);
    stage_advance(stage, BACKOFF_MS + 2);

    player_expect(&first, "\r\n\r\n");
    player_send(&first, ok);
    player_expect(&client, "\r\n\r\nok");
    leave(&client, &first, &second);
}

static void a_request_over_its_time_in_a_pause_is_a_504(void **state)
{
    struct stage *stage = *state;
    stage->route.request_timeout_ms = 500;
    stage->route.retry_backoff_ms = 10 * 1000;
    stage_start(stage);
    struct player client = stage_connect(stage);
    struct player first = forward(&client, get, 0);
    player_send(&first, busy);
    player_expect_nothing(&client);

    stage_advance(stage, 501);

    player_expect(&client, "HTTP/1.1 504 Gateway Timeout\r\n");
    stage_advance(stage, 20 * 1000);
    assert_false(stage_has_connection(stage, 1));
    player_close(&client);
    player_close(&first);
}

static void a_client_that_leaves_in_a_pause_ends_it(void **state)
{
    struct stage *stage = *state;
    stage_start(stage);
    struct player client = stage_connect(stage);
    struct player first = forward(&client, get, 0);
    player_send(&first, busy);
    player_expect_nothing(&client);

    player_reset(&client);
    for (int i = 0; i < 20; i++)
        stage_turn(stage);
    pass_backoff(stage);

    assert_int_equal(stage->worker->connection_count, 0);
    assert_false(stage_has_connection(stage, 1));
    player_close(&first);
}

/* That it sends no more does not mean that it does not wait. */
static void a_client_that_closed_its_side_in_a_pause_is_tried_for(void **state)
{
    struct stage *stage = *state;
    stage_start(stage);
    struct player client = stage_connect(stage);
    struct player first = forward(&client, get, 0);
    player_send(&first, busy);
    player_expect_nothing(&client);

    stage_finish_sending(stage, &client);
    pass_backoff(stage);

    struct player second = stage_accept(stage, 1);
    player_expect(&second, "\r\n\r\n");
    player_send(&second, ok);
    player_expect(&client, "\r\n\r\nok");
    player_expect_end(&client);
    leave(&client, &first, &second);
}

static void a_client_that_closed_its_side_and_left_is_not_tried_for(void **state)
{
    struct stage *stage = *state;
    stage_start(stage);
    struct player client = stage_connect(stage);
    struct player first = forward(&client, get, 0);
    player_send(&first, busy);
    player_expect_nothing(&client);

    stage_finish_sending(stage, &client);
    player_reset(&client);
    pass_backoff(stage);

    assert_false(stage_has_connection(stage, 1));
    assert_int_equal(stage->worker->connection_count, 0);
    assert_false(metrics_have(stage, "\npointsman_upstream_retries_total{"));
    player_close(&first);
}

static void an_upload_that_times_out_in_a_pause_ends_it(void **state)
{
    struct stage *stage = *state;
    stage->route.retry_backoff_ms = 100 * 1000;
    stage->shared.http.upload_timeout_ms = 1000;
    stage_start(stage);
    struct player client = stage_connect(stage);
    struct player first =
        forward(&client, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nhalf", 0);
    player_send(&first, busy);
    player_expect_nothing(&client);

    stage_advance(stage, 1001);

    player_expect(&client, "HTTP/1.1 408 Request Timeout\r\n");
    stage_advance(stage, 200 * 1000);
    assert_false(stage_has_connection(stage, 1));
    player_close(&client);
    player_close(&first);
}

static void a_body_that_comes_in_a_pause_is_sent_whole(void **state)
{
    struct stage *stage = *state;
    stage_start(stage);
    struct player client = stage_connect(stage);
    struct player first =
        forward(&client, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 8\r\n\r\nhalf", 0);
    player_expect(&first, "half");
    player_send(&first, "HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n");
    player_expect_nothing(&client);

    player_send(&client, "more");
    pass_backoff(stage);
    struct player second = stage_accept(stage, 1);

    player_expect(&second, "content-length: 8\r\n\r\nhalfmore");
    player_send(&second, ok);
    player_expect(&client, "\r\n\r\nok");
    leave(&client, &first, &second);
}

/* --- the budget ------------------------------------------------------------------------------ */

static void only_so_many_of_the_requests_are_repeated(void **state)
{
    enum { CLIENTS = 41, GRANTED = 40 }; /* a fifth of 41, and 32 */
    struct stage *stage = *state;
    stage->endpoint_count = 1;
    stage_start(stage);
    struct player clients[CLIENTS];
    struct player endpoints[CLIENTS];
    for (int i = 0; i < CLIENTS; i++) {
        clients[i] = stage_connect(stage);
        endpoints[i] = forward(&clients[i], get, 0);
    }

    for (int i = 0; i < GRANTED; i++) {
        player_send(&endpoints[i], busy);
        player_expect_nothing(&clients[i]);
    }
    player_send(&endpoints[GRANTED], busy);

    player_expect(&clients[GRANTED], "HTTP/1.1 503 Busy\r\n");
    assert_true(
        metrics_have(stage, "pointsman_upstream_retries_denied_total{backend=\"service\"} 1"));
    assert_true(metrics_have(stage, "pointsman_backend_requests_running{backend=\"service\"} 40"));
    for (int i = 0; i < CLIENTS; i++) {
        player_close(&clients[i]);
        player_close(&endpoints[i]);
    }
}

static void requests_that_ended_leave_the_budget(void **state)
{
    struct stage *stage = *state;
    stage->endpoint_count = 1;
    stage_start(stage);
    struct player client = stage_connect(stage);
    struct player endpoint = forward(&client, get, 0);

    for (int i = 0; i < 8; i++) {
        if (i > 0) {
            player_send(&client, get);
            player_expect(&endpoint, "\r\n\r\n");
        }
        player_send(&endpoint, busy);
        player_expect_nothing(&client);
        pass_backoff(stage);
        player_expect(&endpoint, "\r\n\r\n");
        player_send(&endpoint, ok);
        player_expect(&client, "\r\n\r\nok");
    }

    assert_false(metrics_have(stage, "pointsman_upstream_retries_denied_total{"));
    assert_true(metrics_have(stage, "pointsman_backend_requests_running{backend=\"service\"} 0"));
    player_close(&client);
    player_close(&endpoint);
}

int main(void)
{
#define ON_OWN_STAGE(test) cmocka_unit_test_setup_teardown(test, set_up, stage_tear_down)
    const struct CMUnitTest tests[] = {
        ON_OWN_STAGE(an_answer_of_a_named_code_is_repeated_elsewhere),
        ON_OWN_STAGE(an_answer_still_on_its_way_is_given_up),
        ON_OWN_STAGE(the_last_answer_is_passed_on),
        ON_OWN_STAGE(another_code_is_passed_on_at_once),
        ON_OWN_STAGE(a_reset_is_repeated_also_without_codes),
        ON_OWN_STAGE(a_try_over_its_time_is_repeated),
        ON_OWN_STAGE(every_try_over_its_time_is_a_504),
        ON_OWN_STAGE(refused_connections_are_repeated_as_often_as_allowed),
        ON_OWN_STAGE(a_stale_connection_is_one_of_the_attempts),
        ON_OWN_STAGE(an_answer_that_is_not_http_is_not_repeated),
        ON_OWN_STAGE(no_attempts_are_none),
        ON_OWN_STAGE(a_body_too_large_to_keep_is_not_repeated),
        ON_OWN_STAGE(a_response_that_has_begun_is_not_repeated),
        ON_OWN_STAGE(the_pause_has_a_minimum_and_grows),
        ON_OWN_STAGE(a_request_over_its_time_in_a_pause_is_a_504),
        ON_OWN_STAGE(a_client_that_leaves_in_a_pause_ends_it),
        ON_OWN_STAGE(a_client_that_closed_its_side_in_a_pause_is_tried_for),
        ON_OWN_STAGE(a_client_that_closed_its_side_and_left_is_not_tried_for),
        ON_OWN_STAGE(an_upload_that_times_out_in_a_pause_ends_it),
        ON_OWN_STAGE(a_body_that_comes_in_a_pause_is_sent_whole),
        ON_OWN_STAGE(only_so_many_of_the_requests_are_repeated),
        ON_OWN_STAGE(requests_that_ended_leave_the_budget),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
