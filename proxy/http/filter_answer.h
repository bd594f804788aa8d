/* Filter answer: what filters answer themselves, so that nothing is forwarded: a redirect, or a
 * browser that asks for permission.
 *
 * Threads: worker. */
#ifndef PROXY_HTTP_FILTER_ANSWER_H
#define PROXY_HTTP_FILTER_ANSWER_H

#include <stdbool.h>

struct exchange;
struct filter_list;

/* Whether these filters (NULL: none) have answered. */
bool filter_answer_preflight(struct exchange *exchange, const struct filter_list *filters);
bool filter_answer_redirect(struct exchange *exchange, const struct filter_list *filters);

#endif
