#include "proxy/routing/explain_report.h"

#include "proto/message.h"
#include "proxy/routing/explain_outcome.h"
#include "proxy/routing/filter.h"
#include "proxy/routing/route_validate.h"
#include "proxy/routing/session_shown.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NOTE_BYTES = 512 };

static char *text_of(struct explain_report *report, struct slice text)
{
    return arena_string(&report->arena, text.at, text.length);
}

void explain_report_add_note(struct explain_report *report, const char *format, ...)
{
    char text[NOTE_BYTES];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    char *note = arena_string(&report->arena, text, strlen(text));
    ARENA_APPEND(&report->arena, report->response.notes, report->response.n_notes, note);
}

/* --- rules ---------------------------------------------------------------------------------- */

/* Where the match stands in its rule. */
static size_t match_index(const struct route_match *match)
{
    size_t index = 0;
    const struct route_match *at = route_matches(match->rule->route);
    for (; at != match; at++)
        index += at->rule == match->rule;
    return index;
}

/* The route as it was written, from the bytes it was compiled from. NULL when they cannot be
 * understood. */
static const RouteMessage *unpack_route(struct explain_report *report, const struct route *route)
{
    ProtobufCMessage *message =
        message_unpack(&pointsman__v1__route__descriptor, route_bytes(route), MESSAGE_MEMORY_APPLY,
                       UNKNOWN_FIELDS_KEPT, NULL);
    if (message == NULL)
        return NULL;
    ARENA_APPEND(&report->arena, report->messages, report->message_count, message);
    return (const RouteMessage *)message;
}

/* NULL when the rule was left to its defaults, or cannot be understood. */
static RouteRuleMessage *rule_message(const RouteMessage *route, const struct rule *rule)
{
    return route == NULL || rule->is_broken || rule->index >= route->n_rules
               ? NULL
               : route->rules[rule->index];
}

static RouteMatchMessage *match_message(const RouteRuleMessage *rule,
                                        const struct route_match *match)
{
    if (rule == NULL)
        return NULL;
    size_t index = match_index(match);
    return index < rule->n_matches ? rule->matches[index] : NULL;
}

static Pointsman__V1__MismatchReason reason_of(const struct considered_match *considered)
{
    if (considered->is_other_host)
        return POINTSMAN__V1__MISMATCH_REASON__MISMATCH_REASON_HOST;
    switch (considered->verdict) {
    case MATCH_HOLDS:
        break;
    case MATCH_FAILS_PATH:
        return POINTSMAN__V1__MISMATCH_REASON__MISMATCH_REASON_PATH;
    case MATCH_FAILS_LISTENER:
        return POINTSMAN__V1__MISMATCH_REASON__MISMATCH_REASON_LISTENER;
    case MATCH_FAILS_METHOD:
        return POINTSMAN__V1__MISMATCH_REASON__MISMATCH_REASON_METHOD;
    case MATCH_FAILS_HEADER:
        return POINTSMAN__V1__MISMATCH_REASON__MISMATCH_REASON_HEADER;
    case MATCH_FAILS_QUERY:
        return POINTSMAN__V1__MISMATCH_REASON__MISMATCH_REASON_QUERY_PARAM;
    }
    return POINTSMAN__V1__MISMATCH_REASON__MISMATCH_REASON_UNSPECIFIED;
}

static Pointsman__V1__ConsideredRule *describe_match(struct explain_report *report,
                                                     const struct considered_match *considered,
                                                     const RouteMessage *route)
{
    const struct rule *rule = considered->match->rule;
    Pointsman__V1__ConsideredRule *message = ARENA_MESSAGE(
        &report->arena, Pointsman__V1__ConsideredRule, pointsman__v1__considered_rule__init);
    message->route = text_of(report, rule_route_id(rule));
    message->rule = rule->index;
    message->hostname = arena_printf(&report->arena, "%s%.*s", considered->is_wildcard ? "*." : "",
                                     (int)considered->hostname.length, considered->hostname.at);
    message->match = match_message(rule_message(route, rule), considered->match);
    message->reason = reason_of(considered);
    message->condition = text_of(report, considered->condition);
    message->hit_match_limit = considered->has_hit_limit;
    return message;
}

/* Goes on behind the `*described` first of them. */
static void describe_list(struct explain_report *report, const struct considered_list *list,
                          size_t count, size_t *described, Pointsman__V1__ConsideredRule ***to,
                          size_t *to_count)
{
    const struct route *last = NULL;
    const RouteMessage *message = NULL;
    while (count-- > 0 && *described < list->count) {
        const struct considered_match *considered = &list->items[(*described)++];
        const struct route *route = considered->match->rule->route;
        if (route != last)
            message = unpack_route(report, route);
        last = route;
        ARENA_APPEND(&report->arena, *to, *to_count, describe_match(report, considered, message));
    }
}

