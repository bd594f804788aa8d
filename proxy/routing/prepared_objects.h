/* Prepared objects: routes and backends unpacked, checked and compiled, on any thread, so that the
 * control thread has only to take them into its replica.
 *
 * What only the control thread can say, the indexes of the backends that a route names, is left
 * open: the references are noted, and bound when the objects are staged.
 *
 * Threads: one at a time. */
#ifndef PROXY_ROUTING_PREPARED_OBJECTS_H
#define PROXY_ROUTING_PREPARED_OBJECTS_H

#include "common/buffer.h"
#include "proto/message_arena.h"
#include "proxy/routing/problem_list.h"
#include "proxy/routing/route.h"

#include <stddef.h>
#include <stdint.h>

struct backend_object;

struct prepared_object {
    /* One of both. */
    struct route *route;
    struct backend_object *backend;
    uint64_t digest;
};

/* Embedded by value; all zero is empty. */
struct prepared_objects {
    struct prepared_object *items;
    size_t count;
    size_t capacity;

    /* The references of all routes, in the order their routes number them. */
    struct buffer reference_names; /* each terminated */
    uint32_t *reference_ports;
    uint32_t reference_count;
    uint32_t reference_capacity;

    struct problem_list problems;
    struct message_arena arena; /* for the message of the object at hand */
};

/* Adds one object. Copies. One that cannot be built is added as far as it goes, and its problems
 * are noted; without a usable name or kind it is a problem only. */
void prepared_objects_add(struct prepared_objects *objects, Pointsman__V1__ObjectKind kind,
                          struct slice name, struct slice bytes);

/* Is empty again and keeps its room; the objects must have been taken. */
void prepared_objects_reset(struct prepared_objects *objects);
/* Drops what was not taken too. */
void prepared_objects_clear(struct prepared_objects *objects);

/* Whether an object may be called so and be of this kind; else a problem is noted. */
bool object_is_addressable(struct problem_list *problems, Pointsman__V1__ObjectKind kind,
                           struct slice name);

#endif
