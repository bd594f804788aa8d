#include "proxy/routing/route_cache.h"

#include "common/buffer.h"
#include "common/mutex.h"

#include <stdlib.h>

struct route_cache {
    /* atomic: the publisher counts up, views compare */
    _Atomic uint64_t generation;

    /* guarded by mutex */
    struct mutex mutex;
    struct route_table *table;
};

struct route_cache *route_cache_new(void)
{
    struct route_cache *cache = memory_allocate_zeroed(1, sizeof(*cache));
    mutex_init(&cache->mutex);
    return cache;
}

void route_cache_free(struct route_cache *cache)
{
    if (cache == NULL)
        return;
    route_table_release(&cache->table);
    mutex_clear(&cache->mutex);
    free(cache);
}

void route_cache_publish(struct route_cache *cache, struct route_table *table)
{
    mutex_lock(&cache->mutex);
    struct route_table *old = cache->table;
    cache->table = table;
    atomic_fetch_add_explicit(&cache->generation, 1, memory_order_release);
    mutex_unlock(&cache->mutex);

    route_table_release(&old);
}

/* The table and the generation it belongs to, read as one. */
static struct route_table *acquire_with_generation(struct route_cache *cache, uint64_t *generation)
{
    mutex_lock(&cache->mutex);
    struct route_table *table = cache->table;
    if (table != NULL)
        route_table_acquire(table);
    *generation = atomic_load_explicit(&cache->generation, memory_order_relaxed);
    mutex_unlock(&cache->mutex);
    return table;
}

struct route_table *route_cache_acquire(struct route_cache *cache)
{
    uint64_t generation;
    return acquire_with_generation(cache, &generation);
}

void route_cache_view_init(struct route_cache_view *view, struct route_cache *cache)
{
    *view = (struct route_cache_view){.cache = cache};
    view->table = acquire_with_generation(cache, &view->generation);
}

void route_cache_view_clear(struct route_cache_view *view)
{
    route_table_release(&view->table);
    *view = (struct route_cache_view){0};
}

struct route_table *route_cache_view_table(struct route_cache_view *view)
{
    /* Acquire pairs with the release of publish: whoever knows of a publish, by whatever way that
     * orders memory, sees at least its generation here. */
    if (atomic_load_explicit(&view->cache->generation, memory_order_acquire) == view->generation)
        return view->table;

    struct route_table *old = view->table;
    view->table = acquire_with_generation(view->cache, &view->generation);
    route_table_release(&old);
    return view->table;
}
