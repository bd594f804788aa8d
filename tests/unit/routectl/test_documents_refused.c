#include "tests/unit/cmocka_all.h"
#include "tests/unit/routectl/documents_fixture.h"

#include <string.h>

static void what_was_meant_is_guessed(void **state)
{
    (void)state;
    assert_documents_refused(
        "apiVersion: gateway.networking.k8s.io/v1\n"
        "kind: HTTPRoute\n"
        "metadata: {name: a}\n"
        "spec:\n"
        "  rules:\n"
        "  - matchs: []\n"
        "    filters: [{type: RequestHeaderModifer}, {typ: CORS}]\n"
        "    created_order: 1\n",
        "a.yaml:6:5: spec.rules[0]: unknown field 'matchs'; did you mean 'matches'?\n"
        "a.yaml:7:22: spec.rules[0].filters[0]: unknown type 'RequestHeaderModifer'; did you mean "
        "'RequestHeaderModifier'?\n"
        "a.yaml:7:46: spec.rules[0].filters[1]: unknown field 'typ'; did you mean 'type'?\n"
        "a.yaml:7:45: spec.rules[0].filters[1]: 'type' is missing\n"
        "a.yaml:8:5: spec.rules[0]: unknown field 'created_order'\n");
    documents_reset(NULL);
    assert_documents_refused("apiVersion: gateway.networking.k8s.io/v1\n"
                             "kind: HttpRoute\n"
                             "metdata: {name: a}\n",
                             "a.yaml:3:1: unknown field 'metdata'; did you mean 'metadata'?\n"
                             "a.yaml:2:7: unknown kind 'HttpRoute' of apiVersion "
                             "'gateway.networking.k8s.io/v1'; did you mean 'HTTPRoute'?\n");
    documents_reset(NULL);
    assert_documents_refused("apiVersion: gateway.networking.k8s.io/v1alpha2\n"
                             "kind: GRPCRoute\n",
                             "a.yaml:2:7: unknown apiVersion 'gateway.networking.k8s.io/v1alpha2' "
                             "of kind 'GRPCRoute'; it is 'gateway.networking.k8s.io/v1'\n");
}

static void a_wrong_indentation_is_told_as_one(void **state)
{
    (void)state;
    assert_documents_refused(
        "apiVersion: gateway.networking.k8s.io/v1\n"
        "kind: HTTPRoute\n"
        "metadata: {name: a}\n"
        "spec:\n"
        "  rules:\n"
        "  - backendRefs:\n"
        "   - {name: users}\n",
        "a.yaml:7:4: did not find expected key (while parsing a block mapping, which begins in "
        "line 5); keys of one mapping begin in the same column, and an item's '-' no further left "
        "than those of its list\n");
}

/* What is wrong with a list is told where the list stands. */
static void a_list_that_is_too_long_is_told_where_it_begins(void **state)
{
    (void)state;
    struct buffer text = BUFFER_EMPTY;
    buffer_append_string(&text, "apiVersion: gateway.networking.k8s.io/v1\n"
                                "kind: HTTPRoute\n"
                                "metadata: {name: a}\n"
                                "spec:\n"
                                "  rules:\n");
    for (size_t i = 0; i < 1025; i++)
        buffer_append_string(&text, "  - {}\n");
    assert_documents_refused(
        buffer_string(&text),
        "a.yaml:6:3: spec.rules: must be at most 1024 with 4096 matches in all\n");
    buffer_clear(&text);
}

