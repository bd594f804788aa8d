#include "proxy/routing/route_replica.h"

#include "common/buffer.h"
#include "proxy/routing/backend_slots.h"
#include "proxy/routing/route_replica_parts.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* An update is compiled while it is staged, so that commit has only to decide and to apply. All
 * that can fail (objects that cannot be built, a digest that differs) is decided before anything
 * changes: applying cannot fail, and nothing is ever rolled back. A staged object whose bytes are
 * those we hold is the object we hold, so a snapshot after a reconnect costs little more than
 * comparing.
 *
 * One exception: a snapshot that comes when there are no routes, as at every start, goes into the
 * builder while it is staged, each route when it is still in the processor's cache. Nothing shows
 * the builder before the commit; what is refused is taken out again. */

/* --- applying: cannot fail ------------------------------------------------------------------ */

static void apply_route_removal(void *context, void *value)
{
    struct route_replica *replica = context;
    struct route *route = object_map_remove(&replica->routes, removal_name(value));
    if (route != NULL)
        replica_remove_from_table(replica, route);
}

static void apply_backend_removal(void *context, void *value)
{
    struct route_replica *replica = context;
    backend_slots_remove(replica->backends, removal_name(value));
}

/* What a snapshot does not name goes. The names are gathered first: a map is not changed while it
 * is walked. */
static void remove_route_if_absent(void *context, void *value)
{
    struct route_replica *replica = context;
    if (object_map_find(&replica->staged_routes, route_id(value)) == NULL)
        object_map_put(&replica->removed_routes, removal_new(route_id(value)));
}

static void remove_backend_if_absent(void *context, void *value)
{
    struct route_replica *replica = context;
    if (object_map_find(&replica->staged_backends, backend_object_name(value)) == NULL)
        object_map_put(&replica->removed_backends, removal_new(backend_object_name(value)));
}

static void free_each(void *context, void *value)
{
    (void)context;
    free(value);
}

static void gather_what_is_absent(struct route_replica *replica)
{
    object_map_clear(&replica->removed_routes, free_each, NULL);
    object_map_clear(&replica->removed_backends, free_each, NULL);
    object_map_each(&replica->routes, remove_route_if_absent, replica);
    object_map_each(backend_slots_objects(replica->backends), remove_backend_if_absent, replica);
}

/* What is staged becomes the slots'. */
static void apply_backend(void *context, void *value)
{
    struct route_replica *replica = context;
    struct backend_object *backend = value;
    const struct backend_object *held =
        object_map_find(backend_slots_objects(replica->backends), backend_object_name(backend));
    if (held != NULL && slice_equals(backend_object_bytes(held), backend_object_bytes(backend)))
        free(backend);
    else
        backend_slots_put(replica->backends, backend);
}

/* The staged reference becomes the table's. */
static void put_in_table(void *context, void *value)
{
    struct route_replica *replica = context;
    struct route *route = value;
    struct route *held = object_map_find(&replica->routes, route_id(route));
    if (held == route) {
        route_release(&route);
        return;
    }
    if (held != NULL)
        replica_remove_from_table(replica, held);
    route_table_builder_add(replica->builder, route);
}

static void put_in_map(void *context, void *value)
{
    struct route_replica *replica = context;
    object_map_put(&replica->routes, value);
}

/* The names of routes that were replaced are still read here: the table's builder lets nothing go
 * before the next publish. */
static void apply_routes(struct route_replica *replica)
{
    if (!replica->builds_early)
        object_map_each(&replica->staged_routes, put_in_table, replica);
    if (replica->is_snapshot) {
        /* All routes there are were staged: their map takes the place of ours. */
        struct object_map old = replica->routes;
        replica->routes = replica->staged_routes;
        object_map_init(&replica->staged_routes, old.name_of);
        replica_drop_routes(replica, &old);
    } else {
        object_map_each(&replica->staged_routes, put_in_map, replica);
        object_map_clear(&replica->staged_routes, NULL, NULL);
    }
}

static void apply_staged(struct route_replica *replica)
{
    if (replica->is_snapshot)
        gather_what_is_absent(replica);
    object_map_each(&replica->removed_routes, apply_route_removal, replica);
    object_map_each(&replica->removed_backends, apply_backend_removal, replica);
    object_map_each(&replica->staged_backends, apply_backend, replica);
    object_map_clear(&replica->staged_backends, NULL, NULL);
    apply_routes(replica);
    backend_slots_settle(replica->backends);
}

