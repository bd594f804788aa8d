/* Random tables, under random changes, against the reference matcher. The seed is printed with a
 * difference and taken back in POINTSMAN_TEST_SEED; POINTSMAN_TEST_ROUNDS makes a run longer. */
#include "common/buffer.h"
#include "proxy/routing/route_explain.h"
#include "proxy/routing/route_table.h"
#include "tests/unit/cmocka_all.h"
#include "tests/unit/proxy/routing/reference_matcher.h"
#include "tests/unit/proxy/routing/route_text.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_ROUTES = 120, HELD_TABLES = 3 };

/* --- choices -------------------------------------------------------------------------------- */

static uint64_t random_state;

static unsigned choose(unsigned below)
{
    random_state = random_state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (unsigned)(random_state >> 33) % below;
}

static bool once_in(unsigned times)
{
    return choose(times) == 0;
}

static const char *one_of(const char *const *words, unsigned count)
{
    return words[choose(count)];
}

#define ONE_OF(words) one_of((words), sizeof(words) / sizeof((words)[0]))

/* A crowded world has few paths and hosts, so that many matches share one. */
struct world {
    bool is_crowded;
};

static const char *const hostnames[] = {"x",   "a.x",   "b.x",     "a.b.x",
                                        "*.x", "*.b.x", "*.a.b.x", "c.a.b.x"};
static const char *const request_hosts[] = {"x",       "a.x",       "b.x", "a.b.x",
                                            "c.a.b.x", "d.c.a.b.x", "y"};
static const char *const paths[] = {"/",    "/a",     "/a/",     "/b",  "/a/b",
                                    "/a/c", "/a/b/c", "/a/b/c/", "/ab", "/a/b/c/d/e"};
static const char *const request_paths[] = {"/",        "/a",     "/a/",    "/ab",        "/a/b",
                                            "/a/b/",    "/a/c",   "/a/b/c", "/a/b/c/",    "/a//b",
                                            "/a/b/c/d", "/b/c/d", "/c",     "/a/b/c/d/e", "*"};
static const char *const expressions[] = {"/a.*", "/[a-z]+", "/a/(b|c)", "/.*", "/a/b/c+", "/..?"};
static const char *const methods[] = {"GET", "PUT", "POST"};
static const char *const header_names[] = {"one", "One", "two", "three", "four", "five"};
static const char *const values[] = {"1", "2", "3", "a,b", "1,-2"};
static const char *const value_expressions[] = {"[0-9]", "1|2", ".*", "1,.2", "[^0-9]+"};
static const char *const query_names[] = {"p", "q", "r", "s"};
static const char *const queries[] = {
    "",        "p=1", "p=2&q=1",     "q=1&p=1&q=2", "%70=1",          "r=a%2cb",
    "s=1&r=3", "p=+", "p&q=%31&s=3", "q=3&&r=2",    "p=1&q=1&r=1&s=1"};

/* --- routes and requests -------------------------------------------------------------------- */

static void write_match(struct buffer *text, const struct world *world)
{
    if (world->is_crowded)
        buffer_append_string(text, once_in(4) ? " prefix:/a" : " prefix:/");
    else if (once_in(6))
        buffer_printf(text, " regex:%s", ONE_OF(expressions));
    else if (!once_in(8))
        buffer_printf(text, " %s:%s", once_in(3) ? "exact" : "prefix", ONE_OF(paths));

    if (once_in(4))
        buffer_printf(text, " method:%s", ONE_OF(methods));
    for (unsigned i = world->is_crowded ? choose(4) : choose(6) / 4; i > 0; i--) {
        if (once_in(4))
            buffer_printf(text, " header~%s=%s", ONE_OF(header_names), ONE_OF(value_expressions));
        else
            buffer_printf(text, " header:%s=%s", ONE_OF(header_names), ONE_OF(values));
    }
    for (unsigned i = choose(6) / 4; i > 0; i--) {
        if (once_in(4))
            buffer_printf(text, " query~%s=%s", ONE_OF(query_names), ONE_OF(value_expressions));
        else
            buffer_printf(text, " query:%s=%s", ONE_OF(query_names), ONE_OF(values));
    }
}

