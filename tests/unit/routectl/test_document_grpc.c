/* GRPCRoutes as documents: which route they are, and what they may not say. */
#include "proto/message.h"
#include "tests/unit/cmocka_all.h"
#include "tests/unit/routectl/documents_fixture.h"

#include <stdio.h>

#define GRPC_HEAD                                                                                  \
    "apiVersion: gateway.networking.k8s.io/v1\n"                                                   \
    "kind: GRPCRoute\n"                                                                            \
    "metadata: {name: calls}\n"

#define PATH(type) POINTSMAN__V1__PATH_MATCH_TYPE__PATH_MATCH_TYPE_##type

/* The document with this match is the route with that path, and is written so. */
static void expect_path(const char *match, Pointsman__V1__PathMatchType type, const char *value,
                        const char *match_written)
{
    char text[512];
    struct buffer written = BUFFER_EMPTY;
    snprintf(text, sizeof(text), GRPC_HEAD "spec: {rules: [{matches: [%s]}]}\n", match);
    documents_read_ok(text);
    const RouteMessage *route = documents_draft.request.mutations[0]->put_route;
    const RouteMatchMessage *read = route->rules[0]->matches[0];
    assert_int_equal(route->kind, POINTSMAN__V1__ROUTE_KIND__ROUTE_KIND_GRPC);
    assert_int_equal(read->path == NULL ? 0 : read->path->type, type);
    assert_string_equal(read->path == NULL ? "" : read->path->value, value);
    documents_write_route(&written, route);

    char expected[512];
    snprintf(expected, sizeof(expected),
             "---\n"
             "apiVersion: gateway.networking.k8s.io/v1\n"
             "kind: GRPCRoute\n"
             "metadata:\n"
             "  name: calls\n"
             "spec:\n"
             "  rules:\n"
             "  - matches:\n"
             "%s",
             match_written);
    assert_string_equal(buffer_string(&written), expected);
    buffer_clear(&written);
    documents_reset(NULL);
}

#define METHOD(fields) "    - method:\n" fields
#define SERVICE_IS(text) "        service: " text "\n"
#define METHOD_IS(text) "        method: " text "\n"
#define EXPRESSION "        type: RegularExpression\n"

static void a_method_is_a_path(void **state)
{
    (void)state;
    expect_path("{method: {service: shop.Users, method: Get}}", PATH(EXACT), "/shop.Users/Get",
                METHOD(SERVICE_IS("shop.Users") METHOD_IS("Get")));
    expect_path("{method: {type: Exact, service: Users, method: get_2}}", PATH(EXACT),
                "/Users/get_2", METHOD(SERVICE_IS("Users") METHOD_IS("get_2")));
    expect_path("{method: {service: shop.Users}}", PATH(PATH_PREFIX), "/shop.Users",
                METHOD(SERVICE_IS("shop.Users")));
    expect_path("{method: {method: Get}}", PATH(GRPC_METHOD), "Get", METHOD(METHOD_IS("Get")));
}

static void both_expressions_are_one(void **state)
{
    (void)state;
    expect_path("{method: {type: RegularExpression, service: 'a|b', method: 'Get.*'}}",
                PATH(REGULAR_EXPRESSION), "/(?:a|b)/(?:Get.*)",
                METHOD(EXPRESSION SERVICE_IS("\"a|b\"") METHOD_IS("\"Get.*\"")));
    expect_path("{method: {type: RegularExpression, service: 'shop[.].+'}}",
                PATH(REGULAR_EXPRESSION), "/(?:shop[.].+)/(?:[^/]+)",
                METHOD(EXPRESSION SERVICE_IS("\"shop[.].+\"") METHOD_IS("\"[^/]+\"")));
    expect_path("{method: {type: RegularExpression, service: '', method: Get}}",
                PATH(REGULAR_EXPRESSION), "/(?:[^/]+)/(?:Get)",
                METHOD(EXPRESSION SERVICE_IS("\"[^/]+\"") METHOD_IS("Get")));
}

