#include "control/routectl/json_writer.h"
#include "control/routectl/output.h"

static void print(const struct output_sink *sink, struct json_writer *writer)
{
    fwrite(writer->text.at, 1, writer->text.length, sink->to);
    json_writer_clear(writer);
}

static void print_message(const struct output_sink *sink, const ProtobufCMessage *message)
{
    struct json_writer writer = {0};
    json_writer_message(&writer, NULL, message);
    print(sink, &writer);
}

static void show_route(const struct output_sink *sink, const RouteMessage *route)
{
    print_message(sink, &route->base);
}

static void show_routes(const struct output_sink *sink,
                        const Pointsman__V1__ListRoutesResponse *routes)
{
    print_message(sink, &routes->base);
}

static void show_backend(const struct output_sink *sink, const BackendMessage *backend)
{
    print_message(sink, &backend->base);
}

static void show_backends(const struct output_sink *sink,
                          const Pointsman__V1__ListBackendsResponse *backends)
{
    print_message(sink, &backends->base);
}

/* The ApplyResponse, with what came of waiting beside it. */
static void show_change(const struct output_sink *sink, const struct change_result *result)
{
    struct json_writer writer = {0};
    json_writer_begin_object(&writer, NULL);
    json_writer_message_fields(&writer, &result->response->base);
    json_writer_bool(&writer, "dryRun", result->is_dry_run);
    if (result->applied != NULL)
        json_writer_message(&writer, "proxies", &result->applied->base);
    json_writer_end_object(&writer);
    print(sink, &writer);
}

static void show_wait(const struct output_sink *sink,
                      const Pointsman__V1__WaitAppliedResponse *applied)
{
    print_message(sink, &applied->base);
}

static void show_status(const struct output_sink *sink, const Pointsman__V1__GetInfoResponse *info,
                        const Pointsman__V1__ListProxiesResponse *proxies)
{
    struct json_writer writer = {0};
    json_writer_begin_object(&writer, NULL);
    json_writer_message(&writer, "control", &info->base);
    json_writer_message_fields(&writer, &proxies->base);
    json_writer_end_object(&writer);
    print(sink, &writer);
}

static void show_health(const struct output_sink *sink,
                        const Grpc__Health__V1__HealthCheckResponse *health)
{
    print_message(sink, &health->base);
}

static void show_explanation(const struct output_sink *sink,
                             const Pointsman__V1__ExplainResponse *explanation)
{
    print_message(sink, &explanation->base);
}

const struct output output_json = {
    .name = "json",
    .show_route = show_route,
    .show_routes = show_routes,
    .show_backend = show_backend,
    .show_backends = show_backends,
    .show_change = show_change,
    .show_wait = show_wait,
    .show_status = show_status,
    .show_health = show_health,
    .show_explanation = show_explanation,
};
