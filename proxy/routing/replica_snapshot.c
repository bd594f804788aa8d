#include "proxy/routing/replica_snapshot.h"

#include "proxy/routing/backend_slots.h"
#include "proxy/routing/route_replica_parts.h"

#include <stdatomic.h>
#include <stdlib.h>

/* The objects last as long as the table does: what is replaced or removed later waits, as it does
 * for workers, until no older table is held. */
struct replica_snapshot {
    /* immutable */
    struct route_table *table;
    struct hash_trie routes;
    struct hash_trie backends;
    char *epoch;
    uint64_t revision;
    uint64_t digest;

    /* atomic: the reader is done */
    atomic_bool is_released;

    /* control only */
    struct object_map old_routes; /* whose trie it shows, once the replica has another map */
    bool has_old_routes;
};

struct replica_snapshot *route_replica_snapshot(struct route_replica *replica)
{
    replica_collect_snapshot(replica);
    if (replica->snapshot != NULL)
        return NULL;

    struct replica_snapshot *snapshot = memory_allocate_zeroed(1, sizeof(*snapshot));
    if (replica->newest != NULL)
        route_table_acquire(replica->newest);
    snapshot->table = replica->newest;
    snapshot->routes = object_map_freeze(&replica->routes);
    snapshot->backends = object_map_freeze(backend_slots_objects(replica->backends));
    snapshot->epoch = memory_duplicate_string(replica->epoch);
    snapshot->revision = replica->revision;
    snapshot->digest = replica->digest;
    replica->snapshot = snapshot;
    return snapshot;
}

void replica_snapshot_release(struct replica_snapshot **snapshot)
{
    struct replica_snapshot *ours = *snapshot;
    if (ours == NULL)
        return;
    *snapshot = NULL;
    atomic_store_explicit(&ours->is_released, true, memory_order_release);
}

void replica_collect_snapshot(struct route_replica *replica)
{
    struct replica_snapshot *snapshot = replica->snapshot;
    if (snapshot == NULL || !atomic_load_explicit(&snapshot->is_released, memory_order_acquire))
        return;
    if (snapshot->has_old_routes) {
        object_map_thaw(&snapshot->old_routes);
        object_map_clear(&snapshot->old_routes, NULL, NULL);
    } else {
        object_map_thaw(&replica->routes);
    }
    object_map_thaw(backend_slots_objects(replica->backends));
    route_table_release(&snapshot->table);
    free(snapshot->epoch);
    free(snapshot);
    replica->snapshot = NULL;
}

void replica_drop_routes(struct route_replica *replica, struct object_map *old)
{
    if (old->is_frozen) {
        replica->snapshot->old_routes = *old;
        replica->snapshot->has_old_routes = true;
    } else {
        object_map_clear(old, NULL, NULL);
    }
}

/* --- reading -------------------------------------------------------------------------------- */

const char *replica_snapshot_epoch(const struct replica_snapshot *snapshot)
{
    return snapshot->epoch;
}

uint64_t replica_snapshot_revision(const struct replica_snapshot *snapshot)
{
    return snapshot->revision;
}

uint64_t replica_snapshot_digest(const struct replica_snapshot *snapshot)
{
    return snapshot->digest;
}

struct visit {
    replica_visit_fn *visit;
    void *context;
};

static void visit_route(void *context, void *value)
{
    const struct visit *visit = context;
    const struct route *route = value;
    visit->visit(visit->context, POINTSMAN__V1__OBJECT_KIND__OBJECT_KIND_ROUTE, route_id(route),
                 route_bytes(route));
}

static void visit_backend(void *context, void *value)
{
    const struct visit *visit = context;
    const struct backend_object *backend = value;
    visit->visit(visit->context, POINTSMAN__V1__OBJECT_KIND__OBJECT_KIND_BACKEND,
                 backend_object_name(backend), backend_object_bytes(backend));
}

void replica_snapshot_each(const struct replica_snapshot *snapshot, replica_visit_fn *visit,
                           void *context)
{
    struct visit each = {.visit = visit, .context = context};
    hash_trie_each(snapshot->routes, visit_route, &each);
    hash_trie_each(snapshot->backends, visit_backend, &each);
}
