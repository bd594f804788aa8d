/* Filters of an exchange: what the filters of its rule, and then those of the backendRef that was
 * chosen, change about its heads.
 *
 * What they mean is in proxy/routing/filter_apply.h and cors.h; here is where it happens. Only
 * what a service has answered is changed on its way back, not what the proxy says itself.
 *
 * Threads: worker. */
#ifndef PROXY_HTTP_FILTER_EXCHANGE_H
#define PROXY_HTTP_FILTER_EXCHANGE_H

#include <stdbool.h>

struct exchange;
struct filter_list;

/* Whether these filters (NULL: none) have answered, so that nothing is to be forwarded: a redirect,
 * or a browser that asks for permission. */
bool filter_exchange_answer(struct exchange *exchange, const struct filter_list *filters);

/* The head is otherwise ready to be forwarded. */
void filter_exchange_request(struct exchange *exchange);

/* The response is about to go to the client. */
void filter_exchange_response(struct exchange *exchange);

#endif
