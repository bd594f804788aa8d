/* Route match: one conjunction of conditions, and which of two goes first.
 *
 * Part of its route. What most matches do without stands apart in match_conditions.
 *
 * Threads: any. */
#ifndef PROXY_ROUTING_ROUTE_MATCH_H
#define PROXY_ROUTING_ROUTE_MATCH_H

#include "common/cache_line.h"
#include "common/slice.h"
#include "proxy/routing/request_head.h"
#include "proxy/routing/route.h"

#include <stdbool.h>
#include <stdint.h>

struct regex;

/* A header or query parameter. */
struct value_condition {
    struct regex *regex; /* NULL: exact */
    uint32_t name_at;    /* in bytes from the condition's start */
    uint32_t value_at;   /* likewise */
    uint16_t name_length;
    uint16_t value_length;
};

/* A lookup reads them after its match, so they are no larger than they must be. */
struct match_conditions {
    struct regex *path_regex;        /* NULL but for MATCH_REGEX */
    uint32_t method_at;              /* in bytes from the start of this */
    uint32_t grpc_method_at;         /* likewise */
    uint16_t method_length;          /* 0: any */
    uint16_t grpc_method_length;     /* 0: any. Of the prefix "/" alone */
    struct value_condition values[]; /* of the headers, then of the parameters */
};

enum match_path_kind { MATCH_EXACT, MATCH_REGEX, MATCH_PREFIX };

struct route_match {
    const struct rule *rule;
    const struct match_conditions *conditions; /* NULL: the path alone */
    uint32_t path_at;                          /* in bytes from the match's start */
    uint32_t hostname_at;                      /* the same; of a route with just one */
    uint16_t path_length;
    uint8_t hostname_length; /* 0: none, or several */
    uint8_t path_kind;       /* enum match_path_kind */
    uint8_t header_count;
    uint8_t param_count;
    bool has_method : 1;
    bool is_attached : 1; /* to some listeners only */
};

/* Starts loading what a lookup and its caller will read of the match and around it: its route is in
 * the line before, its rule in its own, its conditions and texts are in the two behind it. Read one
 * after the other they would cost a cold read each; each line more that is asked for makes all of
 * them come later. */
static inline void route_match_prefetch(const struct route_match *match)
{
    const char *at = (const char *)match;
    __builtin_prefetch(at);
    __builtin_prefetch(at + CACHE_LINE_BYTES);
    __builtin_prefetch(at + 2 * CACHE_LINE_BYTES);
    __builtin_prefetch(at - CACHE_LINE_BYTES);
}

/* All matches of a route's rules, in their order. */
static inline const struct route_match *route_matches(const struct route *route)
{
    return (const struct route_match *)((const char *)route + route->matches_at);
}

/* Canonical; a prefix without trailing '/'. */
static inline struct slice route_match_path(const struct route_match *match)
{
    return slice_of((const char *)match + match->path_at, match->path_length);
}

/* route_has_hostname of its route, of which mostly nothing is read for it. */
static inline bool route_match_has_hostname(const struct route_match *match,
                                            const struct hostname *hostname)
{
    if (match->hostname_length == 0)
        return route_has_hostname(match->rule->route, hostname);
    return hostname_has_text(
        hostname, slice_of((const char *)match + match->hostname_at, match->hostname_length));
}

/* --- conditions ----------------------------------------------------------------------------- */

static inline struct slice condition_name(const struct value_condition *condition)
{
    return slice_of((const char *)condition + condition->name_at, condition->name_length);
}

static inline struct slice condition_value(const struct value_condition *condition)
{
    return slice_of((const char *)condition + condition->value_at, condition->value_length);
}

/* These four of a match that has conditions. */
static inline struct slice match_method(const struct route_match *match)
{
    const struct match_conditions *conditions = match->conditions;
    return slice_of((const char *)conditions + conditions->method_at, conditions->method_length);
}

/* Of a path "/SERVICE/METHOD". */
static inline struct slice match_grpc_method(const struct route_match *match)
{
    const struct match_conditions *conditions = match->conditions;
    return slice_of((const char *)conditions + conditions->grpc_method_at,
                    conditions->grpc_method_length);
}

static inline const struct value_condition *match_headers(const struct route_match *match)
{
    return match->conditions->values;
}

static inline const struct value_condition *match_params(const struct route_match *match)
{
    return match->conditions->values + match->header_count;
}

/* Frees the expressions; the rest is part of the route. */
void route_match_clear(struct route_match *match);

/* Negative when `a` goes first; 0 only for one and the same. Both have the same hostname and kind
 * of path, and, but for regular expressions, the same path. */
int route_match_compare(const struct route_match *a, const struct route_match *b);

/* No header of the request is known to be the only one of its name. */
#define NO_LONE_HEADER SIZE_MAX

bool route_match_conditions_hold(const struct route_match *match, const struct request_head *head,
                                 size_t lone_header);

/* Whether all conditions hold but the host and an exact or prefix path, by which it was found.
 * `lone_header` is the index of a header of which it is known that no other has its name: it need
 * not be looked for. Or NO_LONE_HEADER. */
static inline bool route_match_holds(const struct route_match *match,
                                     const struct request_head *head, size_t lone_header)
{
    bool is_bare = match->conditions == NULL && !match->is_attached;
    return is_bare || route_match_conditions_hold(match, head, lone_header);
}

/* --- for explaining ------------------------------------------------------------------------- */

enum match_verdict {
    MATCH_HOLDS,
    MATCH_FAILS_PATH,
    MATCH_FAILS_LISTENER,
    MATCH_FAILS_METHOD,
    MATCH_FAILS_HEADER,
    MATCH_FAILS_QUERY,
};

/* The first condition that does not hold, the path among them whatever its kind, but not the host.
 * `name` gets that of the header or query parameter. */
enum match_verdict route_match_judge(const struct route_match *match,
                                     const struct request_head *head, struct slice *name);

#endif
