#include "control/routectl/output_explain.h"

#include "control/routectl/object_text.h"
#include "control/routectl/table_lines.h"

#include <inttypes.h>
#include <string.h>

static void show_request(const struct output_sink *sink,
                         const Pointsman__V1__ExplainResponse *explanation)
{
    struct buffer text = BUFFER_EMPTY;
    buffer_printf(&text, "%s %s%s%s%s", explanation->method, explanation->host, explanation->path,
                  *explanation->query == '\0' ? "" : "?", explanation->query);
    print_line(sink, "request", &text);
    if (*explanation->listener != '\0') {
        buffer_append_string(&text, explanation->listener);
        print_line(sink, "listener", &text);
    }
    buffer_printf(&text, "%" PRIu64, explanation->revision);
    print_line(sink, "revision", &text);
    for (size_t i = 0; i < explanation->n_notes; i++) {
        buffer_append_string(&text, explanation->notes[i]);
        print_line(sink, "note", &text);
    }
    if (explanation->other_host_routes > 0) {
        buffer_printf(&text, "%" PRIu64 " route%s for other hosts", explanation->other_host_routes,
                      explanation->other_host_routes == 1 ? "" : "s");
        print_line(sink, "left aside", &text);
    }
    buffer_clear(&text);
}

/* --- rules ---------------------------------------------------------------------------------- */

static const char *reason_text(Pointsman__V1__MismatchReason reason)
{
    switch (reason) {
    case POINTSMAN__V1__MISMATCH_REASON__MISMATCH_REASON_PATH:
        return "other path";
    case POINTSMAN__V1__MISMATCH_REASON__MISMATCH_REASON_LISTENER:
        return "other listener";
    case POINTSMAN__V1__MISMATCH_REASON__MISMATCH_REASON_METHOD:
        return "other method";
    case POINTSMAN__V1__MISMATCH_REASON__MISMATCH_REASON_HEADER:
        return "header ";
    case POINTSMAN__V1__MISMATCH_REASON__MISMATCH_REASON_QUERY_PARAM:
        return "query parameter ";
    case POINTSMAN__V1__MISMATCH_REASON__MISMATCH_REASON_HOST:
        return "other host";
    case POINTSMAN__V1__MISMATCH_REASON__MISMATCH_REASON_UNSPECIFIED:
    case _POINTSMAN__V1__MISMATCH_REASON_IS_INT_SIZE:
        break;
    }
    return "";
}

static void add_rule(struct text_table *table, const Pointsman__V1__ConsideredRule *rule,
                     const char *verdict)
{
    struct buffer text = BUFFER_EMPTY;
    text_table_cell(table, "%s", rule->route);
    text_table_cell(table, "%" PRIu32, rule->rule + 1);
    text_table_cell(table, "%s", *rule->hostname == '\0' ? "*" : rule->hostname);
    if (rule->match != NULL)
        append_match(&text, rule->match);
    else
        buffer_append_string(&text, "/*");
    cell_from(table, &text);
    text_table_cell(table, "%s%s", verdict, rule->condition);
    buffer_clear(&text);
}

static void show_rules(const struct output_sink *sink,
                       const Pointsman__V1__ExplainResponse *explanation)
{
    static const char *const headings[] = {"ROUTE", "RULE", "HOST", "MATCH", "VERDICT", NULL};
    struct text_table table;
    if (explanation->n_considered == 0 && explanation->winner == NULL)
        return;
    fputc('\n', sink->to);
    text_table_init(&table, headings);
    for (size_t i = 0; i < explanation->n_considered; i++) {
        const Pointsman__V1__ConsideredRule *rule = explanation->considered[i];
        add_rule(&table, rule, reason_text(rule->reason));
    }
    if (explanation->winner != NULL)
        add_rule(&table, explanation->winner->rule, "takes it");
    print_table(sink, &table);
    if (explanation->left_out > 0)
        fprintf(sink->to, "(%" PRIu64 " more that do not match)\n", explanation->left_out);
}

/* --- where it goes -------------------------------------------------------------------------- */

static void show_filters(const struct output_sink *sink, FilterMessage *const *filters,
                         size_t count, const char *name)
{
    struct buffer text = BUFFER_EMPTY;
    for (size_t i = 0; i < count; i++) {
        append_filter(&text, filters[i]);
        print_line(sink, name, &text);
    }
    buffer_clear(&text);
}

static uint64_t total_weight(const Pointsman__V1__ExplainedRule *winner)
{
    uint64_t total = 0;
    for (size_t i = 0; i < winner->n_backends; i++)
        total += winner->backends[i]->weight;
    return total;
}

static void show_backends(const struct output_sink *sink,
                          const Pointsman__V1__ExplainedRule *winner)
{
    struct buffer text = BUFFER_EMPTY;
    uint64_t total = total_weight(winner);
    for (size_t i = 0; i < winner->n_backends; i++) {
        const Pointsman__V1__BackendShare *share = winner->backends[i];
        buffer_append_string(&text, share->backend);
        if (share->port != 0)
            buffer_printf(&text, ":%" PRIu32, share->port);
        buffer_printf(&text, ", %" PRIu32 " of %" PRIu64, share->weight, total);
        if (share->missing)
            buffer_append_string(&text, ", missing: its share is answered with 500");
        print_line(sink, "to", &text);
        show_filters(sink, share->filters, share->n_filters, "  filter");
    }
    buffer_clear(&text);
}

static void show_winner(const struct output_sink *sink, const Pointsman__V1__ExplainedRule *winner)
{
    struct buffer text = BUFFER_EMPTY;
    show_filters(sink, winner->filters, winner->n_filters, "filter");
    show_backends(sink, winner);
    if (winner->goes_nowhere) {
        buffer_append_string(&text, "500: no backend of it has a weight");
        print_line(sink, "answer", &text);
    }
    if (winner->timeouts != NULL) {
        append_duration(&text, "request", winner->timeouts->request);
        append_duration(&text, "one try", winner->timeouts->backend_request);
        print_line(sink, "timeouts", &text);
    }
    buffer_clear(&text);
}

void output_explain_show(const struct output_sink *sink, const ProtobufCMessage *answer)
{
    const Pointsman__V1__ExplainResponse *explanation =
        (const Pointsman__V1__ExplainResponse *)answer;
    show_request(sink, explanation);
    show_rules(sink, explanation);
    fputc('\n', sink->to);
    if (explanation->winner != NULL) {
        show_winner(sink, explanation->winner);
    } else {
        struct buffer text = BUFFER_EMPTY;
        buffer_append_string(&text, "404: no rule matches");
        print_line(sink, "answer", &text);
        buffer_clear(&text);
    }
}
