/* History service: the methods that tell what was done.
 *
 * Threads: main. */
#ifndef CONTROL_HISTORY_SERVICE_H
#define CONTROL_HISTORY_SERVICE_H

#include "proto/messages.h"

struct grpc_call;

/* `context` is struct services; the rest is as grpc_method's on_call. */
void history_service_list_commits(void *context, struct grpc_call *call,
                                  const ProtobufCMessage *request);
void history_service_get_commit(void *context, struct grpc_call *call,
                                const ProtobufCMessage *request);
void history_service_diff(void *context, struct grpc_call *call, const ProtobufCMessage *request);

#endif
