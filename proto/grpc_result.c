#include "proto/grpc_result.h"

#include <stdio.h>

void grpc_result_set(struct grpc_result *result, enum grpc_status status, const char *message)
{
    grpc_result_clear(result);
    result->status = status;
    snprintf(result->message, sizeof(result->message), "%s", message);
}

void grpc_result_clear(struct grpc_result *result)
{
    if (result->details != NULL)
        message_free(&result->details->base);
    *result = (struct grpc_result){0};
}
