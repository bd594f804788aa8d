#include "common/buffer.h"
#include "proxy/routing/external_auth.h"
#include "proxy/routing/route_validate.h"
#include "tests/unit/cmocka_all.h"
#include "tests/unit/proxy/routing/fields_text.h"
#include "tests/unit/proxy/routing/filter_text.h"
#include "tests/unit/proxy/routing/route_text.h"

#include <stdlib.h>
#include <string.h>

/* --- what is accepted ------------------------------------------------------------------------ */

static void gather(void *context, const char *field, const char *message)
{
    buffer_printf(context, "%s: %s\n", field, message);
}

/* NULL: none. */
static void expect_problem_of(const RouteMessage *message, const char *problem)
{
    struct buffer problems = BUFFER_EMPTY;
    route_validate(message, gather, &problems);
    const char *found = buffer_string(&problems);
    if (problem == NULL ? *found != '\0' : strstr(found, problem) == NULL)
        fail_msg("wanted '%s', got '%s'", problem == NULL ? "" : problem, found);
    buffer_clear(&problems);
}

static void expect_problem(const char *filters, const char *problem)
{
    struct buffer text = BUFFER_EMPTY;
    buffer_printf(&text, "r : prefix:/ {%s} -> b", filters);
    RouteMessage *message = route_text_parse(buffer_string(&text));
    expect_problem_of(message, problem);
    route_text_free(message);
    buffer_clear(&text);
}

/* FLT-AUTH-12 */
static void a_full_filter_is_accepted(void **state)
{
    (void)state;
    expect_problem(
        "auth:gate auth-path:/a%20b/ auth-allow:Cookie auth-allow:host "
        "auth-allow:content-length auth-allow:cdn-loop auth-take:X-User auth-body:1048576",
        NULL);
    expect_problem("auth:gate", NULL);
    expect_problem("auth:gate auth-grpc", NULL);
    expect_problem("auth:gate auth-grpc auth-allow:Cookie auth-allow:host auth-body:1048576", NULL);
    expect_problem("auth:gate redirect-path:/x", "request_redirect: does not go together");
}

