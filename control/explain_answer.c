#include "control/explain_answer.h"

#include "common/buffer.h"
#include "control/object_page.h"
#include "control/proxy_registry.h"
#include "proto/grpc_server.h"
#include "proto/message.h"

#include <stdlib.h>
#include <string.h>

/* --- the listener --------------------------------------------------------------------------- */

static bool is_candidate(const Pointsman__V1__Listener *listener, const char *name)
{
    return *name == '\0' || strcmp(listener->name, name) == 0;
}

/* The only listener of that name ("": of any) that connected proxies have; NULL when there is
 * none. `*is_only` is false when there are several that differ. */
static const Pointsman__V1__Listener *find_listener(const struct proxy_registry *proxies,
                                                    const char *name, bool *is_only)
{
    const Pointsman__V1__Listener *found = NULL;
    *is_only = true;
    for (size_t i = 0; i < proxy_registry_count(proxies); i++) {
        const struct proxy *proxy = proxy_registry_at(proxies, i);
        for (size_t j = 0; proxy->watcher != NULL && j < proxy->listener_count; j++) {
            const Pointsman__V1__Listener *listener = proxy->listeners[j];
            if (!is_candidate(listener, name))
                continue;
            if (found == NULL)
                found = listener;
            else if (strcmp(found->name, listener->name) != 0 || found->port != listener->port)
                *is_only = false;
        }
    }
    return found;
}

void listener_choice_init(struct listener_choice *choice, const struct proxy_registry *proxies,
                          const char *name)
{
    bool is_only;
    const Pointsman__V1__Listener *listener = find_listener(proxies, name, &is_only);
    *choice = (struct listener_choice){.is_known = listener != NULL};
    if (*name == '\0' && (listener == NULL || !is_only))
        return;
    choice->is_chosen = true;
    choice->name = memory_duplicate_string(*name == '\0' ? listener->name : name);
    choice->identity.name = slice_from_string(choice->name);
    choice->identity.port = listener == NULL ? 0 : (uint16_t)listener->port;
}

void listener_choice_clear(struct listener_choice *choice)
{
    free(choice->name);
    *choice = (struct listener_choice){0};
}

/* --- what the answer is made of ------------------------------------------------------------- */

enum { SHOWN_MAX = EXPLAIN_CONSIDERED_MAX + 1 };

/* Everything the response points to. Routes are unpacked again from the bytes in the table, for
 * their matches, backends and filters as they were written. */
struct draft {
    Pointsman__V1__ExplainResponse response;
    RouteMessage *routes[SHOWN_MAX];
    Pointsman__V1__ConsideredRule considered[EXPLAIN_CONSIDERED_MAX];
    Pointsman__V1__ConsideredRule *considered_list[EXPLAIN_CONSIDERED_MAX];
    Pointsman__V1__ConsideredRule winner_rule;
    Pointsman__V1__ExplainedRule winner;
    Pointsman__V1__BackendShare *shares;
    Pointsman__V1__BackendShare **share_list;
    char **texts;
    size_t text_count;
    char **notes;
};

/* Takes the string. */
static char *keep(struct draft *draft, char *text)
{
    draft->texts =
        memory_reallocate(draft->texts, (draft->text_count + 1) * sizeof(draft->texts[0]));
    draft->texts[draft->text_count++] = text;
    return text;
}

static char *keep_buffer(struct draft *draft, struct buffer *text)
{
    char *copy = keep(draft, memory_duplicate_string(buffer_string(text)));
    buffer_clear(text);
    return copy;
}

static char *keep_slice(struct draft *draft, struct slice text)
{
    struct buffer copy = BUFFER_EMPTY;
    buffer_append_slice(&copy, text);
    return keep_buffer(draft, &copy);
}

static void draft_clear(struct draft *draft)
{
    for (size_t i = 0; i < SHOWN_MAX; i++)
        message_free((ProtobufCMessage *)draft->routes[i]);
    for (size_t i = 0; i < draft->text_count; i++)
        free(draft->texts[i]);
    free(draft->texts);
    free(draft->notes);
    free(draft->shares);
    free(draft->share_list);
}

