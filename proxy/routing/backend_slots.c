#include "proxy/routing/backend_slots.h"

#include "common/buffer.h"
#include "proto/message.h"
#include "proxy/routing/route_validate.h"
#include "proxy/upstream/backend.h"
#include "proxy/upstream/dns_names.h"
#include "proxy/upstream/endpoint_registry.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_ADDRESSES_MS = 1000 };

struct record;

struct slot {
    struct backend_slots *owner;
    struct record *record;
    struct slot *next;       /* of its record */
    struct backend *backend; /* held: what the table shows, or NULL */
    uint32_t index;
    uint32_t port;
    uint32_t references; /* backendRefs of routes that name it */
    bool is_dirty;       /* waits in `dirty` for settle */

    /* The record from whose object this slot was the first to build a backend for its port: slots
     * of followers share it. NULL: it was not the first. */
    struct record *leads;
    struct slot *next_leader; /* of another port */
};

/* The slots of one backend's name, whether or not there is such an object. */
struct record {
    struct slot *slots;
    struct slot *leaders;                  /* one for each port, of this record or a follower */
    struct record *for_all;                /* that of the name without a namespace, or NULL */
    struct record *followers;              /* those whose `for_all` this is */
    struct record *next_follower, **place; /* among the followers of `for_all` */
    uint16_t name_length;
    char name[];
};

struct backend_slots {
    struct route_table_builder *builder;
    struct endpoint_registry *endpoints;
    struct object_map objects;
    size_t object_count;
    struct object_map records;

    struct slot **by_index;
    uint32_t index_count;
    uint32_t *free_indexes; /* room for index_count */
    uint32_t free_count;

    struct slot **dirty;
    size_t dirty_count;
    size_t dirty_capacity;
};

/* --- records -------------------------------------------------------------------------------- */

static struct slice record_name(const struct record *record)
{
    return slice_of(record->name, record->name_length);
}

static struct slice name_of_record(const void *object)
{
    return record_name(object);
}

static void follow(struct record *record, struct record *for_all)
{
    record->for_all = for_all;
    record->next_follower = for_all->followers;
    record->place = &for_all->followers;
    if (record->next_follower != NULL)
        record->next_follower->place = &record->next_follower;
    for_all->followers = record;
}

static void unfollow(struct record *record)
{
    *record->place = record->next_follower;
    if (record->next_follower != NULL)
        record->next_follower->place = record->place;
}

static struct record *find_or_make_record(struct backend_slots *slots, struct slice name)
{
    struct record *record = object_map_find(&slots->records, name);
    if (record != NULL)
        return record;
    record = memory_allocate_zeroed(1, sizeof(*record) + name.length);
    record->name_length = (uint16_t)name.length;
    memcpy(record->name, name.at, name.length);
    object_map_put(&slots->records, record);
    struct slice for_all = object_name_for_all_namespaces(name);
    if (for_all.length > 0)
        follow(record, find_or_make_record(slots, for_all));
    return record;
}

static void drop_record_if_unused(struct backend_slots *slots, struct record *record)
{
    if (record->slots != NULL || record->followers != NULL)
        return;
    struct record *for_all = record->for_all;
    if (for_all != NULL)
        unfollow(record);
    object_map_remove(&slots->records, record_name(record));
    free(record);
    if (for_all != NULL)
        drop_record_if_unused(slots, for_all);
}

/* --- slots ---------------------------------------------------------------------------------- */

static struct slot *find_leader(const struct record *record, uint32_t port)
{
    struct slot *slot = record->leaders;
    while (slot != NULL && slot->port != port)
        slot = slot->next_leader;
    return slot;
}

static void lead(struct slot *slot, struct record *record)
{
    slot->leads = record;
    slot->next_leader = record->leaders;
    record->leaders = slot;
}

static void stop_leading(struct slot *slot)
{
    if (slot->leads == NULL)
        return;
    struct slot **place = &slot->leads->leaders;
    while (*place != slot)
        place = &(*place)->next_leader;
    *place = slot->next_leader;
    slot->leads = NULL;
}

/* Another slot of the record that shares the backend of `with`; NULL: there is none. */
static struct slot *find_sharer(const struct record *record, const struct slot *with)
{
    for (struct slot *slot = record->slots; slot != NULL; slot = slot->next) {
        if (slot != with && slot->backend == with->backend && !slot->is_dirty)
            return slot;
    }
    return NULL;
}

/* The slot will have another backend, or none. */
static void hand_over(struct slot *slot)
{
    struct record *record = slot->leads;
    if (record == NULL)
        return;
    stop_leading(slot);
    struct slot *next = slot->backend == NULL ? NULL : find_sharer(record, slot);
    for (struct record *at = record->followers; at != NULL && next == NULL && slot->backend != NULL;
         at = at->next_follower)
        next = find_sharer(at, slot);
    if (next != NULL)
        lead(next, record);
}

