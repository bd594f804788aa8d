#include "common/buffer.h"
#include "proxy/routing/route_validate.h"
#include "tests/unit/cmocka_all.h"
#include "tests/unit/proxy/routing/route_text.h"

#include <stdlib.h>
#include <string.h>

/* --- helpers -------------------------------------------------------------------------------- */

static void gather(void *context, const char *field, const char *message)
{
    buffer_printf(context, "%s: %s\n", field, message);
}

static void expect_route_valid(const char *text)
{
    struct buffer problems = BUFFER_EMPTY;
    RouteMessage *message = route_text_parse(text);
    if (!route_validate(message, gather, &problems))
        fail_msg("'%s': %s", text, buffer_string(&problems));
    route_text_free(message);
    buffer_clear(&problems);
}

static void expect_problem_of(const RouteMessage *message, const char *problem)
{
    struct buffer problems = BUFFER_EMPTY;
    bool is_valid = route_validate(message, gather, &problems);
    if (is_valid || strstr(buffer_string(&problems), problem) == NULL)
        fail_msg("wanted '%s', got '%s'", problem, buffer_string(&problems));
    buffer_clear(&problems);
}

static void expect_problem(const char *text, const char *problem)
{
    RouteMessage *message = route_text_parse(text);
    expect_problem_of(message, problem);
    route_text_free(message);
}

static void expect_backend_problem(const BackendMessage *message, const char *problem)
{
    struct buffer problems = BUFFER_EMPTY;
    bool is_valid = backend_validate(message, gather, &problems);
    if (is_valid || strstr(buffer_string(&problems), problem) == NULL)
        fail_msg("wanted '%s', got '%s'", problem, buffer_string(&problems));
    buffer_clear(&problems);
}

/* --- routes --------------------------------------------------------------------------------- */

static void a_full_route_is_accepted(void **state)
{
    (void)state;
    expect_route_valid("ns/shop host=shop.internal,*.shop.internal,localhost on=web:80 : "
                       "exact:/a method:GET header:x-a=1 header~x-b=[a-z]+ query:q=1 | "
                       "prefix:/b/ | regex:/c/.* -> users-v1:8080*90,users-v2*10");
    expect_route_valid("bare");
}

static void all_problems_are_found_at_once(void **state)
{
    (void)state;
    RouteMessage *message =
        route_text_parse("Bad host=UPPER : exact:a method:get | header:a@b=c -> b*1000001");

    expect_problem_of(message, "name: must be");
    expect_problem_of(message, "hostnames[0]: must be");
    expect_problem_of(message, "rules[0].matches[0].path.value: must start with '/'");
    expect_problem_of(message, "rules[0].matches[0].method: must be one of");
    expect_problem_of(message, "rules[0].backend_refs[0].weight: must be between 0 and 1000000");
    route_text_free(message);
}

/* DOC-11 */
static void names_are_dns_subdomains(void **state)
{
    (void)state;
    assert_true(object_name_is_valid("a"));
    assert_true(object_name_is_valid("a-b.c9"));
    assert_true(object_name_is_valid("ns/a"));
    assert_false(object_name_is_valid(""));
    assert_false(object_name_is_valid("-a"));
    assert_false(object_name_is_valid("a-"));
    assert_false(object_name_is_valid("a..b"));
    assert_false(object_name_is_valid("a.-b"));
    assert_false(object_name_is_valid(".a"));
    assert_false(object_name_is_valid("a."));
    assert_false(object_name_is_valid("a_b"));
    assert_false(object_name_is_valid("A"));
    assert_false(object_name_is_valid("a/b/c"));
    assert_false(object_name_is_valid("/a"));
    assert_false(object_name_is_valid("a/"));
}

/* DOC-11 */
static void a_name_has_at_most_253_characters(void **state)
{
    (void)state;
    char name[255];
    memset(name, 'a', sizeof(name));
    name[253] = '\0';
    assert_true(object_name_is_valid(name));

    name[253] = 'a';
    name[254] = '\0';
    assert_false(object_name_is_valid(name));
}

static void references_resolve_in_the_namespace_of_the_route(void **state)
{
    (void)state;
    char full_name[OBJECT_NAME_BYTES];

    object_name_resolve("shop", "", "users", full_name);
    assert_string_equal(full_name, "users");
    object_name_resolve("team/shop", "", "users", full_name);
    assert_string_equal(full_name, "team/users");
    object_name_resolve("team/shop", "other", "users", full_name);
    assert_string_equal(full_name, "other/users");
}

