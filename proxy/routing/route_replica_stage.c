/* The staging half of route_replica.h. */
#include "proto/object_digest.h"
#include "proxy/routing/backend_slots.h"
#include "proxy/routing/route_replica_parts.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define ROUTE POINTSMAN__V1__OBJECT_KIND__OBJECT_KIND_ROUTE
#define BACKEND POINTSMAN__V1__OBJECT_KIND__OBJECT_KIND_BACKEND

static struct slice name_of_route(const void *object)
{
    return route_id(object);
}

static struct slice name_of_backend(const void *object)
{
    return backend_object_name(object);
}

static struct slice name_of_removal(const void *object)
{
    return removal_name(object);
}

/* --- letting go ----------------------------------------------------------------------------- */

static void stop_using_backend(void *context, uint32_t backend_index)
{
    struct route_replica *replica = context;
    backend_slots_stop_using(replica->backends, backend_index);
}

void replica_remove_from_table(struct route_replica *replica, struct route *route)
{
    route_each_backend_index(route, stop_using_backend, replica);
    route_table_builder_remove(replica->builder, route);
}

static void drop_staged_route(struct route_replica *replica, struct route *route)
{
    if (replica->builds_early) {
        replica_remove_from_table(replica, route);
        return;
    }
    if (object_map_find(&replica->routes, route_id(route)) != route)
        route_each_backend_index(route, stop_using_backend, replica);
    route_release(&route);
}

static void drop_each_staged_route(void *context, void *value)
{
    drop_staged_route(context, value);
}

static void free_each(void *context, void *value)
{
    (void)context;
    free(value);
}

void replica_init_staged(struct route_replica *replica)
{
    object_map_init(&replica->staged_routes, name_of_route);
    object_map_init(&replica->staged_backends, name_of_backend);
    object_map_init(&replica->removed_routes, name_of_removal);
    object_map_init(&replica->removed_backends, name_of_removal);
}

void replica_clear_staged(struct route_replica *replica)
{
    object_map_clear(&replica->staged_routes, drop_each_staged_route, replica);
    object_map_clear(&replica->staged_backends, free_each, NULL);
    object_map_clear(&replica->removed_routes, free_each, NULL);
    object_map_clear(&replica->removed_backends, free_each, NULL);
    problem_list_clear(&replica->problems);
    replica->is_staging = false;
    replica->builds_early = false;
}

/* --- the digest that would result ----------------------------------------------------------- */

/* What an update takes away by naming an object: a snapshot starts from nothing. 0 when we hold
 * no such object. */
static uint64_t route_digest_held(const struct route_replica *replica, struct slice name)
{
    const struct route *held =
        replica->is_snapshot ? NULL : object_map_find(&replica->routes, name);
    return held == NULL ? 0 : object_digest(ROUTE, name, route_bytes(held));
}

static uint64_t backend_digest_held(const struct route_replica *replica, struct slice name)
{
    const struct backend_object *held =
        replica->is_snapshot ? NULL
                             : object_map_find(backend_slots_objects(replica->backends), name);
    return held == NULL ? 0 : object_digest(BACKEND, name, backend_object_bytes(held));
}

/* --- staging -------------------------------------------------------------------------------- */

struct removal *removal_new(struct slice name)
{
    struct removal *removal = memory_allocate(sizeof(*removal) + name.length);
    removal->name_length = (uint16_t)name.length;
    memcpy(removal->name, name.at, name.length);
    return removal;
}

/* The reference becomes ours. The last word on a name counts, so what was said before goes. */
static void put_route(struct route_replica *replica, struct route *route, uint64_t digest)
{
    struct slice name = route_id(route);
    struct removal *removal = object_map_remove(&replica->removed_routes, name);
    struct route *old = object_map_put(&replica->staged_routes, route);
    replica->staged_digest += digest;
    if (old != NULL) {
        replica->staged_digest -= object_digest(ROUTE, name, route_bytes(old));
        drop_staged_route(replica, old);
    } else if (removal == NULL) {
        replica->staged_digest -= route_digest_held(replica, name);
    }
    free(removal);
    if (replica->builds_early)
        route_table_builder_add(replica->builder, route);
}

