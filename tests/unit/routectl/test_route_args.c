#include "control/routectl/route_args.h"
#include "tests/unit/cmocka_all.h"
#include "tests/unit/routectl/words.h"

static struct draft draft;
static bool replace;

static int reset(void **state)
{
    (void)state;
    memset(&route_args, 0, sizeof(route_args));
    replace = false;
    draft_clear(&draft);
    return 0;
}

static int clear(void **state)
{
    (void)state;
    draft_clear(&draft);
    return 0;
}

/* Builds the draft of `add NAME FLAGS...`. */
static bool build(const char *line, struct error *err)
{
    const struct option *const tables[] = {route_match_options,   route_target_options,
                                           route_session_options, route_filter_options,
                                           route_limit_options,   NULL};
    struct words words;
    struct option_list operands;
    words_split(&words, line);
    return options_parse_arguments(tables, words.count, words.items, &operands, err) &&
           route_args_build(&route_args, operands.items[0], replace, &draft, err);
}

static void build_ok(const char *line)
{
    struct error err = {0};
    if (!build(line, &err))
        fail_msg("%s", err.message);
}

static void assert_refused(const char *line, const char *message)
{
    struct error err = {0};
    reset(NULL);
    assert_false(build(line, &err));
    assert_int_equal(err.code, ERROR_INVALID);
    assert_string_equal(err.message, message);
}

/* The route is the last mutation; a backend made beside it is the one before. */
static const RouteMessage *built_route(void)
{
    return draft.request.mutations[draft.request.n_mutations - 1]->put_route;
}

static const RouteRuleMessage *built_rule(void)
{
    assert_int_equal(built_route()->n_rules, 1);
    return built_route()->rules[0];
}

static void assert_origin(const char *field, const char *expected)
{
    char path[256];
    snprintf(path, sizeof(path), "mutations[%zu].put_route.%s", draft.request.n_mutations - 1,
             field);
    const char *origin = draft_find_origin(&draft, path);
    assert_non_null(origin);
    assert_string_equal(origin, expected);
}

/* --- where requests go ---------------------------------------------------------------------- */

static void endpoints_make_a_backend_of_the_same_name_in_the_same_change(void **state)
{
    (void)state;
    build_ok("api --to http://10.0.0.1:9000 --to http://[::1]:80@2 --label team=x");

    assert_int_equal(draft.request.n_mutations, 2);
    const BackendMessage *backend = draft.request.mutations[0]->put_backend;
    assert_string_equal(backend->name, "api");
    assert_int_equal(backend->n_endpoints, 2);
    assert_string_equal(backend->endpoints[0]->address, "10.0.0.1");
    assert_int_equal(backend->endpoints[1]->weight, 2);
    assert_string_equal(backend->labels[0]->key, "team");
    assert_string_equal(built_route()->name, "api");
    assert_string_equal(built_route()->labels[0]->value, "x");
    assert_int_equal(built_rule()->n_backend_refs, 1);
    assert_string_equal(built_rule()->backend_refs[0]->name, "api");
}

static void neither_may_exist_unless_it_is_a_replacement(void **state)
{
    (void)state;
    build_ok("api --to http://a:1");
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(draft.request.mutations[i]->precondition->kind_case,
                         POINTSMAN__V1__PRECONDITION__KIND_MUST_NOT_EXIST);

    reset(NULL);
    replace = true;
    build_ok("api --to http://a:1");
    for (size_t i = 0; i < 2; i++)
        assert_null(draft.request.mutations[i]->precondition);
}

static void a_backend_in_a_namespace_is_named_from_within_it(void **state)
{
    (void)state;
    build_ok("shop/api --to http://a:1");
    assert_string_equal(draft.request.mutations[0]->put_backend->name, "shop/api");
    assert_string_equal(built_rule()->backend_refs[0]->name, "api");
    assert_string_equal(built_rule()->backend_refs[0]->namespace_, "");
}

