#include "proxy/backend_report.h"

#include "common/clock.h"
#include "common/json.h"
#include "proxy/metrics/prometheus.h"
#include "proxy/routing/route_cache.h"
#include "proxy/upstream/backend.h"
#include "proxy/upstream/dns_names.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <stdlib.h>

enum endpoint_state {
    ENDPOINT_HEALTHY,
    ENDPOINT_EJECTED,
    ENDPOINT_UNHEALTHY, /* by its check */
    ENDPOINT_STATE_COUNT
};

static const char *const state_names[ENDPOINT_STATE_COUNT] = {
    [ENDPOINT_HEALTHY] = "healthy",
    [ENDPOINT_EJECTED] = "ejected",
    [ENDPOINT_UNHEALTHY] = "unhealthy",
};

static enum endpoint_state state_of(const struct backend_endpoint *each, uint64_t now_ms)
{
    if (each->check != NULL && !health_check_is_healthy(each->check))
        return ENDPOINT_UNHEALTHY;
    return endpoint_is_in(each->endpoint, now_ms) ? ENDPOINT_HEALTHY : ENDPOINT_EJECTED;
}

static void count_states(const struct backend *backend, uint64_t now_ms,
                         size_t counts[ENDPOINT_STATE_COUNT])
{
    for (size_t i = 0; i < backend->endpoint_count; i++)
        counts[state_of(&backend->endpoints[i], now_ms)]++;
}

static bool has_trouble(const struct backend *backend, uint64_t now_ms)
{
    size_t counts[ENDPOINT_STATE_COUNT] = {0};
    count_states(backend, now_ms, counts);
    return counts[ENDPOINT_HEALTHY] < backend->endpoint_count;
}

static void each_backend(struct route_cache *cache, route_table_visit_fn *visit, void *context)
{
    struct route_table *table = route_cache_acquire(cache);
    if (table == NULL)
        return;
    route_table_each_backend(table, visit, context);
    route_table_release(&table);
}

/* --- JSON ------------------------------------------------------------------------------------ */

struct json_report {
    struct buffer *to;
    uint64_t now_ms;
    size_t written;
    bool with_trouble; /* this time those with trouble, or those without */
};

static void write_endpoint(struct buffer *to, const struct backend_endpoint *each, uint64_t now_ms)
{
    const struct endpoint *endpoint = each->endpoint;
    enum endpoint_state state = state_of(each, now_ms);
    buffer_append_string(to, "{\"address\": ");
    json_append_string(to, slice_from_string(endpoint->name));
    buffer_printf(to, ", \"weight\": %u, \"state\": \"%s\"", each->weight, state_names[state]);
    if (state == ENDPOINT_EJECTED)
        buffer_printf(to, ", \"ejected_for_ms\": %" PRIu64,
                      atomic_load(&endpoint->ejected_until_ms) - now_ms);
    buffer_printf(to,
                  ", \"requests\": %u, \"connections\": %u, \"waiting\": %u, "
                  "\"consecutive_failures\": %u}",
                  atomic_load(&endpoint->in_flight), atomic_load(&endpoint->connections),
                  atomic_load(&endpoint->waiting), atomic_load(&endpoint->consecutive_failures));
}

static void write_backend(void *context, struct backend *backend)
{
    struct json_report *report = context;
    if (report->written == BACKEND_REPORT_MAX ||
        has_trouble(backend, report->now_ms) != report->with_trouble)
        return;

    struct buffer *to = report->to;
    buffer_append_string(to, report->written++ == 0 ? "\n    {\"name\": " : ",\n    {\"name\": ");
    json_append_string(to, backend->name);
    if (backend->port != 0)
        buffer_printf(to, ", \"port\": %u", backend->port);
    buffer_printf(to, ", \"revision\": %" PRIu64 ", \"endpoints\": [", backend->revision);
    for (size_t i = 0; i < backend->endpoint_count; i++) {
        buffer_append_string(to, i == 0 ? "\n      " : ",\n      ");
        write_endpoint(to, &backend->endpoints[i], report->now_ms);
    }
    buffer_append_string(to, "]}");
}

void backend_report_write_json(struct buffer *to, struct route_cache *cache)
{
    struct json_report report = {.to = to, .now_ms = clock_now_ms(), .with_trouble = true};
    buffer_append_char(to, '[');
    each_backend(cache, write_backend, &report);
    report.with_trouble = false;
    each_backend(cache, write_backend, &report);
    buffer_append_char(to, ']');
}

/* --- names ----------------------------------------------------------------------------------- */

