#include "proxy/routing/route_replica.h"

#include "common/buffer.h"
#include "proto/message.h"
#include "proto/object_digest.h"
#include "proxy/routing/backend_slots.h"
#include "proxy/routing/object_map.h"
#include "proxy/routing/problem_list.h"
#include "proxy/routing/route_validate.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* An update is compiled while it is staged, so that commit has only to decide and to apply. All
 * that can fail (objects that cannot be built, a digest that differs) is decided before anything
 * changes: applying cannot fail, and nothing is ever rolled back. A staged object whose bytes are
 * those we hold is the object we hold, so a snapshot after a reconnect costs little more than
 * comparing. */

/* --- what is staged ------------------------------------------------------------------------- */

struct staged_backend {
    bool is_broken;
    uint16_t name_length;
    uint32_t byte_count;
    char text[]; /* the name, then the bytes */
};

static struct slice staged_name(const struct staged_backend *backend)
{
    return slice_of(backend->text, backend->name_length);
}

static struct slice staged_bytes(const struct staged_backend *backend)
{
    return slice_of(backend->text + backend->name_length, backend->byte_count);
}

/* An object that is to go. */
struct removal {
    uint16_t name_length;
    char name[];
};

static struct slice removal_name(const struct removal *removal)
{
    return slice_of(removal->name, removal->name_length);
}

static struct slice name_of_route(const void *object)
{
    return route_name(object);
}

static struct slice name_of_staged_backend(const void *object)
{
    return staged_name(object);
}

static struct slice name_of_removal(const void *object)
{
    return removal_name(object);
}

struct route_replica {
    struct route_table_builder *builder;
    struct backend_slots *backends;
    struct object_map routes;
    char *epoch;
    uint64_t revision;
    uint64_t digest;

    /* staged */
    bool is_staging;
    bool is_snapshot;
    struct object_map staged_routes; /* each holds a reference */
    struct object_map staged_backends;
    struct object_map removed_routes;
    struct object_map removed_backends;
    struct problem_list problems;
};

/* --- staging -------------------------------------------------------------------------------- */

static void stop_using_backend(void *context, uint32_t backend_index)
{
    struct route_replica *replica = context;
    backend_slots_stop_using(replica->backends, backend_index);
}

/* One reference less for each of a route that is let go. */
static void stop_using_backends(struct route_replica *replica, const struct route *route)
{
    route_each_backend_index(route, stop_using_backend, replica);
}

