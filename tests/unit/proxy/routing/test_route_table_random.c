/* Random routes under random changes, as a feed sends them, against the reference matcher.
 *
 * A difference is printed with the seed of its round: POINTSMAN_TEST_SEED takes it back, and
 * POINTSMAN_TEST_ROUNDS says how many rounds follow it (1,536 comparisons each):
 *
 *   POINTSMAN_TEST_SEED=1000 POINTSMAN_TEST_ROUNDS=6600
 * build/dev/bin/test_proxy_routing_route_table_random
 *
 * makes ten million. */
#include "common/buffer.h"
#include "proto/message.h"
#include "proto/object_digest.h"
#include "proto/route_id.h"
#include "proxy/routing/route_explain.h"
#include "proxy/routing/route_replica.h"
#include "proxy/routing/route_table.h"
#include "proxy/upstream/endpoint_registry.h"
#include "tests/support/number_from_environment.h"
#include "tests/unit/cmocka_all.h"
#include "tests/unit/proxy/routing/random_routes.h"
#include "tests/unit/proxy/routing/reference_matcher.h"
#include "tests/unit/proxy/routing/route_text.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TURNS = 48, REQUESTS_PER_TURN = 32, HELD_TABLES = 3, ROUNDS = 135 };

/* How often a comparison was of a kind, so that none goes missing unseen. */
struct tally {
    uint64_t comparisons;
    uint64_t none;
    uint64_t decided[REFERENCE_CRITERIA];
    uint64_t traits[REFERENCE_TRAITS];
};

/* --- the table and what should be in it ----------------------------------------------------- */

struct held_table {
    struct route_table *table;
    RouteMessage *messages[WORLD_MAX_ROUTES];
    size_t count;
};

/* Messages are never freed before the round ends, so that older tables can be compared too. */
struct round {
    uint64_t seed;
    enum world_kind world;
    struct endpoint_registry *endpoints;
    struct route_replica *replica;
    uint64_t revision;
    uint64_t digest;
    RouteMessage *messages[WORLD_MAX_ROUTES]; /* by number; NULL: not there */
    RouteMessage **garbage;
    size_t garbage_count;
    struct held_table held[HELD_TABLES];
    struct tally *tally;
};

/* Good until the next call. */
static struct slice id_of(const RouteMessage *message)
{
    static char id[64];
    snprintf(id, sizeof(id), "%s%s", route_id_start(message->kind), message->name);
    return slice_from_string(id);
}

static uint64_t stage(struct round *round, const RouteMessage *message, bool deleted)
{
    struct buffer bytes = BUFFER_EMPTY;
    struct slice id = id_of(message);
    message_pack(&message->base, &bytes);
    route_replica_stage(round->replica, POINTSMAN__V1__OBJECT_KIND__OBJECT_KIND_ROUTE, id, deleted,
                        buffer_slice(&bytes));
    uint64_t digest =
        object_digest(POINTSMAN__V1__OBJECT_KIND__OBJECT_KIND_ROUTE, id, buffer_slice(&bytes));
    buffer_clear(&bytes);
    return digest;
}

static void unstage_digest(struct round *round, const RouteMessage *message)
{
    struct buffer bytes = BUFFER_EMPTY;
    message_pack(&message->base, &bytes);
    round->digest -= object_digest(POINTSMAN__V1__OBJECT_KIND__OBJECT_KIND_ROUTE, id_of(message),
                                   buffer_slice(&bytes));
    buffer_clear(&bytes);
}

static RouteMessage *new_message(struct round *round, unsigned number)
{
    RouteMessage *message = random_route(round->world, number);
    round->garbage =
        memory_reallocate(round->garbage, (round->garbage_count + 1) * sizeof(message));
    round->garbage[round->garbage_count++] = message;
    return message;
}

