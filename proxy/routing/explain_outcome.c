#include "proxy/routing/explain_outcome.h"

#include "proto/message.h"
#include "proxy/routing/external_auth.h"
#include "proxy/routing/filter_apply.h"
#include "proxy/routing/filter_request.h"
#include "proxy/routing/loop_mark.h"
#include "proxy/routing/route_validate.h"
#include "proxy/upstream/backend.h"
#include "proxy/upstream/endpoint_registry.h"

#include <string.h>

/* --- backends ------------------------------------------------------------------------------- */

struct explained_backend explain_find_backend(const struct explain_facts *facts, const char *name,
                                              uint32_t port, const struct session_token *session,
                                              struct arena *arena)
{
    struct explained_backend found = {.name = name};
    BackendMessage *message = facts->find_backend(facts->context, name);
    struct slice for_all = object_name_for_all_namespaces(slice_from_string(name));
    if (message == NULL && for_all.length > 0) {
        message = facts->find_backend(facts->context, for_all.at);
        found.name = message == NULL ? name : for_all.at;
    }
    if (message == NULL) {
        found.is_missing = true;
        found.reason = arena_printf(arena, "there is no backend '%s'", name);
        return found;
    }

    struct error err = {0};
    struct endpoint_registry *endpoints = endpoint_registry_new();
    struct backend *backend = backend_new(message, port, NULL, endpoints, &err);
    found.is_missing = backend == NULL;
    found.is_empty = backend != NULL && backend->total_weight == 0;
    found.speaks_http2 = backend != NULL && backend_ref_speaks_http2(message, port);
    if (found.is_missing)
        found.reason = arena_string(arena, err.message, strlen(err.message));
    else if (found.is_empty)
        found.reason =
            arena_printf(arena, "backend '%s' has no endpoint with a weight", found.name);
    const struct backend_endpoint *kept = backend == NULL || session == NULL
                                              ? NULL
                                              : backend_find_session(backend, session->endpoint);
    if (kept != NULL)
        found.session_endpoint =
            arena_string(arena, kept->endpoint->name, strlen(kept->endpoint->name));
    backend_release(&backend);
    endpoint_registry_free(endpoints);
    message_free(&message->base);
    return found;
}

/* --- answers of the proxy's own ------------------------------------------------------------- */

static char *text_of(struct slice text, struct arena *arena)
{
    return arena_string(arena, text.at, text.length);
}

static Pointsman__V1__HttpHeader *header_message(const struct header *header, struct arena *arena)
{
    Pointsman__V1__HttpHeader *message =
        ARENA_MESSAGE(arena, Pointsman__V1__HttpHeader, pointsman__v1__http_header__init);
    message->name = text_of(header->name, arena);
    message->value = text_of(header->value, arena);
    return message;
}

/* What stands where the rule and, once it is chosen, the backendRef have filters. */
struct filters {
    const struct request_head *head;
    const struct filter_list *rule;
    const struct filter_list *choice;
};

/* The proxy's own answers pass the response filters as those of services do. */
static OutcomeMessage *answer(const struct filters *filters, const struct filter_answer *given,
                              const char *reason, struct arena *arena)
{
    struct header_list fields = {0};
    header_list_move(&fields, given->header_count, arena);
    for (size_t i = 0; i < given->header_count; i++)
        header_list_add(&fields, given->headers[i].name, given->headers[i].value, HEADER_OTHER);
    filter_request_edit_response(filters->rule, filters->choice, filters->head, &fields, arena);

    OutcomeMessage *outcome =
        ARENA_MESSAGE(arena, Pointsman__V1__Outcome, pointsman__v1__outcome__init);
    Pointsman__V1__ProxyAnswer *message =
        ARENA_MESSAGE(arena, Pointsman__V1__ProxyAnswer, pointsman__v1__proxy_answer__init);
    outcome->kind_case = POINTSMAN__V1__OUTCOME__KIND_ANSWER;
    outcome->answer = message;
    message->status = given->status;
    message->reason = arena_string(arena, reason, strlen(reason));
    for (size_t i = 0; i < fields.count; i++)
        ARENA_APPEND(arena, message->headers, message->n_headers,
                     header_message(&fields.headers[i], arena));
    return outcome;
}