/* Lets a staged route go that is not the one we hold. */
static void drop_staged_route(struct route_replica *replica, struct route *route)
{
    if (object_map_find(&replica->routes, route_name(route)) != route)
        stop_using_backends(replica, route);
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

static void clear_staged(struct route_replica *replica)
{
    object_map_clear(&replica->staged_routes, drop_each_staged_route, replica);
    object_map_clear(&replica->staged_backends, free_each, NULL);
    object_map_clear(&replica->removed_routes, free_each, NULL);
    object_map_clear(&replica->removed_backends, free_each, NULL);
    problem_list_clear(&replica->problems);
    replica->is_staging = false;
}

/* NULL, and a problem noted, when the bytes are no message. */
static ProtobufCMessage *unpack_object(struct problem_site *site,
                                       const ProtobufCMessageDescriptor *descriptor,
                                       struct slice bytes)
{
    struct error err = {0};
    ProtobufCMessage *message = message_unpack(descriptor, bytes, MESSAGE_MEMORY_APPLY, true, &err);
    if (message == NULL)
        problem_list_note(site, "", err.message);
    return message;
}

static struct route *compile_route(struct route_replica *replica, struct slice name,
                                   struct slice bytes)
{
    struct problem_site site = {&replica->problems, POINTSMAN__V1__OBJECT_KIND__OBJECT_KIND_ROUTE,
                                name};
    ProtobufCMessage *message = unpack_object(&site, &pointsman__v1__route__descriptor, bytes);
    if (message == NULL)
        return route_new_unreadable(name, bytes);

    struct route *route;
    const RouteMessage *route_message = (const RouteMessage *)message;
    if (slice_equals(slice_from_string(route_message->name), name)) {
        bool is_valid = route_validate(route_message, problem_list_note, &site);
        route = route_new(route_message, bytes, !is_valid, backend_slots_use, replica->backends);
    } else {
        problem_list_note(&site, "name", "is not the name it was sent under");
        route = route_new_unreadable(name, bytes);
    }
    message_free(message);
    return route;
}

static void unstage(struct object_map *map, struct slice name)
{
    void *object = object_map_find(map, name);
    if (object == NULL)
        return;
    object_map_remove(map, object);
    free(object);
}

/* What was said of this name before in the same update: the last word counts. */
static void unstage_route(struct route_replica *replica, struct slice name)
{
    unstage(&replica->removed_routes, name);
    struct route *route = object_map_find(&replica->staged_routes, name);
    if (route == NULL)
        return;
    object_map_remove(&replica->staged_routes, route);
    drop_staged_route(replica, route);
}

static void unstage_backend(struct route_replica *replica, struct slice name)
{
    unstage(&replica->removed_backends, name);
    unstage(&replica->staged_backends, name);
}

static void stage_route(struct route_replica *replica, struct slice name, struct slice bytes)
{
    struct route *route = object_map_find(&replica->routes, name);
    if (route != NULL && slice_equals(route_bytes(route), bytes))
        route_acquire(route);
    else
        route = compile_route(replica, name, bytes);
    object_map_add(&replica->staged_routes, route);
}

static bool is_backend_valid(struct route_replica *replica, struct slice name, struct slice bytes)
{
    struct problem_site site = {&replica->problems, POINTSMAN__V1__OBJECT_KIND__OBJECT_KIND_BACKEND,
                                name};
    ProtobufCMessage *message = unpack_object(&site, &pointsman__v1__backend__descriptor, bytes);
    if (message == NULL)
        return false;

    const BackendMessage *backend = (const BackendMessage *)message;
    bool is_valid = slice_equals(slice_from_string(backend->name), name);
    if (!is_valid)
        problem_list_note(&site, "name", "is not the name it was sent under");
    is_valid = backend_validate(backend, problem_list_note, &site) && is_valid;
    message_free(message);
    return is_valid;
}

static void stage_backend(struct route_replica *replica, struct slice name, struct slice bytes)
{
    struct staged_backend *backend = memory_allocate(sizeof(*backend) + name.length + bytes.length);
    backend->is_broken = !is_backend_valid(replica, name, bytes);
    backend->name_length = (uint16_t)name.length;
    backend->byte_count = (uint32_t)bytes.length;
    memcpy(backend->text, name.at, name.length);
    if (bytes.length > 0)
        memcpy(backend->text + name.length, bytes.at, bytes.length);
    object_map_add(&replica->staged_backends, backend);
}

static void stage_removal(struct object_map *removals, struct slice name)
{
    struct removal *removal = memory_allocate(sizeof(*removal) + name.length);
    removal->name_length = (uint16_t)name.length;
    memcpy(removal->name, name.at, name.length);
    object_map_add(removals, removal);
}

bool route_replica_begin(struct route_replica *replica, bool is_snapshot, uint64_t base_revision,
                         struct error *err)
{
    clear_staged(replica);
    if (!is_snapshot && base_revision != replica->revision)
        return error_set(err, ERROR_CONFLICT,
                         "the update builds on revision %" PRIu64 ", held is %" PRIu64,
                         base_revision, replica->revision);
    replica->is_staging = true;
    replica->is_snapshot = is_snapshot;
    return true;
}

void route_replica_stage(struct route_replica *replica, Pointsman__V1__ObjectKind kind,
                         struct slice name, bool deleted, struct slice bytes)
{
    struct problem_site site = {&replica->problems, kind, name};
    if (name.length == 0 || name.length >= OBJECT_NAME_BYTES) {
        problem_list_note(&site, "name", "must have 1 to 507 characters");
        return;
    }
    if (kind != POINTSMAN__V1__OBJECT_KIND__OBJECT_KIND_ROUTE &&
        kind != POINTSMAN__V1__OBJECT_KIND__OBJECT_KIND_BACKEND) {
        problem_list_note(&site, "kind", "is unknown");
        return;
    }

    bool is_route = kind == POINTSMAN__V1__OBJECT_KIND__OBJECT_KIND_ROUTE;
    if (is_route)
        unstage_route(replica, name);
    else
        unstage_backend(replica, name);

    if (deleted)
        stage_removal(is_route ? &replica->removed_routes : &replica->removed_backends, name);
    else if (is_route)
        stage_route(replica, name, bytes);
    else
        stage_backend(replica, name, bytes);
}

/* --- the digest that would result ----------------------------------------------------------- */

static uint64_t route_digest(struct slice name, struct slice bytes)
{
    return object_digest(POINTSMAN__V1__OBJECT_KIND__OBJECT_KIND_ROUTE, name, bytes);
}

static uint64_t backend_digest(struct slice name, struct slice bytes)
{
    return object_digest(POINTSMAN__V1__OBJECT_KIND__OBJECT_KIND_BACKEND, name, bytes);
}

/* 0 when we hold no such object. */
static uint64_t held_route_digest(const struct route_replica *replica, struct slice name)
{
    const struct route *route = object_map_find(&replica->routes, name);
    return route == NULL ? 0 : route_digest(name, route_bytes(route));
}

static uint64_t held_backend_digest(const struct route_replica *replica, struct slice name)
{
    struct slice bytes = backend_slots_bytes(replica->backends, name);
    return bytes.at == NULL ? 0 : backend_digest(name, bytes);
}

struct digest_sum {
    const struct route_replica *replica;
    uint64_t digest;
};

static void add_route_digest(void *context, void *value)
{
    struct digest_sum *sum = context;
    const struct route *route = value;
    sum->digest += route_digest(route_name(route), route_bytes(route));
    if (!sum->replica->is_snapshot)
        sum->digest -= held_route_digest(sum->replica, route_name(route));
}

static void add_backend_digest(void *context, void *value)
{
    struct digest_sum *sum = context;
    const struct staged_backend *backend = value;
    sum->digest += backend_digest(staged_name(backend), staged_bytes(backend));
    if (!sum->replica->is_snapshot)
        sum->digest -= held_backend_digest(sum->replica, staged_name(backend));
}

static void subtract_route_digest(void *context, void *value)
{
    struct digest_sum *sum = context;
    sum->digest -= held_route_digest(sum->replica, removal_name(value));
}

static void subtract_backend_digest(void *context, void *value)
{
    struct digest_sum *sum = context;
    sum->digest -= held_backend_digest(sum->replica, removal_name(value));
}

static uint64_t resulting_digest(const struct route_replica *replica)
{
    struct digest_sum sum = {.replica = replica};
    if (!replica->is_snapshot) {
        sum.digest = replica->digest;
        object_map_each(&replica->removed_routes, subtract_route_digest, &sum);
        object_map_each(&replica->removed_backends, subtract_backend_digest, &sum);
    }
    object_map_each(&replica->staged_routes, add_route_digest, &sum);
    object_map_each(&replica->staged_backends, add_backend_digest, &sum);
    return sum.digest;
}

/* --- applying: cannot fail ------------------------------------------------------------------ */

static void remove_from_table(struct route_replica *replica, struct route *route)
{
    stop_using_backends(replica, route);
    route_table_builder_remove(replica->builder, route);
}

static void apply_route_removal(void *context, void *value)
{
    struct route_replica *replica = context;
    struct route *route = object_map_find(&replica->routes, removal_name(value));
    if (route == NULL)
        return;
    object_map_remove(&replica->routes, route);
    remove_from_table(replica, route);
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
    if (object_map_find(&replica->staged_routes, route_name(value)) == NULL)
        stage_removal(&replica->removed_routes, route_name(value));
}

static void remove_backend_if_absent(void *context, struct slice name, struct slice bytes)
{
    (void)bytes;
    struct route_replica *replica = context;
    if (object_map_find(&replica->staged_backends, name) == NULL)
        stage_removal(&replica->removed_backends, name);
}

static void gather_what_is_absent(struct route_replica *replica)
{
    object_map_clear(&replica->removed_routes, free_each, NULL);
    object_map_clear(&replica->removed_backends, free_each, NULL);
    object_map_each(&replica->routes, remove_route_if_absent, replica);
    backend_slots_each(replica->backends, remove_backend_if_absent, replica);
}

static void apply_backend(void *context, void *value)
{
    struct route_replica *replica = context;
    const struct staged_backend *backend = value;
    struct slice held = backend_slots_bytes(replica->backends, staged_name(backend));
    if (held.at == NULL || !slice_equals(held, staged_bytes(backend)))
        backend_slots_put(replica->backends, staged_name(backend), staged_bytes(backend),
                          backend->is_broken);
}

/* The staged reference becomes the table's. */
static void put_in_table(void *context, void *value)
{
    struct route_replica *replica = context;
    struct route *route = value;
    struct route *held = object_map_find(&replica->routes, route_name(route));
    if (held == route) {
        route_release(&route);
        return;
    }
    if (held != NULL)
        remove_from_table(replica, held);
    route_table_builder_add(replica->builder, route);
}

static void put_in_map(void *context, void *value)
{
    struct route_replica *replica = context;
    struct route *held = object_map_find(&replica->routes, route_name(value));
    if (held != NULL)
        object_map_remove(&replica->routes, held);
    object_map_add(&replica->routes, value);
}

/* The names of routes that were replaced are still read here: the table's builder lets nothing go
 * before the next publish. */
static void apply_routes(struct route_replica *replica)
{
    object_map_each(&replica->staged_routes, put_in_table, replica);
    if (replica->is_snapshot) {
        /* All routes there are were staged: their map takes the place of ours. */
        struct object_map old = replica->routes;
        replica->routes = replica->staged_routes;
        replica->staged_routes = old;
    } else {
        object_map_each(&replica->staged_routes, put_in_map, replica);
    }
    object_map_clear(&replica->staged_routes, NULL, NULL);
}

static void apply_staged(struct route_replica *replica)
{
    if (replica->is_snapshot)
        gather_what_is_absent(replica);
    object_map_each(&replica->removed_routes, apply_route_removal, replica);
    object_map_each(&replica->removed_backends, apply_backend_removal, replica);
    object_map_each(&replica->staged_backends, apply_backend, replica);
    apply_routes(replica);
    backend_slots_settle(replica->backends);
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
        clear_staged(replica);
        return false;
    }
    uint64_t result = resulting_digest(replica);
    if (result != digest) {
        clear_staged(replica);
        return error_set(err, ERROR_CORRUPT,
                         "the digest at revision %" PRIu64 " is %016" PRIx64
                         ", control says %016" PRIx64,
                         revision, result, digest);
    }

    apply_staged(replica);
    clear_staged(replica);
    free(replica->epoch);
    replica->epoch = memory_duplicate_string(epoch);
    replica->revision = revision;
    replica->digest = digest;
    *table = route_table_builder_publish(replica->builder, revision,
                                         backend_slots_count(replica->backends));
    return true;
}