static void hostnames_are_names_with_at_most_one_wildcard(void **state)
{
    (void)state;
    expect_problem("r host=10.0.0.1 : prefix:/", "hostnames[0]: must be a name, not an IP");
    expect_problem("r host=*.10.0.0.1 : prefix:/", "hostnames[0]: must be a name, not an IP");
    expect_problem("r host=a.*.b : prefix:/", "hostnames[0]: must be a DNS name");
    expect_problem("r host=*a.b : prefix:/", "hostnames[0]: must be a DNS name");
    expect_problem("r host=* : prefix:/", "hostnames[0]: must be a DNS name");
    expect_problem("r host=a:80 : prefix:/", "hostnames[0]: must be a DNS name");
}

static void paths_that_could_be_read_two_ways_are_refused(void **state)
{
    (void)state;
    expect_problem("r : exact:a", "must start with '/'");
    expect_problem("r : exact:/a//b", "must not contain '//'");
    expect_problem("r : exact:/a/./b", "must not contain '/./'");
    expect_problem("r : prefix:/a/../b", "must not contain '/./' or '/../'");
    expect_problem("r : prefix:/a/..", "must not contain '/./' or '/../'");
    expect_problem("r : prefix:/a/.", "must not contain '/./' or '/../'");
    expect_problem("r : prefix:/a/%2e%2E/b", "must not contain '/./' or '/../'");
    expect_problem("r : exact:/a%2fb", "must not contain an escaped '/'");
    expect_problem("r : exact:/a%2Fb", "must not contain an escaped '/'");
    expect_problem("r : exact:/a%zz", "must not contain '%'");
    expect_problem("r : exact:/a%4", "must not contain '%'");
    expect_problem("r : exact:/a%00", "must not contain %00");
    expect_problem("r : exact:/a#b", "must not contain '#'");
    expect_problem("r : exact:/a?b", "must have only characters of a path");
    expect_problem("r : exact:/caf\xc3\xa9", "must have only characters of a path");
    expect_route_valid("r : exact:/caf%c3%a9/...;v=1,2@x | prefix:/.well-known");
}

static void expressions_are_compiled(void **state)
{
    (void)state;
    expect_problem("r : regex:/(a", "rules[0].matches[0].path.value: the expression does not");
    expect_problem("r : regex:/(?=a)", "path.value: the expression uses look-ahead");
    expect_problem("r : header~a=(b)\\1", "headers[0].value: the expression uses a back-ref");
    expect_problem("r : query~a=[", "query_params[0].value: the expression does not compile");
}

static void header_and_query_matches_need_name_and_value(void **state)
{
    (void)state;
    expect_problem("r : header:=1", "headers[0].name: must not be empty");
    expect_problem("r : header:a/b=1", "headers[0].name: must be a header name");
    expect_problem("r : header:a", "headers[0].value: must have 1 to 4096");
    expect_problem("r : query:a", "query_params[0].value: must have 1 to 1024");
    expect_problem("r : query:a[]=1", "query_params[0].name: must be a header name");
}

/* As many as the Gateway API takes, of which each may be several bytes. */
static void values_are_as_long_as_their_characters(void **state)
{
    enum { CHARACTERS = 1024 };
    (void)state;
    struct buffer route = BUFFER_EMPTY;
    buffer_append_string(&route, "r : query:a=");
    for (int i = 0; i < CHARACTERS; i++)
        buffer_append_string(&route, "\xc3\xa9");
    expect_route_valid(buffer_string(&route));

    buffer_append_char(&route, 'e');
    expect_problem(buffer_string(&route), "query_params[0].value: must have 1 to 1024");
    buffer_clear(&route);
}

static void an_unknown_kind_of_match_is_refused(void **state)
{
    (void)state;
    RouteMessage *message = route_text_parse("r : prefix: header:a=1");
    message->rules[0]->matches[0]->path->type = 77;
    message->rules[0]->matches[0]->headers[0]->type = 78;

    expect_problem_of(message, "rules[0].matches[0].path.type: is unknown: 77");
    expect_problem_of(message, "rules[0].matches[0].headers[0].type: is unknown: 78");
    route_text_free(message);
}