static void mark_dirty(struct backend_slots *slots, struct slot *slot)
{
    if (slot->is_dirty)
        return;
    if (slots->dirty_count == slots->dirty_capacity) {
        slots->dirty_capacity = slots->dirty_capacity == 0 ? 16 : 2 * slots->dirty_capacity;
        slots->dirty =
            memory_reallocate(slots->dirty, slots->dirty_capacity * sizeof(struct slot *));
    }
    slots->dirty[slots->dirty_count++] = slot;
    slot->is_dirty = true;
}

static uint32_t take_index(struct backend_slots *slots, struct slot *slot)
{
    if (slots->free_count == 0) {
        uint32_t old_count = slots->index_count;
        slots->index_count = old_count == 0 ? 16 : 2 * old_count;
        slots->by_index =
            memory_reallocate(slots->by_index, slots->index_count * sizeof(struct slot *));
        memset(slots->by_index + old_count, 0,
               (slots->index_count - old_count) * sizeof(struct slot *));
        slots->free_indexes =
            memory_reallocate(slots->free_indexes, slots->index_count * sizeof(uint32_t));
        /* The lowest is taken first: few levels of the table's vector are deep. */
        for (uint32_t index = slots->index_count; index > old_count; index--)
            slots->free_indexes[slots->free_count++] = index - 1;
    }
    uint32_t index = slots->free_indexes[--slots->free_count];
    slots->by_index[index] = slot;
    return index;
}

uint32_t backend_slots_use(void *context, const char *full_name, uint32_t port)
{
    struct backend_slots *slots = context;
    struct record *record = find_or_make_record(slots, slice_from_string(full_name));
    struct slot *slot = record->slots;
    while (slot != NULL && slot->port != port)
        slot = slot->next;
    if (slot == NULL) {
        slot = memory_allocate(sizeof(*slot));
        *slot =
            (struct slot){.owner = slots, .record = record, .next = record->slots, .port = port};
        slot->index = take_index(slots, slot);
        record->slots = slot;
        mark_dirty(slots, slot);
    }
    slot->references++;
    return slot->index;
}

void backend_slots_stop_using(struct backend_slots *slots, uint32_t backend_index)
{
    if (backend_index == ROUTE_NO_BACKEND)
        return;
    struct slot *slot = slots->by_index[backend_index];
    assert(slot->references > 0);
    if (--slot->references == 0)
        mark_dirty(slots, slot);
}

/* --- objects -------------------------------------------------------------------------------- */

static struct slice name_of_object(const void *object)
{
    return backend_object_name(object);
}

struct backend_object *backend_object_new(struct slice name, struct slice bytes, bool is_broken)
{
    struct backend_object *object = memory_allocate(sizeof(*object) + name.length + bytes.length);
    object->is_broken = is_broken;
    object->name_length = (uint16_t)name.length;
    object->byte_count = (uint32_t)bytes.length;
    memcpy(object->text, name.at, name.length);
    if (bytes.length > 0)
        memcpy(object->text + name.length, bytes.at, bytes.length);
    return object;
}

static void mark_slots_of_record(struct backend_slots *slots, const struct record *record)
{
    for (struct slot *slot = record->slots; slot != NULL; slot = slot->next)
        mark_dirty(slots, slot);
}

static void mark_slots_dirty(struct backend_slots *slots, struct slice name)
{
    const struct record *record = object_map_find(&slots->records, name);
    if (record == NULL)
        return;
    mark_slots_of_record(slots, record);
    for (struct record *at = record->followers; at != NULL; at = at->next_follower)
        mark_slots_of_record(slots, at);
}

void backend_slots_put(struct backend_slots *slots, struct backend_object *object)
{
    void *old = object_map_put(&slots->objects, object);
    if (old == NULL)
        slots->object_count++;
    else
        route_table_builder_retire(slots->builder, old, free);
    mark_slots_dirty(slots, backend_object_name(object));
}

void backend_slots_remove(struct backend_slots *slots, struct slice name)
{
    void *old = object_map_remove(&slots->objects, name);
    if (old == NULL)
        return;
    slots->object_count--;
    mark_slots_dirty(slots, name);
    route_table_builder_retire(slots->builder, old, free);
}

struct object_map *backend_slots_objects(struct backend_slots *slots)
{
    return &slots->objects;
}

size_t backend_slots_count(const struct backend_slots *slots)
{
    return slots->object_count;
}

/* --- settling ------------------------------------------------------------------------------- */

/* The record of the name whose object serves this one, if there is any. */
static struct record *serving_record(const struct backend_slots *slots, struct record *record)
{
    bool has_own = object_map_find(&slots->objects, record_name(record)) != NULL;
    return has_own || record->for_all == NULL ? record : record->for_all;
}

