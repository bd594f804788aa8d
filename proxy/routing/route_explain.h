/* Route explain: which rules a request is held against, in order of precedence, why each does not
 * take it, and the one that does.
 *
 * Routes are given one by one, and only those that are to be shown are kept: what a million of
 * them say about one request takes no more memory than what a hundred do. The conditions are asked
 * by the matcher's own functions; in the end a table of what was kept is asked as a proxy asks it,
 * and has the last word.
 *
 * Threads: any, one at a time. */
#ifndef PROXY_ROUTING_ROUTE_EXPLAIN_H
#define PROXY_ROUTING_ROUTE_EXPLAIN_H

#include "common/error.h"
#include "proxy/routing/route_match.h"

#include <stdbool.h>
#include <stddef.h>

/* One match of a rule, under one of its route's hostnames. */
struct considered_match {
    const struct route_match *match; /* NULL: none. The explanation holds its route */
    struct slice hostname;           /* without "*."; empty: every host */
    bool is_wildcard;
    bool is_other_host;         /* the hostname does not take the request's host */
    enum match_verdict verdict; /* MATCH_HOLDS when it is of another host */
    bool has_hit_limit;         /* the expression that does not match hit its match limit */
    struct slice condition;     /* the name of the header or query parameter; else empty */
};

struct considered_list {
    struct considered_match *items;
    size_t count;
};

struct route_explanation {
    struct considered_match winner;
    /* What comes before the winner, in order of precedence. When there is more than fits, matches
     * of other paths are the first to be left out, then the last in order. */
    struct considered_list considered;
    /* What comes behind it, in the same order, then what is of other hosts; when asked for. */
    struct considered_list behind;
    size_t left_out;         /* matches under hostnames that take the host, shown nowhere */
    size_t other_host_count; /* routes without such a hostname */
};

enum { EXPLAIN_CONSIDERED_MAX = 50, EXPLAIN_ALL_MAX = 2000 };

struct route_explain;

/* The head is borrowed until the end. `with_all`: shows what is behind the winner too, and of
 * everything EXPLAIN_ALL_MAX. */
struct route_explain *route_explain_new(const struct request_head *head, bool with_all);
/* With the explanation it has given. Harmless on NULL. */
void route_explain_free(struct route_explain *explain);

/* A route, in any order. No other has its name. Takes the caller's reference. */
void route_explain_add(struct route_explain *explain, struct route *route);

/* Counts routes that have no hostname for the head's host, of which nothing will be shown. */
void route_explain_pass_over(struct route_explain *explain, size_t count);
/* Whether a route of other hosts would still be shown if it were added. */
bool route_explain_shows_other_hosts(const struct route_explain *explain);

/* No route is added any more. Does what is left to do until an explanation is there, for at most
 * `count` of the matches that it shows, so that whoever has others to serve can do so in between.
 * True when it is there; until then, to be called again. */
bool route_explain_go_on(struct route_explain *explain, size_t count);

/* What was found, with what is still left to do. NULL with ERROR_INTERNAL when the matcher takes
 * another rule, so that nothing untrue is said. Borrowed. */
const struct route_explanation *route_explain_finish(struct route_explain *explain,
                                                     struct error *err);

#endif