static void write_addresses(struct buffer *to, const struct dns_name_status *status)
{
    for (size_t i = 0; i < status->address_count; i++) {
        char ip[INET6_ADDRSTRLEN];
        const struct endpoint_address *address = &status->addresses[i];
        const void *binary = address->any.sa_family == AF_INET
                                 ? (const void *)&address->ipv4.sin_addr
                                 : (const void *)&address->ipv6.sin6_addr;
        inet_ntop(address->any.sa_family, binary, ip, sizeof(ip));
        buffer_printf(to, "%s\"%s\"", i == 0 ? "" : ", ", ip);
    }
}

void backend_report_write_names(struct buffer *to, struct dns_names *names)
{
    struct dns_name_status *status = memory_allocate(sizeof(*status));
    uint64_t now_ms = clock_now_ms();
    buffer_append_char(to, '[');
    for (size_t i = 0; i < BACKEND_REPORT_MAX && dns_names_status(names, i, status); i++) {
        buffer_append_string(to, i == 0 ? "\n    {\"name\": " : ",\n    {\"name\": ");
        json_append_string(to, slice_from_string(status->host));
        buffer_append_string(to, ", \"addresses\": [");
        write_addresses(to, status);
        buffer_append_char(to, ']');
        if (status->is_answered)
            buffer_printf(to, ", \"answer_age_ms\": %" PRIu64, now_ms - status->answered_ms);
        if (status->reason != NULL) {
            buffer_printf(to, ", \"failures\": %u, \"last_error\": ", status->failures);
            json_append_string(to, slice_from_string(status->reason));
        }
        buffer_append_char(to, '}');
    }
    buffer_append_char(to, ']');
    free(status);
}

/* --- for control ----------------------------------------------------------------------------- */

struct filling {
    struct endpoints_out *out;
    uint64_t now_ms;
};

static void fill_backend(void *context, struct backend *backend)
{
    const struct filling *filling = context;
    struct endpoints_out *out = filling->out;
    for (size_t i = 0; i < backend->endpoint_count; i++) {
        const struct backend_endpoint *each = &backend->endpoints[i];
        enum endpoint_state state = state_of(each, filling->now_ms);
        if (state == ENDPOINT_HEALTHY || out->message.total++ >= ENDPOINTS_OUT_MAX)
            continue;
        Pointsman__V1__EndpointOut *added = &out->endpoints[out->message.n_endpoints++];
        pointsman__v1__endpoint_out__init(added);
        added->backend = (char *)backend->name.at;
        added->address = (char *)each->endpoint->name;
        added->state = (char *)state_names[state];
    }
}

void backend_report_fill(struct endpoints_out *out, const struct route_table *table)
{
    struct filling filling = {.out = out, .now_ms = clock_now_ms()};
    pointsman__v1__endpoints_out__init(&out->message);
    out->message.endpoints = out->pointers;
    for (size_t i = 0; i < ENDPOINTS_OUT_MAX; i++)
        out->pointers[i] = &out->endpoints[i];
    route_table_each_backend(table, fill_backend, &filling);
}

/* --- metrics --------------------------------------------------------------------------------- */

struct metrics_report {
    struct buffer *to;
    uint64_t now_ms;
    size_t totals[ENDPOINT_STATE_COUNT];
};

static void count_backend(void *context, struct backend *backend)
{
    struct metrics_report *report = context;
    count_states(backend, report->now_ms, report->totals);
}

static void write_out(void *context, struct backend *backend)
{
    struct metrics_report *report = context;
    size_t counts[ENDPOINT_STATE_COUNT] = {0};
    count_states(backend, report->now_ms, counts);
    for (size_t i = ENDPOINT_HEALTHY + 1; i < ENDPOINT_STATE_COUNT; i++) {
        if (counts[i] == 0)
            continue;
        prometheus_write_labelled(report->to, "pointsman_backend_endpoints_out", "backend",
                                  backend->name.at);
        if (backend->port != 0)
            buffer_printf(report->to, ",port=\"%u\"", backend->port);
        buffer_printf(report->to, ",state=\"%s\"} %zu\n", state_names[i], counts[i]);
    }
}

void backend_report_write_metrics(struct buffer *to, struct route_cache *cache)
{
    struct metrics_report report = {.to = to, .now_ms = clock_now_ms()};
    each_backend(cache, count_backend, &report);
    prometheus_write_head(to, "pointsman_endpoints", "gauge",
                          "Endpoints of all backends that routes name, by state.");
    for (size_t i = 0; i < ENDPOINT_STATE_COUNT; i++)
        buffer_printf(to, "pointsman_endpoints{state=\"%s\"} %zu\n", state_names[i],
                      report.totals[i]);
    prometheus_write_head(to, "pointsman_backend_endpoints_out", "gauge",
                          "Endpoints that get no requests now, of backends that have any.");
    each_backend(cache, write_out, &report);
}
