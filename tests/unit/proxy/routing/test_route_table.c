#include "proxy/routing/route_table.h"
#include "tests/unit/cmocka_all.h"
#include "tests/unit/proxy/routing/route_text.h"
#include "tests/unit/proxy/routing/table_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int set_up(void **state)
{
    static struct table_fixture fixture;
    table_fixture_init(&fixture);
    *state = &fixture;
    return 0;
}

static int tear_down(void **state)
{
    table_fixture_clear(*state);
    return 0;
}

static void expect(void **state, const char *request, const char *answer)
{
    assert_string_equal(table_fixture_find(*state, request), answer);
}

/* --- host ----------------------------------------------------------------------------------- */

static void an_exact_host_goes_before_any_path(void **state)
{
    table_fixture_add(*state, "exact-host host=a.internal : prefix:/");
    table_fixture_add(*state, "any-host : exact:/users");

    expect(state, "GET a.internal/users", "exact-host");
    expect(state, "GET b.internal/users", "any-host");
}

static void the_longest_wildcard_goes_first(void **state)
{
    table_fixture_add(*state, "short host=*.internal : prefix:/");
    table_fixture_add(*state, "long host=*.shop.internal : prefix:/");
    table_fixture_add(*state, "exact host=a.shop.internal : prefix:/");

    expect(state, "GET a.shop.internal/", "exact");
    expect(state, "GET b.shop.internal/", "long");
    expect(state, "GET b.x.shop.internal/", "long");
    expect(state, "GET shop.internal/", "short");
    expect(state, "GET internal/", "none");
}

static void a_wildcard_never_takes_its_own_name(void **state)
{
    table_fixture_add(*state, "wild host=*.example.com : prefix:/");

    expect(state, "GET example.com/", "none");
    expect(state, "GET .example.com/", "none");
    expect(state, "GET xexample.com/", "none");
    expect(state, "GET a.example.com/", "wild");
}

static void a_less_specific_host_is_tried_when_no_rule_matches(void **state)
{
    table_fixture_add(*state, "exact host=a.shop.internal : prefix:/one");
    table_fixture_add(*state, "wild host=*.shop.internal : prefix:/two");
    table_fixture_add(*state, "wilder host=*.internal : prefix:/three");
    table_fixture_add(*state, "any : prefix:/four");

    expect(state, "GET a.shop.internal/one", "exact");
    expect(state, "GET a.shop.internal/two", "wild");
    expect(state, "GET a.shop.internal/three", "wilder");
    expect(state, "GET a.shop.internal/four", "any");
    expect(state, "GET a.shop.internal/five", "none");
}

static void a_route_of_several_hosts_serves_each(void **state)
{
    table_fixture_add(*state, "both host=a.internal,b.internal,a.internal : prefix:/");

    expect(state, "GET a.internal/", "both");
    expect(state, "GET b.internal/", "both");
    expect(state, "GET c.internal/", "none");
}

/* --- path ----------------------------------------------------------------------------------- */

static void an_exact_path_goes_before_a_prefix(void **state)
{
    table_fixture_add(*state, "prefix @1 : prefix:/users method:GET header:a=b");
    table_fixture_add(*state, "exact @2 : exact:/users");

    expect(state, "GET h/users a: b", "exact");
    expect(state, "GET h/users/7 a: b", "prefix");
}

static void an_exact_path_is_exact(void **state)
{
    table_fixture_add(*state, "exact : exact:/abc");

    expect(state, "GET h/abc", "exact");
    expect(state, "GET h/abc/", "none");
    expect(state, "GET h/ABC", "none");
    expect(state, "GET h/abc?x=1", "exact");
}

static void the_longest_prefix_wins(void **state)
{
    table_fixture_add(*state, "root : prefix:/");
    table_fixture_add(*state, "one : prefix:/a");
    table_fixture_add(*state, "three : prefix:/a/b/c");

    expect(state, "GET h/a/b/c/d", "three");
    expect(state, "GET h/a/b/c", "three");
    expect(state, "GET h/a/b", "one");
    expect(state, "GET h/x", "root");
    expect(state, "GET h/", "root");
}

