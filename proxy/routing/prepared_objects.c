#include "proxy/routing/prepared_objects.h"

#include "proto/message.h"
#include "proto/object_digest.h"
#include "proto/route_id.h"
#include "proxy/routing/backend_slots.h"
#include "proxy/routing/route_validate.h"

#include <stdlib.h>
#include <string.h>

bool object_is_addressable(struct problem_list *problems, Pointsman__V1__ObjectKind kind,
                           struct slice name)
{
    struct problem_site site = {problems, kind, name};
    if (name.length == 0 || name.length >= OBJECT_NAME_BYTES) {
        problem_list_note(&site, "name", "must have 1 to 517 characters");
        return false;
    }
    if (kind != POINTSMAN__V1__OBJECT_KIND__OBJECT_KIND_ROUTE &&
        kind != POINTSMAN__V1__OBJECT_KIND__OBJECT_KIND_BACKEND) {
        problem_list_note(&site, "kind", "is unknown");
        return false;
    }
    return true;
}

/* NULL, and a problem noted, when the bytes are no message. */
static const ProtobufCMessage *unpack_object(struct prepared_objects *objects,
                                             struct problem_site *site,
                                             const ProtobufCMessageDescriptor *descriptor,
                                             struct slice bytes)
{
    struct error err = {0};
    message_arena_reset(&objects->arena); /* of the object before */
    const ProtobufCMessage *message = message_arena_unpack(
        &objects->arena, descriptor, bytes, MESSAGE_MEMORY_APPLY, UNKNOWN_FIELDS_REFUSED, &err);
    if (message == NULL)
        problem_list_note(site, "", err.message);
    return message;
}

/* --- routes --------------------------------------------------------------------------------- */

/* A route_backend_index_fn: the number of the reference stands for the backend. */
static uint32_t note_reference(void *context, const char *full_name, uint32_t port)
{
    struct prepared_objects *objects = context;
    if (objects->reference_count == objects->reference_capacity) {
        objects->reference_capacity =
            objects->reference_capacity == 0 ? 16 : 2 * objects->reference_capacity;
        objects->reference_ports = memory_reallocate(
            objects->reference_ports, objects->reference_capacity * sizeof(uint32_t));
    }
    buffer_append(&objects->reference_names, full_name, strlen(full_name) + 1);
    objects->reference_ports[objects->reference_count] = port;
    return objects->reference_count++;
}

/* An earlier version sends a GRPCRoute under its name alone, and copies of it have it so. */
static bool is_sent_under(const RouteMessage *route, struct slice id)
{
    return slice_equals(slice_from_string(route->name), route_id_name(id)) &&
           (route_id_kind(id) == route->kind ||
            route_id_kind(id) == POINTSMAN__V1__ROUTE_KIND__ROUTE_KIND_UNSPECIFIED);
}

static struct route *prepare_route(struct prepared_objects *objects, struct slice id,
                                   struct slice bytes)
{
    struct problem_site site = {&objects->problems, POINTSMAN__V1__OBJECT_KIND__OBJECT_KIND_ROUTE,
                                id};
    const ProtobufCMessage *message =
        unpack_object(objects, &site, &pointsman__v1__route__descriptor, bytes);
    if (message == NULL)
        return route_new_unreadable(id, bytes);

    struct route *route;
    const RouteMessage *route_message = (const RouteMessage *)message;
    if (is_sent_under(route_message, id)) {
        bool is_valid = route_validate(route_message, problem_list_note, &site);
        route = route_new(route_message, bytes, !is_valid, note_reference, objects);
    } else {
        problem_list_note(&site, "name", "is not the name it was sent under");
        route = route_new_unreadable(id, bytes);
    }
    return route;
}

/* --- backends ------------------------------------------------------------------------------- */

static bool is_backend_valid(struct prepared_objects *objects, struct slice name,
                             struct slice bytes)
{
    struct problem_site site = {&objects->problems, POINTSMAN__V1__OBJECT_KIND__OBJECT_KIND_BACKEND,
                                name};
    const ProtobufCMessage *message =
        unpack_object(objects, &site, &pointsman__v1__backend__descriptor, bytes);
    if (message == NULL)
        return false;

    const BackendMessage *backend = (const BackendMessage *)message;
    bool is_valid = slice_equals(slice_from_string(backend->name), name);
    if (!is_valid)
        problem_list_note(&site, "name", "is not the name it was sent under");
    is_valid = backend_validate(backend, problem_list_note, &site) && is_valid;
    return is_valid;
}

/* --- the list ------------------------------------------------------------------------------- */

void prepared_objects_add(struct prepared_objects *objects, Pointsman__V1__ObjectKind kind,
                          struct slice name, struct slice bytes)
{
    if (!object_is_addressable(&objects->problems, kind, name))
        return;
    if (objects->count == objects->capacity) {
        objects->capacity = objects->capacity == 0 ? 4 : 2 * objects->capacity;
        objects->items =
            memory_reallocate(objects->items, objects->capacity * sizeof(struct prepared_object));
    }

    struct prepared_object *object = &objects->items[objects->count++];
    *object = (struct prepared_object){.digest = object_digest(kind, name, bytes)};
    if (kind == POINTSMAN__V1__OBJECT_KIND__OBJECT_KIND_ROUTE)
        object->route = prepare_route(objects, name, bytes);
    else
        object->backend = backend_object_new(name, bytes, !is_backend_valid(objects, name, bytes));
}

void prepared_objects_reset(struct prepared_objects *objects)
{
    objects->count = 0;
    objects->reference_count = 0;
    buffer_reset(&objects->reference_names);
    problem_list_clear(&objects->problems);
}

void prepared_objects_clear(struct prepared_objects *objects)
{
    for (size_t i = 0; i < objects->count; i++) {
        route_release(&objects->items[i].route);
        free(objects->items[i].backend);
    }
    free(objects->items);
    free(objects->reference_ports);
    buffer_clear(&objects->reference_names);
    problem_list_clear(&objects->problems);
    message_arena_clear(&objects->arena);
    *objects = (struct prepared_objects){.count = 0};
}
