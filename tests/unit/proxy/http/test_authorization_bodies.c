#include "tests/unit/cmocka_all.h"
#include "tests/unit/proxy/http/authorization_stage.h"

#include <stdlib.h>
#include <string.h>

enum { PATIENCE_TURNS = 2000 };

static const char ok[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/* Sends the head, and `length` bytes behind it. Caller frees what was sent. */
static char *upload(struct stage *stage, struct player *client, const char *head, size_t length)
{
    char *body = memory_allocate(length);
    memset(body, 'b', length);
    player_send(client, head);
    for (size_t sent = 0; sent < length;) {
        sent += player_send_some(client, body + sent, length - sent);
        stage_turn(stage);
    }
    return body;
}

static void expect_body(struct player *player, const char *body, size_t length)
{
    while (player->received.length < length) {
        size_t before = player->received.length;
        for (int i = 0; i < PATIENCE_TURNS && player->received.length == before; i++) {
            stage_turn(player->stage);
            player_read(player);
        }
        assert_true(player->received.length > before);
    }
    assert_memory_equal(player->received.at, body, length);
}

/* --- bodies ---------------------------------------------------------------------------------- */

static const char post[] = "POST /form HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello";

/* FLT-AUTH-8, FLT-AUTH-7 */
static void the_body_goes_to_the_service_and_then_on_unchanged(void **state)
{
    struct stage *stage = authorization_start(state, "auth:gate auth-body:5");
    struct player client = stage_connect(stage);

    player_send(&client, post);
    struct player gate = stage_accept(stage, GATE);
    player_expect(&gate, "POST /form HTTP/1.1\r\n");
    player_expect(&gate, "content-length: 5\r\n\r\nhello");
    assert_false(stage_has_connection(stage, SERVICE));
    player_send(&gate, authorization_allowed);

    struct player service = stage_accept(stage, SERVICE);
    player_expect(&service, "content-length: 5\r\n\r\nhello");
    player_send(&service, ok);
    player_expect(&client, "\r\n\r\nok");
    assert_int_equal(stage->replay_bytes, 0);
    authorization_close(&client, &gate, &service);
}

/* FLT-AUTH-7 */
static void a_chunked_body_has_its_length_when_the_service_gets_it(void **state)
{
    struct stage *stage = authorization_start(state, "auth:gate auth-body:100");
    struct player client = stage_connect(stage);

    player_send(&client, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                         "2\r\nab\r\n");
    assert_false(stage_has_connection(stage, GATE));
    player_send(&client, "3\r\ncde\r\n0\r\nX-Sum: 5\r\n\r\n");

    struct player gate = stage_accept(stage, GATE);
    player_expect(&gate, "content-length: 5\r\n\r\nabcde");
    player_send(&gate, authorization_allowed);
    struct player service = stage_accept(stage, SERVICE);
    player_expect(&service, "transfer-encoding: chunked\r\n\r\n5\r\nabcde\r\n0\r\n\r\n");
    authorization_close(&client, &gate, &service);
}

/* FLT-AUTH-7 */
static void a_request_without_body_is_asked_about_without_one(void **state)
{
    struct stage *stage = authorization_start(state, "auth:gate auth-body:100");
    struct player client = stage_connect(stage);

    player_send(&client, authorization_get);

    struct player gate = stage_accept(stage, GATE);
    player_expect(&gate, "content-length: 0\r\n\r\n");
    players_close(&client, &gate);
}

/* FLT-AUTH-7 */
static void a_size_of_zero_sends_no_body(void **state)
{
    struct stage *stage = authorization_start(state, "auth:gate auth-body:0");
    struct player client = stage_connect(stage);

    player_send(&client, post);

    struct player gate = stage_accept(stage, GATE);
    player_expect(&gate, "content-length: 0\r\n\r\n");
    player_expect_nothing(&gate);
    players_close(&client, &gate);
}

/* FLT-AUTH-8 */
static void a_body_that_is_announced_too_long_is_refused_at_once(void **state)
{
    struct stage *stage = authorization_start(state, "auth:gate auth-body:4");
    struct player client = stage_connect(stage);

    player_send(&client, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n"
                         "Expect: 100-continue\r\n\r\n");

    player_expect(&client, "HTTP/1.1 413 ");
    assert_false(stage_has_connection(stage, GATE));
    assert_int_equal(authorization_refused(stage, DENIAL_BODY_TOO_LARGE), 1);
    player_close(&client);
}

/* FLT-AUTH-8 */
static void a_body_that_turns_out_too_long_is_refused(void **state)
{
    struct stage *stage = authorization_start(state, "auth:gate auth-body:4");
    struct player client = stage_connect(stage);

    player_send(&client, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                         "2\r\nab\r\n");
    player_expect_nothing(&client);
    player_send(&client, "3\r\ncde\r\n");

    player_expect(&client, "HTTP/1.1 413 ");
    assert_false(stage_has_connection(stage, GATE));
    assert_int_equal(stage->replay_bytes, 0);
    player_close(&client);
}

static void with_forward_body_expect_is_answered_for_the_question(void **state)
{
    struct stage *stage = authorization_start(state, "auth:gate auth-body:5");
    struct player client = stage_connect(stage);

    player_send(&client, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n"
                         "Expect: 100-continue\r\n\r\n");
    player_expect(&client, "HTTP/1.1 100 Continue\r\n\r\n");
    player_send(&client, "hello");

    struct player gate = stage_accept(stage, GATE);
    player_expect(&gate, "\r\n\r\nhello");
    players_close(&client, &gate);
}

/* Larger than what a pipe holds, and than what a socket takes. */
static void a_large_body_is_gathered_whole(void **state)
{
    enum { LENGTH = 1000000 };
    struct stage *stage = authorization_start(state, "auth:gate auth-body:1000000");
    struct player client = stage_connect(stage);

    char *body = upload(stage, &client,
                        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n", LENGTH);
    struct player gate = stage_accept(stage, GATE);
    player_expect(&gate, "content-length: 1000000\r\n\r\n");
    expect_body(&gate, body, LENGTH);
    assert_int_equal(stage->replay_bytes, LENGTH);
    player_send(&gate, authorization_allowed);
    struct player service = stage_accept(stage, SERVICE);
    player_expect(&service, "\r\n\r\n");
    expect_body(&service, body, LENGTH);
    player_send(&service, ok);
    player_expect(&client, "\r\n\r\nok");
    assert_int_equal(stage->replay_bytes, 0);
    free(body);
    authorization_close(&client, &gate, &service);
}

/* FLT-MIRROR-5 */
static void a_gathered_body_is_copied_as_far_as_a_pipe_holds(void **state)
{
    enum { LENGTH = 100000 };
    struct stage *stage = *state;
    stage->route.mirror_port = stage->endpoint_ports[SERVICE];
    authorization_start(state, "auth:gate auth-body:1000000 mirror:mirror");
    struct player client = stage_connect(stage);
    char *body = upload(stage, &client,
                        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n", LENGTH);
    struct player gate = stage_accept(stage, GATE);
    player_expect(&gate, "\r\n\r\n");
    expect_body(&gate, body, LENGTH);

    player_send(&gate, authorization_allowed);

    struct player service = stage_accept(stage, SERVICE);
    player_expect(&service, "\r\n\r\n");
    expect_body(&service, body, LENGTH);
    assert_false(stage_has_connection(stage, SERVICE));
    assert_int_equal(counter_read(&stage->worker->counters->mirrors_dropped), 1);
    free(body);
    authorization_close(&client, &gate, &service);
}

/* An answer may come before the service has read all of the body. */
static void an_early_answer_counts(void **state)
{
    enum { LENGTH = 1000000 };
    struct stage *stage = authorization_start(state, "auth:gate auth-body:1000000");
    struct player client = stage_connect(stage);
    char *body = upload(stage, &client,
                        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n", LENGTH);
    struct player gate = stage_accept(stage, GATE);

    player_send(&gate, authorization_allowed);

    struct player service = stage_accept(stage, SERVICE);
    player_expect(&service, "\r\n\r\n");
    expect_body(&service, body, LENGTH);
    free(body);
    authorization_close(&client, &gate, &service);
}

/* Who is asked for the second time gets the body again. */
static void a_question_that_is_repeated_has_its_body(void **state)
{
    struct stage *stage = authorization_start(state, "auth:gate auth-body:5");
    struct player client = stage_connect(stage);
    struct player gate = authorization_ask_about(
        stage, &client, "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nab");
    player_send(&gate, "HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n");
    player_expect(&client, "\r\n\r\n");
    player_send(&client, "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello");
    player_expect(&gate, "\r\n\r\nhello");

    player_close(&gate);

    struct player again = stage_accept(stage, GATE);
    player_expect(&again, "\r\n\r\nhello");
    player_send(&again, authorization_allowed);
    struct player service = stage_accept(stage, SERVICE);
    player_expect(&service, "\r\n\r\nhello");
    authorization_close(&client, &again, &service);
}

static void bodies_are_gathered_within_what_all_may_hold(void **state)
{
    struct stage *stage = *state;
    stage->shared.http.max_replay_total_bytes = 4;
    authorization_start(state, "auth:gate auth-body:5");
    struct player client = stage_connect(stage);

    player_send(&client, post);

    player_expect(&client, "HTTP/1.1 503 ");
    assert_false(stage_has_connection(stage, GATE));
    assert_int_equal(authorization_refused(stage, DENIAL_AUTHORIZATION_FAILED), 1);
    assert_int_equal(stage->replay_bytes, 0);
    player_close(&client);
}

static void a_client_that_leaves_while_its_body_is_gathered_holds_nothing(void **state)
{
    struct stage *stage = authorization_start(state, "auth:gate auth-body:5");
    struct player client = stage_connect(stage);
    player_send(&client, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhel");
    player_expect_nothing(&client);
    assert_int_equal(stage->replay_bytes, 3);

    player_reset(&client);
    for (int i = 0; i < PATIENCE_TURNS && stage->replay_bytes > 0; i++)
        stage_turn(stage);

    assert_int_equal(stage->replay_bytes, 0);
    assert_false(stage_has_connection(stage, GATE));
    player_close(&client);
}

int main(void)
{
#define ON_STAGE(test) cmocka_unit_test_setup_teardown(test, authorization_set_up, stage_tear_down)
    const struct CMUnitTest tests[] = {
        ON_STAGE(the_body_goes_to_the_service_and_then_on_unchanged),
        ON_STAGE(a_chunked_body_has_its_length_when_the_service_gets_it),
        ON_STAGE(a_request_without_body_is_asked_about_without_one),
        ON_STAGE(a_size_of_zero_sends_no_body),
        ON_STAGE(a_body_that_is_announced_too_long_is_refused_at_once),
        ON_STAGE(a_body_that_turns_out_too_long_is_refused),
        ON_STAGE(with_forward_body_expect_is_answered_for_the_question),
        ON_STAGE(a_large_body_is_gathered_whole),
        ON_STAGE(a_gathered_body_is_copied_as_far_as_a_pipe_holds),
        ON_STAGE(an_early_answer_counts),
        ON_STAGE(a_question_that_is_repeated_has_its_body),
        ON_STAGE(bodies_are_gathered_within_what_all_may_hold),
        ON_STAGE(a_client_that_leaves_while_its_body_is_gathered_holds_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