static void a_prefix_works_on_whole_segments(void **state)
{
    table_fixture_add(*state, "abc : prefix:/abc");
    table_fixture_add(*state, "slash : prefix:/def/");

    expect(state, "GET h/abc", "abc");
    expect(state, "GET h/abc/", "abc");
    expect(state, "GET h/abc/def", "abc");
    expect(state, "GET h/abc//def", "abc");
    expect(state, "GET h/abcd", "none");
    expect(state, "GET h/def", "slash");
    expect(state, "GET h/def/x", "slash");
}

static void a_shorter_prefix_is_tried_when_conditions_fail(void **state)
{
    table_fixture_add(*state, "long : prefix:/a/b header:v=1");
    table_fixture_add(*state, "short : prefix:/a");

    expect(state, "GET h/a/b v: 1", "long");
    expect(state, "GET h/a/b v: 2", "short");
}

static void an_expression_goes_between_exact_and_prefix(void **state)
{
    table_fixture_add(*state, "regex : regex:/u[a-z]+");
    table_fixture_add(*state, "longer-regex : regex:/us[a-z][a-z]*");
    table_fixture_add(*state, "prefix : prefix:/users");
    table_fixture_add(*state, "exact : exact:/uexact");

    expect(state, "GET h/uexact", "exact");
    expect(state, "GET h/users", "longer-regex");
    expect(state, "GET h/uxx", "regex");
    expect(state, "GET h/users/7", "prefix");
}

static void an_escaped_path_is_matched_in_canonical_form(void **state)
{
    table_fixture_add(*state, "escaped : exact:/caf%c3%a9/%7euser");

    expect(state, "GET h/caf%C3%A9/~user", "escaped");
}

static void a_rule_without_matches_takes_every_path(void **state)
{
    table_fixture_add(*state, "all host=h : -> b1");
    table_fixture_add(*state, "bare host=g");

    expect(state, "GET h/x/y", "all");
    expect(state, "GET g/x/y", "bare");
}

/* --- conditions ----------------------------------------------------------------------------- */

static void a_method_goes_before_more_headers(void **state)
{
    table_fixture_add(*state, "headers @1 : prefix:/ header:a=1 header:b=2");
    table_fixture_add(*state, "method @2 : prefix:/ method:GET");

    expect(state, "GET h/ a: 1 | b: 2", "method");
    expect(state, "PUT h/ a: 1 | b: 2", "headers");
    expect(state, "get h/", "none");
}

static void more_headers_go_before_more_parameters(void **state)
{
    table_fixture_add(*state, "params @1 : prefix:/ query:x=1 query:y=2");
    table_fixture_add(*state, "header @2 : prefix:/ header:a=1");
    table_fixture_add(*state, "headers @3 : prefix:/ header:a=1 header:b=2");

    expect(state, "GET h/?x=1&y=2 a: 1 | b: 2", "headers");
    expect(state, "GET h/?x=1&y=2 a: 1", "header");
    expect(state, "GET h/?x=1&y=2", "params");
}

static void more_parameters_go_first(void **state)
{
    table_fixture_add(*state, "one @1 : prefix:/ query:x=1");
    table_fixture_add(*state, "two @2 : prefix:/ query:x=1 query:y=2");

    expect(state, "GET h/?x=1&y=2", "two");
    expect(state, "GET h/?y=3&x=1", "one");
}

static void header_names_ignore_case_and_values_do_not(void **state)
{
    table_fixture_add(*state, "header : prefix:/ header:X-Tenant=One");

    expect(state, "GET h/ x-tenant: One", "header");
    expect(state, "GET h/ X-TENANT: One", "header");
    expect(state, "GET h/ X-Tenant: one", "none");
    expect(state, "GET h/ X-Tenant: One ", "none");
}

static void a_repeated_header_is_joined(void **state)
{
    table_fixture_add(*state, "joined : prefix:/ header~accept=text,.json");
    table_fixture_add(*state, "exact : prefix:/x header:cookie=a,b");

    expect(state, "GET h/ accept: text | x: y | Accept: json", "joined");
    expect(state, "GET h/ accept: text,-json", "joined");
    expect(state, "GET h/ accept: text | accept: json | accept: xml", "none");
    expect(state, "GET h/x cookie: a,b", "exact");
    expect(state, "GET h/x cookie: a | cookie: b", "none");
}

