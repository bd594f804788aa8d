#include "control/routectl/documents.h"
#include "control/routectl/output.h"

/* Routes and backends are the documents that 'apply' takes. All else is as JSON, which is YAML. */

static void print(const struct output_sink *sink, struct buffer *text)
{
    fwrite(text->at, 1, text->length, sink->to);
    buffer_clear(text);
}

static void show_route(const struct output_sink *sink, const RouteMessage *route)
{
    struct buffer text = BUFFER_EMPTY;
    documents_write_route(&text, route);
    print(sink, &text);
}

static void show_routes(const struct output_sink *sink,
                        const Pointsman__V1__ListRoutesResponse *routes)
{
    for (size_t i = 0; i < routes->n_routes; i++)
        show_route(sink, routes->routes[i]);
}

static void show_backend(const struct output_sink *sink, const BackendMessage *backend)
{
    struct buffer text = BUFFER_EMPTY;
    documents_write_backend(&text, backend);
    print(sink, &text);
}

static void show_backends(const struct output_sink *sink,
                          const Pointsman__V1__ListBackendsResponse *backends)
{
    for (size_t i = 0; i < backends->n_backends; i++)
        show_backend(sink, backends->backends[i]);
}

static void show_change(const struct output_sink *sink, const struct change_result *result)
{
    output_json.show_change(sink, result);
}

static void show_wait(const struct output_sink *sink,
                      const Pointsman__V1__WaitAppliedResponse *applied)
{
    output_json.show_wait(sink, applied);
}

static void show_status(const struct output_sink *sink, const Pointsman__V1__GetInfoResponse *info,
                        const Pointsman__V1__ListProxiesResponse *proxies)
{
    output_json.show_status(sink, info, proxies);
}

static void show_health(const struct output_sink *sink,
                        const Grpc__Health__V1__HealthCheckResponse *health)
{
    output_json.show_health(sink, health);
}

static void show_explanation(const struct output_sink *sink,
                             const Pointsman__V1__ExplainResponse *explanation)
{
    output_json.show_explanation(sink, explanation);
}

const struct output output_yaml = {
    .name = "yaml",
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
