#include "common/buffer.h"
#include "control/routectl/command.h"
#include "control/routectl/moment.h"
#include "control/routectl/session.h"

#include <stdlib.h>

static enum exit_code run_get_route(struct session *session, const struct option_list *operands)
{
    Pointsman__V1__GetRouteRequest request = POINTSMAN__V1__GET_ROUTE_REQUEST__INIT;
    struct flag_moment at;
    enum exit_code code = moment_read("get", &at);
    if (code != EXIT_OK)
        return code;
    request.at_revision = at.revision;
    request.at_time_ms = at.time_ms;
    request.name = memory_duplicate_string(operands->items[0]);
    RouteMessage *route = (RouteMessage *)session_call(
        session, "/pointsman.v1.RouteControl/GetRoute", &request.base,
        &pointsman__v1__route__descriptor, session_options.timeout_ms, NULL, &code);
    if (route != NULL)
        session->output->show(&session->sink, &route->base);
    message_free((ProtobufCMessage *)route);
    free(request.name);
    return code;
}

const struct command command_get = {
    .name = "get",
    .kind = COMMAND_ROUTES,
    .operands = "NAME",
    .summary = "Show a route",
    .details =
        "Of a GRPCRoute, the NAME is GRPCRoute/NAME or GRPCRoute/NAMESPACE/NAME, as 'list' shows\n"
        "it; so with every verb that takes one.",
    .example = "  routectl get api\n"
               "  routectl get GRPCRoute/shop/api\n"
               "  routectl get api --at 41 -o json",
    .min_operands = 1,
    .max_operands = 1,
    .groups = {{"When", moment_options}},
    .run = run_get_route,
};

static enum exit_code run_get_backend(struct session *session, const struct option_list *operands)
{
    Pointsman__V1__GetBackendRequest request = POINTSMAN__V1__GET_BACKEND_REQUEST__INIT;
    struct flag_moment at;
    enum exit_code code = moment_read("backend get", &at);
    if (code != EXIT_OK)
        return code;
    request.at_revision = at.revision;
    request.at_time_ms = at.time_ms;
    request.name = memory_duplicate_string(operands->items[0]);
    BackendMessage *backend = (BackendMessage *)session_call(
        session, "/pointsman.v1.RouteControl/GetBackend", &request.base,
        &pointsman__v1__backend__descriptor, session_options.timeout_ms, NULL, &code);
    if (backend != NULL)
        session->output->show(&session->sink, &backend->base);
    message_free((ProtobufCMessage *)backend);
    free(request.name);
    return code;
}

const struct command command_backend_get = {
    .name = "backend get",
    .kind = COMMAND_BACKENDS,
    .operands = "NAME",
    .summary = "Show a backend",
    .details = "",
    .example = "  routectl backend get users-v1",
    .min_operands = 1,
    .max_operands = 1,
    .groups = {{"When", moment_options}},
    .run = run_get_backend,
};
