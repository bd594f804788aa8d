#include "proxy/http/filter_exchange.h"

#include "proxy/http/exchange.h"
#include "proxy/routing/filter_apply.h"
#include "proxy/routing/filter_request.h"
#include "proxy/routing/route.h"

/* Each NULL when there are none, or not yet a rule to have them. */
struct filters {
    const struct filter_list *rule;
    const struct filter_list *choice;
};

static struct filters find_filters(const struct exchange *exchange)
{
    const struct forwarding *forwarding = &exchange->forwarding;
    return (struct filters){
        .rule = forwarding->rule == NULL ? NULL : forwarding->rule->policy->filters,
        .choice = forwarding->choice == NULL ? NULL : forwarding->choice->filters,
    };
}

/* What came in is kept beside it. */
static void rewrite_url(struct exchange *exchange, const struct url_rewrite *rewrite)
{
    struct request_head *head = &exchange->request.head;
    struct request_head *asked = arena_allocate(&exchange->arena, sizeof(*asked));
    *asked = *head;
    exchange->asked = asked;
    url_rewrite_apply(rewrite, head, &exchange->arena);
}

void filter_exchange_request(struct exchange *exchange)
{
    struct filters filters = find_filters(exchange);
    if (filters.rule == NULL && filters.choice == NULL)
        return;

    filter_request_edit_headers(filters.rule, filters.choice, &exchange->request.fields,
                                &exchange->arena);
    struct url_rewrite rewrite = filter_request_rewrite(filters.rule, filters.choice);
    if (url_rewrite_is_set(&rewrite))
        rewrite_url(exchange, &rewrite);
}

void filter_exchange_response(struct exchange *exchange)
{
    struct filters filters = find_filters(exchange);
    if (filters.rule != NULL || filters.choice != NULL)
        filter_request_edit_response(filters.rule, filters.choice, &exchange->request.head,
                                     &exchange->response.fields, &exchange->arena);
}
