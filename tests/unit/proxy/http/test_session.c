/* Sessions between a client and two endpoints that are taken in turn. */
#include "common/clock.h"
#include "tests/unit/cmocka_all.h"
#include "tests/unit/proxy/http/stage.h"

#include <stdio.h>
#include <string.h>

static const char get[] = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
static const char ok[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

enum { TOKEN_LENGTH = 32, PATIENCE_TURNS = 2000 };

/* Of a client, what its last answer has said. */
struct told {
    char head[4096];
    char token[TOKEN_LENGTH + 1]; /* "": none */
};

static int set_up(void **state)
{
    struct stage *stage = stage_new();
    stage->endpoint_count = 2;
    stage->route.session = "cookie:sid";
    *state = stage;
    return 0;
}

/* What stands behind `start` in the head, which is there once. */
static void take_token(struct told *told, const char *start)
{
    const char *found = strstr(told->head, start);
    told->token[0] = '\0';
    if (found == NULL)
        return;
    assert_null(strstr(found + 1, start));
    memcpy(told->token, found + strlen(start), TOKEN_LENGTH);
    told->token[TOKEN_LENGTH] = '\0';
}

/* The client gets an answer whose token stands behind `start`. */
static struct told hear(struct player *client, const char *start)
{
    struct told told;
    const char *end;
    for (int turns = 0; (end = strstr(buffer_string(&client->received), "\r\n\r\n")) == NULL;
         turns++) {
        assert_true(turns < PATIENCE_TURNS);
        stage_turn(client->stage);
        player_read(client);
    }
    size_t length = (size_t)(end + 4 - client->received.at);
    assert_true(length < sizeof(told.head));
    memcpy(told.head, client->received.at, length);
    told.head[length] = '\0';
    buffer_consume(&client->received, length);
    take_token(&told, start);
    return told;
}

/* A client of its own asks with these fields; endpoint `index` gets it and sends `answer`. */
static struct told ask(struct stage *stage, const char *fields, size_t index, const char *answer,
                       const char *start)
{
    char request[1024];
    struct player client = stage_connect(stage);
    snprintf(request, sizeof(request), "GET / HTTP/1.1\r\nHost: a\r\n%s\r\n", fields);
    player_send(&client, request);
    struct player endpoint = stage_accept(stage, index);
    player_expect(&endpoint, "\r\n\r\n");
    player_send(&endpoint, answer);
    struct told told = hear(&client, start);
    players_close(&client, &endpoint);
    return told;
}

static struct told ask_cookie(struct stage *stage, const char *fields, size_t index)
{
    return ask(stage, fields, index, ok, "set-cookie: sid=");
}

/* "Cookie: sid=TOKEN" of a session that is at endpoint `index` now. */
static char *begin(struct stage *stage, size_t index)
{
    static char field[128];
    struct told told = ask_cookie(stage, "", index);
    assert_int_equal(strlen(told.token), TOKEN_LENGTH);
    snprintf(field, sizeof(field), "Cookie: sid=%s\r\n", told.token);
    return field;
}

static void pass_wall_time(uint64_t milliseconds)
{
    clock_set_wall_for_test(STAGE_WALL_MS + milliseconds);
}

/* --- cookies -------------------------------------------------------------------------------- */

/* SESSION-4 SESSION-7 */
static void a_first_answer_sets_a_cookie(void **state)
{
    struct stage *stage = *state;
    stage_start(stage);

    struct told told = ask_cookie(stage, "", 0);

    assert_non_null(strstr(told.head, "; Path=/; HttpOnly; SameSite=Strict\r\n"));
    assert_int_equal(strspn(told.token, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                        "0123456789-_"),
                     TOKEN_LENGTH);
}

/* SESSION-4 */
static void nobody_but_a_trusted_peer_says_that_it_is_secure(void **state)
{
    struct stage *stage = *state;
    stage_start(stage);

    struct told told = ask_cookie(stage, "X-Forwarded-Proto: https\r\n", 0);

    assert_null(strstr(told.head, "Secure"));
}

/* SESSION-1 SESSION-7 */
static void a_client_that_shows_it_comes_back_and_is_told_nothing(void **state)
{
    struct stage *stage = *state;
    stage_start(stage);
    const char *cookie = begin(stage, 0);

    for (int i = 0; i < 4; i++)
        assert_string_equal(ask_cookie(stage, cookie, 0).token, "");
    ask_cookie(stage, "", 1);
    assert_string_equal(ask_cookie(stage, cookie, 0).token, "");
}

/* SESSION-12 */
static void the_first_cookie_of_its_name_counts_in_whatever_field(void **state)
{
    struct stage *stage = *state;
    stage_start(stage);
    const char *cookie = begin(stage, 0);
    const char *token = cookie + strlen("Cookie: sid=");
    static char fields[512];

    snprintf(fields, sizeof(fields), "Cookie: a=1; b=2\r\ncookie: SID=x; sid=%.*s ; c=3\r\n",
             TOKEN_LENGTH, token);
    assert_string_equal(ask_cookie(stage, fields, 0).token, "");
    snprintf(fields, sizeof(fields), "%sCookie: sid=x\r\n", cookie);
    assert_string_equal(ask_cookie(stage, fields, 0).token, "");
    snprintf(fields, sizeof(fields), "Cookie: sid=x\r\n%s", cookie);
    assert_string_not_equal(ask_cookie(stage, fields, 1).token, "");
}

/* SESSION-10 */
static void what_is_no_token_begins_a_session(void **state)
{
    struct stage *stage = *state;
    stage_start(stage);
    static const char *const fields[] = {"Cookie: sid=\r\n", "Cookie: sid\r\n",
                                         "Cookie: ;;=;sid=====\r\n", "Cookie:\r\n",
                                         "Cookie: sid=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\r\n"};
    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
        assert_int_equal(strlen(ask_cookie(stage, fields[i], i % 2).token), TOKEN_LENGTH);
}

/* SESSION-15 */
static void the_service_sees_the_cookie(void **state)
{
    struct stage *stage = *state;
    stage_start(stage);
    const char *cookie = begin(stage, 0);
    char request[256];
    snprintf(request, sizeof(request), "GET / HTTP/1.1\r\nHost: a\r\n%s\r\n", cookie);
    struct player client = stage_connect(stage);
    player_send(&client, request);
    struct player endpoint = stage_accept(stage, 0);

    player_expect(&endpoint, cookie);

    players_close(&client, &endpoint);
}

/* SESSION-5 */
static void a_permanent_cookie_says_how_long(void **state)
{
    struct stage *stage = *state;
    stage->route.session = "cookie:sid path:/app permanent timeout:299001";
    stage_start(stage);

    struct told told = ask_cookie(stage, "", 0);

    assert_non_null(strstr(told.head, "; Path=/app; Max-Age=300; HttpOnly; SameSite=Strict\r\n"));
}

/* SESSION-5 */
static void another_cookie_does_not(void **state)
{
    struct stage *stage = *state;
    stage->route.session = "cookie:sid session timeout:300000";
    stage_start(stage);

    struct told told = ask_cookie(stage, "", 0);

    assert_null(strstr(told.head, "Max-Age"));
    assert_null(strstr(told.head, "Expires"));
}

/* --- how long ------------------------------------------------------------------------------- */

/* SESSION-6 */
static void a_session_that_is_over_begins_anew(void **state)
{
    struct stage *stage = *state;
    stage->route.session = "cookie:sid timeout:60000";
    stage_start(stage);
    const char *cookie = begin(stage, 0);

    pass_wall_time(59999);
    assert_string_equal(ask_cookie(stage, cookie, 0).token, "");
    pass_wall_time(60000);
    assert_int_equal(strlen(ask_cookie(stage, cookie, 1).token), TOKEN_LENGTH);
}

static void without_a_limit_a_session_lasts(void **state)
{
    struct stage *stage = *state;
    stage_start(stage);
    const char *cookie = begin(stage, 0);

    pass_wall_time(UINT64_C(10) * 365 * 24 * 3600 * 1000);

    assert_string_equal(ask_cookie(stage, cookie, 0).token, "");
}

static void a_session_of_a_clock_that_is_ahead_has_begun_now(void **state)
{
    struct stage *stage = *state;
    stage->route.session = "cookie:sid timeout:1000";
    stage_start(stage);
    pass_wall_time(5000);
    const char *cookie = begin(stage, 0);

    pass_wall_time(0);

    assert_string_equal(ask_cookie(stage, cookie, 0).token, "");
}

/* --- headers -------------------------------------------------------------------------------- */

/* SESSION-7 */
static void a_header_is_in_every_answer(void **state)
{
    struct stage *stage = *state;
    stage->route.session = "type:Header header:X-Session timeout:60000";
    stage_start(stage);
    struct told first = ask(stage, "", 0, ok, "X-Session: ");
    char field[128];
    snprintf(field, sizeof(field), "x-session: %s\r\n", first.token);

    pass_wall_time(59999);
    struct told second = ask(stage, field, 0, ok, "X-Session: ");

    assert_int_equal(strlen(first.token), TOKEN_LENGTH);
    assert_string_equal(second.token, first.token); /* it has not become longer */
    pass_wall_time(60000);
    assert_string_not_equal(ask(stage, field, 1, ok, "X-Session: ").token, first.token);
}

static void a_header_of_the_service_gives_way(void **state)
{
    struct stage *stage = *state;
    stage->route.session = "type:Header header:X-Session";
    stage_start(stage);

    struct told told = ask(stage, "", 0,
                           "HTTP/1.1 200 OK\r\nx-session: 1\r\nX-SESSION: 2\r\n"
                           "Content-Length: 0\r\n\r\n",
                           "X-Session: ");

    assert_int_equal(strlen(told.token), TOKEN_LENGTH);
    assert_null(strstr(told.head, "x-session"));
    assert_null(strstr(told.head, "X-SESSION"));
}

static void cookies_of_the_service_stay(void **state)
{
    struct stage *stage = *state;
    stage_start(stage);

    struct told told = ask(stage, "", 0,
                           "HTTP/1.1 200 OK\r\nSet-Cookie: a=1\r\nset-cookie: b=2\r\n"
                           "Content-Length: 0\r\n\r\n",
                           "set-cookie: sid=");

    assert_int_equal(strlen(told.token), TOKEN_LENGTH);
    assert_non_null(strstr(told.head, "Set-Cookie: a=1\r\n"));
    assert_non_null(strstr(told.head, "set-cookie: b=2\r\n"));
}

static void filters_do_not_reach_it_and_leave_room(void **state)
{
    struct stage *stage = *state;
    stage->route.filters = "response-set:X-New=1 response-remove:Set-Cookie";
    stage_start(stage);

    struct told told =
        ask(stage, "", 0, "HTTP/1.1 200 OK\r\nSet-Cookie: a=1\r\nContent-Length: 0\r\n\r\n",
            "set-cookie: sid=");

    assert_int_equal(strlen(told.token), TOKEN_LENGTH);
    assert_non_null(strstr(told.head, "X-New: 1\r\n"));
    assert_null(strstr(told.head, "a=1"));
}

/* As many fields as are taken from an endpoint, and what we add. */
static void an_answer_of_many_fields_has_room_for_it(void **state)
{
    struct stage *stage = *state;
    stage_start(stage);
    struct buffer answer = BUFFER_EMPTY;
    buffer_append_string(&answer, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n");
    for (int i = 1; i < RESPONSE_HEADERS_DEFAULT; i++)
        buffer_printf(&answer, "X-%d: %d\r\n", i, i);
    buffer_append_string(&answer, "\r\n");

    struct told told = ask(stage, "", 0, buffer_string(&answer), "set-cookie: sid=");

    assert_int_equal(strlen(told.token), TOKEN_LENGTH);
    assert_non_null(strstr(told.head, "\r\ndate: "));
    buffer_clear(&answer);
}

/* --- where it cannot go on ------------------------------------------------------------------ */

/* SESSION-8 SESSION-7 */
static void an_endpoint_that_is_gone_gives_its_sessions_to_others(void **state)
{
    struct stage *stage = *state;
    stage_start(stage);
    const char *cookie = begin(stage, 0);
    char again[128];
    stage_stop_endpoint(stage, 0);

    struct told told = ask_cookie(stage, cookie, 1);

    assert_int_equal(strlen(told.token), TOKEN_LENGTH);
    snprintf(again, sizeof(again), "Cookie: sid=%s\r\n", told.token);
    assert_string_equal(ask_cookie(stage, again, 1).token, "");
}

/* SESSION-8 */
static void a_try_elsewhere_moves_the_session(void **state)
{
    struct stage *stage = *state;
    stage->route.has_retry = true;
    stage->route.retry_attempts = 1;
    stage->route.retry_code = 503;
    stage->route.retry_backoff_ms = 1;
    stage_start(stage);
    char request[256];
    snprintf(request, sizeof(request), "GET / HTTP/1.1\r\nHost: a\r\n%s\r\n", begin(stage, 0));
    struct player client = stage_connect(stage);
    player_send(&client, request);
    struct player first = stage_accept(stage, 0);
    player_expect(&first, "\r\n\r\n");

    player_send(&first, "HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n");
    player_expect_nothing(&client);
    stage_advance(stage, 10);
    struct player second = stage_accept(stage, 1);
    player_send(&second, ok);

    assert_int_equal(strlen(hear(&client, "set-cookie: sid=").token), TOKEN_LENGTH);
    player_close(&first);
    players_close(&client, &second);
}

/* SESSION-11 */
static void answers_of_the_proxy_have_no_token(void **state)
{
    struct stage *stage = *state;
    stage->route.has_no_backend = true;
    stage_start(stage);
    struct player client = stage_connect(stage);

    player_send(&client, get);

    assert_string_equal(hear(&client, "set-cookie: ").token, "");
    player_close(&client);
}

/* SESSION-11 */
static void an_answer_that_never_comes_has_no_token(void **state)
{
    struct stage *stage = *state;
    stage->route.request_timeout_ms = 1000;
    stage_start(stage);
    struct player client = stage_connect(stage);
    player_send(&client, get);
    struct player endpoint = stage_accept(stage, 0);
    player_expect(&endpoint, "\r\n\r\n");

    stage_advance(stage, 1001);

    struct told told = hear(&client, "set-cookie: ");
    assert_non_null(strstr(told.head, "HTTP/1.1 504 "));
    assert_string_equal(told.token, "");
    players_close(&client, &endpoint);
}

/* --- where there is no room ----------------------------------------------------------------- */

/* Endpoint 0, where the session of the cookie is, has a request that is not answered. */
static struct player keep_busy(struct stage *stage, const char *cookie, struct player *client)
{
    char request[256];
    snprintf(request, sizeof(request), "GET / HTTP/1.1\r\nHost: a\r\n%s\r\n", cookie);
    *client = stage_connect(stage);
    player_send(client, request);
    struct player endpoint = stage_accept(stage, 0);
    player_expect(&endpoint, "\r\n\r\n");
    return endpoint;
}

/* SESSION-8 */
static void a_session_waits_for_its_endpoint(void **state)
{
    struct stage *stage = *state;
    stage->route.limits.max_requests = 1;
    stage_start(stage);
    const char *cookie = begin(stage, 0);
    struct player first, second = stage_connect(stage), third = stage_connect(stage);
    struct player busy = keep_busy(stage, cookie, &first);
    char request[256];
    snprintf(request, sizeof(request), "GET / HTTP/1.1\r\nHost: a\r\n%s\r\n", cookie);

    player_send(&second, request);
    assert_false(stage_has_connection(stage, 1));
    player_send(&third, get); /* of no session: it does not wait behind the other */
    struct player other = stage_accept(stage, 1);
    player_expect(&other, "\r\n\r\n");
    player_send(&busy, ok);

    player_expect(&first, "HTTP/1.1 200 OK\r\n");
    player_expect(&busy, "\r\n\r\n");
    player_send(&busy, ok);
    assert_string_equal(hear(&second, "set-cookie: ").token, "");
    player_close(&first);
    player_close(&second);
    player_close(&busy);
    players_close(&third, &other);
}

/* SESSION-8 */
static void where_the_line_is_full_the_session_moves(void **state)
{
    struct stage *stage = *state;
    stage->route.limits.max_requests = 1;
    stage->route.limits.max_pending = 1;
    stage_start(stage);
    const char *cookie = begin(stage, 0);
    struct player first, second = stage_connect(stage), third = stage_connect(stage);
    struct player busy = keep_busy(stage, cookie, &first);
    char request[256];
    snprintf(request, sizeof(request), "GET / HTTP/1.1\r\nHost: a\r\n%s\r\n", cookie);
    player_send(&second, request);
    assert_false(stage_has_connection(stage, 1));

    player_send(&third, request);
    struct player other = stage_accept(stage, 1);
    player_expect(&other, "\r\n\r\n");
    player_send(&other, ok);

    assert_int_equal(strlen(hear(&third, "set-cookie: sid=").token), TOKEN_LENGTH);
    player_close(&first);
    player_close(&second);
    player_close(&busy);
    players_close(&third, &other);
}

static void a_copy_has_no_session(void **state)
{
    struct stage *stage = *state;
    stage->route.filters = "mirror:mirror";
    stage->route.mirror_port = stage->endpoint_ports[1];
    stage->endpoint_count = 1;
    stage_start(stage);
    struct player client = stage_connect(stage);
    player_send(&client, get);
    struct player endpoint = stage_accept(stage, 0), mirrored = stage_accept(stage, 1);
    player_expect(&endpoint, "\r\n\r\n");
    player_expect(&mirrored, "\r\n\r\n");

    player_send(&mirrored, ok);
    player_expect_nothing(&client);
    player_send(&endpoint, ok);

    assert_int_equal(strlen(hear(&client, "set-cookie: sid=").token), TOKEN_LENGTH);
    player_close(&mirrored);
    players_close(&client, &endpoint);
}

/* The authorization service is at endpoint 1; it has answered the client's request. */
static struct player ask_gate(struct stage *stage, struct player *client, const char *fields,
                              const char *answer)
{
    char request[256];
    snprintf(request, sizeof(request), "GET / HTTP/1.1\r\nHost: a\r\n%s\r\n", fields);
    *client = stage_connect(stage);
    player_send(client, request);
    struct player gate = stage_accept(stage, 1);
    player_expect(&gate, "\r\n\r\n");
    player_send(&gate, answer);
    return gate;
}

/* SESSION-11 SESSION-1 */
static void only_what_is_authorized_has_a_session(void **state)
{
    struct stage *stage = *state;
    stage->route.filters = "auth:gate auth-allow:cookie";
    stage->route.gate_port = stage->endpoint_ports[1];
    stage->endpoint_count = 1;
    stage_start(stage);
    struct player client;
    struct player gate =
        ask_gate(stage, &client, "", "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n");
    struct told refused = hear(&client, "set-cookie: sid=");
    assert_non_null(strstr(refused.head, " 403 "));
    assert_string_equal(refused.token, "");
    players_close(&client, &gate);

    gate = ask_gate(stage, &client, "", ok);
    struct player endpoint = stage_accept(stage, 0);
    player_expect(&endpoint, "\r\n\r\n");
    player_send(&endpoint, ok);
    struct told allowed = hear(&client, "set-cookie: sid=");
    assert_int_equal(strlen(allowed.token), TOKEN_LENGTH);
    player_close(&gate);
    players_close(&client, &endpoint);

    char cookie[128];
    snprintf(cookie, sizeof(cookie), "Cookie: sid=%s\r\n", allowed.token);
    gate = ask_gate(stage, &client, cookie, ok);
    endpoint = stage_accept(stage, 0);
    player_expect(&endpoint, cookie);
    player_send(&endpoint, ok);
    assert_string_equal(hear(&client, "set-cookie: ").token, "");
    player_close(&gate);
    players_close(&client, &endpoint);
}

#define SESSION_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, stage_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SESSION_TEST(a_first_answer_sets_a_cookie),
        SESSION_TEST(nobody_but_a_trusted_peer_says_that_it_is_secure),
        SESSION_TEST(a_client_that_shows_it_comes_back_and_is_told_nothing),
        SESSION_TEST(the_first_cookie_of_its_name_counts_in_whatever_field),
        SESSION_TEST(what_is_no_token_begins_a_session),
        SESSION_TEST(the_service_sees_the_cookie),
        SESSION_TEST(a_permanent_cookie_says_how_long),
        SESSION_TEST(another_cookie_does_not),
        SESSION_TEST(a_session_that_is_over_begins_anew),
        SESSION_TEST(without_a_limit_a_session_lasts),
        SESSION_TEST(a_session_of_a_clock_that_is_ahead_has_begun_now),
        SESSION_TEST(a_header_is_in_every_answer),
        SESSION_TEST(a_header_of_the_service_gives_way),
        SESSION_TEST(cookies_of_the_service_stay),
        SESSION_TEST(filters_do_not_reach_it_and_leave_room),
        SESSION_TEST(an_answer_of_many_fields_has_room_for_it),
        SESSION_TEST(an_endpoint_that_is_gone_gives_its_sessions_to_others),
        SESSION_TEST(a_try_elsewhere_moves_the_session),
        SESSION_TEST(answers_of_the_proxy_have_no_token),
        SESSION_TEST(an_answer_that_never_comes_has_no_token),
        SESSION_TEST(a_session_waits_for_its_endpoint),
        SESSION_TEST(where_the_line_is_full_the_session_moves),
        SESSION_TEST(a_copy_has_no_session),
        SESSION_TEST(only_what_is_authorized_has_a_session),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
