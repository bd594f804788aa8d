#include "proxy/upstream/grpc_check.h"

#include "proto/grpc/health.pb-c.h"
#include "proto/grpc_wire.h"
#include "proto/message.h"

void grpc_check_put_request(struct slice service, struct buffer *to)
{
    struct buffer name = BUFFER_EMPTY;
    Grpc__Health__V1__HealthCheckRequest request = GRPC__HEALTH__V1__HEALTH_CHECK_REQUEST__INIT;
    buffer_append_slice(&name, service);
    request.service = (char *)buffer_string(&name);
    size_t begun = to->length;
    grpc_frame_begin(to);
    message_pack(&request.base, to);
    grpc_frame_end(to, begun);
    buffer_clear(&name);
}

static const char *problem_of(Grpc__Health__V1__HealthCheckResponse__ServingStatus status)
{
    switch (status) {
    case GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__SERVING:
        return NULL;
    case GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__NOT_SERVING:
        return "NOT_SERVING";
    case GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__SERVICE_UNKNOWN:
        return "SERVICE_UNKNOWN";
    case GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__UNKNOWN:
    case _GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS_IS_INT_SIZE:
        break;
    }
    return "UNKNOWN";
}

const char *grpc_check_problem(struct slice body)
{
    static const char no_message[] = "the answer is no message of gRPC";
    struct grpc_frame frame;
    if (body.length > GRPC_CHECK_ANSWER_BYTES_MAX || !grpc_frame_read(body, &frame) ||
        frame.is_compressed || frame.length != body.length - GRPC_FRAME_BYTES)
        return no_message;

    Grpc__Health__V1__HealthCheckResponse *response =
        (Grpc__Health__V1__HealthCheckResponse *)message_unpack(
            &grpc__health__v1__health_check_response__descriptor,
            slice_of(body.at + GRPC_FRAME_BYTES, frame.length), MESSAGE_MEMORY_DEFAULT,
            UNKNOWN_FIELDS_KEPT, NULL);
    if (response == NULL)
        return no_message;
    const char *problem = problem_of(response->status);
    message_free(&response->base);
    return problem;
}
