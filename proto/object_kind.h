/* Object kind: what documents and people call what a message is.
 *
 * Threads: none. */
#ifndef PROTO_OBJECT_KIND_H
#define PROTO_OBJECT_KIND_H

#include "proto/messages.h"

#define HTTP_ROUTE_KIND "HTTPRoute"
#define GRPC_ROUTE_KIND "GRPCRoute"
#define BACKEND_KIND "Backend"

static inline const char *route_kind_name(Pointsman__V1__RouteKind kind)
{
    return kind == POINTSMAN__V1__ROUTE_KIND__ROUTE_KIND_GRPC ? GRPC_ROUTE_KIND : HTTP_ROUTE_KIND;
}

#endif