void route_replica_collect(struct route_replica *replica)
{
    route_table_builder_collect(replica->builder);
}

/* --- the whole ------------------------------------------------------------------------------ */

struct route_replica *route_replica_new(struct endpoint_registry *endpoints)
{
    struct route_replica *replica = memory_allocate_zeroed(1, sizeof(*replica));
    replica->builder = route_table_builder_new();
    replica->backends = backend_slots_new(replica->builder, endpoints);
    replica->epoch = memory_duplicate_string("");
    object_map_init(&replica->routes, name_of_route);
    object_map_init(&replica->staged_routes, name_of_route);
    object_map_init(&replica->staged_backends, name_of_staged_backend);
    object_map_init(&replica->removed_routes, name_of_removal);
    object_map_init(&replica->removed_backends, name_of_removal);
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
    clear_staged(replica);
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

struct visit {
    replica_visit_fn *visit;
    void *context;
};

static void visit_route(void *context, void *value)
{
    const struct visit *visit = context;
    const struct route *route = value;
    visit->visit(visit->context, POINTSMAN__V1__OBJECT_KIND__OBJECT_KIND_ROUTE, route_name(route),
                 route_bytes(route));
}

static void visit_backend(void *context, struct slice name, struct slice bytes)
{
    const struct visit *visit = context;
    visit->visit(visit->context, POINTSMAN__V1__OBJECT_KIND__OBJECT_KIND_BACKEND, name, bytes);
}

void route_replica_each(const struct route_replica *replica, replica_visit_fn *visit, void *context)
{
    struct visit each = {.visit = visit, .context = context};
    object_map_each(&replica->routes, visit_route, &each);
    backend_slots_each(replica->backends, visit_backend, &each);
}
