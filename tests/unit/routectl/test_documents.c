#include "tests/unit/cmocka_all.h"
#include "tests/unit/routectl/documents_fixture.h"

static void a_route_and_a_backend_are_read_whole(void **state)
{
    (void)state;
    documents_read_ok(documents_example);
    assert_int_equal(documents_draft.request.n_mutations, 2);

    const RouteMessage *route = documents_draft.request.mutations[0]->put_route;
    assert_string_equal(route->name, "shop/users");
    assert_string_equal(route->labels[0]->key, "team");
    assert_string_equal(route->parent_refs[0]->section_name, "web");
    assert_int_equal(route->n_hostnames, 2);
    const RouteRuleMessage *rule = route->rules[0];
    const RouteMatchMessage *match = rule->matches[0];
    assert_int_equal(match->path->type,
                     POINTSMAN__V1__PATH_MATCH_TYPE__PATH_MATCH_TYPE_PATH_PREFIX);
    assert_string_equal(match->method, "GET");
    assert_string_equal(match->headers[0]->value, "two");
    assert_int_equal(match->query_params[0]->type,
                     POINTSMAN__V1__VALUE_MATCH_TYPE__VALUE_MATCH_TYPE_REGULAR_EXPRESSION);
    assert_string_equal(rule->filters[0]->request_header_modifier->remove[0], "y");
    assert_int_equal(rule->filters[1]->kind_case, POINTSMAN__V1__FILTER__KIND_URL_REWRITE);
    assert_int_equal(rule->filters[1]->url_rewrite->path->kind_case,
                     POINTSMAN__V1__PATH_MODIFIER__KIND_REPLACE_PREFIX_MATCH);
    assert_string_equal(rule->filters[1]->url_rewrite->path->replace_prefix_match, "");
    assert_int_equal(rule->backend_refs[0]->weight, 90);
    assert_int_equal(rule->backend_refs[1]->weight_presence_case,
                     POINTSMAN__V1__BACKEND_REF__WEIGHT_PRESENCE_WEIGHT);
    assert_int_equal(rule->timeouts->backend_request->nanos, 250000000);
    assert_int_equal(rule->retry->codes[0], 503);
    assert_int_equal(rule->retry->attempts, 2);

    const BackendMessage *backend = documents_draft.request.mutations[1]->put_backend;
    assert_string_equal(backend->endpoints[1]->unix_path, "/run/u.sock");
    assert_int_equal(backend->load_balancing->policy,
                     POINTSMAN__V1__LOAD_BALANCING_POLICY__LOAD_BALANCING_POLICY_ROUND_ROBIN);
    assert_int_equal(backend->health_check->type,
                     POINTSMAN__V1__HEALTH_CHECK_TYPE__HEALTH_CHECK_TYPE_HTTP);
}

/* DOC-1 */
static void json_is_read_too(void **state)
{
    (void)state;
    documents_read_ok(
        "{\"apiVersion\": \"gateway.networking.k8s.io/v1\", \"kind\": \"HTTPRoute\",\n"
        " \"metadata\": {\"name\": \"users\"},\n"
        " \"spec\": {\"hostnames\": [\"a\\u002eb\"], \"rules\": [{\"backendRefs\":\n"
        "   [{\"name\": \"x\", \"port\": 80}]}]}}\n");
    assert_string_equal(documents_draft.request.mutations[0]->put_route->hostnames[0], "a.b");
    assert_int_equal(
        documents_draft.request.mutations[0]->put_route->rules[0]->backend_refs[0]->port, 80);
}

#define JSON_BACKEND(name, spec)                                                                   \
    "{\"apiVersion\":\"pointsman/v1\",\"kind\":\"Backend\",\"metadata\":{\"name\":\"" name         \
    "\",\"labels\":{\"a\":\"}\\\"{\"}},\"spec\":" spec "}"

