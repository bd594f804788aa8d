#include "control/routectl/documents.h"
#include "proto/message.h"
#include "tests/unit/cmocka_all.h"

#include <stdio.h>
#include <string.h>

static struct draft draft;
static struct buffer remarks; /* a line each; notes begin with "note " */

static int reset(void **state)
{
    (void)state;
    draft_clear(&draft);
    buffer_clear(&remarks);
    return 0;
}

static void on_remark(void *context, enum document_remark remark, const char *text)
{
    (void)context;
    buffer_printf(&remarks, "%s%s\n", remark == DOCUMENT_NOTE ? "note " : "", text);
}

static bool read(const char *text)
{
    return documents_read("a.yaml", slice_from_string(text), DOCUMENT_FORM, &draft, on_remark,
                          NULL);
}

static void read_ok(const char *text)
{
    if (!read(text))
        fail_msg("%s", buffer_string(&remarks));
}

/* Every remark, in order. */
static void assert_refused(const char *text, const char *expected)
{
    reset(NULL);
    assert_false(
        documents_read("a.yaml", slice_from_string(text), DOCUMENT_WHOLE, &draft, on_remark, NULL));
    assert_string_equal(buffer_string(&remarks), expected);
}

#define ROUTE_HEAD                                                                                 \
    "apiVersion: gateway.networking.k8s.io/v1\n"                                                   \
    "kind: HTTPRoute\n"                                                                            \
    "metadata: {name: users}\n"
#define BACKEND_HEAD                                                                               \
    "apiVersion: pointsman/v1\n"                                                                   \
    "kind: Backend\n"                                                                              \
    "metadata: {name: users-v1}\n"

static const char example[] =
    "apiVersion: gateway.networking.k8s.io/v1\n"
    "kind: HTTPRoute\n"
    "metadata: {name: users, namespace: shop, labels: {team: accounts}}\n"
    "spec:\n"
    "  parentRefs: [{name: gw, sectionName: web, port: 80}]\n"
    "  hostnames: [shop.internal, \"*.shop.internal\"]\n"
    "  rules:\n"
    "  - matches:\n"
    "    - path: {type: PathPrefix, value: /users}\n"
    "      method: GET\n"
    "      headers: [{name: version, value: two}]\n"
    "      queryParams: [{type: RegularExpression, name: q, value: '.*'}]\n"
    "    filters:\n"
    "    - type: RequestHeaderModifier\n"
    "      requestHeaderModifier: {set: [{name: x, value: '1'}], remove: [y]}\n"
    "    - type: URLRewrite\n"
    "      urlRewrite: {path: {type: ReplacePrefixMatch, replacePrefixMatch: ''}}\n"
    "    backendRefs:\n"
    "    - {name: users-v1, port: 8080, weight: 90}\n"
    "    - {name: users-v2, port: 8080, weight: 0}\n"
    "    timeouts: {request: 10s, backendRequest: 250ms}\n"
    "    retry: {codes: [503], attempts: 2, backoff: 100ms}\n"
    "---\n"
    "apiVersion: pointsman/v1\n"
    "kind: Backend\n"
    "metadata: {name: users-v1}\n"
    "spec:\n"
    "  endpoints: [{address: 10.0.0.7, port: 8080}, {unix: /run/u.sock, weight: 2}]\n"
    "  loadBalancing: {policy: RoundRobin}\n"
    "  healthCheck: {type: HTTP, path: /healthz, interval: 5s, unhealthy: 3}\n";

/* --- reading ---------------------------------------------------------------------------------- */

static void a_route_and_a_backend_are_read_whole(void **state)
{
    (void)state;
    read_ok(example);
    assert_int_equal(draft.request.n_mutations, 2);

    const RouteMessage *route = draft.request.mutations[0]->put_route;
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

    const BackendMessage *backend = draft.request.mutations[1]->put_backend;
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
    read_ok("{\"apiVersion\": \"gateway.networking.k8s.io/v1\", \"kind\": \"HTTPRoute\",\n"
            " \"metadata\": {\"name\": \"users\"},\n"
            " \"spec\": {\"hostnames\": [\"a\\u002eb\"], \"rules\": [{\"backendRefs\":\n"
            "   [{\"name\": \"x\", \"port\": 80}]}]}}\n");
    assert_string_equal(draft.request.mutations[0]->put_route->hostnames[0], "a.b");
    assert_int_equal(draft.request.mutations[0]->put_route->rules[0]->backend_refs[0]->port, 80);
}

