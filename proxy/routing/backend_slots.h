/* Backend slots: what a rule's backend index stands for.
 *
 * A slot is a backend as backendRefs of one port see it, (full name, port); it is there as long
 * as a route names it, whether or not the backend is. So endpoints change by replacing what is in
 * a few slots, without a route being touched. A name with a namespace that no backend has shows the
 * backend of that name without one, the same for every namespace. An index is given to another slot
 * only when no table shows the old one any more.
 *
 * Threads: control only. */
#ifndef PROXY_ROUTING_BACKEND_SLOTS_H
#define PROXY_ROUTING_BACKEND_SLOTS_H

#include "common/slice.h"
#include "proto/messages.h"
#include "proxy/routing/object_map.h"
#include "proxy/routing/route_table.h"

#include <stdbool.h>
#include <stdint.h>

struct backend_slots;
struct endpoint_registry;

/* Both outlive the slots, but for the builder when it is freed with them; see _free. */
struct backend_slots *backend_slots_new(struct route_table_builder *builder,
                                        struct endpoint_registry *endpoints);
/* After the builder: what it still holds back comes here when it lets go. */
void backend_slots_free(struct backend_slots *slots);

/* --- what routes name ----------------------------------------------------------------------- */

/* The index for one backendRef more. A route_backend_index_fn, with the slots as context. */
uint32_t backend_slots_use(void *slots, const char *full_name, uint32_t port);
/* For one backendRef less. ROUTE_NO_BACKEND is fine. */
void backend_slots_stop_using(struct backend_slots *slots, uint32_t backend_index);

/* --- what there is -------------------------------------------------------------------------- */

/* A backend's object. Immutable. */
struct backend_object {
    bool is_broken; /* could not be built: its slots stay empty */
    uint16_t name_length;
    uint32_t byte_count;
    char text[]; /* the name, then the bytes */
};

/* Copies. Free with free. */
struct backend_object *backend_object_new(struct slice name, struct slice bytes, bool is_broken);

static inline struct slice backend_object_name(const struct backend_object *object)
{
    return slice_of(object->text, object->name_length);
}

static inline struct slice backend_object_bytes(const struct backend_object *object)
{
    return slice_of(object->text + object->name_length, object->byte_count);
}

/* All there are, by name. To be read, frozen and thawed: an object that is replaced or removed
 * lasts until no table made before is held. */
struct object_map *backend_slots_objects(struct backend_slots *slots);
size_t backend_slots_count(const struct backend_slots *slots);

/* Puts a backend, or replaces the one of its name. Takes ownership. */
void backend_slots_put(struct backend_slots *slots, struct backend_object *object);
/* Harmless when there is none of that name. */
void backend_slots_remove(struct backend_slots *slots, struct slice name);

/* Brings the builder's backends in line with all changes since the last call. Where they bring new
 * DNS names, waits a second at most for their addresses. */
void backend_slots_settle(struct backend_slots *slots);

/* The same for DNS names whose addresses have changed. False when there are none. */
bool backend_slots_refresh(struct backend_slots *slots);

#endif
