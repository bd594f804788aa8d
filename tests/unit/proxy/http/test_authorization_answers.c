#include "tests/unit/cmocka_all.h"
#include "tests/unit/proxy/http/authorization_stage.h"

#include <stdlib.h>
#include <string.h>

static const char ok[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/* --- 200 ------------------------------------------------------------------------------------- */

/* FLT-AUTH-2 */
static void what_is_allowed_is_forwarded(void **state)
{
    struct stage *stage = authorization_start(state, "auth:gate");
    struct player client = stage_connect(stage);
    struct player gate = authorization_ask_about(stage, &client, authorization_get);

    player_send(&gate, authorization_allowed);
    struct player service = stage_accept(stage, SERVICE);
    player_expect(&service, "GET /page?a=1 HTTP/1.1\r\nhost: a.example\r\n");
    player_expect(&service, "\r\n\r\n");
    player_send(&service, ok);

    player_expect(&client, "HTTP/1.1 200 OK\r\n");
    player_expect(&client, "\r\n\r\nok");
    assert_int_equal(authorization_refused(stage, DENIAL_AUTHORIZATION_REFUSED), 0);
    assert_int_equal(authorization_refused(stage, DENIAL_AUTHORIZATION_FAILED), 0);
    authorization_close(&client, &gate, &service);
}

static void the_next_request_is_asked_about_on_the_same_connection(void **state)
{
    struct stage *stage = authorization_start(state, "auth:gate");
    struct player client = stage_connect(stage);
    struct player gate = authorization_ask_about(stage, &client, authorization_get);
    player_send(&gate, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n");
    player_expect_nothing(&client);
    player_send(&gate, "ok");
    struct player service = stage_accept(stage, SERVICE);
    player_expect(&service, "\r\n\r\n");
    player_send(&service, ok);
    player_expect(&client, "\r\n\r\nok");

    player_send(&client, authorization_get);

    player_expect(&gate, "GET /page?a=1 HTTP/1.1\r\n");
    player_expect(&gate, "\r\n\r\n");
    player_send(&gate, authorization_allowed);
    player_expect(&service, "GET /page?a=1 HTTP/1.1\r\n");
    authorization_close(&client, &gate, &service);
}

/* FLT-AUTH-5 */
static void headers_of_the_answer_replace_the_clients(void **state)
{
    struct stage *stage =
        authorization_start(state, "auth:gate auth-take:x-user auth-take:X-Groups");
    struct player client = stage_connect(stage);
    struct player gate = authorization_ask_about(stage, &client, authorization_get);

    player_send(&gate, "HTTP/1.1 200 OK\r\nX-USER: kim\r\nX-Groups: a\r\nX-Groups: b\r\n"
                       "X-Other: theirs\r\nContent-Length: 0\r\n\r\n");

    struct player service = stage_accept(stage, SERVICE);
    const char *head = authorization_read_head(&service);
    assert_has(head, "X-USER: kim\r\n");
    assert_has(head, "X-Groups: a\r\nX-Groups: b\r\n");
    assert_has(head, "X-Other: mine\r\n");
    assert_lacks(head, "evil");
    assert_lacks(head, "theirs");
    authorization_close(&client, &gate, &service);
}

/* FLT-AUTH-5 */
static void no_client_says_itself_who_it_is(void **state)
{
    struct stage *stage = authorization_start(state, "auth:gate auth-take:X-User");
    struct player client = stage_connect(stage);
    struct player gate =
        authorization_ask_about(stage, &client,
                                "GET / HTTP/1.1\r\nHost: a\r\nx-user: evil\r\nX-USER: evil\r\n"
                                "X_User: evil\r\nX.User: evil\r\nConnection: X-User\r\n\r\n");

    player_send(&gate, authorization_allowed);

    struct player service = stage_accept(stage, SERVICE);
    const char *head = authorization_read_head(&service);
    assert_lacks(head, "evil");
    authorization_close(&client, &gate, &service);
}

/* FLT-AUTH-5 */
static void no_client_says_who_it_is_in_trailers(void **state)
{
    struct stage *stage = authorization_start(state, "auth:gate auth-take:X-User");
    struct player client = stage_connect(stage);
    struct player gate =
        authorization_ask_about(stage, &client,
                                "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                                "2\r\nab\r\n0\r\nX-User: evil\r\n\r\n");
    player_send(&gate, authorization_allowed);
    struct player service = stage_accept(stage, SERVICE);
    player_expect(&service, "\r\n\r\n2\r\nab\r\n0\r\n\r\n");
    player_send(&service, ok);
    player_expect(&client, "\r\n\r\nok");

    player_send(&client, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
    player_expect(&gate, "\r\n\r\n");
    player_send(&gate, authorization_allowed);
    player_expect(&service, "\r\n\r\n");
    player_send(&client, "2\r\nab\r\n0\r\nX-User: evil\r\n\r\n");

    player_expect(&service, "2\r\nab\r\n0\r\n\r\n");
    authorization_close(&client, &gate, &service);
}

/* FLT-AUTH-5: the client cannot have the proxy take the service's word away. */
static void a_header_that_the_client_names_in_connection_is_the_services_all_the_same(void **state)
{
    struct stage *stage = authorization_start(state, "auth:gate auth-take:X-User");
    struct player client = stage_connect(stage);
    struct player gate = authorization_ask_about(
        stage, &client, "GET / HTTP/1.1\r\nHost: a\r\nConnection: X-User\r\n\r\n");

    player_send(&gate, "HTTP/1.1 200 OK\r\nX-User: kim\r\nContent-Length: 0\r\n\r\n");

    struct player service = stage_accept(stage, SERVICE);
    assert_has(authorization_read_head(&service), "X-User: kim\r\n");
    authorization_close(&client, &gate, &service);
}

/* FLT-AUTH-6 */
static void all_headers_of_the_answer_are_taken_over_when_none_is_named(void **state)
{
    struct stage *stage = authorization_start(state, "auth:gate");
    struct player client = stage_connect(stage);
    struct player gate =
        authorization_ask_about(stage, &client,
                                "POST / HTTP/1.1\r\nHost: a\r\nContent-Type: text/plain\r\n"
                                "X-User: evil\r\nContent-Length: 2\r\n\r\nhi");

    player_send(&gate, "HTTP/1.1 200 OK\r\nX-User: kim\r\nAuthorization: Bearer inner\r\n"
                       "Host: evil\r\nConnection: X-Hop\r\nX-Hop: hop\r\nKeep-Alive: 5\r\n"
                       "Content-Type: text/html\r\nContent-Encoding: gzip\r\n"
                       "X-Forwarded-For: 9.9.9.9\r\nX-Forwarded-User: kim\r\nX_Cgi: 1\r\n"
                       "Proxy: x\r\nContent-Length: 0\r\n\r\n");

    struct player service = stage_accept(stage, SERVICE);
    const char *head = authorization_read_head(&service);
    assert_has(head, "host: a\r\n");
    assert_has(head, "X-User: kim\r\n");
    assert_has(head, "X-Forwarded-User: kim\r\n");
    assert_has(head, "Authorization: Bearer inner\r\n");
    assert_has(head, "Content-Type: text/plain\r\n");
    assert_has(head, "content-length: 2\r\n");
    assert_has(head, "x-forwarded-for: 127.0.0.1\r\n");
    static const char *const others[] = {"evil",  "hop",   "Keep-Alive", "html", "gzip",
                                         "9.9.9", "X_Cgi", "Proxy",      "date"};
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        assert_lacks(head, others[i]);
    authorization_close(&client, &gate, &service);
}

/* FLT-AUTH-1 */
static void an_answer_that_breaks_off_allows_nothing(void **state)
{
    struct stage *stage = authorization_start(state, "auth:gate");
    struct player client = stage_connect(stage);
    struct player gate = authorization_ask_about(stage, &client, authorization_get);

    player_send(&gate, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc");
    player_close(&gate);

    player_expect(&client, "HTTP/1.1 502 Bad Gateway\r\n");
    player_expect(&client, "The authorization service's answer is not valid HTTP.");
    assert_false(stage_has_connection(stage, SERVICE));
    assert_int_equal(authorization_refused(stage, DENIAL_AUTHORIZATION_FAILED), 1);
    player_close(&client);
}

/* FLT-AUTH-1 */
static void an_allowing_answer_without_an_end_allows_nothing(void **state)
{
    struct stage *stage = authorization_start(state, "auth:gate");
    struct player client = stage_connect(stage);
    struct player gate = authorization_ask_about(stage, &client, authorization_get);
    char more[1024];
    memset(more, 'x', sizeof(more));

    player_send(&gate, "HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n");
    for (int i = 0; i < 100; i++) {
        player_send_some(&gate, more, sizeof(more));
        stage_turn(stage);
    }

    player_expect(&client, "HTTP/1.1 502 ");
    assert_false(stage_has_connection(stage, SERVICE));
    player_expect_gone(&gate);
    players_close(&client, &gate);
}

static void interim_answers_mean_nothing(void **state)
{
    struct stage *stage = authorization_start(state, "auth:gate");
    struct player client = stage_connect(stage);
    struct player gate = authorization_ask_about(stage, &client, authorization_get);

    player_send(&gate, "HTTP/1.1 100 Continue\r\n\r\n");
    player_send(&gate, "HTTP/1.1 103 Early Hints\r\nX-User: evil\r\n\r\n");
    player_expect_nothing(&client);
    assert_false(stage_has_connection(stage, SERVICE));
    player_send(&gate, authorization_allowed);

    struct player service = stage_accept(stage, SERVICE);
    assert_lacks(authorization_read_head(&service), "Early");
    authorization_close(&client, &gate, &service);
}

/* --- refusals -------------------------------------------------------------------------------- */

/* FLT-AUTH-2 */
static void a_refusal_is_the_services_answer(void **state)
{
    struct stage *stage = authorization_start(state, "auth:gate");
    struct player client = stage_connect(stage);
    struct player gate = authorization_ask_about(stage, &client, authorization_get);

    player_send(&gate, "HTTP/1.1 401 Who are you\r\nWWW-Authenticate: Basic realm=\"x\"\r\n"
                       "Connection: X-Hop\r\nX-Hop: 1\r\nKeep-Alive: 1\r\n"
                       "Content-Type: text/html\r\nContent-Length: 3\r\n\r\nno!");

    player_expect(&client, "HTTP/1.1 401 Who are you\r\nWWW-Authenticate: Basic realm=\"x\"\r\n"
                           "Content-Type: text/html\r\n" STAGE_DATE "content-length: 3\r\n\r\nno!");
    assert_false(stage_has_connection(stage, SERVICE));
    assert_int_equal(authorization_refused(stage, DENIAL_AUTHORIZATION_REFUSED), 1);
    players_close(&client, &gate);
}

/* FLT-AUTH-2: 200 is the only status that allows. */
static void no_other_status_allows_anything(void **state)
{
    static const char *const statuses[] = {"201", "202", "204", "206", "299", "301",
                                           "304", "401", "403", "429", "500", "503"};
    struct stage *stage = authorization_start(state, "auth:gate");
    struct player client = stage_connect(stage);
    struct player gate = authorization_ask_about(stage, &client, authorization_get);

    for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
        struct buffer answer = BUFFER_EMPTY;
        bool has_body = statuses[i][1] != '0' || statuses[i][2] != '4';
        buffer_printf(&answer, "HTTP/1.1 %s X\r\n%s\r\n", statuses[i],
                      has_body ? "Content-Length: 0\r\n" : "");
        player_send(&gate, buffer_string(&answer));
        buffer_reset(&answer);
        buffer_printf(&answer, "HTTP/1.1 %s X\r\n", statuses[i]);
        player_expect(&client, buffer_string(&answer));
        player_expect(&client, "\r\n\r\n");
        assert_false(stage_has_connection(stage, SERVICE));
        buffer_clear(&answer);
        player_send(&client, authorization_get);
        player_expect(&gate, "\r\n\r\n");
    }
    players_close(&client, &gate);
}

static void a_refusal_of_head_has_no_body(void **state)
{
    struct stage *stage = authorization_start(state, "auth:gate");
    struct player client = stage_connect(stage);
    struct player gate =
        authorization_ask_about(stage, &client, "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n");

    player_send(&gate, "HTTP/1.1 403 No\r\nContent-Length: 9\r\n\r\n");

    player_expect(&client, "HTTP/1.1 403 No\r\n" STAGE_DATE "content-length: 9\r\n\r\n");
    player_expect_nothing(&client);
    players_close(&client, &gate);
}

/* FLT-5 */
static void response_filters_are_for_refusals_too(void **state)
{
    struct stage *stage =
        authorization_start(state, "auth:gate response-set:X-New=1 cors cors-origin:https://app");
    struct player client = stage_connect(stage);
    struct player gate = authorization_ask_about(
        stage, &client, "GET / HTTP/1.1\r\nHost: a\r\nOrigin: https://app\r\n\r\n");

    player_send(&gate, "HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n");

    player_expect(&client, "HTTP/1.1 401 No\r\n");
    player_expect(&client, "X-New: 1\r\n");
    player_expect(&client, "access-control-allow-origin: https://app\r\n");
    players_close(&client, &gate);
}

/* A page that is too long to be held goes through as the client reads it. */
static void a_long_refusal_is_passed_on_as_it_is_read(void **state)
{
    enum { LENGTH = 20000000 };
    struct stage *stage = authorization_start(state, "auth:gate");
    struct player client = stage_connect(stage);
    struct player gate = authorization_ask_about(stage, &client, authorization_get);
    char *page = memory_allocate(LENGTH);
    memset(page, 'p', LENGTH);

    player_send(&gate, "HTTP/1.1 403 No\r\nTransfer-Encoding: chunked\r\n\r\n1312d00\r\n");
    size_t sent = 0;
    for (int idle = 0; idle < 100; idle++) {
        size_t more = player_send_some(&gate, page + sent, LENGTH - sent);
        stage_turn(stage);
        sent += more;
        if (more > 0)
            idle = 0;
    }
    assert_true(sent < LENGTH);
    while (sent < LENGTH) {
        sent += player_send_some(&gate, page + sent, LENGTH - sent);
        stage_turn(stage);
        player_read(&client);
    }
    player_send(&gate, "\r\n0\r\nX-End: 1\r\n\r\n");

    player_expect(&client, "HTTP/1.1 403 No\r\n");
    player_expect(&client, "\r\n0\r\n\r\n");
    free(page);
    players_close(&client, &gate);
}

static void a_refusal_that_breaks_off_is_seen_to(void **state)
{
    struct stage *stage = authorization_start(state, "auth:gate");
    struct player client = stage_connect(stage);
    struct player gate = authorization_ask_about(stage, &client, authorization_get);

    player_send(&gate, "HTTP/1.1 403 No\r\nContent-Length: 10\r\n\r\nabc");
    player_expect(&client, "\r\n\r\nabc");
    player_close(&gate);

    player_expect_end(&client);
    player_close(&client);
}

/* A client that is not allowed to send its body is not asked for it. */
static void expect_is_not_answered_before_the_authorization_is_there(void **state)
{
    struct stage *stage = authorization_start(state, "auth:gate");
    struct player client = stage_connect(stage);
    struct player gate =
        authorization_ask_about(stage, &client,
                                "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n"
                                "Expect: 100-continue\r\n\r\n");
    player_expect_nothing(&client);

    player_send(&gate, authorization_allowed);
    player_expect(&client, "HTTP/1.1 100 Continue\r\n\r\n");
    player_send(&client, "hi");

    struct player service = stage_accept(stage, SERVICE);
    player_expect(&service, "\r\n\r\nhi");
    authorization_close(&client, &gate, &service);
}

static void a_refused_client_does_not_send_its_body(void **state)
{
    struct stage *stage = authorization_start(state, "auth:gate");
    struct player client = stage_connect(stage);
    struct player gate =
        authorization_ask_about(stage, &client,
                                "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n"
                                "Expect: 100-continue\r\n\r\n");

    player_send(&gate, "HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n");

    player_expect(&client, "HTTP/1.1 401 No\r\n");
    player_expect(&client, "connection: close\r\n\r\n");
    players_close(&client, &gate);
}

int main(void)
{
#define ON_STAGE(test) cmocka_unit_test_setup_teardown(test, authorization_set_up, stage_tear_down)
    const struct CMUnitTest tests[] = {
        ON_STAGE(what_is_allowed_is_forwarded),
        ON_STAGE(the_next_request_is_asked_about_on_the_same_connection),
        ON_STAGE(headers_of_the_answer_replace_the_clients),
        ON_STAGE(no_client_says_itself_who_it_is),
        ON_STAGE(no_client_says_who_it_is_in_trailers),
        ON_STAGE(a_header_that_the_client_names_in_connection_is_the_services_all_the_same),
        ON_STAGE(all_headers_of_the_answer_are_taken_over_when_none_is_named),
        ON_STAGE(an_answer_that_breaks_off_allows_nothing),
        ON_STAGE(an_allowing_answer_without_an_end_allows_nothing),
        ON_STAGE(interim_answers_mean_nothing),
        ON_STAGE(a_refusal_is_the_services_answer),
        ON_STAGE(no_other_status_allows_anything),
        ON_STAGE(a_refusal_of_head_has_no_body),
        ON_STAGE(response_filters_are_for_refusals_too),
        ON_STAGE(a_long_refusal_is_passed_on_as_it_is_read),
        ON_STAGE(a_refusal_that_breaks_off_is_seen_to),
        ON_STAGE(expect_is_not_answered_before_the_authorization_is_there),
        ON_STAGE(a_refused_client_does_not_send_its_body),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
