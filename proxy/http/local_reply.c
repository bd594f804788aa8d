#include "proxy/http/local_reply.h"

#include "common/clock.h"
#include "proxy/http/worker.h"

static const struct {
    unsigned status;
    struct slice reason;
} reasons[] = {
    {400, {"Bad Request", 11}},           {404, {"Not Found", 9}},
    {405, {"Method Not Allowed", 18}},    {408, {"Request Timeout", 15}},
    {413, {"Content Too Large", 17}},     {414, {"URI Too Long", 12}},
    {417, {"Expectation Failed", 18}},    {431, {"Request Header Fields Too Large", 31}},
    {500, {"Internal Server Error", 21}}, {501, {"Not Implemented", 15}},
    {502, {"Bad Gateway", 11}},           {503, {"Service Unavailable", 19}},
    {504, {"Gateway Timeout", 15}},       {505, {"HTTP Version Not Supported", 26}},
};

static struct slice reason_of(unsigned status)
{
    for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
        if (reasons[i].status == status)
            return reasons[i].reason;
    }
    return SLICE("");
}

void local_reply(struct exchange *exchange, unsigned status, const char *sentence)
{
    if (exchange->response_is_started) {
        exchange_mark(exchange, EXCHANGE_RESPONSE_CUT);
        return;
    }

    exchange_clear_response(exchange);
    struct slice text = slice_from_string(sentence);
    bool is_head = slice_equals(exchange->request.head.method, SLICE("HEAD"));
    exchange->response = (struct parsed_response){
        .status = (uint16_t)status,
        .reason = reason_of(status),
        .fields = {.headers = exchange->response_headers,
                   .tags = exchange->response_tags,
                   .capacity = RESPONSE_HEADERS_DEFAULT + EXCHANGE_ADDED_HEADERS},
        .framing = is_head ? BODY_NONE : BODY_LENGTH,
        .content_length = text.length + 1,
        .has_content_length = true,
        .minor_version = 1,
    };
    struct header_list *fields = &exchange->response.fields;
    header_list_add(fields, SLICE("date"), http_date_at(&exchange->worker->date, clock_wall_ms()),
                    HEADER_OTHER);
    header_list_add(fields, SLICE("content-type"), SLICE("text/plain; charset=utf-8"),
                    HEADER_CONTENT_TYPE);
    if (status == 405)
        header_list_add(fields, SLICE("allow"),
                        SLICE("GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"), HEADER_OTHER);

    if (!is_head) {
        body_pipe_append(&exchange->response_body, text);
        body_pipe_append(&exchange->response_body, SLICE("\n"));
    }
    exchange->response_body.is_ended = true;
    exchange_respond(exchange);
}