static void without_a_method_every_call_matches(void **state)
{
    (void)state;
    expect_path("{headers: [{name: version, value: two}]}", PATH(UNSPECIFIED), "",
                "    - headers:\n"
                "      - name: version\n"
                "        value: two\n");
}

static void what_both_kinds_have_is_read_alike(void **state)
{
    (void)state;
    documents_read_ok(GRPC_HEAD
                      "spec:\n"
                      "  hostnames: [grpc.shop.internal]\n"
                      "  rules:\n"
                      "  - matches:\n"
                      "    - method: {service: a.B}\n"
                      "    filters:\n"
                      "    - {type: RequestMirror, requestMirror: {backendRef: {name: m}}}\n"
                      "    backendRefs:\n"
                      "    - name: b\n"
                      "      weight: 3\n"
                      "      filters:\n"
                      "      - type: ResponseHeaderModifier\n"
                      "        responseHeaderModifier: {remove: [x]}\n");

    const RouteMessage *route = documents_draft.request.mutations[0]->put_route;
    assert_string_equal(route->hostnames[0], "grpc.shop.internal");
    assert_string_equal(route->rules[0]->backend_refs[0]->name, "b");
    assert_int_equal(route->rules[0]->n_filters, 1);
    assert_int_equal(route->rules[0]->backend_refs[0]->n_filters, 1);
}

static void pack_first(struct buffer *to)
{
    message_pack(&documents_draft.request.mutations[0]->put_route->base, to);
}

/* DOC-6: what is written is a GRPCRoute, and the same route. */
static void what_is_written_is_read_as_the_same_route(void **state)
{
    (void)state;
    static const char *const matches[] = {
        "{method: {service: shop.Users, method: Get}}",
        "{method: {service: .shop.Users}}",
        "{method: {method: Get}}",
        "{method: {type: RegularExpression, service: 'a|b', method: \"Get'?:.*\"}}",
        "{headers: [{name: version, type: RegularExpression, value: '[0-9]+'}]}",
        "{}",
    };
    struct buffer text = BUFFER_EMPTY, read = BUFFER_EMPTY, again = BUFFER_EMPTY;
    buffer_append_string(&text, GRPC_HEAD "spec:\n  hostnames: ['*.shop.internal']\n  rules:\n");
    for (size_t i = 0; i < sizeof(matches) / sizeof(matches[0]); i++)
        buffer_printf(&text,
                      "  - name: rule-%zu\n    matches: [%s]\n"
                      "    filters: [{type: RequestHeaderModifier, requestHeaderModifier: "
                      "{add: [{name: x, value: y}]}}]\n"
                      "    backendRefs: [{name: b, port: 8080, weight: 0}]\n",
                      i, matches[i]);
    documents_read_ok(buffer_string(&text));
    pack_first(&read);
    buffer_reset(&text);
    documents_write_route(&text, documents_draft.request.mutations[0]->put_route);
    documents_reset(NULL);

    documents_read_ok(buffer_string(&text));

    pack_first(&again);
    assert_true(slice_equals(buffer_slice(&read), buffer_slice(&again)));
    buffer_clear(&text);
    buffer_clear(&read);
    buffer_clear(&again);
}

static void what_only_an_http_route_has_is_refused(void **state)
{
    (void)state;
    assert_documents_refused(
        GRPC_HEAD "spec:\n"
                  "  rules:\n"
                  "  - matches:\n"
                  "    - path: {value: /a}\n"
                  "      queryParams: []\n"
                  "    filters:\n"
                  "    - {type: URLRewrite, urlRewrite: {}}\n"
                  "    timeouts: {}\n"
                  "    retry: {}\n",
        "a.yaml:7:7: spec.rules[0].matches[0]: unknown field 'path'\n"
        "a.yaml:8:7: spec.rules[0].matches[0]: unknown field 'queryParams'\n"
        "a.yaml:10:26: spec.rules[0].filters[0]: unknown field 'urlRewrite'\n"
        "a.yaml:10:14: spec.rules[0].filters[0]: 'type' is URLRewrite, but 'urlRewrite' is "
        "missing\n"
        "a.yaml:11:5: spec.rules[0]: unknown field 'timeouts'\n"
        "a.yaml:12:5: spec.rules[0]: unknown field 'retry'\n");
}

