/* Filter answer: what filters answer themselves, so that nothing is forwarded: a redirect, or a
 * browser that asks for permission.
 *
 * Most rules have no filters, and pay a comparison.
 *
 * Threads: worker. */
#ifndef PROXY_HTTP_FILTER_ANSWER_H
#define PROXY_HTTP_FILTER_ANSWER_H

#include <stdbool.h>
#include <stddef.h>

struct exchange;
struct filter_list;

/* Whether these filters have answered. */
bool filter_answer_preflight_of(struct exchange *exchange, const struct filter_list *filters);
bool filter_answer_redirect_of(struct exchange *exchange, const struct filter_list *filters);

/* The same where there may be none (NULL). */
static inline bool filter_answer_preflight(struct exchange *exchange,
                                           const struct filter_list *filters)
{
    return filters != NULL && filter_answer_preflight_of(exchange, filters);
}

static inline bool filter_answer_redirect(struct exchange *exchange,
                                          const struct filter_list *filters)
{
    return filters != NULL && filter_answer_redirect_of(exchange, filters);
}

#endif
