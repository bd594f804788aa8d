#include "control/routectl/object_text.h"
#include "control/routectl/output_changes.h"
#include "control/routectl/output_explain.h"
#include "control/routectl/output_history.h"
#include "control/routectl/output_proxies.h"
#include "control/routectl/table_lines.h"
#include "proto/route_id.h"

#include <assert.h>
#include <inttypes.h>

/* --- routes --------------------------------------------------------------------------------- */

static void append_hosts(struct buffer *to, const RouteMessage *route)
{
    for (size_t i = 0; i < route->n_hostnames; i++)
        buffer_printf(to, "%s%s", i == 0 ? "" : ",", route->hostnames[i]);
    if (route->n_hostnames == 0)
        buffer_append_char(to, '*');
}

/* What the first rule does, and how many more there are. */
static void append_rules(struct buffer *to, const RouteMessage *route,
                         void (*append)(struct buffer *to, const RouteRuleMessage *rule))
{
    if (route->n_rules > 0)
        append(to, route->rules[0]);
    if (route->n_rules > 1)
        buffer_printf(to, " (+%zu rule%s)", route->n_rules - 1, route->n_rules > 2 ? "s" : "");
}

static void show_routes(const struct output_sink *sink, const ProtobufCMessage *answer)
{
    const Pointsman__V1__ListRoutesResponse *routes =
        (const Pointsman__V1__ListRoutesResponse *)answer;
    static const char *const narrow[] = {"NAME", "HOST", "MATCH", "TO", NULL};
    static const char *const wide[] = {"NAME",    "HOST",     "MATCH",  "TO",
                                       "CREATED", "REVISION", "LABELS", NULL};
    struct text_table table;
    struct buffer text = BUFFER_EMPTY;
    text_table_init(&table, sink->is_wide ? wide : narrow);
    for (size_t i = 0; i < routes->n_routes; i++) {
        const RouteMessage *route = routes->routes[i];
        text_table_cell(&table, "%s%s", route_id_start(route->kind), route->name);
        append_hosts(&text, route);
        cell_from(&table, &text);
        append_rules(&text, route, append_matches);
        cell_from(&table, &text);
        append_rules(&text, route, append_targets);
        cell_from(&table, &text);
        if (sink->is_wide) {
            text_table_cell(&table, "%" PRIu64, route->created_revision);
            text_table_cell(&table, "%" PRIu64, route->revision);
            append_labels(&text, route->labels, route->n_labels);
            cell_from(&table, &text);
        }
    }
    print_table(sink, &table);
    buffer_clear(&text);
}

static void show_retry(const struct output_sink *sink, const Pointsman__V1__Retry *retry,
                       struct buffer *text)
{
    if (retry == NULL)
        return;
    append_retry(text, retry);
    print_line(sink, "  retry", text);
}

static void show_session(const struct output_sink *sink, const SessionPersistenceMessage *session,
                         struct buffer *text)
{
    if (session == NULL)
        return;
    append_session(text, session);
    print_line(sink, "  session", text);
}

static void show_rule(const struct output_sink *sink, const RouteRuleMessage *rule, size_t index)
{
    struct buffer text = BUFFER_EMPTY;
    buffer_printf(&text, "rule %zu%s%s", index + 1, *rule->name == '\0' ? "" : ": ", rule->name);
    print_title(sink, &text);

    for (size_t i = 0; i < rule->n_matches; i++) {
        append_match(&text, rule->matches[i]);
        print_line(sink, i == 0 ? "  match" : "  or", &text);
    }
    for (size_t i = 0; i < rule->n_filters; i++) {
        append_filter(&text, rule->filters[i]);
        print_line(sink, "  filter", &text);
    }
    append_targets(&text, rule);
    print_line(sink, "  to", &text);
    if (rule->timeouts != NULL) {
        append_duration(&text, "request", rule->timeouts->request);
        append_duration(&text, "one try", rule->timeouts->backend_request);
        print_line(sink, "  timeouts", &text);
    }
    show_retry(sink, rule->retry, &text);
    show_session(sink, rule->session_persistence, &text);
    buffer_clear(&text);
}

/* What routes and backends have in common. */
static void show_heading(const struct output_sink *sink, const char *name, const char *kind,
                         LabelMessage *const *labels, size_t label_count, uint64_t revision,
                         uint64_t created_revision)
{
    struct buffer text = BUFFER_EMPTY;
    buffer_append_string(&text, name);
    print_line(sink, "name", &text);
    buffer_append_string(&text, kind);
    print_line(sink, "kind", &text);
    append_labels(&text, labels, label_count);
    if (text.length > 0)
        print_line(sink, "labels", &text);
    buffer_printf(&text, "%" PRIu64 ", created with %" PRIu64, revision, created_revision);
    print_line(sink, "revision", &text);
    buffer_clear(&text);
}

static void show_route(const struct output_sink *sink, const ProtobufCMessage *answer)
{
    const RouteMessage *route = (const RouteMessage *)answer;
    struct buffer text = BUFFER_EMPTY;
    show_heading(sink, route->name, route_kind_name(route->kind), route->labels, route->n_labels,
                 route->revision, route->created_revision);
    append_hosts(&text, route);
    print_line(sink, "hosts", &text);
    for (size_t i = 0; i < route->n_parent_refs; i++) {
        const ParentRefMessage *parent = route->parent_refs[i];
        buffer_printf(&text, "%s", parent->section_name);
        if (parent->port != 0)
            buffer_printf(&text, ":%" PRIu32, parent->port);
        print_line(sink, "listener", &text);
    }
    for (size_t i = 0; i < route->n_rules; i++)
        show_rule(sink, route->rules[i], i);
    buffer_clear(&text);
}

/* --- backends ------------------------------------------------------------------------------- */

