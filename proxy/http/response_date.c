#include "proxy/http/response_date.h"

#include "proxy/http/exchange.h"
#include "proxy/http/worker.h"

void response_date_add(struct exchange *exchange)
{
    struct header_list *fields = &exchange->response.fields;
    if (header_list_find(fields, HEADER_DATE) != NULL)
        return;
    /* An endpoint's fields may fill what they were read into. */
    fields->capacity = RESPONSE_HEADERS_DEFAULT + EXCHANGE_ADDED_HEADERS;
    header_list_add(fields, SLICE("date"),
                    http_date_now(&exchange->worker->date, worker_now_us(exchange->worker)),
                    HEADER_DATE);
}