static void put_backend(struct route_replica *replica, struct backend_object *backend,
                        uint64_t digest)
{
    struct slice name = backend_object_name(backend);
    struct removal *removal = object_map_remove(&replica->removed_backends, name);
    struct backend_object *old = object_map_put(&replica->staged_backends, backend);
    replica->staged_digest += digest;
    if (old != NULL)
        replica->staged_digest -= object_digest(BACKEND, name, backend_object_bytes(old));
    else if (removal == NULL)
        replica->staged_digest -= backend_digest_held(replica, name);
    free(old);
    free(removal);
}

static void remove_route(struct route_replica *replica, struct slice name)
{
    struct removal *removal = object_map_put(&replica->removed_routes, removal_new(name));
    struct route *old = object_map_remove(&replica->staged_routes, name);
    if (old != NULL) {
        replica->staged_digest -= object_digest(ROUTE, name, route_bytes(old));
        drop_staged_route(replica, old);
    } else if (removal == NULL) {
        replica->staged_digest -= route_digest_held(replica, name);
    }
    free(removal);
}

static void remove_backend(struct route_replica *replica, struct slice name)
{
    struct removal *removal = object_map_put(&replica->removed_backends, removal_new(name));
    struct backend_object *old = object_map_remove(&replica->staged_backends, name);
    if (old != NULL)
        replica->staged_digest -= object_digest(BACKEND, name, backend_object_bytes(old));
    else if (removal == NULL)
        replica->staged_digest -= backend_digest_held(replica, name);
    free(old);
    free(removal);
}

/* --- what was prepared ---------------------------------------------------------------------- */

static uint32_t index_of_reference(void *context, uint32_t number)
{
    return ((const uint32_t *)context)[number];
}

/* The ports give way to the indexes. */
static void use_backends(struct route_replica *replica, struct prepared_objects *objects)
{
    const char *name = objects->reference_names.at;
    for (uint32_t i = 0; i < objects->reference_count; i++) {
        objects->reference_ports[i] =
            backend_slots_use(replica->backends, name, objects->reference_ports[i]);
        name += strlen(name) + 1;
    }
}

void route_replica_stage_prepared(struct route_replica *replica, struct prepared_objects *objects)
{
    use_backends(replica, objects);
    for (size_t i = 0; i < objects->count; i++) {
        const struct prepared_object *object = &objects->items[i];
        if (object->route == NULL) {
            put_backend(replica, object->backend, object->digest);
            continue;
        }
        route_bind_backends(object->route, index_of_reference, objects->reference_ports);
        put_route(replica, object->route, object->digest);
    }
    problem_list_move(&replica->problems, &objects->problems);
    prepared_objects_reset(objects);
}

/* --- one by one ----------------------------------------------------------------------------- */

static void stage_removal(struct route_replica *replica, Pointsman__V1__ObjectKind kind,
                          struct slice name)
{
    if (!object_is_addressable(&replica->problems, kind, name))
        return;
    if (kind == ROUTE)
        remove_route(replica, name);
    else
        remove_backend(replica, name);
}

void route_replica_stage(struct route_replica *replica, Pointsman__V1__ObjectKind kind,
                         struct slice name, bool deleted, struct slice bytes)
{
    if (deleted) {
        stage_removal(replica, kind, name);
        return;
    }
    struct route *held = kind == ROUTE ? object_map_find(&replica->routes, name) : NULL;
    if (held != NULL && slice_equals(route_bytes(held), bytes)) {
        route_acquire(held);
        put_route(replica, held, object_digest(ROUTE, name, bytes));
        return;
    }
    prepared_objects_add(&replica->prepared, kind, name, bytes);
    route_replica_stage_prepared(replica, &replica->prepared);
}

bool route_replica_begin(struct route_replica *replica, bool is_snapshot, uint64_t base_revision,
                         struct error *err)
{
    replica_clear_staged(replica);
    if (!is_snapshot && base_revision != replica->revision)
        return error_set(err, ERROR_CONFLICT,
                         "the update builds on revision %" PRIu64 ", held is %" PRIu64,
                         base_revision, replica->revision);
    replica->is_staging = true;
    replica->is_snapshot = is_snapshot;
    replica->builds_early = is_snapshot && object_map_is_empty(&replica->routes);
    replica->staged_digest = is_snapshot ? 0 : replica->digest;
    return true;
}
