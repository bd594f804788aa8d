#include "proxy/routing/route_explain.h"

#include "common/buffer.h"
#include "proxy/routing/object_map.h"
#include "proxy/routing/regex.h"
#include "proxy/routing/route_table.h"

#include <stdlib.h>

/* The winner found so far only ever gives way to one before it. So what is behind it once stays
 * behind it, and what is before it is kept as far as it may be shown in the end. */

/* What is kept of a kind, with room for twice as much: then it is sorted, and the rest let go. */
struct shortlist {
    struct considered_list list;
    size_t limit;
    int (*compare)(const void *a, const void *b);
};

/* A table of what is shown, asked as a proxy asks it. */
struct check {
    struct route_table_builder *builder; /* NULL: it has not begun */
    struct object_map routes;            /* in the builder */
    size_t next;                         /* of what is shown */
    bool is_done;
    bool is_passed;
};

struct route_explain {
    const struct request_head *head;
    bool with_all;
    size_t asked_count;      /* matches under hostnames that take the host */
    struct shortlist near;   /* of the request's path */
    struct shortlist far;    /* of another path */
    struct shortlist behind; /* the winner */
    struct shortlist other;  /* hosts; in the order they came */
    struct route_explanation explanation;
    struct check check;
};

/* --- order ---------------------------------------------------------------------------------- */

/* The more specific hostname has the higher one. */
static size_t host_rank(const struct considered_match *considered)
{
    if (considered->is_wildcard || considered->hostname.length == 0)
        return considered->hostname.length;
    return SIZE_MAX;
}

static int compare_precedence(const struct considered_match *a, const struct considered_match *b)
{
    if (host_rank(a) != host_rank(b))
        return host_rank(a) > host_rank(b) ? -1 : 1;
    if (a->match->path_kind != b->match->path_kind)
        return a->match->path_kind < b->match->path_kind ? -1 : 1;
    return route_match_compare(a->match, b->match);
}

static int compare_for_sorting(const void *a, const void *b)
{
    return compare_precedence(a, b);
}

static bool is_before(const struct considered_match *considered,
                      const struct considered_match *winner)
{
    return winner->match == NULL || compare_precedence(considered, winner) < 0;
}

/* --- keeping -------------------------------------------------------------------------------- */

static void hold(const struct considered_match *considered)
{
    rule_acquire(considered->match->rule);
}

static void let_go(struct considered_match *considered)
{
    if (considered->match == NULL)
        return;
    const struct rule *rule = considered->match->rule;
    rule_release(&rule);
    considered->match = NULL;
}

static void list_cut(struct considered_list *list, size_t count)
{
    while (list->count > count)
        let_go(&list->items[--list->count]);
}

static void list_clear(struct considered_list *list)
{
    list_cut(list, 0);
    free(list->items);
}

static void shortlist_sort(struct shortlist *shortlist)
{
    struct considered_list *list = &shortlist->list;
    if (list->count > 0 && shortlist->compare != NULL)
        qsort(list->items, list->count, sizeof(list->items[0]), shortlist->compare);
    list_cut(list, shortlist->limit);
}

static void shortlist_add(struct shortlist *shortlist, const struct considered_match *considered)
{
    struct considered_list *list = &shortlist->list;
    if (shortlist->limit == 0)
        return;
    if (list->items == NULL)
        list->items = memory_allocate(2 * shortlist->limit * sizeof(list->items[0]));
    if (list->count == 2 * shortlist->limit)
        shortlist_sort(shortlist);
    hold(considered);
    list->items[list->count++] = *considered;
}

/* --- adding --------------------------------------------------------------------------------- */

static void take_winner(struct route_explain *explain, const struct considered_match *considered)
{
    struct considered_match *winner = &explain->explanation.winner;
    if (!is_before(considered, winner)) {
        shortlist_add(&explain->behind, considered);
        return;
    }
    if (winner->match != NULL)
        shortlist_add(&explain->behind, winner);
    let_go(winner);
    hold(considered);
    *winner = *considered;
}

