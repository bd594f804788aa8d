#include "proxy/http/response_date.h"

#include "proxy/http/exchange.h"
#include "proxy/http/worker.h"

#include <string.h>

/* Looked for by name: that nothing else asks for it would make its number cost more than it saves.
 * Setting one bit lowers every letter, and makes no other character of a token into one of these.
 */
static bool is_date(struct slice name)
{
    uint32_t letters;
    uint32_t date;
    if (name.length != sizeof(letters))
        return false;
    memcpy(&letters, name.at, sizeof(letters));
    memcpy(&date, "date", sizeof(date));
    return (letters | UINT32_C(0x20202020)) == date;
}

static bool has_date(const struct header_list *fields)
{
    for (size_t i = 0; i < fields->count; i++) {
        if (is_date(fields->headers[i].name) && !fields->tags[i].is_dropped)
            return true;
    }
    return false;
}

void response_date_add(struct exchange *exchange)
{
    struct header_list *fields = &exchange->response.fields;
    if (has_date(fields))
        return;
    /* An endpoint's fields may fill what they were read into. */
    fields->capacity = RESPONSE_HEADERS_DEFAULT + EXCHANGE_ADDED_HEADERS;
    header_list_add(fields, SLICE("date"),
                    http_date_now(&exchange->worker->date, worker_now_us(exchange->worker)),
                    HEADER_OTHER);
}
