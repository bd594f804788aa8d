#include "control/routes_of_host.h"

#include "common/buffer.h"
#include "control/shadow_index.h"

#include <stdlib.h>
#include <string.h>

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

void routes_of_host_sort(struct routes_of_host *routes)
{
    size_t kept = 0;
    if (routes->count > 0)
        qsort(routes->names, routes->count, sizeof(routes->names[0]), compare_names);
    for (size_t i = 0; i < routes->count; i++) {
        if (kept > 0 && strcmp(routes->names[kept - 1], routes->names[i]) == 0)
            free(routes->names[i]);
        else
            routes->names[kept++] = routes->names[i];
    }
    routes->count = kept;
}

/* One name may come again and again. When half of the room is for others, the next look at them is
 * far enough away to cost each name no more than a few comparisons. */
static void make_room(struct routes_of_host *routes)
{
    if (routes->count == ROUTES_OF_HOST_MAX) {
        routes_of_host_sort(routes);
        routes->is_too_many = routes->count > ROUTES_OF_HOST_MAX / 2;
    } else if (routes->count == routes->capacity) {
        routes->capacity = routes->capacity == 0 ? 16 : 2 * routes->capacity;
        routes->names =
            memory_reallocate(routes->names, routes->capacity * sizeof(routes->names[0]));
    }
}

bool routes_of_host_add(struct routes_of_host *routes, struct slice name)
{
    if (!routes->is_too_many)
        make_room(routes);
    if (routes->is_too_many)
        return false;
    routes->names[routes->count++] = memory_duplicate_slice(name);
    return true;
}

static bool take_name(void *context, struct slice name)
{
    return routes_of_host_add(context, name);
}

/* A wildcard stands for any number of labels in front, so every tail of the host may have one. */
static void visit_wildcards(struct routes_of_host *routes, const struct shadow_index *index,
                            struct slice host)
{
    struct buffer hostname = BUFFER_EMPTY;
    for (size_t i = 1; i < host.length && !routes->is_too_many; i++) {
        if (host.at[i] != '.')
            continue;
        buffer_reset(&hostname);
        buffer_append(&hostname, "*", 1);
        buffer_append(&hostname, host.at + i, host.length - i);
        shadow_index_find_hostname(index, buffer_slice(&hostname), take_name, routes);
    }
    buffer_clear(&hostname);
}

void routes_of_host_find(struct routes_of_host *routes, const struct shadow_index *index,
                         struct slice host)
{
    if (host.length > 0)
        shadow_index_find_hostname(index, host, take_name, routes);
    visit_wildcards(routes, index, host);
    if (!routes->is_too_many)
        shadow_index_find_hostname(index, SLICE(""), take_name, routes);
}

void routes_of_host_clear(struct routes_of_host *routes)
{
    for (size_t i = 0; i < routes->count; i++)
        free(routes->names[i]);
    free(routes->names);
    *routes = (struct routes_of_host){0};
}
