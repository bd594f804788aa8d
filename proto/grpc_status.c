#include "proto/grpc_status.h"

#include <stddef.h>

static const char *const names[] = {
    [GRPC_OK] = "OK",
    [GRPC_CANCELLED] = "CANCELLED",
    [GRPC_UNKNOWN] = "UNKNOWN",
    [GRPC_INVALID_ARGUMENT] = "INVALID_ARGUMENT",
    [GRPC_DEADLINE_EXCEEDED] = "DEADLINE_EXCEEDED",
    [GRPC_NOT_FOUND] = "NOT_FOUND",
    [GRPC_ALREADY_EXISTS] = "ALREADY_EXISTS",
    [GRPC_PERMISSION_DENIED] = "PERMISSION_DENIED",
    [GRPC_RESOURCE_EXHAUSTED] = "RESOURCE_EXHAUSTED",
    [GRPC_FAILED_PRECONDITION] = "FAILED_PRECONDITION",
    [GRPC_ABORTED] = "ABORTED",
    [GRPC_OUT_OF_RANGE] = "OUT_OF_RANGE",
    [GRPC_UNIMPLEMENTED] = "UNIMPLEMENTED",
    [GRPC_INTERNAL] = "INTERNAL",
    [GRPC_UNAVAILABLE] = "UNAVAILABLE",
    [GRPC_DATA_LOSS] = "DATA_LOSS",
    [GRPC_UNAUTHENTICATED] = "UNAUTHENTICATED",
};

const char *grpc_status_name(enum grpc_status status)
{
    size_t index = (size_t)status;
    return index < sizeof(names) / sizeof(names[0]) ? names[index] : names[GRPC_UNKNOWN];
}

enum grpc_status grpc_status_from_error(enum error_code code)
{
    switch (code) {
    case ERROR_NONE:
        return GRPC_OK;
    case ERROR_INVALID:
        return GRPC_INVALID_ARGUMENT;
    case ERROR_NOT_FOUND:
        return GRPC_NOT_FOUND;
    case ERROR_EXISTS:
        return GRPC_ALREADY_EXISTS;
    case ERROR_CONFLICT:
    case ERROR_IN_USE:
        return GRPC_FAILED_PRECONDITION;
    case ERROR_DENIED:
        return GRPC_PERMISSION_DENIED;
    case ERROR_LIMIT:
        return GRPC_RESOURCE_EXHAUSTED;
    case ERROR_UNAVAILABLE:
    case ERROR_READ_ONLY:
        return GRPC_UNAVAILABLE;
    case ERROR_TIMEOUT:
        return GRPC_DEADLINE_EXCEEDED;
    case ERROR_OUT_OF_RANGE:
        return GRPC_OUT_OF_RANGE;
    case ERROR_UNSUPPORTED:
        return GRPC_UNIMPLEMENTED;
    case ERROR_CORRUPT:
        return GRPC_DATA_LOSS;
    case ERROR_SYSTEM:
    case ERROR_INTERNAL:
        return GRPC_INTERNAL;
    }
    return GRPC_UNKNOWN;
}

enum error_code grpc_status_to_error(enum grpc_status status)
{
    switch (status) {
    case GRPC_OK:
        return ERROR_NONE;
    case GRPC_INVALID_ARGUMENT:
        return ERROR_INVALID;
    case GRPC_NOT_FOUND:
        return ERROR_NOT_FOUND;
    case GRPC_ALREADY_EXISTS:
        return ERROR_EXISTS;
    case GRPC_FAILED_PRECONDITION:
    case GRPC_ABORTED:
        return ERROR_CONFLICT;
    case GRPC_PERMISSION_DENIED:
    case GRPC_UNAUTHENTICATED:
        return ERROR_DENIED;
    case GRPC_RESOURCE_EXHAUSTED:
        return ERROR_LIMIT;
    case GRPC_UNAVAILABLE:
        return ERROR_UNAVAILABLE;
    case GRPC_DEADLINE_EXCEEDED:
        return ERROR_TIMEOUT;
    case GRPC_OUT_OF_RANGE:
        return ERROR_OUT_OF_RANGE;
    case GRPC_UNIMPLEMENTED:
        return ERROR_UNSUPPORTED;
    case GRPC_DATA_LOSS:
        return ERROR_CORRUPT;
    case GRPC_CANCELLED:
    case GRPC_UNKNOWN:
    case GRPC_INTERNAL:
        return ERROR_INTERNAL;
    }
    return ERROR_INTERNAL;
}
