/* Which host: it comes before any path. */
#include "tests/integration/httproute/acceptance.h"
#include "tests/unit/cmocka_all.h"

static int apply(void **state)
{
    (void)state;
    acceptance_apply_file("hosts.yaml");
    return 0;
}

static void hosts_are_compared_without_port_and_case(void **state)
{
    (void)state;
    static const struct acceptance_case cases[] = {
        {"HOST-1", "GET /s1", .answer = "one"},
        {"HOST-1", "GET /s1\nHost: Very.SPECIFIC.host.test", .answer = "one",
         .received = "host: Very.SPECIFIC.host.test"},
        {"HOST-1 FORWARD-1", "GET /s1\nHost: very.specific.host.test:1234", .answer = "one",
         .received = "host: very.specific.host.test:1234"},
        {"HOST-1", "GET /s1\nHost: very.specific.host.test.", .answer = "one"},
        {"HOST-1", "GET /s1\nHost: one-label", .answer = "one"},
        {"HOST-1", "GET /s1\nHost: not.very.specific.host.tests", .answer = "404"},
        {"HOST-1", "GET /s1\nHost: one-labels", .answer = "404"},
        {"HOST-1", "GET http://one-label:80/s1\nHost: one-label:80", .answer = "one",
         .received = "GET /s1"},
    };
    CHECK_CASES("very.specific.host.test", cases);
}

static void a_wildcard_stands_for_any_number_of_labels(void **state)
{
    (void)state;
    static const struct acceptance_case cases[] = {
        {"HOST-3", "GET /s2\nHost: a.host.test", .answer = "two"},
        {"HOST-3", "GET /s2\nHost: a.b.c.host.test", .answer = "two"},
        {"HOST-3", "GET /s2\nHost: host.test", .answer = "404"},
        {"HOST-3", "GET /s2\nHost: ahost.test", .answer = "404"},
        {"HOST-3", "GET /s2\nHost: a.host.test.example", .answer = "404"},
        {"HOST-3", "GET /s3\nHost: a.b.specific.host.test", .answer = "three"},
    };
    CHECK_CASES("a.host.test", cases);
}

static void the_most_specific_host_comes_first_and_the_next_when_no_rule_matches(void **state)
{
    (void)state;
    static const struct acceptance_case cases[] = {
        /* An exact name before wildcards, also before an exact path of theirs. */
        {"HOST-4", "GET /s1\nHost: very.specific.host.test", .answer = "one"},
        /* A longer wildcard before a shorter one. */
        {"HOST-4", "GET /s1\nHost: x.specific.host.test", .answer = "three"},
        {"HOST-4", "GET /s1\nHost: other.host.test", .answer = "three"},
        {"HOST-4", "GET /s1/x\nHost: x.specific.host.test", .answer = "two"},
        /* Any hostname before none, whatever else matches. */
        {"HOST-4 HOST-2", "GET /s2\nHost: x.host.test\na: b", .answer = "two"},
        {"HOST-5", "GET /s2\nHost: very.specific.host.test", .answer = "two"},
        {"HOST-5", "GET /s3\nHost: very.specific.host.test", .answer = "three"},
        {"HOST-5", "GET /everywhere\nHost: very.specific.host.test", .answer = "one"},
        {"HOST-5", "GET /nowhere\nHost: very.specific.host.test", .answer = "404"},
    };
    CHECK_CASES("x.host.test", cases);
}

static void no_hostname_is_every_host(void **state)
{
    (void)state;
    static const struct acceptance_case cases[] = {
        {"HOST-2", "GET /everywhere\nHost: any.example", .answer = "one"},
        {"HOST-2", "GET /everywhere\nHost: 127.0.0.1:80", .answer = "one"},
        {"HOST-2", "GET /everywhere\nHost: [::1]:80", .answer = "one",
         .received = "host: [::1]:80"},
    };
    CHECK_CASES("any.example", cases);
}

static void a_service_is_told_who_asked(void **state)
{
    (void)state;
    static const struct acceptance_case cases[] = {
        {"FORWARD-2", "GET /everywhere", .answer = "one",
         .received = "x-forwarded-for: 127.0.0.1\nx-forwarded-proto: http\n"
                     "x-forwarded-host: any.example"},
        {"FORWARD-2", "GET /everywhere\nX-Forwarded-For: 1.2.3.4\nX-Forwarded-Proto: https",
         .answer = "one", .received = "x-forwarded-for: 127.0.0.1\nx-forwarded-proto: http"},
        {"FORWARD-3", "GET /everywhere\ntraceparent: 00-ab-cd-01", .answer = "one",
         .received = "traceparent: 00-ab-cd-01"},
        {"FORWARD-3", "GET /everywhere\nX-Request-ID: mine", .answer = "one",
         .received = "X-Request-ID: mine\n!traceparent"},
        {"FORWARD-3", "GET /everywhere", .answer = "one", .received = "?x-request-id"},
    };
    CHECK_CASES("any.example", cases);
}

static void no_rule_is_404_with_a_sentence(void **state)
{
    (void)state;
    static const struct acceptance_case cases[] = {
        {"NONE-1", "GET /nowhere", .answer = "404",
         .answered = "content-type: text/plain; charset=utf-8\ncontent-length: 31"},
        {"NONE-1", "HEAD /nowhere", .answer = "404"},
    };
    CHECK_CASES("any.example", cases);
}

int hosts_theme(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hosts_are_compared_without_port_and_case),
        cmocka_unit_test(a_wildcard_stands_for_any_number_of_labels),
        cmocka_unit_test(the_most_specific_host_comes_first_and_the_next_when_no_rule_matches),
        cmocka_unit_test(no_hostname_is_every_host),
        cmocka_unit_test(a_service_is_told_who_asked),
        cmocka_unit_test(no_rule_is_404_with_a_sentence),
    };
    return cmocka_run_group_tests_name("hosts", tests, apply, NULL);
}
