#include "proxy/routing/route_explain.h"

#include "proxy/routing/host_routes.h"

#include <stdlib.h>
#include <string.h>

/* Hosts are walked in order of precedence, each twice: once for the winner, then for what comes
 * before it. The index of a host has no order, so what is to be shown is kept sorted. */

struct walk {
    const struct request_head *head;
    struct route_explanation *explanation;
    const struct host_routes *host;
    size_t host_rank;
};

/* --- order ---------------------------------------------------------------------------------- */

static int compare_precedence(const struct considered_match *a, const struct considered_match *b)
{
    if (a->host_rank != b->host_rank)
        return a->host_rank < b->host_rank ? -1 : 1;
    if (a->match->path_kind != b->match->path_kind)
        return a->match->path_kind < b->match->path_kind ? -1 : 1;
    return route_match_compare(a->match, b->match);
}

static int compare_for_sorting(const void *a, const void *b)
{
    return compare_precedence(a, b);
}

/* What is worth showing comes first. */
static int compare_worth(const struct considered_match *a, const struct considered_match *b)
{
    bool is_far_a = a->verdict == MATCH_FAILS_PATH;
    bool is_far_b = b->verdict == MATCH_FAILS_PATH;
    return is_far_a != is_far_b ? is_far_a - is_far_b : compare_precedence(a, b);
}

/* --- walking -------------------------------------------------------------------------------- */

static struct considered_match consider(const struct walk *walk, const struct route_match *match)
{
    struct considered_match considered = {
        .match = match,
        .hostname = host_routes_name(walk->host),
        .is_wildcard = walk->host->is_wildcard,
        .host_rank = walk->host_rank,
    };
    considered.verdict = route_match_judge(match, walk->head, &considered.condition);
    return considered;
}

static void take_winner(void *context, const struct route_match *match)
{
    const struct walk *walk = context;
    struct considered_match *winner = &walk->explanation->winner;
    struct considered_match considered = consider(walk, match);
    if (considered.verdict == MATCH_HOLDS &&
        (winner->match == NULL || compare_precedence(&considered, winner) < 0))
        *winner = considered;
}

static void take_considered(void *context, const struct route_match *match)
{
    const struct walk *walk = context;
    struct route_explanation *explanation = walk->explanation;
    struct considered_match considered = consider(walk, match);
    if (explanation->winner.match != NULL &&
        compare_precedence(&considered, &explanation->winner) >= 0)
        return;

    size_t place = explanation->considered_count;
    while (place > 0 && compare_worth(&considered, &explanation->considered[place - 1]) < 0)
        place--;
    if (explanation->considered_count == EXPLAIN_CONSIDERED_MAX)
        explanation->left_out++;
    else
        explanation->considered_count++;
    if (place == EXPLAIN_CONSIDERED_MAX)
        return;
    memmove(explanation->considered + place + 1, explanation->considered + place,
            (explanation->considered_count - 1 - place) * sizeof(considered));
    explanation->considered[place] = considered;
}

static bool walk_host(void *context, const struct host_routes *host)
{
    struct walk *walk = context;
    walk->host = host;
    host_routes_each(host, take_winner, walk);
    host_routes_each(host, take_considered, walk);
    walk->host_rank++;
    return walk->explanation->winner.match == NULL;
}

void route_explain(const struct route_table *table, const struct request_head *head,
                   struct route_explanation *explanation)
{
    *explanation = (struct route_explanation){0};
    struct walk walk = {.head = head, .explanation = explanation};
    route_table_each_host(table, head->host, walk_host, &walk);
    qsort(explanation->considered, explanation->considered_count,
          sizeof(explanation->considered[0]), compare_for_sorting);
}
