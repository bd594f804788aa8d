/* What the files behind route_new share: the route that is being filled, and where the next of each
 * kind goes.
 *
 * Threads: any; a compiler belongs to one. */
#ifndef PROXY_ROUTING_ROUTE_COMPILE_PARTS_H
#define PROXY_ROUTING_ROUTE_COMPILE_PARTS_H

#include "proto/messages.h"
#include "proxy/routing/route.h"
#include "proxy/routing/route_match.h"

struct route_compiler {
    struct route *route;
    bool is_broken;
    const char *name; /* of the route */
    route_backend_index_fn *backend_index;
    void *context;

    /* Where the next of each kind goes. */
    struct rule *rule;
    struct rule_policy *policy;
    struct session_policy *session;
    struct backend_choice *choice;
    struct route_match *match;
    struct match_conditions *conditions; /* its values follow */
    struct route_part *hostname;
    struct listener_identity *attachment;
    uint16_t *code;
    char *text;

    struct slice unread; /* the part of the bytes behind the last string found */
};

/* The same text within the route's own bytes. Borrowed from the route. */
struct slice route_compiler_own_copy(struct route_compiler *compiler, const char *text);

/* --- matches (route_compile_match.c) -------------------------------------------------------- */

/* Whether a match asks for more than a path, so that it needs a struct match_conditions. */
bool route_match_needs_conditions(const RouteMatchMessage *match);

/* How much text a path needs that stands nowhere in the message. */
size_t route_match_own_text_bytes(const char *path);

/* Fills the next match. What cannot be understood is left out; that happens in broken routes
 * alone. */
void route_compiler_add_match(struct route_compiler *compiler, const struct rule *rule,
                              const RouteMatchMessage *message);

/* --- sessions (route_compile_session.c) ------------------------------------------------------ */

/* How much text it needs that stands nowhere in the message. */
size_t route_session_own_text_bytes(const SessionPersistenceMessage *session);

/* Fills the next session, of a rule that has one. The route has its id. */
const struct session_policy *route_compiler_add_session(struct route_compiler *compiler,
                                                        const struct rule *rule,
                                                        const RouteRuleMessage *message);

#endif
