/* Error detail: a call that fails with more than a sentence, as google.rpc.Status carries it in
 * grpc-status-details-bin.
 *
 * Threads: main. */
#ifndef CONTROL_ERROR_DETAIL_H
#define CONTROL_ERROR_DETAIL_H

#include "proto/grpc_core.h"
#include "proto/messages.h"

struct grpc_call;

/* Ends the call with the status and one detail, of the type that `type_url` names
 * (proto/error_info.h). */
void error_detail_fail_call(struct grpc_call *call, enum grpc_status status, const char *message,
                            const char *type_url, const ProtobufCMessage *detail);

#endif
