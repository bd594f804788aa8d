/* GRPCRoute documents: what the Gateway API's GRPCRoute has in other words than its HTTPRoute.
 *
 * A call of gRPC is an HTTP/2 request for "/SERVICE/METHOD", so a GRPCRoute is read as the route of
 * its kind that matches this path, and such a route is written as a GRPCRoute again:
 *
 *   service and method   the exact path
 *   service alone        the prefix "/SERVICE"
 *   method alone         GRPC_METHOD, which comes behind every service and before what asks for
 *                        neither, the longer method first (GRPCRouteRule.matches)
 *   RegularExpression    both parts as one expression, "/(?:SERVICE)/(?:METHOD)"; what is not given
 *                        or empty is "[^/]+"
 *
 * Where routes of both kinds serve one hostname, they compete as if they were of one kind; the type
 * documentation lets the older one serve and has the other refused.
 *
 * Threads: main. */
#ifndef CONTROL_ROUTECTL_DOCUMENT_GRPC_H
#define CONTROL_ROUTECTL_DOCUMENT_GRPC_H

#include "control/routectl/document_decoder.h"
#include "proto/messages.h"

/* As document_find_field: the field of a GRPCRoute with this key. A match's "method" is its path.
 */
const ProtobufCFieldDescriptor *
document_grpc_find_field(const ProtobufCMessageDescriptor *descriptor, const char *key);

/* Reads a match's "method": "type", "service", "method". */
void document_grpc_read_method(struct document_decoder *decoder, const yaml_node_t *node,
                               PathMatchMessage *path);

/* What the path of a GRPCRoute's match says (grpc_path_is_method holds). */
struct document_grpc_method {
    bool is_expression;
    char *service; /* NULL: any */
    char *method;  /* NULL: any */
};

struct document_grpc_method document_grpc_method_of(const PathMatchMessage *path);
void document_grpc_method_clear(struct document_grpc_method *method);

#endif
