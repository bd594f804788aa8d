#include "control/routectl/output_proxies.h"

#include "common/duration.h"
#include "control/routectl/object_text.h"
#include "control/routectl/table_lines.h"
#include "control/routectl/time_text.h"

#include <inttypes.h>

static void add_proxies(struct text_table *table, char *const *ids, size_t count, const char *state)
{
    for (size_t i = 0; i < count; i++) {
        text_table_cell(table, "%s", ids[i]);
        text_table_cell(table, "%s", state);
    }
}

void output_proxies_show_wait(const struct output_sink *sink, const ProtobufCMessage *answer)
{
    const Pointsman__V1__WaitAppliedResponse *applied =
        (const Pointsman__V1__WaitAppliedResponse *)answer;
    static const char *const headings[] = {"PROXY", "STATE", NULL};
    struct text_table table;
    text_table_init(&table, headings);
    add_proxies(&table, applied->applied, applied->n_applied, "applied");
    add_proxies(&table, applied->pending, applied->n_pending, "pending");
    for (size_t i = 0; i < applied->n_rejected; i++)
        add_proxies(&table, &applied->rejected[i]->proxy_id, 1, "rejected");
    add_proxies(&table, applied->disconnected, applied->n_disconnected, "disconnected");
    print_table(sink, &table);
}

static void show_control(const struct output_sink *sink, const Pointsman__V1__GetInfoResponse *info)
{
    struct buffer text = BUFFER_EMPTY;
    buffer_printf(&text, "%s, up ", info->version);
    append_age(&text, info->started_ms);
    if (*info->read_only_reason != '\0')
        buffer_printf(&text, ", read-only: %s", info->read_only_reason);
    print_line(sink, "control", &text);
    buffer_printf(&text, "%" PRIu64 " in epoch %s", info->revision, info->epoch);
    print_line(sink, "revision", &text);
    buffer_printf(&text, "%" PRIu64, info->routes);
    print_line(sink, "routes", &text);
    buffer_printf(&text, "%" PRIu64, info->backends);
    print_line(sink, "backends", &text);
    if (info->pending_revision != 0) {
        buffer_printf(&text, "revision %" PRIu64 ", taken back at ", info->pending_revision);
        append_time(&text, info->pending_confirm_by_ms);
        buffer_append_string(&text, " unless confirmed");
        print_line(sink, "pending", &text);
    }
    buffer_clear(&text);
}

static void append_rejection(struct buffer *to, const Pointsman__V1__Rejection *rejection)
{
    if (rejection == NULL)
        return;
    buffer_printf(to, "revision %" PRIu64 ": %s", rejection->revision, rejection->message);
    for (size_t i = 0; i < rejection->n_errors; i++) {
        const Pointsman__V1__ObjectError *error = rejection->errors[i];
        buffer_printf(to, "; %s %s: %s%s%s", object_kind_word(error->kind), error->name,
                      error->field, *error->field == '\0' ? "" : ": ", error->message);
    }
}

/* How many revisions it lacks, and for how long it has lacked the first of them. */
static void add_lag(struct text_table *table, const Pointsman__V1__Proxy *proxy, uint64_t head)
{
    char duration[DURATION_BYTES];
    uint64_t revisions = head > proxy->revision ? head - proxy->revision : 0;
    if (revisions > 0)
        text_table_cell(table, "%" PRIu64, revisions);
    else
        text_table_cell(table, "%s", "");
    text_table_cell(table, "%s",
                    proxy->behind_ms == 0 ? "" : duration_format(proxy->behind_ms, duration));
}

static void add_proxy(const struct output_sink *sink, struct text_table *table,
                      const Pointsman__V1__Proxy *proxy, uint64_t head)
{
    struct buffer text = BUFFER_EMPTY;
    text_table_cell(table, "%s", proxy->id);
    text_table_cell(table, "%s", proxy->connected ? "connected" : "disconnected");
    text_table_cell(table, "%" PRIu64, proxy->revision);
    add_lag(table, proxy, head);
    text_table_cell(table, "%s", proxy->digest_matches ? "same" : "differs");
    if (proxy->connected && sink->is_wide)
        append_time(&text, proxy->connected_since_ms);
    else if (proxy->connected)
        append_age(&text, proxy->connected_since_ms);
    cell_from(table, &text);
    if (sink->is_wide) {
        append_age(&text, proxy->last_seen_ms);
        cell_from(table, &text);
        text_table_cell(table, "%s", proxy->version);
        text_table_cell(table, "%s", proxy->boot_id);
    }
    append_rejection(&text, proxy->last_rejection);
    cell_from(table, &text);
    buffer_clear(&text);
}

static uint64_t count_out(const Pointsman__V1__ListProxiesResponse *proxies)
{
    uint64_t total = 0;
    for (size_t i = 0; i < proxies->n_proxies; i++) {
        if (proxies->proxies[i]->endpoints_out != NULL)
            total += proxies->proxies[i]->endpoints_out->total;
    }
    return total;
}

static void add_endpoints_out(struct text_table *table, const Pointsman__V1__Proxy *proxy)
{
    const Pointsman__V1__EndpointsOut *out = proxy->endpoints_out;
    if (out == NULL)
        return;
    for (size_t i = 0; i < out->n_endpoints; i++) {
        text_table_cell(table, "%s", out->endpoints[i]->backend);
        text_table_cell(table, "%s", out->endpoints[i]->address);
        text_table_cell(table, "%s", out->endpoints[i]->state);
        text_table_cell(table, "%s", proxy->id);
    }
    if (out->total > out->n_endpoints) {
        text_table_cell(table, "(%" PRIu64 " more)", out->total - out->n_endpoints);
        text_table_cell(table, "%s", "");
        text_table_cell(table, "%s", "");
        text_table_cell(table, "%s", proxy->id);
    }
}

/* Only when there is something to see. */
static void show_endpoints_out(const struct output_sink *sink,
                               const Pointsman__V1__ListProxiesResponse *proxies)
{
    static const char *const headings[] = {"BACKEND", "ENDPOINT", "STATE", "PROXY", NULL};
    struct text_table table;
    if (count_out(proxies) == 0)
        return;
    fputc('\n', sink->to);
    text_table_init(&table, headings);
    for (size_t i = 0; i < proxies->n_proxies; i++)
        add_endpoints_out(&table, proxies->proxies[i]);
    print_table(sink, &table);
}

void output_proxies_show_status(const struct output_sink *sink,
                                const Pointsman__V1__GetInfoResponse *info,
                                const Pointsman__V1__ListProxiesResponse *proxies)
{
    static const char *const narrow[] = {"PROXY",  "STATE", "REVISION",       "BEHIND", "LAG",
                                         "DIGEST", "SINCE", "LAST REJECTION", NULL};
    static const char *const wide[] = {"PROXY",   "STATE",  "REVISION",       "BEHIND",
                                       "LAG",     "DIGEST", "SINCE",          "SEEN",
                                       "VERSION", "BOOT",   "LAST REJECTION", NULL};
    struct text_table table;

    show_control(sink, info);
    if (proxies->n_proxies == 0) {
        struct buffer none = BUFFER_EMPTY;
        print_line(sink, "proxies", &none);
        return;
    }
    fputc('\n', sink->to);
    text_table_init(&table, sink->is_wide ? wide : narrow);
    for (size_t i = 0; i < proxies->n_proxies; i++)
        add_proxy(sink, &table, proxies->proxies[i], proxies->head_revision);
    print_table(sink, &table);
    show_endpoints_out(sink, proxies);
}
