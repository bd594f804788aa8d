#include "tests/unit/cmocka_all.h"
#include "tests/unit/proxy/http/authorization_stage.h"

#include <stdlib.h>
#include <string.h>

/* --- failures -------------------------------------------------------------------------------- */

static void expect_failure(struct stage *stage, struct player *client, const char *status)
{
    player_expect(client, status);
    assert_false(stage_has_connection(stage, SERVICE));
    assert_int_equal(authorization_refused(stage, DENIAL_AUTHORIZATION_FAILED), 1);
}

/* FLT-AUTH-9 */
static void a_service_that_does_not_exist_allows_nothing(void **state)
{
    struct stage *stage = *state;
    stage->route.gate_port = 0;
    stage_start(stage);
    struct player client = stage_connect(stage);

    player_send(&client, authorization_get);

    expect_failure(stage, &client, "HTTP/1.1 500 ");
    player_expect(&client, "The route's authorization service does not exist.");
    player_close(&client);
}

/* FLT-AUTH-9 */
static void a_service_that_refuses_connections_allows_nothing(void **state)
{
    struct stage *stage = authorization_start(state, "auth:gate");
    stage_stop_endpoint(stage, GATE);
    struct player client = stage_connect(stage);

    player_send(&client, authorization_get);

    expect_failure(stage, &client, "HTTP/1.1 503 ");
    player_expect(&client, "The authorization service is not available.");
    player_close(&client);
}

/* FLT-AUTH-9 */
static void a_service_that_hangs_up_allows_nothing(void **state)
{
    struct stage *stage = authorization_start(state, "auth:gate");
    struct player client = stage_connect(stage);
    struct player gate = authorization_ask_about(stage, &client, authorization_get);

    player_close(&gate);

    expect_failure(stage, &client, "HTTP/1.1 503 ");
    player_close(&client);
}

/* FLT-AUTH-9 */
static void a_service_that_breaks_http_allows_nothing(void **state)
{
    static const char *const answers[] = {
        "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n",
        "HTTP/1.1 200 OK\nContent-Length: 0\n\n",
        "HTTP/1.1 200 OK\r\nX-User : kim\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n",
        "HTTP/1.1 2000 OK\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 +200 OK\r\nContent-Length: 0\r\n\r\n",
        "HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n",
        "200 OK\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    };
    struct stage *stage = authorization_start(state, "auth:gate");
    for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
        struct player client = stage_connect(stage);
        struct player gate = authorization_ask_about(stage, &client, authorization_get);

        player_send(&gate, answers[i]);

        player_expect(&client, "HTTP/1.1 502 ");
        assert_false(stage_has_connection(stage, SERVICE));
        assert_int_equal(authorization_refused(stage, DENIAL_AUTHORIZATION_FAILED), i + 1);
        players_close(&client, &gate);
    }
}

/* FLT-AUTH-9 */
static void a_service_that_is_silent_allows_nothing(void **state)
{
    struct stage *stage = authorization_start(state, "auth:gate");
    struct player client = stage_connect(stage);
    struct player gate = authorization_ask_about(stage, &client, authorization_get);

    stage_advance(stage, 61 * 1000);

    expect_failure(stage, &client, "HTTP/1.1 504 ");
    player_expect(&client, "The authorization service did not answer in time.");
    players_close(&client, &gate);
}

/* FLT-AUTH-13 */
static void the_rules_timeout_bounds_the_question(void **state)
{
    struct stage *stage = *state;
    stage->route.request_timeout_ms = 500;
    stage_start(stage);
    struct player client = stage_connect(stage);
    struct player gate = authorization_ask_about(stage, &client, authorization_get);

    stage_advance(stage, 501);

    expect_failure(stage, &client, "HTTP/1.1 504 ");
    player_expect_gone(&gate);
    players_close(&client, &gate);
}

/* FLT-AUTH-13 */
static void the_rules_timeout_counts_from_the_question_on(void **state)
{
    struct stage *stage = *state;
    stage->route.request_timeout_ms = 500;
    stage_start(stage);
    struct player client = stage_connect(stage);
    struct player gate = authorization_ask_about(stage, &client, authorization_get);

    stage_advance(stage, 300);
    player_send(&gate, authorization_allowed);
    struct player service = stage_accept(stage, SERVICE);
    player_expect(&service, "\r\n\r\n");
    stage_advance(stage, 201);

    player_expect(&client, "HTTP/1.1 504 ");
    assert_int_equal(authorization_refused(stage, DENIAL_AUTHORIZATION_FAILED), 0);
    authorization_close(&client, &gate, &service);
}