#define JSON_BACKEND(name, spec)                                                                   \
    "{\"apiVersion\":\"pointsman/v1\",\"kind\":\"Backend\",\"metadata\":{\"name\":\"" name         \
    "\",\"labels\":{\"a\":\"}\\\"{\"}},\"spec\":" spec "}"

/* DOC-1: as 'jq -c' and several 'kubectl get -o json' print them. */
static void values_of_json_may_follow_each_other(void **state)
{
    (void)state;
    read_ok(JSON_BACKEND("a", "{}") "\n" JSON_BACKEND("b", "{}") JSON_BACKEND("c", "{}") "\n");
    assert_int_equal(draft.request.n_mutations, 3);
    assert_string_equal(draft.request.mutations[2]->put_backend->name, "c");
}

static void each_value_of_json_keeps_its_place(void **state)
{
    (void)state;
    assert_refused("{}\n {\"a\":\n1}\n[\"\u00e4\"] []\n", "a.yaml:1:1: 'apiVersion' is missing\n"
                                                          "a.yaml:2:3: unknown field 'a'\n"
                                                          "a.yaml:2:2: 'apiVersion' is missing\n"
                                                          "a.yaml:4:1: is not a mapping\n"
                                                          "a.yaml:4:7: is not a mapping\n");
    assert_refused("{}\n{\"a\": ]}{}\n", "a.yaml:1:1: 'apiVersion' is missing\n"
                                         "a.yaml:2:7: did not find expected node content (while "
                                         "parsing a flow node)\n");
    assert_refused("{}\n{\"a\": \"\xff\"}\n", "a.yaml:1:1: 'apiVersion' is missing\n"
                                              "a.yaml: invalid leading UTF-8 octet at byte 10\n");
}

/* It begins as JSON does, and what looks like the end of a value is none. */
static void yaml_in_brackets_is_one_document(void **state)
{
    (void)state;
    read_ok("{apiVersion: pointsman/v1, kind: Backend, # } {\n"
            " metadata: {name: x, labels: {a: '}} {'}}, spec: {}}\n"
            "--- {apiVersion: pointsman/v1, kind: Backend, metadata: {name: y}, spec: {}}\n");
    assert_int_equal(draft.request.n_mutations, 2);
}

static void endpoints_may_be_urls(void **state)
{
    (void)state;
    read_ok(BACKEND_HEAD
            "spec: {endpoints: ['http://10.0.0.7:8080', 'unix:/run/u.sock', 'http://[::1]@2']}\n");
    const BackendMessage *backend = draft.request.mutations[0]->put_backend;
    assert_int_equal(backend->n_endpoints, 3);
    assert_int_equal(backend->endpoints[0]->port, 8080);
    assert_string_equal(backend->endpoints[1]->unix_path, "/run/u.sock");
    assert_int_equal(backend->endpoints[2]->weight, 2);
}

/* DOC-2 */
static void what_kubernetes_adds_is_ignored_with_a_note(void **state)
{
    (void)state;
    read_ok("apiVersion: gateway.networking.k8s.io/v1\n"
            "kind: HTTPRoute\n"
            "metadata:\n"
            "  name: users\n"
            "  uid: 1-2-3\n"
            "  annotations: {a: b}\n"
            "spec: {rules: [{backendRefs: [{group: '', kind: Service, name: x}]}]}\n"
            "status: {parents: []}\n");
    assert_string_equal(buffer_string(&remarks),
                        "note a.yaml:8:1: 'status' is ignored\n"
                        "note a.yaml:5:3: metadata.uid: is ignored\n"
                        "note a.yaml:6:3: metadata.annotations: is ignored\n");
    assert_string_equal(draft.request.mutations[0]->put_route->rules[0]->backend_refs[0]->kind,
                        "Service");
}

