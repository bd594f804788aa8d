/* Methods, headers, queries, and which match wins. */
#include "tests/integration/httproute/acceptance.h"
#include "tests/support/check.h"
#include "tests/unit/cmocka_all.h"

#include <stdlib.h>

static int apply(void **state)
{
    (void)state;
    acceptance_apply_file("matches.yaml");
    return 0;
}

static void headers_select(void **state)
{
    (void)state;
    static const struct acceptance_case cases[] = {
        {"HDR-1", "GET /\nVersion: one", .answer = "one"},
        {"HDR-1", "GET /\nVERSION: two", .answer = "two"},
        {"HDR-1", "GET /\nversion: One", .answer = "404"},
        {"HDR-1", "GET /\nversion: one two", .answer = "404"},
        {"HDR-1", "GET /\nsome-other: one", .answer = "404"},
        {"MATCH-1", "GET /\nversion: two\ncolor: orange", .answer = "one"},
        {"MATCH-1", "GET /\ncolor: orange", .answer = "404"},
        {"MATCH-2", "GET /\ncolor: blue", .answer = "one"},
        {"MATCH-2", "GET /\ncolor: green", .answer = "one"},
        {"MATCH-2", "GET /\ncolor: red", .answer = "two"},
        {"MATCH-2", "GET /\ncolor: yellow", .answer = "two"},
        {"MATCH-2", "GET /\ncolor: purple", .answer = "404"},
        {"TIE-3", "GET /\nversion: two\ncolor: blue", .answer = "two"},
        {"HDR-1", "GET /\nversion:   one  ", .answer = "one"},
        {"HDR-2", "GET /\ndouble: first", .answer = "three"},
        {"HDR-2", "GET /\ndouble: second", .answer = "404"},
        {"HDR-3", "GET /\nmany: a\nmany: b", .answer = "three", .received = "+many: a\n+many: b"},
        {"HDR-3", "GET /\nmany: a, b", .answer = "three"},
        {"HDR-3", "GET /\nmany: a,b", .answer = "404"},
        {"HDR-3", "GET /\nmany: b\nmany: a", .answer = "404"},
        {"HDR-4", "GET /\nset-cookie: a=1\nset-cookie: b=2", .answer = "three"},
        {"REGEX-1", "GET /\nkind: alpha", .answer = "three"},
        {"REGEX-1", "GET /\nkind: beta12", .answer = "three"},
        {"REGEX-1", "GET /\nkind: alphabet", .answer = "404"},
    };
    CHECK_CASES("headers.test", cases);
}

static void queries_select(void **state)
{
    (void)state;
    static const struct acceptance_case cases[] = {
        {"QUERY-1", "GET /?animal=whale", .answer = "one"},
        {"QUERY-1", "GET /?animal=dolphin", .answer = "two"},
        {"MATCH-1", "GET /?animal=dolphin&color=blue", .answer = "three"},
        {"MATCH-1", "GET /?color=blue&animal=dolphin", .answer = "three"},
        {"QUERY-1", "GET /?ANIMAL=Whale", .answer = "three"},
        {"QUERY-1", "GET /?animal=whale&other=x", .answer = "one"},
        {"MATCH-1", "GET /?animal=dolphin&color=yellow", .answer = "two"},
        {"MATCH-1", "GET /?color=blue", .answer = "404"},
        {"QUERY-1", "GET /?animal=dog", .answer = "404"},
        {"QUERY-1", "GET /?animal=whaledolphin", .answer = "404"},
        {"QUERY-1", "GET /?animal", .answer = "404"},
        {"QUERY-1", "GET /", .answer = "404"},
        {"QUERY-1", "GET /?%61nimal=w%68ale", .answer = "one",
         .received = "GET /?%61nimal=w%68ale"},
        {"QUERY-1", "GET /?said=a+b%26c%3Dd", .answer = "three",
         .received = "GET /?said=a+b%26c%3Dd"},
        {"QUERY-1", "GET /?said=a%20b%26c=d", .answer = "three"},
        {"QUERY-1", "GET /?said=%C3%BC%2B%25", .answer = "three"},
        {"QUERY-1", "GET /?said=%C3%BC+%25", .answer = "404"},
        {"QUERY-1", "GET /?said=%c3%bc%2b%", .answer = "three"},
        {"QUERY-2", "GET /?animal=whale&animal=dolphin", .answer = "one"},
        {"QUERY-2", "GET /?animal=dog&animal=whale", .answer = "404"},
        {"QUERY-3", "GET /?a.b=x", .answer = "three"},
        {"QUERY-3", "GET /?a.b=y", .answer = "404"},
        {"REGEX-1", "GET /?id=123", .answer = "three"},
        {"REGEX-1", "GET /?id=12345", .answer = "404"},
        {"REGEX-1", "GET /?id=%3123", .answer = "three"},
        {"MATCH-1", "GET /path2?animal=whale\nversion: two", .answer = "three"},
        {"ORDER-2", "GET /path5?animal=hydra", .answer = "one"},
        {"ORDER-4", "GET /?animal=hydra\nversion: four", .answer = "three"},
    };
    CHECK_CASES("queries.test", cases);
}

