#include "proxy/routing/route_match.h"
#include "proxy/routing/route_table.h"
#include "tests/unit/cmocka_all.h"
#include "tests/unit/proxy/routing/route_text.h"
#include "tests/unit/proxy/routing/table_fixture.h"

#include <stdio.h>
#include <string.h>

/* --- host ----------------------------------------------------------------------------------- */

static void an_exact_host_goes_before_any_path(void **state)
{
    table_fixture_add(*state, "exact-host host=a.internal : prefix:/");
    table_fixture_add(*state, "any-host : exact:/users");

    table_fixture_expect(state, "GET a.internal/users", "exact-host");
    table_fixture_expect(state, "GET b.internal/users", "any-host");
}

static void the_longest_wildcard_goes_first(void **state)
{
    table_fixture_add(*state, "short host=*.internal : prefix:/");
    table_fixture_add(*state, "long host=*.shop.internal : prefix:/");
    table_fixture_add(*state, "exact host=a.shop.internal : prefix:/");

    table_fixture_expect(state, "GET a.shop.internal/", "exact");
    table_fixture_expect(state, "GET b.shop.internal/", "long");
    table_fixture_expect(state, "GET b.x.shop.internal/", "long");
    table_fixture_expect(state, "GET shop.internal/", "short");
    table_fixture_expect(state, "GET internal/", "none");
}

static void a_wildcard_never_takes_its_own_name(void **state)
{
    table_fixture_add(*state, "wild host=*.example.com : prefix:/");

    table_fixture_expect(state, "GET example.com/", "none");
    table_fixture_expect(state, "GET .example.com/", "none");
    table_fixture_expect(state, "GET xexample.com/", "none");
    table_fixture_expect(state, "GET a.example.com/", "wild");
}

static void a_less_specific_host_is_tried_when_no_rule_matches(void **state)
{
    table_fixture_add(*state, "exact host=a.shop.internal : prefix:/one");
    table_fixture_add(*state, "wild host=*.shop.internal : prefix:/two");
    table_fixture_add(*state, "wilder host=*.internal : prefix:/three");
    table_fixture_add(*state, "any : prefix:/four");

    table_fixture_expect(state, "GET a.shop.internal/one", "exact");
    table_fixture_expect(state, "GET a.shop.internal/two", "wild");
    table_fixture_expect(state, "GET a.shop.internal/three", "wilder");
    table_fixture_expect(state, "GET a.shop.internal/four", "any");
    table_fixture_expect(state, "GET a.shop.internal/five", "none");
}

static void a_route_of_several_hosts_serves_each(void **state)
{
    table_fixture_add(*state, "both host=a.internal,b.internal,a.internal : prefix:/");

    table_fixture_expect(state, "GET a.internal/", "both");
    table_fixture_expect(state, "GET b.internal/", "both");
    table_fixture_expect(state, "GET c.internal/", "none");
}

/* --- path ----------------------------------------------------------------------------------- */

static void an_exact_path_goes_before_a_prefix(void **state)
{
    table_fixture_add(*state, "prefix @1 : prefix:/users method:GET header:a=b");
    table_fixture_add(*state, "exact @2 : exact:/users");

    table_fixture_expect(state, "GET h/users a: b", "exact");
    table_fixture_expect(state, "GET h/users/7 a: b", "prefix");
}

static void an_exact_path_is_exact(void **state)
{
    table_fixture_add(*state, "exact : exact:/abc");

    table_fixture_expect(state, "GET h/abc", "exact");
    table_fixture_expect(state, "GET h/abc/", "none");
    table_fixture_expect(state, "GET h/ABC", "none");
    table_fixture_expect(state, "GET h/abc?x=1", "exact");
}

static void the_longest_prefix_wins(void **state)
{
    table_fixture_add(*state, "root : prefix:/");
    table_fixture_add(*state, "one : prefix:/a");
    table_fixture_add(*state, "three : prefix:/a/b/c");

    table_fixture_expect(state, "GET h/a/b/c/d", "three");
    table_fixture_expect(state, "GET h/a/b/c", "three");
    table_fixture_expect(state, "GET h/a/b", "one");
    table_fixture_expect(state, "GET h/x", "root");
    table_fixture_expect(state, "GET h/", "root");
}