static RouteMessage *random_route(const struct world *world, unsigned name)
{
    struct buffer text = BUFFER_EMPTY;
    buffer_printf(&text, "%s%u @%u.%u", name % 3 == 0 ? "ns/r" : "r", name, choose(5), choose(3));
    if (!world->is_crowded && !once_in(4)) {
        buffer_printf(&text, " host=%s", ONE_OF(hostnames));
        for (unsigned i = choose(3); i > 0; i--)
            buffer_printf(&text, ",%s", ONE_OF(hostnames));
    }
    if (once_in(8))
        buffer_append_string(&text, once_in(2) ? " on=web" : " on=other on=:81");

    buffer_append_string(&text, " :");
    for (unsigned rules = 1 + choose(3); rules > 0; rules--) {
        write_match(&text, world);
        while (once_in(3)) {
            buffer_append_string(&text, " | ");
            write_match(&text, world);
        }
        if (rules > 1)
            buffer_append_string(&text, "; ");
    }
    RouteMessage *message = route_text_parse(buffer_string(&text));
    buffer_clear(&text);
    return message;
}

static void random_request(const struct world *world, struct buffer *text)
{
    buffer_reset(text);
    buffer_printf(text, "%s %s%s", ONE_OF(methods), ONE_OF(request_hosts),
                  world->is_crowded ? (once_in(2) ? "/" : "/a/b") : ONE_OF(request_paths));
    if (once_in(2))
        buffer_printf(text, "?%s", ONE_OF(queries));
    const char *separator = " ";
    for (unsigned i = choose(world->is_crowded ? 8 : 4); i > 0; i--) {
        buffer_printf(text, "%s%s: %s", separator, ONE_OF(header_names), ONE_OF(values));
        separator = " | ";
    }
}

/* --- the table and what should be in it ----------------------------------------------------- */

struct held_table {
    struct route_table *table;
    RouteMessage *messages[MAX_ROUTES];
    size_t count;
};

/* Messages are never freed before the round ends, so that older tables can be compared too. */
struct round {
    struct world world;
    struct route_table_builder *builder;
    struct route *routes[MAX_ROUTES]; /* by name; NULL: not there */
    RouteMessage *messages[MAX_ROUTES];
    RouteMessage **garbage;
    size_t garbage_count;
    struct held_table held[HELD_TABLES];
};

static void change(struct round *round)
{
    unsigned name = choose(round->world.is_crowded ? MAX_ROUTES : MAX_ROUTES / 2);
    if (round->routes[name] != NULL) {
        route_table_builder_remove(round->builder, round->routes[name]);
        round->routes[name] = NULL;
        round->messages[name] = NULL;
        if (once_in(2))
            return;
    }
    RouteMessage *message = random_route(&round->world, name);
    round->garbage =
        memory_reallocate(round->garbage, (round->garbage_count + 1) * sizeof(message));
    round->garbage[round->garbage_count++] = message;
    round->messages[name] = message;
    round->routes[name] = route_text_compile_message(message, false);
    route_table_builder_add(round->builder, round->routes[name]);
}

static void hold(struct round *round, struct held_table *held)
{
    route_table_release(&held->table);
    held->table = route_table_builder_publish(round->builder, 1, 0);
    held->count = 0;
    for (size_t i = 0; i < MAX_ROUTES; i++) {
        if (round->messages[i] != NULL)
            held->messages[held->count++] = round->messages[i];
    }
}

/* The winner is the one that was found, and nothing in front of it holds. Routes are given in any
 * order. */
