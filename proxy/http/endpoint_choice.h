/* Endpoint choice: where the next try of a request goes.
 *
 * Threads: worker. */
#ifndef PROXY_HTTP_ENDPOINT_CHOICE_H
#define PROXY_HTTP_ENDPOINT_CHOICE_H

#include <stdbool.h>

struct endpoint;
struct exchange;

/* The request has got its backend, and was sent nowhere yet. */
void endpoint_choice_begin(struct exchange *exchange);

/* That of the client's session, or one that the balancer picks; not tried before, if there is one.
 * NULL: there is none at all.
 * Borrowed from the backend. */
struct endpoint *endpoint_choice_pick(struct exchange *exchange);

/* The same, but NULL when all were tried. */
struct endpoint *endpoint_choice_pick_untried(struct exchange *exchange);

/* The try that has just failed counts: its endpoint is avoided from now on. */
void endpoint_choice_avoid(struct exchange *exchange);

/* Calls `start` for each endpoint that may be used, from a random one on, until it returns true.
 * Returns whether it did. */
bool endpoint_choice_any(struct exchange *exchange,
                         bool (*start)(struct exchange *exchange, struct endpoint *endpoint));

#endif
