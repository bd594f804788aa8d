/* Session shown: what a request shows of the session that its rule keeps.
 *
 * The proxy goes by it, and `routectl explain` tells it.
 *
 * Threads: any. */
#ifndef PROXY_ROUTING_SESSION_SHOWN_H
#define PROXY_ROUTING_SESSION_SHOWN_H

#include "proxy/routing/request_head.h"
#include "proxy/routing/session_token.h"

struct session_policy; /* proxy/routing/route.h */

enum session_shown {
    SESSION_NOT_SHOWN,
    SESSION_NO_TOKEN, /* what is there was not written with this key */
    SESSION_OVER,     /* its absolute timeout is */
    SESSION_GOES_ON,
};

/* Fills in the token of one that is over or goes on. */
enum session_shown session_shown_by(const struct request_head *head,
                                    const struct session_policy *policy,
                                    const struct session_key *key, struct session_token *token);

#endif