static void a_prefix_works_on_whole_segments(void **state)
{
    table_fixture_add(*state, "abc : prefix:/abc");
    table_fixture_add(*state, "slash : prefix:/def/");

    table_fixture_expect(state, "GET h/abc", "abc");
    table_fixture_expect(state, "GET h/abc/", "abc");
    table_fixture_expect(state, "GET h/abc/def", "abc");
    table_fixture_expect(state, "GET h/abc//def", "abc");
    table_fixture_expect(state, "GET h/abcd", "none");
    table_fixture_expect(state, "GET h/def", "slash");
    table_fixture_expect(state, "GET h/def/x", "slash");
}

static void a_shorter_prefix_is_tried_when_conditions_fail(void **state)
{
    table_fixture_add(*state, "long : prefix:/a/b header:v=1");
    table_fixture_add(*state, "short : prefix:/a");

    table_fixture_expect(state, "GET h/a/b v: 1", "long");
    table_fixture_expect(state, "GET h/a/b v: 2", "short");
}

static void an_expression_goes_between_exact_and_prefix(void **state)
{
    table_fixture_add(*state, "regex : regex:/u[a-z]+");
    table_fixture_add(*state, "longer-regex : regex:/us[a-z][a-z]*");
    table_fixture_add(*state, "prefix : prefix:/users");
    table_fixture_add(*state, "exact : exact:/uexact");

    table_fixture_expect(state, "GET h/uexact", "exact");
    table_fixture_expect(state, "GET h/users", "longer-regex");
    table_fixture_expect(state, "GET h/uxx", "regex");
    table_fixture_expect(state, "GET h/users/7", "prefix");
}

static void an_escaped_path_is_matched_in_canonical_form(void **state)
{
    table_fixture_add(*state, "escaped : exact:/caf%c3%a9/%7euser");

    table_fixture_expect(state, "GET h/caf%C3%A9/~user", "escaped");
}

static void a_rule_without_matches_takes_every_path(void **state)
{
    table_fixture_add(*state, "all host=h : -> b1");
    table_fixture_add(*state, "bare host=g");

    table_fixture_expect(state, "GET h/x/y", "all");
    table_fixture_expect(state, "GET g/x/y", "bare");
}

static void an_empty_path_is_the_root(void **state)
{
    table_fixture_add(*state, "exact host=a : exact:");
    table_fixture_add(*state, "prefix host=b : prefix:");
    table_fixture_add(*state, "regex host=c : regex:");

    table_fixture_expect(state, "GET a/", "exact");
    table_fixture_expect(state, "GET a/x", "none");
    table_fixture_expect(state, "GET b/x", "prefix");
    table_fixture_expect(state, "GET c/", "regex");
    table_fixture_expect(state, "GET c/x", "none");
}

/* What a hit waits for: the line of rule and match, and the one behind it. */
static void what_a_lookup_compares_is_in_two_lines(void **state)
{
    (void)state;
    struct route *route =
        route_text_compile("route-1 host=svc-250000.prod.internal : prefix:/api/items -> b1");
    const struct route_match *match = &route_matches(route)[0];
    const char *lines = (const char *)route + CACHE_LINE_BYTES;
    const char *end = lines + (ptrdiff_t)(2 * CACHE_LINE_BYTES);

    assert_ptr_equal(match->rule, lines);
    assert_ptr_equal(match + 1, lines + CACHE_LINE_BYTES);
    struct slice path = route_match_path(match);
    assert_memory_equal(path.at, "/api/items", path.length);
    assert_true(path.at > lines && path.at + path.length <= end);
    const char *hostname = (const char *)match + match->hostname_at;
    assert_int_equal(match->hostname_length, strlen("svc-250000.prod.internal"));
    assert_memory_equal(hostname, "svc-250000.prod.internal", match->hostname_length);
    assert_true(hostname > lines && hostname + match->hostname_length <= end);
    route_release(&route);
}

/* --- ties ----------------------------------------------------------------------------------- */

