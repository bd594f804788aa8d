/* Filters of an exchange: what the filters of its rule, and then those of the backendRef that was
 * chosen, change about its heads.
 *
 * What they mean is in proxy/routing/filter_request.h; here is where it happens. What
 * the proxy says itself is changed like what a service answers, from the moment there is a rule: a
 * browser hides an error from a script that has no permission to read it, and follows no redirect.
 *
 * Threads: worker. */
#ifndef PROXY_HTTP_FILTER_EXCHANGE_H
#define PROXY_HTTP_FILTER_EXCHANGE_H

struct exchange;

/* The head is otherwise ready to be forwarded. */
void filter_exchange_request(struct exchange *exchange);

/* The response is about to go to the client. */
void filter_exchange_response(struct exchange *exchange);

#endif
