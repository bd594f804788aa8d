/* What is read for an explanation says the same as reading everything would. */
#include "common/event_loop.h"
#include "control/explain_reading.h"
#include "control/shadow_index.h"
#include "proxy/routing/explain_report.h"
#include "tests/support/number_from_environment.h"
#include "tests/unit/cmocka_all.h"
#include "tests/unit/control/services_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- routes --------------------------------------------------------------------------------- */

/* A route of one rule for everything, and when it is a candidate, the mutation. */
struct small_route {
    char name[16];
    char *hostnames[1];
    RouteRuleMessage rule, *rules[1];
    RouteMessage route;
    MutationMessage mutation;
};

/* `hostname` is NULL for every host. */
static void small_route_fill(struct small_route *small, unsigned number, const char *hostname)
{
    snprintf(small->name, sizeof(small->name), "r%u", number);
    pointsman__v1__route_rule__init(&small->rule);
    pointsman__v1__route__init(&small->route);
    pointsman__v1__mutation__init(&small->mutation);
    small->rules[0] = &small->rule;
    small->hostnames[0] = (char *)hostname;
    small->route.name = small->name;
    small->route.rules = small->rules;
    small->route.n_rules = 1;
    small->route.hostnames = small->hostnames;
    small->route.n_hostnames = hostname != NULL;
    small->mutation.operation_case = POINTSMAN__V1__MUTATION__OPERATION_PUT_ROUTE;
    small->mutation.put_route = &small->route;
}

static void small_route_delete(struct small_route *small, unsigned number)
{
    small_route_fill(small, number, NULL);
    small->mutation.operation_case = POINTSMAN__V1__MUTATION__OPERATION_DELETE_ROUTE;
    small->mutation.delete_route = small->name;
}

static uint64_t commit(struct services_fixture *fixture, struct small_route *small)
{
    return apply_ok(fixture, make_apply(&small->mutation, NULL));
}

static uint64_t put(struct services_fixture *fixture, unsigned number, const char *hostname)
{
    struct small_route small;
    small_route_fill(&small, number, hostname);
    return commit(fixture, &small);
}

static uint64_t delete (struct services_fixture *fixture, unsigned number)
{
    struct small_route small;
    small_route_delete(&small, number);
    return commit(fixture, &small);
}

/* --- reading -------------------------------------------------------------------------------- */

struct question {
    const char *host;
    bool with_all;
    uint64_t revision;
    MutationMessage **mutations; /* candidates */
    size_t mutation_count;
    bool reads_all; /* instead of what it would choose to read */
    bool in_pieces; /* as small as they may be */
};

/* What was found out. */
struct outcome {
    char *text;
    uint64_t read_count;
    size_t piece_count;
};

static void append_list(struct buffer *text, const struct considered_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        buffer_append_char(text, ' ');
        buffer_append_slice(text, rule_route_id(list->items[i].match->rule));
        buffer_append_char(text, ':');
        buffer_append_slice(text, list->items[i].hostname);
    }
}

static char *describe(const struct route_explanation *explanation)
{
    struct buffer text = BUFFER_EMPTY;
    append_list(&text, &explanation->considered);
    buffer_append_string(&text, "; ");
    if (explanation->winner.match != NULL) {
        const struct rule *rule = explanation->winner.match->rule;
        buffer_append_slice(&text, rule_route_id(rule));
    }
    append_list(&text, &explanation->behind);
    buffer_printf(&text, "; %zu left out, %zu elsewhere", explanation->left_out,
                  explanation->other_host_count);
    char *copy = strdup(buffer_string(&text));
    buffer_clear(&text);
    return copy;
}

static struct outcome ask(struct services_fixture *fixture, const struct question *question)
{
    struct request_head head = {
        .method = SLICE("GET"), .host = slice_from_string(question->host), .path = SLICE("/")};
    struct explain_candidates candidates;
    struct violations violations = {0};
    struct error err = {0};
    struct explain_reading reading;
    struct outcome outcome = {0};
    explain_candidates_read(&candidates, question->mutations, question->mutation_count,
                            &violations);
    assert_int_equal(violations.count, 0);
    struct route_explain *explain = route_explain_new(&head, question->with_all);
    assert_true(explain_reading_init(&reading, fixture->services.store, fixture->services.shadows,
                                     &head, &candidates, explain, question->revision, &err));
    if (question->reads_all)
        reading.step = READING_ALL;
    while (reading.step != READING_DONE) {
        assert_true(explain_reading_go_on(&reading, question->in_pieces ? 0 : UINT64_MAX, &err));
        outcome.piece_count++;
    }
    const struct route_explanation *explanation = route_explain_finish(explain, &err);
    assert_string_equal(err.message, "");
    outcome.text = describe(explanation);
    outcome.read_count = reading.read_count;
    explain_reading_clear(&reading);
    route_explain_free(explain);
    explain_candidates_clear(&candidates);
    violations_clear(&violations);
    return outcome;
}

