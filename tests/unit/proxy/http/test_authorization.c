#include "tests/unit/cmocka_all.h"
#include "tests/unit/proxy/http/authorization_stage.h"

#include <stdlib.h>
#include <string.h>

/* --- the question ---------------------------------------------------------------------------- */

/* FLT-AUTH-3, FLT-AUTH-7 */
static void the_service_is_asked_with_what_it_always_gets(void **state)
{
    struct stage *stage = authorization_start(state, "auth:gate");
    struct player client = stage_connect(stage);

    player_send(&client, authorization_get);

    struct player gate = stage_accept(stage, GATE);
    const char *head = authorization_read_head(&gate);
    assert_has(head, "GET /page?a=1 HTTP/1.1\r\nhost: a.example\r\n");
    assert_has(head, "Authorization: Basic eA==\r\n");
    assert_has(head, "content-length: 0\r\n");
    assert_lacks(head, "Cookie");
    assert_lacks(head, "X-User");
    assert_lacks(head, "X-Other");
    assert_false(stage_has_connection(stage, SERVICE));
    players_close(&client, &gate);
}

/* FLT-AUTH-4 */
static void the_service_is_told_of_the_client_as_backends_are(void **state)
{
    struct stage *stage = authorization_start(state, "auth:gate");
    struct player client = stage_connect(stage);

    player_send(&client, "GET / HTTP/1.1\r\nHost: a.example\r\nX-Forwarded-For: 6.6.6.6\r\n\r\n");

    struct player gate = stage_accept(stage, GATE);
    const char *head = authorization_read_head(&gate);
    assert_has(head, "x-forwarded-for: 127.0.0.1\r\n");
    assert_has(head, "x-forwarded-proto: http\r\n");
    assert_has(head, "x-forwarded-host: a.example\r\n");
    assert_has(head, "x-request-id: ");
    assert_lacks(head, "6.6.6.6");
    players_close(&client, &gate);
}

/* FLT-AUTH-3 */
static void allowed_headers_are_told_too(void **state)
{
    struct stage *stage =
        authorization_start(state, "auth:gate auth-allow:COOKIE auth-allow:x-other");
    struct player client = stage_connect(stage);

    player_send(&client, authorization_get);

    struct player gate = stage_accept(stage, GATE);
    const char *head = authorization_read_head(&gate);
    assert_has(head, "Cookie: c=1\r\n");
    assert_has(head, "X-Other: mine\r\n");
    assert_has(head, "Authorization: Basic eA==\r\n");
    assert_lacks(head, "X-User");
    players_close(&client, &gate);
}

static void headers_of_the_clients_connection_are_told_to_nobody(void **state)
{
    struct stage *stage =
        authorization_start(state, "auth:gate auth-allow:X-Hop auth-allow:Keep-Alive");
    struct player client = stage_connect(stage);

    player_send(&client, "GET / HTTP/1.1\r\nHost: a\r\nConnection: X-Hop\r\nX-Hop: 1\r\n"
                         "Keep-Alive: 3\r\n\r\n");

    struct player gate = stage_accept(stage, GATE);
    const char *head = authorization_read_head(&gate);
    assert_lacks(head, "X-Hop");
    assert_lacks(head, "Keep-Alive");
    players_close(&client, &gate);
}

/* FLT-AUTH-3 */
static void the_filters_path_stands_in_front_of_the_requests(void **state)
{
    struct stage *stage = authorization_start(state, "auth:gate auth-path:/check/");
    struct player client = stage_connect(stage);

    player_send(&client, "GET /p%61ge HTTP/1.1\r\nHost: a\r\n\r\n");

    struct player gate = stage_accept(stage, GATE);
    player_expect(&gate, "GET /check/page HTTP/1.1\r\n");
    players_close(&client, &gate);
}

/* FLT-AUTH-3 */
static void the_server_itself_is_asked_about_at_the_filters_path(void **state)
{
    struct stage *stage = authorization_start(state, "auth:gate auth-path:/check");
    struct player client = stage_connect(stage);

    player_send(&client, "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n");

    struct player gate = stage_accept(stage, GATE);
    player_expect(&gate, "OPTIONS /check HTTP/1.1\r\n");
    players_close(&client, &gate);
}

