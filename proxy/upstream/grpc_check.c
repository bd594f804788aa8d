#include "proxy/upstream/grpc_check.h"

#include "proto/grpc/health.pb-c.h"
#include "proto/message.h"

#include <string.h>

/* Whether it is compressed, then the length in network order (gRPC over HTTP/2, "Length-Prefixed
 * Message"). */
enum { PREFIX_BYTES = 5 };

void grpc_check_put_request(struct slice service, struct buffer *to)
{
    struct buffer message = BUFFER_EMPTY;
    struct buffer name = BUFFER_EMPTY;
    Grpc__Health__V1__HealthCheckRequest request = GRPC__HEALTH__V1__HEALTH_CHECK_REQUEST__INIT;
    buffer_append_slice(&name, service);
    request.service = (char *)buffer_string(&name);
    message_pack(&request.base, &message);

    const unsigned char prefix[PREFIX_BYTES] = {
        0, (unsigned char)(message.length >> 24), (unsigned char)(message.length >> 16),
        (unsigned char)(message.length >> 8), (unsigned char)message.length};
    buffer_append(to, prefix, sizeof(prefix));
    buffer_append_slice(to, buffer_slice(&message));
    buffer_clear(&message);
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
    if (body.length < PREFIX_BYTES || body.length > GRPC_CHECK_ANSWER_BYTES_MAX)
        return no_message;
    const unsigned char *prefix = (const unsigned char *)body.at;
    size_t length = (size_t)prefix[1] << 24 | (size_t)prefix[2] << 16 | (size_t)prefix[3] << 8 |
                    (size_t)prefix[4];
    if (prefix[0] != 0 || length != body.length - PREFIX_BYTES)
        return no_message;

    Grpc__Health__V1__HealthCheckResponse *response =
        (Grpc__Health__V1__HealthCheckResponse *)message_unpack(
            &grpc__health__v1__health_check_response__descriptor,
            slice_of(body.at + PREFIX_BYTES, length), MESSAGE_MEMORY_DEFAULT, UNKNOWN_FIELDS_KEPT,
            NULL);
    if (response == NULL)
        return no_message;
    const char *problem = problem_of(response->status);
    message_free(&response->base);
    return problem;
}