static void methods_select(void **state)
{
    (void)state;
    static const struct acceptance_case cases[] = {
        {"METHOD-1", "POST /\ncontent-length: 0", .answer = "one", .received = "POST /"},
        {"METHOD-1", "GET /", .answer = "two"},
        {"METHOD-1", "HEAD /", .answer = "404"},
        {"METHOD-1", "post /\ncontent-length: 0", .answer = "404"},
        {"ORDER-2", "GET /path1", .answer = "one"},
        {"MATCH-1", "PUT /\nversion: one", .answer = "two"},
        {"MATCH-2", "PATCH /path3", .answer = "one"},
        {"MATCH-2", "DELETE /path4\nversion: three", .answer = "one"},
        {"MATCH-1", "PUT /", .answer = "404"},
        {"MATCH-1", "DELETE /path4", .answer = "404"},
        {"ORDER-2", "PATCH /path5", .answer = "one"},
        {"ORDER-3", "PATCH /\nversion: four", .answer = "two"},
    };
    CHECK_CASES("methods.test", cases);
}

static void the_most_specific_match_wins(void **state)
{
    (void)state;
    static const struct acceptance_case cases[] = {
        {"ORDER-1", "GET /match", .answer = "one"},
        {"ORDER-1", "GET /match/exact", .answer = "two"},
        {"ORDER-1", "GET /match/exact/one", .answer = "three"},
        {"ORDER-2", "GET /match/prefix/one/any", .answer = "two"},
        {"ORDER-2", "GET /match/prefix/any", .answer = "one"},
        {"ORDER-2", "GET /match/any", .answer = "three"},
        {"ORDER-4", "GET /h?q=1&r=1\na: 1\nb: 2", .answer = "two"},
        {"ORDER-5", "GET /h?q=1&r=1\na: 1", .answer = "three"},
        {"ORDER-5", "GET /h?q=1\na: 1", .answer = "one"},
        {"TIE-3", "GET /same", .answer = "one"},
    };
    CHECK_CASES("order.test", cases);
}

/* Routes of one host share it: their matches compete as if they were of one route. */
static void matches_compete_across_routes(void **state)
{
    (void)state;
    acceptance_apply(ROUTE(
        "across-1",
        "across.test, net.across.test") "  rules:\n"
                                        "  - matches: [{path: {value: /}}, {headers: [{name: "
                                        "version, value: one}]}]\n"
                                        "    backendRefs: [{name: one}]\n" ROUTE(
                                            "across-2",
                                            "across.test") "  rules:\n"
                                                           "  - matches: [{path: {value: /v2}}, "
                                                           "{headers: [{name: version, value: "
                                                           "two}]}]\n"
                                                           "    backendRefs: [{name: two}]\n");
    static const struct acceptance_case cases[] = {
        {"ORDER-2", "GET /", .answer = "one"},
        {"ORDER-2", "GET /example", .answer = "one"},
        {"ORDER-2", "GET /example\nHost: net.across.test", .answer = "one"},
        {"ORDER-4", "GET /example\nversion: one", .answer = "one"},
        {"ORDER-2", "GET /v2", .answer = "two"},
        {"HOST-4", "GET /v2\nHost: net.across.test", .answer = "one"},
        {"ORDER-2", "GET /v2/example", .answer = "two"},
        {"ORDER-4", "GET /\nversion: two", .answer = "two"},
        {"ORDER-2", "GET /v2\nversion: one", .answer = "two"},
    };
    CHECK_CASES("across.test", cases);
}