static void backends_that_are_there_get_shares(void **state)
{
    (void)state;
    build_ok("api --backend v1@90 --backend other/v2:8080@0 --backend v3");
    const RouteRuleMessage *rule = built_rule();
    assert_int_equal(draft.request.n_mutations, 1);
    assert_int_equal(rule->n_backend_refs, 3);
    assert_int_equal(rule->backend_refs[0]->weight, 90);
    assert_string_equal(rule->backend_refs[1]->namespace_, "other");
    assert_int_equal(rule->backend_refs[1]->port, 8080);
    assert_int_equal(rule->backend_refs[1]->weight_presence_case,
                     POINTSMAN__V1__BACKEND_REF__WEIGHT_PRESENCE_WEIGHT);
    assert_int_equal(rule->backend_refs[1]->weight, 0);
    assert_int_equal(rule->backend_refs[2]->weight_presence_case,
                     POINTSMAN__V1__BACKEND_REF__WEIGHT_PRESENCE__NOT_SET);
    assert_origin("rules[0].backend_refs[1]", "--backend other/v2:8080@0");
}

static void the_own_backend_is_named_once(void **state)
{
    (void)state;
    build_ok("api --to http://a:1 --backend canary@10");
    assert_int_equal(built_rule()->n_backend_refs, 2);
    assert_string_equal(built_rule()->backend_refs[0]->name, "api");
    assert_string_equal(built_rule()->backend_refs[1]->name, "canary");

    reset(NULL);
    build_ok("api --to http://a:1 --backend canary@10 --backend api@90");
    assert_int_equal(built_rule()->n_backend_refs, 2);
    assert_string_equal(built_rule()->backend_refs[1]->name, "api");
    assert_int_equal(built_rule()->backend_refs[1]->weight, 90);
}

static void a_route_must_lead_somewhere(void **state)
{
    (void)state;
    assert_refused("api --path-prefix /a",
                   "where do its requests go? Give --to, --backend or --redirect-...");
    reset(NULL);
    build_ok("api --redirect-scheme https");
    assert_int_equal(built_rule()->n_backend_refs, 0);
}

static void endpoints_that_speak_tls_do_not_mix_with_others(void **state)
{
    (void)state;
    build_ok("api --to https://a");
    assert_true(draft.request.mutations[0]->put_backend->tls->enabled);
    assert_refused("api --to https://a --to http://b",
                   "--to: 'http://b': either all endpoints of a backend are https or none");
}

static void a_url_says_what_the_endpoints_speak(void **state)
{
    (void)state;
    build_ok("api --to h2c://a:50051");
    assert_string_equal(draft.request.mutations[0]->put_backend->app_protocol, "h2c");
    assert_null(draft.request.mutations[0]->put_backend->tls);
    reset(NULL);
    build_ok("api --to h2://a");
    assert_string_equal(draft.request.mutations[0]->put_backend->app_protocol, "h2");
    assert_true(draft.request.mutations[0]->put_backend->tls->enabled);
    assert_refused("api --to h2c://a --to http://b",
                   "--to: 'http://b': either all endpoints of a backend are h2c or none");
}

/* --- which requests ------------------------------------------------------------------------- */

static void without_conditions_there_is_no_match(void **state)
{
    (void)state;
    build_ok("api --backend a");
    assert_int_equal(built_rule()->n_matches, 0);
    assert_int_equal(built_route()->n_hostnames, 0);
}

static void all_conditions_stand_in_one_match(void **state)
{
    (void)state;
    build_ok("api --backend a --host shop.internal --host *.shop.internal --path-prefix /users "
             "--method GET --header version=two --header-regex x=a.* --query q=1 "
             "--query-regex r=.*");
    assert_int_equal(built_route()->n_hostnames, 2);
    assert_string_equal(built_route()->hostnames[1], "*.shop.internal");
    assert_int_equal(built_rule()->n_matches, 1);

    const RouteMatchMessage *match = built_rule()->matches[0];
    assert_string_equal(match->method, "GET");
    assert_int_equal(match->path->type,
                     POINTSMAN__V1__PATH_MATCH_TYPE__PATH_MATCH_TYPE_PATH_PREFIX);
    assert_string_equal(match->path->value, "/users");
    assert_int_equal(match->n_headers, 2);
    assert_string_equal(match->headers[0]->name, "version");
    assert_int_equal(match->headers[0]->type,
                     POINTSMAN__V1__VALUE_MATCH_TYPE__VALUE_MATCH_TYPE_EXACT);
    assert_int_equal(match->headers[1]->type,
                     POINTSMAN__V1__VALUE_MATCH_TYPE__VALUE_MATCH_TYPE_REGULAR_EXPRESSION);
    assert_int_equal(match->n_query_params, 2);
    assert_string_equal(match->query_params[1]->value, ".*");
}

