/* gRPC status codes, by the numbers of the protocol, and how our errors map to them.
 *
 * Threads: any. */
#ifndef PROTO_GRPC_STATUS_H
#define PROTO_GRPC_STATUS_H

#include "common/error.h"

enum grpc_status {
    GRPC_OK = 0,
    GRPC_CANCELLED = 1,
    GRPC_UNKNOWN = 2,
    GRPC_INVALID_ARGUMENT = 3,
    GRPC_DEADLINE_EXCEEDED = 4,
    GRPC_NOT_FOUND = 5,
    GRPC_ALREADY_EXISTS = 6,
    GRPC_PERMISSION_DENIED = 7,
    GRPC_RESOURCE_EXHAUSTED = 8,
    GRPC_FAILED_PRECONDITION = 9,
    GRPC_ABORTED = 10,
    GRPC_OUT_OF_RANGE = 11,
    GRPC_UNIMPLEMENTED = 12,
    GRPC_INTERNAL = 13,
    GRPC_UNAVAILABLE = 14,
    GRPC_DATA_LOSS = 15,
    GRPC_UNAUTHENTICATED = 16,
};

/* "INVALID_ARGUMENT"; "UNKNOWN" for a number that is none. */
const char *grpc_status_name(enum grpc_status status);

/* ERROR_CONFLICT and ERROR_IN_USE are FAILED_PRECONDITION, ERROR_READ_ONLY is UNAVAILABLE, ... */
enum grpc_status grpc_status_from_error(enum error_code code);
enum error_code grpc_status_to_error(enum grpc_status status);

#endif
