#include "proxy/http/local_reply.h"

#include "common/clock.h"
#include "proxy/http/filter_exchange.h"
#include "proxy/http/worker.h"

static const struct {
    unsigned status;
    struct slice reason;
} reasons[] = {
    {200, {"OK", 2}},
    {301, {"Moved Permanently", 17}},
    {302, {"Found", 5}},
    {303, {"See Other", 9}},
    {307, {"Temporary Redirect", 18}},
    {308, {"Permanent Redirect", 18}},
    {400, {"Bad Request", 11}},
    {404, {"Not Found", 9}},
    {405, {"Method Not Allowed", 18}},
    {408, {"Request Timeout", 15}},
    {413, {"Content Too Large", 17}},
    {414, {"URI Too Long", 12}},
    {417, {"Expectation Failed", 18}},
    {431, {"Request Header Fields Too Large", 31}},
    {500, {"Internal Server Error", 21}},
    {501, {"Not Implemented", 15}},
    {502, {"Bad Gateway", 11}},
    {503, {"Service Unavailable", 19}},
    {504, {"Gateway Timeout", 15}},
    {505, {"HTTP Version Not Supported", 26}},
};

static struct slice reason_of(unsigned status)
{
    for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
        if (reasons[i].status == status)
            return reasons[i].reason;
    }
    return SLICE("");
}

/* An answer whose headers and body are still to be added. False when there is one already; then
 * that is cut. */
static bool start_reply(struct exchange *exchange, unsigned status, size_t body_bytes)
{
    if (exchange->response_is_started) {
        exchange_mark(exchange, EXCHANGE_RESPONSE_CUT);
        return false;
    }

    exchange_clear_response(exchange);
    bool is_head = slice_equals(exchange->request.head.method, SLICE("HEAD"));
    exchange->response = (struct parsed_response){
        .status = (uint16_t)status,
        .reason = reason_of(status),
        .fields =
            exchange_response_fields(exchange, RESPONSE_HEADERS_DEFAULT + EXCHANGE_ADDED_HEADERS),
        .framing = is_head ? BODY_NONE : BODY_LENGTH,
        .content_length = body_bytes,
        .has_content_length = true,
        .minor_version = 1,
    };
    exchange->response_body.is_ended = true;
    header_list_add(&exchange->response.fields, SLICE("date"),
                    http_date_at(&exchange->worker->date, clock_wall_ms()), HEADER_OTHER);
    return true;
}

void local_reply(struct exchange *exchange, unsigned status, const char *sentence)
{
    struct slice text = slice_from_string(sentence);
    if (!start_reply(exchange, status, text.length + 1))
        return;

    struct header_list *fields = &exchange->response.fields;
    header_list_add(fields, SLICE("content-type"), SLICE("text/plain; charset=utf-8"),
                    HEADER_CONTENT_TYPE);
    if (status == 405)
        header_list_add(fields, SLICE("allow"),
                        SLICE("GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"), HEADER_OTHER);
    if (exchange->response.framing == BODY_LENGTH) {
        body_pipe_append(&exchange->response_body, text);
        body_pipe_append(&exchange->response_body, SLICE("\n"));
    }
    filter_exchange_response(exchange);
    exchange_respond(exchange);
}

void local_reply_headers(struct exchange *exchange, unsigned status, const struct header *headers,
                         size_t count)
{
    if (!start_reply(exchange, status, 0))
        return;
    for (size_t i = 0; i < count; i++)
        header_list_add(&exchange->response.fields, headers[i].name, headers[i].value,
                        header_name_id(headers[i].name));
    filter_exchange_response(exchange);
    exchange_respond(exchange);
}
