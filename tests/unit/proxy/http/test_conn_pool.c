/* Connection pool: what comes behind an answer reaches nobody, however early the connection is used
 * again. */
#include "proxy/http/conn_pool.h"
#include "proxy/http/read_buffers.h"
#include "tests/unit/cmocka_all.h"
#include "tests/unit/proxy/http/stage.h"

#include <stdio.h>
#include <string.h>

#define GET "GET / HTTP/1.1\r\nHost: a\r\n\r\n"
#define OK "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
#define POISON "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison"

static void send_unseen(struct player *player, const char *text)
{
    assert_int_equal(player_send_some(player, text, strlen(text)), strlen(text));
}

/* An answer that fills the proxy's first read to its last byte, and `behind` in the same segment:
 * that is there when the answer is complete, but not read. */
enum { HEAD_BYTES = 42 };

static void answer_one_read(struct player *endpoint, const char *behind)
{
    char text[READ_BUFFER_BYTES + 256];
    int head = snprintf(text, sizeof(text), "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n",
                        READ_BUFFER_BYTES - HEAD_BYTES);
    assert_int_equal(head, HEAD_BYTES);
    memset(text + head, '.', READ_BUFFER_BYTES - (size_t)head);
    snprintf(text + READ_BUFFER_BYTES, sizeof(text) - READ_BUFFER_BYTES, "%s", behind);
    send_unseen(endpoint, text);
}

static void a_connection_is_used_again_in_the_turn_it_came_back(void **state)
{
    struct stage *stage = *state;
    struct player client = stage_connect(stage);
    struct player endpoint = stage_forward(stage, &client, GET GET);

    answer_one_read(&endpoint, "");

    player_expect(&endpoint, "\r\n\r\n");
    player_send(&endpoint, OK);
    player_expect(&client, "\r\n\r\nok");
    assert_false(stage_has_connection(stage, 0));
    player_close(&client);
    player_close(&endpoint);
}

static void bytes_behind_an_answer_are_found_in_the_same_turn(void **state)
{
    struct stage *stage = *state;
    struct player client = stage_connect(stage);
    struct player endpoint = stage_forward(stage, &client, GET GET);

    answer_one_read(&endpoint, POISON);

    struct player other = stage_accept(stage, 0);
    player_expect(&other, "\r\n\r\n");
    player_send(&other, OK);
    player_expect_gone(&endpoint);
    assert_int_equal(endpoint.received.length, 0);
    player_expect(&client, "..HTTP/1.1 200 OK\r\n" STAGE_DATE "content-length: 2\r\n\r\nok");
    player_expect_nothing(&client);
    player_close(&client);
    player_close(&endpoint);
    player_close(&other);
}

/* Of one that has waited, the loop would have told; one that is just back would have to be asked.
 */
static void one_that_has_waited_is_taken_before_one_just_back(void **state)
{
    struct stage *stage = *state;
    struct player client = stage_connect(stage);
    struct player other_client = stage_connect(stage);
    struct player endpoint = stage_forward(stage, &client, GET GET);
    struct player waiting = stage_forward(stage, &other_client, GET);
    player_send(&waiting, OK);
    player_expect(&other_client, "\r\n\r\nok");

    player_send(&endpoint, OK);

    player_expect(&waiting, "\r\n\r\n");
    player_send(&waiting, OK);
    player_expect(&client,
                  "\r\n\r\nokHTTP/1.1 200 OK\r\n" STAGE_DATE "content-length: 2\r\n\r\nok");
    player_expect_nothing(&endpoint);
    assert_int_equal(conn_pool_count(stage->worker->pool), 2);
    player_close(&client);
    player_close(&other_client);
    player_close(&endpoint);
    player_close(&waiting);
}

/* Two connections tell of something in one turn: one of an answer, whose client goes on at once
 * with the next request, and the other, which waits in the pool, of bytes nobody asked for. */
static void tell_together(struct stage *stage, bool answer_is_first)
{
    static const char last_ok[] =
        "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok";
    struct player client = stage_connect(stage);
    struct player other_client = stage_connect(stage);
    struct player endpoint = stage_forward(stage, &client, GET GET);
    struct player waiting = stage_forward(stage, &other_client, GET);
    player_send(&waiting, OK);
    player_expect(&other_client, "\r\n\r\nok");
    assert_int_equal(conn_pool_count(stage->worker->pool), 1);

    send_unseen(answer_is_first ? &endpoint : &waiting, answer_is_first ? last_ok : POISON);
    send_unseen(answer_is_first ? &waiting : &endpoint, answer_is_first ? POISON : last_ok);

    struct player next = stage_accept(stage, 0);
    player_expect(&next, "\r\n\r\n");
    player_send(&next, OK);
    player_expect(&client,
                  "\r\n\r\nokHTTP/1.1 200 OK\r\n" STAGE_DATE "content-length: 2\r\n\r\nok");
    player_expect_nothing(&client);
    player_expect_gone(&waiting);
    player_close(&client);
    player_close(&other_client);
    player_close(&endpoint);
    player_close(&waiting);
    player_close(&next);
}

static void bytes_that_came_before_the_request_are_no_answer_to_it(void **state)
{
    tell_together(*state, true);
}

static void nor_are_they_when_they_are_told_first(void **state)
{
    tell_together(*state, false);
}

/* RFC 9110 section 9.3.1: who does not expect a body there answers it as if it were a request. */
static void check_body_without_meaning(struct stage *stage, const char *method)
{
    char request[128];
    struct player client = stage_connect(stage);
    snprintf(request, sizeof(request), "%s / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello",
             method);
    struct player endpoint = stage_forward(stage, &client, request);

    player_send(&endpoint, "HTTP/1.1 204 None\r\n\r\n");
    player_expect(&client, "HTTP/1.1 204 None\r\n" STAGE_DATE "\r\n");

    player_expect(&endpoint, "hello");
    player_expect_gone(&endpoint);
    assert_int_equal(conn_pool_count(stage->worker->pool), 0);
    player_close(&client);
    player_close(&endpoint);
}

static void a_connection_ends_with_a_body_that_has_no_meaning(void **state)
{
    check_body_without_meaning(*state, "GET");
    check_body_without_meaning(*state, "HEAD");
    check_body_without_meaning(*state, "DELETE");
}

static void a_connection_goes_on_after_a_body_that_has_one(void **state)
{
    struct stage *stage = *state;
    struct player client = stage_connect(stage);
    struct player endpoint = stage_forward(
        stage, &client, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello" GET);
    player_expect(&endpoint, "hello");

    player_send(&endpoint, OK);

    player_expect(&endpoint, "\r\n\r\n");
    player_close(&client);
    player_close(&endpoint);
}

#define ON_STAGE(name)                                                                             \
    cmocka_unit_test_setup_teardown(name, stage_set_up_and_start, stage_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_STAGE(a_connection_is_used_again_in_the_turn_it_came_back),
        ON_STAGE(bytes_behind_an_answer_are_found_in_the_same_turn),
        ON_STAGE(one_that_has_waited_is_taken_before_one_just_back),
        ON_STAGE(bytes_that_came_before_the_request_are_no_answer_to_it),
        ON_STAGE(nor_are_they_when_they_are_told_first),
        ON_STAGE(a_connection_ends_with_a_body_that_has_no_meaning),
        ON_STAGE(a_connection_goes_on_after_a_body_that_has_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