/* Asks, and expects the text; the number of routes that were read for it. */
static uint64_t reads_for(struct services_fixture *fixture, const char *host, uint64_t revision,
                          const char *expected)
{
    const struct question question = {.host = host, .revision = revision};
    struct outcome outcome = ask(fixture, &question);
    assert_string_equal(outcome.text, expected);
    free(outcome.text);
    return outcome.read_count;
}

/* --- tests ---------------------------------------------------------------------------------- */

static void put_others(struct services_fixture *fixture, unsigned first, unsigned count,
                       const char *hostname)
{
    for (unsigned i = first; i < first + count; i++)
        put(fixture, i, hostname);
}

static void of_the_past_only_routes_of_the_host_are_read(void **state)
{
    struct services_fixture *fixture = *state;
    put(fixture, 1, "a.internal");
    put(fixture, 2, "*.internal");
    put_others(fixture, 10, 20, "other.internal");
    uint64_t then = put(fixture, 3, "b.internal");
    put(fixture, 4, "a.internal");
    put(fixture, 10, "c.internal");

    assert_int_equal(reads_for(fixture, "a.internal", then, "; r1; 1 left out, 21 elsewhere"), 3);
    assert_int_equal(reads_for(fixture, "b.internal", then, "; r3; 1 left out, 21 elsewhere"), 2);
    assert_int_equal(reads_for(fixture, "d.internal", then, "; r2; 0 left out, 22 elsewhere"), 1);
}

static void what_has_moved_or_gone_since_is_found_where_it_was(void **state)
{
    struct services_fixture *fixture = *state;
    put(fixture, 1, "a.internal");
    put(fixture, 2, "a.internal");
    put_others(fixture, 10, 20, "other.internal");
    uint64_t then = put(fixture, 3, "b.internal");
    put(fixture, 1, "b.internal");
    delete (fixture, 2);
    put(fixture, 1, "c.internal");
    put(fixture, 2, "c.internal");

    assert_int_equal(reads_for(fixture, "a.internal", then, "; r1; 1 left out, 21 elsewhere"), 2);
    /* r1 had come and gone by now, and was not there yet. */
    assert_int_equal(reads_for(fixture, "b.internal", then, "; r3; 0 left out, 22 elsewhere"), 2);
    assert_int_equal(reads_for(fixture, "c.internal", then, "; ; 0 left out, 23 elsewhere"), 2);
}

static void where_more_has_changed_than_there_is_all_is_read(void **state)
{
    struct services_fixture *fixture = *state;
    uint64_t then = put(fixture, 1, "a.internal");
    put(fixture, 2, "b.internal");
    for (unsigned i = 0; i < 20; i++)
        put(fixture, 1, i % 2 == 0 ? "b.internal" : "a.internal");

    assert_int_equal(reads_for(fixture, "a.internal", then, "; r1; 0 left out, 0 elsewhere"), 1);
    assert_int_equal(reads_for(fixture, "b.internal", then, "; ; 0 left out, 1 elsewhere"), 1);
}

static void with_all_no_more_is_read_than_is_shown(void **state)
{
    struct services_fixture *fixture = *state;
    static struct small_route others[3 * EXPLAIN_ALL_MAX];
    static MutationMessage *mutations[3 * EXPLAIN_ALL_MAX];
    Pointsman__V1__ApplyRequest apply = POINTSMAN__V1__APPLY_REQUEST__INIT;
    apply.mutations = mutations;
    apply.n_mutations = sizeof(others) / sizeof(others[0]);
    for (unsigned i = 0; i < apply.n_mutations; i++) {
        small_route_fill(&others[i], i, i == 5999 ? "a.internal" : "other.internal");
        mutations[i] = &others[i].mutation;
    }
    const struct question question = {
        .host = "a.internal", .with_all = true, .revision = apply_ok(fixture, &apply)};
    struct question all = question;
    all.reads_all = true;

    struct outcome outcome = ask(fixture, &question);
    struct outcome of_all = ask(fixture, &all);

    assert_string_equal(outcome.text, of_all.text);
    assert_int_equal(of_all.read_count, apply.n_mutations);
    assert_int_equal(outcome.read_count, EXPLAIN_ALL_MAX + 1);
    free(outcome.text);
    free(of_all.text);
}