/* Adds, replaces or removes one route. */
static void change(struct round *round)
{
    unsigned number = random_below(world_route_count(round->world));
    RouteMessage *old = round->messages[number];
    if (old != NULL)
        unstage_digest(round, old);
    if (old != NULL && random_once_in(2)) {
        stage(round, old, true);
        round->messages[number] = NULL;
        return;
    }
    round->messages[number] = new_message(round, number);
    round->digest += stage(round, round->messages[number], false);
}

static void on_problem(void *context, Pointsman__V1__ObjectKind kind, const char *name,
                       const char *field, const char *message)
{
    const struct round *round = context;
    (void)kind;
    fail_msg("POINTSMAN_TEST_SEED=%" PRIu64 ": %s: %s %s", round->seed, name, field, message);
}

/* An update of some changes, now and then a snapshot of everything; the new table takes the place
 * of one that was held. */
static void update(struct round *round, unsigned changes)
{
    struct error err = {0};
    struct held_table *held = &round->held[random_below(HELD_TABLES)];
    bool is_snapshot = random_once_in(12);
    assert_true(route_replica_begin(round->replica, is_snapshot, round->revision, &err));
    for (; changes > 0; changes--)
        change(round);
    for (size_t i = 0; is_snapshot && i < WORLD_MAX_ROUTES; i++) {
        if (round->messages[i] != NULL)
            stage(round, round->messages[i], false);
    }

    struct route_table *table = NULL;
    if (!route_replica_commit(round->replica, "epoch-1", ++round->revision, round->digest, false,
                              on_problem, round, &table, &err))
        fail_msg("POINTSMAN_TEST_SEED=%" PRIu64 ": %s", round->seed, err.message);
    route_table_release(&held->table);
    held->table = table;
    held->count = 0;
    for (size_t i = 0; i < WORLD_MAX_ROUTES; i++) {
        if (round->messages[i] != NULL)
            held->messages[held->count++] = round->messages[i];
    }
}

/* --- comparing ------------------------------------------------------------------------------ */

/* The winner is the one that was found, and nothing in front of it holds. Routes are given in any
 * order. */
static void compare_explanation(const struct round *round, const struct held_table *held,
                                const struct request_head *head, const struct rule *rule,
                                const char *text)
{
    struct error err = {0};
    struct route_explain *explain = route_explain_new(head, random_once_in(2));
    for (size_t i = held->count; i > 0; i--)
        route_explain_add(explain, route_text_compile_message(held->messages[i - 1], false));
    const struct route_explanation *explanation = route_explain_finish(explain, &err);
    if (explanation == NULL)
        fail_msg("POINTSMAN_TEST_SEED=%" PRIu64 ": '%s': %s", round->seed, text, err.message);
    const struct route_match *winner = explanation->winner.match;
    bool is_same = winner == NULL || rule == NULL
                       ? winner == NULL && rule == NULL
                       : winner->rule->index == rule->index &&
                             slice_equals(rule_route_id(winner->rule), rule_route_id(rule));
    if (!is_same)
        fail_msg("POINTSMAN_TEST_SEED=%" PRIu64 ": '%s' is explained by another rule", round->seed,
                 text);
    for (size_t i = 0; i < explanation->considered.count; i++) {
        if (explanation->considered.items[i].verdict == MATCH_HOLDS)
            fail_msg("POINTSMAN_TEST_SEED=%" PRIu64 ": '%s' has a winner before its winner",
                     round->seed, text);
    }
    route_explain_free(explain);
}

static void count(struct tally *tally, const struct reference_answer *answer)
{
    tally->comparisons++;
    if (answer->route == NULL) {
        tally->none++;
        return;
    }
    tally->decided[answer->decided_by]++;
    for (size_t i = 0; i < REFERENCE_TRAITS; i++)
        tally->traits[i] += answer->traits >> i & 1;
}

