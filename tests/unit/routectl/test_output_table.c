#include "common/clock.h"
#include "control/routectl/output.h"
#include "tests/unit/cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Where output goes, and how it looks afterwards. */
static char *shown;
static size_t shown_length;
static struct output_sink sink;

static int open_sink(void **state)
{
    (void)state;
    sink = (struct output_sink){.to = open_memstream(&shown, &shown_length)};
    return sink.to == NULL ? -1 : 0;
}

static int close_sink(void **state)
{
    (void)state;
    fclose(sink.to);
    free(shown);
    return 0;
}

static void assert_shown(const char *expected)
{
    fflush(sink.to);
    assert_string_equal(shown, expected);
}

/* --- routes --------------------------------------------------------------------------------- */

/* A route with all that a list can show. */
static RouteMessage *make_route(void)
{
    static PathMatchMessage path;
    static HeaderMatchMessage header, *headers[] = {&header};
    static QueryParamMatchMessage param, *params[] = {&param};
    static RouteMatchMessage match, *matches[] = {&match};
    static BackendRefMessage first, second, *refs[] = {&first, &second};
    static RouteRuleMessage rule, *rules[] = {&rule};
    static LabelMessage label, *labels[] = {&label};
    static char *hostnames[] = {(char *)"shop.internal", (char *)"*.shop.internal"};
    static RouteMessage route;
    pointsman__v1__path_match__init(&path);
    pointsman__v1__header_match__init(&header);
    pointsman__v1__query_param_match__init(&param);
    pointsman__v1__route_match__init(&match);
    pointsman__v1__backend_ref__init(&first);
    pointsman__v1__backend_ref__init(&second);
    pointsman__v1__route_rule__init(&rule);
    pointsman__v1__label__init(&label);
    pointsman__v1__route__init(&route);

    path.value = (char *)"/users";
    header.name = (char *)"version";
    header.value = (char *)"two";
    param.name = (char *)"q";
    param.value = (char *)".*";
    param.type = POINTSMAN__V1__VALUE_MATCH_TYPE__VALUE_MATCH_TYPE_REGULAR_EXPRESSION;
    match.method = (char *)"GET";
    match.path = &path;
    match.n_headers = match.n_query_params = 1;
    match.headers = headers;
    match.query_params = params;
    first.name = (char *)"v1";
    first.weight_presence_case = POINTSMAN__V1__BACKEND_REF__WEIGHT_PRESENCE_WEIGHT;
    first.weight = 90;
    second.namespace_ = (char *)"other";
    second.name = (char *)"v2";
    second.port = 8080;
    rule.n_matches = 1;
    rule.matches = matches;
    rule.n_backend_refs = 2;
    rule.backend_refs = refs;
    label.key = (char *)"team";
    label.value = (char *)"x";
    route.name = (char *)"api";
    route.n_hostnames = 2;
    route.hostnames = hostnames;
    route.n_labels = 1;
    route.labels = labels;
    route.n_rules = 1;
    route.rules = rules;
    route.created_revision = 3;
    route.revision = 7;
    return &route;
}

static void a_list_of_routes_says_which_requests_go_where(void **state)
{
    (void)state;
    RouteMessage *routes[] = {make_route()};
    Pointsman__V1__ListRoutesResponse list = POINTSMAN__V1__LIST_ROUTES_RESPONSE__INIT;
    list.n_routes = 1;
    list.routes = routes;

    output_table.show(&sink, &list.base);

    assert_shown("NAME  HOST                           MATCH                           TO\n"
                 "api   shop.internal,*.shop.internal  GET /users/* version=two ?q~.*  "
                 "v1 90, other/v2:8080\n");
}

