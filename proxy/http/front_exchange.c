#include "proxy/http/front_exchange.h"

#include "proxy/http/client_connection.h"
#include "proxy/http/forwarded_chain.h"
#include "proxy/http/forwarder.h"
#include "proxy/http/local_reply.h"
#include "proxy/http/refusal_counts.h"
#include "proxy/http/worker.h"

/* Who it is that asks, as far as the connection tells. */
static void introduce(struct exchange *exchange, const struct client_connection *connection)
{
    const struct tls_files *tls = &listener_spec(connection->listener)->tls;
    exchange->peer_address = slice_from_string(connection->peer_text);
    exchange->client_address = exchange->peer_address;
    exchange->peer_is_trusted = connection->peer_is_trusted;
    exchange->client_is_asked = tls->client_certificate != CLIENT_CERTIFICATE_NONE;
    exchange->client_subject = connection->client_subject == NULL
                                   ? slice_of(NULL, 0)
                                   : slice_from_string(connection->client_subject);
}

struct exchange *front_exchange_new(struct client_connection *connection,
                                    const struct front_operations *operations, void *front)
{
    struct worker *worker = connection->worker;
    struct exchange *exchange = exchange_new(worker, operations, front);
    const struct http_options *http = &worker->shared->http;
    struct request_limits limits = {.line_bytes = http->max_request_line_bytes,
                                    .head_bytes = http->max_head_bytes,
                                    .body_bytes = http->max_body_bytes};
    struct request_area *area = exchange_read_request(exchange);
    struct request_areas areas = {
        .fields = {.headers = area->headers, .tags = area->tags, .capacity = http->max_headers},
        .host = exchange->host};
    introduce(exchange, connection);
    struct slice scheme = connection->ssl == NULL ? SLICE("http") : SLICE("https");
    request_parser_init(&area->parser, &limits, areas, scheme, connection->peer_is_trusted);
    client_connection_set_idle(connection, false);
    return exchange;
}

void front_exchange_serve(struct exchange *exchange, struct client_connection *connection)
{
    exchange_take_request(exchange);
    struct request_head *head = &exchange->request.head;
    head->listener = listener_identity(connection->listener);
    if (head->host.length == 0)
        head->local_host = client_connection_local_host(connection, &exchange->arena);
    exchange->is_head_complete = true;
    if (exchange->peer_is_trusted)
        exchange->client_address = forwarded_chain_client(
            &exchange->request.fields, exchange->worker->shared->trusted, exchange->peer_address);
    counter_add(&exchange->worker->counters->requests, 1);
    connection->request_count++;
    exchange_mark(exchange, EXCHANGE_REQUEST);
}

static void refuse(struct exchange *exchange, unsigned status, const char *sentence)
{
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
    refusal_count_request(exchange->worker->counters, refusal);
    refuse(exchange, info->status, info->reason);
}

void front_exchange_time_out(struct exchange *exchange)
{
    bool has_head = exchange->is_head_complete;
    enum denial denial = has_head ? DENIAL_BODY_TIMEOUT : DENIAL_HEAD_TIMEOUT;
    counter_add(&exchange->worker->counters->refused[denial], 1);
    refuse(exchange, 408,
           has_head ? "The request's body did not arrive in time."
                    : "The request's head did not arrive in time.");
}

uint64_t front_exchange_upload_due_ms(struct worker *worker, uint64_t due_ms, size_t length)
{
    uint64_t latest_ms = timers_now_ms(&worker->timers) + worker->shared->http.upload_timeout_ms;
    if (due_ms == TIMER_NEVER)
        return latest_ms;
    due_ms += length * 1000 / UPLOAD_MINIMUM_BYTES_A_SECOND;
    return due_ms < latest_ms ? due_ms : latest_ms;
}
