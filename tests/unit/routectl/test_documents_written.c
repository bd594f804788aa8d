#include "proto/message.h"
#include "tests/unit/cmocka_all.h"
#include "tests/unit/routectl/documents_fixture.h"

#include <stdio.h>

static void what_is_written_is_as_people_write_it(void **state)
{
    (void)state;
    struct buffer text = BUFFER_EMPTY;
    documents_read_ok(documents_example);
    documents_write_route(&text, documents_draft.request.mutations[0]->put_route);
    documents_write_backend(&text, documents_draft.request.mutations[1]->put_backend);
    assert_string_equal(buffer_string(&text), "---\n"
                                              "apiVersion: gateway.networking.k8s.io/v1\n"
                                              "kind: HTTPRoute\n"
                                              "metadata:\n"
                                              "  name: users\n"
                                              "  namespace: shop\n"
                                              "  labels:\n"
                                              "    team: accounts\n"
                                              "spec:\n"
                                              "  parentRefs:\n"
                                              "  - name: gw\n"
                                              "    sectionName: web\n"
                                              "    port: 80\n"
                                              "  hostnames: [shop.internal, \"*.shop.internal\"]\n"
                                              "  rules:\n"
                                              "  - matches:\n"
                                              "    - path:\n"
                                              "        type: PathPrefix\n"
                                              "        value: /users\n"
                                              "      headers:\n"
                                              "      - name: version\n"
                                              "        value: two\n"
                                              "      queryParams:\n"
                                              "      - type: RegularExpression\n"
                                              "        name: q\n"
                                              "        value: \".*\"\n"
                                              "      method: GET\n"
                                              "    filters:\n"
                                              "    - type: RequestHeaderModifier\n"
                                              "      requestHeaderModifier:\n"
                                              "        set:\n"
                                              "        - name: x\n"
                                              "          value: \"1\"\n"
                                              "        remove: [\"y\"]\n"
                                              "    - type: URLRewrite\n"
                                              "      urlRewrite:\n"
                                              "        path:\n"
                                              "          type: ReplacePrefixMatch\n"
                                              "          replacePrefixMatch: \"\"\n"
                                              "    backendRefs:\n"
                                              "    - name: users-v1\n"
                                              "      port: 8080\n"
                                              "      weight: 90\n"
                                              "    - name: users-v2\n"
                                              "      port: 8080\n"
                                              "      weight: 0\n"
                                              "    timeouts:\n"
                                              "      request: 10s\n"
                                              "      backendRequest: 250ms\n"
                                              "    retry:\n"
                                              "      codes: [503]\n"
                                              "      attempts: 2\n"
                                              "      backoff: 100ms\n"
                                              "---\n"
                                              "apiVersion: pointsman/v1\n"
                                              "kind: Backend\n"
                                              "metadata:\n"
                                              "  name: users-v1\n"
                                              "spec:\n"
                                              "  endpoints:\n"
                                              "  - address: \"10.0.0.7\"\n"
                                              "    port: 8080\n"
                                              "  - unix: /run/u.sock\n"
                                              "    weight: 2\n"
                                              "  loadBalancing:\n"
                                              "    policy: RoundRobin\n"
                                              "  healthCheck:\n"
                                              "    type: HTTP\n"
                                              "    path: /healthz\n"
                                              "    interval: 5s\n"
                                              "    unhealthy: 3\n");
    buffer_clear(&text);
}

/* Reads `text` and what is written of it; both must be the same bytes. */
static void an_annotation_says_which_route_counts_as_older(void **state)
{
    (void)state;
    struct buffer text = BUFFER_EMPTY;
    RouteMessage route = POINTSMAN__V1__ROUTE__INIT;
    route.name = (char *)"users";
    route.created_order = 7; /* means something beside other routes only */

    documents_write_route(&text, &route);
    documents_read_ok(buffer_string(&text));
    assert_int_equal(documents_draft.request.mutations[0]->put_route->created_order, 0);

    documents_reset(NULL);
    buffer_reset(&text);
    documents_write_route_in_order(&text, &route, 3);
    documents_read_ok(buffer_string(&text));
    assert_int_equal(documents_draft.request.mutations[0]->put_route->created_order, 3);
    assert_int_equal(documents_remarks.length, 0);
    assert_documents_refused(
        "apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\n"
        "metadata: {name: a, annotations: {pointsman/created-order: first}}\nspec: {}\n",
        "a.yaml:3:60: metadata.annotations: is not a number from 0 to 4294967295\n");
    buffer_clear(&text);
}