/* DOC-1: as 'jq -c' and several 'kubectl get -o json' print them. */
static void values_of_json_may_follow_each_other(void **state)
{
    (void)state;
    documents_read_ok(JSON_BACKEND("a", "{}") "\n" JSON_BACKEND("b", "{}")
                          JSON_BACKEND("c", "{}") "\n");
    assert_int_equal(documents_draft.request.n_mutations, 3);
    assert_string_equal(documents_draft.request.mutations[2]->put_backend->name, "c");
}

static void each_value_of_json_keeps_its_place(void **state)
{
    (void)state;
    assert_documents_refused("{}\n {\"a\":\n1}\n[\"\u00e4\"] []\n",
                             "a.yaml:1:1: 'apiVersion' is missing\n"
                             "a.yaml:2:3: unknown field 'a'\n"
                             "a.yaml:2:2: 'apiVersion' is missing\n"
                             "a.yaml:4:1: is not a mapping\n"
                             "a.yaml:4:7: is not a mapping\n");
    assert_documents_refused("{}\n{\"a\": ]}{}\n",
                             "a.yaml:1:1: 'apiVersion' is missing\n"
                             "a.yaml:2:7: did not find expected node content (while "
                             "parsing a flow node)\n");
    assert_documents_refused(
        "{}\n{\"a\": \"\xff\"}\n",
        "a.yaml:1:1: 'apiVersion' is missing\n"
        "a.yaml:2:8: invalid leading UTF-8 octet: 0xFF; documents are written in "
        "UTF-8\n");
}

/* It begins as JSON does, and what looks like the end of a value is none. */
static void yaml_in_brackets_is_one_document(void **state)
{
    (void)state;
    documents_read_ok(
        "{apiVersion: pointsman/v1, kind: Backend, # } {\n"
        " metadata: {name: x, labels: {a: '}} {'}}, spec: {}}\n"
        "--- {apiVersion: pointsman/v1, kind: Backend, metadata: {name: y}, spec: {}}\n");
    assert_int_equal(documents_draft.request.n_mutations, 2);
}

static void endpoints_may_be_urls(void **state)
{
    (void)state;
    documents_read_ok(
        BACKEND_HEAD
        "spec: {endpoints: ['http://10.0.0.7:8080', 'unix:/run/u.sock', 'http://[::1]@2']}\n");
    const BackendMessage *backend = documents_draft.request.mutations[0]->put_backend;
    assert_int_equal(backend->n_endpoints, 3);
    assert_int_equal(backend->endpoints[0]->port, 8080);
    assert_string_equal(backend->endpoints[1]->unix_path, "/run/u.sock");
    assert_int_equal(backend->endpoints[2]->weight, 2);
}

/* DOC-2 */
static void what_kubernetes_adds_is_ignored_with_a_note(void **state)
{
    (void)state;
    documents_read_ok("apiVersion: gateway.networking.k8s.io/v1\n"
                      "kind: HTTPRoute\n"
                      "metadata:\n"
                      "  name: users\n"
                      "  uid: 1-2-3\n"
                      "  annotations: {a: b}\n"
                      "spec: {rules: [{backendRefs: [{group: '', kind: Service, name: x}]}]}\n"
                      "status: {parents: []}\n");
    assert_string_equal(buffer_string(&documents_remarks),
                        "note a.yaml:8:1: 'status' is ignored\n"
                        "note a.yaml:5:3: metadata.uid: is ignored\n"
                        "note a.yaml:6:3: metadata.annotations: is ignored\n");
    assert_string_equal(
        documents_draft.request.mutations[0]->put_route->rules[0]->backend_refs[0]->kind,
        "Service");
}