static void joined_values_are_matched_whole(void **state)
{
    RouteMessage *message = route_text_parse("joined : prefix:/ header:accept=?");
    free(message->rules[0]->matches[0]->headers[0]->value);
    message->rules[0]->matches[0]->headers[0]->value = strdup("text, json, xml");
    table_fixture_add_route(*state, route_text_compile_message(message, false));
    route_text_free(message);

    expect(state, "GET h/ accept: text | accept: json | accept: xml", "joined");
    expect(state, "GET h/ accept: text, json | accept: xml", "joined");
    expect(state, "GET h/ accept: text | accept: json", "none");
    expect(state, "GET h/ accept: text | accept: json | accept: xml | accept: y", "none");
    expect(state, "GET h/ accept: text, json, xml", "joined");
}

static void set_cookie_is_never_joined(void **state)
{
    table_fixture_add(*state, "cookie : prefix:/ header~set-cookie=a");

    expect(state, "GET h/ set-cookie: a | set-cookie: b", "cookie");
    expect(state, "GET h/ set-cookie: b | set-cookie: a", "none");
}

static void of_equal_header_names_the_first_counts(void **state)
{
    table_fixture_add(*state, "twice @1 : prefix:/ header:v=1 header:V=2");
    table_fixture_add(*state, "pair @2 : prefix:/ header:v=1 header:w=1");

    expect(state, "GET h/ v: 1", "twice");
    expect(state, "GET h/ v: 1 | w: 1", "pair");
}

static void query_is_compared_decoded(void **state)
{
    table_fixture_add(*state, "query : prefix:/ query:name=a&b");

    expect(state, "GET h/?name=a%26b", "query");
    expect(state, "GET h/?n%61me=%61%26b", "query");
    expect(state, "GET h/?name=a&b", "none");
    expect(state, "GET h/?Name=a%26b", "none");
}

static void a_plus_is_a_space_and_a_lone_percent_itself(void **state)
{
    RouteMessage *message = route_text_parse("query : prefix:/ query:q=?");
    free(message->rules[0]->matches[0]->query_params[0]->value);
    message->rules[0]->matches[0]->query_params[0]->value = strdup("a b%");
    table_fixture_add_route(*state, route_text_compile_message(message, false));
    route_text_free(message);

    expect(state, "GET h/?q=a+b%", "query");
    expect(state, "GET h/?q=a%20b%25", "query");
    expect(state, "GET h/?q=a%2bb%", "none");
}

static void the_first_of_a_repeated_parameter_counts(void **state)
{
    table_fixture_add(*state, "query : prefix:/ query:x=1");

    expect(state, "GET h/?x=1&x=2", "query");
    expect(state, "GET h/?x=2&x=1", "none");
    expect(state, "GET h/?&&x=1", "query");
    expect(state, "GET h/?x", "none");
}

static void expressions_match_whole_values(void **state)
{
    table_fixture_add(*state, "header : prefix:/a header~v=[0-9]+|x");
    table_fixture_add(*state, "query : prefix:/b query~v=[0-9]+|x");

    expect(state, "GET h/a v: 12", "header");
    expect(state, "GET h/a v: x", "header");
    expect(state, "GET h/a v: 12a", "none");
    expect(state, "GET h/a", "none");
    expect(state, "GET h/b?v=1%32", "query");
    expect(state, "GET h/b?v=a12", "none");
}

static void a_listener_restricts_where_a_route_applies(void **state)
{
    struct table_fixture *fixture = *state;
    table_fixture_add(*state, "named @1 on=web : prefix:/");
    table_fixture_add(*state, "port @2 on=:9090 : prefix:/");
    table_fixture_add(*state, "pair @3 on=web:1 on=other:8443 : prefix:/");

    fixture->listener = (struct listener_identity){SLICE("web"), 80};
    expect(state, "GET h/", "named");
    fixture->listener = (struct listener_identity){SLICE("x"), 9090};
    expect(state, "GET h/", "port");
    fixture->listener = (struct listener_identity){SLICE("other"), 8443};
    expect(state, "GET h/", "pair");
    fixture->listener = (struct listener_identity){SLICE("other"), 8444};
    expect(state, "GET h/", "none");
}

static void one_reference_to_every_listener_lifts_the_others(void **state)
{
    RouteMessage *message = route_text_parse("both on=web on= : prefix:/");
    table_fixture_add_route(*state, route_text_compile_message(message, false));
    route_text_free(message);

    expect(state, "GET h/", "both");
}

