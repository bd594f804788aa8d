#include "proxy/http/filter_exchange.h"

#include "proxy/http/exchange.h"
#include "proxy/routing/cors.h"
#include "proxy/routing/filter_apply.h"
#include "proxy/routing/route.h"

static const struct filter_list no_filters;

/* In the order they are applied: the backendRef has the last word. */
struct filters {
    const struct filter_list *rule;
    const struct filter_list *choice;
};

/* False when there are none, or not yet a rule to have them. */
static bool find_filters(const struct exchange *exchange, struct filters *filters)
{
    const struct forwarding *forwarding = &exchange->forwarding;
    if (forwarding->rule == NULL)
        return false;
    const struct filter_list *rule = forwarding->rule->policy->filters;
    const struct filter_list *choice =
        forwarding->choice == NULL ? NULL : forwarding->choice->filters;
    filters->rule = rule == NULL ? &no_filters : rule;
    filters->choice = choice == NULL ? &no_filters : choice;
    return rule != NULL || choice != NULL;
}

/* Moves the fields into arrays of their own with room for `more`, without what was dropped: what is
 * edited neither sees that nor runs out of room. */
static void open_fields(struct exchange *exchange, struct header_list *fields, size_t more)
{
    struct arena *arena = &exchange->arena;
    size_t capacity = fields->count + more;
    struct header_list opened = {
        .headers = arena_allocate(arena, capacity * sizeof(struct header)),
        .tags = arena_allocate(arena, capacity * sizeof(struct header_tag)),
        .capacity = capacity,
    };
    for (size_t i = 0; i < fields->count; i++) {
        if (!fields->tags[i].is_dropped)
            opened.headers[opened.count++] = fields->headers[i];
    }
    *fields = opened;
}

static void edit_fields(struct exchange *exchange, struct header_list *fields,
                        const struct header_edits *edits)
{
    fields->count = header_edits_apply(edits, fields->headers, fields->count, &exchange->arena);
}

static void close_fields(struct header_list *fields)
{
    for (size_t i = 0; i < fields->count; i++)
        fields->tags[i].id = (uint8_t)header_name_id(fields->headers[i].name);
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

void filter_exchange_request(struct exchange *exchange)
{
    struct filters filters;
    if (!find_filters(exchange, &filters))
        return;

    const struct header_edits *first = &filters.rule->request_headers;
    const struct header_edits *second = &filters.choice->request_headers;
    struct header_list *fields = &exchange->request.fields;
    if (first->count + second->count > 0) {
        open_fields(exchange, fields, first->count + second->count);
        edit_fields(exchange, fields, first);
        edit_fields(exchange, fields, second);
        close_fields(fields);
    }
    rewrite_url(exchange, &filters.rule->rewrite, &filters.choice->rewrite);
}

/* NULL also where the answer is a permission: that is complete. */
static const struct cors *response_cors(const struct exchange *exchange,
                                        const struct filters *filters)
{
    const struct cors *cors =
        filters->choice->cors != NULL ? filters->choice->cors : filters->rule->cors;
    return cors != NULL && cors_is_preflight(&exchange->request.head) ? NULL : cors;
}

/* The edits come last: what someone sets by name is meant. */
void filter_exchange_response(struct exchange *exchange)
{
    struct filters filters;
    if (!find_filters(exchange, &filters))
        return;

    const struct header_edits *first = &filters.rule->response_headers;
    const struct header_edits *second = &filters.choice->response_headers;
    const struct cors *cors = response_cors(exchange, &filters);
    if (first->count + second->count == 0 && cors == NULL)
        return;

    struct header_list *fields = &exchange->response.fields;
    open_fields(exchange, fields, first->count + second->count + CORS_MAX_HEADERS);
    if (cors != NULL)
        fields->count = cors_response_headers(cors, &exchange->request.head, fields->headers,
                                              fields->count, &exchange->arena);
    edit_fields(exchange, fields, first);
    edit_fields(exchange, fields, second);
    close_fields(fields);
}