static void a_grpc_route_has_nothing_of_http(void **state)
{
    (void)state;
    expect_route_valid(
        "a grpc : exact:/shop.Users/Get | prefix:/shop.Users | grpc:Get | header:a=1");
    expect_route_valid("a grpc : regex:/(?:a|b)/(?:[^/]+)");
    expect_problem("a : grpc:Get", "rules[0].matches[0].path.type: is of GRPCRoutes alone");
    expect_problem("a grpc : grpc:Get/x", "rules[0].matches[0].path: is not that of a gRPC method");
    expect_problem("a grpc : grpc:7", "matches[0].path: is not that");
    expect_problem("a grpc : exact:/a", "matches[0].path: is not that");
    expect_problem("a grpc : exact:/a/b/c", "matches[0].path: is not that");
    expect_problem("a grpc : prefix:/a/b", "matches[0].path: is not that");
    expect_problem("a grpc : prefix:/", "matches[0].path: is not that");
    expect_problem("a grpc : regex:/a", "matches[0].path: is not that");
    expect_problem("a grpc : method:GET", "rules[0].matches[0].method: is of HTTPRoutes alone");
    expect_problem("a grpc : query:a=1", "matches[0].query_params: is of HTTPRoutes alone");
    RouteMessage *route = route_text_parse("a : prefix:/");
    route->kind = (Pointsman__V1__RouteKind)7;
    expect_problem_of(route, "kind: is unknown: 7");
    route_text_free(route);
}

static void a_try_may_not_outlast_its_request(void **state)
{
    (void)state;
    RouteMessage *message = route_text_parse("r : prefix:/ -> b");
    Pointsman__V1__Timeouts timeouts = POINTSMAN__V1__TIMEOUTS__INIT;
    DurationMessage request = GOOGLE__PROTOBUF__DURATION__INIT;
    DurationMessage try = GOOGLE__PROTOBUF__DURATION__INIT;
    timeouts.request = &request;
    timeouts.backend_request = &try;
    message->rules[0]->timeouts = &timeouts;

    request.seconds = 1;
    try.seconds = 2;
    expect_problem_of(message, "rules[0].timeouts.backend_request: must not exceed");
    request.seconds = 0;
    assert_true(route_validate(message, NULL, NULL));
    request.seconds = -1;
    expect_problem_of(message, "rules[0].timeouts.request: must not be negative");
    request.seconds = 5;
    request.nanos = 1;
    expect_problem_of(message, "rules[0].timeouts.request: must be in whole milliseconds");

    message->rules[0]->timeouts = NULL;
    route_text_free(message);
}

static void filters_are_checked_against_their_rule(void **state)
{
    (void)state;
    RouteMessage *message = route_text_parse("r : prefix:/ | exact:/a -> b");
    FilterMessage redirect_filter = POINTSMAN__V1__FILTER__INIT;
    FilterMessage rewrite_filter = POINTSMAN__V1__FILTER__INIT;
    FilterMessage empty_filter = POINTSMAN__V1__FILTER__INIT;
    FilterMessage *filters[] = {&redirect_filter, &rewrite_filter, &rewrite_filter, &empty_filter};
    Pointsman__V1__RequestRedirect redirect = POINTSMAN__V1__REQUEST_REDIRECT__INIT;
    Pointsman__V1__UrlRewrite rewrite = POINTSMAN__V1__URL_REWRITE__INIT;
    Pointsman__V1__PathModifier path = POINTSMAN__V1__PATH_MODIFIER__INIT;
    redirect_filter.kind_case = POINTSMAN__V1__FILTER__KIND_REQUEST_REDIRECT;
    redirect_filter.request_redirect = &redirect;
    redirect.scheme = (char *)"ftp";
    redirect.status_code = 304;
    rewrite_filter.kind_case = POINTSMAN__V1__FILTER__KIND_URL_REWRITE;
    rewrite_filter.url_rewrite = &rewrite;
    rewrite.path = &path;
    path.kind_case = POINTSMAN__V1__PATH_MODIFIER__KIND_REPLACE_PREFIX_MATCH;
    path.replace_prefix_match = (char *)"/x";
    message->rules[0]->filters = filters;
    message->rules[0]->n_filters = 4;

    expect_problem_of(message, "filters[0].request_redirect.scheme: must be http or https");
    expect_problem_of(message, "filters[0].request_redirect.status_code: must be 301");
    expect_problem_of(message, "filters[0].request_redirect: does not go together with backend");
    expect_problem_of(message, "filters[0]: does not go together with a URLRewrite");
    expect_problem_of(message, "filters[1].url_rewrite.path.replace_prefix_match: needs exactly");
    expect_problem_of(message, "filters[2]: is of a kind that is there already");
    expect_problem_of(message, "filters[3]: must be one of the known filters");

    message->rules[0]->filters = NULL;
    message->rules[0]->n_filters = 0;
    route_text_free(message);
}

