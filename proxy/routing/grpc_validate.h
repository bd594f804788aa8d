/* gRPC validation: what a route of kind GRPC may not have, for it could not be written as a
 * GRPCRoute.
 *
 * Threads: any. */
#ifndef PROXY_ROUTING_GRPC_VALIDATE_H
#define PROXY_ROUTING_GRPC_VALIDATE_H

#include "proxy/routing/validation.h"

void validate_grpc_route(struct validation *validation, const RouteMessage *route);

/* Whether it is the path of a GRPCRoute's method: "/SERVICE/METHOD", the prefix "/SERVICE", the
 * expression "/(?:SERVICE)/(?:METHOD)", or a method of any service. */
bool grpc_path_is_method(const PathMatchMessage *path);

#endif
