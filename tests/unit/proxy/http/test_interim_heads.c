/* Informational heads (1xx): what an endpoint says before its answer reaches the client. */
#include "proxy/http/conn_pool.h"
#include "tests/unit/cmocka_all.h"
#include "tests/unit/proxy/http/stage.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* As the proxy allows them. */
enum { HEADS_MAX = 16, BYTES_MAX = 64 * 1024 };

#define HINTS "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
#define OK "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
#define OK_PASSED_ON "HTTP/1.1 200 OK\r\n" STAGE_DATE "content-length: 2\r\n\r\nok"

static const char get[] = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

/* The client gets exactly `text`, and nothing behind it. */
static void expect_exactly(struct player *client, const char *text)
{
    for (int i = 0; i < 1000 && client->received.length < strlen(text); i++) {
        stage_turn(client->stage);
        player_read(client);
    }
    assert_string_equal(buffer_string(&client->received), text);
    player_forget(client);
    player_expect_nothing(client);
}

static void early_hints_reach_the_client_before_the_answer(void **state)
{
    struct stage *stage = *state;
    struct player client = stage_connect(stage);
    struct player endpoint = stage_forward(stage, &client, get);

    player_send(&endpoint, HINTS);
    expect_exactly(&client, HINTS);
    player_send(&endpoint, OK);

    expect_exactly(&client, OK_PASSED_ON);
    assert_int_equal(conn_pool_count(stage->worker->pool), 1);
    players_close(&client, &endpoint);
}

static void several_heads_and_the_answer_may_come_at_once(void **state)
{
    struct stage *stage = *state;
    struct player client = stage_connect(stage);
    struct player endpoint = stage_forward(stage, &client, get);

    player_send(&endpoint,
                "HTTP/1.1 102 Processing\r\n\r\n" HINTS "HTTP/1.1 100 Continue\r\n\r\n" HINTS OK);

    expect_exactly(&client, "HTTP/1.1 102 Processing\r\n\r\n" HINTS HINTS OK_PASSED_ON);
    players_close(&client, &endpoint);
}

static void heads_may_come_byte_by_byte(void **state)
{
    static const char all[] = HINTS HINTS OK;
    struct stage *stage = *state;
    struct player client = stage_connect(stage);
    struct player endpoint = stage_forward(stage, &client, get);

    for (size_t i = 0; i < strlen(all); i++) {
        char byte[2] = {all[i], '\0'};
        player_send(&endpoint, byte);
        stage_turn(stage);
    }

    expect_exactly(&client, HINTS HINTS OK_PASSED_ON);
    players_close(&client, &endpoint);
}

static void what_belongs_to_the_connection_is_not_passed_on(void **state)
{
    struct stage *stage = *state;
    struct player client = stage_connect(stage);
    struct player endpoint = stage_forward(stage, &client, get);

    player_send(&endpoint, "HTTP/1.1 103 Early Hints\r\nConnection: x-hop\r\nX-Hop: 1\r\n"
                           "Keep-Alive: timeout=1\r\nContent-Length: 0\r\nLink: </a>\r\n\r\n");

    expect_exactly(&client, HINTS);
    player_send(&endpoint, OK);
    expect_exactly(&client, OK_PASSED_ON);
    players_close(&client, &endpoint);
}

static void a_continue_is_not_passed_on(void **state)
{
    struct stage *stage = *state;
    struct player client = stage_connect(stage);
    struct player endpoint = stage_forward(stage, &client, get);

    player_send(&endpoint, "HTTP/1.1 100 Continue\r\n\r\n");
    player_expect_nothing(&client);
    player_send(&endpoint, OK);

    expect_exactly(&client, OK_PASSED_ON);
    players_close(&client, &endpoint);
}

static void clients_of_http_1_0_get_the_answer_alone(void **state)
{
    struct stage *stage = *state;
    struct player client = stage_connect(stage);
    struct player endpoint = stage_forward(stage, &client, "GET / HTTP/1.0\r\nHost: a\r\n\r\n");

    player_send(&endpoint, HINTS);
    player_expect_nothing(&client);
    player_send(&endpoint, OK);

    player_expect(&client, "HTTP/1.1 200 OK\r\n" STAGE_DATE
                           "content-length: 2\r\nconnection: close\r\n\r\nok");
    player_expect_end(&client);
    players_close(&client, &endpoint);
}

