/* Which path. */
#include "tests/integration/httproute/acceptance.h"
#include "tests/unit/cmocka_all.h"

static const char host[] = "paths.test";

static int apply(void **state)
{
    (void)state;
    acceptance_apply_file("paths.yaml");
    return 0;
}

static void a_prefix_is_whole_segments(void **state)
{
    (void)state;
    static const struct acceptance_case cases[] = {
        {"PATH-1", "GET /abc", .answer = "one"},
        {"PATH-1", "GET /abc/", .answer = "one", .received = "GET /abc/"},
        {"PATH-1", "GET /abc/def", .answer = "one", .received = "GET /abc/def"},
        {"PATH-1", "GET /abcd", .answer = "404"},
        {"PATH-1", "GET /ab", .answer = "404"},
        {"PATH-1", "GET /x/abc", .answer = "404"},
        {"PATH-2", "GET /slash", .answer = "one"},
        {"PATH-2", "GET /slash/", .answer = "one"},
        {"PATH-2", "GET /slash/x", .answer = "one"},
        {"PATH-2", "GET /slashed", .answer = "404"},
        {"PATH-3", "GET /ABC", .answer = "404"},
        {"PATH-3", "GET /Abc/def", .answer = "404"},
        {"PATH-6", "GET /abc?x=/y", .answer = "one", .received = "GET /abc?x=/y"},
        {"PATH-6", "GET /abc?", .answer = "one", .received = "GET /abc?"},
        {"PATH-6", "GET /x?/abc", .answer = "404"},
    };
    CHECK_CASES(host, cases);
}

static void exact_is_exact(void **state)
{
    (void)state;
    static const struct acceptance_case cases[] = {
        {"PATH-4", "GET /exact", .answer = "two"},
        {"PATH-4", "GET /exact/", .answer = "404"},
        {"PATH-4", "GET /exact/x", .answer = "404"},
        {"PATH-4", "GET /Exact", .answer = "404"},
        {"PATH-4", "GET /exac", .answer = "404"},
        {"PATH-4", "GET /exact?x=1", .answer = "two"},
        {"PATH-4", "GET /exact-slash/", .answer = "two"},
        {"PATH-4", "GET /exact-slash", .answer = "404"},
        {"PATH-4", "GET /\nHost: exact-root.paths.test", .answer = "one"},
        {"PATH-4", "GET /x\nHost: exact-root.paths.test", .answer = "404"},
    };
    CHECK_CASES(host, cases);
}

static void what_is_matched_is_what_is_sent(void **state)
{
    (void)state;
    static const struct acceptance_case cases[] = {
        {"PATH-7", "GET /%61bc/%2a", .answer = "one", .received = "GET /abc/%2A"},
        {"PATH-7", "GET /abc%2Fdef", .answer = "404"},
        {"PATH-7", "GET /abc/x%2fy", .answer = "one", .received = "GET /abc/x%2Fy"},
        {"PATH-7", "GET /caf%C3%A9", .answer = "three", .received = "GET /caf%C3%A9"},
        {"PATH-7", "GET /caf%c3%a9", .answer = "three", .received = "GET /caf%C3%A9"},
        {"PATH-7", "GET /abc/../exact", .answer = "400"},
        {"PATH-7", "GET /abc/%2e%2e/exact", .answer = "400"},
        {"PATH-8", "GET /abc//def", .answer = "one", .received = "GET /abc//def"},
        {"PATH-8", "GET //abc", .answer = "404"},
        {"PATH-8", "GET /exact//", .answer = "404"},
        {"PATH-7", "GET /odd/-._~!$&'()*+,;=:@", .answer = "two"},
        {"PATH-7", "GET /odd/.../x", .answer = "three"},
        {"PATH-7", "GET /odd/.hidden/y", .answer = "three"},
    };
    CHECK_CASES(host, cases);
}

static void no_match_is_the_prefix_of_all(void **state)
{
    (void)state;
    static const struct acceptance_case cases[] = {
        {"MATCH-3", "GET /", .answer = "one"},
        {"MATCH-3", "DELETE /any/thing?x", .answer = "one"},
        {"MATCH-3 PATH-8", "GET //", .answer = "one", .received = "GET //"},
        {"MATCH-3 PATH-9", "OPTIONS *", .answer = "one", .received = "OPTIONS *"},
        {"PATH-9", "OPTIONS *\nHost: paths.test", .answer = "404"},
        {"PATH-9", "GET *", .answer = "400"},
    };
    CHECK_CASES("root.paths.test", cases);
}

static void an_expression_matches_the_whole_path_between_exact_and_prefix(void **state)
{
    (void)state;
    static const struct acceptance_case cases[] = {
        {"REGEX-1", "GET /users/12", .answer = "one"},
        {"REGEX-1", "GET /users/12x", .answer = "404"},
        {"REGEX-1", "GET /v1/users/12", .answer = "404"},
        {"REGEX-1 PATH-6", "GET /users/12?x=y", .answer = "one"},
        {"REGEX-1", "GET /Users/12", .answer = "404"},
        {"ORDER-6", "GET /users/7", .answer = "three"},
        {"ORDER-6", "GET /users/8/long/and/longer", .answer = "two"},
        {"ORDER-6", "GET /users/12/x", .answer = "two"},
    };
    CHECK_CASES("regex.paths.test", cases);
}

int paths_theme(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_prefix_is_whole_segments),
        cmocka_unit_test(exact_is_exact),
        cmocka_unit_test(what_is_matched_is_what_is_sent),
        cmocka_unit_test(no_match_is_the_prefix_of_all),
        cmocka_unit_test(an_expression_matches_the_whole_path_between_exact_and_prefix),
    };
    return cmocka_run_group_tests_name("paths", tests, apply, NULL);
}