static OutcomeMessage *refuse(const struct filters *filters, uint16_t status, const char *reason,
                              struct arena *arena)
{
    return answer(filters, &(struct filter_answer){.status = status}, reason, arena);
}

/* NULL when the newest of the filters leave the request to be forwarded. */
static OutcomeMessage *ask_filters(const struct filters *filters, const struct filter_list *newest,
                                   struct arena *arena)
{
    struct filter_answer given;
    if (filter_request_preflight(newest, filters->head, &given, arena))
        return answer(filters, &given,
                      given.header_count > 1
                          ? "the preflight of a cross-origin request: allowed"
                          : "the preflight of a cross-origin request: not allowed",
                      arena);
    if (filter_request_redirect(newest, filters->head, &given, arena))
        return answer(filters, &given, "a filter redirects", arena);
    return NULL;
}

/* What the rule leaves on the request; NULL when it cannot be known. */
static char *mark_of(const struct explain_facts *facts, const struct rule *rule,
                     struct arena *arena)
{
    if (facts->epoch == NULL)
        return NULL;
    const struct hash_key key = loop_mark_key_of(facts->epoch);
    char *mark = arena_allocate(arena, LOOP_MARK_LENGTH);
    loop_mark_write(rule, &key, mark);
    return mark;
}

static bool goes_in_circles(const struct explain_facts *facts, const struct rule *rule,
                            struct arena *arena)
{
    struct filter_answer given;
    const char *mark = mark_of(facts, rule, arena);
    return mark != NULL && loop_mark_is_spent(&facts->sample->fields, mark) &&
           !filter_request_preflight(rule->policy->filters, &facts->sample->head, &given, arena);
}

OutcomeMessage *explain_outcome_of_rule(const struct explain_facts *facts, const struct rule *rule,
                                        const QuestionMessage *question, bool has_session,
                                        struct arena *arena)
{
    struct filters filters = {.head = &facts->sample->head};
    if (rule == NULL)
        return refuse(&filters, 404, "no rule matches", arena);
    filters.rule = rule->policy->filters;
    if (goes_in_circles(facts, rule, arena))
        return refuse(&filters, 508, "the rule has forwarded this request three times: a loop",
                      arena);
    if (question != NULL && question->missing)
        return refuse(&filters, 500, "there is nobody to ask for its authorization", arena);
    if (question != NULL && question->no_http2)
        return refuse(&filters, 500, "its authorization service does not speak HTTP/2", arena);
    OutcomeMessage *outcome = ask_filters(&filters, filters.rule, arena);
    if (outcome != NULL)
        return outcome;
    if (rule->is_broken)
        return refuse(&filters, 500, "the rule could not be understood", arena);
    if (rule->total_weight == 0 && !has_session)
        return refuse(&filters, 500, "no backend of it has a weight", arena);
    return NULL;
}

/* --- what is forwarded ---------------------------------------------------------------------- */

/* The parser's list, with room for what is added, which the filters of each share edit anew. */
static struct header_list copy_fields(const struct header_list *fields, struct arena *arena)
{
    struct header_list copy = {
        .headers = arena_allocate(arena, fields->capacity * sizeof(fields->headers[0])),
        .tags = arena_allocate(arena, fields->capacity * sizeof(fields->tags[0])),
        .capacity = fields->capacity,
        .count = fields->count,
    };
    memcpy(copy.headers, fields->headers, fields->count * sizeof(fields->headers[0]));
    memcpy(copy.tags, fields->tags, fields->count * sizeof(fields->tags[0]));
    return copy;
}