/* FLT-AUTH-12 */
static void what_means_nothing_is_refused_by_name(void **state)
{
    (void)state;
    static const struct {
        const char *filters, *problem;
    } cases[] = {
        {"auth:gate auth-path:check", "external_auth.http.path: must start with '/'"},
        {"auth:gate auth-path:/a?b", "external_auth.http.path: must have only characters"},
        {"auth:gate auth-path:/a/../b", "external_auth.http.path: "},
        {"auth:gate auth-allow:a:b", "external_auth.http.allowed_headers[0]: "},
        {"auth:gate auth-allow:*", "allowed_headers[0]: must be the name of one header"},
        {"auth:gate auth-allow:a auth-allow:A", "allowed_headers[1]: is given twice: 'A'"},
        {"auth:gate auth-allow:Connection", "allowed_headers[0]: must not be 'Connection'"},
        {"auth:gate auth-allow:Expect", "allowed_headers[0]: must not be 'Expect'"},
        {"auth:gate auth-take:Proxy-Authorization",
         "allowed_response_headers[0]: must not be 'Proxy-Authorization'"},
        {"auth:gate auth-take:Host", "allowed_response_headers[0]: must not be 'Host'"},
        {"auth:gate auth-take:CDN-Loop", "allowed_response_headers[0]: must not be 'CDN-Loop'"},
        {"auth:gate auth-take:Content-Length",
         "allowed_response_headers[0]: must not be 'Content-Length'"},
        {"auth:gate auth-take:X_User", "allowed_response_headers[0]: must not have '_'"},
        {"auth:gate auth-take:x auth-take:X", "allowed_response_headers[1]: is given twice"},
        {"auth:gate auth-body:1048577", "forward_body.max_size: must be at most 1048576"},
        {"auth:gate auth-grpc auth-allow:a:b", "external_auth.grpc.allowed_headers[0]: "},
        {"auth:gate auth-grpc auth-allow:*", "allowed_headers[0]: must be the name of one header"},
        {"auth:gate auth-grpc auth-allow:a auth-allow:A",
         "allowed_headers[1]: is given twice: 'A'"},
        {"auth:gate auth-grpc auth-allow:TE", "allowed_headers[0]: must not be 'TE'"},
        {"auth:gate auth-grpc auth-body:1048577", "forward_body.max_size: must be at most 1048576"},
        {"auth:Not-A-Name", "external_auth.backend_ref.name: "},
        {"auth-path:/x", "external_auth.backend_ref: must name a Backend"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        expect_problem(cases[i].filters, cases[i].problem);
}

/* FLT-AUTH-12 */
static void a_list_has_at_most_64_names(void **state)
{
    (void)state;
    struct buffer words = BUFFER_EMPTY;
    buffer_append_string(&words, "auth:gate");
    for (int i = 0; i < 64; i++)
        buffer_printf(&words, " auth-allow:x-%d auth-take:y-%d", i, i);
    expect_problem(buffer_string(&words), NULL);
    buffer_append_string(&words, " auth-allow:more");
    expect_problem(buffer_string(&words), "external_auth.http.allowed_headers: must be at most 64");
    buffer_reset(&words);
    buffer_append_string(&words, "auth:gate auth-grpc");
    for (int i = 0; i < 65; i++)
        buffer_printf(&words, " auth-allow:x-%d", i);
    expect_problem(buffer_string(&words), "external_auth.grpc.allowed_headers: must be at most 64");
    buffer_clear(&words);
}

/* FLT-AUTH-12 */
static void protocols_are_checked(void **state)
{
    (void)state;
    RouteMessage *message = route_text_parse("r : prefix:/ {auth:gate} -> b");
    Pointsman__V1__ExternalAuth *auth = message->rules[0]->filters[0]->external_auth;
    Pointsman__V1__HttpAuth *http = auth->http;
    Pointsman__V1__GrpcAuth grpc = POINTSMAN__V1__GRPC_AUTH__INIT;

    auth->protocol = POINTSMAN__V1__EXTERNAL_AUTH_PROTOCOL__EXTERNAL_AUTH_PROTOCOL_GRPC;
    expect_problem_of(message, "external_auth.grpc: must be there with protocol GRPC");
    expect_problem_of(message, "external_auth.http: does not go together with protocol GRPC");
    auth->http = NULL;
    auth->grpc = &grpc;
    expect_problem_of(message, NULL);
    auth->protocol = POINTSMAN__V1__EXTERNAL_AUTH_PROTOCOL__EXTERNAL_AUTH_PROTOCOL_HTTP;
    expect_problem_of(message, "external_auth.http: must be there with protocol HTTP");
    expect_problem_of(message, "external_auth.grpc: does not go together with protocol HTTP");
    auth->protocol = POINTSMAN__V1__EXTERNAL_AUTH_PROTOCOL__EXTERNAL_AUTH_PROTOCOL_UNSPECIFIED;
    expect_problem_of(message, "external_auth.protocol: must be HTTP or GRPC");
    auth->protocol = (Pointsman__V1__ExternalAuthProtocol)7;
    expect_problem_of(message, "external_auth.protocol: must be HTTP or GRPC");

    auth->http = http;
    auth->grpc = NULL;
    route_text_free(message);
}

/* FLT-AUTH-12 */
static void it_is_of_rules_of_http_routes_alone(void **state)
{
    (void)state;
    RouteMessage *message = route_text_parse("r : prefix:/ {auth:gate} -> b");
    RouteRuleMessage *rule = message->rules[0];

    message->kind = POINTSMAN__V1__ROUTE_KIND__ROUTE_KIND_GRPC;
    expect_problem_of(message, "rules[0].filters[0].external_auth: is of HTTPRoutes alone");
    message->kind = POINTSMAN__V1__ROUTE_KIND__ROUTE_KIND_UNSPECIFIED;
    rule->backend_refs[0]->filters = rule->filters;
    rule->backend_refs[0]->n_filters = 1;
    rule->n_filters = 0;
    FilterMessage **filters = rule->filters;
    rule->filters = NULL;
    expect_problem_of(message, "rules[0].backend_refs[0].filters[0].external_auth: is of rules "
                               "alone, not of backendRefs");

    rule->filters = filters;
    rule->n_filters = 1;
    rule->backend_refs[0]->filters = NULL;
    rule->backend_refs[0]->n_filters = 0;
    FilterMessage *twice[] = {filters[0], filters[0]};
    rule->filters = twice;
    rule->n_filters = 2;
    expect_problem_of(message, "rules[0].filters[1]: is of a kind that is there already");
    rule->filters = filters;
    rule->n_filters = 1;
    route_text_free(message);
}

/* --- what is asked --------------------------------------------------------------------------- */

struct question {
    struct filter_list *filters;
    struct arena arena;
    struct request_text request;
    struct header_list fields;
};

static uint32_t no_backend(void *context, const Pointsman__V1__BackendObjectReference *ref)
{
    (void)context;
    (void)ref;
    return ROUTE_NO_BACKEND;
}

static void init(struct question *question, const char *filters, const char *request)
{
    static const struct filter_context context = {.prefix = {"", 0}, .backend_index = no_backend};
    *question = (struct question){.filters = filter_text_compile(filters, &context)};
    request_text_init(&question->request, request);
    const struct request_head *head = &question->request.head;
    header_list_move(&question->fields, head->header_count, &question->arena);
    for (size_t i = 0; i < head->header_count; i++)
        header_list_add(&question->fields, head->headers[i].name, head->headers[i].value,
                        header_name_id(head->headers[i].name));
}

static void clear(struct question *question)
{
    request_text_clear(&question->request);
    arena_clear(&question->arena);
    filter_list_free(question->filters);
}

static void expect_path(const char *filter_path, const char *path, const char *expected)
{
    struct buffer words = BUFFER_EMPTY;
    buffer_printf(&words, "auth:gate auth-path:%s", filter_path);
    struct question question;
    init(&question, buffer_string(&words), "GET h/");
    question.request.head.path = slice_from_string(path);
    const struct request_head asked =
        external_auth_head(question.filters, &question.request.head, &question.arena);
    assert_true(slice_equals(asked.path, slice_from_string(expected)));
    clear(&question);
    buffer_clear(&words);
}

/* FLT-AUTH-3 */
static void paths_are_joined_with_one_slash(void **state)
{
    (void)state;
    expect_path("", "/a", "/a");
    expect_path("/", "/a", "/a");
    expect_path("/check", "/a", "/check/a");
    expect_path("/check/", "/", "/check/");
    expect_path("/%63heck/", "//a", "/check//a");
    expect_path("/check", "*", "/check");
    expect_path("", "*", "*");
}

/* FLT-AUTH-3, FLT-AUTH-4, LOOP-5 */
static void only_what_is_named_or_ours_is_told(void **state)
{
    (void)state;
    struct question question;
    init(&question, "auth:gate auth-allow:x-a",
         "GET h/ authorization: s | x-a: 1 | x-b: 2 | X-A: 3 | x-forwarded-for: c | "
         "x-request-id: r | x-client-cert-subject: d | cookie: k | cdn-loop: l");

    struct header_list told =
        external_auth_fields(question.filters->auth, &question.fields, &question.arena);

    fields_assert(&told, "authorization=s;x-a=1;X-A=3;x-forwarded-for=c;x-request-id=r;"
                         "x-client-cert-subject=d;cdn-loop=l;");
    clear(&question);
}

static void expect_told(const char *filters, const char *expected)
{
    struct question question;
    init(&question, filters,
         "GET h/ authorization: s | x-a: 1 | x-b: 2 | X-A: 3 | x-forwarded-for: c | "
         "x-request-id: r | te: t | content-length: 0");
    struct header_list told =
        external_auth_fields(question.filters->auth, &question.fields, &question.arena);
    fields_assert(&told, expected);
    clear(&question);
}

/* FLT-AUTH-17 */
static void by_grpc_all_is_told_or_what_is_named(void **state)
{
    (void)state;
    expect_told("auth:gate auth-grpc", "authorization=s;x-a=1;x-b=2;X-A=3;x-forwarded-for=c;"
                                       "x-request-id=r;");
    expect_told("auth:gate auth-grpc auth-allow:x-A auth-allow:x-request-id",
                "x-a=1;X-A=3;x-request-id=r;");
    expect_told("auth:gate auth-grpc auth-allow:x-c", "");
}

/* --- what is taken over ---------------------------------------------------------------------- */

static void expect_taken(const char *filters, const char *answer, const char *expected)
{
    struct question question;
    struct question answered;
    init(&question, filters,
         "GET h/ x-user: evil | x-other: mine | content-type: text | X-User: evil");
    init(&answered, "auth:gate", answer);

    external_auth_take(question.filters->auth, &answered.fields, &question.fields, &question.arena);
    clear(&answered);

    fields_assert(&question.fields, expected);
    clear(&question);
}

/* FLT-AUTH-5 */
static void named_headers_are_the_services_or_nobodys(void **state)
{
    (void)state;
    expect_taken("auth:gate auth-take:X-USER", "GET h/ x-user: kim | x-other: theirs",
                 "x-other=mine;content-type=text;x-user=kim;");
    expect_taken("auth:gate auth-take:X-USER", "GET h/ x-other: theirs",
                 "x-other=mine;content-type=text;");
    expect_taken("auth:gate auth-take:x-other auth-take:Content-Type",
                 "GET h/ x-other: a | x-other: b | content-type: c",
                 "x-user=evil;X-User=evil;x-other=a;x-other=b;content-type=c;");
}

/* FLT-AUTH-6, LOOP-7 */
static void without_names_all_but_a_few_are_taken_over(void **state)
{
    (void)state;
    expect_taken(
        "auth:gate",
        "GET h/ x-user: kim | host: evil | content-length: 9 | transfer-encoding: chunked | "
        "connection: close | content-type: html | content-language: en | x_y: 1 | "
        "proxy: p | cdn-loop: a | x-forwarded-for: 9 | x-client-cert-subject: s | "
        "x-forwarded-user: kim | expect: e | set-cookie: a | set-cookie: b",
        "x-other=mine;content-type=text;x-user=kim;x-forwarded-user=kim;set-cookie=a;"
        "set-cookie=b;");
}

/* FLT-AUTH-5 */
static void names_that_services_read_alike_are_taken_away_too(void **state)
{
    (void)state;
    struct question question;
    struct question answered;
    init(&question, "auth:gate auth-take:X-User auth-take:x-user2",
         "GET h/ x.user: evil | X!USER: evil | x--user: a | x-use: b | x-user.: c | xauser: d | "
         "x-user3: e");
    init(&answered, "auth:gate", "GET h/ x-user: kim | x.user: other");

    external_auth_take(question.filters->auth, &answered.fields, &question.fields, &question.arena);

    fields_assert(&question.fields, "x--user=a;x-use=b;x-user.=c;xauser=d;x-user3=e;x-user=kim;");
    clear(&answered);
    clear(&question);

    init(&question, "auth:gate", "GET h/ x.user: evil | x-other: mine");
    init(&answered, "auth:gate", "GET h/ x-user: kim");
    external_auth_take(question.filters->auth, &answered.fields, &question.fields, &question.arena);
    fields_assert(&question.fields, "x-other=mine;x-user=kim;");
    clear(&answered);
    clear(&question);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_full_filter_is_accepted),
        cmocka_unit_test(what_means_nothing_is_refused_by_name),
        cmocka_unit_test(a_list_has_at_most_64_names),
        cmocka_unit_test(protocols_are_checked),
        cmocka_unit_test(it_is_of_rules_of_http_routes_alone),
        cmocka_unit_test(paths_are_joined_with_one_slash),
        cmocka_unit_test(only_what_is_named_or_ours_is_told),
        cmocka_unit_test(by_grpc_all_is_told_or_what_is_named),
        cmocka_unit_test(named_headers_are_the_services_or_nobodys),
        cmocka_unit_test(without_names_all_but_a_few_are_taken_over),
        cmocka_unit_test(names_that_services_read_alike_are_taken_away_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
