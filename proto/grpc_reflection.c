/* Server reflection: v1, and v1alpha, which is the same on the wire. */
#include "proto/grpc_descriptors.h"
#include "proto/grpc_server_parts.h"

#include <string.h>

typedef Grpc__Reflection__V1__ServerReflectionRequest Request;
typedef Grpc__Reflection__V1__ServerReflectionResponse Response;

#define REQUEST(name) GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_##name
#define RESPONSE(name) GRPC__REFLECTION__V1__SERVER_REFLECTION_RESPONSE__MESSAGE_RESPONSE_##name

enum { REQUEST_BYTES = 4096, SERVICES_MAX = 16, SERVICE_NAME_BYTES = 128 };

/* --- the list of services --------------------------------------------------------------------- */

struct service_list {
    char names[SERVICES_MAX][SERVICE_NAME_BYTES];
    size_t count;
};

/* "/package.Service/Method" to "package.Service", once each. Methods of one service stand
 * together in their table. */
static void add_services(struct service_list *list, const struct grpc_method *methods)
{
    for (; methods->path != NULL && list->count < SERVICES_MAX; methods++) {
        const char *name = methods->path + 1;
        size_t length = strcspn(name, "/");
        char *to = list->names[list->count];
        if (length >= SERVICE_NAME_BYTES)
            continue;
        memcpy(to, name, length);
        to[length] = '\0';
        if (list->count == 0 || strcmp(list->names[list->count - 1], to) != 0)
            list->count++;
    }
}

static bool answer_services(const struct grpc_server *server, struct grpc_call *call,
                            Response *response, struct error *err)
{
    struct service_list list = {.count = 0};
    add_services(&list, server->methods);
    add_services(&list, grpc_health_methods);
    /* Without v1alpha: it is served, but no file declares it. */
    add_services(&list, (const struct grpc_method[]){grpc_reflection_methods[0], {.path = NULL}});

    Grpc__Reflection__V1__ServiceResponse services[SERVICES_MAX];
    Grpc__Reflection__V1__ServiceResponse *pointers[SERVICES_MAX];
    for (size_t i = 0; i < list.count; i++) {
        grpc__reflection__v1__service_response__init(&services[i]);
        services[i].name = list.names[i];
        pointers[i] = &services[i];
    }
    Grpc__Reflection__V1__ListServiceResponse answer =
        GRPC__REFLECTION__V1__LIST_SERVICE_RESPONSE__INIT;
    answer.n_service = list.count;
    answer.service = pointers;
    response->message_response_case = RESPONSE(LIST_SERVICES_RESPONSE);
    response->list_services_response = &answer;
    return grpc_call_send(call, &response->base, err);
}

/* --- files ------------------------------------------------------------------------------------ */

static bool answer_file(struct grpc_call *call, Response *response, struct slice file,
                        struct error *err)
{
    ProtobufCBinaryData bytes = {.len = file.length, .data = (uint8_t *)file.at};
    Grpc__Reflection__V1__FileDescriptorResponse answer =
        GRPC__REFLECTION__V1__FILE_DESCRIPTOR_RESPONSE__INIT;
    answer.n_file_descriptor_proto = 1;
    answer.file_descriptor_proto = &bytes;
    response->message_response_case = RESPONSE(FILE_DESCRIPTOR_RESPONSE);
    response->file_descriptor_response = &answer;
    return grpc_call_send(call, &response->base, err);
}

static bool answer_error(struct grpc_call *call, Response *response, enum grpc_status status,
                         const char *message, struct error *err)
{
    Grpc__Reflection__V1__ErrorResponse answer = GRPC__REFLECTION__V1__ERROR_RESPONSE__INIT;
    answer.error_code = (int32_t)status;
    answer.error_message = (char *)message;
    response->message_response_case = RESPONSE(ERROR_RESPONSE);
    response->error_response = &answer;
    return grpc_call_send(call, &response->base, err);
}

static bool answer(const struct grpc_server *server, struct grpc_call *call, const Request *request,
                   struct error *err)
{
    Response response = GRPC__REFLECTION__V1__SERVER_REFLECTION_RESPONSE__INIT;
    response.valid_host = request->host;
    response.original_request = (Request *)request;
    struct slice file;

    switch (request->message_request_case) {
    case REQUEST(LIST_SERVICES):
        return answer_services(server, call, &response, err);
    case REQUEST(FILE_BY_FILENAME):
        if (grpc_descriptors_find_file(slice_from_string(request->file_by_filename), &file))
            return answer_file(call, &response, file, err);
        return answer_error(call, &response, GRPC_NOT_FOUND, "there is no such file", err);
    case REQUEST(FILE_CONTAINING_SYMBOL):
        if (grpc_descriptors_find_symbol(slice_from_string(request->file_containing_symbol), &file))
            return answer_file(call, &response, file, err);
        return answer_error(call, &response, GRPC_NOT_FOUND, "there is no such symbol", err);
    case REQUEST(FILE_CONTAINING_EXTENSION):
    case REQUEST(ALL_EXTENSION_NUMBERS_OF_TYPE):
        return answer_error(call, &response, GRPC_NOT_FOUND, "proto3 has no extensions", err);
    case REQUEST(_NOT_SET):
    default:
        return answer_error(call, &response, GRPC_INVALID_ARGUMENT, "nothing was asked", err);
    }
}

static void on_request(void *context, struct grpc_call *call, const ProtobufCMessage *message)
{
    struct error err = {0};
    if (message == NULL)
        grpc_call_fail(call, GRPC_OK, "", NULL); /* the client has asked all it wanted */
    else if (!answer(context, call, (const Request *)message, &err))
        grpc_call_fail_error(call, &err);
}

#define REFLECTION_METHOD(version)                                                                 \
    {                                                                                              \
        .path = "/grpc.reflection." version ".ServerReflection/ServerReflectionInfo",              \
        .request = &grpc__reflection__v1__server_reflection_request__descriptor,                   \
        .max_request_bytes = REQUEST_BYTES, .has_many_requests = true,                             \
        .unknown_fields = UNKNOWN_FIELDS_KEPT, .on_call = on_request,                              \
    }

const struct grpc_method grpc_reflection_methods[] = {
    REFLECTION_METHOD("v1"),
    REFLECTION_METHOD("v1alpha"),
    {.path = NULL},
};