static void the_kind_of_a_route_is_shown(void **state)
{
    (void)state;
    RouteMessage route = POINTSMAN__V1__ROUTE__INIT, *routes[] = {&route};
    Pointsman__V1__ListRoutesResponse list = POINTSMAN__V1__LIST_ROUTES_RESPONSE__INIT;
    route.name = (char *)"calls";
    route.kind = POINTSMAN__V1__ROUTE_KIND__ROUTE_KIND_GRPC;
    list.n_routes = 1;
    list.routes = routes;

    output_table.show(&sink, &list.base);
    output_wide.show(&sink, &list.base);
    output_table.show(&sink, &route.base);
    output_json.show(&sink, &list.base);

    fflush(sink.to);
    assert_non_null(strstr(shown, "\nGRPCRoute/calls  *"));
    assert_non_null(strstr(shown, "\nname        calls\n"));
    assert_non_null(strstr(shown, "\nkind        GRPCRoute\n"));
    assert_non_null(strstr(shown, "\"kind\": \"ROUTE_KIND_GRPC\""));
}

static void wide_shows_more_columns(void **state)
{
    (void)state;
    RouteMessage *routes[] = {make_route()};
    Pointsman__V1__ListRoutesResponse list = POINTSMAN__V1__LIST_ROUTES_RESPONSE__INIT;
    list.n_routes = 1;
    list.routes = routes;
    sink.is_wide = output_wide.is_wide;

    output_wide.show(&sink, &list.base);

    fflush(sink.to);
    assert_non_null(strstr(shown, "CREATED  REVISION  LABELS\n"));
    assert_non_null(strstr(shown, "3        7         team=x\n"));
}

static void an_empty_list_is_its_heading(void **state)
{
    (void)state;
    Pointsman__V1__ListRoutesResponse list = POINTSMAN__V1__LIST_ROUTES_RESPONSE__INIT;
    output_table.show(&sink, &list.base);
    assert_shown("NAME  HOST  MATCH  TO\n");
}

static void a_route_without_anything_is_for_every_request(void **state)
{
    (void)state;
    RouteRuleMessage first = POINTSMAN__V1__ROUTE_RULE__INIT, second = first, third = first;
    RouteRuleMessage *rules[] = {&first, &second, &third};
    RouteMessage route = POINTSMAN__V1__ROUTE__INIT;
    RouteMessage *routes[] = {&route};
    Pointsman__V1__ListRoutesResponse list = POINTSMAN__V1__LIST_ROUTES_RESPONSE__INIT;
    route.name = (char *)"all";
    route.n_rules = 3;
    route.rules = rules;
    list.n_routes = 1;
    list.routes = routes;

    output_table.show(&sink, &list.base);

    assert_shown("NAME  HOST  MATCH          TO\n"
                 "all   *     /* (+2 rules)  500 (+2 rules)\n");
}

static void one_route_is_shown_line_by_line(void **state)
{
    (void)state;
    RouteMessage *route = make_route();
    DurationMessage request = GOOGLE__PROTOBUF__DURATION__INIT;
    Pointsman__V1__Timeouts timeouts = POINTSMAN__V1__TIMEOUTS__INIT;
    Pointsman__V1__Retry retry = POINTSMAN__V1__RETRY__INIT;
    Pointsman__V1__HttpHeader header = POINTSMAN__V1__HTTP_HEADER__INIT, *headers[] = {&header};
    Pointsman__V1__HeaderModifier modifier = POINTSMAN__V1__HEADER_MODIFIER__INIT;
    FilterMessage filter = POINTSMAN__V1__FILTER__INIT, *filters[] = {&filter};
    Pointsman__V1__CookieConfig cookie = POINTSMAN__V1__COOKIE_CONFIG__INIT;
    SessionPersistenceMessage session = POINTSMAN__V1__SESSION_PERSISTENCE__INIT;
    uint32_t codes[] = {502, 503};
    cookie.name = (char *)"sid";
    cookie.path = (char *)"/a";
    cookie.lifetime_type = POINTSMAN__V1__COOKIE_LIFETIME_TYPE__COOKIE_LIFETIME_TYPE_PERMANENT;
    session.cookie = &cookie;
    session.absolute_timeout = &request;
    request.seconds = 90;
    timeouts.request = &request;
    retry.n_codes = 2;
    retry.codes = codes;
    header.name = (char *)"x";
    header.value = (char *)"1";
    modifier.n_set = 1;
    modifier.set = headers;
    filter.kind_case = POINTSMAN__V1__FILTER__KIND_REQUEST_HEADER_MODIFIER;
    filter.request_header_modifier = &modifier;
    route->rules[0]->timeouts = &timeouts;
    route->rules[0]->retry = &retry;
    route->rules[0]->session_persistence = &session;
    route->rules[0]->n_filters = 1;
    route->rules[0]->filters = filters;

    output_table.show(&sink, &route->base);

    assert_shown("name        api\n"
                 "kind        HTTPRoute\n"
                 "labels      team=x\n"
                 "revision    7, created with 3\n"
                 "hosts       shop.internal,*.shop.internal\n"
                 "rule 1\n"
                 "  match     GET /users/* version=two ?q~.*\n"
                 "  filter    set x=1\n"
                 "  to        v1 90, other/v2:8080\n"
                 "  timeouts  request 1m30s\n"
                 "  retry     1 more, codes 502 503\n"
                 "  session   cookie sid, path /a, permanent, timeout 1m30s\n");
}