static void all_problems_are_found_at_once(void **state)
{
    (void)state;
    assert_documents_refused(
        ROUTE_HEAD "spec:\n"
                   "  hostname: [a]\n"
                   "  rules:\n"
                   "  - matches: {path: x}\n"
                   "    timeouts: {request: 10}\n"
                   "    backendRefs:\n"
                   "    - {name: x, port: '80', weight: -1}\n"
                   "    - {name: [x]}\n"
                   "    -\n",
        "a.yaml:5:3: spec: unknown field 'hostname'; did you mean 'hostnames'?\n"
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
    assert_documents_refused(ROUTE_HEAD "spec: {x: 1}\n---\n" BACKEND_HEAD "spec: {y: 1}\n",
                             "a.yaml:4:8: spec: unknown field 'x'\n"
                             "a.yaml:9:8: spec: unknown field 'y'\n");
}

static void what_is_not_an_object_of_ours_is_refused(void **state)
{
    (void)state;
    assert_documents_refused("- a\n", "a.yaml:1:1: is not a mapping\n");
    assert_documents_refused("kind: HTTPRoute\n", "a.yaml:1:1: 'apiVersion' is missing\n");
    assert_documents_refused("apiVersion: v1\n", "a.yaml:1:1: 'kind' is missing\n");
    assert_documents_refused("apiVersion: v1\nkind: Service\n",
                             "a.yaml:2:7: unknown kind 'Service' of apiVersion 'v1'; what a "
                             "Service is there, a Backend of 'pointsman/v1' is here\n");
    assert_documents_refused("apiVersion: pointsman/v1\nkind: Backend\n",
                             "a.yaml:1:1: 'metadata' is missing\n"
                             "a.yaml:1:1: 'spec' is missing\n");
    assert_documents_refused(
        "apiVersion: pointsman/v1\nkind: Backend\nmetadata: {labels: {}}\nspec: {}\n",
        "a.yaml:3:11: metadata: 'name' is missing\n");
    assert_documents_refused(BACKEND_HEAD "spec: {}\nextra: 1\n",
                             "a.yaml:5:1: unknown field 'extra'\n");
}

static void what_the_daemon_sets_cannot_be_given(void **state)
{
    (void)state;
    assert_documents_refused(BACKEND_HEAD "spec: {name: x, revision: 3}\n",
                             "a.yaml:4:8: spec: unknown field 'name'\n"
                             "a.yaml:4:17: spec: unknown field 'revision'\n");
}

static void keys_may_come_once(void **state)
{
    (void)state;
    assert_documents_refused(ROUTE_HEAD "spec: {hostnames: [a], hostnames: [b]}\n",
                             "a.yaml:4:24: spec: the key 'hostnames' comes twice\n");
    assert_documents_refused(
        ROUTE_HEAD "spec: {}\nspec: {}\n",
        "a.yaml:5:1: the key 'spec' comes twice; a line '---' stands between documents\n");
    assert_documents_refused(ROUTE_HEAD "spec: {[a]: b}\n", "a.yaml:4:8: spec: is not a text\n");
}

static void objects_may_come_once(void **state)
{
    (void)state;
    assert_documents_refused(ROUTE_HEAD "spec: {}\n---\n" ROUTE_HEAD "spec: {}\n",
                             "a.yaml:8:18: HTTPRoute 'users' is given twice; first at a.yaml:3:18: "
                             "metadata.name\n");
}

static void a_filters_type_and_content_agree(void **state)
{
    (void)state;
    assert_documents_refused(
        ROUTE_HEAD "spec:\n"
                   "  rules:\n"
                   "  - filters:\n"
                   "    - {type: URLRewrite, requestRedirect: {}}\n"
                   "    - {requestRedirect: {}}\n"
                   "    - {type: Telepathy, requestRedirect: {}}\n"
                   "    - {type: CORS, cors: {}, urlRewrite: {}}\n",
        "a.yaml:7:14: spec.rules[0].filters[0]: 'type' is URLRewrite, but 'urlRewrite' "
        "is missing\n"
        "a.yaml:8:7: spec.rules[0].filters[1]: 'type' is missing\n"
        "a.yaml:9:14: spec.rules[0].filters[2]: unknown type 'Telepathy'\n"
        "a.yaml:10:30: spec.rules[0].filters[3].urlRewrite: excludes another key that "
        "is given\n");
}

static void what_is_not_supported_is_refused_by_its_name(void **state)
{
    (void)state;
    assert_documents_refused(
        ROUTE_HEAD "spec:\n"
                   "  useDefaultGateways: All\n"
                   "  rules:\n"
                   "  - sessionPersistence: {idleTimeout: 1h}\n"
                   "    filters:\n"
                   "    - type: ExtensionRef\n"
                   "      extensionRef: {group: g, kind: K, name: n}\n",
        "a.yaml:5:3: spec: 'useDefaultGateways' is not supported: there are no "
        "Gateways; parentRefs choose listeners\n"
        "a.yaml:7:26: spec.rules[0].sessionPersistence: 'idleTimeout' is not supported: "
        "absoluteTimeout limits a session; the Gateway API has dropped this one\n"
        "a.yaml:10:7: spec.rules[0].filters[0]: 'extensionRef' is not supported: it "
        "names an object of Kubernetes\n"
        "a.yaml:9:13: spec.rules[0].filters[0]: the type ExtensionRef is not "
        "supported: it names an object of Kubernetes\n");
}

static void an_unknown_choice_lists_the_known_ones(void **state)
{
    (void)state;
    assert_documents_refused(
        BACKEND_HEAD "spec: {loadBalancing: {policy: Fastest}}\n",
        "a.yaml:4:32: spec.loadBalancing.policy: 'Fastest' is none of LeastRequest, "
        "RoundRobin, Random, ConsistentHash\n");
}

static void a_health_check_has_what_its_type_looks_at(void **state)
{
    (void)state;
    assert_documents_refused(
        BACKEND_HEAD "spec:\n"
                     "  endpoints: ['http://a:1']\n"
                     "  healthCheck:\n"
                     "    type: GRPC\n"
                     "    path: /x\n"
                     "    expectedStatuses: [200]\n",
        "a.yaml:8:11: spec.healthCheck.path: does not go with the type GRPC\n"
        "a.yaml:9:23: spec.healthCheck.expectedStatuses: does not go with the type GRPC\n");
    assert_documents_refused(
        BACKEND_HEAD "spec:\n"
                     "  endpoints: ['http://a:1']\n"
                     "  healthCheck: {service: a.B}\n",
        "a.yaml:6:26: spec.healthCheck.service: goes with the type GRPC alone\n");
}

static void text_that_cannot_be_sent_is_refused(void **state)
{
    (void)state;
    assert_documents_refused(ROUTE_HEAD "spec: {hostnames: [\"a\\0b\"]}\n",
                             "a.yaml:4:20: spec.hostnames[0]: holds a NUL byte\n");
}

static void surrogate_pairs_of_json_are_characters(void **state)
{
    (void)state;
    documents_read_ok(
        "{\"apiVersion\": \"gateway.networking.k8s.io/v1\", \"kind\": \"HTTPRoute\",\n"
        "\t\"metadata\": {\"name\": \"a\"},\r\n"
        "\"spec\": {\"rules\": [{\"matches\": [{\"queryParams\": [{\"name\": \"q\", \"value\": "
        "\"\\ud83d\\ude00 \\u00e9\\/\\\\uD83D\\\\uDE00\"}]}]}]}}");
    const RouteMessage *route = documents_draft.request.mutations[0]->put_route;
    assert_string_equal(route->rules[0]->matches[0]->query_params[0]->value,
                        "\U0001F600 \u00e9/\\uD83D\\uDE00");
}

static void what_stands_behind_a_pair_keeps_its_column(void **state)
{
    (void)state;
    assert_documents_refused(
        "{\"apiVersion\": \"pointsman/v1\", \"kind\": \"Backend\",\n"
        "\"metadata\": {\"name\": \"\\ud83d\\ude00\"}, \"spec\": {\"x\": 1}}",
        "a.yaml:2:48: spec: unknown field 'x'\n"
        "a.yaml:2:22: metadata.name: must be NAME or NAMESPACE/NAME, each of lower-case "
        "letters, digits, '-' and '.', at most 253 characters\n");
}

static void half_a_surrogate_pair_is_refused_with_what_to_write(void **state)
{
    (void)state;
    assert_documents_refused(
        ROUTE_HEAD "spec: {hostnames: [\"\\ud83d\\ude00\"]}\n",
        "a.yaml:4:23: found invalid Unicode character escape code (while parsing a "
        "quoted scalar); half of a surrogate pair is no character, and only JSON has "
        "pairs: write the character itself or \\U0001F600, at most \\U0010FFFF\n");
    documents_reset(NULL);
    assert_false(documents_are_read("{\"a\": \"\\ud83d\"}"));
}

static void broken_yaml_names_its_place(void **state)
{
    (void)state;
    documents_reset(NULL);
    assert_false(documents_are_read(ROUTE_HEAD "spec: {hostnames: [a\n"));
    assert_int_equal(strncmp(buffer_string(&documents_remarks), "a.yaml:5:1: ", 12), 0);
    assert_documents_refused(
        ROUTE_HEAD "spec:\n\trules: []\n",
        "a.yaml:5:1: found character that cannot start any token (while scanning for the "
        "next token); tabs do not indent, and a text that begins so needs quotes\n");
}

static void what_bites_its_own_tail_is_refused(void **state)
{
    (void)state;
    assert_documents_refused("&r {apiVersion: pointsman/v1, kind: Backend, metadata: {name: x},\n"
                             " spec: {healthCheck: {interval: *r}}}\n",
                             "a.yaml:1:1: spec.healthCheck.interval: is not a text\n");
    documents_reset(NULL);
    assert_false(documents_are_read(ROUTE_HEAD "spec: &s {rules: [*s]}\n"));
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

    assert_false(documents_are_read(buffer_string(&text)));

    const char *said = "the document repeats itself too often";
    const char *first = strstr(buffer_string(&documents_remarks), said);
    assert_non_null(first);
    assert_null(strstr(first + 1, said));
    buffer_clear(&text);
}

static void problems_of_form_and_of_meaning_are_told_together(void **state)
{
    (void)state;
    assert_documents_refused(
        ROUTE_HEAD "spec: {rules: 3, hostnames: [Shop]}\n---\n" BACKEND_HEAD
                   "spec: {endpoints: [{address: 10.0.0.1, port: 99999}]}\n",
        "a.yaml:4:15: spec.rules: is not a list\n"
        "a.yaml:4:30: spec.hostnames[0]: must be a DNS name: lower-case letters, "
        "digits, '-' and '.', at most 253 characters\n"
        "a.yaml:9:46: spec.endpoints[0].port: must be between 1 and 65535\n");
}

/* Documents call them by other names than messages. */
static void a_problem_of_several_fields_names_none_as_messages_do(void **state)
{
    (void)state;
    assert_documents_refused(
        ROUTE_HEAD "spec:\n"
                   "  parentRefs: [{name: a, sectionName: b}, {name: a, port: 80}]\n"
                   "  rules:\n"
                   "  - filters:\n"
                   "    - {type: RequestRedirect, requestRedirect: {}}\n"
                   "    - {type: URLRewrite, urlRewrite: {hostname: a}}\n"
                   "    backendRefs: [{name: a}]\n---\n" BACKEND_HEAD
                   "spec: {endpoints: [{}, {unix: /a, port: 80}]}\n",
        "a.yaml:5:43: spec.parentRefs[1]: must give what the other reference to 'a' gives, the "
        "name of a listener, a port, or both\n"
        "a.yaml:8:7: spec.rules[0].filters[0]: does not go together with a URLRewrite\n"
        "a.yaml:8:48: spec.rules[0].filters[0].requestRedirect: does not go together with backends "
        "to forward to\n"
        "a.yaml:15:20: spec.endpoints[0]: must have either an address or the path of a Unix "
        "socket\n"
        "a.yaml:15:41: spec.endpoints[1].port: does not go together with the path of a Unix "
        "socket\n");
}

static void of_a_field_that_could_not_be_read_nothing_more_is_said(void **state)
{
    (void)state;
    assert_documents_refused(
        ROUTE_HEAD "spec: {rules: [{backendRefs: [{name: [a]}], filters: [{type: X}]}]}\n",
        "a.yaml:4:38: spec.rules[0].backendRefs[0].name: is not a text\n"
        "a.yaml:4:62: spec.rules[0].filters[0]: unknown type 'X'\n");
}

static void a_field_that_is_missing_is_named(void **state)
{
    (void)state;
    assert_documents_refused(
        ROUTE_HEAD "spec: {rules: [{backendRefs: [{port: 80, nme: x}]}]}\n",
        "a.yaml:4:42: spec.rules[0].backendRefs[0]: unknown field 'nme'; did you mean 'name'?\n"
        "a.yaml:4:31: spec.rules[0].backendRefs[0].name: must be the name of a "
        "Backend\n");
}

static void zero_is_not_the_same_as_absent(void **state)
{
    (void)state;
    assert_documents_refused(
        ROUTE_HEAD "spec: {rules: [{matches: [{method: ''}], backendRefs: [{name: a, "
                   "port: 0}]}]}\n",
        "a.yaml:4:36: spec.rules[0].matches[0].method: must not be empty; leave it "
        "out\n"
        "a.yaml:4:72: spec.rules[0].backendRefs[0].port: must not be 0; leave it out\n");
}

static void a_name_is_all_that_a_removal_reads(void **state)
{
    (void)state;
    documents_reset(NULL);
    assert_true(documents_read("a.yaml", SLICE(ROUTE_HEAD "spec: {rules: 3, what: ever}\n"),
                               DOCUMENT_NAME, &documents_draft, documents_on_remark, NULL));
    assert_string_equal(draft_object(documents_draft.request.mutations[0]).name, "users");
    assert_false(documents_read("a.yaml", SLICE("apiVersion: pointsman/v1\nkind: Backend\n"),
                                DOCUMENT_NAME, &documents_draft, documents_on_remark, NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        DOCUMENT_TEST(what_was_meant_is_guessed),
        DOCUMENT_TEST(a_wrong_indentation_is_told_as_one),
        DOCUMENT_TEST(a_list_that_is_too_long_is_told_where_it_begins),
        DOCUMENT_TEST(all_problems_are_found_at_once),
        DOCUMENT_TEST(problems_of_several_documents_are_found_together),
        DOCUMENT_TEST(what_is_not_an_object_of_ours_is_refused),
        DOCUMENT_TEST(what_the_daemon_sets_cannot_be_given),
        DOCUMENT_TEST(keys_may_come_once),
        DOCUMENT_TEST(objects_may_come_once),
        DOCUMENT_TEST(a_filters_type_and_content_agree),
        DOCUMENT_TEST(what_is_not_supported_is_refused_by_its_name),
        DOCUMENT_TEST(an_unknown_choice_lists_the_known_ones),
        DOCUMENT_TEST(a_health_check_has_what_its_type_looks_at),
        DOCUMENT_TEST(text_that_cannot_be_sent_is_refused),
        DOCUMENT_TEST(surrogate_pairs_of_json_are_characters),
        DOCUMENT_TEST(what_stands_behind_a_pair_keeps_its_column),
        DOCUMENT_TEST(half_a_surrogate_pair_is_refused_with_what_to_write),
        DOCUMENT_TEST(broken_yaml_names_its_place),
        DOCUMENT_TEST(problems_of_form_and_of_meaning_are_told_together),
        DOCUMENT_TEST(a_problem_of_several_fields_names_none_as_messages_do),
        DOCUMENT_TEST(of_a_field_that_could_not_be_read_nothing_more_is_said),
        DOCUMENT_TEST(a_field_that_is_missing_is_named),
        DOCUMENT_TEST(zero_is_not_the_same_as_absent),
        DOCUMENT_TEST(a_name_is_all_that_a_removal_reads),
        DOCUMENT_TEST(what_bites_its_own_tail_is_refused),
        DOCUMENT_TEST(what_repeats_itself_without_end_is_refused_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