static void take_match(struct route_explain *explain, struct considered_match *considered)
{
    explain->asked_count++;
    uint64_t limit_hits = regex_own_limit_hits();
    considered->verdict =
        route_match_judge(considered->match, explain->head, &considered->condition);
    considered->has_hit_limit = regex_own_limit_hits() != limit_hits;
    if (considered->verdict == MATCH_HOLDS)
        take_winner(explain, considered);
    else if (!is_before(considered, &explain->explanation.winner))
        shortlist_add(&explain->behind, considered);
    else if (considered->verdict == MATCH_FAILS_PATH)
        shortlist_add(&explain->far, considered);
    else
        shortlist_add(&explain->near, considered);
}

static struct considered_match under_hostname(struct slice hostname)
{
    bool is_wildcard = slice_has_prefix(hostname, SLICE("*."));
    size_t skipped = is_wildcard ? 2 : 0;
    return (struct considered_match){
        .hostname = slice_of(hostname.at + skipped, hostname.length - skipped),
        .is_wildcard = is_wildcard,
    };
}

static void take_matches(struct route_explain *explain, const struct route *route,
                         struct slice hostname)
{
    for (size_t i = 0; i < route->match_count; i++) {
        struct considered_match considered = under_hostname(hostname);
        considered.match = &route_matches(route)[i];
        take_match(explain, &considered);
    }
}

static void take_other_host(struct route_explain *explain, const struct route *route)
{
    route_explain_pass_over(explain, 1);
    for (size_t i = 0; i < route->match_count && route_explain_shows_other_hosts(explain); i++) {
        struct considered_match considered = under_hostname(route_hostname(route, 0));
        considered.match = &route_matches(route)[i];
        considered.is_other_host = true;
        shortlist_add(&explain->other, &considered);
    }
}

void route_explain_add(struct route_explain *explain, struct route *route)
{
    bool takes_host = route->hostname_count == 0;
    if (takes_host)
        take_matches(explain, route, SLICE(""));
    for (size_t i = 0; i < route->hostname_count; i++) {
        if (!route_hostname_takes(route_hostname(route, i), explain->head->host))
            continue;
        takes_host = true;
        take_matches(explain, route, route_hostname(route, i));
    }
    if (!takes_host)
        take_other_host(explain, route);
    route_release(&route);
}

void route_explain_pass_over(struct route_explain *explain, size_t count)
{
    explain->explanation.other_host_count += count;
}

bool route_explain_shows_other_hosts(const struct route_explain *explain)
{
    return explain->other.list.count < explain->other.limit;
}

/* --- the end -------------------------------------------------------------------------------- */

/* Moves what a shortlist has to where it belongs, now that the winner is known. */
static void settle(struct route_explain *explain, struct shortlist *from, struct shortlist *to)
{
    shortlist_sort(from);
    for (size_t i = 0; i < from->list.count; i++) {
        struct considered_match *considered = &from->list.items[i];
        bool is_behind = !is_before(considered, &explain->explanation.winner);
        if (is_behind || to->list.count < to->limit)
            shortlist_add(is_behind ? &explain->behind : to, considered);
    }
    list_cut(&from->list, 0);
}

static struct considered_list take_list(struct shortlist *shortlist)
{
    shortlist_sort(shortlist);
    struct considered_list list = shortlist->list;
    shortlist->list = (struct considered_list){0};
    return list;
}

static void append_other_hosts(struct route_explain *explain)
{
    struct considered_list *behind = &explain->explanation.behind;
    const struct considered_list *other = &explain->other.list;
    if (other->count == 0)
        return;
    behind->items =
        memory_reallocate(behind->items, (behind->count + other->count) * sizeof(behind->items[0]));
    for (size_t i = 0; i < other->count; i++) {
        hold(&other->items[i]);
        behind->items[behind->count++] = other->items[i];
    }
}

/* --- the matcher's word ---------------------------------------------------------------------- */

static struct slice name_of(const void *object)
{
    return route_id(object);
}

static void check_init(struct check *check)
{
    check->builder = route_table_builder_new();
    object_map_init(&check->routes, name_of);
}

static void release_route(void *context, void *object)
{
    (void)context;
    struct route *route = object;
    route_release(&route);
}