static void of_several_paths_and_methods_one_must_match(void **state)
{
    (void)state;
    build_ok("api --backend a --path-prefix /a --path-exact /b --method GET --method HEAD "
             "--header v=1");
    const RouteRuleMessage *rule = built_rule();
    static const struct {
        const char *path, *method;
    } expected[] = {{"/b", "GET"}, {"/b", "HEAD"}, {"/a", "GET"}, {"/a", "HEAD"}};
    assert_int_equal(rule->n_matches, 4);
    for (size_t i = 0; i < 4; i++) {
        assert_string_equal(rule->matches[i]->path->value, expected[i].path);
        assert_string_equal(rule->matches[i]->method, expected[i].method);
        assert_int_equal(rule->matches[i]->n_headers, 1);
    }
    assert_origin("rules[0].matches[3].path.value", "--path-prefix /a");
    assert_origin("rules[0].matches[3].method", "--method HEAD");
    assert_origin("rules[0].matches[3].headers[0].name", "--header v=1");
}

static void a_condition_without_a_path_matches_any(void **state)
{
    (void)state;
    build_ok("api --backend a --method GET");
    assert_int_equal(built_rule()->n_matches, 1);
    assert_null(built_rule()->matches[0]->path);
}

static void a_listener_is_named_or_numbered(void **state)
{
    (void)state;
    build_ok("api --backend a --listener web --listener 8443");
    assert_int_equal(built_route()->n_parent_refs, 2);
    assert_string_equal(built_route()->parent_refs[0]->section_name, "web");
    assert_int_equal(built_route()->parent_refs[0]->port, 0);
    assert_string_equal(built_route()->parent_refs[1]->section_name, "");
    assert_int_equal(built_route()->parent_refs[1]->port, 8443);
}

/* --- filters, limits ------------------------------------------------------------------------ */

static const FilterMessage *only_filter(Pointsman__V1__Filter__KindCase kind)
{
    assert_int_equal(built_rule()->n_filters, 1);
    assert_int_equal(built_rule()->filters[0]->kind_case, kind);
    return built_rule()->filters[0];
}

static void header_edits_of_one_side_make_one_filter(void **state)
{
    (void)state;
    build_ok("api --backend a --set-header x=1 --add-header y=2 --remove-header z "
             "--set-response-header s=t");
    assert_int_equal(built_rule()->n_filters, 2);
    const Pointsman__V1__HeaderModifier *request =
        built_rule()->filters[0]->request_header_modifier;
    assert_int_equal(built_rule()->filters[0]->kind_case,
                     POINTSMAN__V1__FILTER__KIND_REQUEST_HEADER_MODIFIER);
    assert_string_equal(request->set[0]->name, "x");
    assert_string_equal(request->add[0]->value, "2");
    assert_string_equal(request->remove[0], "z");
    assert_int_equal(built_rule()->filters[1]->kind_case,
                     POINTSMAN__V1__FILTER__KIND_RESPONSE_HEADER_MODIFIER);
    assert_origin("rules[0].filters[0].request_header_modifier.add[0].name", "--add-header y=2");
    assert_origin("rules[0].filters[1].response_header_modifier.set[0].value",
                  "--set-response-header s=t");
}

static void a_redirect_takes_its_parts(void **state)
{
    (void)state;
    build_ok("api --redirect-scheme https --redirect-host h --redirect-port 8443 "
             "--redirect-path /new --redirect-code 301");
    const Pointsman__V1__RequestRedirect *redirect =
        only_filter(POINTSMAN__V1__FILTER__KIND_REQUEST_REDIRECT)->request_redirect;
    assert_string_equal(redirect->scheme, "https");
    assert_string_equal(redirect->hostname, "h");
    assert_int_equal(redirect->port, 8443);
    assert_int_equal(redirect->status_code, 301);
    assert_int_equal(redirect->path->kind_case,
                     POINTSMAN__V1__PATH_MODIFIER__KIND_REPLACE_FULL_PATH);
    assert_string_equal(redirect->path->replace_full_path, "/new");
}

static void a_rewrite_changes_host_and_path(void **state)
{
    (void)state;
    build_ok("api --backend a --path-prefix /v1 --rewrite-prefix / --rewrite-host h");
    const Pointsman__V1__UrlRewrite *rewrite =
        only_filter(POINTSMAN__V1__FILTER__KIND_URL_REWRITE)->url_rewrite;
    assert_string_equal(rewrite->hostname, "h");
    assert_int_equal(rewrite->path->kind_case,
                     POINTSMAN__V1__PATH_MODIFIER__KIND_REPLACE_PREFIX_MATCH);
    assert_string_equal(rewrite->path->replace_prefix_match, "/");
    assert_origin("rules[0].filters[0].url_rewrite.path", "--rewrite-prefix /");
    assert_refused("api --backend a --rewrite-prefix / --rewrite-path /x",
                   "--rewrite-path and --rewrite-prefix exclude each other");
}