static void nothing_from_the_daemon_moves_the_cursor(void **state)
{
    (void)state;
    RouteMessage *route = make_route();
    route->name = (char *)"a\x1b[2J";
    output_table.show(&sink, &route->base);
    fflush(sink.to);
    assert_null(strchr(shown, '\x1b'));
}

/* --- the rest ------------------------------------------------------------------------------- */

static void endpoints_are_shown_as_to_takes_them(void **state)
{
    (void)state;
    EndpointMessage first = POINTSMAN__V1__ENDPOINT__INIT, second = first;
    EndpointMessage *endpoints[] = {&first, &second};
    BackendMessage backend = POINTSMAN__V1__BACKEND__INIT, *backends[] = {&backend};
    Pointsman__V1__ListBackendsResponse list = POINTSMAN__V1__LIST_BACKENDS_RESPONSE__INIT;
    first.address = (char *)"::1";
    first.port = 80;
    first.weight_presence_case = POINTSMAN__V1__ENDPOINT__WEIGHT_PRESENCE_WEIGHT;
    first.weight = 2;
    second.unix_path = (char *)"/run/a.sock";
    backend.name = (char *)"users";
    backend.n_endpoints = 2;
    backend.endpoints = endpoints;
    list.n_backends = 1;
    list.backends = backends;

    output_table.show(&sink, &list.base);

    assert_shown("NAME   ENDPOINTS\n"
                 "users  http://[::1]:80@2, unix:/run/a.sock\n");
}

static void a_change_says_what_became_of_each_object(void **state)
{
    (void)state;
    Pointsman__V1__Change backend = POINTSMAN__V1__CHANGE__INIT, route = backend;
    Pointsman__V1__Change *changes[] = {&backend, &route};
    Pointsman__V1__ApplyResponse response = POINTSMAN__V1__APPLY_RESPONSE__INIT;
    struct change_result result = {.response = &response};
    backend.kind = POINTSMAN__V1__OBJECT_KIND__OBJECT_KIND_BACKEND;
    backend.change = POINTSMAN__V1__CHANGE_KIND__CHANGE_KIND_UNCHANGED;
    backend.name = (char *)"api";
    route.kind = POINTSMAN__V1__OBJECT_KIND__OBJECT_KIND_ROUTE;
    route.change = POINTSMAN__V1__CHANGE_KIND__CHANGE_KIND_DELETED;
    route.name = (char *)"api";
    response.n_changes = 2;
    response.changes = changes;

    output_table.show_change(&sink, &result);
    assert_shown("backend api unchanged\n"
                 "route api removed\n");

    result.is_dry_run = true;
    response.n_changes = 1;
    output_table.show_change(&sink, &result);
    fflush(sink.to);
    assert_non_null(strstr(shown, "backend api unchanged (dry run)\n"));
}

