#include "tests/support/control_client.h"

#include "tests/support/check.h"
#include "tests/support/wait.h"

#include <stdio.h>
#include <stdlib.h>

#define CONTROL "/pointsman.v1.RouteControl/"

struct grpc_client *control_client_connect(const char *socket_path)
{
    struct error err = {0};
    struct grpc_client *client = grpc_client_connect(socket_path, &err);
    CHECK(client != NULL, "%s", err.message);
    return client;
}

/* Everything one mutation points to, in one piece. */
struct put {
    MutationMessage mutation;
    BackendMessage backend;
    EndpointMessage endpoint;
    EndpointMessage *endpoints[1];
    LabelMessage *labels[1];
    char name[64];
};

static void fill_put(struct put *put, const char *prefix, size_t index, uint32_t port)
{
    pointsman__v1__mutation__init(&put->mutation);
    pointsman__v1__backend__init(&put->backend);
    pointsman__v1__endpoint__init(&put->endpoint);
    snprintf(put->name, sizeof(put->name), "%s-%zu", prefix, index);
    put->mutation.operation_case = POINTSMAN__V1__MUTATION__OPERATION_PUT_BACKEND;
    put->mutation.put_backend = &put->backend;
    put->backend.name = put->name;
    put->backend.n_endpoints = 1;
    put->backend.endpoints = put->endpoints;
    put->endpoints[0] = &put->endpoint;
    put->endpoint.address = (char *)"127.0.0.1";
    put->endpoint.port = port;
}

/* With a label: they get it, and take the place of all that have it. */
static uint64_t put_backends(struct grpc_client *client, const char *prefix, size_t count,
                             uint32_t port, const char *request_id, LabelMessage *label,
                             DurationMessage *confirm_within, struct grpc_result *result)
{
    struct put *puts = memory_allocate(count * sizeof(puts[0]));
    MutationMessage **mutations = memory_allocate(count * sizeof(mutations[0]));
    for (size_t i = 0; i < count; i++) {
        fill_put(&puts[i], prefix, i, port);
        mutations[i] = &puts[i].mutation;
        puts[i].labels[0] = label;
        puts[i].backend.labels = puts[i].labels;
        puts[i].backend.n_labels = label != NULL;
    }
    Pointsman__V1__ApplyRequest request = POINTSMAN__V1__APPLY_REQUEST__INIT;
    request.n_mutations = count;
    request.mutations = mutations;
    request.request_id = (char *)request_id;
    request.replace_all = &label;
    request.n_replace_all = label != NULL;
    request.confirm_within = confirm_within;

    Pointsman__V1__ApplyResponse *response = (Pointsman__V1__ApplyResponse *)grpc_client_call(
        client, CONTROL "Apply", &request.base, &pointsman__v1__apply_response__descriptor, WAIT_MS,
        result);
    uint64_t revision = response == NULL ? 0 : response->revision;
    message_free((ProtobufCMessage *)response);
    free(mutations);
    free(puts);
    return revision;
}

uint64_t control_client_put_backends_once(struct grpc_client *client, const char *prefix,
                                          size_t count, uint32_t port, const char *request_id,
                                          struct grpc_result *result)
{
    return put_backends(client, prefix, count, port, request_id, NULL, NULL, result);
}

uint64_t control_client_replace_backends_once(struct grpc_client *client, const char *prefix,
                                              size_t count, uint32_t port, const char *request_id,
                                              struct grpc_result *result)
{
    LabelMessage label;
    pointsman__v1__label__init(&label);
    label.key = (char *)"of";
    label.value = (char *)prefix;
    return put_backends(client, prefix, count, port, request_id, &label, NULL, result);
}

static bool confirm(struct grpc_client *client, uint64_t revision, struct grpc_result *result)
{
    Pointsman__V1__ConfirmRequest request = POINTSMAN__V1__CONFIRM_REQUEST__INIT;
    request.revision = revision;
    ProtobufCMessage *response =
        grpc_client_call(client, CONTROL "Confirm", &request.base,
                         &pointsman__v1__confirm_response__descriptor, WAIT_MS, result);
    bool is_confirmed = response != NULL;
    message_free(response);
    return is_confirmed;
}

uint64_t control_client_confirm_backends_once(struct grpc_client *client, const char *prefix,
                                              size_t count, uint32_t port, const char *request_id,
                                              struct grpc_result *result)
{
    DurationMessage within;
    google__protobuf__duration__init(&within);
    within.seconds = 3600;
    uint64_t revision =
        put_backends(client, prefix, count, port, request_id, NULL, &within, result);
    return revision != 0 && confirm(client, revision, result) ? revision : 0;
}

uint64_t control_client_put_backends(struct grpc_client *client, const char *prefix, size_t count,
                                     uint32_t port, struct grpc_result *result)
{
    return control_client_put_backends_once(client, prefix, count, port, "", result);
}

uint32_t control_client_get_port(struct grpc_client *client, const char *name)
{
    Pointsman__V1__GetBackendRequest request = POINTSMAN__V1__GET_BACKEND_REQUEST__INIT;
    struct grpc_result result = {0};
    request.name = (char *)name;
    BackendMessage *backend =
        (BackendMessage *)grpc_client_call(client, CONTROL "GetBackend", &request.base,
                                           &pointsman__v1__backend__descriptor, WAIT_MS, &result);
    CHECK(backend != NULL || result.status == GRPC_NOT_FOUND, "%s", result.message);
    uint32_t port = backend == NULL ? 0 : backend->endpoints[0]->port;
    message_free((ProtobufCMessage *)backend);
    grpc_result_clear(&result);
    return port;
}

Pointsman__V1__GetInfoResponse *control_client_get_info(struct grpc_client *client)
{
    Pointsman__V1__GetInfoRequest request = POINTSMAN__V1__GET_INFO_REQUEST__INIT;
    struct grpc_result result = {0};
    Pointsman__V1__GetInfoResponse *info = (Pointsman__V1__GetInfoResponse *)grpc_client_call(
        client, CONTROL "GetInfo", &request.base, &pointsman__v1__get_info_response__descriptor,
        WAIT_MS, &result);
    CHECK(info != NULL, "%s", result.message);
    grpc_result_clear(&result);
    return info;
}
