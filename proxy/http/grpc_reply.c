#include "proxy/http/grpc_reply.h"

#include "proxy/http/exchange.h"
#include "proxy/http/http2_session.h"
#include "proxy/http/trailers.h"

/* The status codes of gRPC. */
#define CANCELLED SLICE("1")
#define DEADLINE_EXCEEDED SLICE("4")
#define PERMISSION_DENIED SLICE("7")
#define RESOURCE_EXHAUSTED SLICE("8")
#define UNIMPLEMENTED SLICE("12")
#define INTERNAL SLICE("13")
#define UNAVAILABLE SLICE("14")

/* As gRPC maps the HTTP status of a proxy that knows nothing of gRPC ("HTTP to gRPC Status Code
 * Mapping"), except where we know better: no route means no such method, a route without a backend
 * is unavailable (as GRPCRoute has it), what is too large exhausts a resource, and what came too
 * late missed its deadline. A loop of routes (508) is INTERNAL, as all others: not UNAVAILABLE, for
 * which clients try again. */
static struct slice status_of(unsigned http_status)
{
    switch (http_status) {
    case 404:
    case 405:
    case 501:
        return UNIMPLEMENTED;
    case 408:
    case 504:
        return DEADLINE_EXCEEDED;
    case 413:
    case 414:
    case 431:
        return RESOURCE_EXHAUSTED;
    case 500:
    case 502:
    case 503:
        return UNAVAILABLE;
    default:
        return INTERNAL;
    }
}

static struct slice status_of_reset(uint32_t error)
{
    switch (error) {
    case HTTP2_REFUSED_STREAM:
        return UNAVAILABLE;
    case HTTP2_CANCEL:
        return CANCELLED;
    case HTTP2_ENHANCE_YOUR_CALM:
        return RESOURCE_EXHAUSTED;
    case HTTP2_INADEQUATE_SECURITY:
        return PERMISSION_DENIED;
    default:
        return INTERNAL;
    }
}

/* A failure may be the service's own word. */
static struct slice choose_status(const struct exchange *exchange, unsigned http_status)
{
    bool is_failure = http_status == 502 || http_status == 503;
    if (is_failure && exchange->forwarding.was_reset)
        return status_of_reset(exchange->forwarding.reset_error);
    return status_of(http_status);
}

bool grpc_reply_is_wanted(const struct header_list *fields)
{
    static const struct slice type = {"application/grpc", 16};
    const struct slice *value = header_list_find(fields, HEADER_CONTENT_TYPE);
    if (value == NULL || value->length < type.length ||
        !slice_equals_ignoring_case(slice_of(value->at, type.length), type))
        return false;
    return value->length == type.length || value->at[type.length] == '+' ||
           value->at[type.length] == ';';
}

void grpc_reply(struct exchange *exchange, unsigned status, struct slice sentence)
{
    struct header_list *fields = &exchange->response.fields;
    header_list_add(fields, SLICE("content-type"), SLICE("application/grpc"), HEADER_CONTENT_TYPE);
    header_list_add(fields, SLICE("grpc-status"), choose_status(exchange, status), HEADER_OTHER);
    header_list_add(fields, SLICE("grpc-message"), sentence, HEADER_OTHER);
}

bool grpc_reply_break_off(struct exchange *exchange)
{
    struct body_pipe *body = &exchange->response_body;
    if (body->is_ended || exchange->response.framing == BODY_LENGTH ||
        exchange->response.framing == BODY_NONE)
        return false;
    buffer_reset(&body->trailers);
    trailer_append(&body->trailers, SLICE("grpc-status"),
                   choose_status(exchange, exchange->own_status));
    trailer_append(&body->trailers, SLICE("grpc-message"),
                   SLICE("The service broke off its answer."));
    body->is_ended = true;
    return true;
}
