#include "control/shadow_lint.h"

#include "control/store.h"
#include "proxy/routing/object_map.h"
#include "proxy/routing/route_shadow.h"
#include "proxy/routing/route_validate.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    ROUTES_MAX = 10000, /* looked at in a commit; the rest of them is only filed */
    WARNINGS_MAX = 100, /* of a commit; the rest of them is counted */
    READS_MAX = 1000,   /* of routes for it */
    CANDIDATES_MAX = 8, /* for one match under one hostname */
    VICTIMS_MAX = 100,  /* routes of a hostname that an expression may win over */
    FIELD_BYTES = 64,
};

struct shadow_lint {
    struct shadow_index *index;
    struct store *store;
    struct route **changed;
    size_t changed_count;
    struct object_map changed_by_name;
    struct object_map others; /* read from the store */
    size_t reads;
    size_t warnings;
    size_t left_out;
    AnswerMessage *answer;
};

/* --- routes --------------------------------------------------------------------------------- */

static struct slice name_of(const void *object)
{
    return route_id(object);
}

struct shadow_lint *shadow_lint_new(struct shadow_index *index, struct store *store)
{
    struct shadow_lint *lint = memory_allocate_zeroed(1, sizeof(*lint));
    lint->index = index;
    lint->store = store;
    object_map_init(&lint->changed_by_name, name_of);
    object_map_init(&lint->others, name_of);
    return lint;
}

static void release_route(void *context, void *object)
{
    (void)context;
    struct route *route = object;
    route_release(&route);
}

void shadow_lint_free(struct shadow_lint *lint)
{
    if (lint == NULL)
        return;
    object_map_clear(&lint->changed_by_name, release_route, NULL);
    object_map_clear(&lint->others, release_route, NULL);
    free(lint->changed);
    free(lint);
}

static uint32_t some_backend(void *context, const char *full_name, uint32_t port)
{
    (void)context;
    (void)full_name;
    (void)port;
    return 0;
}

/* NULL when it cannot be understood. */
static struct route *compile(const RouteMessage *message, struct slice bytes,
                             struct creation created, bool is_valid)
{
    if (!is_valid)
        return route_new_unlinked(bytes);
    RouteMessage dated = *message;
    dated.created_revision = created.revision;
    dated.created_order = created.order;
    return route_new(&dated, bytes, false, some_backend, NULL);
}

void shadow_lint_add(struct shadow_lint *lint, const RouteMessage *message, struct slice bytes,
                     struct creation created, bool is_valid)
{
    struct route *route = compile(message, bytes, created, is_valid);
    if (route == NULL)
        return;
    if (lint->changed_count == ROUTES_MAX ||
        object_map_find(&lint->changed_by_name, route_id(route)) != NULL) {
        shadow_index_add(lint->index, &route, 1);
        route_release(&route);
        return;
    }
    if ((lint->changed_count & (lint->changed_count - 1)) == 0) {
        size_t capacity = lint->changed_count == 0 ? 1 : 2 * lint->changed_count;
        lint->changed = memory_reallocate(lint->changed, capacity * sizeof(lint->changed[0]));
    }
    lint->changed[lint->changed_count++] = route;
    object_map_put(&lint->changed_by_name, route);
}

/* The route as it is with the commit; NULL when there is none, or too many were read. */
static const struct route *find_route(struct shadow_lint *lint, struct slice name)
{
    struct route *route = object_map_find(&lint->changed_by_name, name);
    if (route == NULL)
        route = object_map_find(&lint->others, name);
    if (route != NULL || lint->reads == READS_MAX)
        return route;

    char text[OBJECT_NAME_BYTES];
    struct store_record record = {0};
    struct error err = {0}; /* unheard: what cannot be read is not warned of */
    lint->reads++;
    snprintf(text, sizeof(text), "%.*s", (int)name.length, name.at);
    if (store_get(lint->store, POINTSMAN__V1__OBJECT_KIND__OBJECT_KIND_ROUTE, text, &record, &err))
        route = route_new_unlinked(buffer_slice(&record.bytes));
    store_record_clear(&record);
    if (route != NULL)
        object_map_put(&lint->others, route);
    return route;
}

static bool has_hostname(const struct route *route, struct slice hostname)
{
    for (size_t i = 0; i < route->hostname_count; i++) {
        if (slice_equals(route_hostname(route, i), hostname))
            return true;
    }
    return route->hostname_count == 0 && hostname.length == 0;
}

/* "" for every host, where there are none. */
static size_t count_hostnames(const struct route *route)
{
    return route->hostname_count == 0 ? 1 : route->hostname_count;
}