static void header_modifiers_leave_framing_alone(void **state)
{
    (void)state;
    RouteMessage *message = route_text_parse("r : prefix:/ -> b");
    FilterMessage filter = POINTSMAN__V1__FILTER__INIT;
    FilterMessage *filters[] = {&filter};
    Pointsman__V1__HeaderModifier modifier = POINTSMAN__V1__HEADER_MODIFIER__INIT;
    Pointsman__V1__HttpHeader host = POINTSMAN__V1__HTTP_HEADER__INIT;
    Pointsman__V1__HttpHeader twice = POINTSMAN__V1__HTTP_HEADER__INIT;
    Pointsman__V1__HttpHeader *set[] = {&host, &twice};
    char *remove[] = {(char *)"X-TWICE", (char *)"transfer-encoding"};
    host.name = (char *)"Host";
    host.value = (char *)"a\r\nb";
    twice.name = (char *)"x-twice";
    twice.value = (char *)"1";
    modifier.set = set;
    modifier.n_set = 2;
    modifier.remove = remove;
    modifier.n_remove = 2;
    filter.kind_case = POINTSMAN__V1__FILTER__KIND_REQUEST_HEADER_MODIFIER;
    filter.request_header_modifier = &modifier;
    message->rules[0]->filters = filters;
    message->rules[0]->n_filters = 1;

    expect_problem_of(message, "request_header_modifier.set[0].name: must not be 'Host'");
    expect_problem_of(message, "set[0].value: must not have control characters");
    expect_problem_of(message, "remove[0]: is given twice: 'X-TWICE'");
    expect_problem_of(message, "remove[1]: must not be 'transfer-encoding'");

    message->rules[0]->filters = NULL;
    message->rules[0]->n_filters = 0;
    route_text_free(message);
}

/* --- backends ------------------------------------------------------------------------------- */

static void an_endpoint_is_an_address_or_a_unix_path(void **state)
{
    (void)state;
    BackendMessage message = POINTSMAN__V1__BACKEND__INIT;
    EndpointMessage endpoint = POINTSMAN__V1__ENDPOINT__INIT;
    EndpointMessage *endpoints[] = {&endpoint};
    message.name = (char *)"b";
    message.endpoints = endpoints;
    message.n_endpoints = 1;

    expect_backend_problem(&message, "endpoints[0]: must have either");
    endpoint.unix_path = (char *)"run/a.sock";
    expect_backend_problem(&message, "endpoints[0].unix_path: must be an absolute path");
    endpoint.unix_path = (char *)"/run/a.sock";
    assert_true(backend_validate(&message, NULL, NULL));
    endpoint.port = 80;
    expect_backend_problem(&message, "endpoints[0].port: does not go together");
    endpoint.address = (char *)"10.0.0.1";
    expect_backend_problem(&message, "endpoints[0]: must have either");
    endpoint.unix_path = (char *)protobuf_c_empty_string;
    assert_true(backend_validate(&message, NULL, NULL));
    endpoint.address = (char *)"fd00::1";
    assert_true(backend_validate(&message, NULL, NULL));
    endpoint.address = (char *)"[fd00::1]";
    expect_backend_problem(&message, "endpoints[0].address: must be an IPv4 or IPv6");
    endpoint.address = (char *)"10.0.0.256";
    expect_backend_problem(&message, "endpoints[0].address: must be an IPv4 or IPv6");
    endpoint.address = (char *)"db.internal";
    assert_true(backend_validate(&message, NULL, NULL));
    endpoint.address = (char *)"10.0.0.1";
    endpoint.port = 65536;
    expect_backend_problem(&message, "endpoints[0].port: must be between 1 and 65535");
}

static void what_the_proxy_does_not_do_for_a_backend_is_refused(void **state)
{
    (void)state;
    BackendMessage message = POINTSMAN__V1__BACKEND__INIT;
    Pointsman__V1__LoadBalancing balancing = POINTSMAN__V1__LOAD_BALANCING__INIT;
    Pointsman__V1__BackendPort port = POINTSMAN__V1__BACKEND_PORT__INIT;
    Pointsman__V1__BackendPort *ports[] = {&port, &port};
    message.name = (char *)"b";
    message.load_balancing = &balancing;
    message.ports = ports;
    message.n_ports = 2;
    balancing.policy = POINTSMAN__V1__LOAD_BALANCING_POLICY__LOAD_BALANCING_POLICY_CONSISTENT_HASH;
    port.port = 80;
    port.app_protocol = (char *)"gopher";
    port.protocol = (char *)"UDP";

    expect_backend_problem(&message, "ports[0].app_protocol: must be one of http, https, h2, h2c,");
    expect_backend_problem(&message, "ports[1].port: is given twice: 80");
    expect_backend_problem(&message, "ports[0].protocol: must be TCP");
    balancing.policy = 77;
    expect_backend_problem(&message, "load_balancing.policy: is unknown: 77");
}

