#include "control/routectl/documents.h"
#include "control/routectl/output.h"

/* Routes and backends are the documents that 'apply' takes. All else is as JSON, which is YAML. */

static void append_routes(struct buffer *to, const Pointsman__V1__ListRoutesResponse *list)
{
    for (size_t i = 0; i < list->n_routes; i++)
        documents_write_route(to, list->routes[i]);
}

static void append_backends(struct buffer *to, const Pointsman__V1__ListBackendsResponse *list)
{
    for (size_t i = 0; i < list->n_backends; i++)
        documents_write_backend(to, list->backends[i]);
}

static void show(const struct output_sink *sink, const ProtobufCMessage *answer)
{
    const ProtobufCMessageDescriptor *type = answer->descriptor;
    struct buffer text = BUFFER_EMPTY;
    if (type == &pointsman__v1__route__descriptor)
        documents_write_route(&text, (const RouteMessage *)answer);
    else if (type == &pointsman__v1__backend__descriptor)
        documents_write_backend(&text, (const BackendMessage *)answer);
    else if (type == &pointsman__v1__list_routes_response__descriptor)
        append_routes(&text, (const Pointsman__V1__ListRoutesResponse *)answer);
    else if (type == &pointsman__v1__list_backends_response__descriptor)
        append_backends(&text, (const Pointsman__V1__ListBackendsResponse *)answer);
    else
        output_json.show(sink, answer);
    fwrite(text.at, 1, text.length, sink->to);
    buffer_clear(&text);
}

static void show_change(const struct output_sink *sink, const struct change_result *result)
{
    output_json.show_change(sink, result);
}

static void show_difference(const struct output_sink *sink, const struct difference *difference)
{
    output_json.show_difference(sink, difference);
}

static void show_status(const struct output_sink *sink, const Pointsman__V1__GetInfoResponse *info,
                        const Pointsman__V1__ListProxiesResponse *proxies)
{
    output_json.show_status(sink, info, proxies);
}

const struct output output_yaml = {
    .name = "yaml",
    .show = show,
    .show_change = show_change,
    .show_difference = show_difference,
    .show_status = show_status,
};