/* The backend that a filter names. */
static struct explained_backend find_target(const struct explain_facts *facts,
                                            const struct rule *rule,
                                            const Pointsman__V1__BackendObjectReference *ref,
                                            uint32_t backend_index, struct arena *arena)
{
    char name[OBJECT_NAME_BYTES];
    object_name_resolve(text_of(rule_route_id(rule), arena), ref->namespace_, ref->name, name);
    const char *kept = arena_string(arena, name, strlen(name));
    if (backend_index == ROUTE_NO_BACKEND)
        return (struct explained_backend){.name = kept, .is_missing = true};
    return explain_find_backend(facts, kept, ref->port, NULL, arena);
}

static void add_mirrors(const struct explain_facts *facts, const struct rule *rule,
                        const struct filter_list *filters, FilterMessage *const *messages,
                        size_t count, Pointsman__V1__ForwardedRequest *request, struct arena *arena)
{
    size_t mirror = 0;
    for (size_t i = 0; i < count; i++) {
        if (messages[i]->kind_case != POINTSMAN__V1__FILTER__KIND_REQUEST_MIRROR)
            continue;
        const Pointsman__V1__BackendObjectReference *ref = messages[i]->request_mirror->backend_ref;
        const struct mirror_target *target = &filters->mirrors[mirror++];
        const struct explained_backend backend =
            find_target(facts, rule, ref, target->backend_index, arena);
        Pointsman__V1__MirrorShare *share =
            ARENA_MESSAGE(arena, Pointsman__V1__MirrorShare, pointsman__v1__mirror_share__init);
        share->backend = (char *)backend.name;
        share->port = ref->port;
        share->numerator = target->numerator;
        share->denominator = target->denominator;
        share->missing = backend.is_missing;
        ARENA_APPEND(arena, request->mirrors, request->n_mirrors, share);
    }
}

/* What an authorization service and a backend are told alike, before filters edit it. */
static struct header_list prepare_fields(const struct explain_facts *facts, const struct rule *rule,
                                         struct arena *arena)
{
    struct header_list fields = copy_fields(&facts->sample->fields, arena);
    filter_request_add_forwarded(&fields, &facts->sample->head, SLICE("<address of the client>"));
    if (header_list_find(&fields, HEADER_X_REQUEST_ID) == NULL)
        header_list_add(&fields, SLICE("x-request-id"), SLICE("<made by the proxy>"),
                        HEADER_X_REQUEST_ID);
    const char *mark = mark_of(facts, rule, arena);
    if (mark != NULL)
        loop_mark_add(&fields, mark);
    return fields;
}

/* The headers that an answer may have which allows the request, where they are known. */
static void take_answer(const struct external_auth *auth, struct header_list *fields,
                        struct arena *arena)
{
    struct header_list answer = {0};
    header_list_move(&answer, auth->answer_header_count, arena);
    for (size_t i = 0; i < auth->answer_header_count; i++)
        header_list_add(&answer, auth->answer_headers[i], SLICE("<of the authorization>"),
                        header_name_id(auth->answer_headers[i]));
    external_auth_take(auth, &answer, fields, arena);
}

static char *target_of(const struct request_head *head, struct arena *arena)
{
    return arena_printf(arena, "%.*s%s%.*s", (int)head->path.length, head->path.at,
                        head->has_query ? "?" : "", (int)head->query.length,
                        head->query.length == 0 ? "" : head->query.at);
}

static void list_headers(const struct header_list *fields, Pointsman__V1__HttpHeader ***headers,
                         size_t *count, struct arena *arena)
{
    for (size_t i = 0; i < fields->count; i++) {
        if (!fields->tags[i].is_dropped)
            ARENA_APPEND(arena, *headers, *count, header_message(&fields->headers[i], arena));
    }
}

static Pointsman__V1__ForwardedRequest *forward(const struct explain_facts *facts,
                                                const struct rule *rule,
                                                const struct filter_list *choice,
                                                struct arena *arena)
{
    struct request_head head = facts->sample->head;
    struct header_list fields = prepare_fields(facts, rule, arena);
    const struct filter_list *filters = rule->policy->filters;
    if (filters != NULL && filters->auth != NULL) {
        filter_request_edit_asked(filters, &fields, arena);
        take_answer(filters->auth, &fields, arena);
    }
    filter_request_edit_headers(filters, choice, &fields, arena);
    struct url_rewrite rewrite = filter_request_rewrite(filters, choice);
    url_rewrite_apply(&rewrite, &head, arena);

