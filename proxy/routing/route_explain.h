/* Route explain: which rules a request is held against, in order of precedence, why each does not
 * take it, and the one that does.
 *
 * It walks the table that route_table_find looks up in, and asks the conditions that the matcher
 * asks; only the order of asking is its own. Slow: for people, not for requests.
 *
 * Threads: any. */
#ifndef PROXY_ROUTING_ROUTE_EXPLAIN_H
#define PROXY_ROUTING_ROUTE_EXPLAIN_H

#include "proxy/routing/route_match.h"
#include "proxy/routing/route_table.h"

#include <stdbool.h>
#include <stddef.h>

/* One match of a rule, under one of its route's hostnames. */
struct considered_match {
    const struct route_match *match; /* NULL: none. Borrowed from the table */
    struct slice hostname;           /* without "*."; empty: every host */
    bool is_wildcard;
    size_t host_rank; /* 0: the most specific hostname that the table has for the request */
    enum match_verdict verdict;
    struct slice condition; /* the name of the header or query parameter; else empty */
};

enum { EXPLAIN_CONSIDERED_MAX = 50 };

struct route_explanation {
    /* What comes before the winner, in order of precedence. When there is more than fits, matches
     * of other paths are the first to be left out, then the last in order. */
    struct considered_match considered[EXPLAIN_CONSIDERED_MAX];
    size_t considered_count;
    size_t left_out;
    struct considered_match winner;
};

/* The winner is what route_table_find gives. Borrowed from the table and the head. */
void route_explain(const struct route_table *table, const struct request_head *head,
                   struct route_explanation *explanation);

#endif
