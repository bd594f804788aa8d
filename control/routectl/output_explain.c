#include "control/routectl/output_explain.h"

#include "control/routectl/object_text.h"
#include "control/routectl/table_lines.h"
#include "proto/message.h"

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
        return "matches too, but comes later";
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
    text_table_cell(table, "%s%s%s", verdict, rule->condition,
                    rule->hit_match_limit ? ": the expression hits its match limit" : "");
    buffer_clear(&text);
}

static void show_rules(const struct output_sink *sink,
                       const Pointsman__V1__ExplainResponse *explanation)
{
    static const char *const headings[] = {"ROUTE", "RULE", "HOST", "MATCH", "VERDICT", NULL};
    struct text_table table;
    if (explanation->n_considered + explanation->n_behind == 0 && explanation->winner == NULL)
        return;
    fputc('\n', sink->to);
    text_table_init(&table, headings);
    for (size_t i = 0; i < explanation->n_considered; i++) {
        const Pointsman__V1__ConsideredRule *rule = explanation->considered[i];
        add_rule(&table, rule, reason_text(rule->reason));
    }
    if (explanation->winner != NULL)
        add_rule(&table, explanation->winner->rule, "takes it");
    for (size_t i = 0; i < explanation->n_behind; i++) {
        const Pointsman__V1__ConsideredRule *rule = explanation->behind[i];
        add_rule(&table, rule, reason_text(rule->reason));
    }
    print_table(sink, &table);
    if (explanation->left_out > 0)
        fprintf(sink->to, "(%" PRIu64 " more of this host that do not take it%s)\n",
                explanation->left_out, explanation->n_behind > 0 ? "" : "; --all shows them");
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

/* Why a share is not forwarded. */
static void append_share_answer(struct buffer *text, const Pointsman__V1__BackendShare *share)
{
    if (share->outcome != NULL && share->outcome->kind_case == POINTSMAN__V1__OUTCOME__KIND_ANSWER)
        buffer_printf(text, ", answered with %" PRIu32 ": %s", share->outcome->answer->status,
                      share->outcome->answer->reason);
    else if (share->missing)
        buffer_append_string(text, ", missing");
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
        append_share_answer(&text, share);
        if (*share->session_endpoint != '\0')
            buffer_printf(&text, ", has the client's session, at %s", share->session_endpoint);
        print_line(sink, "to", &text);
        show_filters(sink, share->filters, share->n_filters, "  filter");
    }
    buffer_clear(&text);
}

/* With the name that the rule's cookie has when it was given none. */
static void show_session(const struct output_sink *sink, const Pointsman__V1__ExplainedRule *winner)
{
    struct buffer text = BUFFER_EMPTY;
    const SessionPersistenceMessage *session = winner->session_persistence;
    if (session == NULL)
        return;
    append_session(&text, session);
    if (session->header == NULL && (session->cookie == NULL || *session->cookie->name == '\0'))
        buffer_printf(&text, ", named %s", winner->session_name);
    print_line(sink, "session", &text);
    buffer_clear(&text);
}

static void show_winner(const struct output_sink *sink, const Pointsman__V1__ExplainedRule *winner)
{
    struct buffer text = BUFFER_EMPTY;
    show_filters(sink, winner->filters, winner->n_filters, "filter");
    show_backends(sink, winner);
    if (winner->timeouts != NULL) {
        append_duration(&text, "request", winner->timeouts->request);
        append_duration(&text, "one try", winner->timeouts->backend_request);
        print_line(sink, "timeouts", &text);
    }
    if (winner->retry != NULL) {
        append_retry(&text, winner->retry);
        print_line(sink, "retry", &text);
    }
    show_session(sink, winner);
    buffer_clear(&text);
}

/* --- what becomes of it --------------------------------------------------------------------- */

static void show_headers(const struct output_sink *sink, Pointsman__V1__HttpHeader *const *headers,
                         size_t count)
{
    struct buffer text = BUFFER_EMPTY;
    for (size_t i = 0; i < count; i++) {
        buffer_printf(&text, "%s: %s", headers[i]->name, headers[i]->value);
        print_line(sink, "  header", &text);
    }
    buffer_clear(&text);
}

static void show_question(const struct output_sink *sink, const Pointsman__V1__Question *question)
{
    struct buffer text = BUFFER_EMPTY;
    buffer_append_string(&text, question->backend);
    if (question->port != 0)
        buffer_printf(&text, ":%" PRIu32, question->port);
    if (question->protocol == POINTSMAN__V1__EXTERNAL_AUTH_PROTOCOL__EXTERNAL_AUTH_PROTOCOL_GRPC)
        buffer_append_string(&text, " by gRPC");
    if (question->missing)
        buffer_append_string(&text, ", missing: nothing is allowed");
    else if (question->no_http2)
        buffer_append_string(&text, ", does not speak HTTP/2: nothing is allowed");
    print_line(sink, "asked first", &text);
    buffer_printf(&text, "%s %s", question->method, question->target);
    print_line(sink, "  question", &text);
    buffer_append_string(&text, question->host);
    print_line(sink, "  host", &text);
    show_headers(sink, question->headers, question->n_headers);
    if (question->max_body > 0) {
        buffer_printf(&text, "up to %" PRIu32 " bytes, a longer one is answered with 413",
                      question->max_body);
        print_line(sink, "  body", &text);
    }
    buffer_clear(&text);
}

