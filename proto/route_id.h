/* Route id: what names a route wherever one is referred to.
 *
 * An HTTPRoute and a GRPCRoute may have the same name, as in Kubernetes. A route's own message says
 * its kind and its name; all else has its id: deletes, changes and warnings, the keys of stores and
 * replicas, logs and metrics. The id of an HTTPRoute is its name, "api" or "shop/api"; that of a
 * GRPCRoute is "GRPCRoute/" and its name. No name has upper-case letters: two routes never have one
 * id.
 *
 * Threads: any. */
#ifndef PROTO_ROUTE_ID_H
#define PROTO_ROUTE_ID_H

#include "common/slice.h"
#include "proto/messages.h"
#include "proto/object_kind.h"

struct arena;

/* In front of the name of a route of this kind. */
static inline const char *route_id_start(Pointsman__V1__RouteKind kind)
{
    return kind == POINTSMAN__V1__ROUTE_KIND__ROUTE_KIND_GRPC ? GRPC_ROUTE_KIND "/" : "";
}

static inline Pointsman__V1__RouteKind route_id_kind(struct slice id)
{
    return slice_has_prefix(id, SLICE(GRPC_ROUTE_KIND "/"))
               ? POINTSMAN__V1__ROUTE_KIND__ROUTE_KIND_GRPC
               : POINTSMAN__V1__ROUTE_KIND__ROUTE_KIND_UNSPECIFIED;
}

/* The name in it: its end, so that a terminator is one of the name too. */
static inline struct slice route_id_name(struct slice id)
{
    const size_t start = strlen(route_id_start(route_id_kind(id)));
    return slice_of(id.at + start, id.length - start);
}

/* The same of texts. */
static inline const char *route_id_name_text(const char *id)
{
    return route_id_name(slice_from_string(id)).at;
}

/* Borrowed from the route, or the arena's. */
char *route_id_of(const RouteMessage *route, struct arena *arena);

/* By name, as the Gateway API has it; of one name, the HTTPRoute comes first. */
int route_id_compare(struct slice a, struct slice b);

#endif