/* DOC-15 */
static void a_list_is_its_items(void **state)
{
    (void)state;
    read_ok("apiVersion: v1\n"
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
    assert_int_equal(draft.request.n_mutations, 2);
    assert_string_equal(draft_find_origin(&draft, "mutations[0].put_route.hostnames[0]"),
                        "a.yaml:8:22: items[0].spec.hostnames[0]");
    assert_string_equal(draft_find_origin(&draft, "mutations[1].put_backend.name"),
                        "a.yaml:11:20: items[1].metadata.name");
}

static void a_list_holds_objects_and_nothing_else(void **state)
{
    (void)state;
    assert_refused(
        "{apiVersion: v1, kind: List, spec: {}, items: [{apiVersion: v1, kind: List}]}\n",
        "a.yaml:1:30: unknown field 'spec'\n"
        "a.yaml:1:71: items[0]: unknown kind 'List' of apiVersion 'v1'\n");
    assert_refused("{apiVersion: v1, kind: List, items: 3}\n",
                   "a.yaml:1:1: 'items' is not a list\n");
    assert_refused(ROUTE_HEAD "spec: {}\nitems: []\n", "a.yaml:5:1: unknown field 'items'\n");
}

static void an_empty_text_holds_no_objects(void **state)
{
    (void)state;
    assert_true(
        documents_read("a.yaml", (struct slice){0}, DOCUMENT_WHOLE, &draft, on_remark, NULL));
    assert_int_equal(draft.request.n_mutations, 0);
}

static void nothing_is_the_same_as_absent(void **state)
{
    (void)state;
    read_ok("---\n"
            "# only a comment\n"
            "---\n" ROUTE_HEAD "spec: {hostnames: null, rules: [{timeouts: ~, filters: }]}\n");
    assert_int_equal(draft.request.n_mutations, 1);
    assert_null(draft.request.mutations[0]->put_route->rules[0]->timeouts);
}

static void anchors_are_followed(void **state)
{
    (void)state;
    read_ok(ROUTE_HEAD "spec:\n"
                       "  rules:\n"
                       "  - backendRefs: &refs [{name: x}]\n"
                       "  - backendRefs: *refs\n");
    assert_string_equal(draft.request.mutations[0]->put_route->rules[1]->backend_refs[0]->name,
                        "x");
}

/* As the tools of Kubernetes do. */
static void merged_keys_are_those_a_mapping_does_not_have(void **state)
{
    (void)state;
    read_ok(ROUTE_HEAD "spec:\n"
                       "  rules:\n"
                       "  - timeouts: &slow {request: 20s, backendRequest: 10s}\n"
                       "  - timeouts: &fast {<<: *slow, request: 2s}\n"
                       "  - timeouts: {<<: *fast, backendRequest: null}\n"
                       "  - timeouts: {<<: [{request: 3s}, *slow]}\n");
    RouteRuleMessage *const *rules = draft.request.mutations[0]->put_route->rules;
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
    assert_refused(ROUTE_HEAD "spec: {<<: [a]}\n",
                   "a.yaml:4:13: spec: '<<' takes a mapping or a list of mappings\n");
    assert_refused(ROUTE_HEAD "spec: &s {<<: *s}\n", "a.yaml:4:7: spec: is merged too deeply\n");
    assert_refused(ROUTE_HEAD "spec: {'<<': {}}\n", "a.yaml:4:8: spec: unknown field '<<'\n");
    reset(NULL);
    assert_false(read(ROUTE_HEAD "spec: &s {<<: [*s, *s, *s, *s, *s, *s, *s, *s]}\n"));
}

/* What the daemon refuses later is told by file, line and field. */
static void every_field_remembers_its_place(void **state)
{
    (void)state;
    read_ok(example);
    assert_string_equal(
        draft_find_origin(&draft, "mutations[0].put_route.rules[0].matches[0].path.value"),
        "a.yaml:9:39: spec.rules[0].matches[0].path.value");
    assert_string_equal(
        draft_find_origin(&draft, "mutations[0].put_route.rules[0].filters[1].url_rewrite.path"),
        "a.yaml:17:26: spec.rules[0].filters[1].urlRewrite.path");
    assert_string_equal(draft_find_origin(&draft, "mutations[0].put_route.name"),
                        "a.yaml:3:18: metadata.name");
    assert_string_equal(draft_find_origin(&draft, "mutations[0].put_route.labels[0].value"),
                        "a.yaml:3:57: metadata.labels.team");
    assert_string_equal(draft_find_origin(&draft, "mutations[1].put_backend.endpoints[1].weight"),
                        "a.yaml:28:76: spec.endpoints[1].weight");
}

/* --- refusing --------------------------------------------------------------------------------- */

static void all_problems_are_found_at_once(void **state)
{
    (void)state;
    assert_refused(ROUTE_HEAD "spec:\n"
                              "  hostname: [a]\n"
                              "  rules:\n"
                              "  - matches: {path: x}\n"
                              "    timeouts: {request: 10}\n"
                              "    backendRefs:\n"
                              "    - {name: x, port: '80', weight: -1}\n"
                              "    - {name: [x]}\n"
                              "    -\n",
                   "a.yaml:5:3: spec: unknown field 'hostname'\n"
                   "a.yaml:7:14: spec.rules[0].matches: is not a list\n"
                   "a.yaml:8:25: spec.rules[0].timeouts.request: '10' is not a duration such as "
                   "250ms, 10s or 1h30m\n"
                   "a.yaml:10:23: spec.rules[0].backendRefs[0].port: is a text; a number from "
                   "0 to 4294967295 has no quotes\n"
                   "a.yaml:10:37: spec.rules[0].backendRefs[0].weight: is not a number from 0 to "
                   "4294967295\n"
                   "a.yaml:11:14: spec.rules[0].backendRefs[1].name: is not a text\n"
                   "a.yaml:12:6: spec.rules[0].backendRefs[2]: is nothing\n");
}

static void problems_of_several_documents_are_found_together(void **state)
{
    (void)state;
    assert_refused(ROUTE_HEAD "spec: {x: 1}\n---\n" BACKEND_HEAD "spec: {y: 1}\n",
                   "a.yaml:4:8: spec: unknown field 'x'\n"
                   "a.yaml:9:8: spec: unknown field 'y'\n");
}

static void what_is_not_an_object_of_ours_is_refused(void **state)
{
    (void)state;
    assert_refused("- a\n", "a.yaml:1:1: is not a mapping\n");
    assert_refused("kind: HTTPRoute\n", "a.yaml:1:1: 'apiVersion' is missing\n");
    assert_refused("apiVersion: v1\n", "a.yaml:1:1: 'kind' is missing\n");
    assert_refused("apiVersion: v1\nkind: Service\n",
                   "a.yaml:2:7: unknown kind 'Service' of apiVersion 'v1'\n");
    assert_refused("apiVersion: pointsman/v1\nkind: Backend\n",
                   "a.yaml:1:1: 'metadata' is missing\n"
                   "a.yaml:1:1: 'spec' is missing\n");
    assert_refused("apiVersion: pointsman/v1\nkind: Backend\nmetadata: {labels: {}}\nspec: {}\n",
                   "a.yaml:3:11: metadata: 'name' is missing\n");
    assert_refused(BACKEND_HEAD "spec: {}\nextra: 1\n", "a.yaml:5:1: unknown field 'extra'\n");
}

static void what_the_daemon_sets_cannot_be_given(void **state)
{
    (void)state;
    assert_refused(BACKEND_HEAD "spec: {name: x, revision: 3}\n",
                   "a.yaml:4:8: spec: unknown field 'name'\n"
                   "a.yaml:4:17: spec: unknown field 'revision'\n");
}

static void keys_may_come_once(void **state)
{
    (void)state;
    assert_refused(ROUTE_HEAD "spec: {hostnames: [a], hostnames: [b]}\n",
                   "a.yaml:4:24: spec: the key 'hostnames' comes twice\n");
    assert_refused(ROUTE_HEAD "spec: {[a]: b}\n", "a.yaml:4:8: spec: is not a text\n");
}

static void objects_may_come_once(void **state)
{
    (void)state;
    assert_refused(ROUTE_HEAD "spec: {}\n---\n" ROUTE_HEAD "spec: {}\n",
                   "a.yaml:8:18: HTTPRoute 'users' is given twice; first at a.yaml:3:18: "
                   "metadata.name\n");
}

static void a_filters_type_and_content_agree(void **state)
{
    (void)state;
    assert_refused(ROUTE_HEAD "spec:\n"
                              "  rules:\n"
                              "  - filters:\n"
                              "    - {type: URLRewrite, requestRedirect: {}}\n"
                              "    - {requestRedirect: {}}\n"
                              "    - {type: ExtensionRef, requestRedirect: {}}\n"
                              "    - {type: CORS, cors: {}, urlRewrite: {}}\n",
                   "a.yaml:7:14: spec.rules[0].filters[0]: 'type' is URLRewrite, but 'urlRewrite' "
                   "is missing\n"
                   "a.yaml:8:7: spec.rules[0].filters[1]: 'type' is missing\n"
                   "a.yaml:9:14: spec.rules[0].filters[2]: unknown type 'ExtensionRef'\n"
                   "a.yaml:10:30: spec.rules[0].filters[3].urlRewrite: excludes another key that "
                   "is given\n");
}

static void an_unknown_choice_lists_the_known_ones(void **state)
{
    (void)state;
    assert_refused(BACKEND_HEAD "spec: {loadBalancing: {policy: Fastest}}\n",
                   "a.yaml:4:32: spec.loadBalancing.policy: 'Fastest' is none of LeastRequest, "
                   "RoundRobin, Random, ConsistentHash\n");
}

static void text_that_cannot_be_sent_is_refused(void **state)
{
    (void)state;
    assert_refused(ROUTE_HEAD "spec: {hostnames: [\"a\\0b\"]}\n",
                   "a.yaml:4:20: spec.hostnames[0]: holds a NUL byte\n");
    reset(NULL);
    assert_false(read("a: \xff\n"));
    assert_non_null(strstr(buffer_string(&remarks), "a.yaml: "));
}

static void surrogate_pairs_of_json_are_characters(void **state)
{
    (void)state;
    read_ok("{\"apiVersion\": \"gateway.networking.k8s.io/v1\", \"kind\": \"HTTPRoute\",\n"
            "\t\"metadata\": {\"name\": \"a\"},\r\n"
            "\"spec\": {\"rules\": [{\"matches\": [{\"queryParams\": [{\"name\": \"q\", \"value\": "
            "\"\\ud83d\\ude00 \\u00e9\\/\\\\uD83D\\\\uDE00\"}]}]}]}}");
    const RouteMessage *route = draft.request.mutations[0]->put_route;
    assert_string_equal(route->rules[0]->matches[0]->query_params[0]->value,
                        "\U0001F600 \u00e9/\\uD83D\\uDE00");
}

static void what_stands_behind_a_pair_keeps_its_column(void **state)
{
    (void)state;
    assert_refused("{\"apiVersion\": \"pointsman/v1\", \"kind\": \"Backend\",\n"
                   "\"metadata\": {\"name\": \"\\ud83d\\ude00\"}, \"spec\": {\"x\": 1}}",
                   "a.yaml:2:48: spec: unknown field 'x'\n"
                   "a.yaml:2:22: metadata.name: must be NAME or NAMESPACE/NAME, each of lower-case "
                   "letters, digits, '-' and '.', at most 253 characters\n");
}

static void half_a_surrogate_pair_is_refused_with_what_to_write(void **state)
{
    (void)state;
    assert_refused(ROUTE_HEAD "spec: {hostnames: [\"\\ud83d\\ude00\"]}\n",
                   "a.yaml:4:23: found invalid Unicode character escape code (while parsing a "
                   "quoted scalar); half of a surrogate pair is no character, and only JSON has "
                   "pairs: write the character itself or \\U0001F600\n");
    reset(NULL);
    assert_false(read("{\"a\": \"\\ud83d\"}"));
}

static void broken_yaml_names_its_place(void **state)
{
    (void)state;
    reset(NULL);
    assert_false(read(ROUTE_HEAD "spec: {hostnames: [a\n"));
    assert_int_equal(strncmp(buffer_string(&remarks), "a.yaml:5:1: ", 12), 0);
    assert_refused(
        ROUTE_HEAD "spec:\n\trules: []\n",
        "a.yaml:5:1: found character that cannot start any token (while scanning for the "
        "next token); tabs do not indent, and a text that begins so needs quotes\n");
}

static void what_bites_its_own_tail_is_refused(void **state)
{
    (void)state;
    assert_refused("&r {apiVersion: pointsman/v1, kind: Backend, metadata: {name: x},\n"
                   " spec: {healthCheck: {interval: *r}}}\n",
                   "a.yaml:1:1: spec.healthCheck.interval: is not a text\n");
    reset(NULL);
    assert_false(read(ROUTE_HEAD "spec: &s {rules: [*s]}\n"));
}

/* A rule with a thousand hostless matches, named a thousand times: a million, if written out. */
static void what_repeats_itself_without_end_is_refused_once(void **state)
{
    (void)state;
    struct buffer text = BUFFER_EMPTY;
    buffer_append_string(&text, ROUTE_HEAD "spec:\n  rules:\n  - matches: &m\n");
    for (int i = 0; i < 1000; i++)
        buffer_append_string(&text, "    - {}\n");
    for (int i = 0; i < 1000; i++)
        buffer_append_string(&text, "  - matches: *m\n");

    assert_false(read(buffer_string(&text)));

    const char *said = "the document repeats itself too often";
    const char *first = strstr(buffer_string(&remarks), said);
    assert_non_null(first);
    assert_null(strstr(first + 1, said));
    buffer_clear(&text);
}

static void problems_of_form_and_of_meaning_are_told_together(void **state)
{
    (void)state;
    assert_refused(ROUTE_HEAD "spec: {rules: 3, hostnames: [Shop]}\n---\n" BACKEND_HEAD
                              "spec: {endpoints: [{address: 10.0.0.1, port: 99999}]}\n",
                   "a.yaml:4:15: spec.rules: is not a list\n"
                   "a.yaml:4:30: spec.hostnames[0]: must be a DNS name: lower-case letters, "
                   "digits, '-' and '.', at most 253 characters\n"
                   "a.yaml:9:46: spec.endpoints[0].port: must be between 1 and 65535\n");
}

static void of_a_field_that_could_not_be_read_nothing_more_is_said(void **state)
{
    (void)state;
    assert_refused(ROUTE_HEAD
                   "spec: {rules: [{backendRefs: [{name: [a]}], filters: [{type: X}]}]}\n",
                   "a.yaml:4:38: spec.rules[0].backendRefs[0].name: is not a text\n"
                   "a.yaml:4:62: spec.rules[0].filters[0]: unknown type 'X'\n");
}

static void a_field_that_is_missing_is_named(void **state)
{
    (void)state;
    assert_refused(ROUTE_HEAD "spec: {rules: [{backendRefs: [{port: 80, nme: x}]}]}\n",
                   "a.yaml:4:42: spec.rules[0].backendRefs[0]: unknown field 'nme'\n"
                   "a.yaml:4:31: spec.rules[0].backendRefs[0].name: must be the name of a "
                   "Backend\n");
}

static void zero_is_not_the_same_as_absent(void **state)
{
    (void)state;
    assert_refused(ROUTE_HEAD "spec: {rules: [{matches: [{method: ''}], backendRefs: [{name: a, "
                              "port: 0}]}]}\n",
                   "a.yaml:4:36: spec.rules[0].matches[0].method: must not be empty; leave it "
                   "out\n"
                   "a.yaml:4:72: spec.rules[0].backendRefs[0].port: must not be 0; leave it out\n");
}

static void a_name_is_all_that_a_removal_reads(void **state)
{
    (void)state;
    reset(NULL);
    assert_true(documents_read("a.yaml", SLICE(ROUTE_HEAD "spec: {rules: 3, what: ever}\n"),
                               DOCUMENT_NAME, &draft, on_remark, NULL));
    assert_string_equal(draft_object(draft.request.mutations[0]).name, "users");
    assert_false(documents_read("a.yaml", SLICE("apiVersion: pointsman/v1\nkind: Backend\n"),
                                DOCUMENT_NAME, &draft, on_remark, NULL));
}

/* --- writing ---------------------------------------------------------------------------------- */

static void what_is_written_is_as_people_write_it(void **state)
{
    (void)state;
    struct buffer text = BUFFER_EMPTY;
    read_ok(example);
    documents_write_route(&text, draft.request.mutations[0]->put_route);
    documents_write_backend(&text, draft.request.mutations[1]->put_backend);
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
    read_ok(buffer_string(&text));
    assert_int_equal(draft.request.mutations[0]->put_route->created_order, 0);

    reset(NULL);
    buffer_reset(&text);
    documents_write_route_in_order(&text, &route, 3);
    read_ok(buffer_string(&text));
    assert_int_equal(draft.request.mutations[0]->put_route->created_order, 3);
    assert_int_equal(remarks.length, 0);
    assert_refused("apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\n"
                   "metadata: {name: a, annotations: {pointsman/created-order: first}}\nspec: {}\n",
                   "a.yaml:3:60: metadata.annotations: is not a number from 0 to 4294967295\n");
    buffer_clear(&text);
}

static void assert_round_trip(const char *text)
{
    struct buffer written = BUFFER_EMPTY, first = BUFFER_EMPTY, second = BUFFER_EMPTY;
    reset(NULL);
    read_ok(text);
    for (size_t i = 0; i < draft.request.n_mutations; i++) {
        const MutationMessage *mutation = draft.request.mutations[i];
        if (mutation->operation_case == POINTSMAN__V1__MUTATION__OPERATION_PUT_ROUTE)
            documents_write_route(&written, mutation->put_route);
        else
            documents_write_backend(&written, mutation->put_backend);
    }
    message_pack(&draft.request.base, &first);

    reset(NULL);
    read_ok(buffer_string(&written));
    message_pack(&draft.request.base, &second);

    assert_true(slice_equals(buffer_slice(&first), buffer_slice(&second)));
    buffer_clear(&written);
    buffer_clear(&first);
    buffer_clear(&second);
}

static void what_is_written_reads_back_the_same(void **state)
{
    (void)state;
    assert_round_trip(example);
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
                      "    - {type: RequestRedirect, requestRedirect: {statusCode: 301,"
                      " path: {type: ReplaceFullPath, replaceFullPath: /x}}}\n");
    assert_round_trip(BACKEND_HEAD
                      "spec:\n"
                      "  ports: [{port: 80, targetPort: 90, appProtocol: h2}]\n"
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

#define DOCUMENT_TEST(name) cmocka_unit_test_setup_teardown(name, reset, reset)

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
        DOCUMENT_TEST(merged_keys_are_those_a_mapping_does_not_have),
        DOCUMENT_TEST(a_merge_that_cannot_be_is_refused),
        DOCUMENT_TEST(every_field_remembers_its_place),
        DOCUMENT_TEST(all_problems_are_found_at_once),
        DOCUMENT_TEST(problems_of_several_documents_are_found_together),
        DOCUMENT_TEST(what_is_not_an_object_of_ours_is_refused),
        DOCUMENT_TEST(what_the_daemon_sets_cannot_be_given),
        DOCUMENT_TEST(keys_may_come_once),
        DOCUMENT_TEST(objects_may_come_once),
        DOCUMENT_TEST(a_filters_type_and_content_agree),
        DOCUMENT_TEST(an_unknown_choice_lists_the_known_ones),
        DOCUMENT_TEST(text_that_cannot_be_sent_is_refused),
        DOCUMENT_TEST(surrogate_pairs_of_json_are_characters),
        DOCUMENT_TEST(what_stands_behind_a_pair_keeps_its_column),
        DOCUMENT_TEST(half_a_surrogate_pair_is_refused_with_what_to_write),
        DOCUMENT_TEST(broken_yaml_names_its_place),
        DOCUMENT_TEST(problems_of_form_and_of_meaning_are_told_together),
        DOCUMENT_TEST(of_a_field_that_could_not_be_read_nothing_more_is_said),
        DOCUMENT_TEST(a_field_that_is_missing_is_named),
        DOCUMENT_TEST(zero_is_not_the_same_as_absent),
        DOCUMENT_TEST(a_name_is_all_that_a_removal_reads),
        DOCUMENT_TEST(what_bites_its_own_tail_is_refused),
        DOCUMENT_TEST(what_repeats_itself_without_end_is_refused_once),
        DOCUMENT_TEST(what_is_written_is_as_people_write_it),
        DOCUMENT_TEST(an_annotation_says_which_route_counts_as_older),
        DOCUMENT_TEST(what_is_written_reads_back_the_same),
        DOCUMENT_TEST(texts_that_look_like_something_else_read_back_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
