#include "proxy/metrics/prometheus.h"

#include "proxy/metrics/backend_metrics.h"
#include "proxy/metrics/route_metrics.h"

#include <inttypes.h>

/* --- the format ----------------------------------------------------------------------------- */

void prometheus_write_head(struct buffer *to, const char *name, const char *type, const char *help)
{
    buffer_printf(to, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

/* A label's value: backslash, quote and line feed are escaped, all else is UTF-8 as it stands. */
static void write_label_value(struct buffer *to, const char *value)
{
    for (const char *at = value; *at != '\0'; at++) {
        if (*at == '\\' || *at == '"')
            buffer_append_char(to, '\\');
        if (*at == '\n')
            buffer_append_string(to, "\\n");
        else
            buffer_append_char(to, *at);
    }
}

void prometheus_write_labelled(struct buffer *to, const char *name, const char *label,
                               const char *value)
{
    buffer_printf(to, "%s{%s=\"", name, label);
    write_label_value(to, value);
    buffer_append_char(to, '"');
}

void prometheus_write_label(struct buffer *to, const char *label, const char *value)
{
    buffer_printf(to, ",%s=\"", label);
    write_label_value(to, value);
    buffer_append_char(to, '"');
}

static void write_gauge(struct buffer *to, const char *name, const char *help, uint64_t value)
{
    prometheus_write_head(to, name, "gauge", help);
    buffer_printf(to, "%s %" PRIu64 "\n", name, value);
}

static void write_counter(struct buffer *to, const char *name, const char *help, uint64_t value)
{
    prometheus_write_head(to, name, "counter", help);
    buffer_printf(to, "%s %" PRIu64 "\n", name, value);
}

/* Times are counted as integers and shown in seconds. */
static void write_seconds(struct buffer *to, uint64_t us)
{
    buffer_printf(to, "%" PRIu64 ".%06" PRIu64, us / 1000000, us % 1000000);
}

/* --- counters of the workers ---------------------------------------------------------------- */

static const struct {
    size_t offset;
    const char *name;
    const char *help;
} totals[] = {
    {offsetof(struct worker_counters, connections_accepted), "pointsman_connections_accepted_total",
     "Client connections accepted."},
    {offsetof(struct worker_counters, requests), "pointsman_requests_received_total",
     "Complete request heads, those that were refused included."},
    {offsetof(struct worker_counters, client_tls_handshakes),
     "pointsman_client_tls_handshakes_total", "TLS handshakes with clients."},
    {offsetof(struct worker_counters, client_tls_resumptions),
     "pointsman_client_tls_resumptions_total",
     "TLS handshakes with clients that resumed a session."},
    {offsetof(struct worker_counters, client_bytes_in), "pointsman_client_received_bytes_total",
     "Bytes received from clients."},
    {offsetof(struct worker_counters, client_bytes_out), "pointsman_client_sent_bytes_total",
     "Bytes sent to clients."},
    {offsetof(struct worker_counters, upstream_connections_opened),
     "pointsman_upstream_connects_total", "Connections established to endpoints."},
    {offsetof(struct worker_counters, upstream_connections_reused),
     "pointsman_upstream_reuses_total", "Requests sent on an upstream connection used before."},
    {offsetof(struct worker_counters, tls_handshakes), "pointsman_upstream_tls_handshakes_total",
     "TLS handshakes with endpoints."},
    {offsetof(struct worker_counters, tls_resumptions), "pointsman_upstream_tls_resumptions_total",
     "TLS handshakes with endpoints that resumed a session."},
    {offsetof(struct worker_counters, tunnels_opened), "pointsman_tunnels_total",
     "WebSocket tunnels that were opened."},
    {offsetof(struct worker_counters, upstream_bytes_in), "pointsman_upstream_received_bytes_total",
     "Bytes received from endpoints."},
    {offsetof(struct worker_counters, upstream_bytes_out), "pointsman_upstream_sent_bytes_total",
     "Bytes sent to endpoints."},
    {offsetof(struct worker_counters, waits_started), "pointsman_requests_waited_total",
     "Requests that had to wait for room at an endpoint."},
    {offsetof(struct worker_counters, route_cache_lookups), "pointsman_route_cache_lookups_total",
     "Requests matched against the route table."},
    {offsetof(struct worker_counters, route_cache_refreshes),
     "pointsman_route_cache_refreshes_total", "Times a worker took over a newer table."},
    {offsetof(struct worker_counters, mirrors_started), "pointsman_mirrored_requests_total",
     "Copies of requests that were sent to another backend."},
    {offsetof(struct worker_counters, mirrors_dropped), "pointsman_mirrors_dropped_total",
     "Copies of requests that were not sent, or not to their end."},
    {offsetof(struct worker_counters, accept_pauses), "pointsman_accept_pauses_total",
     "Times a worker stopped accepting for want of connections or descriptors."},
    {offsetof(struct worker_counters, replays_dropped), "pointsman_replays_dropped_total",
     "Request bodies not kept for another try because too much of others was."},
    {offsetof(struct worker_counters, access_log_dropped), "pointsman_access_log_dropped_total",
     "Access log lines dropped because the log was behind."},
};

static const char *const denial_names[DENIAL_COUNT] = {
    [DENIAL_BAD_REQUEST] = "bad_request",
    [DENIAL_METHOD] = "method",
    [DENIAL_BODY_TOO_LARGE] = "body_too_large",
    [DENIAL_URI_TOO_LONG] = "uri_too_long",
    [DENIAL_HEAD_TOO_LARGE] = "head_too_large",
    [DENIAL_EXPECTATION] = "expectation",
    [DENIAL_VERSION] = "version",
    [DENIAL_HEAD_TIMEOUT] = "head_timeout",
    [DENIAL_BODY_TIMEOUT] = "body_timeout",
    [DENIAL_NO_TABLE] = "no_table",
    [DENIAL_NO_ROUTE] = "no_route",
    [DENIAL_NO_BACKEND] = "no_backend",
    [DENIAL_LOOP] = "loop",
    [DENIAL_NO_ENDPOINT] = "no_endpoint",
    [DENIAL_BACKEND_FULL] = "backend_full",
    [DENIAL_AUTHORIZATION_REFUSED] = "authorization_refused",
    [DENIAL_AUTHORIZATION_FAILED] = "authorization_failed",
    [DENIAL_UNSUPPORTED] = "unsupported",
    [DENIAL_PEER_LIMIT] = "peer_limit",
    [DENIAL_MADE_ROOM] = "made_room",
    [DENIAL_WRITE_STALL] = "write_stall",
    [DENIAL_TLS_HANDSHAKE] = "tls_handshake",
    [DENIAL_PROXY_HEADER] = "proxy_header",
    [DENIAL_TLS_TIMEOUT] = "tls_timeout",
};

static void write_totals(struct buffer *to, const struct counters *counters)
{
    for (size_t i = 0; i < sizeof(totals) / sizeof(totals[0]); i++)
        write_counter(to, totals[i].name, totals[i].help, counters_sum(counters, totals[i].offset));
}

/* Opened minus closed. The closed are read first: a difference is then never below zero. */
static void write_open(struct buffer *to, const struct counters *counters, const char *name,
                       const char *help, size_t opened_offset, size_t closed_offset)
{
    uint64_t closed = counters_sum(counters, closed_offset);
    uint64_t opened = counters_sum(counters, opened_offset);
    write_gauge(to, name, help, opened > closed ? opened - closed : 0);
}

static void write_connections(struct buffer *to, const struct counters *counters)
{
    write_open(to, counters, "pointsman_connections_open", "Client connections open now.",
               offsetof(struct worker_counters, connections_accepted),
               offsetof(struct worker_counters, connections_closed));
    write_open(to, counters, "pointsman_upstream_connections_open",
               "Connections to endpoints open now, idle ones included.",
               offsetof(struct worker_counters, upstream_connections_opened),
               offsetof(struct worker_counters, upstream_connections_closed));
    write_open(to, counters, "pointsman_requests_waiting",
               "Requests that wait for room at an endpoint now.",
               offsetof(struct worker_counters, waits_started),
               offsetof(struct worker_counters, waits_ended));
    write_open(to, counters, "pointsman_tunnels_open", "WebSocket tunnels open now.",
               offsetof(struct worker_counters, tunnels_opened),
               offsetof(struct worker_counters, tunnels_closed));
}

static void write_refusals(struct buffer *to, const struct counters *counters)
{
    const char *name = "pointsman_refused_total";
    prometheus_write_head(
        to, name, "counter",
        "Requests answered by the proxy itself and connections refused, by reason.");
    for (size_t i = 0; i < DENIAL_COUNT; i++) {
        size_t offset = offsetof(struct worker_counters, refused) + i * sizeof(struct counter);
        buffer_printf(to, "%s{reason=\"%s\"} %" PRIu64 "\n", name, denial_names[i],
                      counters_sum(counters, offset));
    }
}

/* --- counters of routes --------------------------------------------------------------------- */

static const char *const class_names[STATUS_CLASS_COUNT] = {"none", "1xx", "2xx",
                                                            "3xx",  "4xx", "5xx"};

static void write_route(void *context, const char *name, const uint64_t *sums)
{
    struct buffer *to = context;
    for (size_t i = 0; i < STATUS_CLASS_COUNT; i++) {
        if (sums[i] == 0)
            continue;
        prometheus_write_labelled(to, "pointsman_requests_total", "route", name);
        buffer_printf(to, ",class=\"%s\"} %" PRIu64 "\n", class_names[i], sums[i]);
    }
}

static void write_routes(struct buffer *to, struct counters *counters)
{
    prometheus_write_head(
        to, "pointsman_requests_total", "counter",
        "Requests by route and class of status; none: the client left before it got one.");
    named_counters_each(counters_routes(counters), write_route, to);
}

/* --- counters of backends ------------------------------------------------------------------- */

static const char *const failure_names[UPSTREAM_FAILURE_COUNT] = {
    [UPSTREAM_FAILURE_CONNECT] = "connect",
    [UPSTREAM_FAILURE_CONNECT_TIMEOUT] = "connect_timeout",
    [UPSTREAM_FAILURE_STALE] = "stale",
    [UPSTREAM_FAILURE_CLOSED] = "closed",
    [UPSTREAM_FAILURE_TIMEOUT] = "timeout",
    [UPSTREAM_FAILURE_BAD_RESPONSE] = "bad_response",
    [UPSTREAM_FAILURE_TRUNCATED] = "truncated",
    [UPSTREAM_FAILURE_STATUS] = "status",
    [UPSTREAM_FAILURE_TLS] = "tls",
    [UPSTREAM_FAILURE_WEBSOCKET] = "websocket",
};

/* Where a field of struct backend_counts is among its sums. */
#define BACKEND_SUM(field) (offsetof(struct backend_counts, field) / sizeof(struct counter))

static void write_latency(void *context, const char *name, const uint64_t *sums)
{
    static const char metric[] = "pointsman_upstream_latency_seconds";
    const uint64_t *latency = sums + BACKEND_SUM(latency);
    struct buffer *to = context;
    uint64_t count = 0;

    for (size_t i = 0; i < LATENCY_BUCKET_COUNT; i++) {
        count += latency[i];
        buffer_append_string(to, metric);
        prometheus_write_labelled(to, "_bucket", "backend", name);
        buffer_append_string(to, ",le=\"");
        if (i < LATENCY_BUCKET_COUNT - 1)
            write_seconds(to, latency_bounds_us[i]);
        else
            buffer_append_string(to, "+Inf");
        buffer_printf(to, "\"} %" PRIu64 "\n", count);
    }
    buffer_append_string(to, metric);
    prometheus_write_labelled(to, "_sum", "backend", name);
    buffer_append_string(to, "} ");
    write_seconds(to, sums[BACKEND_SUM(latency_sum_us)]);
    buffer_append_char(to, '\n');
    buffer_append_string(to, metric);
    prometheus_write_labelled(to, "_count", "backend", name);
    buffer_printf(to, "} %" PRIu64 "\n", count);
}

static void write_kinds(struct buffer *to, const char *metric, const char *backend,
                        const uint64_t *sums)
{
    for (size_t i = 0; i < UPSTREAM_FAILURE_COUNT; i++) {
        if (sums[i] == 0)
            continue;
        prometheus_write_labelled(to, metric, "backend", backend);
        buffer_printf(to, ",kind=\"%s\"} %" PRIu64 "\n", failure_names[i], sums[i]);
    }
}

static void write_failures(void *context, const char *name, const uint64_t *sums)
{
    write_kinds(context, "pointsman_upstream_failures_total", name, sums + BACKEND_SUM(failures));
}

static void write_retries(void *context, const char *name, const uint64_t *sums)
{
    write_kinds(context, "pointsman_upstream_retries_total", name, sums + BACKEND_SUM(retries));
}

static void write_unless_zero(struct buffer *to, const char *metric, const char *backend,
                              uint64_t value)
{
    if (value == 0)
        return;
    prometheus_write_labelled(to, metric, "backend", backend);
    buffer_printf(to, "} %" PRIu64 "\n", value);
}

static void write_denied(void *context, const char *name, const uint64_t *sums)
{
    write_unless_zero(context, "pointsman_upstream_retries_denied_total", name,
                      sums[BACKEND_SUM(retries_denied)]);
}

static void write_ejections(void *context, const char *name, const uint64_t *sums)
{
    write_unless_zero(context, "pointsman_endpoint_ejections_total", name,
                      sums[BACKEND_SUM(ejections)]);
}

/* Sums are read while workers count: an end may be seen before its start. */
static void write_running(void *context, const char *name, const uint64_t *sums)
{
    uint64_t started = sums[BACKEND_SUM(requests_started)];
    uint64_t ended = sums[BACKEND_SUM(requests_ended)];
    prometheus_write_labelled(context, "pointsman_backend_requests_running", "backend", name);
    buffer_printf(context, "} %" PRIu64 "\n", started > ended ? started - ended : 0);
}

/* The format wants the samples of one metric together, so there is a pass for each. */
static void write_backends(struct buffer *to, struct counters *counters)
{
    struct named_counters *backends = counters_backends(counters);
    prometheus_write_head(to, "pointsman_upstream_latency_seconds", "histogram",
                          "From the start of a try to its response head, by backend.");
    named_counters_each(backends, write_latency, to);
    prometheus_write_head(to, "pointsman_upstream_failures_total", "counter",
                          "Tries that failed, by backend and kind.");
    named_counters_each(backends, write_failures, to);
    prometheus_write_head(
        to, "pointsman_upstream_retries_total", "counter",
        "Further tries that were started, by backend and the failure they answer.");
    named_counters_each(backends, write_retries, to);
    prometheus_write_head(
        to, "pointsman_upstream_retries_denied_total", "counter",
        "Further tries that were not started because the retry budget was spent.");
    named_counters_each(backends, write_denied, to);
    prometheus_write_head(
        to, "pointsman_endpoint_ejections_total", "counter",
        "Endpoints that got no requests for a while because they failed, by backend.");
    named_counters_each(backends, write_ejections, to);
    prometheus_write_head(to, "pointsman_backend_requests_running", "gauge",
                          "Requests on their way through a backend now, tunnels not included.");
    named_counters_each(backends, write_running, to);
}

/* --- facts ---------------------------------------------------------------------------------- */

static void write_facts(struct buffer *to, const struct prometheus_facts *facts)
{
    prometheus_write_head(to, "pointsman_build_info", "gauge", "Always 1; the version is a label.");
    buffer_append_string(to, "pointsman_build_info{version=\"" POINTSMAN_VERSION "\"} 1\n");

    prometheus_write_head(to, "process_start_time_seconds", "gauge",
                          "Start of the process since 1970.");
    buffer_append_string(to, "process_start_time_seconds ");
    write_seconds(to, facts->start_time_ms * 1000);
    buffer_append_char(to, '\n');

    write_gauge(to, "pointsman_generation",
                "Which process this is of those that --supervise has started; 0: it has not.",
                facts->generation);
    prometheus_write_head(to, "pointsman_restarts_total", "counter",
                          "Processes before this one that ended unexpectedly, with --supervise.");
    buffer_printf(to, "pointsman_restarts_total %" PRIu64 "\n", facts->restarts);

    write_gauge(to, "pointsman_ready", "1 when there is a route table.", facts->has_table);
    write_gauge(to, "pointsman_stale",
                "1 while the routes come from the local copy and control has not been heard.",
                facts->is_stale);
    write_gauge(to, "pointsman_table_revision", "Revision of the route table.", facts->revision);
    write_gauge(to, "pointsman_routes", "Routes in the table.", facts->routes);
    write_gauge(to, "pointsman_backends", "Backends in the table.", facts->backends);
    write_counter(to, "pointsman_regex_limit_hits_total",
                  "Regular expressions that gave up on a request, which counts as no match.",
                  facts->regex_limit_hits);

    write_gauge(to, "pointsman_control_connected", "1 while the feed from control is up.",
                facts->is_control_connected);
    if (facts->has_heard_control) {
        prometheus_write_head(to, "pointsman_control_age_seconds", "gauge",
                              "Since the last word of control.");
        buffer_append_string(to, "pointsman_control_age_seconds ");
        write_seconds(to, facts->control_age_ms * 1000);
        buffer_append_char(to, '\n');
    }
    write_counter(to, "pointsman_control_reconnects_total",
                  "Connections to control that were lost or failed.", facts->control_reconnects);
    write_counter(to, "pointsman_updates_applied_total", "Updates of routes applied.",
                  facts->updates_applied);
    write_counter(to, "pointsman_updates_rejected_total", "Updates of routes rejected.",
                  facts->updates_rejected);
    write_gauge(to, "pointsman_local_copy_failing", "1 while the local copy cannot be written.",
                facts->is_copy_failing);
    write_counter(to, "pointsman_local_copy_failures_total",
                  "Times the local copy could not be written.", facts->copy_failures);
}

void prometheus_write(struct buffer *to, struct counters *counters,
                      const struct prometheus_facts *facts)
{
    write_facts(to, facts);
    write_totals(to, counters);
    write_connections(to, counters);
    write_refusals(to, counters);
    write_routes(to, counters);
    write_backends(to, counters);
}