static void the_older_route_goes_first(void **state)
{
    table_fixture_add(*state, "a @7 : prefix:/");
    table_fixture_add(*state, "b @3 : prefix:/");

    table_fixture_expect(state, "GET h/", "b");
}

static void of_one_commit_its_own_order_decides(void **state)
{
    table_fixture_add(*state, "a @3.2 : prefix:/");
    table_fixture_add(*state, "b @3.1 : prefix:/");
    table_fixture_add(*state, "c @4 : prefix:/");

    table_fixture_expect(state, "GET h/", "b");
}

static void of_the_same_age_the_name_decides(void **state)
{
    table_fixture_add(*state, "ns/b @3 : prefix:/");
    table_fixture_add(*state, "ns/a @3 : prefix:/");
    table_fixture_add(*state, "o/a @3 : prefix:/");

    table_fixture_expect(state, "GET h/", "ns/a");
}

static void of_one_route_the_first_rule_goes_first(void **state)
{
    table_fixture_add(*state, "r : prefix:/a -> b1; prefix:/a -> b2; exact:/a -> b3");

    table_fixture_expect(state, "GET h/a/b", "r");
    table_fixture_expect(state, "GET h/a", "r.2");
}

static void any_match_of_a_rule_suffices(void **state)
{
    table_fixture_add(*state, "r : exact:/x | prefix:/y method:PUT | prefix:/z header:a=b");

    table_fixture_expect(state, "GET h/x", "r");
    table_fixture_expect(state, "PUT h/y/1", "r");
    table_fixture_expect(state, "GET h/y/1", "none");
    table_fixture_expect(state, "GET h/z a: b", "r");
}

/* --- many on one path ----------------------------------------------------------------------- */

static void hundreds_of_header_variants_on_one_path_are_told_apart(void **state)
{
    char text[128];
    char answer[32];
    for (int i = 0; i < 500; i++) {
        snprintf(text, sizeof(text), "r%d : prefix:/a header:version=2 header:tenant=t%d", i, i);
        table_fixture_add(*state, text);
    }
    table_fixture_add(*state, "fallback : prefix:/a");

    for (int i = 0; i < 500; i++) {
        snprintf(text, sizeof(text), "GET h/a tenant: t%d | version: 2", i);
        snprintf(answer, sizeof(answer), "r%d", i);
        table_fixture_expect(state, text, answer);
    }
    table_fixture_expect(state, "GET h/a tenant: t7", "fallback");
    table_fixture_expect(state, "GET h/a tenant: t | version: 2", "fallback");
}

static void precedence_holds_among_many(void **state)
{
    char text[128];
    for (int i = 0; i < 40; i++) {
        snprintf(text, sizeof(text), "filler%d : prefix:/ header:x%d=1", i, i);
        table_fixture_add(*state, text);
    }
    table_fixture_add(*state, "method @9 : prefix:/ method:GET");
    table_fixture_add(*state, "two @9 : prefix:/ header:x1=1 header:x2=1");
    table_fixture_add(*state, "query @9 : prefix:/ query:q=1");
    table_fixture_add(*state, "regex @9 : prefix:/ header~y=.*");

    table_fixture_expect(state, "GET h/?q=1 x1: 1 | x2: 1 | y: 1", "method");
    table_fixture_expect(state, "PUT h/?q=1 x1: 1 | x2: 1 | y: 1", "two");
    table_fixture_expect(state, "PUT h/?q=1 x2: 1 | y: 1", "filler2");
    table_fixture_expect(state, "PUT h/?q=1 y: 1", "regex");
    table_fixture_expect(state, "PUT h/?%71=1", "query");
    table_fixture_expect(state, "PUT h/", "none");
}

static void a_thousand_equal_matches_keep_their_order(void **state)
{
    struct table_fixture *fixture = *state;
    enum { COUNT = 1500 };
    char text[128];
    char answer[32];
    for (unsigned i = 0; i < COUNT; i++) {
        unsigned number = i * 7919 % COUNT;
        snprintf(text, sizeof(text), "r%u @%u : prefix:/", number, number + 1);
        table_fixture_add(fixture, text);
    }

    for (unsigned oldest = 0; oldest < COUNT; oldest++) {
        snprintf(answer, sizeof(answer), "r%u", oldest);
        if (oldest % 50 == 0 || oldest > COUNT - 5)
            table_fixture_expect(state, "GET h/", answer);
        table_fixture_remove(fixture, answer);
    }

    table_fixture_expect(state, "GET h/", "none");
    assert_int_equal(route_table_builder_index_bytes(fixture->builder), 0);
}