static void a_mirror_takes_a_percentage_or_a_fraction(void **state)
{
    (void)state;
    build_ok("api --backend a --mirror m:80@10% --mirror ns/n@1/3 --mirror all");
    assert_int_equal(built_rule()->n_filters, 3);
    const Pointsman__V1__RequestMirror *mirror = built_rule()->filters[0]->request_mirror;
    assert_int_equal(mirror->share_case, POINTSMAN__V1__REQUEST_MIRROR__SHARE_PERCENT);
    assert_int_equal(mirror->percent, 10);
    assert_int_equal(mirror->backend_ref->port, 80);
    mirror = built_rule()->filters[1]->request_mirror;
    assert_int_equal(mirror->share_case, POINTSMAN__V1__REQUEST_MIRROR__SHARE_FRACTION);
    assert_int_equal(mirror->fraction->numerator, 1);
    assert_int_equal(mirror->fraction->denominator, 3);
    assert_string_equal(mirror->backend_ref->namespace_, "ns");
    assert_int_equal(built_rule()->filters[2]->request_mirror->share_case,
                     POINTSMAN__V1__REQUEST_MIRROR__SHARE__NOT_SET);
    assert_refused("api --backend a --mirror m@10",
                   "--mirror: the share '10' is neither like 10% nor like 1/3");
}

static void a_service_is_asked_before(void **state)
{
    (void)state;
    build_ok("api --backend a --set-header x=1 --auth ns/gate:80 --auth-path /check --auth-header "
             "Cookie --auth-response-header X-User --auth-response-header X-Group "
             "--auth-max-body 1024");
    assert_int_equal(built_rule()->n_filters, 2);
    const FilterMessage *filter = built_rule()->filters[0];
    assert_int_equal(filter->kind_case, POINTSMAN__V1__FILTER__KIND_EXTERNAL_AUTH);
    const Pointsman__V1__ExternalAuth *auth = filter->external_auth;
    assert_int_equal(auth->protocol,
                     POINTSMAN__V1__EXTERNAL_AUTH_PROTOCOL__EXTERNAL_AUTH_PROTOCOL_HTTP);
    assert_string_equal(auth->backend_ref->namespace_, "ns");
    assert_string_equal(auth->backend_ref->name, "gate");
    assert_int_equal(auth->backend_ref->port, 80);
    assert_string_equal(auth->http->path, "/check");
    assert_string_equal(auth->http->allowed_headers[0], "Cookie");
    assert_string_equal(auth->http->allowed_response_headers[1], "X-Group");
    assert_int_equal(auth->forward_body->max_size, 1024);
    assert_origin("rules[0].filters[0].external_auth", "--auth ns/gate:80");
    assert_origin("rules[0].filters[0].external_auth.http.path", "--auth-path /check");
    assert_origin("rules[0].filters[0].external_auth.http.allowed_headers[0]",
                  "--auth-header Cookie");
    assert_origin("rules[0].filters[0].external_auth.http.allowed_response_headers[1]",
                  "--auth-response-header X-Group");
    assert_origin("rules[0].filters[0].external_auth.forward_body.max_size",
                  "--auth-max-body 1024");

    reset(NULL);
    build_ok("api --backend a --auth gate");
    auth = only_filter(POINTSMAN__V1__FILTER__KIND_EXTERNAL_AUTH)->external_auth;
    assert_non_null(auth->http);
    assert_null(auth->forward_body);
}

