/* What one client may have: so many headers, so many requests and so much time on a connection, so
 * much memory for bodies that may have to be sent again. */
#include "proxy/http/refusal_counts.h"
#include "proxy/metrics/prometheus.h"
#include "tests/unit/cmocka_all.h"
#include "tests/unit/proxy/http/stage.h"

#include <string.h>

#define GET "GET / HTTP/1.1\r\nHost: a\r\n\r\n"
#define PUT "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody"
#define OK "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

/* --- a connection's share -------------------------------------------------------------------- */

/* The endpoint that has served a client's first request. */
static struct player serve_first(struct player *client)
{
    player_send(client, GET);
    struct player endpoint = stage_accept(client->stage, 0);
    player_expect(&endpoint, "\r\n\r\n");
    player_send(&endpoint, OK);
    player_expect(client, "content-length: 2\r\n\r\nok");
    return endpoint;
}

static void expect_last_answer(struct player *client, struct player *endpoint)
{
    player_send(client, GET);
    player_expect(endpoint, "\r\n\r\n");
    player_send(endpoint, OK);
    player_expect(client, "connection: close\r\n\r\nok");
    player_finish_sending(client);
    player_expect_end(client);
    player_close(client);
    player_close(endpoint);
}

static void the_last_request_of_a_connection_is_answered_and_closes_it(void **state)
{
    struct stage *stage = *state;
    stage->shared.http.connection_max_requests = 2;
    stage_start(stage);
    struct player client = stage_connect(stage);
    struct player endpoint = serve_first(&client);

    expect_last_answer(&client, &endpoint);
}

static void what_is_sent_behind_the_last_request_reaches_nobody(void **state)
{
    struct stage *stage = *state;
    stage->shared.http.connection_max_requests = 1;
    stage_start(stage);
    struct player client = stage_connect(stage);
    player_send(&client, GET GET);
    struct player endpoint = stage_accept(stage, 0);
    player_expect(&endpoint, "\r\n\r\n");

    player_send(&endpoint, OK);

    player_expect(&client, "connection: close\r\n\r\nok");
    player_expect_nothing(&endpoint);
    player_finish_sending(&client);
    player_expect_end(&client);
    player_close(&client);
    player_close(&endpoint);
}

static void a_connection_past_its_age_ends_with_its_next_answer(void **state)
{
    struct stage *stage = *state;
    stage->shared.http.connection_max_age_ms = 1000;
    stage_start(stage);
    struct player client = stage_connect(stage);
    struct player endpoint = serve_first(&client);
    stage_advance(stage, 999);
    player_send(&client, GET);
    player_expect(&endpoint, "\r\n\r\n");
    player_send(&endpoint, OK);
    player_expect(&client, "content-length: 2\r\n\r\nok");

    stage_advance(stage, 1);

    expect_last_answer(&client, &endpoint);
}

/* --- a head's share -------------------------------------------------------------------------- */

static void expect_status(struct stage *stage, const char *request, const char *status)
{
    struct player client = stage_connect(stage);
    player_send(&client, request);
    player_expect(&client, status);
    player_close(&client);
}

/* A route for none of them: 404 is what becomes of a request that is fine. */
static void heads_have_the_limits_that_were_set(void **state)
{
    struct stage *stage = *state;
    stage->route.prefix = "/known";
    stage->shared.http.max_headers = 2;
    stage->shared.http.max_request_line_bytes = 16;
    stage->shared.http.max_head_bytes = 40;
    stage_start(stage);

    expect_status(stage, "GET /ab HTTP/1.1\r\nHost: a\r\nX: y\r\n\r\n", "HTTP/1.1 404");
    expect_status(stage, "GET /abc HTTP/1.1\r\nHost: a\r\nX: y\r\n\r\n", "HTTP/1.1 414");
    expect_status(stage, "GET /ab HTTP/1.1\r\nHost: a\r\nX:\r\nY:\r\n\r\n", "HTTP/1.1 431");
    expect_status(stage, "GET /ab HTTP/1.1\r\nHost: a\r\nX: 345678\r\n\r\n", "HTTP/1.1 404");
    expect_status(stage, "GET /ab HTTP/1.1\r\nHost: a\r\nX: 3456789\r\n\r\n", "HTTP/1.1 431");
}

static void what_is_refused_is_counted_by_its_rule(void **state)
{
    struct stage *stage = *state;
    struct buffer text = BUFFER_EMPTY;
    stage_start(stage);

    expect_status(stage, "GET / HTTP/1.1\nHost: a\r\n\r\n", "HTTP/1.1 400");
    expect_status(stage, "GET / HTTP/1.1\r\nHost: a\n\r\n", "HTTP/1.1 400");
    expect_status(stage, "GET /.. HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 400");
    struct player client = stage_connect(stage);
    player_send(&client, GET);
    struct player endpoint = stage_accept(stage, 0);
    player_expect(&endpoint, "\r\n\r\n");
    player_send(&endpoint, "HTTP/1.1 200 OK\r\nContent-Length: +2\r\n\r\nok");
    player_expect(&client, "HTTP/1.1 502");
    refusal_counts_write(&text, stage->counters);

    const char *page = buffer_string(&text);
    assert_non_null(strstr(page, "pointsman_broken_requests_total{rule=\"bare_lf\"} 2\n"));
    assert_non_null(strstr(page, "pointsman_broken_requests_total{rule=\"dot_segment\"} 1\n"));
    assert_non_null(strstr(page, "pointsman_broken_responses_total{rule=\"content_length\"} 1\n"));
    assert_null(strstr(page, "two_hosts"));
    assert_int_equal(counter_read(&stage->worker->counters->refused[DENIAL_BAD_REQUEST]), 3);
    buffer_clear(&text);
    player_close(&client);
    player_close(&endpoint);
}

