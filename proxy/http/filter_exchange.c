#include "proxy/http/filter_exchange.h"

#include "proxy/http/exchange.h"
#include "proxy/routing/auth_edits.h"
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

/* What the authorization service wants changed; NULL: nothing, or it was not asked. */
static const struct auth_edits *find_edits(const struct exchange *exchange)
{
    return exchange->authorization == AUTHORIZATION_GIVEN ? exchange->auth_edits : NULL;
}

/* What came in is kept beside it. */
static struct request_head *begin_rewriting(struct exchange *exchange)
{
    struct request_head *head = &exchange->request.head;
    struct request_head *asked = arena_allocate(&exchange->arena, sizeof(*asked));
    *asked = *head;
    exchange->asked = asked;
    return head;
}

void filter_exchange_request(struct exchange *exchange)
{
    struct filters filters = find_filters(exchange);
    if (filters.rule == NULL && filters.choice == NULL)
        return;

    filter_request_edit_headers(filters.rule, filters.choice, &exchange->request.fields,
                                &exchange->arena);
    struct url_rewrite rewrite = filter_request_rewrite(filters.rule, filters.choice);
    const struct auth_edits *edits = find_edits(exchange);
    bool edits_query = edits != NULL && auth_edits_have_query(edits);
    if (!url_rewrite_is_set(&rewrite) && !edits_query)
        return;
    struct request_head *head = begin_rewriting(exchange);
    url_rewrite_apply(&rewrite, head, &exchange->arena);
    if (edits_query)
        auth_edits_apply_query(edits, head, &exchange->arena);
}

void filter_exchange_response(struct exchange *exchange)
{
    struct filters filters = find_filters(exchange);
    if (filters.rule == NULL && filters.choice == NULL)
        return;
    const struct auth_edits *edits = find_edits(exchange);
    if (edits != NULL)
        auth_edits_apply_response(&edits->response_headers, &exchange->response.fields,
                                  &exchange->arena);
    filter_request_edit_response(filters.rule, filters.choice, &exchange->request.head,
                                 &exchange->response.fields, &exchange->arena);
}
