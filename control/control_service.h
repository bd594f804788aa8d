/* Control service: the methods that change routes and backends.
 *
 * All of them are Apply, some with a single mutation. They answer when the commit is durable.
 *
 * Threads: main. */
#ifndef CONTROL_CONTROL_SERVICE_H
#define CONTROL_CONTROL_SERVICE_H

#include "proto/messages.h"

struct grpc_call;

/* `context` is struct services; the rest is as grpc_method's on_call. */
void control_service_apply(void *context, struct grpc_call *call, const ProtobufCMessage *request);
void control_service_put_route(void *context, struct grpc_call *call,
                               const ProtobufCMessage *request);
void control_service_delete_route(void *context, struct grpc_call *call,
                                  const ProtobufCMessage *request);
void control_service_put_backend(void *context, struct grpc_call *call,
                                 const ProtobufCMessage *request);
void control_service_delete_backend(void *context, struct grpc_call *call,
                                    const ProtobufCMessage *request);

#endif
