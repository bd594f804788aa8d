#include "proxy/http/filter_answer.h"

#include "proxy/http/exchange.h"
#include "proxy/http/local_reply.h"
#include "proxy/routing/filter_request.h"

bool filter_answer(struct exchange *exchange, const struct filter_list *filters)
{
    struct filter_answer answer;
    if (!filter_request_answer(filters, &exchange->request.head, &answer, &exchange->arena))
        return false;
    local_reply_headers(exchange, answer.status, answer.headers, answer.header_count);
    return true;
}