static void a_service_is_called_before(void **state)
{
    (void)state;
    build_ok("api --backend a --auth gate --auth-protocol GRPC --auth-header Cookie "
             "--auth-max-body 1024");
    const Pointsman__V1__ExternalAuth *auth =
        only_filter(POINTSMAN__V1__FILTER__KIND_EXTERNAL_AUTH)->external_auth;
    assert_int_equal(auth->protocol,
                     POINTSMAN__V1__EXTERNAL_AUTH_PROTOCOL__EXTERNAL_AUTH_PROTOCOL_GRPC);
    assert_null(auth->http);
    assert_string_equal(auth->grpc->allowed_headers[0], "Cookie");
    assert_int_equal(auth->forward_body->max_size, 1024);
    assert_origin("rules[0].filters[0].external_auth.grpc.allowed_headers[0]",
                  "--auth-header Cookie");

    reset(NULL);
    build_ok("api --backend a --auth gate --auth-protocol HTTP");
    auth = only_filter(POINTSMAN__V1__FILTER__KIND_EXTERNAL_AUTH)->external_auth;
    assert_non_null(auth->http);
    assert_null(auth->grpc);

    assert_refused("api --backend a --auth gate --auth-protocol grpc",
                   "--auth-protocol: 'grpc' is none of HTTP, GRPC");
    assert_refused("api --backend a --auth gate --auth-protocol GRPC --auth-path /check",
                   "--auth-path: does not go together with --auth-protocol GRPC");
    assert_refused("api --backend a --auth gate --auth-protocol GRPC --auth-response-header X",
                   "--auth-response-header: does not go together with --auth-protocol GRPC");
}

static void what_says_how_to_ask_needs_someone_to_be_asked(void **state)
{
    (void)state;
    static const char *const flags[] = {"--auth-protocol", "--auth-path", "--auth-header",
                                        "--auth-response-header", "--auth-max-body"};
    for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
        char words[64];
        char problem[96];
        snprintf(words, sizeof(words), "api --backend a %s 1", flags[i]);
        snprintf(problem, sizeof(problem), "%s: says something of --auth, which is not there",
                 flags[i]);
        assert_refused(words, problem);
    }
    assert_refused("api --backend a --auth gate@10%",
                   "--auth: is asked about all requests, not '@10%'");
    assert_refused("api --backend a --auth gate --auth-max-body much",
                   "--auth-max-body: 'much' is not a number from 0 to 4294967295");
}

static void cors_takes_lists_and_an_age(void **state)
{
    (void)state;
    build_ok("api --backend a --cors-origin https://x --cors-method GET --cors-header h "
             "--cors-expose e --cors-credentials --cors-max-age 1m");
    const Pointsman__V1__Cors *cors = only_filter(POINTSMAN__V1__FILTER__KIND_CORS)->cors;
    assert_string_equal(cors->allow_origins[0], "https://x");
    assert_string_equal(cors->expose_headers[0], "e");
    assert_true(cors->allow_credentials);
    assert_int_equal(cors->max_age, 60);
    assert_refused("api --backend a --cors-max-age 1ms",
                   "--cors-max-age: '1ms' is not a number of whole seconds");
}

static void timeouts_and_retries_are_absent_unless_given(void **state)
{
    (void)state;
    build_ok("api --backend a");
    assert_null(built_rule()->timeouts);
    assert_null(built_rule()->retry);

    reset(NULL);
    build_ok("api --backend a --timeout 0s --retry-attempts 0 --retry-code 503 "
             "--retry-backoff 100ms");
    assert_non_null(built_rule()->timeouts->request);
    assert_int_equal(built_rule()->timeouts->request->seconds, 0);
    assert_null(built_rule()->timeouts->backend_request);
    assert_int_equal(built_rule()->retry->attempts_presence_case,
                     POINTSMAN__V1__RETRY__ATTEMPTS_PRESENCE_ATTEMPTS);
    assert_int_equal(built_rule()->retry->codes[0], 503);
    assert_int_equal(built_rule()->retry->backoff->nanos, 100000000);
    assert_origin("rules[0].retry.codes[0]", "--retry-code 503");
}

/* CLI-3 SESSION-13 */
static void sessions_are_kept_by_a_cookie_or_a_header(void **state)
{
    (void)state;
    build_ok("api --backend a");
    assert_null(built_rule()->session_persistence);

    reset(NULL);
    build_ok("api --backend a --session");
    const SessionPersistenceMessage *session = built_rule()->session_persistence;
    assert_true(session->cookie == NULL && session->header == NULL &&
                session->absolute_timeout == NULL);

    reset(NULL);
    build_ok("api --backend a --session-cookie sid --session-path /a --session-permanent "
             "--session-timeout 5m");
    session = built_rule()->session_persistence;
    assert_string_equal(session->cookie->name, "sid");
    assert_string_equal(session->cookie->path, "/a");
    assert_int_equal(session->cookie->lifetime_type,
                     POINTSMAN__V1__COOKIE_LIFETIME_TYPE__COOKIE_LIFETIME_TYPE_PERMANENT);
    assert_int_equal(session->absolute_timeout->seconds, 300);
    assert_null(session->header);
    assert_origin("rules[0].session_persistence.cookie.name", "--session-cookie sid");
    assert_origin("rules[0].session_persistence.absolute_timeout", "--session-timeout 5m");

    reset(NULL);
    build_ok("api --backend a --session-header X-Session");
    session = built_rule()->session_persistence;
    assert_int_equal(session->type,
                     POINTSMAN__V1__SESSION_PERSISTENCE_TYPE__SESSION_PERSISTENCE_TYPE_HEADER);
    assert_string_equal(session->header->name, "X-Session");
    assert_null(session->cookie);
    assert_origin("rules[0].session_persistence.header.name", "--session-header X-Session");
}