/* --- sessions ------------------------------------------------------------------------------- */

static void resolve_ref(struct explain_report *report, const struct rule *rule,
                        const BackendRefMessage *ref, char name[static OBJECT_NAME_BYTES])
{
    object_name_resolve(text_of(report, rule_route_id(rule)), ref->namespace_, ref->name, name);
}

/* What the request shows of its session. */
struct session {
    enum session_shown shown;
    struct session_token token;
    size_t share; /* the backendRef that has its endpoint; NO_SHARE: none of them */
};

#define NO_SHARE SIZE_MAX

static struct session find_session(struct explain_report *report, const struct explain_facts *facts,
                                   const struct rule *rule, const RouteRuleMessage *message)
{
    struct session session = {.share = NO_SHARE};
    if (message == NULL || rule->policy->session == NULL || facts->epoch == NULL)
        return session;
    const struct session_key key = session_key_of(facts->epoch);
    session.shown =
        session_shown_by(&facts->sample->head, rule->policy->session, &key, &session.token);
    for (size_t i = 0; session.shown == SESSION_GOES_ON && i < message->n_backend_refs; i++) {
        const BackendRefMessage *ref = message->backend_refs[i];
        char name[OBJECT_NAME_BYTES];
        resolve_ref(report, rule, ref, name);
        if (rule->choices[i].backend_index != ROUTE_NO_BACKEND &&
            explain_find_backend(facts, name, ref->port, &session.token, &report->arena)
                    .session_endpoint != NULL) {
            session.share = i;
            break;
        }
    }
    return session;
}

static void note_session(struct explain_report *report, const struct session_policy *policy,
                         const struct session *session)
{
    static const char *const sentences[] = {
        [SESSION_NO_TOKEN] = "is no token of this control: a session begins",
        [SESSION_OVER] = "its session is over: another one begins",
        [SESSION_GOES_ON] = "no backend of the rule is known to have its endpoint: unless a name "
                            "leads there, another session begins",
    };
    if (session->shown != SESSION_NOT_SHOWN && session->share == NO_SHARE)
        explain_report_add_note(report, "%s %.*s: %s", policy->is_header ? "header" : "cookie",
                                (int)policy->name.length, policy->name.at,
                                sentences[session->shown]);
}

/* --- the winner ----------------------------------------------------------------------------- */

static void describe_shares(struct explain_report *report, const struct explain_facts *facts,
                            const struct rule *rule, const RouteRuleMessage *message,
                            const struct session *session)
{
    struct arena *arena = &report->arena;
    Pointsman__V1__ExplainedRule *winner = report->response.winner;
    bool is_decided = report->response.outcome != NULL;
    for (size_t i = 0; i < message->n_backend_refs; i++) {
        const BackendRefMessage *ref = message->backend_refs[i];
        Pointsman__V1__BackendShare *share =
            ARENA_MESSAGE(arena, Pointsman__V1__BackendShare, pointsman__v1__backend_share__init);
        char name[OBJECT_NAME_BYTES];
        resolve_ref(report, rule, ref, name);
        share->backend = arena_string(arena, name, strlen(name));
        share->port = ref->port;
        share->weight = rule->choices[i].weight;
        share->filters = ref->filters;
        share->n_filters = ref->n_filters;

        struct explained_backend backend = {.name = share->backend,
                                            .is_missing = true,
                                            .reason = "what the reference names is no Backend"};
        if (rule->choices[i].backend_index != ROUTE_NO_BACKEND)
            backend = explain_find_backend(facts, share->backend, ref->port,
                                           i == session->share ? &session->token : NULL, arena);
        share->backend = (char *)backend.name;
        share->missing = backend.is_missing;
        if (i == session->share)
            share->session_endpoint = (char *)backend.session_endpoint;
        if (!is_decided && (share->weight > 0 || i == session->share))
            share->outcome = explain_outcome_of_share(facts, rule, message, i, &backend, arena);
        ARENA_APPEND(arena, winner->backends, winner->n_backends, share);
    }
}

static bool redirects(const struct rule *rule)
{
    const struct filter_list *filters = rule->policy->filters;
    return filters != NULL && filters->redirect.status != 0;
}