/* FLT-AUTH-7 */
static void without_forward_body_the_service_gets_none(void **state)
{
    struct stage *stage = authorization_start(state, "auth:gate");
    struct player client = stage_connect(stage);

    struct player gate = authorization_ask_about(
        stage, &client, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello");
    player_expect_nothing(&gate);
    player_send(&gate, authorization_allowed);

    struct player service = stage_accept(stage, SERVICE);
    player_expect(&service, "content-length: 5\r\n\r\nhello");
    authorization_close(&client, &gate, &service);
}

/* FLT-AUTH-14 */
static void a_websocket_is_asked_about_as_a_get(void **state)
{
    struct stage *stage = authorization_start(state, "auth:gate");
    struct player client = stage_connect(stage);

    player_send(&client, "GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\n"
                         "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
                         "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n");

    struct player gate = stage_accept(stage, GATE);
    const char *head = authorization_read_head(&gate);
    assert_has(head, "GET /ws HTTP/1.1\r\n");
    assert_lacks(head, "pgrade");
    assert_lacks(head, "websocket");
    player_expect(&gate, "\r\n\r\n");
    player_send(&gate, authorization_allowed);
    struct player service = stage_accept(stage, SERVICE);
    player_expect(&service, "upgrade: websocket\r\n");
    authorization_close(&client, &gate, &service);
}

/* --- the order of filters -------------------------------------------------------------------- */

/* FLT-AUTH-11 */
static void filters_in_front_of_it_are_seen_by_the_service(void **state)
{
    struct stage *stage =
        authorization_start(state, "set:X-Tenant=one rewrite-host:b.example rewrite-path:/new "
                                   "auth:gate auth-allow:X-Tenant auth-take:X-Tenant");
    struct player client = stage_connect(stage);

    player_send(&client, authorization_get);

    struct player gate = stage_accept(stage, GATE);
    player_expect(&gate, "GET /new?a=1 HTTP/1.1\r\nhost: b.example\r\n");
    player_expect(&gate, "X-Tenant: one\r\n");
    player_expect(&gate, "\r\n\r\n");
    player_send(&gate, "HTTP/1.1 200 OK\r\nX-Tenant: two\r\nContent-Length: 0\r\n\r\n");
    struct player service = stage_accept(stage, SERVICE);
    const char *head = authorization_read_head(&service);
    assert_has(head, "GET /new?a=1 HTTP/1.1\r\nhost: b.example\r\n");
    assert_has(head, "X-Tenant: two\r\n");
    assert_lacks(head, "one");
    authorization_close(&client, &gate, &service);
}

/* FLT-AUTH-11 */
static void filters_behind_it_edit_what_the_service_has_added(void **state)
{
    struct stage *stage =
        authorization_start(state, "auth:gate auth-take:X-User add:X-User=more rewrite-path:/new");
    struct player client = stage_connect(stage);

    player_send(&client, authorization_get);

    struct player gate = stage_accept(stage, GATE);
    player_expect(&gate, "GET /page?a=1 HTTP/1.1\r\nhost: a.example\r\n");
    player_expect(&gate, "\r\n\r\n");
    player_send(&gate, "HTTP/1.1 200 OK\r\nX-User: kim\r\nContent-Length: 0\r\n\r\n");
    struct player service = stage_accept(stage, SERVICE);
    const char *head = authorization_read_head(&service);
    assert_has(head, "GET /new?a=1 HTTP/1.1\r\n");
    assert_has(head, "X-User: kim,more\r\n");
    authorization_close(&client, &gate, &service);
}

/* FLT-AUTH-11 */
static void filters_of_the_backend_ref_come_behind_it(void **state)
{
    struct stage *stage = *state;
    stage->route.backend_filters = "add:X-User=backend";
    authorization_start(state, "add:X-User=rule auth:gate auth-allow:X-User auth-take:X-User");
    struct player client = stage_connect(stage);

    player_send(&client, authorization_get);

    struct player gate = stage_accept(stage, GATE);
    player_expect(&gate, "X-User: evil,rule\r\n");
    player_expect(&gate, "\r\n\r\n");
    player_send(&gate, "HTTP/1.1 200 OK\r\nX-User: kim\r\nContent-Length: 0\r\n\r\n");
    struct player service = stage_accept(stage, SERVICE);
    assert_has(authorization_read_head(&service), "X-User: kim,backend\r\n");
    authorization_close(&client, &gate, &service);
}

static const char preflight[] = "OPTIONS / HTTP/1.1\r\nHost: a\r\nOrigin: https://app\r\n"
                                "Access-Control-Request-Method: GET\r\n\r\n";

/* FLT-AUTH-10 */
static void a_preflight_is_answered_without_a_question(void **state)
{
    struct stage *stage = authorization_start(state, "auth:gate cors cors-origin:https://app");
    struct player client = stage_connect(stage);

    player_send(&client, preflight);

    player_expect(&client, "HTTP/1.1 200 OK\r\n");
    player_expect(&client, "access-control-allow-origin: https://app\r\n");
    assert_false(stage_has_connection(stage, GATE));
    player_close(&client);
}

/* FLT-AUTH-10 */
static void a_preflight_without_permissions_to_give_is_asked_about(void **state)
{
    struct stage *stage = authorization_start(state, "auth:gate");
    struct player client = stage_connect(stage);

    struct player gate = authorization_ask_about(stage, &client, preflight);

    player_expect_nothing(&client);
    assert_false(stage_has_connection(stage, SERVICE));
    players_close(&client, &gate);
}

/* FLT-AUTH-10 */
static void a_redirect_is_only_for_who_is_allowed(void **state)
{
    struct stage *stage = *state;
    stage->route.backend_filters = "redirect redirect-host:b.example";
    authorization_start(state, "auth:gate");
    struct player client = stage_connect(stage);

    struct player gate = authorization_ask_about(stage, &client, authorization_get);
    player_expect_nothing(&client);
    player_send(&gate, authorization_allowed);

    player_expect(&client, "HTTP/1.1 302 Found\r\n");
    player_expect(&client, "location: http://b.example");
    players_close(&client, &gate);
}

/* FLT-AUTH-10 */
static void a_redirect_that_is_listed_first_is_too(void **state)
{
    struct stage *stage = authorization_start(state, "redirect redirect-host:b.example auth:gate");
    struct player client = stage_connect(stage);

    struct player gate = authorization_ask_about(stage, &client, authorization_get);
    player_send(&gate, "HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno");

    player_expect(&client, "HTTP/1.1 403 Forbidden\r\n");
    player_expect(&client, "\r\n\r\nno");
    players_close(&client, &gate);
}

/* --- mirrors --------------------------------------------------------------------------------- */

/* FLT-AUTH-15 */
static void what_is_refused_is_not_mirrored(void **state)
{
    struct stage *stage = *state;
    stage->route.mirror_port = stage->endpoint_ports[SERVICE];
    authorization_start(state, "auth:gate mirror:mirror");
    struct player client = stage_connect(stage);
    struct player gate = authorization_ask_about(stage, &client, authorization_get);
    assert_false(stage_has_connection(stage, SERVICE));

    player_send(&gate, "HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n");

    player_expect(&client, "HTTP/1.1 403 No\r\n");
    assert_false(stage_has_connection(stage, SERVICE));
    assert_int_equal(counter_read(&stage->worker->counters->mirrors_started), 0);
    assert_int_equal(counter_read(&stage->worker->counters->mirrors_dropped), 0);
    players_close(&client, &gate);
}

/* FLT-AUTH-15 */
static void what_is_allowed_is_mirrored_as_it_is_forwarded(void **state)
{
    struct stage *stage = *state;
    stage->route.mirror_port = stage->endpoint_ports[SERVICE];
    authorization_start(state, "mirror:mirror auth:gate auth-take:X-User");
    struct player client = stage_connect(stage);
    struct player gate = authorization_ask_about(stage, &client,
                                                 "POST / HTTP/1.1\r\nHost: a\r\nX-User: evil\r\n"
                                                 "Content-Length: 4\r\n\r\nab");
    player_send(&client, "c");
    player_expect_nothing(&gate);

    player_send(&gate, "HTTP/1.1 200 OK\r\nX-User: kim\r\nContent-Length: 0\r\n\r\n");
    player_send(&client, "d");

    for (int i = 0; i < 2; i++) {
        struct player either = stage_accept(stage, SERVICE);
        player_expect(&either, "X-User: kim\r\n");
        player_expect(&either, "\r\n\r\nabcd");
        player_close(&either);
    }
    players_close(&client, &gate);
}

int main(void)
{
#define ON_STAGE(test) cmocka_unit_test_setup_teardown(test, authorization_set_up, stage_tear_down)
    const struct CMUnitTest tests[] = {
        ON_STAGE(the_service_is_asked_with_what_it_always_gets),
        ON_STAGE(the_service_is_told_of_the_client_as_backends_are),
        ON_STAGE(allowed_headers_are_told_too),
        ON_STAGE(headers_of_the_clients_connection_are_told_to_nobody),
        ON_STAGE(the_filters_path_stands_in_front_of_the_requests),
        ON_STAGE(the_server_itself_is_asked_about_at_the_filters_path),
        ON_STAGE(without_forward_body_the_service_gets_none),
        ON_STAGE(a_websocket_is_asked_about_as_a_get),
        ON_STAGE(filters_in_front_of_it_are_seen_by_the_service),
        ON_STAGE(filters_behind_it_edit_what_the_service_has_added),
        ON_STAGE(filters_of_the_backend_ref_come_behind_it),
        ON_STAGE(a_preflight_is_answered_without_a_question),
        ON_STAGE(a_preflight_without_permissions_to_give_is_asked_about),
        ON_STAGE(a_redirect_is_only_for_who_is_allowed),
        ON_STAGE(a_redirect_that_is_listed_first_is_too),
        ON_STAGE(what_is_refused_is_not_mirrored),
        ON_STAGE(what_is_allowed_is_mirrored_as_it_is_forwarded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