static void a_piece_may_be_as_small_as_one_thing(void **state)
{
    struct services_fixture *fixture = *state;
    put_others(fixture, 1, 10, "other.internal");
    uint64_t then = put(fixture, 20, "a.internal");
    put_others(fixture, 1, 10, "another.internal");
    struct question question = {.host = "a.internal", .revision = then, .in_pieces = true};

    struct outcome outcome = ask(fixture, &question);
    question.reads_all = true;
    struct outcome of_all = ask(fixture, &question);

    assert_string_equal(outcome.text, of_all.text);
    assert_in_range(outcome.piece_count, 10 + 1, 10 + 1 + 5); /* changes, routes, steps */
    assert_in_range(of_all.piece_count, 11, 11 + 5);
    free(outcome.text);
    free(of_all.text);
}

/* --- at random ------------------------------------------------------------------------------ */

enum { ROUTES = 12, STEPS = 120, QUESTIONS = 400 };

static const char *const hostnames[] = {"a.b", "*.b", "c.a.b", "d", "*.d", "e", NULL};
static const char *const hosts[] = {"a.b", "x.b", "c.a.b", "d", "y.d", "e", "z"};

static unsigned below(unsigned *random, unsigned limit)
{
    return (unsigned)rand_r(random) % limit;
}

static void change_randomly(struct small_route *small, unsigned *random)
{
    unsigned number = below(random, ROUTES);
    if (below(random, 4) == 0)
        small_route_delete(small, number);
    else
        small_route_fill(small, number, hostnames[below(random, 7)]);
}

static void ask_randomly(struct services_fixture *fixture, unsigned *random, uint64_t head)
{
    struct small_route small;
    MutationMessage *mutations[] = {&small.mutation};
    change_randomly(&small, random);
    struct question question = {
        .host = hosts[below(random, 7)],
        .with_all = below(random, 2) == 0,
        .in_pieces = below(random, 2) == 0,
        .revision = head - below(random, ROUTES),
        .mutations = mutations,
        .mutation_count = below(random, 2),
    };
    if (below(random, 3) == 0)
        question.revision = head;
    struct outcome outcome = ask(fixture, &question);
    question.reads_all = true;
    struct outcome of_all = ask(fixture, &question);
    if (strcmp(outcome.text, of_all.text) != 0)
        fail_msg("%s at %llu: '%s', and if all is read '%s'", question.host,
                 (unsigned long long)question.revision, outcome.text, of_all.text);
    free(outcome.text);
    free(of_all.text);
}

static void what_is_read_says_what_everything_says(void **state)
{
    struct services_fixture *fixture = *state;
    bool is_there[ROUTES];
    unsigned random = (unsigned)number_from_environment("POINTSMAN_TEST_SEED", 1);
    uint64_t head = 0;
    for (unsigned i = 0; i < ROUTES; i++) {
        head = put(fixture, i, hostnames[i % 7]);
        is_there[i] = true;
    }
    for (unsigned i = 0; i < STEPS; i++) {
        struct small_route small;
        Pointsman__V1__ApplyRequest apply = POINTSMAN__V1__APPLY_REQUEST__INIT;
        MutationMessage *mutations[] = {&small.mutation};
        unsigned number = below(&random, ROUTES);
        bool is_put = !is_there[number] || below(&random, 4) > 0;
        if (is_put)
            small_route_fill(&small, number, hostnames[below(&random, 7)]);
        else
            small_route_delete(&small, number);
        is_there[number] = is_put;
        apply.mutations = mutations;
        apply.n_mutations = 1;
        head = apply_ok(fixture, &apply);
        for (unsigned j = 0; j < QUESTIONS / STEPS; j++)
            ask_randomly(fixture, &random, head);
    }
}

#define TEST(name)                                                                                 \
    cmocka_unit_test_setup_teardown(name, services_fixture_set_up, services_fixture_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(of_the_past_only_routes_of_the_host_are_read),
        TEST(what_has_moved_or_gone_since_is_found_where_it_was),
        TEST(where_more_has_changed_than_there_is_all_is_read),
        TEST(with_all_no_more_is_read_than_is_shown),
        TEST(a_piece_may_be_as_small_as_one_thing),
        TEST(what_is_read_says_what_everything_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