static void of_equal_matches_the_older_route_wins_then_the_name(void **state)
{
    (void)state;
    static const struct acceptance_case older[] = {{"TIE-1", "GET /", .answer = "two"}};
    static const struct acceptance_case named[] = {{"TIE-2", "GET /named", .answer = "one"}};

    acceptance_apply(ROUTE("tie-b", "tie.test") "  rules: [{backendRefs: [{name: two}]}]\n");
    acceptance_apply(ROUTE("tie-a", "tie.test") "  rules: [{backendRefs: [{name: one}]}]\n");
    CHECK_CASES("tie.test", older);

    /* A change makes no route younger. */
    acceptance_apply(
        ROUTE("tie-b", "tie.test") "  rules: [{name: changed, backendRefs: [{name: two}]}]\n");
    CHECK_CASES("tie.test", older);

    acceptance_apply(
        ROUTE("tie-d", "tie.test") "  rules: [{matches: [{path: {value: /named}}], backendRefs: "
                                   "[{name: two}]}]\n" ROUTE(
                                       "tie-c",
                                       "tie.test") "  rules: [{matches: [{path: {value: /named}}], "
                                                   "backendRefs: [{name: one}]}]\n");
    CHECK_CASES("tie.test", named);
}

#define SLOW_VALUE "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab"

/* REGEX-3: the next rule takes the request, and explain tells why. */
static void an_expression_that_hits_its_limit_does_not_match(void **state)
{
    (void)state;
    static const struct acceptance_case cases[] = {
        {"REGEX-3", "GET /" SLOW_VALUE, .answer = "two"},
        {"REGEX-3", "GET /x\nslow: " SLOW_VALUE, .answer = "two"},
        {"REGEX-3", "GET /x?slow=" SLOW_VALUE, .answer = "two"},
        {"REGEX-1", "GET /aaa", .answer = "one"},
    };
    acceptance_apply(
        ROUTE("slow", "slow.test") "  rules:\n"
                                   "  - matches:\n"
                                   "    - path: {type: RegularExpression, value: '/(a+)+'}\n"
                                   "    - headers: [{type: RegularExpression, name: slow, value: "
                                   "'(a+)+'}]\n"
                                   "    - queryParams: [{type: RegularExpression, name: slow, "
                                   "value: '(a+)+'}]\n"
                                   "    backendRefs: [{name: one}]\n"
                                   "  - backendRefs: [{name: two}]\n");

    CHECK_CASES("slow.test", cases);
    struct command explained =
        pointsman_routectl(acceptance_pointsman(), "explain", "GET http://slow.test/" SLOW_VALUE,
                           "-H", "slow: " SLOW_VALUE, NULL);
    CHECK(strstr(explained.out, "other path: the expression hits its match limit") != NULL &&
              strstr(explained.out, "header slow: the expression hits its match limit") != NULL,
          "%s", explained.out);
    command_clear(&explained);
}

int matches_theme(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(headers_select),
        cmocka_unit_test(queries_select),
        cmocka_unit_test(methods_select),
        cmocka_unit_test(the_most_specific_match_wins),
        cmocka_unit_test(matches_compete_across_routes),
        cmocka_unit_test(of_equal_matches_the_older_route_wins_then_the_name),
        cmocka_unit_test(an_expression_that_hits_its_limit_does_not_match),
    };
    return cmocka_run_group_tests_name("matches", tests, apply, NULL);
}