static void a_value_of_the_wrong_form_names_its_flag(void **state)
{
    (void)state;
    assert_refused("api --backend a --header x", "--header: 'x' is not of the form NAME=VALUE");
    assert_refused("api --backend a --query =x", "--query: '=x' is not of the form NAME=VALUE");
    assert_refused("api --backend a --timeout 5",
                   "--timeout: '5' is not a duration such as 250ms, 10s or 1h30m");
    assert_refused("api --backend a@x", "--backend: 'x' is not a number from 0 to 4294967295");
    assert_refused("api --backend a --retry-code 5xx",
                   "--retry-code: '5xx' is not a number from 0 to 999");
    assert_refused("api --backend a --session-timeout 5",
                   "--session-timeout: '5' is not a duration such as 250ms, 10s or 1h30m");
    assert_refused("api --backend a --label x", "--label: 'x' is not of the form NAME=VALUE");
    assert_refused("api --redirect-port 70000",
                   "--redirect-port: '70000' is not a number from 0 to 65535");
}

/* Whatever the flags say goes to the daemon, sensible or not: refusing is its business. */
static void what_the_daemon_may_refuse_is_built_all_the_same(void **state)
{
    (void)state;
    build_ok("Not.A/Name/At*All --host ..x --path-prefix no-slash --method get --backend .");
    assert_string_equal(built_route()->name, "Not.A/Name/At*All");
    assert_string_equal(built_route()->hostnames[0], "..x");
    assert_string_equal(built_rule()->matches[0]->path->value, "no-slash");
    assert_string_equal(built_rule()->matches[0]->method, "get");
}

#define ROUTE_TEST(name) cmocka_unit_test_setup_teardown(name, reset, clear)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ROUTE_TEST(endpoints_make_a_backend_of_the_same_name_in_the_same_change),
        ROUTE_TEST(neither_may_exist_unless_it_is_a_replacement),
        ROUTE_TEST(a_backend_in_a_namespace_is_named_from_within_it),
        ROUTE_TEST(backends_that_are_there_get_shares),
        ROUTE_TEST(the_own_backend_is_named_once),
        ROUTE_TEST(a_route_must_lead_somewhere),
        ROUTE_TEST(endpoints_that_speak_tls_do_not_mix_with_others),
        ROUTE_TEST(a_url_says_what_the_endpoints_speak),
        ROUTE_TEST(without_conditions_there_is_no_match),
        ROUTE_TEST(all_conditions_stand_in_one_match),
        ROUTE_TEST(of_several_paths_and_methods_one_must_match),
        ROUTE_TEST(a_condition_without_a_path_matches_any),
        ROUTE_TEST(a_listener_is_named_or_numbered),
        ROUTE_TEST(header_edits_of_one_side_make_one_filter),
        ROUTE_TEST(a_redirect_takes_its_parts),
        ROUTE_TEST(a_rewrite_changes_host_and_path),
        ROUTE_TEST(a_mirror_takes_a_percentage_or_a_fraction),
        ROUTE_TEST(a_service_is_asked_before),
        ROUTE_TEST(a_service_is_called_before),
        ROUTE_TEST(what_says_how_to_ask_needs_someone_to_be_asked),
        ROUTE_TEST(cors_takes_lists_and_an_age),
        ROUTE_TEST(timeouts_and_retries_are_absent_unless_given),
        ROUTE_TEST(sessions_are_kept_by_a_cookie_or_a_header),
        ROUTE_TEST(a_value_of_the_wrong_form_names_its_flag),
        ROUTE_TEST(what_the_daemon_may_refuse_is_built_all_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