static void set_epoch(struct route_replica *replica, const char *epoch)
{
    if (strcmp(replica->epoch, epoch) == 0)
        return;
    free(replica->epoch);
    replica->epoch = memory_duplicate_string(epoch);
    route_table_builder_set_epoch(replica->builder, epoch);
}

/* --- commit --------------------------------------------------------------------------------- */

static void report_problems(const struct route_replica *replica, replica_report_fn *report,
                            void *context)
{
    for (size_t i = 0; i < replica->problems.count; i++) {
        const struct problem *problem = &replica->problems.problems[i];
        report(context, problem->kind, problem->name, problem->field, problem->message);
    }
}

bool route_replica_commit(struct route_replica *replica, const char *epoch, uint64_t revision,
                          uint64_t digest, bool keep_going, replica_report_fn *report,
                          void *context, struct route_table **table, struct error *err)
{
    if (!replica->is_staging)
        return error_set(err, ERROR_INTERNAL, "no update was begun");

    if (report != NULL)
        report_problems(replica, report, context);
    if (replica->problems.count > 0 && !keep_going) {
        const struct problem *first = &replica->problems.problems[0];
        error_set(err, ERROR_INVALID, "%s: %s %s", first->name, first->field, first->message);
        replica_clear_staged(replica);
        return false;
    }
    uint64_t result = replica->staged_digest;
    if (result != digest) {
        replica_clear_staged(replica);
        return error_set(err, ERROR_CORRUPT,
                         "the digest at revision %" PRIu64 " is %016" PRIx64
                         ", control says %016" PRIx64,
                         revision, result, digest);
    }

    apply_staged(replica);
    replica_clear_staged(replica);
    set_epoch(replica, epoch);
    replica->revision = revision;
    replica->digest = digest;
    *table = route_table_builder_publish(replica->builder, revision,
                                         backend_slots_count(replica->backends));
    route_table_release(&replica->newest);
    route_table_acquire(*table);
    replica->newest = *table;
    return true;
}

struct route_table *route_replica_refresh(struct route_replica *replica)
{
    if (!backend_slots_refresh(replica->backends))
        return NULL;
    struct route_table *table = route_table_builder_publish(replica->builder, replica->revision,
                                                            backend_slots_count(replica->backends));
    route_table_release(&replica->newest);
    route_table_acquire(table);
    replica->newest = table;
    return table;
}

void route_replica_collect(struct route_replica *replica)
{
    replica_collect_snapshot(replica);
    route_table_builder_collect(replica->builder);
}

/* --- the whole ------------------------------------------------------------------------------ */

struct route_replica *route_replica_new(struct endpoint_registry *endpoints)
{
    struct route_replica *replica = memory_allocate_zeroed(1, sizeof(*replica));
    replica->builder = route_table_builder_new();
    replica->backends = backend_slots_new(replica->builder, endpoints);
    replica->epoch = memory_duplicate_string("");
    replica_init_staged(replica);
    object_map_init(&replica->routes, replica->staged_routes.name_of);
    return replica;
}

static void release_each_route(void *context, void *value)
{
    (void)context;
    struct route *route = value;
    route_release(&route);
}

void route_replica_free(struct route_replica *replica)
{
    if (replica == NULL)
        return;
    replica_clear_staged(replica);
    prepared_objects_clear(&replica->prepared);
    replica_collect_snapshot(replica);
    assert(replica->snapshot == NULL);
    route_table_release(&replica->newest);
    route_table_builder_free(replica->builder);
    object_map_clear(&replica->routes, release_each_route, NULL);
    backend_slots_free(replica->backends);
    free(replica->epoch);
    free(replica);
}

/* --- where it stands ------------------------------------------------------------------------ */

const char *route_replica_epoch(const struct route_replica *replica)
{
    return replica->epoch;
}

uint64_t route_replica_revision(const struct route_replica *replica)
{
    return replica->revision;
}

uint64_t route_replica_digest(const struct route_replica *replica)
{
    return replica->digest;
}
