#include "proxy/routing/route_replica.h"

#include "common/buffer.h"
#include "common/hash.h"
#include "proto/message.h"
#include "proto/object_digest.h"
#include "proxy/routing/backend_slots.h"
#include "proxy/routing/hash_trie.h"
#include "proxy/routing/route_validate.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* An update is compiled while it is staged, so that commit has only to decide and to apply. All
 * that can fail (objects that cannot be built, a digest that differs) is decided before anything
 * changes: applying cannot fail, and nothing is ever rolled back. A staged object whose bytes are
 * those we hold is the object we hold, so a snapshot after a reconnect costs little more than
 * comparing. */

enum { NAME_SEED = 8, MAX_PROBLEMS = 1000 };

/* --- objects by name ------------------------------------------------------------------------ */

/* A map of its own, never published, so all changes are in place. */
struct object_map {
    struct node_store store;
    struct hash_trie by_name;
    size_t count;
};

static uint64_t name_hash(struct slice name)
{
    return hash_bytes(name.at, name.length, NAME_SEED);
}

static void map_init(struct object_map *map)
{
    *map = (struct object_map){0};
    node_store_init(&map->store);
}

static void map_add(struct object_map *map, struct slice name, void *object)
{
    hash_trie_add(&map->by_name, &map->store, name_hash(name), object);
    map->count++;
}

static void map_remove(struct object_map *map, struct slice name, void *object)
{
    hash_trie_remove(&map->by_name, &map->store, name_hash(name), object);
    map->count--;
}

static void map_clear(struct object_map *map)
{
    hash_trie_discard(&map->by_name, &map->store);
    node_store_clear(&map->store);
    map_init(map);
}

static struct route *find_route(const struct object_map *routes, struct slice name)
{
    uint64_t hash = name_hash(name);
    const struct trie_leaf *leaf = hash_trie_leaf(routes->by_name, hash);
    for (size_t i = 0; leaf != NULL && i < leaf->node.count; i++) {
        struct route *route = leaf->entries[i].value;
        if (leaf->entries[i].hash == hash && slice_equals(route_name(route), name))
            return route;
    }
    return NULL;
}

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

static struct staged_backend *find_staged_backend(const struct object_map *backends,
                                                  struct slice name)
{
    uint64_t hash = name_hash(name);
    const struct trie_leaf *leaf = hash_trie_leaf(backends->by_name, hash);
    for (size_t i = 0; leaf != NULL && i < leaf->node.count; i++) {
        struct staged_backend *backend = leaf->entries[i].value;
        if (leaf->entries[i].hash == hash && slice_equals(staged_name(backend), name))
            return backend;
    }
    return NULL;
}

struct removal {
    Pointsman__V1__ObjectKind kind;
    uint16_t name_length;
    char name[];
};

static struct slice removal_name(const struct removal *removal)
{
    return slice_of(removal->name, removal->name_length);
}

static struct removal *find_removal(const struct object_map *removals,
                                    Pointsman__V1__ObjectKind kind, struct slice name)
{
    uint64_t hash = name_hash(name);
    const struct trie_leaf *leaf = hash_trie_leaf(removals->by_name, hash);
    for (size_t i = 0; leaf != NULL && i < leaf->node.count; i++) {
        struct removal *removal = leaf->entries[i].value;
        if (leaf->entries[i].hash == hash && removal->kind == kind &&
            slice_equals(removal_name(removal), name))
            return removal;
    }
    return NULL;
}

struct problem {
    Pointsman__V1__ObjectKind kind;
    char *name;
    char *field;
    char *message;
};

struct route_replica {
    struct endpoint_registry *endpoints;
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
    struct object_map removals;
    struct problem *problems;
    size_t problem_count; /* also those beyond MAX_PROBLEMS, which are not kept */
};

/* --- staging -------------------------------------------------------------------------------- */

/* One backendRef less for each choice of a route that is let go. */
static void stop_using_backends(struct route_replica *replica, const struct route *route)
{
    for (size_t i = 0; i < route->rule_count; i++) {
        const struct rule *rule = &route->rules[i];
        for (size_t j = 0; j < rule->choice_count; j++)
            backend_slots_stop_using(replica->backends, rule->choices[j].backend_index);
    }
}

