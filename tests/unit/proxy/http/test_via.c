#include "proxy/http/via.h"
#include "tests/unit/cmocka_all.h"
#include "tests/unit/proxy/http/stage.h"

#include <string.h>

static struct via *via;

static int set_up(void **state)
{
    struct stage *stage = stage_new();
    via = via_new("edge:8080");
    stage->shared.via = via;
    *state = stage;
    return 0;
}

static int tear_down(void **state)
{
    stage_tear_down(state);
    via_free(via);
    return 0;
}

/* FORWARD-4 */
static void both_ways_get_a_member_behind_what_is_there(void **state)
{
    struct stage *stage = *state;
    stage_start(stage);
    struct player client = stage_connect(stage);
    player_send(&client, "GET / HTTP/1.1\r\nHost: a\r\nVia: 1.0 first, 2 second\r\n\r\n");
    struct player endpoint = stage_accept(stage, 0);
    player_expect(&endpoint, "Via: 1.0 first, 2 second\r\n");
    player_expect(&endpoint, "\r\nvia: 1.1 edge:8080\r\n\r\n");

    player_send(&endpoint, "HTTP/1.1 200 OK\r\nVia: 1.1 cache\r\nContent-Length: 0\r\n\r\n");

    player_expect(&client, "Via: 1.1 cache\r\n" STAGE_DATE "via: 1.1 edge:8080\r\n");
    player_expect(&client, "\r\n\r\n");
    players_close(&client, &endpoint);
}

/* FORWARD-4 */
static void the_version_is_that_in_which_the_message_came(void **state)
{
    struct stage *stage = *state;
    stage_start(stage);
    struct player client = stage_connect(stage);
    player_send(&client, "GET / HTTP/1.0\r\nHost: a\r\n\r\n");
    struct player endpoint = stage_accept(stage, 0);
    player_expect(&endpoint, "\r\nvia: 1.0 edge:8080\r\n\r\n");

    player_send(&endpoint, "HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n");

    player_expect(&client, "via: 1.0 edge:8080\r\n");
    player_expect(&client, "\r\n\r\n");
    players_close(&client, &endpoint);
}

/* FORWARD-4 */
static void filters_have_the_last_word(void **state)
{
    struct stage *stage = *state;
    stage->route.filters = "remove:Via";
    stage_start(stage);
    struct player client = stage_connect(stage);
    player_send(&client, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    struct player endpoint = stage_accept(stage, 0);

    player_expect_bytes(&endpoint, 1);
    player_read(&endpoint);

    assert_null(strstr(buffer_string(&endpoint.received), "via"));
    player_forget(&endpoint);
    players_close(&client, &endpoint);
}

/* FORWARD-4: a field list that is full has room for it all the same. */
static void a_full_head_has_room_for_it(void **state)
{
    struct stage *stage = *state;
    stage_start(stage);
    struct player client = stage_connect(stage);
    player_send(&client, "GET / HTTP/1.1\r\nHost: a\r\n");
    for (unsigned i = 1; i < stage->shared.http.max_headers; i++)
        player_send(&client, "X: y\r\n");
    player_send(&client, "\r\n");
    struct player endpoint = stage_accept(stage, 0);
    player_expect(&endpoint, "\r\nvia: 1.1 edge:8080\r\n\r\n");

    player_send(&endpoint, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n");
    for (unsigned i = 1; i < RESPONSE_HEADERS_DEFAULT; i++)
        player_send(&endpoint, "X: y\r\n");
    player_send(&endpoint, "\r\n");

    player_expect(&client, "via: 1.1 edge:8080\r\n");
    player_expect(&client, "\r\n\r\n");
    players_close(&client, &endpoint);
}

static void answers_of_our_own_have_none(void **state)
{
    struct stage *stage = *state;
    stage->route.has_no_backend = true;
    stage_start(stage);
    struct player client = stage_connect(stage);
    player_send(&client, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");

    player_expect(&client, "HTTP/1.1 500 Internal Server Error\r\n" STAGE_DATE
                           "content-type: text/plain; charset=utf-8\r\ncontent-length: ");
    player_expect(&client, "\r\n\r\n");
    player_forget(&client);
    player_close(&client);
}

static void a_name_is_a_token_with_or_without_a_port(void **state)
{
    (void)state;
    static const char *const right[] = {"edge", "edge.example", "a:1", "a_b!:65535"};
    static const char *const wrong[] = {"",    "a b",   "a,b",      "a:",  ":80",
                                        "a:x", "a:1:2", "a:123456", "a/b", "a\r\nb"};
    for (size_t i = 0; i < sizeof(right) / sizeof(right[0]); i++)
        assert_true(via_check_name(right[i], NULL));
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        assert_false(via_check_name(wrong[i], NULL));
    char longest[257];
    memset(longest, 'a', 256);
    longest[256] = '\0';
    assert_false(via_check_name(longest, NULL));
    assert_true(via_check_name(longest + 1, NULL));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(both_ways_get_a_member_behind_what_is_there),
        TEST(the_version_is_that_in_which_the_message_came),
        TEST(filters_have_the_last_word),
        TEST(a_full_head_has_room_for_it),
        TEST(answers_of_our_own_have_none),
        cmocka_unit_test(a_name_is_a_token_with_or_without_a_port),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
