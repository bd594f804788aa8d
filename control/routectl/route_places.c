#include "control/routectl/route_places.h"

#include "common/buffer.h"

#include <stdlib.h>
#include <string.h>

/* A hostname of a route; "" for every host. */
struct serving {
    const char *hostname;
    size_t route; /* by age */
    size_t host;  /* the same for equal hostnames */
};

static int compare_names(const void *a, const void *b)
{
    const struct placed_route *route_a = a, *route_b = b;
    int order = strcmp(route_a->route->name, route_b->route->name);
    return order != 0 ? order : (int)route_a->route->kind - (int)route_b->route->kind;
}

static int compare_ages(const void *a, const void *b)
{
    const RouteMessage *route_a = ((const struct placed_route *)a)->route;
    const RouteMessage *route_b = ((const struct placed_route *)b)->route;
    if (route_a->created_revision != route_b->created_revision)
        return route_a->created_revision < route_b->created_revision ? -1 : 1;
    if (route_a->created_order != route_b->created_order)
        return route_a->created_order < route_b->created_order ? -1 : 1;
    return compare_names(a, b);
}

static int compare_hostnames(const void *a, const void *b)
{
    return strcmp(((const struct serving *)a)->hostname, ((const struct serving *)b)->hostname);
}

static int compare_routes(const void *a, const void *b)
{
    size_t route_a = ((const struct serving *)a)->route,
           route_b = ((const struct serving *)b)->route;
    return (route_a > route_b) - (route_a < route_b);
}

/* In the order of the routes. Caller frees. */
static struct serving *list_servings(const struct placed_route *routes, size_t route_count,
                                     size_t *count)
{
    size_t most = 0;
    for (size_t i = 0; i < route_count; i++)
        most += routes[i].route->n_hostnames + 1;
    struct serving *servings = memory_allocate((most + 1) * sizeof(*servings));
    *count = 0;
    for (size_t i = 0; i < route_count; i++) {
        const RouteMessage *route = routes[i].route;
        if (route->n_hostnames == 0)
            servings[(*count)++] = (struct serving){.hostname = "", .route = i};
        for (size_t j = 0; j < route->n_hostnames; j++)
            servings[(*count)++] = (struct serving){.hostname = route->hostnames[j], .route = i};
    }
    qsort(servings, *count, sizeof(*servings), compare_hostnames);
    for (size_t i = 1; i < *count; i++)
        servings[i].host =
            servings[i - 1].host + (compare_hostnames(&servings[i - 1], &servings[i]) != 0);
    qsort(servings, *count, sizeof(*servings), compare_routes);
    return servings;
}

/* Behind the youngest route so far of one of its hosts, NULL: there is none. */
static void place_behind(struct placed_route *route, const struct placed_route *youngest)
{
    if (youngest == NULL)
        return;
    bool is_in_order = compare_names(youngest, route) < 0;
    uint32_t order = youngest->order + (is_in_order || youngest->order == UINT16_MAX ? 0 : 1);
    if (order > route->order)
        route->order = order;
}

void route_places_find(struct placed_route *routes, size_t count)
{
    size_t serving_count;
    qsort(routes, count, sizeof(*routes), compare_ages);
    struct serving *servings = list_servings(routes, count, &serving_count);
    const struct placed_route **youngest =
        memory_allocate_zeroed(serving_count + 1, sizeof(struct placed_route *));
    for (size_t i = 0; i < count; i++)
        routes[i].order = 0;

    size_t end;
    for (size_t at = 0; at < serving_count; at = end) {
        struct placed_route *route = &routes[servings[at].route];
        for (end = at; end < serving_count && servings[end].route == servings[at].route; end++)
            place_behind(route, youngest[servings[end].host]);
        for (size_t i = at; i < end; i++)
            youngest[servings[i].host] = route;
    }
    free(youngest);
    free(servings);
    qsort(routes, count, sizeof(*routes), compare_names);
}