/* DOC-15 */
static void a_list_is_its_items(void **state)
{
    (void)state;
    documents_read_ok("apiVersion: v1\n"
                      "kind: List\n"
                      "metadata: {resourceVersion: ''}\n"
                      "items:\n"
                      "- apiVersion: gateway.networking.k8s.io/v1\n"
                      "  kind: HTTPRoute\n"
                      "  metadata: {name: a}\n"
                      "  spec: {hostnames: [x]}\n"
                      "- apiVersion: pointsman/v1\n"
                      "  kind: Backend\n"
                      "  metadata: {name: b}\n"
                      "  spec: {}\n");
    assert_int_equal(documents_draft.request.n_mutations, 2);
    assert_string_equal(draft_find_origin(&documents_draft, "mutations[0].put_route.hostnames[0]"),
                        "a.yaml:8:22: items[0].spec.hostnames[0]");
    assert_string_equal(draft_find_origin(&documents_draft, "mutations[1].put_backend.name"),
                        "a.yaml:11:20: items[1].metadata.name");
}

static void a_list_holds_objects_and_nothing_else(void **state)
{
    (void)state;
    assert_documents_refused(
        "{apiVersion: v1, kind: List, spec: {}, items: [{apiVersion: v1, kind: List}]}\n",
        "a.yaml:1:30: unknown field 'spec'\n"
        "a.yaml:1:71: items[0]: unknown kind 'List' of apiVersion 'v1'; known are "
        "HTTPRoute, GRPCRoute and Backend\n");
    assert_documents_refused("{apiVersion: v1, kind: List, items: 3}\n",
                             "a.yaml:1:1: 'items' is not a list\n");
    assert_documents_refused(ROUTE_HEAD "spec: {}\nitems: []\n",
                             "a.yaml:5:1: unknown field 'items'\n");
}

static void an_empty_text_holds_no_objects(void **state)
{
    (void)state;
    assert_true(documents_read("a.yaml", (struct slice){0}, DOCUMENT_WHOLE, &documents_draft,
                               documents_on_remark, NULL));
    assert_int_equal(documents_draft.request.n_mutations, 0);
}

static void nothing_is_the_same_as_absent(void **state)
{
    (void)state;
    documents_read_ok("---\n"
                      "# only a comment\n"
                      "---\n" ROUTE_HEAD
                      "spec: {hostnames: null, rules: [{timeouts: ~, filters: }]}\n");
    assert_int_equal(documents_draft.request.n_mutations, 1);
    assert_null(documents_draft.request.mutations[0]->put_route->rules[0]->timeouts);
}

static void anchors_are_followed(void **state)
{
    (void)state;
    documents_read_ok(ROUTE_HEAD "spec:\n"
                                 "  rules:\n"
                                 "  - backendRefs: &refs [{name: x}]\n"
                                 "  - backendRefs: *refs\n");
    assert_string_equal(
        documents_draft.request.mutations[0]->put_route->rules[1]->backend_refs[0]->name, "x");
}

/* YAML 1.2.2 section 3.2.2.2: an alias means the newest. */
static void an_anchor_may_be_defined_again(void **state)
{
    (void)state;
    documents_read_ok(ROUTE_HEAD "spec:\n"
                                 "  rules:\n"
                                 "  - backendRefs: &refs [{name: &name x}]\n"
                                 "  - backendRefs: *refs\n"
                                 "  - backendRefs: &refs [{name: &name y}]\n"
                                 "  - backendRefs: *refs\n"
                                 "  - backendRefs: [{name: *name}]\n");
    static const char *const names[] = {"x", "x", "y", "y", "y"};
    const RouteMessage *route = documents_draft.request.mutations[0]->put_route;
    assert_int_equal(route->n_rules, 5);
    for (size_t i = 0; i < route->n_rules; i++)
        assert_string_equal(route->rules[i]->backend_refs[0]->name, names[i]);
}

