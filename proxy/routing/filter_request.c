#include "proxy/routing/filter_request.h"

#include "proxy/routing/filter_apply.h"

static const struct filter_list no_filters;

static const struct filter_list *or_none(const struct filter_list *filters)
{
    return filters == NULL ? &no_filters : filters;
}

bool filter_request_preflight(const struct filter_list *filters, const struct request_head *head,
                              struct filter_answer *answer, struct arena *arena)
{
    if (filters == NULL || filters->cors == NULL || !cors_is_preflight(head))
        return false;
    answer->status = 200;
    answer->header_count = cors_preflight_headers(filters->cors, head, answer->headers, arena);
    return true;
}

bool filter_request_redirect(const struct filter_list *filters, const struct request_head *head,
                             struct filter_answer *answer, struct arena *arena)
{
    if (filters == NULL || filters->redirect.status == 0)
        return false;
    answer->status = filters->redirect.status;
    answer->header_count = 1;
    answer->headers[0] = (struct header){
        .name = SLICE("location"),
        .value = redirect_location(&filters->redirect, head, arena),
    };
    return true;
}

void filter_request_add_forwarded(struct header_list *fields, const struct request_head *head,
                                  struct slice chain)
{
    header_list_drop(fields, HEADER_X_FORWARDED_FOR);
    header_list_add(fields, SLICE("x-forwarded-for"), chain, HEADER_X_FORWARDED_FOR);
    if (header_list_find(fields, HEADER_X_FORWARDED_PROTO) == NULL)
        header_list_add(fields, SLICE("x-forwarded-proto"), head->scheme, HEADER_X_FORWARDED_PROTO);
    if (header_list_find(fields, HEADER_X_FORWARDED_HOST) == NULL)
        header_list_add(fields, SLICE("x-forwarded-host"), head->authority,
                        HEADER_X_FORWARDED_HOST);
}

static void edit_headers(const struct filter_list *rule, const struct filter_list *choice,
                         struct header_list *fields, struct arena *arena)
{
    const struct header_edits *first = &or_none(rule)->request_headers;
    const struct header_edits *second = &or_none(choice)->request_headers;
    if (first->count + second->count == 0)
        return;
    header_list_move(fields, first->count + second->count, arena);
    fields->count = header_edits_apply(first, fields->headers, fields->count, arena);
    fields->count = header_edits_apply(second, fields->headers, fields->count, arena);
    header_list_tag(fields);
}

static bool are_asked_about(const struct filter_list *rule)
{
    return rule != NULL && rule->auth != NULL && rule->auth->sees_edits;
}

void filter_request_edit_asked(const struct filter_list *rule, struct header_list *fields,
                               struct arena *arena)
{
    if (are_asked_about(rule))
        edit_headers(rule, NULL, fields, arena);
}

void filter_request_edit_headers(const struct filter_list *rule, const struct filter_list *choice,
                                 struct header_list *fields, struct arena *arena)
{
    edit_headers(are_asked_about(rule) ? NULL : rule, choice, fields, arena);
}

struct url_rewrite filter_request_rewrite(const struct filter_list *rule,
                                          const struct filter_list *choice)
{
    const struct url_rewrite *first = &or_none(rule)->rewrite;
    const struct url_rewrite *second = &or_none(choice)->rewrite;
    return (struct url_rewrite){
        .hostname = second->hostname.length > 0 ? second->hostname : first->hostname,
        .path = second->path.kind != PATH_KEPT ? second->path : first->path,
    };
}

struct response_edit {
    const struct request_head *head;
    struct header_list *fields;
    struct arena *arena;
    const struct cors *cors; /* the one that counts; NULL: none */
};

static void add_cors(const struct response_edit *edit, const struct filter_list *filters)
{
    if (edit->cors == NULL || edit->cors != filters->cors)
        return;
    edit->fields->count = cors_response_headers(edit->cors, edit->head, edit->fields->headers,
                                                edit->fields->count, edit->arena);
}

static void edit_response(const struct response_edit *edit, const struct filter_list *filters)
{
    if (!filters->cors_is_last)
        add_cors(edit, filters);
    edit->fields->count = header_edits_apply(&filters->response_headers, edit->fields->headers,
                                             edit->fields->count, edit->arena);
    if (filters->cors_is_last)
        add_cors(edit, filters);
}

/* NULL also where the answer is a permission: that is complete. */
static const struct cors *response_cors(const struct filter_list *rule,
                                        const struct filter_list *choice,
                                        const struct request_head *head)
{
    const struct cors *cors = choice->cors != NULL ? choice->cors : rule->cors;
    return cors != NULL && cors_is_preflight(head) ? NULL : cors;
}

void filter_request_edit_response(const struct filter_list *rule, const struct filter_list *choice,
                                  const struct request_head *head, struct header_list *fields,
                                  struct arena *arena)
{
    rule = or_none(rule);
    choice = or_none(choice);
    const size_t edits = rule->response_headers.count + choice->response_headers.count;
    const struct response_edit edit = {
        .head = head, .fields = fields, .arena = arena, .cors = response_cors(rule, choice, head)};
    if (edits == 0 && edit.cors == NULL)
        return;
    header_list_move(fields, edits + CORS_MAX_HEADERS, arena);
    edit_response(&edit, rule);
    edit_response(&edit, choice);
    header_list_tag(fields);
}