static void describe_winner(struct explain_report *report, const struct explain_facts *facts)
{
    const struct considered_match *considered = &facts->explanation->winner;
    const struct rule *rule = considered->match == NULL ? NULL : considered->match->rule;
    if (rule == NULL) {
        report->response.outcome =
            explain_outcome_of_rule(facts, NULL, NULL, false, &report->arena);
        return;
    }
    const RouteMessage *route = unpack_route(report, rule->route);
    const RouteRuleMessage *message = rule_message(route, rule);
    const struct session session = find_session(report, facts, rule, message);

    Pointsman__V1__ExplainedRule *winner = ARENA_MESSAGE(
        &report->arena, Pointsman__V1__ExplainedRule, pointsman__v1__explained_rule__init);
    report->response.winner = winner;
    winner->rule = describe_match(report, considered, route);
    winner->goes_nowhere = rule->total_weight == 0 && !redirects(rule);
    if (message != NULL)
        winner->question = explain_question(facts, rule, message, &report->arena);
    report->response.outcome = explain_outcome_of_rule(facts, rule, winner->question,
                                                       session.share != NO_SHARE, &report->arena);
    if (message == NULL)
        return;
    winner->filters = message->filters;
    winner->n_filters = message->n_filters;
    winner->timeouts = message->timeouts;
    winner->retry = message->retry;
    winner->session_persistence = message->session_persistence;
    if (rule->policy->session != NULL) {
        winner->session_name = text_of(report, rule->policy->session->name);
        note_session(report, rule->policy->session, &session);
    }
    describe_shares(report, facts, rule, message, &session);
}

/* --- the whole ------------------------------------------------------------------------------ */

static void describe_request(struct explain_report *report, const struct explain_facts *facts)
{
    const struct request_head *head = &facts->sample->head;
    Pointsman__V1__ExplainResponse *response = &report->response;
    response->method = text_of(report, head->method);
    response->host = text_of(report, head->host);
    response->path = text_of(report, head->path);
    response->query = text_of(report, head->query);
    response->listener = (char *)facts->listener;
    response->revision = facts->revision;
    response->left_out = facts->explanation->left_out;
    response->other_host_routes = facts->explanation->other_host_count;
}

static void note_assumptions(struct explain_report *report, const struct explain_facts *facts)
{
    const struct sample_request *sample = facts->sample;
    const struct route_match *winner = facts->explanation->winner.match;
    for (size_t i = 0; i < sample->dropped_count; i++) {
        struct slice name = sample->dropped[i].name;
        bool is_believed = header_name_is_visible(name, header_name_id(name), true);
        explain_report_add_note(report, "header %.*s: dropped by the proxy before it matches%s",
                                (int)name.length, name.at,
                                is_believed ? ", unless a trusted peer sends it" : "");
    }
    if (*facts->listener == '\0' && winner != NULL && winner->is_attached)
        explain_report_add_note(report, "the rule is for some listeners alone, and no listener was "
                                        "given: it is taken to be one of them");
    if (header_list_find(&sample->fields, HEADER_UPGRADE) != NULL)
        explain_report_add_note(report, "header Upgrade: a WebSocket handshake goes through with "
                                        "its Connection and Upgrade, others without; over HTTP/2 "
                                        "it is a CONNECT, and matched as this GET");
}

void explain_report_start(struct explain_report *report, const struct explain_facts *facts)
{
    *report = (struct explain_report){0};
    pointsman__v1__explain_response__init(&report->response);
    describe_request(report, facts);
    note_assumptions(report, facts);
    describe_winner(report, facts);
}

bool explain_report_go_on(struct explain_report *report, const struct explain_facts *facts,
                          size_t count)
{
    const struct route_explanation *explanation = facts->explanation;
    Pointsman__V1__ExplainResponse *response = &report->response;
    if (report->considered_count < explanation->considered.count)
        describe_list(report, &explanation->considered, count, &report->considered_count,
                      &response->considered, &response->n_considered);
    else
        describe_list(report, &explanation->behind, count, &report->behind_count, &response->behind,
                      &response->n_behind);
    return report->considered_count == explanation->considered.count &&
           report->behind_count == explanation->behind.count;
}

void explain_report_init(struct explain_report *report, const struct explain_facts *facts)
{
    explain_report_start(report, facts);
    while (!explain_report_go_on(report, facts, SIZE_MAX))
        ;
}

void explain_report_clear(struct explain_report *report)
{
    for (size_t i = 0; i < report->message_count; i++)
        message_free(report->messages[i]);
    report->messages = NULL;
    report->message_count = 0;
    arena_clear(&report->arena);
}

void explain_report_take(struct explain_report *report, struct buffer *to)
{
    message_pack(&report->response.base, to);
    explain_report_clear(report);
    pointsman__v1__explain_response__init(&report->response);
}
