/* Explain outcome: what becomes of a request that a rule takes, or that none does.
 *
 * The steps are those of proxy/http/request_handler.c, and what is done to the request is done by
 * the functions that it calls.
 *
 * Threads: any, one at a time. */
#ifndef PROXY_ROUTING_EXPLAIN_OUTCOME_H
#define PROXY_ROUTING_EXPLAIN_OUTCOME_H

#include "common/arena.h"
#include "proto/messages.h"
#include "proxy/routing/explain_report.h"
#include "proxy/routing/session_token.h"

typedef Pointsman__V1__Outcome OutcomeMessage;
typedef Pointsman__V1__Question QuestionMessage;

/* A backend as a rule's reference with this port sees it. */
struct explained_backend {
    const char *name;
    bool is_missing; /* or the port leads to none */
    bool is_empty;   /* no endpoint would get a request */
    bool speaks_http2;
    const char *reason;
    const char *session_endpoint; /* that has the session asked for; NULL: none of it does */
};

/* Everything comes from the arena. The name is that of the backend that serves, where there is one.
 * `session` is the token that the request shows, or NULL. */
struct explained_backend explain_find_backend(const struct explain_facts *facts, const char *name,
                                              uint32_t port, const struct session_token *session,
                                              struct arena *arena);

/* What an authorization service is asked first; NULL: nobody is asked. `message` is the rule as it
 * was written. */
QuestionMessage *explain_question(const struct explain_facts *facts, const struct rule *rule,
                                  const RouteRuleMessage *message, struct arena *arena);

/* What happens whichever backend is chosen, once the question (NULL: there is none) is answered so
 * that the request goes on; NULL when the backend decides. `rule` is NULL when no rule takes the
 * request. With a session one is chosen whatever the weights. */
OutcomeMessage *explain_outcome_of_rule(const struct explain_facts *facts, const struct rule *rule,
                                        const QuestionMessage *question, bool has_session,
                                        struct arena *arena);

/* What happens to the share of one backendRef. `message` is the rule as it was written. */
OutcomeMessage *explain_outcome_of_share(const struct explain_facts *facts, const struct rule *rule,
                                         const RouteRuleMessage *message, size_t index,
                                         const struct explained_backend *backend,
                                         struct arena *arena);

#endif
