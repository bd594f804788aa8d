#include "control/check_health.h"

#include "proto/grpc_client.h"

#define METHOD_CHECK "/grpc.health.v1.Health/Check"

static bool ask(struct grpc_client *client, uint64_t timeout_ms, struct error *err)
{
    Grpc__Health__V1__HealthCheckRequest request = GRPC__HEALTH__V1__HEALTH_CHECK_REQUEST__INIT;
    struct grpc_result result = {0};
    ProtobufCMessage *response =
        grpc_client_call(client, METHOD_CHECK, &request.base,
                         &grpc__health__v1__health_check_response__descriptor, timeout_ms, &result);
    bool is_serving =
        response != NULL && ((const Grpc__Health__V1__HealthCheckResponse *)response)->status ==
                                GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__SERVING;
    if (response == NULL)
        error_set(err, grpc_status_to_error(result.status), "%s", result.message);
    else if (!is_serving)
        error_set(err, ERROR_UNAVAILABLE, "the daemon runs and is not serving");
    message_free(response);
    grpc_result_clear(&result);
    return is_serving;
}

bool check_health(const char *socket_path, uint64_t timeout_ms, struct error *err)
{
    struct grpc_client *client = grpc_client_connect(socket_path, err);
    bool is_well = client != NULL && ask(client, timeout_ms, err);
    grpc_client_free(client);
    return is_well;
}