static void compare(struct round *round, const struct held_table *held, const char *text)
{
    struct request_text request;
    request_text_init(&request, text);
    request.head.listener = random_listener();

    const struct rule *rule = route_table_find(held->table, &request.head);
    struct reference_answer answer = reference_find(held->messages, held->count, &request.head);

    bool is_same = rule == NULL || answer.route == NULL
                       ? rule == NULL && answer.route == NULL
                       : slice_equals(rule_route_id(rule), id_of(answer.route)) &&
                             rule->index == answer.rule_index;
    if (!is_same) {
        struct slice id = rule == NULL ? SLICE("none") : rule_route_id(rule);
        fail_msg("POINTSMAN_TEST_SEED=%" PRIu64 ": '%s' on %.*s goes to %.*s.%u, not to %s.%zu",
                 round->seed, text, (int)request.head.listener->name.length,
                 request.head.listener->name.at, (int)id.length, id.at,
                 rule == NULL ? 0U : rule->index,
                 answer.route == NULL ? "none" : id_of(answer.route).at, answer.rule_index);
    }
    if (random_once_in(64))
        compare_explanation(round, held, &request.head, rule, text);
    count(round->tally, &answer);
    request_text_clear(&request);
}

static void run_round(uint64_t seed, struct tally *tally)
{
    struct endpoint_registry *endpoints = endpoint_registry_new();
    struct round round = {
        .seed = seed,
        .endpoints = endpoints,
        .replica = route_replica_new(endpoints),
        .tally = tally,
    };
    struct buffer text = BUFFER_EMPTY;
    random_seed(seed);
    round.world = (enum world_kind)random_below(WORLD_KINDS);

    for (int turn = 0; turn < TURNS; turn++) {
        unsigned many = world_route_count(round.world) / 3;
        update(&round, 1 + random_below(turn < 5 ? many : 4));
        for (int i = 0; i < REQUESTS_PER_TURN; i++) {
            const struct held_table *held;
            do
                held = &round.held[random_below(HELD_TABLES)];
            while (held->table == NULL);
            random_request(round.world, &text);
            compare(&round, held, buffer_string(&text));
        }
    }

    for (size_t i = 0; i < HELD_TABLES; i++)
        route_table_release(&round.held[i].table);
    route_replica_free(round.replica);
    endpoint_registry_free(endpoints);
    for (size_t i = 0; i < round.garbage_count; i++)
        route_text_free(round.garbage[i]);
    free(round.garbage);
    buffer_clear(&text);
}

/* --- tests ---------------------------------------------------------------------------------- */

static void print_counts(const char *what, const uint64_t *counts, size_t count)
{
    print_message("%s:", what);
    for (size_t i = 0; i < count; i++)
        print_message(" %" PRIu64, counts[i]);
    print_message("\n");
}

static struct tally tally;

static void the_table_agrees_with_the_reference_under_changes(void **state)
{
    (void)state;
    uint64_t seed = number_from_environment("POINTSMAN_TEST_SEED", 1);
    uint64_t rounds = number_from_environment("POINTSMAN_TEST_ROUNDS", ROUNDS);

    for (uint64_t i = 0; i < rounds; i++)
        run_round(seed + i, &tally);
    print_message("%" PRIu64 " comparisons, %" PRIu64 " with no rule\n", tally.comparisons,
                  tally.none);
    print_counts("criteria", tally.decided, REFERENCE_CRITERIA);
    print_counts("traits", tally.traits, REFERENCE_TRAITS);
}

/* Of what was compared just now: each rule of precedence had the last word, and each feature of a
 * route took part, in one comparison out of ten thousand at least. */
static void every_rule_and_feature_has_decided(void **state)
{
    (void)state;
    uint64_t enough = tally.comparisons / 10000;
    if (tally.comparisons < 100000)
        skip();
    assert_true(tally.none > enough);
    for (size_t i = 0; i < REFERENCE_CRITERIA; i++) {
        if (tally.decided[i] < enough)
            fail_msg("criterion %zu decided only %" PRIu64 " times", i, tally.decided[i]);
    }
    for (size_t i = 0; i < REFERENCE_TRAITS; i++) {
        if (tally.traits[i] < enough)
            fail_msg("trait %zu was seen only %" PRIu64 " times", i, tally.traits[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_table_agrees_with_the_reference_under_changes),
        cmocka_unit_test(every_rule_and_feature_has_decided),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