/* DOC-4 */
static void one_name_is_given_once_for_each_kind(void **state)
{
    (void)state;
    static const char http[] = "apiVersion: gateway.networking.k8s.io/v1\n"
                               "kind: HTTPRoute\n"
                               "metadata: {name: calls}\n"
                               "spec: {}\n"
                               "---\n" GRPC_HEAD "spec: {}\n";
    static const char twice[] = GRPC_HEAD "spec: {}\n---\n" GRPC_HEAD "spec: {}\n";
    documents_read_ok(http);

    const Pointsman__V1__ObjectKind route = POINTSMAN__V1__OBJECT_KIND__OBJECT_KIND_ROUTE;
    assert_ptr_equal(draft_find(&documents_draft, route, "calls"),
                     documents_draft.request.mutations[0]);
    assert_ptr_equal(draft_find(&documents_draft, route, "GRPCRoute/calls"),
                     documents_draft.request.mutations[1]);
    assert_documents_refused(twice, "a.yaml:8:18: GRPCRoute 'calls' is given twice; first at "
                                    "a.yaml:3:18: metadata.name\n");
}

static void an_http_route_has_no_such_method(void **state)
{
    (void)state;
    assert_documents_refused(ROUTE_HEAD "spec: {rules: [{matches: [{method: {service: a}}]}]}\n",
                             "a.yaml:4:36: spec.rules[0].matches[0].method: is not a text\n");
}

/* Each with the place of what is wrong, of the match's method unless it says more. */
static void a_method_that_is_none_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *method, *why;
    } cases[] = {
        {"{}", "36: spec.rules[0].matches[0].method: needs a 'service' or a 'method'"},
        {"{service: '', method: ''}",
         "36: spec.rules[0].matches[0].method: needs a 'service' or a 'method'"},
        {"{service: '', method: Get}",
         "36: spec.rules[0].matches[0].method: '' is not the name of a gRPC service"},
        {"Get", "36: spec.rules[0].matches[0].method: is not a mapping"},
        {"{service: a/b}",
         "36: spec.rules[0].matches[0].method: 'a/b' is not the name of a gRPC service"},
        {"{service: a..b}",
         "36: spec.rules[0].matches[0].method: 'a..b' is not the name of a gRPC service"},
        {"{service: a, method: 1b}",
         "36: spec.rules[0].matches[0].method: '1b' is not the name of a gRPC method"},
        {"{service: [a]}", "46: spec.rules[0].matches[0].method.service: is not a text"},
        {"{type: Prefix, service: a}",
         "43: spec.rules[0].matches[0].method: 'Prefix' is none of Exact, RegularExpression"},
        {"{service: a, name: b}", "49: spec.rules[0].matches[0].method: unknown field 'name'"},
        {"{type: RegularExpression, method: 'a('}",
         "36: spec.rules[0].matches[0].method: the expression does not compile: "
         "missing closing parenthesis at offset 17"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[512];
        char expected[512];
        snprintf(text, sizeof(text), GRPC_HEAD "spec: {rules: [{matches: [{method: %s}]}]}\n",
                 cases[i].method);
        snprintf(expected, sizeof(expected), "a.yaml:4:%s\n", cases[i].why);
        assert_documents_refused(text, expected);
        documents_reset(NULL);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        DOCUMENT_TEST(a_method_is_a_path),
        DOCUMENT_TEST(both_expressions_are_one),
        DOCUMENT_TEST(without_a_method_every_call_matches),
        DOCUMENT_TEST(what_both_kinds_have_is_read_alike),
        DOCUMENT_TEST(what_is_written_is_read_as_the_same_route),
        DOCUMENT_TEST(what_only_an_http_route_has_is_refused),
        DOCUMENT_TEST(one_name_is_given_once_for_each_kind),
        DOCUMENT_TEST(an_http_route_has_no_such_method),
        DOCUMENT_TEST(a_method_that_is_none_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