static void status_shows_each_proxy_and_its_last_rejection(void **state)
{
    (void)state;
    Pointsman__V1__GetInfoResponse info = POINTSMAN__V1__GET_INFO_RESPONSE__INIT;
    Pointsman__V1__ObjectError error = POINTSMAN__V1__OBJECT_ERROR__INIT, *errors[] = {&error};
    Pointsman__V1__Rejection rejection = POINTSMAN__V1__REJECTION__INIT;
    Pointsman__V1__Proxy well = POINTSMAN__V1__PROXY__INIT, behind = well;
    Pointsman__V1__Proxy *list[] = {&well, &behind};
    Pointsman__V1__ListProxiesResponse proxies = POINTSMAN__V1__LIST_PROXIES_RESPONSE__INIT;
    uint64_t now_ms = clock_wall_ms();
    info.version = (char *)"0.1.0";
    info.epoch = (char *)"e1";
    info.revision = 12;
    info.started_ms = now_ms - UINT64_C(3) * 3600000;
    info.routes = 5;
    info.pending_revision = 12;
    info.pending_confirm_by_ms = UINT64_C(1795414957000);
    well.id = (char *)"edge-1";
    well.connected = true;
    well.connected_since_ms = now_ms - 120000;
    well.revision = 12;
    well.digest_matches = true;
    behind.id = (char *)"edge-2";
    behind.revision = 11;
    behind.behind_ms = 90000;
    rejection.revision = 12;
    rejection.message = (char *)"1 object";
    rejection.n_errors = 1;
    rejection.errors = errors;
    error.kind = POINTSMAN__V1__OBJECT_KIND__OBJECT_KIND_ROUTE;
    error.name = (char *)"api";
    error.field = (char *)"rules[0]";
    error.message = (char *)"is odd";
    behind.last_rejection = &rejection;
    proxies.n_proxies = 2;
    proxies.proxies = list;
    proxies.head_revision = 12;

    output_table.show_status(&sink, &info, &proxies);

    assert_shown("control     0.1.0, up 3h\n"
                 "revision    12 in epoch e1\n"
                 "routes      5\n"
                 "backends    0\n"
                 "pending     revision 12, taken back at 2026-11-23T06:22:37Z unless confirmed\n"
                 "\n"
                 "PROXY   STATE         REVISION  BEHIND  LAG    DIGEST   SINCE  LAST REJECTION\n"
                 "edge-1  connected     12        -       -      same     2m     -\n"
                 "edge-2  disconnected  11        1       1m30s  differs  -      "
                 "revision 12: 1 object; route api: rules[0]: is odd\n");
}

static void an_unknown_format_is_refused_with_the_known_ones(void **state)
{
    (void)state;
    struct error err = {0};
    assert_ptr_equal(output_find("json", &err), &output_json);
    assert_null(output_find("xml", &err));
    assert_string_equal(err.message, "-o: 'xml' is none of table, wide, json and yaml");
}

#define OUTPUT_TEST(name) cmocka_unit_test_setup_teardown(name, open_sink, close_sink)

int main(void)
{
    const struct CMUnitTest tests[] = {
        OUTPUT_TEST(a_list_of_routes_says_which_requests_go_where),
        OUTPUT_TEST(the_kind_of_a_route_is_shown),
        OUTPUT_TEST(wide_shows_more_columns),
        OUTPUT_TEST(an_empty_list_is_its_heading),
        OUTPUT_TEST(a_route_without_anything_is_for_every_request),
        OUTPUT_TEST(one_route_is_shown_line_by_line),
        OUTPUT_TEST(nothing_from_the_daemon_moves_the_cursor),
        OUTPUT_TEST(endpoints_are_shown_as_to_takes_them),
        OUTPUT_TEST(a_change_says_what_became_of_each_object),
        OUTPUT_TEST(status_shows_each_proxy_and_its_last_rejection),
        OUTPUT_TEST(an_unknown_format_is_refused_with_the_known_ones),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