/* As the tools of Kubernetes do. */
static void merged_keys_are_those_a_mapping_does_not_have(void **state)
{
    (void)state;
    documents_read_ok(ROUTE_HEAD "spec:\n"
                                 "  rules:\n"
                                 "  - timeouts: &slow {request: 20s, backendRequest: 10s}\n"
                                 "  - timeouts: &fast {<<: *slow, request: 2s}\n"
                                 "  - timeouts: {<<: *fast, backendRequest: null}\n"
                                 "  - timeouts: {<<: [{request: 3s}, *slow]}\n");
    RouteRuleMessage *const *rules = documents_draft.request.mutations[0]->put_route->rules;
    assert_int_equal(rules[1]->timeouts->request->seconds, 2);
    assert_int_equal(rules[1]->timeouts->backend_request->seconds, 10);
    assert_int_equal(rules[2]->timeouts->request->seconds, 2);
    assert_null(rules[2]->timeouts->backend_request);
    assert_int_equal(rules[3]->timeouts->request->seconds, 3);
    assert_int_equal(rules[3]->timeouts->backend_request->seconds, 10);
}

static void a_merge_that_cannot_be_is_refused(void **state)
{
    (void)state;
    assert_documents_refused(ROUTE_HEAD "spec: {<<: [a]}\n",
                             "a.yaml:4:13: spec: '<<' takes a mapping or a list of mappings\n");
    assert_documents_refused(ROUTE_HEAD "spec: &s {<<: *s}\n",
                             "a.yaml:4:7: spec: is merged too deeply\n");
    assert_documents_refused(ROUTE_HEAD "spec: {'<<': {}}\n",
                             "a.yaml:4:8: spec: unknown field '<<'\n");
    documents_reset(NULL);
    assert_false(
        documents_are_read(ROUTE_HEAD "spec: &s {<<: [*s, *s, *s, *s, *s, *s, *s, *s]}\n"));
}

/* What the daemon refuses later is told by file, line and field. */
static void every_field_remembers_its_place(void **state)
{
    (void)state;
    documents_read_ok(documents_example);
    assert_string_equal(draft_find_origin(&documents_draft,
                                          "mutations[0].put_route.rules[0].matches[0].path.value"),
                        "a.yaml:9:39: spec.rules[0].matches[0].path.value");
    assert_string_equal(
        draft_find_origin(&documents_draft,
                          "mutations[0].put_route.rules[0].filters[1].url_rewrite.path"),
        "a.yaml:17:26: spec.rules[0].filters[1].urlRewrite.path");
    assert_string_equal(draft_find_origin(&documents_draft, "mutations[0].put_route.name"),
                        "a.yaml:3:18: metadata.name");
    assert_string_equal(
        draft_find_origin(&documents_draft, "mutations[0].put_route.labels[0].value"),
        "a.yaml:3:57: metadata.labels.team");
    assert_string_equal(
        draft_find_origin(&documents_draft, "mutations[1].put_backend.endpoints[1].weight"),
        "a.yaml:28:76: spec.endpoints[1].weight");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        DOCUMENT_TEST(a_route_and_a_backend_are_read_whole),
        DOCUMENT_TEST(json_is_read_too),
        DOCUMENT_TEST(values_of_json_may_follow_each_other),
        DOCUMENT_TEST(each_value_of_json_keeps_its_place),
        DOCUMENT_TEST(yaml_in_brackets_is_one_document),
        DOCUMENT_TEST(endpoints_may_be_urls),
        DOCUMENT_TEST(what_kubernetes_adds_is_ignored_with_a_note),
        DOCUMENT_TEST(a_list_is_its_items),
        DOCUMENT_TEST(a_list_holds_objects_and_nothing_else),
        DOCUMENT_TEST(an_empty_text_holds_no_objects),
        DOCUMENT_TEST(nothing_is_the_same_as_absent),
        DOCUMENT_TEST(anchors_are_followed),
        DOCUMENT_TEST(an_anchor_may_be_defined_again),
        DOCUMENT_TEST(merged_keys_are_those_a_mapping_does_not_have),
        DOCUMENT_TEST(a_merge_that_cannot_be_is_refused),
        DOCUMENT_TEST(every_field_remembers_its_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