static struct slice hostname_at(const struct route *route, size_t index)
{
    return route->hostname_count == 0 ? SLICE("") : route_hostname(route, index);
}

/* --- who wins over a match ------------------------------------------------------------------ */

/* A match of the route that shadows this one of another rule, or NULL. */
static const struct route_match *find_in_route(const struct route *route,
                                               const struct route_match *loser)
{
    for (size_t i = 0; i < route->match_count; i++) {
        const struct route_match *match = &route_matches(route)[i];
        if (match->rule != loser->rule && route_match_shadows(match, loser))
            return match;
    }
    return NULL;
}

struct search {
    struct shadow_lint *lint;
    const struct route_match *loser;
    struct slice hostname;
    size_t candidates;
    const struct route_match *winner;
};

static bool try_candidate(void *context, struct slice name)
{
    struct search *search = context;
    const struct route *own = search->loser->rule->route;
    bool is_own = slice_equals(name, route_id(own));
    const struct route *route = is_own ? NULL : find_route(search->lint, name);
    if (route != NULL && has_hostname(route, search->hostname))
        search->winner = find_in_route(route, search->loser);
    return search->winner == NULL && ++search->candidates < CANDIDATES_MAX;
}

static const struct route_match *find_winner(struct shadow_lint *lint,
                                             const struct route_match *loser, struct slice hostname)
{
    struct search search = {.lint = lint, .loser = loser, .hostname = hostname};
    uint64_t keys[SHADOW_KEYS_MAX];
    size_t count = shadow_keys_to_ask(loser, hostname, keys);
    search.winner = find_in_route(loser->rule->route, loser);
    for (size_t i = 0; i < count && search.winner == NULL; i++) {
        search.candidates = 0;
        shadow_index_find(lint->index, keys[i], try_candidate, &search);
    }
    return search.winner;
}

/* The winner under its first hostname, when there is one under each; else NULL. */
static const struct route_match *find_winners(struct shadow_lint *lint,
                                              const struct route_match *loser)
{
    const struct route *route = loser->rule->route;
    const struct route_match *first = NULL;
    for (size_t i = 0; i < count_hostnames(route); i++) {
        const struct route_match *winner = find_winner(lint, loser, hostname_at(route, i));
        if (winner == NULL)
            return NULL;
        first = i == 0 ? winner : first;
    }
    return first;
}

/* --- saying so ------------------------------------------------------------------------------ */

static size_t first_match_of(const struct route *route, const struct rule *rule)
{
    size_t index = 0;
    while (index < route->match_count && route_matches(route)[index].rule != rule)
        index++;
    return index;
}

static void warn(struct shadow_lint *lint, const struct route *route, const char *field,
                 const char *message)
{
    char name[OBJECT_NAME_BYTES];
    if (lint->warnings == WARNINGS_MAX) {
        lint->left_out++;
        return;
    }
    lint->warnings++;
    snprintf(name, sizeof(name), "%.*s", (int)route_id(route).length, route_id(route).at);
    answer_add_warning(lint->answer, POINTSMAN__V1__OBJECT_KIND__OBJECT_KIND_ROUTE, name, field,
                       "%s", message);
}

/* "rules[1] of route 'shop'". Borrowed until the next call. */
static const char *rule_text(const struct rule *rule, const struct route *seen_from)
{
    static char text[OBJECT_NAME_BYTES + FIELD_BYTES];
    const struct route *route = rule->route;
    if (route == seen_from)
        snprintf(text, sizeof(text), "rules[%u] of this route", (unsigned)rule->index);
    else
        snprintf(text, sizeof(text), "rules[%u] of route '%.*s'", (unsigned)rule->index,
                 (int)route_id(route).length, route_id(route).at);
    return text;
}

static void warn_of_dead(struct shadow_lint *lint, const struct route *route,
                         const struct rule *rule, const struct route_match *match,
                         const struct route_match *winner)
{
    char field[FIELD_BYTES];
    char message[OBJECT_NAME_BYTES + 2 * FIELD_BYTES];
    if (match == NULL)
        snprintf(field, sizeof(field), "rules[%u]", (unsigned)rule->index);
    else
        snprintf(field, sizeof(field), "rules[%u].matches[%zu]", (unsigned)rule->index,
                 (size_t)(match - &route_matches(route)[first_match_of(route, rule)]));
    snprintf(message, sizeof(message), "no request reaches it: %s always wins",
             rule_text(winner->rule, route));
    warn(lint, route, field, message);
}

