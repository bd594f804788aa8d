/* Session: keeps a client at the endpoint that answered it, by a token that the client shows.
 *
 * Nothing is remembered here: the token says all (proxy/routing/session_token.h). A rule says where
 * it is, in a cookie or in a header. It decides which backendRef of the rule a request goes to,
 * before the weights, and which endpoint of that, before the balancer; both only as long as the
 * endpoint may be used. The client is told the token of the endpoint that answered, in the end.
 *
 * Threads: worker. */
#ifndef PROXY_HTTP_SESSION_H
#define PROXY_HTTP_SESSION_H

#include "proxy/http/exchange.h"

#include <stdbool.h>

struct route_table;

/* The backendRef of the exchange's rule, which is of the table, that its client's session is at;
 * without one, as rule_choose. */
const struct backend_choice *session_choose(struct exchange *exchange,
                                            const struct route_table *table);

/* Whether it is the client's session that wants this endpoint. */
static inline bool session_is_at(const struct exchange *exchange, const struct endpoint *endpoint)
{
    const struct session_place *session = exchange->forwarding.session;
    return session != NULL && session->endpoint == endpoint;
}

/* It will begin anew, elsewhere. */
void session_give_up(struct exchange *exchange);

/* An endpoint's answer is about to go to the client: adds the token, where the client lacks it. */
void session_tell(struct exchange *exchange);

/* The exchange is over; it still has its rule, if it had one. */
void session_end(struct exchange *exchange);

#endif
