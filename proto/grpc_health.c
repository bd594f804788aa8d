/* grpc.health.v1: "" and every service of ours share one answer. */
#include "proto/grpc_server_parts.h"

#include <stdlib.h>
#include <string.h>

typedef Grpc__Health__V1__HealthCheckRequest CheckRequest;
typedef Grpc__Health__V1__HealthCheckResponse CheckResponse;
typedef Grpc__Health__V1__HealthCheckResponse__ServingStatus ServingStatus;

enum { REQUEST_BYTES = 4096 };

#define STATUS(name) GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__##name

/* One Watch. It says the status once, and again when that has changed. */
struct health_watcher {
    struct grpc_server *server;
    struct health_watcher *next;
    struct health_watcher *previous;
    struct grpc_call *call;
    bool is_known;
    int said; /* the status said last; -1: none */
};

/* A path is "/package.Service/Method". */
static bool serves(const struct grpc_method *methods, const char *service)
{
    size_t length = strlen(service);
    for (; methods->path != NULL; methods++) {
        const char *path = methods->path + 1;
        if (strncmp(path, service, length) == 0 && path[length] == '/')
            return true;
    }
    return false;
}

static bool is_known(const struct grpc_server *server, const char *service)
{
    return service[0] == '\0' || serves(server->methods, service) ||
           serves(grpc_health_methods, service) || serves(grpc_reflection_methods, service);
}

static ServingStatus current_status(const struct grpc_server *server)
{
    return server->is_serving ? STATUS(SERVING) : STATUS(NOT_SERVING);
}

static void on_check(void *context, struct grpc_call *call, const ProtobufCMessage *message)
{
    const struct grpc_server *server = context;
    const CheckRequest *request = (const CheckRequest *)message;

    if (!is_known(server, request->service)) {
        grpc_call_fail(call, GRPC_NOT_FOUND, "there is no such service", NULL);
        return;
    }
    CheckResponse response = GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__INIT;
    response.status = current_status(server);
    grpc_call_reply(call, &response.base);
}

static enum grpc_pull pull_status(void *context, struct buffer *to)
{
    struct health_watcher *watcher = context;
    ServingStatus status =
        watcher->is_known ? current_status(watcher->server) : STATUS(SERVICE_UNKNOWN);
    if ((int)status == watcher->said)
        return GRPC_PULL_WAIT;

    watcher->said = (int)status;
    CheckResponse response = GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__INIT;
    response.status = status;
    message_pack(&response.base, to);
    return GRPC_PULL_MESSAGE;
}

static void on_watch_end(void *context)
{
    struct health_watcher *watcher = context;
    if (watcher->previous != NULL)
        watcher->previous->next = watcher->next;
    else
        watcher->server->health_watchers = watcher->next;
    if (watcher->next != NULL)
        watcher->next->previous = watcher->previous;
    free(watcher);
}

static void on_watch(void *context, struct grpc_call *call, const ProtobufCMessage *message)
{
    struct grpc_server *server = context;
    const CheckRequest *request = (const CheckRequest *)message;

    struct health_watcher *watcher = memory_allocate_zeroed(1, sizeof(*watcher));
    watcher->server = server;
    watcher->call = call;
    watcher->is_known = is_known(server, request->service);
    watcher->said = -1;
    watcher->next = server->health_watchers;
    if (server->health_watchers != NULL)
        server->health_watchers->previous = watcher;
    server->health_watchers = watcher;

    grpc_call_on_end(call, on_watch_end, watcher);
    grpc_call_stream(call, pull_status, watcher);
}

void grpc_health_announce(struct grpc_server *server)
{
    for (struct health_watcher *each = server->health_watchers; each != NULL; each = each->next)
        grpc_call_resume(each->call);
}

const struct grpc_method grpc_health_methods[] = {
    {
        .path = "/grpc.health.v1.Health/Check",
        .request = &grpc__health__v1__health_check_request__descriptor,
        .max_request_bytes = REQUEST_BYTES,
        .unknown_fields = UNKNOWN_FIELDS_KEPT,
        .on_call = on_check,
    },
    {
        .path = "/grpc.health.v1.Health/Watch",
        .request = &grpc__health__v1__health_check_request__descriptor,
        .max_request_bytes = REQUEST_BYTES,
        .unknown_fields = UNKNOWN_FIELDS_KEPT,
        .on_call = on_watch,
    },
    {.path = NULL},
};
