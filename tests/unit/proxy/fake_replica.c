#include "tests/unit/proxy/fake_replica.h"

#include "common/buffer.h"
#include "proto/object_digest.h"
#include "proxy/routing/prepared_objects.h"
#include "proxy/routing/replica_snapshot.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

enum { OBJECTS_MAX = 64 };

struct fake_object {
    Pointsman__V1__ObjectKind kind;
    struct buffer name;
    struct buffer bytes;
};

struct fake_objects {
    struct fake_object items[OBJECTS_MAX];
    size_t count;
};

struct route_replica {
    struct fake_objects held;
    struct fake_objects staged;
    char epoch[128];
    uint64_t revision;
    struct error next_error;
    struct error second_error;
    bool kept_going;
    atomic_bool has_snapshot;
    void (*on_snapshot_read)(void *context);
    void *on_snapshot_context;
};

/* Copies all; the test's replica is small. */
struct replica_snapshot {
    struct route_replica *replica;
    struct fake_objects objects;
    char epoch[128];
    uint64_t revision;
    uint64_t digest;
};

struct route_table {
    atomic_uint references;
    uint64_t revision;
    size_t count;
};

/* --- objects -------------------------------------------------------------------------------- */

static void objects_clear(struct fake_objects *objects)
{
    for (size_t i = 0; i < objects->count; i++) {
        buffer_clear(&objects->items[i].name);
        buffer_clear(&objects->items[i].bytes);
    }
    objects->count = 0;
}

static void objects_put(struct fake_objects *objects, Pointsman__V1__ObjectKind kind,
                        struct slice name, bool deleted, struct slice bytes)
{
    size_t at = 0;
    while (at < objects->count && !(objects->items[at].kind == kind &&
                                    slice_equals(buffer_slice(&objects->items[at].name), name)))
        at++;
    if (at < objects->count) {
        buffer_clear(&objects->items[at].name);
        buffer_clear(&objects->items[at].bytes);
        objects->items[at] = objects->items[--objects->count];
    }
    if (deleted)
        return;
    if (objects->count == OBJECTS_MAX)
        abort();
    struct fake_object *added = &objects->items[objects->count++];
    *added = (struct fake_object){.kind = kind};
    buffer_append_slice(&added->name, name);
    buffer_append_slice(&added->bytes, bytes);
}

/* --- the replica ---------------------------------------------------------------------------- */

struct route_replica *route_replica_new(struct endpoint_registry *endpoints)
{
    (void)endpoints;
    return memory_allocate_zeroed(1, sizeof(struct route_replica));
}

void route_replica_free(struct route_replica *replica)
{
    objects_clear(&replica->held);
    objects_clear(&replica->staged);
    free(replica);
}

bool route_replica_begin(struct route_replica *replica, bool is_snapshot, uint64_t base_revision,
                         struct error *err)
{
    objects_clear(&replica->staged);
    if (!is_snapshot && base_revision != replica->revision)
        return error_set(err, ERROR_CONFLICT, "not what is held");
    for (size_t i = 0; !is_snapshot && i < replica->held.count; i++) {
        const struct fake_object *object = &replica->held.items[i];
        objects_put(&replica->staged, object->kind, buffer_slice(&object->name), false,
                    buffer_slice(&object->bytes));
    }
    return true;
}

void route_replica_stage(struct route_replica *replica, Pointsman__V1__ObjectKind kind,
                         struct slice name, bool deleted, struct slice bytes)
{
    objects_put(&replica->staged, kind, name, deleted, bytes);
}

static uint64_t digest_of(const struct fake_objects *objects)
{
    uint64_t digest = 0;
    for (size_t i = 0; i < objects->count; i++)
        digest += object_digest(objects->items[i].kind, buffer_slice(&objects->items[i].name),
                                buffer_slice(&objects->items[i].bytes));
    return digest;
}

bool route_replica_commit(struct route_replica *replica, const char *epoch, uint64_t revision,
                          uint64_t digest, bool keep_going, replica_report_fn *report,
                          void *context, struct route_table **table, struct error *err)
{
    replica->kept_going = keep_going;
    struct error failure = replica->next_error;
    replica->next_error = replica->second_error;
    replica->second_error = (struct error){0};
    if (failure.code != ERROR_NONE) {
        report(context, POINTSMAN__V1__OBJECT_KIND__OBJECT_KIND_ROUTE, "users", "rules[0]",
               failure.message);
        *err = failure;
        return false;
    }
    if (digest_of(&replica->staged) != digest)
        return error_set(err, ERROR_CORRUPT, "the digest differs");

    struct fake_objects old = replica->held;
    replica->held = replica->staged;
    replica->staged = old;
    objects_clear(&replica->staged);
    fake_replica_set(replica, epoch, revision);

    *table = memory_allocate_zeroed(1, sizeof(**table));
    atomic_init(&(*table)->references, 1);
    (*table)->revision = revision;
    (*table)->count = replica->held.count;
    return true;
}

struct route_table *route_replica_refresh(struct route_replica *replica)
{
    (void)replica;
    return NULL;
}

void route_replica_collect(struct route_replica *replica)
{
    (void)replica;
}

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
    return digest_of(&replica->held);
}

/* --- prepared objects: not compiled, only kept ---------------------------------------------- */