/* NULL when there is no such backend, or none that this port leads to: both answer 500. */
static struct backend *build_backend(struct backend_slots *slots, const struct slot *slot,
                                     const struct record *record)
{
    const struct backend_object *object = object_map_find(&slots->objects, record_name(record));
    if (object == NULL || object->is_broken)
        return NULL;
    ProtobufCMessage *message =
        message_unpack(&pointsman__v1__backend__descriptor, backend_object_bytes(object),
                       MESSAGE_MEMORY_APPLY, UNKNOWN_FIELDS_KEPT, NULL);
    if (message == NULL)
        return NULL;
    struct backend *backend = backend_new((const BackendMessage *)message, slot->port,
                                          slot->backend, slots->endpoints, NULL);
    message_free(message);
    return backend;
}

/* One backend serves the routes of every namespace that have no other, so that it is counted, and
 * takes turns, once. A leader that is dirty has what the object was. */
static struct backend *share_backend(struct backend_slots *slots, struct slot *slot)
{
    struct record *record = serving_record(slots, slot->record);
    hand_over(slot);
    struct slot *leader = find_leader(record, slot->port);
    if (leader != NULL && !leader->is_dirty && leader->backend != NULL) {
        backend_acquire(leader->backend);
        return leader->backend;
    }
    if (leader != NULL)
        stop_leading(leader);
    lead(slot, record);
    return build_backend(slots, slot, record);
}

/* Takes the caller's reference. */
static void show(struct backend_slots *slots, struct slot *slot, struct backend *backend)
{
    backend_release(&slot->backend);
    slot->backend = backend;
    if (backend != NULL)
        backend_acquire(backend);
    route_table_builder_set_backend(slots->builder, slot->index, backend);
}

static void give_index_back(void *thing)
{
    struct slot *slot = thing;
    slot->owner->by_index[slot->index] = NULL;
    slot->owner->free_indexes[slot->owner->free_count++] = slot->index;
    free(slot);
}

static void drop_slot(struct backend_slots *slots, struct slot *slot)
{
    struct slot **place = &slot->record->slots;
    while (*place != slot)
        place = &(*place)->next;
    *place = slot->next;
    hand_over(slot);
    drop_record_if_unused(slots, slot->record);
    show(slots, slot, NULL);
    route_table_builder_retire(slots->builder, slot, give_index_back);
}

/* Whether what was built has DNS names among its endpoints. */
static bool build_dirty(struct backend_slots *slots)
{
    bool has_names = false;
    for (size_t i = 0; i < slots->dirty_count; i++) {
        struct slot *slot = slots->dirty[i];
        slot->is_dirty = false;
        if (slot->references == 0) {
            drop_slot(slots, slot);
            continue;
        }
        show(slots, slot, share_backend(slots, slot));
        has_names = has_names || (slot->backend != NULL && slot->backend->name_count > 0);
    }
    slots->dirty_count = 0;
    return has_names;
}

bool backend_slots_refresh(struct backend_slots *slots)
{
    for (uint32_t i = 0; i < slots->index_count; i++) {
        struct slot *slot = slots->by_index[i];
        if (slot != NULL && slot->backend != NULL && backend_is_outdated(slot->backend))
            mark_dirty(slots, slot);
    }
    bool has_any = slots->dirty_count > 0;
    build_dirty(slots);
    return has_any;
}

/* A new name has no addresses for a moment, and whoever is told that the change is live expects it
 * to work. */
void backend_slots_settle(struct backend_slots *slots)
{
    if (!build_dirty(slots))
        return;
    dns_names_wait_first(endpoint_registry_names(slots->endpoints), FIRST_ADDRESSES_MS);
    backend_slots_refresh(slots);
}

/* --- the whole ------------------------------------------------------------------------------ */

struct backend_slots *backend_slots_new(struct route_table_builder *builder,
                                        struct endpoint_registry *endpoints)
{
    struct backend_slots *slots = memory_allocate_zeroed(1, sizeof(*slots));
    slots->builder = builder;
    slots->endpoints = endpoints;
    object_map_init(&slots->objects, name_of_object);
    object_map_init(&slots->records, name_of_record);
    return slots;
}

static void free_record(void *context, void *value)
{
    (void)context;
    struct record *record = value;
    while (record->slots != NULL) {
        struct slot *slot = record->slots;
        record->slots = slot->next;
        backend_release(&slot->backend);
        free(slot);
    }
    free(record);
}

static void free_object(void *context, void *object)
{
    (void)context;
    free(object);
}

void backend_slots_free(struct backend_slots *slots)
{
    if (slots == NULL)
        return;
    object_map_clear(&slots->objects, free_object, NULL);
    object_map_clear(&slots->records, free_record, NULL);
    free(slots->by_index);
    free(slots->free_indexes);
    free(slots->dirty);
    free(slots);
}
