/* Route cache: the table every worker uses right now.
 *
 * The moral of this project in one place: the mutex covers one pointer and one count, never a
 * lookup, an allocation or I/O. And a worker takes it only when the table has changed: each
 * keeps its own reference and compares a generation number on each request.
 *
 * Threads: any; a route_cache_view belongs to one worker. */
#ifndef PROXY_ROUTING_ROUTE_CACHE_H
#define PROXY_ROUTING_ROUTE_CACHE_H

#include "proxy/routing/route_table.h"

#include <stdatomic.h>
#include <stdint.h>

struct route_cache;

struct route_cache *route_cache_new(void);
void route_cache_free(struct route_cache *cache);

/* Replaces the current table. Takes the caller's reference. When it returns, every request whose
 * handling starts afterwards, on any worker, sees this table. */
void route_cache_publish(struct route_cache *cache, struct route_table *table);

/* The current table, or NULL before the first publish. Caller releases. */
struct route_table *route_cache_acquire(struct route_cache *cache);

/* --- a worker's view ------------------------------------------------------------------------ */

/* worker only */
struct route_cache_view {
    struct route_cache *cache;
    uint64_t generation;
    struct route_table *table; /* NULL before the first publish */
};

void route_cache_view_init(struct route_cache_view *view, struct route_cache *cache);
void route_cache_view_clear(struct route_cache_view *view);

/* The current table, or NULL before the first publish. Borrowed until the next call on this view:
 * a request that outlives it holds its rule and its backend. One relaxed-cost atomic load when
 * nothing has changed. Call it also when woken after a publish, to let the old table go. */
struct route_table *route_cache_view_table(struct route_cache_view *view);

#endif