static void add_note(struct draft *draft, struct buffer *text)
{
    Pointsman__V1__ExplainResponse *response = &draft->response;
    draft->notes =
        memory_reallocate(draft->notes, (response->n_notes + 1) * sizeof(draft->notes[0]));
    draft->notes[response->n_notes++] = keep_buffer(draft, text);
    response->notes = draft->notes;
}

/* --- rules ---------------------------------------------------------------------------------- */

static char *hostname_text(struct draft *draft, const struct considered_match *considered)
{
    struct buffer text = BUFFER_EMPTY;
    buffer_append_string(&text, considered->is_wildcard ? "*." : "");
    buffer_append_slice(&text, considered->hostname);
    return keep_buffer(draft, &text);
}

/* Where the match stands in its rule. */
static size_t match_index(const struct route_match *match)
{
    size_t index = 0;
    const struct route_match *at = match->rule->route->matches;
    for (; at != match; at++)
        index += at->rule == match->rule;
    return index;
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

static Pointsman__V1__MismatchReason reason_of(enum match_verdict verdict)
{
    switch (verdict) {
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

/* `index` is the draft's place for the route. */
static void describe_rule(struct draft *draft, size_t index,
                          const struct considered_match *considered,
                          Pointsman__V1__ConsideredRule *to)
{
    const struct rule *rule = considered->match->rule;
    draft->routes[index] = (RouteMessage *)object_unpack(
        POINTSMAN__V1__OBJECT_KIND__OBJECT_KIND_ROUTE, route_bytes(rule->route), NULL);
    pointsman__v1__considered_rule__init(to);
    to->route = keep_slice(draft, rule_route_name(rule));
    to->rule = rule->index;
    to->hostname = hostname_text(draft, considered);
    to->match = match_message(rule_message(draft->routes[index], rule), considered->match);
    to->reason = reason_of(considered->verdict);
    to->condition = keep_slice(draft, considered->condition);
}

static void describe_considered(struct draft *draft, const struct route_explanation *explanation)
{
    for (size_t i = 0; i < explanation->considered_count; i++) {
        describe_rule(draft, i, &explanation->considered[i], &draft->considered[i]);
        draft->considered_list[i] = &draft->considered[i];
    }
    draft->response.n_considered = explanation->considered_count;
    draft->response.considered = draft->considered_list;
    draft->response.left_out = explanation->left_out;
}

/* --- the winner ----------------------------------------------------------------------------- */

/* Unsure is not missing: then reading it has failed, and other calls say so. */
static bool is_missing(struct store *store, const char *name)
{
    struct store_record record = {0};
    struct error err = {0};
    bool is_there =
        store_get(store, POINTSMAN__V1__OBJECT_KIND__OBJECT_KIND_BACKEND, name, &record, &err);
    store_record_clear(&record);
    return !is_there && err.code == ERROR_NOT_FOUND;
}

static void describe_shares(struct draft *draft, struct store *store, const struct rule *rule,
                            const char *route_name, const RouteRuleMessage *message)
{
    size_t count = message->n_backend_refs;
    draft->shares = memory_allocate((count + 1) * sizeof(draft->shares[0]));
    draft->share_list = memory_allocate((count + 1) * sizeof(draft->share_list[0]));
    for (size_t i = 0; i < count; i++) {
        const BackendRefMessage *ref = message->backend_refs[i];
        const struct backend_choice *choice = &rule->choices[i];
        Pointsman__V1__BackendShare *share = &draft->shares[i];
        char name[OBJECT_NAME_BYTES];
        object_name_resolve(route_name, ref->namespace_, ref->name, name);
        pointsman__v1__backend_share__init(share);
        share->backend = keep(draft, memory_duplicate_string(name));
        share->port = ref->port;
        share->weight = choice->weight;
        share->missing = choice->backend_index == ROUTE_NO_BACKEND || is_missing(store, name);
        share->filters = ref->filters;
        share->n_filters = ref->n_filters;
        draft->share_list[i] = share;
    }
    draft->winner.backends = draft->share_list;
    draft->winner.n_backends = count;
}

static bool redirects(const RouteRuleMessage *message)
{
    for (size_t i = 0; i < message->n_filters; i++) {
        if (message->filters[i]->kind_case == POINTSMAN__V1__FILTER__KIND_REQUEST_REDIRECT)
            return true;
    }
    return false;
}

static void describe_winner(struct draft *draft, struct store *store,
                            const struct considered_match *considered)
{
    if (considered->match == NULL)
        return;
    const struct rule *rule = considered->match->rule;
    Pointsman__V1__ExplainedRule *winner = &draft->winner;
    describe_rule(draft, SHOWN_MAX - 1, considered, &draft->winner_rule);
    pointsman__v1__explained_rule__init(winner);
    winner->rule = &draft->winner_rule;
    draft->response.winner = winner;

    const RouteMessage *route = draft->routes[SHOWN_MAX - 1];
    const RouteRuleMessage *message = rule_message(route, rule);
    winner->goes_nowhere = rule->total_weight == 0 && (message == NULL || !redirects(message));
    if (message == NULL)
        return;
    winner->filters = message->filters;
    winner->n_filters = message->n_filters;
    winner->timeouts = message->timeouts;
    winner->retry = message->retry;
    describe_shares(draft, store, rule, route->name, message);
}

/* --- the whole ------------------------------------------------------------------------------ */

static void describe_request(struct draft *draft, const struct explain_findings *findings)
{
    const struct request_head *head = &findings->sample->head;
    Pointsman__V1__ExplainResponse *response = &draft->response;
    response->method = keep_slice(draft, head->method);
    response->host = keep_slice(draft, head->host);
    response->path = keep_slice(draft, head->path);
    response->query = keep_slice(draft, head->query);
    response->listener = findings->listener->is_chosen ? findings->listener->name : (char *)"";
    response->revision = findings->revision;
    response->other_host_routes = findings->other_host_count;
}

static void describe_notes(struct draft *draft, const struct explain_findings *findings)
{
    const struct sample_request *sample = findings->sample;
    const struct listener_choice *listener = findings->listener;
    const struct route_match *winner = findings->explanation->winner.match;
    struct buffer text = BUFFER_EMPTY;
    for (size_t i = 0; i < sample->dropped_count; i++) {
        struct slice name = sample->dropped[i].name;
        buffer_printf(&text, "header %.*s: dropped by the proxy before it matches",
                      (int)name.length, name.at);
        if (memchr(name.at, '_', name.length) == NULL &&
            !slice_equals_ignoring_case(name, SLICE("proxy")))
            buffer_append_string(&text, ", unless a trusted peer sends it");
        add_note(draft, &text);
    }
    if (listener->is_chosen && !listener->is_known) {
        buffer_printf(&text, "listener %s: no connected proxy has it", listener->name);
        add_note(draft, &text);
    }
    if (!listener->is_chosen && winner != NULL && winner->is_attached) {
        buffer_append_string(&text, "the rule is for some listeners alone, and no listener was "
                                    "given: it is taken to be one of them");
        add_note(draft, &text);
    }
}

void explain_answer_send(struct grpc_call *call, struct store *store,
                         const struct explain_findings *findings)
{
    struct draft *draft = memory_allocate_zeroed(1, sizeof(*draft));
    pointsman__v1__explain_response__init(&draft->response);
    describe_request(draft, findings);
    describe_notes(draft, findings);
    describe_considered(draft, findings->explanation);
    describe_winner(draft, store, &findings->explanation->winner);
    grpc_call_reply(call, &draft->response.base);
    draft_clear(draft);
    free(draft);
}