/* --- bodies that are kept -------------------------------------------------------------------- */

/* The endpoint has read the whole request. */
static struct player send_whole(struct player *client, const char *request)
{
    player_send(client, request);
    struct player endpoint = stage_accept(client->stage, 0);
    player_expect(&endpoint, "\r\n\r\nbody");
    return endpoint;
}

static void start_with_retries(struct stage *stage, uint64_t max_replay_total_bytes)
{
    stage->route.has_retry = true;
    stage->route.retry_attempts = 1;
    stage->shared.http.max_replay_total_bytes = max_replay_total_bytes;
    stage_start(stage);
}

static void as_many_bodies_are_kept_as_all_requests_may_take(void **state)
{
    struct stage *stage = *state;
    start_with_retries(stage, 7);
    struct player kept = stage_connect(stage);
    struct player other = stage_connect(stage);
    struct player kept_endpoint = send_whole(&kept, PUT);
    struct player other_endpoint = send_whole(&other, PUT);
    assert_int_equal(stage->replay_bytes, 4);
    assert_int_equal(counter_read(&stage->worker->counters->replays_dropped), 1);

    player_reset(&other_endpoint);
    player_expect(&other, "HTTP/1.1 503");
    player_reset(&kept_endpoint);
    stage_advance(stage, 1000);

    struct player second = stage_accept(stage, 0);
    player_expect(&second, "\r\n\r\nbody");
    player_send(&second, OK);
    player_expect(&kept, "\r\n\r\nok");
    assert_int_equal(stage->replay_bytes, 0);
    player_close(&kept);
    player_close(&other);
    player_close(&second);
}

static void a_body_is_kept_when_it_just_fits(void **state)
{
    struct stage *stage = *state;
    start_with_retries(stage, 8);
    struct player first = stage_connect(stage);
    struct player second = stage_connect(stage);
    struct player first_endpoint = send_whole(&first, PUT);
    struct player second_endpoint = send_whole(&second, PUT);

    assert_int_equal(stage->replay_bytes, 8);
    assert_int_equal(counter_read(&stage->worker->counters->replays_dropped), 0);
    player_send(&first_endpoint, OK);
    player_expect(&first, "\r\n\r\nok");
    assert_int_equal(stage->replay_bytes, 4);
    player_reset(&second);
    player_expect_gone(&second_endpoint);
    assert_int_equal(stage->replay_bytes, 0);
    player_close(&first);
    player_close(&first_endpoint);
    player_close(&second_endpoint);
}

/* --- a reader that does not ------------------------------------------------------------------ */

static void a_client_that_does_not_read_is_counted_when_it_goes(void **state)
{
    struct stage *stage = *state;
    stage_start(stage);
    struct player client = stage_connect(stage);
    static char piece[64 * 1024];
    memset(piece, '.', sizeof(piece));
    player_send(&client, GET);
    struct player endpoint = stage_accept(stage, 0);
    player_expect(&endpoint, "\r\n\r\n");
    player_send(&endpoint, "HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n");
    for (int idle_turns = 0; idle_turns < 50;) {
        idle_turns = player_send_some(&endpoint, piece, sizeof(piece)) == 0 ? idle_turns + 1 : 0;
        stage_turn(stage);
    }

    stage_advance(stage, stage->shared.http.write_stall_timeout_ms - 1);
    assert_int_equal(counter_read(&stage->worker->counters->refused[DENIAL_WRITE_STALL]), 0);
    stage_advance(stage, 1);

    assert_int_equal(counter_read(&stage->worker->counters->refused[DENIAL_WRITE_STALL]), 1);
    player_expect_gone(&endpoint);
    player_close(&client);
    player_close(&endpoint);
}

int main(void)
{
#define ON_STAGE(name) cmocka_unit_test_setup_teardown(name, stage_set_up, stage_tear_down)
    const struct CMUnitTest tests[] = {
        ON_STAGE(the_last_request_of_a_connection_is_answered_and_closes_it),
        ON_STAGE(what_is_sent_behind_the_last_request_reaches_nobody),
        ON_STAGE(a_connection_past_its_age_ends_with_its_next_answer),
        ON_STAGE(heads_have_the_limits_that_were_set),
        ON_STAGE(what_is_refused_is_counted_by_its_rule),
        ON_STAGE(as_many_bodies_are_kept_as_all_requests_may_take),
        ON_STAGE(a_body_is_kept_when_it_just_fits),
        ON_STAGE(a_client_that_does_not_read_is_counted_when_it_goes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
