#include "control/routectl/json_writer.h"
#include "tests/unit/cmocka_all.h"

#include <stdio.h>

static void assert_json(const ProtobufCMessage *message, const char *expected)
{
    struct json_writer writer = {0};
    json_writer_message(&writer, NULL, message);
    assert_string_equal(buffer_string(&writer.text), expected);
    json_writer_clear(&writer);
}

static void names_are_lower_camel_case_and_large_numbers_strings(void **state)
{
    (void)state;
    Pointsman__V1__GetInfoResponse info = POINTSMAN__V1__GET_INFO_RESPONSE__INIT;
    info.version = (char *)"0.1.0";
    info.revision = UINT64_MAX;
    assert_json(&info.base, "{\n"
                            "  \"version\": \"0.1.0\",\n"
                            "  \"epoch\": \"\",\n"
                            "  \"revision\": \"18446744073709551615\",\n"
                            "  \"routes\": \"0\",\n"
                            "  \"backends\": \"0\",\n"
                            "  \"startedMs\": \"0\",\n"
                            "  \"readOnlyReason\": \"\",\n"
                            "  \"oldestRevision\": \"0\",\n"
                            "  \"pendingRevision\": \"0\",\n"
                            "  \"pendingConfirmByMs\": \"0\"\n"
                            "}\n");
}

static void an_object_shows_only_what_is_set(void **state)
{
    (void)state;
    DurationMessage request = GOOGLE__PROTOBUF__DURATION__INIT;
    Pointsman__V1__Timeouts timeouts = POINTSMAN__V1__TIMEOUTS__INIT;
    BackendRefMessage ref = POINTSMAN__V1__BACKEND_REF__INIT;
    BackendRefMessage *refs[] = {&ref};
    RouteRuleMessage rule = POINTSMAN__V1__ROUTE_RULE__INIT;
    RouteRuleMessage *rules[] = {&rule};
    RouteMessage route = POINTSMAN__V1__ROUTE__INIT;
    request.seconds = 1;
    request.nanos = 250000000;
    timeouts.request = &request;
    ref.name = (char *)"users";
    ref.weight_presence_case = POINTSMAN__V1__BACKEND_REF__WEIGHT_PRESENCE_WEIGHT;
    rule.n_backend_refs = 1;
    rule.backend_refs = refs;
    rule.timeouts = &timeouts;
    route.name = (char *)"api";
    route.n_rules = 1;
    route.rules = rules;
    route.revision = 7;

    assert_json(&route.base, "{\n"
                             "  \"name\": \"api\",\n"
                             "  \"rules\": [\n"
                             "    {\n"
                             "      \"backendRefs\": [\n"
                             "        {\n"
                             "          \"name\": \"users\",\n"
                             "          \"weight\": 0\n"
                             "        }\n"
                             "      ],\n"
                             "      \"timeouts\": {\n"
                             "        \"request\": \"1.250s\"\n"
                             "      }\n"
                             "    }\n"
                             "  ],\n"
                             "  \"revision\": \"7\"\n"
                             "}\n");
}

static void an_answer_shows_empty_lists_and_its_objects_briefly(void **state)
{
    (void)state;
    BackendMessage backend = POINTSMAN__V1__BACKEND__INIT;
    BackendMessage *backends[] = {&backend};
    Pointsman__V1__ListBackendsResponse answer = POINTSMAN__V1__LIST_BACKENDS_RESPONSE__INIT;
    assert_json(&answer.base, "{\n"
                              "  \"backends\": [],\n"
                              "  \"nextPageToken\": \"\",\n"
                              "  \"revision\": \"0\"\n"
                              "}\n");

    backend.name = (char *)"a";
    answer.n_backends = 1;
    answer.backends = backends;
    assert_json(&answer.base, "{\n"
                              "  \"backends\": [\n"
                              "    {\n"
                              "      \"name\": \"a\"\n"
                              "    }\n"
                              "  ],\n"
                              "  \"nextPageToken\": \"\",\n"
                              "  \"revision\": \"0\"\n"
                              "}\n");
}

static void enums_are_names_unless_they_are_unknown(void **state)
{
    (void)state;
    Pointsman__V1__Change change = POINTSMAN__V1__CHANGE__INIT;
    change.change = POINTSMAN__V1__CHANGE_KIND__CHANGE_KIND_CREATED;
    change.kind = (Pointsman__V1__ObjectKind)77;
    assert_json(&change.base, "{\n"
                              "  \"change\": \"CHANGE_KIND_CREATED\",\n"
                              "  \"kind\": 77,\n"
                              "  \"name\": \"\"\n"
                              "}\n");
}

