#include "tests/unit/proxy/http/one_route.h"

#include "common/buffer.h"
#include "proto/messages.h"
#include "proxy/upstream/backend.h"
#include "tests/unit/proxy/routing/filter_text.h"
#include "tests/unit/proxy/routing/session_text.h"

#include <stdlib.h>
#include <string.h>

enum { ENDPOINTS_MAX = 4 };

static void set_duration(DurationMessage *duration, uint64_t milliseconds)
{
    google__protobuf__duration__init(duration);
    duration->seconds = (int64_t)(milliseconds / 1000);
    duration->nanos = (int32_t)(milliseconds % 1000) * 1000000;
}

/* Everything goes to the one backend, but for copies to "mirror" and questions to "gate". */
static uint32_t number_of_backend(void *context, const char *full_name, uint32_t port)
{
    (void)context;
    (void)port;
    if (strcmp(full_name, "gate") == 0)
        return 2;
    return strcmp(full_name, "mirror") == 0 ? 1 : 0;
}

static struct route *make_route(struct one_route *one)
{
    BackendRefMessage ref = POINTSMAN__V1__BACKEND_REF__INIT;
    ref.name = (char *)"service";
    if (one->backend_filters != NULL)
        filter_text_parse(one->backend_filters, &ref.filters, &ref.n_filters);
    BackendRefMessage *refs[] = {&ref};
    PathMatchMessage path = POINTSMAN__V1__PATH_MATCH__INIT;
    path.value = (char *)one->prefix;
    RouteMatchMessage match = POINTSMAN__V1__ROUTE_MATCH__INIT;
    match.path = &path;
    RouteMatchMessage *matches[] = {&match};
    Pointsman__V1__Timeouts timeouts = POINTSMAN__V1__TIMEOUTS__INIT;
    DurationMessage request;
    DurationMessage try;
    set_duration(&request, one->request_timeout_ms);
    set_duration(&try, one->try_timeout_ms);
    timeouts.request = one->request_timeout_ms != 0 ? &request : NULL;
    timeouts.backend_request = one->try_timeout_ms != 0 ? &
    try : NULL
        ;
    RouteRuleMessage rule = POINTSMAN__V1__ROUTE_RULE__INIT;
    rule.n_matches = 1;
    rule.matches = matches;
    rule.n_backend_refs = 1;
    rule.backend_refs = refs;
    rule.timeouts = &timeouts;
    Pointsman__V1__Retry retry = POINTSMAN__V1__RETRY__INIT;
    DurationMessage backoff;
    set_duration(&backoff, one->retry_backoff_ms);
    retry.attempts_presence_case = POINTSMAN__V1__RETRY__ATTEMPTS_PRESENCE_ATTEMPTS;
    retry.attempts = one->retry_attempts;
    retry.backoff = &backoff;
    retry.codes = &one->retry_code;
    retry.n_codes = one->retry_code != 0;
    rule.retry = one->has_retry ? &retry : NULL;
    if (one->session != NULL)
        rule.session_persistence = session_text_parse(one->session);
    if (one->filters != NULL)
        filter_text_parse(one->filters, &rule.filters, &rule.n_filters);
    RouteRuleMessage *rules[] = {&rule};
    RouteMessage message = POINTSMAN__V1__ROUTE__INIT;
    message.name = (char *)"only";
    message.revision = 1;
    message.n_rules = 1;
    message.rules = rules;

    struct buffer bytes = BUFFER_EMPTY;
    size_t length = protobuf_c_message_get_packed_size(&message.base);
    protobuf_c_message_pack(&message.base, (uint8_t *)buffer_reserve(&bytes, length));
    buffer_extend(&bytes, length);
    struct route *route = route_new(&message, buffer_slice(&bytes), false, number_of_backend, NULL);
    buffer_clear(&bytes);
    filter_text_free(rule.filters, rule.n_filters);
    if (rule.session_persistence != NULL)
        pointsman__v1__session_persistence__free_unpacked(rule.session_persistence, NULL);
    filter_text_free(ref.filters, ref.n_filters);
    return route;
}

static struct backend *make_backend(struct one_route *one, const char *app_protocol,
                                    const uint16_t *ports, size_t port_count)
{
    EndpointMessage messages[ENDPOINTS_MAX];
    EndpointMessage *endpoints[ENDPOINTS_MAX];
    if (port_count > ENDPOINTS_MAX)
        abort();
    for (size_t i = 0; i < port_count; i++) {
        pointsman__v1__endpoint__init(&messages[i]);
        if (one->unix_path != NULL) {
            messages[i].unix_path = (char *)one->unix_path;
        } else {
            messages[i].address = (char *)"127.0.0.1";
            messages[i].port = ports[i];
        }
        endpoints[i] = &messages[i];
    }
    BackendMessage message = POINTSMAN__V1__BACKEND__INIT;
    message.name = (char *)"service";
    message.n_endpoints = port_count;
    message.endpoints = endpoints;
    if (app_protocol != NULL)
        message.app_protocol = (char *)app_protocol;
    /* In order, so that a test knows who comes first. */
    Pointsman__V1__LoadBalancing balancing = POINTSMAN__V1__LOAD_BALANCING__INIT;
    balancing.policy = POINTSMAN__V1__LOAD_BALANCING_POLICY__LOAD_BALANCING_POLICY_ROUND_ROBIN;
    message.load_balancing = &balancing;
    DurationMessage connect;
    set_duration(&connect, one->connect_timeout_ms);
    message.connect_timeout = one->connect_timeout_ms != 0 ? &connect : NULL;

    Pointsman__V1__ConnectionLimits limits = POINTSMAN__V1__CONNECTION_LIMITS__INIT;
    limits.max_connections = one->limits.max_connections;
    limits.max_pending = one->limits.max_pending;
    limits.max_requests = one->limits.max_requests;
    message.limits = &limits;

    struct error err = {0};
    struct backend *backend = backend_new(&message, 0, NULL, one->endpoints, &err);
    if (backend == NULL)
        abort();
    return backend;
}

void one_route_init(struct one_route *one)
{
    *one = (struct one_route){
        .cache = route_cache_new(),
        .builder = route_table_builder_new(),
        .endpoints = endpoint_registry_new(),
        .prefix = "/",
    };
}

void one_route_publish(struct one_route *one, const uint16_t *ports, size_t port_count)
{
    if (one->route != NULL)
        route_table_builder_remove(one->builder, one->route);
    one->route = make_route(one);
    route_table_builder_add(one->builder, one->route);
    const char *protocol = one->app_protocol;
    const char *gate_protocol = one->gate_protocol == NULL ? protocol : one->gate_protocol;
    route_table_builder_set_backend(
        one->builder, 0,
        one->has_no_backend ? NULL : make_backend(one, protocol, ports, port_count));
    route_table_builder_set_backend(
        one->builder, 1,
        one->mirror_port == 0 ? NULL : make_backend(one, protocol, &one->mirror_port, 1));
    route_table_builder_set_backend(
        one->builder, 2,
        one->gate_port == 0 ? NULL : make_backend(one, gate_protocol, &one->gate_port, 1));
    route_cache_publish(one->cache, route_table_builder_publish(one->builder, 1, 1));
}

void one_route_clear(struct one_route *one)
{
    route_cache_free(one->cache);
    if (one->route != NULL)
        route_table_builder_remove(one->builder, one->route);
    route_table_builder_free(one->builder);
    endpoint_registry_free(one->endpoints);
}