static void hints_before_the_body_was_asked_for_do_not_disturb_it(void **state)
{
    struct stage *stage = *state;
    struct player client = stage_connect(stage);
    player_send(&client, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbo");
    struct player endpoint = stage_accept(stage, 0);
    player_expect(&endpoint, "\r\n\r\nbo");

    player_send(&endpoint, HINTS);
    expect_exactly(&client, HINTS);
    player_send(&client, "dy");
    player_expect(&endpoint, "dy");
    player_send(&endpoint, OK);

    expect_exactly(&client, OK_PASSED_ON);
    players_close(&client, &endpoint);
}

static void heads_without_end_are_a_502(void **state)
{
    struct stage *stage = *state;
    struct player client = stage_connect(stage);
    struct player endpoint = stage_forward(stage, &client, get);

    for (int i = 0; i < HEADS_MAX; i++) {
        player_send(&endpoint, HINTS);
        expect_exactly(&client, HINTS);
    }
    player_send(&endpoint, HINTS);

    player_expect(&client, "HTTP/1.1 502 Bad Gateway\r\n");
    player_expect_gone(&endpoint);
    players_close(&client, &endpoint);
}

static void heads_of_too_many_bytes_are_a_502(void **state)
{
    struct stage *stage = *state;
    struct player client = stage_connect(stage);
    struct player endpoint = stage_forward(stage, &client, get);
    char *large = calloc(1, BYTES_MAX);
    int length = snprintf(large, BYTES_MAX, "HTTP/1.1 103 Early Hints\r\n");
    for (char value[2048]; length < BYTES_MAX / 2;) {
        memset(value, 'x', sizeof(value));
        length += snprintf(large + length, BYTES_MAX - (size_t)length, "Link: %.*s\r\n",
                           (int)sizeof(value), value);
    }
    strcat(large, "\r\n");

    player_send(&endpoint, large);
    player_expect_bytes(&client, strlen(large));
    player_send(&endpoint, large);

    player_expect(&client, "HTTP/1.1 502 Bad Gateway\r\n");
    player_expect_gone(&endpoint);
    free(large);
    players_close(&client, &endpoint);
}

static void an_endpoint_that_leaves_after_its_hints_is_a_503(void **state)
{
    struct stage *stage = *state;
    struct player client = stage_connect(stage);
    struct player endpoint = stage_forward(stage, &client, get);

    player_send(&endpoint, HINTS);
    expect_exactly(&client, HINTS);
    player_close(&endpoint);

    player_expect(&client, "HTTP/1.1 503 Service Unavailable\r\n");
    player_close(&client);
}

static void a_client_that_leaves_during_hints_takes_its_request_along(void **state)
{
    struct stage *stage = *state;
    struct player client = stage_connect(stage);
    struct player endpoint = stage_forward(stage, &client, get);

    player_reset(&client);
    player_send(&endpoint, HINTS HINTS OK);

    player_expect_gone(&endpoint);
    assert_int_equal(stage->worker->connection_count, 0);
    player_close(&endpoint);
}

#define ON_STAGE(name)                                                                             \
    cmocka_unit_test_setup_teardown(name, stage_set_up_and_start, stage_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_STAGE(early_hints_reach_the_client_before_the_answer),
        ON_STAGE(several_heads_and_the_answer_may_come_at_once),
        ON_STAGE(heads_may_come_byte_by_byte),
        ON_STAGE(what_belongs_to_the_connection_is_not_passed_on),
        ON_STAGE(a_continue_is_not_passed_on),
        ON_STAGE(clients_of_http_1_0_get_the_answer_alone),
        ON_STAGE(hints_before_the_body_was_asked_for_do_not_disturb_it),
        ON_STAGE(heads_without_end_are_a_502),
        ON_STAGE(heads_of_too_many_bytes_are_a_502),
        ON_STAGE(an_endpoint_that_leaves_after_its_hints_is_a_503),
        ON_STAGE(a_client_that_leaves_during_hints_takes_its_request_along),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