/* Rule by rule: of one without a live match the rule is named, else each dead match. */
static void warn_of_rules(struct shadow_lint *lint, const struct route *route,
                          const struct route_match *const *winners)
{
    for (size_t i = 0; i < route->match_count;) {
        const struct rule *rule = route_matches(route)[i].rule;
        size_t end = i;
        bool is_alive = false;
        for (; end < route->match_count && route_matches(route)[end].rule == rule; end++)
            is_alive = is_alive || winners[end] == NULL;
        if (!is_alive)
            warn_of_dead(lint, route, rule, NULL, winners[i]);
        for (; is_alive && i < end; i++) {
            if (winners[i] != NULL)
                warn_of_dead(lint, route, rule, &route_matches(route)[i], winners[i]);
        }
        i = end;
    }
}

/* --- what it wins over ---------------------------------------------------------------------- */

struct victims {
    struct shadow_lint *lint;
    const struct route_match *winner;
    struct slice hostname;
    size_t candidates_left;
};

/* Under each of its hostnames, by matches of this one route. */
static bool is_shadowed_by(const struct route_match *loser, const struct route *route)
{
    const struct route *own = loser->rule->route;
    for (size_t i = 0; i < count_hostnames(own); i++) {
        if (!has_hostname(route, hostname_at(own, i)))
            return false;
    }
    return find_in_route(route, loser) != NULL;
}

static bool try_victim(void *context, struct slice name)
{
    struct victims *victims = context;
    const struct route_match *winner = victims->winner;
    bool is_own = slice_equals(name, route_id(winner->rule->route));
    const struct route *route = is_own ? NULL : find_route(victims->lint, name);
    /* Under its first hostname alone, or it would be told of for each. */
    bool is_older = route != NULL && slice_equals(hostname_at(route, 0), victims->hostname) &&
                    object_map_find(&victims->lint->changed_by_name, name) == NULL;
    for (size_t i = 0; is_older && i < route->match_count; i++) {
        const struct route_match *loser = &route_matches(route)[i];
        char field[FIELD_BYTES];
        char message[OBJECT_NAME_BYTES + 2 * FIELD_BYTES];
        if (!route_match_shadows(winner, loser) || !is_shadowed_by(loser, winner->rule->route))
            continue;
        snprintf(field, sizeof(field), "rules[%u]", (unsigned)winner->rule->index);
        snprintf(message, sizeof(message), "always wins over %s, which no request reaches",
                 rule_text(loser->rule, NULL));
        warn(victims->lint, winner->rule->route, field, message);
    }
    return --victims->candidates_left > 0;
}

/* An expression may win over any prefix of its hostname; others over what is filed as they are. */
static void warn_of_victims(struct shadow_lint *lint, const struct route_match *winner)
{
    const struct route *route = winner->rule->route;
    uint64_t keys[SHADOW_KEYS_MAX];
    for (size_t i = 0; i < count_hostnames(route); i++) {
        struct victims victims = {.lint = lint,
                                  .winner = winner,
                                  .hostname = hostname_at(route, i),
                                  .candidates_left = CANDIDATES_MAX};
        if (winner->path_kind == MATCH_REGEX) {
            victims.candidates_left = VICTIMS_MAX;
            shadow_index_find_hostname(lint->index, victims.hostname, try_victim, &victims);
            continue;
        }
        shadow_keys_to_file(winner, victims.hostname, keys);
        shadow_index_find(lint->index, keys[0], try_victim, &victims);
    }
}

/* --- the whole ------------------------------------------------------------------------------ */

static void look_at(struct shadow_lint *lint, const struct route *route)
{
    const struct route_match **winners =
        memory_allocate_zeroed((size_t)route->match_count + 1, sizeof(winners[0]));
    for (size_t i = 0; i < route->match_count; i++)
        winners[i] = find_winners(lint, &route_matches(route)[i]);
    warn_of_rules(lint, route, winners);
    for (size_t i = 0; i < route->match_count; i++) {
        if (winners[i] == NULL)
            warn_of_victims(lint, &route_matches(route)[i]);
    }
    free(winners);
}

void shadow_lint_warn(struct shadow_lint *lint, AnswerMessage *answer)
{
    lint->answer = answer;
    shadow_index_add(lint->index, lint->changed, lint->changed_count);
    for (size_t i = 0; i < lint->changed_count; i++)
        look_at(lint, lint->changed[i]);
    if (lint->left_out > 0)
        answer_add_warning(answer, POINTSMAN__V1__OBJECT_KIND__OBJECT_KIND_ROUTE, "", "",
                           "%zu more warnings of rules that no request reaches are not shown",
                           lint->left_out);
}
