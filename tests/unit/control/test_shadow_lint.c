#include "common/buffer.h"
#include "common/event_loop.h"
#include "control/shadow_index.h"
#include "tests/unit/cmocka_all.h"
#include "tests/unit/control/services_fixture.h"

#include <stdio.h>
#include <string.h>

/* --- routes ---------------------------------------------------------------------------------- */

/* What a test's routes are made of; they live as long as the test. */
enum { PARTS = 8 };
static RouteMatchMessage matches[PARTS];
static RouteMatchMessage *match_lists[PARTS][2];
static PathMatchMessage paths[PARTS];
static size_t parts;

static int set_up(void **state)
{
    parts = 0;
    return services_fixture_set_up(state);
}

/* A route for the hostname (NULL: every host) with one rule for the path ("~..." is an
 * expression). */
static MutationMessage *put_path(const char *name, char **hostname, const char *path)
{
    MutationMessage *mutation = put_route(name, "b");
    RouteMatchMessage *match = &matches[parts];
    pointsman__v1__route_match__init(match);
    pointsman__v1__path_match__init(&paths[parts]);
    match->path = &paths[parts];
    match->path->value = (char *)path + (*path == '~');
    if (*path == '~')
        match->path->type = POINTSMAN__V1__PATH_MATCH_TYPE__PATH_MATCH_TYPE_REGULAR_EXPRESSION;
    match_lists[parts][0] = match;
    mutation->put_route->rules[0]->n_matches = 1;
    mutation->put_route->rules[0]->matches = match_lists[parts++];
    mutation->put_route->n_hostnames = hostname == NULL ? 0 : 1;
    mutation->put_route->hostnames = hostname;
    return mutation;
}

/* Its one rule takes the path too. */
static void add_match(MutationMessage *mutation, const char *path)
{
    MutationMessage *other = put_path("other", NULL, path);
    RouteRuleMessage *rule = mutation->put_route->rules[0];
    rule->matches[rule->n_matches++] = other->put_route->rules[0]->matches[0];
}

/* --- warnings -------------------------------------------------------------------------------- */

/* The warnings of lint, each "name field: message\n". Borrowed until the next call. */
static const char *warnings_of(struct services_fixture *fixture,
                               const Pointsman__V1__ApplyRequest *request)
{
    static struct buffer text;
    buffer_reset(&text);
    AnswerMessage *answer = apply(fixture, request);
    for (size_t i = 0; i < answer->n_warnings; i++) {
        const Pointsman__V1__Warning *warning = answer->warnings[i];
        if (strstr(warning->message, "no request reaches") != NULL)
            buffer_printf(&text, "%s %s: %s\n", warning->name, warning->field, warning->message);
    }
    answer_free(answer);
    return buffer_string(&text);
}

static void a_rule_that_asks_for_the_same_as_an_older_one_is_warned_of(void **state)
{
    struct services_fixture *fixture = *state;
    char *host[] = {(char *)"h"}, *other[] = {(char *)"i"};
    apply_ok(fixture, make_apply(put_path("old", host, "/a"), put_backend("b", 1), NULL));

    assert_string_equal(
        warnings_of(fixture, make_apply(put_path("new", host, "/a/"), NULL)),
        "new rules[0]: no request reaches it: rules[0] of route 'old' always wins\n");
    assert_string_equal(warnings_of(fixture, make_apply(put_path("far", other, "/a"), NULL)), "");
    assert_string_equal(warnings_of(fixture, make_apply(put_path("deep", host, "/a/b"), NULL)), "");
}

static void a_dry_run_warns_too_and_changes_nothing(void **state)
{
    struct services_fixture *fixture = *state;
    Pointsman__V1__ApplyRequest *request =
        make_apply(put_path("a", NULL, "/a"), put_path("b", NULL, "/a"), NULL);
    request->dry_run = true;
    const char *expected = "b rules[0]: no request reaches it: rules[0] of route 'a' always wins\n";

    assert_string_equal(warnings_of(fixture, request), expected);
    assert_string_equal(warnings_of(fixture, make_apply(put_path("b", NULL, "/a"), NULL)), "");
}

static void of_several_matches_the_dead_one_is_named(void **state)
{
    struct services_fixture *fixture = *state;
    MutationMessage *mutation = put_path("new", NULL, "/a");
    add_match(mutation, "/b");
    apply_ok(fixture, make_apply(put_path("old", NULL, "/b"), put_backend("b", 1), NULL));

    assert_string_equal(
        warnings_of(fixture, make_apply(mutation, NULL)),
        "new rules[0].matches[1]: no request reaches it: rules[0] of route 'old' always wins\n");
}

static void an_expression_for_every_path_wins_over_prefixes(void **state)
{
    struct services_fixture *fixture = *state;
    char *host[] = {(char *)"h"};
    apply_ok(fixture, make_apply(put_path("every", host, "~/.*"), put_backend("b", 1), NULL));

    assert_string_equal(
        warnings_of(fixture, make_apply(put_path("new", host, "/a"), NULL)),
        "new rules[0]: no request reaches it: rules[0] of route 'every' always wins\n");
}

