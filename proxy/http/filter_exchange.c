#include "proxy/http/filter_exchange.h"

#include "proxy/http/exchange.h"
#include "proxy/http/local_reply.h"
#include "proxy/routing/filter_apply.h"
#include "proxy/routing/route.h"

static const struct filter_list no_filters;

/* In the order they are applied: the backendRef has the last word. */
struct filters {
    const struct filter_list *rule;
    const struct filter_list *choice;
};

/* False when there are none. */
static bool find_filters(const struct exchange *exchange, struct filters *filters)
{
    const struct forwarding *forwarding = &exchange->forwarding;
    const struct filter_list *rule = forwarding->rule->policy->filters;
    const struct filter_list *choice = forwarding->choice->filters;
    filters->rule = rule == NULL ? &no_filters : rule;
    filters->choice = choice == NULL ? &no_filters : choice;
    return rule != NULL || choice != NULL;
}

/* Into arrays of its own, without what was dropped: edits neither see that nor run out of room. */
static void edit_fields(struct exchange *exchange, struct header_list *fields,
                        const struct header_edits *first, const struct header_edits *second)
{
    if (first->count + second->count == 0)
        return;

    struct arena *arena = &exchange->arena;
    size_t capacity = fields->count + first->count + second->count;
    struct header_list edited = {
        .headers = arena_allocate(arena, capacity * sizeof(struct header)),
        .tags = arena_allocate(arena, capacity * sizeof(struct header_tag)),
        .capacity = capacity,
    };
    for (size_t i = 0; i < fields->count; i++) {
        if (!fields->tags[i].is_dropped)
            edited.headers[edited.count++] = fields->headers[i];
    }
    edited.count = header_edits_apply(first, edited.headers, edited.count, arena);
    edited.count = header_edits_apply(second, edited.headers, edited.count, arena);
    for (size_t i = 0; i < edited.count; i++)
        edited.tags[i].id = (uint8_t)header_name_id(edited.headers[i].name);
    *fields = edited;
}

/* Both prefixes are of the path that was matched, so only one of two rewrites can be applied. */
static void rewrite_url(struct exchange *exchange, const struct url_rewrite *rule,
                        const struct url_rewrite *choice)
{
    if (!url_rewrite_is_set(rule) && !url_rewrite_is_set(choice))
        return;

    struct request_head *head = &exchange->request.head;
    struct request_head *asked = arena_allocate(&exchange->arena, sizeof(*asked));
    *asked = *head;
    exchange->asked = asked;
    struct url_rewrite rewrite = {
        .hostname = choice->hostname.length > 0 ? choice->hostname : rule->hostname,
        .path = choice->path.kind != PATH_KEPT ? choice->path : rule->path,
    };
    url_rewrite_apply(&rewrite, head, &exchange->arena);
}

bool filter_exchange_answer(struct exchange *exchange)
{
    const struct filter_list *filters = exchange->forwarding.rule->policy->filters;
    if (filters->redirect.status == 0)
        return false;

    struct slice location =
        redirect_location(&filters->redirect, &exchange->request.head, &exchange->arena);
    struct header headers[] = {{.name = SLICE("location"), .value = location}};
    local_reply_headers(exchange, filters->redirect.status, headers, 1);
    return true;
}

void filter_exchange_request(struct exchange *exchange)
{
    struct filters filters;
    if (!find_filters(exchange, &filters))
        return;
    edit_fields(exchange, &exchange->request.fields, &filters.rule->request_headers,
                &filters.choice->request_headers);
    rewrite_url(exchange, &filters.rule->rewrite, &filters.choice->rewrite);
}

void filter_exchange_response(struct exchange *exchange)
{
    struct filters filters;
    if (!find_filters(exchange, &filters))
        return;
    edit_fields(exchange, &exchange->response.fields, &filters.rule->response_headers,
                &filters.choice->response_headers);
}
