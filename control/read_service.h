/* Read service: the methods that change nothing.
 *
 * What they say is durable: commits still under way in the same turn are made so first.
 *
 * Threads: main. */
#ifndef CONTROL_READ_SERVICE_H
#define CONTROL_READ_SERVICE_H

#include "proto/messages.h"

struct grpc_call;

/* `context` is struct services; the rest is as grpc_method's on_call. */
void read_service_get_route(void *context, struct grpc_call *call, const ProtobufCMessage *request);
void read_service_get_backend(void *context, struct grpc_call *call,
                              const ProtobufCMessage *request);
void read_service_list_routes(void *context, struct grpc_call *call,
                              const ProtobufCMessage *request);
void read_service_list_backends(void *context, struct grpc_call *call,
                                const ProtobufCMessage *request);
void read_service_wait_applied(void *context, struct grpc_call *call,
                               const ProtobufCMessage *request);
void read_service_list_proxies(void *context, struct grpc_call *call,
                               const ProtobufCMessage *request);
void read_service_get_info(void *context, struct grpc_call *call, const ProtobufCMessage *request);

#endif