static void text_is_escaped(void **state)
{
    (void)state;
    LabelMessage label = POINTSMAN__V1__LABEL__INIT;
    label.key = (char *)"a\"b\\c\n\t\x1b\x7f";
    label.value = (char *)"gr\xc3\xbc\xc3\x9f";
    assert_json(&label.base, "{\n"
                             "  \"key\": \"a\\\"b\\\\c\\n\\t\\u001b\\u007f\",\n"
                             "  \"value\": \"gr\xc3\xbc\xc3\x9f\"\n"
                             "}\n");
}

/* YAML takes some characters for line breaks, or not at all, that JSON lets through. */
static void text_is_the_same_in_yaml(void **state)
{
    (void)state;
    struct buffer text = BUFFER_EMPTY;
    json_append_text(&text, "\u00e4 \xc2\x85 \u2028 \ufeff \U0001F600");
    assert_string_equal(buffer_string(&text), "\"\u00e4 \\u0085 \\u2028 \\ufeff \U0001F600\"");
    buffer_clear(&text);
}

static void lists_of_numbers_and_strings_are_written(void **state)
{
    (void)state;
    uint32_t codes[] = {500, 503};
    Pointsman__V1__Retry retry = POINTSMAN__V1__RETRY__INIT;
    char *applied[] = {(char *)"a", (char *)"b"};
    Pointsman__V1__WaitAppliedResponse wait = POINTSMAN__V1__WAIT_APPLIED_RESPONSE__INIT;
    retry.n_codes = 2;
    retry.codes = codes;
    assert_json(&retry.base, "{\n"
                             "  \"codes\": [\n"
                             "    500,\n"
                             "    503\n"
                             "  ]\n"
                             "}\n");

    wait.n_applied = 2;
    wait.applied = applied;
    assert_json(&wait.base, "{\n"
                            "  \"revision\": \"0\",\n"
                            "  \"applied\": [\n"
                            "    \"a\",\n"
                            "    \"b\"\n"
                            "  ],\n"
                            "  \"pending\": [],\n"
                            "  \"rejected\": [],\n"
                            "  \"disconnected\": []\n"
                            "}\n");
}

static void messages_can_share_an_object(void **state)
{
    (void)state;
    struct json_writer writer = {0};
    LabelMessage label = POINTSMAN__V1__LABEL__INIT;
    Pointsman__V1__ListProxiesResponse none = POINTSMAN__V1__LIST_PROXIES_RESPONSE__INIT;
    label.key = (char *)"k";

    json_writer_begin_object(&writer, NULL);
    json_writer_message(&writer, "label", &label.base);
    json_writer_message_fields(&writer, &none.base);
    json_writer_bool(&writer, "dryRun", true);
    json_writer_end_object(&writer);

    assert_string_equal(buffer_string(&writer.text), "{\n"
                                                     "  \"label\": {\n"
                                                     "    \"key\": \"k\",\n"
                                                     "    \"value\": \"\"\n"
                                                     "  },\n"
                                                     "  \"proxies\": [],\n"
                                                     "  \"headRevision\": \"0\",\n"
                                                     "  \"dryRun\": true\n"
                                                     "}\n");
    json_writer_clear(&writer);
}

/* The mapping gives durations none, three or nine digits behind the point. */
static void durations_are_seconds(void **state)
{
    (void)state;
    static const struct {
        int64_t seconds;
        int32_t nanos;
        const char *text;
    } cases[] = {{0, 0, "\"0s\""},
                 {90, 0, "\"90s\""},
                 {0, 5000000, "\"0.005s\""},
                 {1, 1, "\"1.000000001s\""}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        DurationMessage request = GOOGLE__PROTOBUF__DURATION__INIT;
        Pointsman__V1__Timeouts timeouts = POINTSMAN__V1__TIMEOUTS__INIT;
        char expected[128];
        request.seconds = cases[i].seconds;
        request.nanos = cases[i].nanos;
        timeouts.request = &request;
        snprintf(expected, sizeof(expected), "{\n  \"request\": %s\n}\n", cases[i].text);
        assert_json(&timeouts.base, expected);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_lower_camel_case_and_large_numbers_strings),
        cmocka_unit_test(an_object_shows_only_what_is_set),
        cmocka_unit_test(an_answer_shows_empty_lists_and_its_objects_briefly),
        cmocka_unit_test(enums_are_names_unless_they_are_unknown),
        cmocka_unit_test(text_is_escaped),
        cmocka_unit_test(text_is_the_same_in_yaml),
        cmocka_unit_test(lists_of_numbers_and_strings_are_written),
        cmocka_unit_test(messages_can_share_an_object),
        cmocka_unit_test(durations_are_seconds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