static void show_backends(const struct output_sink *sink, const ProtobufCMessage *answer)
{
    const Pointsman__V1__ListBackendsResponse *backends =
        (const Pointsman__V1__ListBackendsResponse *)answer;
    static const char *const narrow[] = {"NAME", "ENDPOINTS", NULL};
    static const char *const wide[] = {"NAME",     "ENDPOINTS", "POLICY", "CREATED",
                                       "REVISION", "LABELS",    NULL};
    struct text_table table;
    struct buffer text = BUFFER_EMPTY;
    text_table_init(&table, sink->is_wide ? wide : narrow);
    for (size_t i = 0; i < backends->n_backends; i++) {
        const BackendMessage *backend = backends->backends[i];
        text_table_cell(&table, "%s", backend->name);
        for (size_t j = 0; j < backend->n_endpoints; j++) {
            buffer_append_string(&text, j == 0 ? "" : ", ");
            append_endpoint(&text, backend->endpoints[j], backend);
        }
        cell_from(&table, &text);
        if (sink->is_wide) {
            text_table_cell(&table, "%s", policy_name(backend));
            text_table_cell(&table, "%" PRIu64, backend->created_revision);
            text_table_cell(&table, "%" PRIu64, backend->revision);
            append_labels(&text, backend->labels, backend->n_labels);
            cell_from(&table, &text);
        }
    }
    print_table(sink, &table);
    buffer_clear(&text);
}

static void show_backend(const struct output_sink *sink, const ProtobufCMessage *answer)
{
    const BackendMessage *backend = (const BackendMessage *)answer;
    struct buffer text = BUFFER_EMPTY;
    show_heading(sink, backend->name, BACKEND_KIND, backend->labels, backend->n_labels,
                 backend->revision, backend->created_revision);
    buffer_append_string(&text, policy_name(backend));
    print_line(sink, "policy", &text);
    for (size_t i = 0; i < backend->n_ports; i++) {
        const Pointsman__V1__BackendPort *port = backend->ports[i];
        buffer_printf(&text, "%" PRIu32, port->port);
        if (port->target_port != 0)
            buffer_printf(&text, " to %" PRIu32, port->target_port);
        if (*port->app_protocol != '\0')
            buffer_printf(&text, ", %s", port->app_protocol);
        print_line(sink, "port", &text);
    }
    for (size_t i = 0; i < backend->n_endpoints; i++) {
        append_endpoint(&text, backend->endpoints[i], backend);
        print_line(sink, "endpoint", &text);
    }
    append_duration(&text, "connect", backend->connect_timeout);
    if (text.length > 0)
        print_line(sink, "timeouts", &text);
    buffer_clear(&text);
}

/* --- a line each
 * ----------------------------------------------------------------------------------- */

static void show_health(const struct output_sink *sink, const ProtobufCMessage *answer)
{
    const Grpc__Health__V1__HealthCheckResponse *health =
        (const Grpc__Health__V1__HealthCheckResponse *)answer;
    bool is_serving =
        health->status == GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__SERVING;
    fprintf(sink->to, "%s\n", is_serving ? "serving" : "not serving");
}

static void show_confirmed(const struct output_sink *sink, const ProtobufCMessage *answer)
{
    const Pointsman__V1__ConfirmResponse *confirmed =
        (const Pointsman__V1__ConfirmResponse *)answer;
    fprintf(sink->to, "revision %" PRIu64 " confirmed\n", confirmed->revision);
}

static void show_backup(const struct output_sink *sink, const ProtobufCMessage *answer)
{
    const Pointsman__V1__BackupHeader *backup = (const Pointsman__V1__BackupHeader *)answer;
    fprintf(sink->to, "revision %" PRIu64 " in epoch %s, %" PRIu64 " bytes\n", backup->revision,
            backup->epoch, backup->bytes);
}

/* --- by what is shown ----------------------------------------------------------------------- */

static const struct {
    const ProtobufCMessageDescriptor *type;
    void (*show)(const struct output_sink *sink, const ProtobufCMessage *answer);
} printers[] = {
    {&pointsman__v1__route__descriptor, show_route},
    {&pointsman__v1__list_routes_response__descriptor, show_routes},
    {&pointsman__v1__backend__descriptor, show_backend},
    {&pointsman__v1__list_backends_response__descriptor, show_backends},
    {&pointsman__v1__commit__descriptor, output_history_show_commit},
    {&pointsman__v1__list_commits_response__descriptor, output_history_show_commits},
    {&pointsman__v1__blame_response__descriptor, output_history_show_blame},
    {&pointsman__v1__watch_commits_response__descriptor, output_history_show_event},
    {&pointsman__v1__confirm_response__descriptor, show_confirmed},
    {&pointsman__v1__backup_header__descriptor, show_backup},
    {&pointsman__v1__explain_response__descriptor, output_explain_show},
    {&pointsman__v1__wait_applied_response__descriptor, output_proxies_show_wait},
    {&grpc__health__v1__health_check_response__descriptor, show_health},
};

static void show(const struct output_sink *sink, const ProtobufCMessage *answer)
{
    size_t i = 0;
    while (printers[i].type != answer->descriptor) {
        i++;
        assert(i < sizeof(printers) / sizeof(printers[0]) && "every answer that is shown is here");
    }
    printers[i].show(sink, answer);
}

const struct output output_table = {
    .name = "table",
    .show = show,
    .show_change = output_changes_show,
    .show_difference = output_changes_show_difference,
    .show_status = output_proxies_show_status,
};

const struct output output_wide = {
    .name = "wide",
    .is_wide = true,
    .show = show,
    .show_change = output_changes_show,
    .show_difference = output_changes_show_difference,
    .show_status = output_proxies_show_status,
};
