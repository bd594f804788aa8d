#include "proxy/http/local_reply.h"

#include "proxy/http/filter_exchange.h"
#include "proxy/http/grpc_reply.h"
#include "proxy/http/response_date.h"
#include "proxy/http/status_reason.h"
#include "proxy/http/worker.h"

/* An answer whose headers and body are still to be added. False when there is one already; then
 * that is cut. */
static bool start_reply(struct exchange *exchange, unsigned status, size_t body_bytes)
{
    exchange->own_status = status;
    if (exchange->response_is_started) {
        exchange_mark(exchange, EXCHANGE_RESPONSE_CUT);
        return false;
    }

    exchange_clear_response(exchange);
    bool is_head = slice_equals(exchange->request.head.method, SLICE("HEAD"));
    exchange->response = (struct parsed_response){
        .status = (uint16_t)status,
        .reason = status_reason(status),
        .fields =
            exchange_response_fields(exchange, RESPONSE_HEADERS_DEFAULT + EXCHANGE_ADDED_HEADERS),
        .framing = is_head ? BODY_NONE : BODY_LENGTH,
        .content_length = body_bytes,
        .has_content_length = true,
        .minor_version = 1,
    };
    exchange->response_body.is_ended = true;
    response_date_add(exchange);
    return true;
}

static void reply_to_grpc(struct exchange *exchange, unsigned status, struct slice sentence)
{
    if (!start_reply(exchange, status, 0))
        return;
    exchange->response.status = 200;
    exchange->response.framing = BODY_NONE;
    exchange->response.has_content_length = false;
    grpc_reply(exchange, status, sentence);
    filter_exchange_response(exchange);
    exchange_respond(exchange);
}

void local_reply(struct exchange *exchange, unsigned status, const char *sentence)
{
    struct slice text = slice_from_string(sentence);
    if (exchange->is_grpc) {
        reply_to_grpc(exchange, status, text);
        return;
    }
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