static void a_host_of_many_paths_finds_each(void **state)
{
    char text[128];
    char answer[32];
    for (int i = 0; i < 1000; i++) {
        snprintf(text, sizeof(text), "p%d host=h : prefix:/a/%d", i, i);
        table_fixture_add(*state, text);
        snprintf(text, sizeof(text), "e%d host=h : exact:/a/%d", i, i);
        table_fixture_add(*state, text);
    }

    for (int i = 0; i < 1000; i++) {
        snprintf(text, sizeof(text), "GET h/a/%d", i);
        snprintf(answer, sizeof(answer), "e%d", i);
        table_fixture_expect(state, text, answer);
        snprintf(text, sizeof(text), "GET h/a/%d/b", i);
        snprintf(answer, sizeof(answer), "p%d", i);
        table_fixture_expect(state, text, answer);
    }
    table_fixture_expect(state, "GET h/a/1000", "none");
    table_fixture_expect(state, "GET h/a", "none");
}

static void prefixes_are_found_at_any_depth(void **state)
{
    char path[1025] = "";
    for (size_t i = 0; i < 512; i++)
        memcpy(path + 2 * i, "/a", 3);
    char text[1100];
    snprintf(text, sizeof(text), "deep : prefix:%s", path);
    table_fixture_add(*state, text);

    snprintf(text, sizeof(text), "GET h%s/b/c/d", path);
    table_fixture_expect(state, text, "deep");
    path[1022] = '\0';
    snprintf(text, sizeof(text), "GET h%s", path);
    table_fixture_expect(state, text, "none");
}

/* --- versions ------------------------------------------------------------------------------- */

static void a_published_table_never_changes(void **state)
{
    struct table_fixture *fixture = *state;
    table_fixture_add(fixture, "old host=h : prefix:/");
    struct route_table *before = table_fixture_table(fixture);
    route_table_acquire(before);

    table_fixture_remove(fixture, "old");
    table_fixture_add(fixture, "new host=h : prefix:/");

    table_fixture_expect(state, "GET h/", "new");
    struct request_text request;
    request_text_init(&request, "GET h/");
    const struct rule *rule = route_table_find(before, &request.head);
    assert_memory_equal(rule_route_id(rule).at, "old", 3);
    assert_int_equal(route_table_builder_collect(fixture->builder), 1);
    request_text_clear(&request);
    route_table_release(&before);
    assert_int_equal(route_table_builder_collect(fixture->builder), 0);
}

static void a_rule_that_is_held_outlives_its_table(void **state)
{
    struct table_fixture *fixture = *state;
    table_fixture_add(fixture, "gone host=h : prefix:/");
    struct request_text request;
    request_text_init(&request, "GET h/");
    const struct rule *rule = route_table_find(table_fixture_table(fixture), &request.head);
    rule_acquire(rule);

    table_fixture_remove(fixture, "gone");
    table_fixture_expect(state, "GET h/", "none");

    assert_memory_equal(rule_route_id(rule).at, "gone", 4);
    rule_release(&rule);
    assert_null(rule);
    request_text_clear(&request);
}

static void an_emptied_table_holds_no_memory(void **state)
{
    struct table_fixture *fixture = *state;
    char text[128];
    for (int i = 0; i < 300; i++) {
        snprintf(text, sizeof(text), "r%d host=*.h%d.x : prefix:/a/b method:GET | regex:/x%d", i,
                 i / 3, i);
        table_fixture_add(fixture, text);
    }
    table_fixture_table(fixture);
    for (int i = 0; i < 300; i++) {
        snprintf(text, sizeof(text), "r%d", i);
        table_fixture_remove(fixture, text);
        table_fixture_table(fixture);
    }

    assert_int_equal(route_table_route_count(table_fixture_table(fixture)), 0);
    assert_int_equal(route_table_builder_index_bytes(fixture->builder), 0);
}