/* The rule's stanza is about its backends. */
static void the_rules_retries_are_not_the_questions(void **state)
{
    struct stage *stage = *state;
    stage->route.has_retry = true;
    stage->route.retry_attempts = 3;
    stage->route.retry_code = 503;
    stage_start(stage);
    struct player client = stage_connect(stage);
    struct player gate = authorization_ask_about(stage, &client, authorization_get);

    player_send(&gate, "HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n");

    player_expect(&client, "HTTP/1.1 503 Busy\r\n");
    player_expect_nothing(&gate);
    players_close(&client, &gate);
}

/* FLT-AUTH-13 */
static void a_client_that_leaves_ends_the_question(void **state)
{
    struct stage *stage = authorization_start(state, "auth:gate");
    struct player client = stage_connect(stage);
    struct player gate = authorization_ask_about(stage, &client, authorization_get);

    player_reset(&client);

    player_expect_gone(&gate);
    assert_false(stage_has_connection(stage, SERVICE));
    players_close(&client, &gate);
}

static void a_client_that_leaves_ends_a_refusal(void **state)
{
    struct stage *stage = authorization_start(state, "auth:gate");
    struct player client = stage_connect(stage);
    struct player gate = authorization_ask_about(stage, &client, authorization_get);
    player_send(&gate, "HTTP/1.1 403 No\r\nContent-Length: 10\r\n\r\nabc");
    player_expect(&client, "\r\n\r\nabc");

    player_reset(&client);

    player_expect_gone(&gate);
    players_close(&client, &gate);
}

/* FLT-AUTH-1 */
static void a_connection_that_was_closed_meanwhile_is_replaced(void **state)
{
    struct stage *stage = authorization_start(state, "auth:gate");
    struct player client = stage_connect(stage);
    struct player gate = authorization_ask_about(stage, &client, authorization_get);
    player_send(&gate, "HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n");
    player_expect(&client, "HTTP/1.1 403 No\r\n");
    player_expect(&client, "\r\n\r\n");
    player_send(&client, authorization_get);
    player_expect(&gate, "\r\n\r\n");

    player_close(&gate);

    struct player again = stage_accept(stage, GATE);
    player_expect(&again, "\r\n\r\n");
    player_send(&again, authorization_allowed);
    struct player service = stage_accept(stage, SERVICE);
    player_expect(&service, "\r\n\r\n");
    authorization_close(&client, &again, &service);
}

/* The table may change while the question is open. */
static void a_route_that_is_replaced_meanwhile_holds_what_it_needs(void **state)
{
    struct stage *stage = authorization_start(state, "auth:gate auth-take:X-User set:X-Old=1");
    struct player client = stage_connect(stage);
    struct player gate = authorization_ask_about(stage, &client, authorization_get);

    stage->route.filters = NULL;
    stage->route.has_no_backend = true;
    stage->route.gate_port = 0;
    one_route_publish(&stage->route, stage->endpoint_ports, 1);
    player_send(&gate, "HTTP/1.1 200 OK\r\nX-User: kim\r\nContent-Length: 0\r\n\r\n");

    struct player service = stage_accept(stage, SERVICE);
    const char *head = authorization_read_head(&service);
    assert_has(head, "X-User: kim\r\n");
    assert_has(head, "X-Old: 1\r\n");
    authorization_close(&client, &gate, &service);
}

int main(void)
{
#define ON_STAGE(test) cmocka_unit_test_setup_teardown(test, authorization_set_up, stage_tear_down)
    const struct CMUnitTest tests[] = {
        ON_STAGE(a_service_that_does_not_exist_allows_nothing),
        ON_STAGE(a_service_that_refuses_connections_allows_nothing),
        ON_STAGE(a_service_that_hangs_up_allows_nothing),
        ON_STAGE(a_service_that_breaks_http_allows_nothing),
        ON_STAGE(a_service_that_is_silent_allows_nothing),
        ON_STAGE(the_rules_timeout_bounds_the_question),
        ON_STAGE(the_rules_timeout_counts_from_the_question_on),
        ON_STAGE(the_rules_retries_are_not_the_questions),
        ON_STAGE(a_client_that_leaves_ends_the_question),
        ON_STAGE(a_client_that_leaves_ends_a_refusal),
        ON_STAGE(a_connection_that_was_closed_meanwhile_is_replaced),
        ON_STAGE(a_route_that_is_replaced_meanwhile_holds_what_it_needs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