static void a_new_expression_for_every_path_names_the_older_prefixes(void **state)
{
    struct services_fixture *fixture = *state;
    char *host[] = {(char *)"h"}, *other[] = {(char *)"i"};
    apply_ok(fixture, make_apply(put_path("one", host, "/a"), put_path("two", host, "/b/c"),
                                 put_path("far", other, "/a"), put_backend("b", 1), NULL));

    assert_string_equal(warnings_of(fixture, make_apply(put_path("some", host, "~/b.*"), NULL)),
                        "");
    assert_string_equal(
        warnings_of(fixture, make_apply(put_path("every", host, "~/.*"), NULL)),
        "every rules[0]: always wins over rules[0] of route 'one', which no request reaches\n"
        "every rules[0]: always wins over rules[0] of route 'two', which no request reaches\n");
}

static void a_rule_is_alive_while_one_of_its_hostnames_is(void **state)
{
    struct services_fixture *fixture = *state;
    char *one[] = {(char *)"h"}, *both[] = {(char *)"h", (char *)"i"};
    MutationMessage *mutation = put_path("new", both, "/a");
    mutation->put_route->n_hostnames = 2;
    apply_ok(fixture, make_apply(put_path("old", one, "/a"), put_backend("b", 1), NULL));

    assert_string_equal(warnings_of(fixture, make_apply(mutation, NULL)), "");
    apply_ok(fixture, make_apply(put_path("other", &both[1], "/a"), NULL));
    assert_string_equal(
        warnings_of(fixture, make_apply(mutation, NULL)),
        "new rules[0]: always wins over rules[0] of route 'other', which no request reaches\n");
}

static void an_older_route_that_changes_names_whom_it_shadows(void **state)
{
    struct services_fixture *fixture = *state;
    apply_ok(fixture, make_apply(put_path("old", NULL, "/b"), put_backend("b", 1), NULL));
    apply_ok(fixture, make_apply(put_path("young", NULL, "/a"), NULL));

    assert_string_equal(
        warnings_of(fixture, make_apply(put_path("old", NULL, "/a"), NULL)),
        "old rules[0]: always wins over rules[0] of route 'young', which no request reaches\n");
}

static void what_is_gone_or_has_changed_shadows_nothing(void **state)
{
    struct services_fixture *fixture = *state;
    apply_ok(fixture, make_apply(put_path("one", NULL, "/a"), put_path("two", NULL, "/b"),
                                 put_backend("b", 1), NULL));
    apply_ok(fixture, make_apply(delete_route("one"), put_path("two", NULL, "/c"), NULL));

    assert_string_equal(warnings_of(fixture, make_apply(put_path("x", NULL, "/a"),
                                                        put_path("y", NULL, "/b"), NULL)),
                        "");
}

static void routes_of_an_earlier_run_are_known(void **state)
{
    struct services_fixture *fixture = *state;
    apply_ok(fixture, make_apply(put_path("old", NULL, "/a"), put_backend("b", 1), NULL));
    services_fixture_restart(fixture);
    while (!shadow_index_is_filled(fixture->services.shadows))
        event_loop_run_once(fixture->loop, 10);

    assert_string_equal(
        warnings_of(fixture, make_apply(put_path("new", NULL, "/a"), NULL)),
        "new rules[0]: no request reaches it: rules[0] of route 'old' always wins\n");
}

enum { ALIKE = 500 };

/* However many there are, an answer stays short. */
static void of_many_alike_a_hundred_are_named_and_the_rest_counted(void **state)
{
    struct services_fixture *fixture = *state;
    static RouteMessage routes[ALIKE];
    static MutationMessage mutations[ALIKE], *list[ALIKE];
    static char names[ALIKE][16];
    Pointsman__V1__ApplyRequest request = POINTSMAN__V1__APPLY_REQUEST__INIT;
    for (size_t i = 0; i < ALIKE; i++) {
        snprintf(names[i], sizeof(names[i]), "r%03zu", i);
        pointsman__v1__route__init(&routes[i]);
        pointsman__v1__mutation__init(&mutations[i]);
        routes[i].name = names[i];
        mutations[i].operation_case = POINTSMAN__V1__MUTATION__OPERATION_PUT_ROUTE;
        mutations[i].put_route = &routes[i];
        list[i] = &mutations[i];
    }
    request.n_mutations = ALIKE;
    request.mutations = list;

    AnswerMessage *answer = apply(fixture, &request);

    char rest[80];
    snprintf(rest, sizeof(rest), "%d more warnings of rules that no request reaches are not shown",
             ALIKE - 1 - 100);
    assert_int_equal(answer->n_warnings, 101);
    assert_string_equal(answer->warnings[100]->message, rest);
    answer_free(answer);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, services_fixture_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_rule_that_asks_for_the_same_as_an_older_one_is_warned_of),
        TEST(a_dry_run_warns_too_and_changes_nothing),
        TEST(of_several_matches_the_dead_one_is_named),
        TEST(an_expression_for_every_path_wins_over_prefixes),
        TEST(a_new_expression_for_every_path_names_the_older_prefixes),
        TEST(a_rule_is_alive_while_one_of_its_hostnames_is),
        TEST(an_older_route_that_changes_names_whom_it_shadows),
        TEST(what_is_gone_or_has_changed_shadows_nothing),
        TEST(routes_of_an_earlier_run_are_known),
        TEST(of_many_alike_a_hundred_are_named_and_the_rest_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