void prepared_objects_add(struct prepared_objects *objects, Pointsman__V1__ObjectKind kind,
                          struct slice name, struct slice bytes)
{
    struct fake_object *kept = memory_allocate_zeroed(1, sizeof(*kept));
    kept->kind = kind;
    buffer_append_slice(&kept->name, name);
    buffer_append_slice(&kept->bytes, bytes);

    size_t room = (objects->count + 1) * sizeof(struct prepared_object);
    objects->items = memory_reallocate(objects->items, room);
    objects->items[objects->count++] =
        (struct prepared_object){.backend = (struct backend_object *)kept};
}

void prepared_objects_clear(struct prepared_objects *objects)
{
    for (size_t i = 0; i < objects->count; i++) {
        struct fake_object *kept = (struct fake_object *)objects->items[i].backend;
        buffer_clear(&kept->name);
        buffer_clear(&kept->bytes);
        free(kept);
    }
    free(objects->items);
    *objects = (struct prepared_objects){.count = 0};
}

void route_replica_stage_prepared(struct route_replica *replica, struct prepared_objects *objects)
{
    for (size_t i = 0; i < objects->count; i++) {
        const struct fake_object *kept = (struct fake_object *)objects->items[i].backend;
        objects_put(&replica->staged, kept->kind, buffer_slice(&kept->name), false,
                    buffer_slice(&kept->bytes));
    }
    prepared_objects_clear(objects);
}

/* --- snapshots ------------------------------------------------------------------------------ */

struct replica_snapshot *route_replica_snapshot(struct route_replica *replica)
{
    if (atomic_exchange(&replica->has_snapshot, true))
        return NULL;
    struct replica_snapshot *snapshot = memory_allocate_zeroed(1, sizeof(*snapshot));
    snapshot->replica = replica;
    snprintf(snapshot->epoch, sizeof(snapshot->epoch), "%s", replica->epoch);
    snapshot->revision = replica->revision;
    snapshot->digest = digest_of(&replica->held);
    for (size_t i = 0; i < replica->held.count; i++) {
        const struct fake_object *object = &replica->held.items[i];
        objects_put(&snapshot->objects, object->kind, buffer_slice(&object->name), false,
                    buffer_slice(&object->bytes));
    }
    return snapshot;
}

void replica_snapshot_release(struct replica_snapshot **snapshot)
{
    struct replica_snapshot *ours = *snapshot;
    if (ours == NULL)
        return;
    *snapshot = NULL;
    objects_clear(&ours->objects);
    atomic_store(&ours->replica->has_snapshot, false);
    free(ours);
}

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

void replica_snapshot_each(const struct replica_snapshot *snapshot, replica_visit_fn *visit,
                           void *context)
{
    if (snapshot->replica->on_snapshot_read != NULL)
        snapshot->replica->on_snapshot_read(snapshot->replica->on_snapshot_context);
    for (size_t i = 0; i < snapshot->objects.count; i++) {
        const struct fake_object *object = &snapshot->objects.items[i];
        visit(context, object->kind, buffer_slice(&object->name), buffer_slice(&object->bytes));
    }
}

/* --- tables --------------------------------------------------------------------------------- */

void route_table_acquire(struct route_table *table)
{
    atomic_fetch_add(&table->references, 1);
}

void route_table_release(struct route_table **table)
{
    struct route_table *ours = *table;
    *table = NULL;
    if (ours != NULL && atomic_fetch_sub(&ours->references, 1) == 1)
        free(ours);
}

uint64_t route_table_revision(const struct route_table *table)
{
    return table->revision;
}

size_t route_table_route_count(const struct route_table *table)
{
    return table->count;
}

size_t route_table_backend_count(const struct route_table *table)
{
    (void)table;
    return 0;
}

/* --- what tests ask ------------------------------------------------------------------------- */

void fake_replica_fail_commit(struct route_replica *replica, enum error_code code,
                              const char *message)
{
    error_set(&replica->next_error, code, "%s", message);
}

void fake_replica_fail_second_commit(struct route_replica *replica, enum error_code code,
                                     const char *message)
{
    error_set(&replica->second_error, code, "%s", message);
}

size_t fake_replica_count(const struct route_replica *replica)
{
    return replica->held.count;
}

bool fake_replica_kept_going(const struct route_replica *replica)
{
    return replica->kept_going;
}

bool fake_replica_has_snapshot(const struct route_replica *replica)
{
    return atomic_load(&replica->has_snapshot);
}

void fake_replica_on_snapshot_read(struct route_replica *replica, void (*on_read)(void *context),
                                   void *context)
{
    replica->on_snapshot_read = on_read;
    replica->on_snapshot_context = context;
}

void fake_replica_set(struct route_replica *replica, const char *epoch, uint64_t revision)
{
    snprintf(replica->epoch, sizeof(replica->epoch), "%s", epoch);
    replica->revision = revision;
}

void fake_replica_remove(struct route_replica *replica, Pointsman__V1__ObjectKind kind,
                         const char *name)
{
    objects_put(&replica->held, kind, slice_from_string(name), true, slice_of(NULL, 0));
}

void fake_replica_put(struct route_replica *replica, Pointsman__V1__ObjectKind kind,
                      const char *name, struct slice bytes)
{
    objects_put(&replica->held, kind, slice_from_string(name), false, bytes);
}

void route_table_each_backend(const struct route_table *table, route_table_visit_fn *visit,
                              void *context)
{
    (void)table;
    (void)visit;
    (void)context;
}