static void tls_to_a_unix_socket_needs_a_name(void **state)
{
    (void)state;
    BackendMessage message = POINTSMAN__V1__BACKEND__INIT;
    EndpointMessage endpoint = POINTSMAN__V1__ENDPOINT__INIT;
    EndpointMessage *endpoints[] = {&endpoint};
    Pointsman__V1__EndpointTls tls = POINTSMAN__V1__ENDPOINT_TLS__INIT;
    message.name = (char *)"b";
    message.endpoints = endpoints;
    message.n_endpoints = 1;
    message.tls = &tls;
    endpoint.unix_path = (char *)"/run/a.sock";
    tls.enabled = true;

    expect_backend_problem(&message, "tls.server_name: must be given for endpoints that are Unix");
    tls.server_name = (char *)"a.internal";
    assert_true(backend_validate(&message, NULL, NULL));
    tls.server_name = (char *)"";
    tls.skip_verification = true;
    assert_true(backend_validate(&message, NULL, NULL));
}

static void http2_in_clear_and_tls_exclude_each_other(void **state)
{
    (void)state;
    BackendMessage message = POINTSMAN__V1__BACKEND__INIT;
    Pointsman__V1__EndpointTls tls = POINTSMAN__V1__ENDPOINT_TLS__INIT;
    message.name = (char *)"b";
    message.app_protocol = (char *)"h2c";
    message.tls = &tls;
    tls.enabled = true;

    expect_backend_problem(&message,
                           "app_protocol: 'h2c' is in clear and does not go together with tls");
    message.app_protocol = (char *)"spdy";
    expect_backend_problem(&message, "app_protocol: must be one of http, https, h2, h2c, grpc");
}

static void http2_over_tls_to_a_unix_socket_needs_a_name(void **state)
{
    (void)state;
    BackendMessage message = POINTSMAN__V1__BACKEND__INIT;
    EndpointMessage endpoint = POINTSMAN__V1__ENDPOINT__INIT;
    EndpointMessage *endpoints[] = {&endpoint};
    message.name = (char *)"b";
    message.endpoints = endpoints;
    message.n_endpoints = 1;
    endpoint.unix_path = (char *)"/run/b.sock";
    message.app_protocol = (char *)"h2";

    expect_backend_problem(&message, "app_protocol: 'h2' needs a server name for TLS to endpoints");
}

static void a_backend_may_speak_websocket(void **state)
{
    (void)state;
    BackendMessage message = POINTSMAN__V1__BACKEND__INIT;
    Pointsman__V1__BackendPort port = POINTSMAN__V1__BACKEND_PORT__INIT;
    Pointsman__V1__BackendPort *ports[] = {&port};
    message.name = (char *)"b";
    message.ports = ports;
    message.n_ports = 1;
    port.port = 80;
    port.app_protocol = (char *)"kubernetes.io/ws";

    struct buffer problems = BUFFER_EMPTY;
    bool is_valid = backend_validate(&message, gather, &problems);

    assert_string_equal(buffer_string(&problems), "");
    assert_true(is_valid);
    buffer_clear(&problems);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_full_route_is_accepted),
        cmocka_unit_test(all_problems_are_found_at_once),
        cmocka_unit_test(names_are_dns_subdomains),
        cmocka_unit_test(a_name_has_at_most_253_characters),
        cmocka_unit_test(references_resolve_in_the_namespace_of_the_route),
        cmocka_unit_test(hostnames_are_names_with_at_most_one_wildcard),
        cmocka_unit_test(paths_that_could_be_read_two_ways_are_refused),
        cmocka_unit_test(expressions_are_compiled),
        cmocka_unit_test(header_and_query_matches_need_name_and_value),
        cmocka_unit_test(values_are_as_long_as_their_characters),
        cmocka_unit_test(an_unknown_kind_of_match_is_refused),
        cmocka_unit_test(a_grpc_route_has_nothing_of_http),
        cmocka_unit_test(a_try_may_not_outlast_its_request),
        cmocka_unit_test(filters_are_checked_against_their_rule),
        cmocka_unit_test(header_modifiers_leave_framing_alone),
        cmocka_unit_test(an_endpoint_is_an_address_or_a_unix_path),
        cmocka_unit_test(what_the_proxy_does_not_do_for_a_backend_is_refused),
        cmocka_unit_test(tls_to_a_unix_socket_needs_a_name),
        cmocka_unit_test(http2_in_clear_and_tls_exclude_each_other),
        cmocka_unit_test(http2_over_tls_to_a_unix_socket_needs_a_name),
        cmocka_unit_test(a_backend_may_speak_websocket),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
