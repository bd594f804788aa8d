/* Header edits: of a rule and of one backendRef, in both directions. */
#include "tests/integration/httproute/acceptance.h"
#include "tests/unit/cmocka_all.h"

#include <stdlib.h>

static const char host[] = "edits.test";

static int apply(void **state)
{
    (void)state;
    acceptance_apply_file("header_edits.yaml");
    return 0;
}

static void requests_are_edited(void **state)
{
    (void)state;
    static const struct acceptance_case cases[] = {
        {"FLT-HEADER-1", "GET /request\nother: val", .answer = "one",
         .received = "X-Set: new\nother: val"},
        {"FLT-HEADER-1", "GET /request\nx-set: old", .answer = "one",
         .received = "X-Set: new\nX-Set-2: also new"},
        {"FLT-HEADER-1", "GET /request\nx-set: old\nX-SET: older", .answer = "one",
         .received = "X-Set: new"},
        {"FLT-HEADER-2", "GET /request", .answer = "one", .received = "X-Add: more\nX-Add-2: a,b"},
        {"FLT-HEADER-2", "GET /request\nx-add: some", .answer = "one",
         .received = "x-add: some,more"},
        {"FLT-HEADER-2", "GET /request\nX-ADD-2: some", .answer = "one",
         .received = "X-ADD-2: some,a,b"},
        {"FLT-HEADER-4", "GET /request\nx-remove: a\nX-Remove: b\nX-REMOVE-2: c", .answer = "one",
         .received = "!x-remove\n!x-remove-2"},
        {"FLT-2", "GET /backend\nx-set: old\nx-add: some\nx-remove: a", .answer = "one",
         .received = "X-Set: new\nx-add: some,more\n!x-remove"},
        {"FLT-2", "GET /both\nx-set: old\nx-add: some", .answer = "one",
         .received = "X-Set: new,backend\n!x-add"},
        {"FLT-4", "GET /match", .answer = "two", .received = "X-Set: new"},
        {"FLT-4", "GET /other", .answer = "404"},
        {"FLT-HEADER-1", "GET /two-ways\nx-set: old\nx-remove: a", .answer = "one",
         .received = "X-Set: new\n!x-remove", .answered = "X-Set: new\nX-Add: more"},
    };
    CHECK_CASES(host, cases);
}

static void responses_are_edited(void **state)
{
    (void)state;
    static const struct acceptance_case cases[] = {
        {"FLT-HEADER-1", "GET /response", .answer = "three",
         .answered = "X-Set: new\nCache-Control: no-store\nAnother: kept"},
        {"FLT-HEADER-2", "GET /response", .answer = "three",
         .answered = "x-add: some,more\nx-mixed-add: mixed"},
        {"FLT-HEADER-3", "GET /response", .answer = "three",
         .answered = "+set-cookie: a=1\n+set-cookie: b=2\n+set-cookie: c=3"},
        {"FLT-HEADER-4", "GET /response", .answer = "three", .answered = "!x-remove\n!server"},
        {"FLT-2", "GET /backend-response", .answer = "three",
         .answered = "X-Set: new\nx-add: some,more\n!x-remove\n+set-cookie: c=3"},
    };
    fake_upstream_answer(acceptance_service("three"),
                         "HTTP/1.1 200 OK\r\nX-Served-By: three\r\nContent-Length: 0\r\n"
                         "x-set: old\r\nX-SET: older\r\nx-add: some\r\nx-remove: this\r\n"
                         "Server: fake\r\nAnother: kept\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\n"
                         "\r\n");

    CHECK_CASES(host, cases);

    fake_upstream_answer(acceptance_service("three"), NULL);
}

static void what_the_proxy_answers_for_a_rule_is_edited_too(void **state)
{
    (void)state;
    static const struct acceptance_case cases[] = {
        {"FLT-5 ANSWER-1", "GET /error", .answer = "500", .answered = "X-Set: new\nX-Add: more"},
        {"FLT-5", "GET /nowhere", .answer = "404", .answered = "!x-set"},
    };
    CHECK_CASES(host, cases);
}

/* FLT-2: each request carries the mark of the backend that got it. */
static void the_filters_of_a_backend_ref_are_for_its_share_alone(void **state)
{
    (void)state;
    static const char *const names[] = {"one", "two"};
    enum { REQUESTS = 40 };
    size_t seen[2] = {fake_upstream_request_count(acceptance_service("one")),
                      fake_upstream_request_count(acceptance_service("two"))};

    for (int i = 0; i < REQUESTS; i++)
        free(acceptance_ask("share.edits.test", "GET /"));

    for (size_t i = 0; i < 2; i++) {
        struct fake_upstream *service = acceptance_service(names[i]);
        assert_true(fake_upstream_request_count(service) > seen[i]);
        for (; seen[i] < fake_upstream_request_count(service); seen[i]++) {
            char *mark = http_message_field(fake_upstream_request(service, seen[i]), "Backend");
            assert_string_equal(mark, names[i]);
            free(mark);
        }
    }
}

int header_edits_theme(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_are_edited),
        cmocka_unit_test(responses_are_edited),
        cmocka_unit_test(what_the_proxy_answers_for_a_rule_is_edited_too),
        cmocka_unit_test(the_filters_of_a_backend_ref_are_for_its_share_alone),
    };
    return cmocka_run_group_tests_name("header_edits", tests, apply, NULL);
}