static void compare_explanation(const struct held_table *held, const struct request_head *head,
                                const struct rule *rule, const char *text, uint64_t seed)
{
    struct error err = {0};
    struct route_explain *explain = route_explain_new(head, once_in(2));
    for (size_t i = held->count; i > 0; i--)
        route_explain_add(explain, route_text_compile_message(held->messages[i - 1], false));
    const struct route_explanation *explanation = route_explain_finish(explain, &err);
    if (explanation == NULL)
        fail_msg("POINTSMAN_TEST_SEED=%" PRIu64 ": '%s': %s", seed, text, err.message);
    const struct route_match *winner = explanation->winner.match;
    bool is_same = winner == NULL || rule == NULL
                       ? winner == NULL && rule == NULL
                       : winner->rule->index == rule->index &&
                             slice_equals(rule_route_name(winner->rule), rule_route_name(rule));
    if (!is_same)
        fail_msg("POINTSMAN_TEST_SEED=%" PRIu64 ": '%s' is explained by another rule", seed, text);
    for (size_t i = 0; i < explanation->considered.count; i++) {
        if (explanation->considered.items[i].verdict == MATCH_HOLDS)
            fail_msg("POINTSMAN_TEST_SEED=%" PRIu64 ": '%s' has a winner before its winner", seed,
                     text);
    }
    route_explain_free(explain);
}

static void compare(const struct held_table *held, const char *text, uint64_t seed)
{
    static const struct listener_identity listeners[] = {
        {SLICE("web"), 80}, {SLICE("other"), 81}, {SLICE("third"), 82}};
    struct request_text request;
    request_text_init(&request, text);
    request.head.listener = &listeners[choose(3)];

    const struct rule *rule = route_table_find(held->table, &request.head);
    struct reference_answer answer = reference_find(held->messages, held->count, &request.head);

    bool is_same =
        rule == NULL || answer.route == NULL
            ? rule == NULL && answer.route == NULL
            : slice_equals(rule_route_name(rule), slice_from_string(answer.route->name)) &&
                  rule->index == answer.rule_index;
    if (!is_same) {
        struct slice name = rule == NULL ? SLICE("none") : rule_route_name(rule);
        fail_msg("POINTSMAN_TEST_SEED=%" PRIu64 ": '%s' goes to %.*s.%u, should go to %s.%zu", seed,
                 text, (int)name.length, name.at, rule == NULL ? 0 : rule->index,
                 answer.route == NULL ? "none" : answer.route->name, answer.rule_index);
    }
    if (once_in(4))
        compare_explanation(held, &request.head, rule, text, seed);
    request_text_clear(&request);
}

static void run_round(uint64_t seed)
{
    random_state = seed;
    struct round round = {.builder = route_table_builder_new()};
    struct buffer text = BUFFER_EMPTY;
    round.world.is_crowded = once_in(2);

    for (int turn = 0; turn < 40; turn++) {
        for (unsigned changes = 1 + choose(turn < 5 ? 30 : 4); changes > 0; changes--)
            change(&round);
        hold(&round, &round.held[choose(HELD_TABLES)]);
        for (int i = 0; i < 12; i++) {
            const struct held_table *held = &round.held[choose(HELD_TABLES)];
            random_request(&round.world, &text);
            if (held->table != NULL)
                compare(held, buffer_string(&text), seed);
        }
    }

    for (size_t i = 0; i < HELD_TABLES; i++)
        route_table_release(&round.held[i].table);
    for (size_t i = 0; i < MAX_ROUTES; i++) {
        if (round.routes[i] != NULL)
            route_table_builder_remove(round.builder, round.routes[i]);
    }
    route_table_builder_collect(round.builder);
    assert_int_equal(route_table_builder_index_bytes(round.builder), 0);
    route_table_builder_free(round.builder);
    for (size_t i = 0; i < round.garbage_count; i++)
        route_text_free(round.garbage[i]);
    free(round.garbage);
    buffer_clear(&text);
}

static uint64_t number_from_environment(const char *name, uint64_t otherwise)
{
    const char *value = getenv(name);
    return value == NULL ? otherwise : strtoull(value, NULL, 10);
}

static void the_table_agrees_with_the_reference_under_changes(void **state)
{
    (void)state;
    uint64_t seed = number_from_environment("POINTSMAN_TEST_SEED", 1);
    uint64_t rounds = number_from_environment("POINTSMAN_TEST_ROUNDS", 60);

    for (uint64_t i = 0; i < rounds; i++)
        run_round(seed + i);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_table_agrees_with_the_reference_under_changes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
