#include "proxy/http/front_exchange.h"

#include "proxy/http/client_connection.h"
#include "proxy/http/forwarder.h"
#include "proxy/http/local_reply.h"
#include "proxy/http/refusal.h"
#include "proxy/http/worker.h"

struct exchange *front_exchange_new(struct client_connection *connection,
                                    const struct front_operations *operations, void *front)
{
    struct worker *worker = connection->worker;
    struct exchange *exchange = exchange_new(worker, operations, front);
    struct request_limits limits = REQUEST_LIMITS_DEFAULT;
    limits.body_bytes = worker->shared->http.max_body_bytes;
    struct request_areas areas = {.fields = {.headers = exchange->request_headers,
                                             .tags = exchange->request_tags,
                                             .capacity = REQUEST_HEADERS_DEFAULT},
                                  .host = exchange->host};
    exchange->peer_address = slice_from_string(connection->peer_text);
    request_parser_init(exchange_parse_request(exchange), &limits, areas, SLICE("http"), false);
    client_connection_set_idle(connection, false);
    return exchange;
}

void front_exchange_serve(struct exchange *exchange, const struct client_connection *connection)
{
    exchange->request = exchange->request_parser->request;
    exchange_stop_parsing(exchange);
    exchange->request.head.listener = listener_identity(connection->listener);
    exchange->is_head_complete = true;
    counter_add(&exchange->worker->counters->requests, 1);
    exchange_mark(exchange, EXCHANGE_REQUEST);
}

static enum denial denial_of(unsigned status)
{
    switch (status) {
    case 405:
        return DENIAL_METHOD;
    case 413:
        return DENIAL_BODY_TOO_LARGE;
    case 414:
        return DENIAL_URI_TOO_LONG;
    case 417:
        return DENIAL_EXPECTATION;
    case 431:
        return DENIAL_HEAD_TOO_LARGE;
    case 505:
        return DENIAL_VERSION;
    default:
        return DENIAL_BAD_REQUEST;
    }
}

static void refuse(struct exchange *exchange, enum denial denial, unsigned status,
                   const char *sentence)
{
    counter_add(&exchange->worker->counters->refused[denial], 1);
    if (!exchange->is_head_complete) {
        exchange->is_head_complete = true;
        exchange->request = (struct parsed_request){.minor_version = 1};
    }
    exchange->response_closes = true;
    forwarder_abandon(exchange);
    local_reply(exchange, status, sentence);
}

void front_exchange_refuse(struct exchange *exchange, enum refusal refusal)
{
    const struct refusal_info *info = refusal_info(refusal);
    refuse(exchange, denial_of(info->status), info->status, info->reason);
}

void front_exchange_time_out(struct exchange *exchange)
{
    if (!exchange->is_head_complete)
        refuse(exchange, DENIAL_HEAD_TIMEOUT, 408, "The request's head did not arrive in time.");
    else
        refuse(exchange, DENIAL_BODY_TIMEOUT, 408, "The request's body did not arrive in time.");
}

uint64_t front_exchange_upload_due_ms(struct worker *worker, uint64_t due_ms, size_t length)
{
    uint64_t latest_ms = timers_now_ms(&worker->timers) + worker->shared->http.upload_timeout_ms;
    if (due_ms == TIMER_NEVER)
        return latest_ms;
    due_ms += length * 1000 / UPLOAD_MINIMUM_BYTES_A_SECOND;
    return due_ms < latest_ms ? due_ms : latest_ms;
}