/* --- ties ----------------------------------------------------------------------------------- */

static void the_older_route_goes_first(void **state)
{
    table_fixture_add(*state, "a @7 : prefix:/");
    table_fixture_add(*state, "b @3 : prefix:/");

    expect(state, "GET h/", "b");
}

static void of_one_commit_its_own_order_decides(void **state)
{
    table_fixture_add(*state, "a @3.2 : prefix:/");
    table_fixture_add(*state, "b @3.1 : prefix:/");
    table_fixture_add(*state, "c @4 : prefix:/");

    expect(state, "GET h/", "b");
}

static void of_the_same_age_the_name_decides(void **state)
{
    table_fixture_add(*state, "ns/b @3 : prefix:/");
    table_fixture_add(*state, "ns/a @3 : prefix:/");
    table_fixture_add(*state, "o/a @3 : prefix:/");

    expect(state, "GET h/", "ns/a");
}

static void of_one_route_the_first_rule_goes_first(void **state)
{
    table_fixture_add(*state, "r : prefix:/a -> b1; prefix:/a -> b2; exact:/a -> b3");

    expect(state, "GET h/a/b", "r");
    expect(state, "GET h/a", "r.2");
}

static void any_match_of_a_rule_suffices(void **state)
{
    table_fixture_add(*state, "r : exact:/x | prefix:/y method:PUT | prefix:/z header:a=b");

    expect(state, "GET h/x", "r");
    expect(state, "PUT h/y/1", "r");
    expect(state, "GET h/y/1", "none");
    expect(state, "GET h/z a: b", "r");
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
        expect(state, text, answer);
    }
    expect(state, "GET h/a tenant: t7", "fallback");
    expect(state, "GET h/a tenant: t | version: 2", "fallback");
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

    expect(state, "GET h/?q=1 x1: 1 | x2: 1 | y: 1", "method");
    expect(state, "PUT h/?q=1 x1: 1 | x2: 1 | y: 1", "two");
    expect(state, "PUT h/?q=1 x2: 1 | y: 1", "filler2");
    expect(state, "PUT h/?q=1 y: 1", "regex");
    expect(state, "PUT h/?%71=1", "query");
    expect(state, "PUT h/", "none");
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
            expect(state, "GET h/", answer);
        table_fixture_remove(fixture, answer);
    }

    expect(state, "GET h/", "none");
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
        expect(state, text, answer);
        snprintf(text, sizeof(text), "GET h/a/%d/b", i);
        snprintf(answer, sizeof(answer), "p%d", i);
        expect(state, text, answer);
    }
    expect(state, "GET h/a/1000", "none");
    expect(state, "GET h/a", "none");
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
    expect(state, text, "deep");
    path[1022] = '\0';
    snprintf(text, sizeof(text), "GET h%s", path);
    expect(state, text, "none");
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

    expect(state, "GET h/", "new");
    struct request_text request;
    request_text_init(&request, "GET h/");
    const struct rule *rule = route_table_find(before, &request.head);
    assert_memory_equal(rule_route_name(rule).at, "old", 3);
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
    expect(state, "GET h/", "none");

    assert_memory_equal(rule_route_name(rule).at, "gone", 4);
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

#define TABLE_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

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
        TABLE_TEST(a_method_goes_before_more_headers),
        TABLE_TEST(more_headers_go_before_more_parameters),
        TABLE_TEST(more_parameters_go_first),
        TABLE_TEST(header_names_ignore_case_and_values_do_not),
        TABLE_TEST(a_repeated_header_is_joined),
        TABLE_TEST(joined_values_are_matched_whole),
        TABLE_TEST(set_cookie_is_never_joined),
        TABLE_TEST(of_equal_header_names_the_first_counts),
        TABLE_TEST(query_is_compared_decoded),
        TABLE_TEST(a_plus_is_a_space_and_a_lone_percent_itself),
        TABLE_TEST(the_first_of_a_repeated_parameter_counts),
        TABLE_TEST(expressions_match_whole_values),
        TABLE_TEST(a_listener_restricts_where_a_route_applies),
        TABLE_TEST(one_reference_to_every_listener_lifts_the_others),
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