static void assert_round_trip(const char *text)
{
    struct buffer written = BUFFER_EMPTY, first = BUFFER_EMPTY, second = BUFFER_EMPTY;
    documents_reset(NULL);
    documents_read_ok(text);
    for (size_t i = 0; i < documents_draft.request.n_mutations; i++) {
        const MutationMessage *mutation = documents_draft.request.mutations[i];
        if (mutation->operation_case == POINTSMAN__V1__MUTATION__OPERATION_PUT_ROUTE)
            documents_write_route(&written, mutation->put_route);
        else
            documents_write_backend(&written, mutation->put_backend);
    }
    message_pack(&documents_draft.request.base, &first);

    documents_reset(NULL);
    documents_read_ok(buffer_string(&written));
    message_pack(&documents_draft.request.base, &second);

    assert_true(slice_equals(buffer_slice(&first), buffer_slice(&second)));
    buffer_clear(&written);
    buffer_clear(&first);
    buffer_clear(&second);
}

static void what_is_written_reads_back_the_same(void **state)
{
    (void)state;
    assert_round_trip(documents_example);
    assert_round_trip(ROUTE_HEAD "spec: {}\n");
    assert_round_trip(ROUTE_HEAD "spec: {rules: [{}, {matches: [{}], timeouts: {}, retry: {}}]}\n");
    assert_round_trip(ROUTE_HEAD
                      "spec:\n"
                      "  rules:\n"
                      "  - filters:\n"
                      "    - {type: RequestMirror, requestMirror: {backendRef: {name: m},"
                      " fraction: {numerator: 1, denominator: 3}}}\n"
                      "    - {type: CORS, cors: {allowOrigins: ['*'], maxAge: 0,"
                      " allowCredentials: true}}\n"
                      "    - {type: ExternalAuth, externalAuth: {protocol: HTTP,"
                      " backendRef: {name: gate, port: 80}, http: {path: /check,"
                      " allowedHeaders: [cookie], allowedResponseHeaders: [x-user]},"
                      " forwardBody: {maxSize: 1024}}}\n"
                      "    - {type: ExternalAuth, externalAuth: {protocol: GRPC,"
                      " backendRef: {name: gate}, grpc: {allowedHeaders: [cookie]}}}\n"
                      "    - {type: ExternalAuth, externalAuth: {protocol: HTTP,"
                      " backendRef: {name: gate}, http: {}, forwardBody: {}}}\n"
                      "    - {type: RequestRedirect, requestRedirect: {statusCode: 301,"
                      " path: {type: ReplaceFullPath, replaceFullPath: /x}}}\n");
    assert_round_trip(BACKEND_HEAD
                      "spec:\n"
                      "  ports: [{port: 80, targetPort: 90, appProtocol: h2}]\n"
                      "  appProtocol: grpc\n"
                      "  loadBalancing: {policy: ConsistentHash, sourceAddress: true}\n"
                      "  passiveHealth: {consecutiveFailures: 0, panicPercent: 0}\n"
                      "  tls: {enabled: true, serverName: s}\n");
}

static void texts_that_look_like_something_else_read_back_the_same(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "'true'",
        "'null'",
        "'~'",
        "'1.0'",
        "''",
        "' a '",
        "'a: b'",
        "'# a'",
        "'- a'",
        "\"a\\nb\\tc\"",
        "\"\\e\"",
        "'\"\\'",
        "\"\\x7f\"",
        "\"\\u0085\"",
        "\"\\u2028\"",
        "\"\\u00e4\"",
        "\"\\U0001F600\"",
        "'*x'",
        "'&x'",
        "\"\\ufeff\"",
        "'No'",
        "'%a'",
        "'@a'",
        "'a,b'",
        "'[a]'",
    };
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        char document[256];
        snprintf(document, sizeof(document), ROUTE_HEAD "spec: {hostnames: [%s]}\n", texts[i]);
        assert_round_trip(document);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        DOCUMENT_TEST(what_is_written_is_as_people_write_it),
        DOCUMENT_TEST(an_annotation_says_which_route_counts_as_older),
        DOCUMENT_TEST(what_is_written_reads_back_the_same),
        DOCUMENT_TEST(texts_that_look_like_something_else_read_back_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
