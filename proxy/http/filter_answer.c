#include "proxy/http/filter_answer.h"

#include "proxy/http/exchange.h"
#include "proxy/http/local_reply.h"
#include "proxy/routing/cors.h"
#include "proxy/routing/filter_apply.h"

static void redirect(struct exchange *exchange, const struct redirect *redirect)
{
    struct slice location = redirect_location(redirect, &exchange->request.head, &exchange->arena);
    struct header headers[] = {{.name = SLICE("location"), .value = location}};
    local_reply_headers(exchange, redirect->status, headers, 1);
}

static void answer_preflight(struct exchange *exchange, const struct cors *cors)
{
    struct header headers[CORS_MAX_HEADERS];
    size_t count = cors_preflight_headers(cors, &exchange->request.head, headers, &exchange->arena);
    local_reply_headers(exchange, 200, headers, count);
}

bool filter_answer(struct exchange *exchange, const struct filter_list *filters)
{
    if (filters == NULL)
        return false;
    if (filters->cors != NULL && cors_is_preflight(&exchange->request.head))
        answer_preflight(exchange, filters->cors);
    else if (filters->redirect.status != 0)
        redirect(exchange, &filters->redirect);
    else
        return false;
    return true;
}
