#include "tests/unit/cmocka_all.h"
#include "tests/unit/proxy/http/stage.h"

#include <string.h>

static const char get[] = "GET /old/page?x=1 HTTP/1.1\r\nHost: a.example\r\nX-A: one\r\n\r\n";
static const char ok[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-B: two\r\n\r\nok";

/* A stage whose rule matches /old and has these filters; either may be NULL. */
static struct stage *start(void **state, const char *filters, const char *backend_filters)
{
    struct stage *stage = *state;
    stage->route.prefix = "/old";
    stage->route.filters = filters;
    stage->route.backend_filters = backend_filters;
    stage_start(stage);
    return stage;
}

/* The client sends `request`; what the endpoint receives contains `expected`. */
static struct player expect_forwarded(struct stage *stage, struct player *client,
                                      const char *request, const char *expected)
{
    player_send(client, request);
    struct player endpoint = stage_accept(stage, 0);
    player_expect(&endpoint, expected);
    return endpoint;
}

/* The head that comes, and stays to be looked at, has no such text. */
static void expect_head_without(struct player *player, const char *text)
{
    while (strstr(buffer_string(&player->received), "\r\n\r\n") == NULL)
        player_expect_bytes(player, player->received.length + 1);
    assert_null(strstr(buffer_string(&player->received), text));
}

static void the_endpoint_sees_edited_headers(void **state)
{
    struct stage *stage = start(state, "set:X-New=1 add:X-A=more", NULL);
    struct player client = stage_connect(stage);

    struct player endpoint = expect_forwarded(stage, &client, get, "X-A: one,more\r\n");

    player_expect(&endpoint, "X-New: 1\r\n\r\n");
    players_close(&client, &endpoint);
}

static void the_endpoint_does_not_see_removed_headers(void **state)
{
    struct stage *stage = start(state, "remove:x-a remove:X-Request-ID", NULL);
    struct player client = stage_connect(stage);
    player_send(&client, get);
    struct player endpoint = stage_accept(stage, 0);

    expect_head_without(&endpoint, "X-A");
    expect_head_without(&endpoint, "x-request-id");

    players_close(&client, &endpoint);
}

static void filters_have_the_last_word_over_what_the_proxy_adds(void **state)
{
    struct stage *stage = start(state, "set:X-Forwarded-Proto=https", NULL);
    struct player client = stage_connect(stage);
    struct player endpoint = expect_forwarded(stage, &client, get, "X-Forwarded-Proto: https\r\n");

    player_expect(&endpoint, "\r\n\r\n");
    players_close(&client, &endpoint);
}

static void a_header_of_the_connection_is_not_added_to(void **state)
{
    struct stage *stage = start(state, "add:X-Hop=new", NULL);
    struct player client = stage_connect(stage);

    struct player endpoint = expect_forwarded(
        stage, &client, "GET /old HTTP/1.1\r\nHost: a\r\nConnection: X-Hop\r\nX-Hop: old\r\n\r\n",
        "X-Hop: new\r\n");

    players_close(&client, &endpoint);
}

static void the_client_sees_edited_headers(void **state)
{
    struct stage *stage = start(
        state, "response-set:X-New=1 response-add:X-B=more response-add:Set-Cookie=a=1", NULL);
    struct player client = stage_connect(stage);
    struct player endpoint = expect_forwarded(stage, &client, get, "\r\n\r\n");

    player_send(&endpoint, ok);

    player_expect(&client, "HTTP/1.1 200 OK\r\nX-B: two,more\r\n" STAGE_DATE
                           "X-New: 1\r\nSet-Cookie: a=1\r\n"
                           "content-length: 2\r\n\r\nok");
    players_close(&client, &endpoint);
}

static void the_client_does_not_see_removed_headers(void **state)
{
    struct stage *stage = start(state, "response-remove:x-b", NULL);
    struct player client = stage_connect(stage);
    struct player endpoint = expect_forwarded(stage, &client, get, "\r\n\r\n");

    player_send(&endpoint, ok);

    player_expect(&client, "HTTP/1.1 200 OK\r\n" STAGE_DATE "content-length: 2\r\n\r\nok");
    players_close(&client, &endpoint);
}

static void answers_of_the_proxy_are_edited_like_those_of_services(void **state)
{
    struct stage *stage = *state;
    stage->route.has_no_backend = true;
    start(state, "response-set:X-New=1", NULL);
    struct player client = stage_connect(stage);

    player_send(&client, get);

    player_expect(&client, "HTTP/1.1 500 ");
    player_expect(&client, "X-New: 1\r\n");
    player_close(&client);
}

static void a_backend_ref_edits_what_is_answered_in_its_place(void **state)
{
    struct stage *stage = *state;
    stage->route.has_no_backend = true;
    start(state, "response-set:X-New=rule", "response-add:X-New=backend");
    struct player client = stage_connect(stage);

    player_send(&client, get);

    player_expect(&client, "HTTP/1.1 500 ");
    player_expect(&client, "X-New: rule,backend\r\n");
    player_close(&client);
}

static void filters_of_a_backend_ref_come_after_those_of_the_rule(void **state)
{
    struct stage *stage = start(state, "set:X-A=rule add:X-C=rule response-set:X-B=rule",
                                "add:X-A=backend set:X-C=backend response-add:X-B=backend");
    struct player client = stage_connect(stage);

    struct player endpoint = expect_forwarded(stage, &client, get, "X-A: rule,backend\r\n");
    player_expect(&endpoint, "X-C: backend\r\n");
    player_send(&endpoint, ok);

    player_expect(&client, "X-B: rule,backend\r\n");
    players_close(&client, &endpoint);
}

static void filters_of_a_backend_ref_need_none_in_the_rule(void **state)
{
    struct stage *stage = start(state, NULL, "set:X-A=backend");
    struct player client = stage_connect(stage);

    struct player endpoint = expect_forwarded(stage, &client, get, "X-A: backend\r\n");

    players_close(&client, &endpoint);
}

static void there_is_room_for_every_header_a_filter_adds(void **state)
{
    struct buffer words = BUFFER_EMPTY;
    for (int i = 0; i < 100; i++)
        buffer_printf(&words, "add:X-%d=%d ", i, i);
    struct stage *stage = start(state, buffer_string(&words), NULL);
    struct player client = stage_connect(stage);

    struct player endpoint = expect_forwarded(stage, &client, get, "X-0: 0\r\n");

    player_expect(&endpoint, "X-99: 99\r\n");
    buffer_clear(&words);
    players_close(&client, &endpoint);
}

static void the_endpoint_sees_the_rewritten_url(void **state)
{
    struct stage *stage = start(state, "rewrite-host:b.example rewrite-prefix:/new", NULL);
    struct player client = stage_connect(stage);

    struct player endpoint = expect_forwarded(
        stage, &client, get, "GET /new/page?x=1 HTTP/1.1\r\nhost: b.example\r\nX-A: one\r\n");

    player_expect(&endpoint, "x-forwarded-host: a.example\r\n");
    players_close(&client, &endpoint);
}

static void the_rewrite_of_a_backend_ref_replaces_that_of_the_rule(void **state)
{
    struct stage *stage =
        start(state, "rewrite-host:b.example rewrite-prefix:/new", "rewrite-prefix:/newer");
    struct player client = stage_connect(stage);

    struct player endpoint = expect_forwarded(
        stage, &client, get, "GET /newer/page?x=1 HTTP/1.1\r\nhost: b.example\r\n");

    players_close(&client, &endpoint);
}

static void a_second_try_sends_the_same_head(void **state)
{
    struct stage *stage = start(state, "add:X-A=more rewrite-path:/new", NULL);
    struct player client = stage_connect(stage);
    struct player endpoint = expect_forwarded(stage, &client, get, "\r\n\r\n");
    player_send(&endpoint, ok);
    player_expect(&client, "\r\n\r\nok");

    player_send(&client, get);
    player_expect(&endpoint, "\r\n\r\n");
    player_close(&endpoint);
    struct player second = stage_accept(stage, 0);

    player_expect(&second, "GET /new?x=1 HTTP/1.1\r\nhost: a.example\r\nX-A: one,more\r\n");
    players_close(&client, &second);
}

static void a_redirect_is_answered_here(void **state)
{
    struct stage *stage = start(state, "redirect-host:b.example redirect-port:8000", NULL);
    struct player client = stage_connect(stage);

    player_send(&client, get);

    player_expect(&client, "HTTP/1.1 302 Found\r\n");
    player_expect(&client, "location: http://b.example:8000/old/page?x=1\r\n"
                           "content-length: 0\r\n\r\n");
    assert_false(stage_has_connection(stage, 0));
    player_close(&client);
}

static void a_redirect_leaves_the_connection_open(void **state)
{
    struct stage *stage = start(state, "redirect-scheme:https redirect-code:301", NULL);
    struct player client = stage_connect(stage);

    for (int i = 0; i < 2; i++) {
        player_send(&client, get);
        player_expect(&client, "HTTP/1.1 301 Moved Permanently\r\n");
        player_expect(&client, "location: https://a.example/old/page?x=1\r\n"
                               "content-length: 0\r\n\r\n");
    }

    player_expect_nothing(&client);
    player_close(&client);
}

static void who_names_no_host_is_sent_to_the_address_it_came_to(void **state)
{
    struct stage *stage = start(state, "redirect-scheme:https", NULL);
    struct player client = stage_connect(stage);

    player_send(&client, "GET /old/page HTTP/1.0\r\n\r\n");

    player_expect(&client, "\r\nlocation: https://127.0.0.1/old/page\r\n");
    player_expect(&client, "\r\n\r\n");
    player_expect_end(&client);
    player_close(&client);
}

static void every_redirect_status_has_its_reason(void **state)
{
    struct stage *stage = start(state, "redirect-code:303", NULL);
    struct player client = stage_connect(stage);
    static const struct {
        const char *filters;
        const char *line;
    } cases[] = {
        {"redirect-code:303", "HTTP/1.1 303 See Other\r\n"},
        {"redirect-code:307", "HTTP/1.1 307 Temporary Redirect\r\n"},
        {"redirect-code:308", "HTTP/1.1 308 Permanent Redirect\r\n"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        stage->route.filters = cases[i].filters;
        one_route_publish(&stage->route, stage->endpoint_ports, 1);
        player_send(&client, get);
        player_expect(&client, cases[i].line);
        player_expect(&client, "\r\n\r\n");
    }

    player_close(&client);
}

static const char preflight[] =
    "OPTIONS /old HTTP/1.1\r\nHost: a\r\nOrigin: https://app.example\r\n"
    "Access-Control-Request-Method: PUT\r\n\r\n";

static void a_preflight_is_answered_here(void **state)
{
    struct stage *stage = start(state, "cors-origin:https://app.example cors-method:PUT", NULL);
    struct player client = stage_connect(stage);

    player_send(&client, preflight);

    player_expect(&client, "HTTP/1.1 200 OK\r\n");
    player_expect(&client, "access-control-allow-origin: https://app.example\r\n"
                           "access-control-allow-methods: PUT\r\n"
                           "access-control-max-age: 5\r\n"
                           "content-length: 0\r\n\r\n");
    assert_false(stage_has_connection(stage, 0));
    player_close(&client);
}

static void a_preflight_may_be_answered_for_one_backend_ref(void **state)
{
    struct stage *stage = start(state, NULL, "cors-origin:https://app.example");
    struct player client = stage_connect(stage);

    player_send(&client, preflight);

    player_expect(&client, "access-control-allow-origin: https://app.example\r\n");
    assert_false(stage_has_connection(stage, 0));
    player_close(&client);
}

static void options_without_origin_are_forwarded(void **state)
{
    struct stage *stage = start(state, "cors-origin:*", NULL);
    struct player client = stage_connect(stage);

    struct player endpoint = expect_forwarded(
        stage, &client, "OPTIONS /old HTTP/1.1\r\nHost: a\r\n\r\n", "OPTIONS /old HTTP/1.1\r\n");

    players_close(&client, &endpoint);
}

/* The date that we add is part of the answer that filters see. */
static void expect_filtered(void **state, const char *filters, const char *head)
{
    struct stage *stage = start(state, filters, NULL);
    struct player client = stage_connect(stage);
    struct player endpoint = expect_forwarded(stage, &client, get, "\r\n\r\n");

    player_send(&endpoint, ok);

    player_expect(&client, head);
    players_close(&client, &endpoint);
}

static void a_date_that_filters_remove_is_not_added(void **state)
{
    expect_filtered(state, "response-remove:Date",
                    "HTTP/1.1 200 OK\r\nX-B: two\r\ncontent-length: 2\r\n\r\nok");
}

static void a_date_that_filters_set_is_the_only_one(void **state)
{
    expect_filtered(state, "response-set:Date=then",
                    "HTTP/1.1 200 OK\r\nX-B: two\r\nDate: then\r\n"
                    "content-length: 2\r\n\r\nok");
}

static const char from_app[] =
    "GET /old HTTP/1.1\r\nHost: a\r\nOrigin: https://app.example\r\n\r\n";

static void a_response_to_an_allowed_origin_says_so(void **state)
{
    struct stage *stage = start(state,
                                "cors-origin:https://*.example cors-credentials "
                                "remove:Origin",
                                NULL);
    struct player client = stage_connect(stage);
    struct player endpoint = expect_forwarded(stage, &client, from_app, "\r\n\r\n");

    player_send(&endpoint, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n"
                           "Access-Control-Allow-Origin: *\r\n\r\nok");

    player_expect(&client, "HTTP/1.1 200 OK\r\n" STAGE_DATE "vary: origin\r\n"
                           "access-control-allow-origin: https://app.example\r\n"
                           "access-control-allow-credentials: true\r\n"
                           "content-length: 2\r\n\r\nok");
    players_close(&client, &endpoint);
}

static void a_simple_request_from_another_origin_is_served_without_cors_headers(void **state)
{
    struct stage *stage = start(state, "cors-origin:https://other.example", NULL);
    struct player client = stage_connect(stage);
    struct player endpoint = expect_forwarded(stage, &client, from_app, "\r\n\r\n");

    player_send(&endpoint, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n"
                           "Access-Control-Allow-Origin: *\r\n\r\nok");

    player_expect(&client,
                  "HTTP/1.1 200 OK\r\n" STAGE_DATE "vary: origin\r\ncontent-length: 2\r\n\r\nok");
    players_close(&client, &endpoint);
}

static void the_edits_of_a_rule_come_after_its_cors_headers(void **state)
{
    struct stage *stage =
        start(state, "cors-origin:* response-set:access-control-allow-origin=mine", NULL);
    struct player client = stage_connect(stage);
    struct player endpoint = expect_forwarded(stage, &client, from_app, "\r\n\r\n");

    player_send(&endpoint, ok);

    player_expect(&client, "access-control-allow-origin: mine\r\n");
    players_close(&client, &endpoint);
}

int main(void)
{
#define ON_STAGE(test) cmocka_unit_test_setup_teardown(test, stage_set_up, stage_tear_down)
    const struct CMUnitTest tests[] = {
        ON_STAGE(the_endpoint_sees_edited_headers),
        ON_STAGE(the_endpoint_does_not_see_removed_headers),
        ON_STAGE(filters_have_the_last_word_over_what_the_proxy_adds),
        ON_STAGE(a_header_of_the_connection_is_not_added_to),
        ON_STAGE(the_client_sees_edited_headers),
        ON_STAGE(the_client_does_not_see_removed_headers),
        ON_STAGE(a_date_that_filters_remove_is_not_added),
        ON_STAGE(a_date_that_filters_set_is_the_only_one),
        ON_STAGE(answers_of_the_proxy_are_edited_like_those_of_services),
        ON_STAGE(a_backend_ref_edits_what_is_answered_in_its_place),
        ON_STAGE(filters_of_a_backend_ref_come_after_those_of_the_rule),
        ON_STAGE(filters_of_a_backend_ref_need_none_in_the_rule),
        ON_STAGE(there_is_room_for_every_header_a_filter_adds),
        ON_STAGE(the_endpoint_sees_the_rewritten_url),
        ON_STAGE(the_rewrite_of_a_backend_ref_replaces_that_of_the_rule),
        ON_STAGE(a_second_try_sends_the_same_head),
        ON_STAGE(a_redirect_is_answered_here),
        ON_STAGE(a_redirect_leaves_the_connection_open),
        ON_STAGE(who_names_no_host_is_sent_to_the_address_it_came_to),
        ON_STAGE(every_redirect_status_has_its_reason),
        ON_STAGE(a_preflight_is_answered_here),
        ON_STAGE(a_preflight_may_be_answered_for_one_backend_ref),
        ON_STAGE(options_without_origin_are_forwarded),
        ON_STAGE(a_response_to_an_allowed_origin_says_so),
        ON_STAGE(a_simple_request_from_another_origin_is_served_without_cors_headers),
        ON_STAGE(the_edits_of_a_rule_come_after_its_cors_headers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