/* --- rules ---------------------------------------------------------------------------------- */

static void weights_split_in_proportion(void **state)
{
    struct table_fixture *fixture = *state;
    table_fixture_add(fixture, "split : prefix:/ -> b1*90,b2*0,b3*10");
    struct request_text request;
    request_text_init(&request, "GET h/");
    const struct rule *rule = route_table_find(table_fixture_table(fixture), &request.head);
    unsigned counts[4] = {0};

    for (uint64_t i = 0; i < 1000; i++)
        counts[rule_choose(rule, i * (UINT64_MAX / 1000))->backend_index]++;

    assert_in_range(counts[1], 899, 901);
    assert_int_equal(counts[2], 0);
    assert_in_range(counts[3], 99, 101);
    request_text_clear(&request);
}

static void no_weight_means_no_choice(void **state)
{
    struct table_fixture *fixture = *state;
    table_fixture_add(fixture, "none : prefix:/ -> b1*0,b2*0");
    struct request_text request;
    request_text_init(&request, "GET h/");

    const struct rule *rule = route_table_find(table_fixture_table(fixture), &request.head);

    assert_null(rule_choose(rule, 5));
    request_text_clear(&request);
}

static void a_rule_that_sets_nothing_has_no_timeouts_of_its_own(void **state)
{
    struct table_fixture *fixture = *state;
    table_fixture_add(fixture, "plain : prefix:/ -> b1");
    struct request_text request;
    request_text_init(&request, "GET h/");

    const struct rule *rule = route_table_find(table_fixture_table(fixture), &request.head);

    assert_true(rule->policy->request_timeout_ms == TIMEOUT_UNSET);
    assert_true(rule->policy->backend_request_timeout_ms == TIMEOUT_UNSET);
    assert_false(rule->policy->retry.is_set);
    request_text_clear(&request);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TABLE_TEST(an_exact_host_goes_before_any_path),
        TABLE_TEST(the_longest_wildcard_goes_first),
        TABLE_TEST(a_wildcard_never_takes_its_own_name),
        TABLE_TEST(a_less_specific_host_is_tried_when_no_rule_matches),
        TABLE_TEST(a_route_of_several_hosts_serves_each),
        TABLE_TEST(an_exact_path_goes_before_a_prefix),
        TABLE_TEST(an_exact_path_is_exact),
        TABLE_TEST(the_longest_prefix_wins),
        TABLE_TEST(a_prefix_works_on_whole_segments),
        TABLE_TEST(a_shorter_prefix_is_tried_when_conditions_fail),
        TABLE_TEST(an_expression_goes_between_exact_and_prefix),
        TABLE_TEST(an_escaped_path_is_matched_in_canonical_form),
        TABLE_TEST(a_rule_without_matches_takes_every_path),
        TABLE_TEST(an_empty_path_is_the_root),
        cmocka_unit_test(what_a_lookup_compares_is_in_two_lines),
        TABLE_TEST(the_older_route_goes_first),
        TABLE_TEST(of_one_commit_its_own_order_decides),
        TABLE_TEST(of_the_same_age_the_name_decides),
        TABLE_TEST(of_one_route_the_first_rule_goes_first),
        TABLE_TEST(any_match_of_a_rule_suffices),
        TABLE_TEST(hundreds_of_header_variants_on_one_path_are_told_apart),
        TABLE_TEST(precedence_holds_among_many),
        TABLE_TEST(a_thousand_equal_matches_keep_their_order),
        TABLE_TEST(a_host_of_many_paths_finds_each),
        TABLE_TEST(prefixes_are_found_at_any_depth),
        TABLE_TEST(a_published_table_never_changes),
        TABLE_TEST(a_rule_that_is_held_outlives_its_table),
        TABLE_TEST(an_emptied_table_holds_no_memory),
        TABLE_TEST(weights_split_in_proportion),
        TABLE_TEST(no_weight_means_no_choice),
        TABLE_TEST(a_rule_that_sets_nothing_has_no_timeouts_of_its_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
