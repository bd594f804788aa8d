/* Control service: the methods that change routes and backends.
 *
 * Nearly all of them are Apply, some with a single mutation. They answer when the commit is
 * durable.
 *
 * Threads: main. */
#ifndef CONTROL_CONTROL_SERVICE_H
#define CONTROL_CONTROL_SERVICE_H

#include "control/commit.h"
#include "proto/messages.h"

struct grpc_call;
struct services;

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
void control_service_undo(void *context, struct grpc_call *call, const ProtobufCMessage *request);
void control_service_confirm(void *context, struct grpc_call *call,
                             const ProtobufCMessage *request);

/* Apply with mutations that `fill` adds, from what is durable. */
void control_service_apply_filled(const struct services *services, struct grpc_call *call,
                                  const Pointsman__V1__ApplyRequest *apply, commit_fill_fn *fill,
                                  void *fill_context);

/* Takes back a commit that nobody confirmed, in the name of the daemon; durable with the next
 * flush of the commits. Nothing may be pending in them. */
bool control_service_revert(const struct services *services, uint64_t revision, struct error *err);

#endif
