#include "proxy/admin_pages.h"

#include "common/clock.h"
#include "common/json.h"
#include "proxy/backend_report.h"
#include "proxy/certificate_report.h"
#include "proxy/control_client.h"
#include "proxy/http/http_server.h"
#include "proxy/http/refusal_counts.h"
#include "proxy/identity.h"
#include "proxy/metrics/prometheus.h"
#include "proxy/routing/regex.h"

#include <inttypes.h>

static const char *json_bool(bool value)
{
    return value ? "true" : "false";
}

static void append_text(struct buffer *to, const char *text)
{
    json_append_string(to, slice_from_string(text));
}

/* --- probes --------------------------------------------------------------------------------- */

static int write_healthz(void *context, struct buffer *to)
{
    (void)context;
    buffer_append_string(to, "ok\n");
    return 200;
}

static int write_readyz(void *context, struct buffer *to)
{
    struct admin_sources *sources = context;
    struct control_client_status control;
    control_client_status(sources->control, &control);

    if (atomic_load(&sources->is_draining)) {
        buffer_append_string(to, "draining\n");
        return 503;
    }
    if (!control.has_table) {
        buffer_append_string(to, "not ready: no routes yet, neither from control nor from disk\n");
        return 503;
    }
    buffer_append_string(to, control.is_stale ? "ready, stale: control is not there\n" : "ready\n");
    return 200;
}

/* --- status --------------------------------------------------------------------------------- */

static void write_control(struct buffer *to, const struct control_client_status *control)
{
    buffer_printf(to, "  \"control\": {\n    \"connected\": %s,\n",
                  json_bool(control->is_connected));
    if (control->is_connected)
        buffer_printf(to, "    \"connected_since_ms\": %" PRIu64 ",\n",
                      control->connected_since_ms);
    if (control->has_heard)
        buffer_printf(to, "    \"last_word_age_ms\": %" PRIu64 ",\n",
                      clock_now_ms() - control->heard_ms);
    buffer_printf(to,
                  "    \"head_revision\": %" PRIu64 ",\n    \"reconnects\": %" PRIu64 ",\n"
                  "    \"updates_applied\": %" PRIu64 ",\n    \"updates_rejected\": %" PRIu64 ",\n",
                  control->head_revision, control->reconnects, control->updates_applied,
                  control->updates_rejected);
    buffer_append_string(to, "    \"last_error\": ");
    append_text(to, control->last_error);
    buffer_append_string(to, ",\n    \"last_rejection\": ");
    append_text(to, control->last_rejection);
    buffer_append_string(to, "\n  },\n");
}

static void write_local_copy(struct buffer *to, const struct control_client_status *control)
{
    if (!control->keeps_copy) {
        buffer_append_string(to, "  \"local_copy\": null,\n");
        return;
    }
    buffer_printf(to,
                  "  \"local_copy\": {\n    \"failing\": %s,\n    \"failures\": %" PRIu64
                  ",\n    \"last_error\": ",
                  json_bool(control->copy.is_failing), control->copy.failures);
    append_text(to, control->copy.last_error);
    buffer_append_string(to, "\n  },\n");
}

static void write_listeners(struct buffer *to, const struct http_server *server)
{
    buffer_append_string(to, "  \"listeners\": [");
    for (size_t i = 0; i < http_server_listener_count(server); i++) {
        buffer_append_string(to, i == 0 ? "" : ", ");
        append_text(to, listener_description(http_server_listener(server, i)));
    }
    buffer_append_string(to, "]\n");
}

static int write_status(void *context, struct buffer *to)
{
    struct admin_sources *sources = context;
    struct control_client_status control;
    control_client_status(sources->control, &control);

    buffer_append_string(to, "{\n  \"version\": \"" POINTSMAN_VERSION "\",\n  \"id\": ");
    append_text(to, sources->identity->id);
    buffer_append_string(to, ",\n  \"boot_id\": ");
    append_text(to, sources->identity->boot_id);
    buffer_printf(to, ",\n  \"started_ms\": %" PRIu64 ",\n", sources->identity->started_wall_ms);
    buffer_printf(to, "  \"generation\": %" PRIu64 ",\n  \"restarts\": %" PRIu64 ",\n",
                  sources->generation, sources->restarts);
    buffer_printf(to, "  \"workers\": %u,\n", counters_worker_count(sources->counters));
    buffer_printf(to, "  \"ready\": %s,\n  \"stale\": %s,\n  \"draining\": %s,\n",
                  json_bool(control.has_table), json_bool(control.is_stale),
                  json_bool(atomic_load(&sources->is_draining)));
    buffer_append_string(to, "  \"epoch\": ");
    append_text(to, control.epoch);
    buffer_printf(to,
                  ",\n  \"revision\": %" PRIu64 ",\n  \"routes\": %" PRIu64
                  ",\n  \"backends\": %" PRIu64 ",\n",
                  control.revision, control.routes, control.backends);
    write_control(to, &control);
    write_local_copy(to, &control);
    buffer_append_string(to, "  \"backend_list\": ");
    backend_report_write_json(to, sources->cache);
    buffer_append_string(to, ",\n  \"names\": ");
    backend_report_write_names(to, sources->names);
    buffer_append_string(to, ",\n");
    buffer_append_string(to, "  \"tls\": ");
    certificate_report_write_json(to, sources->server);
    buffer_append_string(to, ",\n");
    write_listeners(to, sources->server);
    buffer_append_string(to, "}\n");
    return 200;
}

/* --- metrics -------------------------------------------------------------------------------- */

static int write_metrics(void *context, struct buffer *to)
{
    struct admin_sources *sources = context;
    struct control_client_status control;
    control_client_status(sources->control, &control);

    const struct prometheus_facts facts = {
        .has_table = control.has_table,
        .is_stale = control.is_stale,
        .is_control_connected = control.is_connected,
        .has_heard_control = control.has_heard,
        .control_age_ms = control.has_heard ? clock_now_ms() - control.heard_ms : 0,
        .control_reconnects = control.reconnects,
        .updates_applied = control.updates_applied,
        .updates_rejected = control.updates_rejected,
        .is_copy_failing = control.copy.is_failing,
        .copy_failures = control.copy.failures,
        .revision = control.revision,
        .routes = control.routes,
        .backends = control.backends,
        .regex_limit_hits = regex_limit_hits(),
        .start_time_ms = sources->identity->started_wall_ms,
        .generation = sources->generation,
        .restarts = sources->restarts,
    };
    prometheus_write(to, sources->counters, &facts);
    refusal_counts_write(to, sources->counters);
    backend_report_write_metrics(to, sources->cache);
    certificate_report_write_metrics(to, sources->server);
    return 200;
}

const struct admin_page admin_pages[] = {
    {"/healthz", "text/plain", write_healthz},
    {"/readyz", "text/plain", write_readyz},
    {"/status", "application/json", write_status},
    {"/metrics", PROMETHEUS_CONTENT_TYPE, write_metrics},
    {NULL, NULL, NULL},
};