    Pointsman__V1__ForwardedRequest *request = ARENA_MESSAGE(
        arena, Pointsman__V1__ForwardedRequest, pointsman__v1__forwarded_request__init);
    request->method = text_of(head.method, arena);
    request->target = target_of(&head, arena);
    request->host = text_of(head.authority, arena);
    list_headers(&fields, &request->headers, &request->n_headers, arena);
    return request;
}

/* --- what is asked before ------------------------------------------------------------------- */

static const Pointsman__V1__ExternalAuth *auth_message(const RouteRuleMessage *rule)
{
    for (size_t i = 0; i < rule->n_filters; i++) {
        if (rule->filters[i]->kind_case == POINTSMAN__V1__FILTER__KIND_EXTERNAL_AUTH)
            return rule->filters[i]->external_auth;
    }
    return NULL;
}

QuestionMessage *explain_question(const struct explain_facts *facts, const struct rule *rule,
                                  const RouteRuleMessage *message, struct arena *arena)
{
    const struct filter_list *filters = rule->policy->filters;
    const Pointsman__V1__ExternalAuth *auth = auth_message(message);
    struct filter_answer given;
    if (auth == NULL || filters == NULL || goes_in_circles(facts, rule, arena) ||
        filter_request_preflight(filters, &facts->sample->head, &given, arena))
        return NULL;

    QuestionMessage *question =
        ARENA_MESSAGE(arena, QuestionMessage, pointsman__v1__question__init);
    struct header_list fields = prepare_fields(facts, rule, arena);
    filter_request_edit_asked(filters, &fields, arena);
    const struct request_head head = external_auth_head(filters, &facts->sample->head, arena);
    const struct header_list told = external_auth_fields(filters->auth, &fields, arena);
    question->method = text_of(head.method, arena);
    question->target = target_of(&head, arena);
    question->host = text_of(head.authority, arena);
    list_headers(&told, &question->headers, &question->n_headers, arena);
    question->max_body = filters->auth->max_body_bytes;
    const struct explained_backend backend =
        find_target(facts, rule, auth->backend_ref, filters->auth->backend_index, arena);
    question->backend = (char *)backend.name;
    question->port = auth->backend_ref->port;
    question->missing = backend.is_missing;
    question->protocol = auth->protocol;
    question->no_http2 = filters->auth->is_grpc && !backend.is_missing && !backend.speaks_http2;
    return question;
}

/* --- shares --------------------------------------------------------------------------------- */

OutcomeMessage *explain_outcome_of_share(const struct explain_facts *facts, const struct rule *rule,
                                         const RouteRuleMessage *message, size_t index,
                                         const struct explained_backend *backend,
                                         struct arena *arena)
{
    const struct filter_list *choice = rule->choices[index].filters;
    const BackendRefMessage *ref = message->backend_refs[index];
    struct filters filters = {
        .head = &facts->sample->head, .rule = rule->policy->filters, .choice = choice};
    OutcomeMessage *outcome = ask_filters(&filters, choice, arena);
    if (outcome != NULL)
        return outcome;
    if (backend->is_missing)
        return refuse(&filters, 500, backend->reason, arena);
    if (backend->is_empty && backend->session_endpoint == NULL)
        return refuse(&filters, 503, backend->reason, arena);

    outcome = ARENA_MESSAGE(arena, Pointsman__V1__Outcome, pointsman__v1__outcome__init);
    outcome->kind_case = POINTSMAN__V1__OUTCOME__KIND_FORWARDED;
    outcome->forwarded = forward(facts, rule, choice, arena);
    add_mirrors(facts, rule, rule->policy->filters, message->filters, message->n_filters,
                outcome->forwarded, arena);
    add_mirrors(facts, rule, choice, ref->filters, ref->n_filters, outcome->forwarded, arena);
    return outcome;
}