static void show_answer(const struct output_sink *sink, const Pointsman__V1__ProxyAnswer *answer)
{
    struct buffer text = BUFFER_EMPTY;
    buffer_printf(&text, "%" PRIu32 ": %s", answer->status, answer->reason);
    print_line(sink, "answer", &text);
    show_headers(sink, answer->headers, answer->n_headers);
    buffer_clear(&text);
}

static void show_mirrors(const struct output_sink *sink,
                         const Pointsman__V1__ForwardedRequest *request)
{
    struct buffer text = BUFFER_EMPTY;
    for (size_t i = 0; i < request->n_mirrors; i++) {
        const Pointsman__V1__MirrorShare *mirror = request->mirrors[i];
        buffer_append_string(&text, mirror->backend);
        if (mirror->port != 0)
            buffer_printf(&text, ":%" PRIu32, mirror->port);
        buffer_printf(&text, ", %" PRIu32 " of %" PRIu32, mirror->numerator, mirror->denominator);
        if (mirror->missing)
            buffer_append_string(&text, ", missing: no copy is sent");
        print_line(sink, "mirrored to", &text);
    }
    buffer_clear(&text);
}

/* `backend` names the share when others are forwarded otherwise; NULL: they are not. */
static void show_forwarded(const struct output_sink *sink,
                           const Pointsman__V1__ForwardedRequest *request, const char *backend)
{
    struct buffer text = BUFFER_EMPTY;
    buffer_printf(&text, "%s %s", request->method, request->target);
    if (backend != NULL)
        buffer_printf(&text, " to %s", backend);
    print_line(sink, "forwarded", &text);
    buffer_append_string(&text, request->host);
    print_line(sink, "  host", &text);
    show_headers(sink, request->headers, request->n_headers);
    show_mirrors(sink, request);
    buffer_clear(&text);
}

static const Pointsman__V1__ForwardedRequest *forwarded_of(const Pointsman__V1__BackendShare *share)
{
    const Pointsman__V1__Outcome *outcome = share->outcome;
    return outcome != NULL && outcome->kind_case == POINTSMAN__V1__OUTCOME__KIND_FORWARDED
               ? outcome->forwarded
               : NULL;
}

static bool is_same(const Pointsman__V1__ForwardedRequest *a,
                    const Pointsman__V1__ForwardedRequest *b)
{
    struct buffer left = BUFFER_EMPTY, right = BUFFER_EMPTY;
    message_pack(&a->base, &left);
    message_pack(&b->base, &right);
    bool are_equal = slice_equals(buffer_slice(&left), buffer_slice(&right));
    buffer_clear(&left);
    buffer_clear(&right);
    return are_equal;
}

/* Once when all shares are forwarded alike, else for each. */
static void show_shares(const struct output_sink *sink, const Pointsman__V1__ExplainedRule *winner)
{
    const Pointsman__V1__ForwardedRequest *first = NULL;
    bool is_alike = true;
    for (size_t i = 0; i < winner->n_backends; i++) {
        const Pointsman__V1__ForwardedRequest *request = forwarded_of(winner->backends[i]);
        if (request != NULL && first != NULL)
            is_alike = is_alike && is_same(first, request);
        first = first == NULL ? request : first;
    }
    if (first != NULL && is_alike) {
        show_forwarded(sink, first, NULL);
        return;
    }
    for (size_t i = 0; i < winner->n_backends; i++) {
        const Pointsman__V1__BackendShare *share = winner->backends[i];
        if (forwarded_of(share) != NULL)
            show_forwarded(sink, forwarded_of(share), share->backend);
        else if (share->outcome != NULL && share->outcome->answer->n_headers > 0)
            show_answer(sink, share->outcome->answer);
    }
}

void output_explain_show(const struct output_sink *sink, const ProtobufCMessage *answer)
{
    const Pointsman__V1__ExplainResponse *explanation =
        (const Pointsman__V1__ExplainResponse *)answer;
    show_request(sink, explanation);
    show_rules(sink, explanation);
    fputc('\n', sink->to);
    if (explanation->winner != NULL)
        show_winner(sink, explanation->winner);
    if (explanation->winner != NULL && explanation->winner->question != NULL)
        show_question(sink, explanation->winner->question);
    if (explanation->outcome != NULL &&
        explanation->outcome->kind_case == POINTSMAN__V1__OUTCOME__KIND_ANSWER)
        show_answer(sink, explanation->outcome->answer);
    if (explanation->winner != NULL)
        show_shares(sink, explanation->winner);
}
