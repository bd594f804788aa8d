#include "tests/unit/proxy/routing/replica_objects.h"

#include "proto/message.h"
#include "proto/object_digest.h"
#include "tests/unit/proxy/routing/route_text.h"

#include <stdio.h>

#define ROUTE POINTSMAN__V1__OBJECT_KIND__OBJECT_KIND_ROUTE
#define BACKEND POINTSMAN__V1__OBJECT_KIND__OBJECT_KIND_BACKEND

static struct object object_of(Pointsman__V1__ObjectKind kind, const char *name,
                               const ProtobufCMessage *message)
{
    struct object object = {.kind = kind, .bytes = BUFFER_EMPTY};
    snprintf(object.name, sizeof(object.name), "%s", name);
    message_pack(message, &object.bytes);
    object.digest = object_digest(kind, slice_from_string(name), buffer_slice(&object.bytes));
    return object;
}

struct object route_object(const char *text)
{
    RouteMessage *message = route_text_parse(text);
    struct object object = object_of(ROUTE, message->name, &message->base);
    route_text_free(message);
    return object;
}

struct object backend_object(const char *name, const char *address, uint32_t port)
{
    EndpointMessage endpoint = POINTSMAN__V1__ENDPOINT__INIT;
    EndpointMessage *endpoints[] = {&endpoint};
    BackendMessage message = POINTSMAN__V1__BACKEND__INIT;
    endpoint.address = (char *)address;
    endpoint.port = port;
    message.name = (char *)name;
    message.endpoints = endpoints;
    message.n_endpoints = 1;
    return object_of(BACKEND, name, &message.base);
}

void free_objects(struct object *objects, size_t count)
{
    for (size_t i = 0; i < count; i++)
        buffer_clear(&objects[i].bytes);
}
