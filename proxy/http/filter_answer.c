#include "proxy/http/filter_answer.h"

#include "proxy/http/exchange.h"
#include "proxy/http/local_reply.h"
#include "proxy/routing/filter_request.h"

static void reply(struct exchange *exchange, const struct filter_answer *answer)
{
    local_reply_headers(exchange, answer->status, answer->headers, answer->header_count);
}

bool filter_answer_preflight_of(struct exchange *exchange, const struct filter_list *filters)
{
    struct filter_answer answer;
    if (!filter_request_preflight(filters, &exchange->request.head, &answer, &exchange->arena))
        return false;
    reply(exchange, &answer);
    return true;
}

bool filter_answer_redirect_of(struct exchange *exchange, const struct filter_list *filters)
{
    struct filter_answer answer;
    if (!filter_request_redirect(filters, &exchange->request.head, &answer, &exchange->arena))
        return false;
    reply(exchange, &answer);
    return true;
}
