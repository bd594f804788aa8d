#include "control/routes_of_host.h"

#include "common/buffer.h"
#include "control/shadow_index.h"

#include <stdlib.h>
#include <string.h>

struct gathering {
    struct routes_of_host *routes;
    bool is_too_many;
};

static bool take_name(void *context, struct slice name)
{
    struct gathering *gathering = context;
    struct routes_of_host *routes = gathering->routes;
    gathering->is_too_many = routes->count == ROUTES_OF_HOST_MAX;
    if (gathering->is_too_many)
        return false;
    char *copy = memory_allocate(name.length + 1);
    memcpy(copy, name.at, name.length);
    copy[name.length] = '\0';
    routes->names[routes->count++] = copy;
    return true;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void drop_repeated(struct routes_of_host *routes)
{
    qsort(routes->names, routes->count, sizeof(routes->names[0]), compare_names);
    size_t kept = 0;
    for (size_t i = 0; i < routes->count; i++) {
        if (kept > 0 && strcmp(routes->names[kept - 1], routes->names[i]) == 0)
            free(routes->names[i]);
        else
            routes->names[kept++] = routes->names[i];
    }
    routes->count = kept;
}

/* A wildcard stands for any number of labels in front, so every tail of the host may have one. */
static void visit_wildcards(const struct shadow_index *index, struct slice host,
                            struct gathering *gathering)
{
    struct buffer hostname = BUFFER_EMPTY;
    for (size_t i = 1; i < host.length && !gathering->is_too_many; i++) {
        if (host.at[i] != '.')
            continue;
        buffer_reset(&hostname);
        buffer_append(&hostname, "*", 1);
        buffer_append(&hostname, host.at + i, host.length - i);
        shadow_index_find_hostname(index, buffer_slice(&hostname), take_name, gathering);
    }
    buffer_clear(&hostname);
}

bool routes_of_host_find(struct routes_of_host *routes, const struct shadow_index *index,
                         struct slice host)
{
    routes->count = 0;
    if (!shadow_index_is_filled(index))
        return false;
    struct gathering gathering = {.routes = routes};
    if (host.length > 0)
        shadow_index_find_hostname(index, host, take_name, &gathering);
    if (!gathering.is_too_many)
        visit_wildcards(index, host, &gathering);
    if (!gathering.is_too_many)
        shadow_index_find_hostname(index, SLICE(""), take_name, &gathering);
    drop_repeated(routes);
    return !gathering.is_too_many;
}

void routes_of_host_clear(struct routes_of_host *routes)
{
    while (routes->count > 0)
        free(routes->names[--routes->count]);
}