static void check_clear(struct check *check)
{
    if (check->builder == NULL)
        return;
    route_table_builder_free(check->builder);
    object_map_clear(&check->routes, release_route, NULL);
    check->builder = NULL;
}

/* The builder has a reference of its own to each. */
static void check_add(struct check *check, const struct considered_match *considered)
{
    if (considered->match == NULL)
        return;
    struct route *route = (struct route *)considered->match->rule->route;
    if (object_map_find(&check->routes, route_id(route)) != NULL)
        return;
    object_map_put(&check->routes, route);
    route_acquire(route);
    route_table_builder_add(check->builder, route);
}

/* Those in front of the winner, the winner, those behind it; NULL: no more. */
static const struct considered_match *shown_at(const struct route_explanation *explanation,
                                               size_t index)
{
    if (index < explanation->considered.count)
        return &explanation->considered.items[index];
    index -= explanation->considered.count;
    if (index == 0)
        return &explanation->winner;
    return index - 1 < explanation->behind.count ? &explanation->behind.items[index - 1] : NULL;
}

static void check_finish(struct check *check, const struct route_explain *explain)
{
    const struct route_match *winner = explain->explanation.winner.match;
    struct route_table *table = route_table_builder_publish(check->builder, 0, 0);
    const struct rule *rule = route_table_find(table, explain->head);
    check->is_passed = rule == (winner == NULL ? NULL : winner->rule);
    check->is_done = true;
    route_table_release(&table);
    check_clear(check);
}

/* --- the whole ------------------------------------------------------------------------------ */

struct route_explain *route_explain_new(const struct request_head *head, bool with_all)
{
    struct route_explain *explain = memory_allocate_zeroed(1, sizeof(*explain));
    const size_t limit = with_all ? EXPLAIN_ALL_MAX : EXPLAIN_CONSIDERED_MAX;
    explain->head = head;
    explain->with_all = with_all;
    explain->near = (struct shortlist){.limit = limit, .compare = compare_for_sorting};
    explain->far = explain->near;
    explain->behind = explain->near;
    explain->behind.limit = with_all ? limit : 0;
    explain->other = (struct shortlist){.limit = with_all ? limit : 0};
    return explain;
}

void route_explain_free(struct route_explain *explain)
{
    if (explain == NULL)
        return;
    check_clear(&explain->check);
    let_go(&explain->explanation.winner);
    list_clear(&explain->explanation.considered);
    list_clear(&explain->explanation.behind);
    list_clear(&explain->near.list);
    list_clear(&explain->far.list);
    list_clear(&explain->behind.list);
    list_clear(&explain->other.list);
    free(explain);
}

static void put_in_order(struct route_explain *explain)
{
    struct route_explanation *explanation = &explain->explanation;
    struct shortlist before = {.limit = explain->near.limit, .compare = compare_for_sorting};
    settle(explain, &explain->near, &before);
    settle(explain, &explain->far, &before);
    explanation->considered = take_list(&before);
    explanation->behind = take_list(&explain->behind);
    size_t shown = explanation->considered.count + explanation->behind.count +
                   (explanation->winner.match != NULL);
    explanation->left_out = explain->asked_count - shown;
    append_other_hosts(explain);
}

bool route_explain_go_on(struct route_explain *explain, size_t count)
{
    struct check *check = &explain->check;
    if (check->is_done)
        return true;
    if (check->builder == NULL) {
        put_in_order(explain);
        check_init(check);
    }
    while (count-- > 0) {
        const struct considered_match *considered = shown_at(&explain->explanation, check->next++);
        if (considered == NULL) {
            check_finish(check, explain);
            return true;
        }
        check_add(check, considered);
    }
    return false;
}

const struct route_explanation *route_explain_finish(struct route_explain *explain,
                                                     struct error *err)
{
    while (!route_explain_go_on(explain, SIZE_MAX))
        ;
    if (explain->check.is_passed)
        return &explain->explanation;
    error_set(err, ERROR_INTERNAL, "explain and the matcher do not agree; please report this");
    return NULL;
}