/* Lets a staged route go that is not the one we hold. */
static void drop_staged_route(struct route_replica *replica, struct route *route)
{
    if (find_route(&replica->routes, route_name(route)) != route)
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

static void clear_problems(struct route_replica *replica)
{
    for (size_t i = 0; i < replica->problem_count && i < MAX_PROBLEMS; i++) {
        free(replica->problems[i].name);
        free(replica->problems[i].field);
        free(replica->problems[i].message);
    }
    free(replica->problems);
    replica->problems = NULL;
    replica->problem_count = 0;
}

static void clear_staged(struct route_replica *replica)
{
    hash_trie_each(replica->staged_routes.by_name, drop_each_staged_route, replica);
    hash_trie_each(replica->staged_backends.by_name, free_each, NULL);
    hash_trie_each(replica->removals.by_name, free_each, NULL);
    map_clear(&replica->staged_routes);
    map_clear(&replica->staged_backends);
    map_clear(&replica->removals);
    clear_problems(replica);
    replica->is_staging = false;
}

/* Where a problem that is found belongs. */
struct problem_site {
    struct route_replica *replica;
    Pointsman__V1__ObjectKind kind;
    struct slice name;
};

static void note_problem(void *context, const char *field, const char *message)
{
    const struct problem_site *site = context;
    struct route_replica *replica = site->replica;
    if (replica->problem_count++ >= MAX_PROBLEMS)
        return;
    if (replica->problems == NULL)
        replica->problems = memory_allocate(MAX_PROBLEMS * sizeof(struct problem));
    replica->problems[replica->problem_count - 1] = (struct problem){
        .kind = site->kind,
        .name = strndup(site->name.at, site->name.length),
        .field = memory_duplicate_string(field),
        .message = memory_duplicate_string(message),
    };
}

/* NULL, and a problem noted, when the bytes are no message. */
static ProtobufCMessage *unpack_object(struct problem_site *site,
                                       const ProtobufCMessageDescriptor *descriptor,
                                       struct slice bytes)
{
    struct error err = {0};
    ProtobufCMessage *message = message_unpack(descriptor, bytes, MESSAGE_MEMORY_APPLY, true, &err);
    if (message == NULL)
        note_problem(site, "", err.message);
    return message;
}

static struct route *compile_route(struct route_replica *replica, struct slice name,
                                   struct slice bytes)
{
    struct problem_site site = {replica, POINTSMAN__V1__OBJECT_KIND__OBJECT_KIND_ROUTE, name};
    ProtobufCMessage *message = unpack_object(&site, &pointsman__v1__route__descriptor, bytes);
    if (message == NULL)
        return route_new_unreadable(name, bytes);

    struct route *route;
    const RouteMessage *route_message = (const RouteMessage *)message;
    if (slice_equals(slice_from_string(route_message->name), name)) {
        bool is_valid = route_validate(route_message, note_problem, &site);
        route = route_new(route_message, bytes, !is_valid, backend_slots_use, replica->backends);
    } else {
        note_problem(&site, "name", "is not the name it was sent under");
        route = route_new_unreadable(name, bytes);
    }
    message_free(message);
    return route;
}

/* What was staged of this name before: the last word counts. */
static void unstage(struct route_replica *replica, Pointsman__V1__ObjectKind kind,
                    struct slice name)
{
    struct removal *removal = find_removal(&replica->removals, kind, name);
    if (removal != NULL) {
        map_remove(&replica->removals, name, removal);
        free(removal);
    }
    if (kind == POINTSMAN__V1__OBJECT_KIND__OBJECT_KIND_ROUTE) {
        struct route *route = find_route(&replica->staged_routes, name);
        if (route != NULL) {
            map_remove(&replica->staged_routes, name, route);
            drop_staged_route(replica, route);
        }
        return;
    }
    struct staged_backend *backend = find_staged_backend(&replica->staged_backends, name);
    if (backend != NULL) {
        map_remove(&replica->staged_backends, name, backend);
        free(backend);
    }
}

static void stage_route(struct route_replica *replica, struct slice name, struct slice bytes)
{
    struct route *route = find_route(&replica->routes, name);
    if (route != NULL && slice_equals(route_bytes(route), bytes))
        route_acquire(route);
    else
        route = compile_route(replica, name, bytes);
    map_add(&replica->staged_routes, route_name(route), route);
}

static bool is_backend_valid(struct route_replica *replica, struct slice name, struct slice bytes)
{
    struct problem_site site = {replica, POINTSMAN__V1__OBJECT_KIND__OBJECT_KIND_BACKEND, name};
    ProtobufCMessage *message = unpack_object(&site, &pointsman__v1__backend__descriptor, bytes);
    if (message == NULL)
        return false;

    const BackendMessage *backend = (const BackendMessage *)message;
    bool is_valid = slice_equals(slice_from_string(backend->name), name);
    if (!is_valid)
        note_problem(&site, "name", "is not the name it was sent under");
    is_valid = backend_validate(backend, note_problem, &site) && is_valid;
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
    map_add(&replica->staged_backends, staged_name(backend), backend);
}

static void stage_removal(struct route_replica *replica, Pointsman__V1__ObjectKind kind,
                          struct slice name)
{
    struct removal *removal = memory_allocate(sizeof(*removal) + name.length);
    removal->kind = kind;
    removal->name_length = (uint16_t)name.length;
    memcpy(removal->name, name.at, name.length);
    map_add(&replica->removals, removal_name(removal), removal);
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
    struct problem_site site = {replica, kind, name};
    if (name.length == 0 || name.length >= OBJECT_NAME_BYTES) {
        note_problem(&site, "name", "must have 1 to 507 characters");
        return;
    }
    if (kind != POINTSMAN__V1__OBJECT_KIND__OBJECT_KIND_ROUTE &&
        kind != POINTSMAN__V1__OBJECT_KIND__OBJECT_KIND_BACKEND) {
        note_problem(&site, "kind", "is unknown");
        return;
    }

    unstage(replica, kind, name);
    if (deleted)
        stage_removal(replica, kind, name);
    else if (kind == POINTSMAN__V1__OBJECT_KIND__OBJECT_KIND_ROUTE)
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
static uint64_t held_digest(const struct route_replica *replica, Pointsman__V1__ObjectKind kind,
                            struct slice name)
{
    if (kind == POINTSMAN__V1__OBJECT_KIND__OBJECT_KIND_ROUTE) {
        const struct route *route = find_route(&replica->routes, name);
        return route == NULL ? 0 : route_digest(name, route_bytes(route));
    }
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
        sum->digest -= held_digest(sum->replica, POINTSMAN__V1__OBJECT_KIND__OBJECT_KIND_ROUTE,
                                   route_name(route));
}

static void add_backend_digest(void *context, void *value)
{
    struct digest_sum *sum = context;
    const struct staged_backend *backend = value;
    sum->digest += backend_digest(staged_name(backend), staged_bytes(backend));
    if (!sum->replica->is_snapshot)
        sum->digest -= held_digest(sum->replica, POINTSMAN__V1__OBJECT_KIND__OBJECT_KIND_BACKEND,
                                   staged_name(backend));
}

static void subtract_removed_digest(void *context, void *value)
{
    struct digest_sum *sum = context;
    const struct removal *removal = value;
    sum->digest -= held_digest(sum->replica, removal->kind, removal_name(removal));
}

static uint64_t resulting_digest(const struct route_replica *replica)
{
    struct digest_sum sum = {.replica = replica};
    if (!replica->is_snapshot) {
        sum.digest = replica->digest;
        hash_trie_each(replica->removals.by_name, subtract_removed_digest, &sum);
    }
    hash_trie_each(replica->staged_routes.by_name, add_route_digest, &sum);
    hash_trie_each(replica->staged_backends.by_name, add_backend_digest, &sum);
    return sum.digest;
}

/* --- applying: cannot fail ------------------------------------------------------------------ */

static void remove_route(struct route_replica *replica, struct route *route)
{
    map_remove(&replica->routes, route_name(route), route);
    stop_using_backends(replica, route);
    route_table_builder_remove(replica->builder, route);
}

static void apply_removal(void *context, void *value)
{
    struct route_replica *replica = context;
    const struct removal *removal = value;
    if (removal->kind == POINTSMAN__V1__OBJECT_KIND__OBJECT_KIND_BACKEND) {
        backend_slots_remove(replica->backends, removal_name(removal));
        return;
    }
    struct route *route = find_route(&replica->routes, removal_name(removal));
    if (route != NULL)
        remove_route(replica, route);
}

/* What a snapshot does not name goes. The names are gathered first: a map is not changed while it
 * is walked. */
static void remove_route_if_absent(void *context, void *value)
{
    struct route_replica *replica = context;
    const struct route *route = value;
    if (find_route(&replica->staged_routes, route_name(route)) == NULL)
        stage_removal(replica, POINTSMAN__V1__OBJECT_KIND__OBJECT_KIND_ROUTE, route_name(route));
}

static void remove_backend_if_absent(void *context, struct slice name, struct slice bytes)
{
    (void)bytes;
    struct route_replica *replica = context;
    if (find_staged_backend(&replica->staged_backends, name) == NULL)
        stage_removal(replica, POINTSMAN__V1__OBJECT_KIND__OBJECT_KIND_BACKEND, name);
}

static void apply_backend(void *context, void *value)
{
    struct route_replica *replica = context;
    struct staged_backend *backend = value;
    struct slice held = backend_slots_bytes(replica->backends, staged_name(backend));
    if (held.at == NULL || !slice_equals(held, staged_bytes(backend)))
        backend_slots_put(replica->backends, staged_name(backend), staged_bytes(backend),
                          backend->is_broken);
    free(backend);
}

/* The staged reference becomes the table's. */
static void apply_route(void *context, void *value)
{
    struct route_replica *replica = context;
    struct route *route = value;
    struct route *held = find_route(&replica->routes, route_name(route));
    if (held == route) {
        route_release(&route);
        return;
    }
    if (held != NULL)
        remove_route(replica, held);
    map_add(&replica->routes, route_name(route), route);
    route_table_builder_add(replica->builder, route);
}

static void apply_staged(struct route_replica *replica)
{
    if (replica->is_snapshot) {
        hash_trie_each(replica->removals.by_name, free_each, NULL);
        map_clear(&replica->removals);
        hash_trie_each(replica->routes.by_name, remove_route_if_absent, replica);
        backend_slots_each(replica->backends, remove_backend_if_absent, replica);
    }
    hash_trie_each(replica->removals.by_name, apply_removal, replica);
    hash_trie_each(replica->staged_backends.by_name, apply_backend, replica);
    map_clear(&replica->staged_backends);
    hash_trie_each(replica->staged_routes.by_name, apply_route, replica);
    map_clear(&replica->staged_routes);
    backend_slots_settle(replica->backends);
}

/* --- commit --------------------------------------------------------------------------------- */

static void report_problems(const struct route_replica *replica, replica_report_fn *report,
                            void *context)
{
    for (size_t i = 0; i < replica->problem_count && i < MAX_PROBLEMS; i++) {
        const struct problem *problem = &replica->problems[i];
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
    if (replica->problem_count > 0 && !keep_going) {
        error_set(err, ERROR_INVALID, "%s: %s %s", replica->problems[0].name,
                  replica->problems[0].field, replica->problems[0].message);
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
    replica->endpoints = endpoints;
    replica->builder = route_table_builder_new();
    replica->backends = backend_slots_new(replica->builder, endpoints);
    replica->epoch = memory_duplicate_string("");
    map_init(&replica->routes);
    map_init(&replica->staged_routes);
    map_init(&replica->staged_backends);
    map_init(&replica->removals);
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
    hash_trie_each(replica->routes.by_name, release_each_route, NULL);
    map_clear(&replica->routes);
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
    hash_trie_each(replica->routes.by_name, visit_route, &each);
    backend_slots_each(replica->backends, visit_backend, &each);
}
