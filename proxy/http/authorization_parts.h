/* Authorization parts: what authorization.c and authorization_check.c share.
 *
 * Threads: worker. */
#ifndef PROXY_HTTP_AUTHORIZATION_PARTS_H
#define PROXY_HTTP_AUTHORIZATION_PARTS_H

#include "common/buffer.h"
#include "proxy/http/exchange.h"
#include "proxy/routing/filter.h"

/* In the arena of the request. */
struct authorization {
    struct exchange *request;
    struct exchange *question;
    const struct external_auth *filter; /* of the rule, which the request holds */
    enum {
        GATHERING, /* the request's body */
        ASKING,
        ALLOWING,  /* the head of the answer says 200, its end has not come */
        REFUSING,  /* the answer goes to the client */
        LISTENING, /* to the answer of a call, which is judged when it is complete */
    } stage;
    /* Of a call, whose own body holds that of the request. */
    struct body_pipe gathered;
    struct buffer answer;
};

/* The question is over, and the request without an upstream. */
struct exchange *authorization_end(struct authorization *authorization);

/* The request is answered with this status: nobody has allowed it. `sentence` is a constant. */
void authorization_fail(struct authorization *authorization, unsigned status, const char *sentence);

/* The one way to a request that goes on; with `edits` (NULL: none), of the request's arena, for its
 * query and its answer. */
void authorization_allow(struct authorization *authorization, const struct auth_edits *edits);

/* --- authorization_check.c: the protocol GRPC ------------------------------------------------ */

/* Makes the question a call that asks about the request. False when its body, beside all that is
 * kept, would be too much. */
bool authorization_check_write(struct authorization *authorization);

/* The answer has a head of the service's. */
void authorization_check_on_head(struct authorization *authorization);
/* With LISTENING: bytes of it, or its end. */
void authorization_check_on_data(struct authorization *authorization);

#endif
