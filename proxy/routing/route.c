#include "proxy/routing/route.h"

#include "proxy/routing/filter.h"
#include "proxy/routing/route_match.h"
#include "proxy/routing/slab.h"

#include <string.h>

/* --- routes --------------------------------------------------------------------------------- */

void route_acquire(struct route *route)
{
    atomic_fetch_add_explicit(&route->references, 1, memory_order_relaxed);
}

static void each_filter_index(const struct filter_list *filters,
                              void (*visit)(void *context, uint32_t backend_index), void *context)
{
    if (filters == NULL)
        return;
    for (size_t i = 0; i < filters->mirror_count; i++)
        visit(context, filters->mirrors[i].backend_index);
    if (filters->auth != NULL)
        visit(context, filters->auth->backend_index);
}

void route_each_backend_index(const struct route *route,
                              void (*visit)(void *context, uint32_t backend_index), void *context)
{
    for (size_t i = 0; i < route->rule_count; i++) {
        const struct rule *rule = &route->rules[i];
        each_filter_index(rule->policy->filters, visit, context);
        for (size_t j = 0; j < rule->choice_count; j++) {
            visit(context, rule->choices[j].backend_index);
            each_filter_index(rule->choices[j].filters, visit, context);
        }
    }
}

struct binding {
    uint32_t (*index_for)(void *context, uint32_t backend_index);
    void *context;
};

static void bind(const struct binding *binding, const uint32_t *backend_index)
{
    if (*backend_index != ROUTE_NO_BACKEND)
        *(uint32_t *)backend_index = binding->index_for(binding->context, *backend_index);
}

static void bind_filters(const struct binding *binding, const struct filter_list *filters)
{
    if (filters == NULL)
        return;
    for (size_t i = 0; i < filters->mirror_count; i++)
        bind(binding, &filters->mirrors[i].backend_index);
    if (filters->auth != NULL)
        bind(binding, &filters->auth->backend_index);
}

void route_bind_backends(struct route *route,
                         uint32_t (*index_for)(void *context, uint32_t backend_index),
                         void *context)
{
    const struct binding binding = {.index_for = index_for, .context = context};
    for (size_t i = 0; i < route->rule_count; i++) {
        const struct rule *rule = &route->rules[i];
        bind_filters(&binding, rule->policy->filters);
        for (size_t j = 0; j < rule->choice_count; j++) {
            bind(&binding, &rule->choices[j].backend_index);
            bind_filters(&binding, rule->choices[j].filters);
        }
    }
}

static void free_filters(const struct rule *rule)
{
    filter_list_free(rule->policy->filters);
    for (size_t i = 0; i < rule->choice_count; i++)
        filter_list_free(rule->choices[i].filters);
}

void route_release(struct route **route)
{
    struct route *ours = *route;
    if (ours == NULL)
        return;
    *route = NULL;
    if (atomic_fetch_sub_explicit(&ours->references, 1, memory_order_acq_rel) != 1)
        return;

    for (size_t i = 0; i < ours->match_count; i++)
        route_match_clear((struct route_match *)&route_matches(ours)[i]);
    for (size_t i = 0; i < ours->rule_count; i++)
        free_filters(&ours->rules[i]);
    route_metrics_clear(&ours->metrics);
    slab_free(ours);
}

struct hostname hostname_from_text(struct slice text)
{
    if (slice_has_prefix(text, SLICE("*.")))
        return (struct hostname){slice_of(text.at + 2, text.length - 2), true};
    return (struct hostname){text, false};
}

int hostname_compare(struct hostname a, struct hostname b)
{
    if (a.is_wildcard != b.is_wildcard)
        return a.is_wildcard ? 1 : -1;
    if (a.name.length != b.name.length)
        return a.name.length < b.name.length ? -1 : 1;
    return a.name.length == 0 ? 0 : memcmp(a.name.at, b.name.at, a.name.length);
}

bool route_has_hostname(const struct route *route, const struct hostname *hostname)
{
    if (hostname->name.length == 0)
        return route->hostname_count == 0;
    if (route->hostname_count == 1)
        return hostname_has_text(hostname, route_hostname(route, 0));
    size_t low = 0;
    size_t high = route->hostname_count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        int order = hostname_compare(hostname_from_text(route_hostname(route, middle)), *hostname);
        if (order == 0)
            return true;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return false;
}

bool route_hostname_takes(struct slice hostname, struct slice host)
{
    if (!slice_has_prefix(hostname, SLICE("*.")))
        return slice_equals(hostname, host);
    struct slice tail = slice_of(hostname.at + 1, hostname.length - 1);
    return host.length > tail.length &&
           slice_equals(slice_of(host.at + host.length - tail.length, tail.length), tail);
}

/* --- what requests ask of a rule ------------------------------------------------------------ */

const struct backend_choice *rule_choose(const struct rule *rule, uint64_t random)
{
    if (rule->total_weight == 0)
        return NULL;
    /* The high half of a product is as even as the random bits are, without a division. */
    uint64_t place = (uint64_t)(((unsigned __int128)random * rule->total_weight) >> 64);
    const struct backend_choice *choice = rule->choices;
    for (; place >= choice->weight; choice++)
        place -= choice->weight;
    return choice;
}

/* A rule is const for all who use it; the count and the metrics of its route are not. */
static struct route *route_of(const struct rule *rule)
{
    return (struct route *)rule->route;
}

void rule_acquire(const struct rule *rule)
{
    route_acquire(route_of(rule));
}

void rule_release(const struct rule **rule)
{
    if (*rule == NULL)
        return;
    struct route *route = route_of(*rule);
    *rule = NULL;
    route_release(&route);
}

struct slice rule_route_id(const struct rule *rule)
{
    return route_id(rule->route);
}

uint64_t rule_route_revision(const struct rule *rule)
{
    return rule->route->revision;
}

struct route_metrics *rule_metrics(const struct rule *rule)
{
    return &route_of(rule)->metrics;
}
