/* Replica objects: routes and backends as control sends them.
 *
 * Threads: none shared. */
#ifndef TESTS_UNIT_PROXY_ROUTING_REPLICA_OBJECTS_H
#define TESTS_UNIT_PROXY_ROUTING_REPLICA_OBJECTS_H

#include "common/buffer.h"
#include "proto/messages.h"

#include <stddef.h>
#include <stdint.h>

/* The bytes of a route or backend, and the digest they add. */
struct object {
    Pointsman__V1__ObjectKind kind;
    char name[64];
    struct buffer bytes;
    uint64_t digest;
};

/* `text` as route_text_parse takes it. */
struct object route_object(const char *text);
struct object backend_object(const char *name, const char *address, uint32_t port);

void free_objects(struct object *objects, size_t count);

#endif
