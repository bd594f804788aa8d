/* How a gRPC call ended, as a client sees it.
 *
 * Threads: none shared. */
#ifndef PROTO_GRPC_RESULT_H
#define PROTO_GRPC_RESULT_H

#include "common/error.h"
#include "proto/grpc_status.h"
#include "proto/message.h"

struct grpc_result {
    enum grpc_status status;
    char message[ERROR_MESSAGE_BYTES];
    /* From grpc-status-details-bin; NULL when there is none. Freed by grpc_result_clear. */
    Google__Rpc__Status *details;
};

/* Replaces what was there. */
void grpc_result_set(struct grpc_result *result, enum grpc_status status, const char *message);
void grpc_result_clear(struct grpc_result *result);

#endif
