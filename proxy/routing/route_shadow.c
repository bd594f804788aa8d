#include "proxy/routing/route_shadow.h"

#include "common/hash.h"
#include "proxy/routing/regex.h"

/* --- one against another -------------------------------------------------------------------- */

static bool names_are_equal(struct slice a, struct slice b, bool ignores_case)
{
    return ignores_case ? slice_equals_ignoring_case(a, b) : slice_equals(a, b);
}

/* Whether `condition` holds wherever `given`, of the same name, does. */
static bool follows_from(const struct value_condition *condition,
                         const struct value_condition *given)
{
    bool is_same = slice_equals(condition_value(condition), condition_value(given));
    if (condition->regex == NULL)
        return given->regex == NULL && is_same;
    if (given->regex != NULL)
        return is_same;
    return regex_matches(condition->regex, condition_value(given));
}

static bool all_follow(const struct value_condition *conditions, size_t count,
                       const struct value_condition *given, size_t given_count, bool ignores_case)
{
    for (size_t i = 0; i < count; i++) {
        size_t j = 0;
        while (j < given_count && !names_are_equal(condition_name(&conditions[i]),
                                                   condition_name(&given[j]), ignores_case))
            j++;
        if (j == given_count || !follows_from(&conditions[i], &given[j]))
            return false;
    }
    return true;
}

static bool attachment_covers(const struct listener_identity *winner,
                              const struct listener_identity *loser)
{
    return (winner->name.length == 0 || slice_equals(winner->name, loser->name)) &&
           (winner->port == 0 || winner->port == loser->port);
}

static bool listeners_follow(const struct route *winner, const struct route *loser)
{
    if (winner->attachment_count == 0)
        return true;
    for (size_t i = 0; i < loser->attachment_count; i++) {
        size_t j = 0;
        while (j < winner->attachment_count &&
               !attachment_covers(&route_attachments(winner)[j], &route_attachments(loser)[i]))
            j++;
        if (j == winner->attachment_count)
            return false;
    }
    return loser->attachment_count > 0;
}

/* "*", the path of OPTIONS *, is below the prefix "/" alone. */
static bool takes_every_path(const struct route_match *match, bool with_asterisk)
{
    struct slice path = route_match_path(match);
    return match->path_kind == MATCH_REGEX &&
           (slice_equals(path, SLICE(".*")) ||
            (!with_asterisk && slice_equals(path, SLICE("/.*"))));
}

/* Of equal kinds of path, whoever has the longer one goes first, and takes fewer. */
static bool path_follows(const struct route_match *winner, const struct route_match *loser)
{
    if (winner->path_kind == loser->path_kind)
        return slice_equals(route_match_path(winner), route_match_path(loser));
    return loser->path_kind == MATCH_PREFIX && takes_every_path(winner, loser->path_length == 0);
}

static bool goes_before(const struct route_match *winner, const struct route_match *loser)
{
    return winner->path_kind != loser->path_kind ? winner->path_kind < loser->path_kind
                                                 : route_match_compare(winner, loser) < 0;
}

/* But for a regular expression for the path, which was looked at before. */
static bool asks_nothing(const struct route_match *match)
{
    return match_grpc_method(match).length == 0 && !match->has_method && match->header_count == 0 &&
           match->param_count == 0;
}

static bool conditions_follow(const struct route_match *winner, const struct route_match *loser)
{
    if (winner->conditions == NULL)
        return true;
    if (loser->conditions == NULL)
        return asks_nothing(winner);
    struct slice grpc_method = match_grpc_method(winner);
    if (grpc_method.length > 0 && !slice_equals(grpc_method, match_grpc_method(loser)))
        return false;
    if (winner->has_method &&
        !(loser->has_method && slice_equals(match_method(winner), match_method(loser))))
        return false;
    return all_follow(match_headers(winner), winner->header_count, match_headers(loser),
                      loser->header_count, true) &&
           all_follow(match_params(winner), winner->param_count, match_params(loser),
                      loser->param_count, false);
}

bool route_match_shadows(const struct route_match *winner, const struct route_match *loser)
{
    return path_follows(winner, loser) && goes_before(winner, loser) &&
           listeners_follow(winner->rule->route, loser->rule->route) &&
           conditions_follow(winner, loser);
}

/* --- keys ----------------------------------------------------------------------------------- */

/* Three kinds of key: of matches that ask for the same; of those that ask for the same headers and
 * parameters, one by an expression; of those that take every path. */
enum { SEED_SAME = 1, SEED_NAMES = 2, SEED_EVERY_PATH = 3, SEED_HEADER = 4, SEED_PARAM = 5 };

static uint64_t hash_slice(struct slice text, uint64_t seed)
{
    return hash_bytes(text.at, text.length, seed);
}

static uint64_t hash_name(struct slice name, bool is_header)
{
    char lower[256];
    if (!is_header || name.length > sizeof(lower))
        return hash_slice(name, is_header ? SEED_HEADER : SEED_PARAM);
    for (size_t i = 0; i < name.length; i++)
        lower[i] = ascii_lower(name.at[i]);
    return hash_slice(slice_of(lower, name.length), SEED_HEADER);
}

/* In any order they add up to the same. */
static uint64_t hash_conditions(const struct value_condition *conditions, size_t count,
                                bool is_header, bool with_values)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < count; i++) {
        uint64_t hash = hash_name(condition_name(&conditions[i]), is_header);
        sum += with_values ? hash_slice(condition_value(&conditions[i]),
                                        hash + (conditions[i].regex != NULL))
                           : hash;
    }
    return sum;
}

static uint64_t hash_match(const struct route_match *match, struct slice hostname, bool with_values)
{
    uint64_t hash = hash_slice(hostname, with_values ? SEED_SAME : SEED_NAMES);
    hash = hash_slice(route_match_path(match), hash + match->path_kind);
    if (match->conditions == NULL)
        return hash;
    hash = hash_slice(match_method(match), hash);
    return hash + hash_conditions(match_headers(match), match->header_count, true, with_values) +
           hash_conditions(match_params(match), match->param_count, false, with_values);
}

static bool has_expressions(const struct route_match *match)
{
    for (size_t i = 0; i < (size_t)match->header_count + match->param_count; i++) {
        if (match->conditions->values[i].regex != NULL)
            return true;
    }
    return false;
}

size_t shadow_keys_to_file(const struct route_match *match, struct slice hostname,
                           uint64_t keys[SHADOW_KEYS_MAX])
{
    size_t count = 0;
    keys[count++] = hash_match(match, hostname, true);
    if (has_expressions(match))
        keys[count++] = hash_match(match, hostname, false);
    if (takes_every_path(match, false))
        keys[count++] = hash_slice(hostname, SEED_EVERY_PATH);
    return count;
}

size_t shadow_keys_to_ask(const struct route_match *match, struct slice hostname,
                          uint64_t keys[SHADOW_KEYS_MAX])
{
    size_t count = 0;
    keys[count++] = hash_match(match, hostname, true);
    if (match->header_count + match->param_count > 0)
        keys[count++] = hash_match(match, hostname, false);
    if (match->path_kind == MATCH_PREFIX)
        keys[count++] = hash_slice(hostname, SEED_EVERY_PATH);
    return count;
}
