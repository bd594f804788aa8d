/* GRPCRoute documents: what the Gateway API's GRPCRoute has in other words than its HTTPRoute.
 *
 * A call of gRPC is an HTTP/2 request for "/SERVICE/METHOD", so a GRPCRoute is read as the route
 * that matches this path, and is written as an HTTPRoute, with which it shares its names:
 *
 *   service and method   the exact path
 *   service alone        the prefix "/SERVICE"
 *   method alone         the regular expression "/[^/]+/METHOD", which comes before any prefix;
 *                        in a GRPCRoute, of a service alone and a method alone the service wins
 *   RegularExpression    both parts as one expression; what is not given or empty is "[^/]+"
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

#endif
