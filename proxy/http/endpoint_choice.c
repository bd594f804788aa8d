#include "proxy/http/endpoint_choice.h"

#include "proxy/http/exchange.h"
#include "proxy/http/hash_key.h"
#include "proxy/http/worker.h"
#include "proxy/upstream/backend.h"
#include "proxy/upstream/balancer.h"

void endpoint_choice_begin(struct exchange *exchange)
{
    struct forwarding *forwarding = &exchange->forwarding;
    forwarding->tried = NULL;
    forwarding->tried_count = 0;
    if (forwarding->backend->ring == NULL)
        return;
    const struct request_head *asked =
        exchange->asked != NULL ? exchange->asked : &exchange->request.head;
    if (!hash_key_of(forwarding->backend, asked, exchange->client_address, &forwarding->hash_key))
        forwarding->hash_key = balancer_random_next(&exchange->worker->random);
}

static struct balancer_request request_of(const struct exchange *exchange)
{
    const struct forwarding *forwarding = &exchange->forwarding;
    return (struct balancer_request){
        .hash_key = forwarding->hash_key,
        .now_ms = timers_now_ms(&exchange->worker->timers),
        .tried = forwarding->tried,
        .tried_count = forwarding->tried_count,
    };
}

static struct endpoint *pick(struct exchange *exchange)
{
    struct balancer_request request = request_of(exchange);
    return balancer_pick(exchange->forwarding.backend, &request, &exchange->worker->random);
}

static bool is_tried(const struct forwarding *forwarding, const struct endpoint *endpoint)
{
    for (size_t i = 0; i < forwarding->tried_count; i++) {
        if (forwarding->tried[i] == endpoint)
            return true;
    }
    return false;
}

/* Where the client's session is, unless that was tried in vain or may not be used any more. */
static struct endpoint *keep(struct exchange *exchange)
{
    struct backend *backend = exchange->forwarding.backend;
    const struct session_place *session = exchange->forwarding.session;
    if (session == NULL)
        return NULL;
    struct balancer_request request = request_of(exchange);
    return balancer_keep(backend, backend_session_id(backend, session->endpoint), &request);
}

struct endpoint *endpoint_choice_pick(struct exchange *exchange)
{
    struct forwarding *forwarding = &exchange->forwarding;
    struct endpoint *picked = keep(exchange);
    if (picked != NULL)
        return picked;
    picked = pick(exchange);
    if (!is_tried(forwarding, picked))
        return picked;
    /* A new round, that does not begin where the last one has ended. */
    forwarding->tried_count = 0;
    endpoint_choice_avoid(exchange);
    return pick(exchange);
}

struct endpoint *endpoint_choice_pick_untried(struct exchange *exchange)
{
    struct endpoint *picked = pick(exchange);
    return is_tried(&exchange->forwarding, picked) ? NULL : picked;
}

void endpoint_choice_avoid(struct exchange *exchange)
{
    struct forwarding *forwarding = &exchange->forwarding;
    if (!is_tried(forwarding, forwarding->endpoint))
        ARENA_APPEND(&exchange->arena, forwarding->tried, forwarding->tried_count,
                     forwarding->endpoint);
}

struct visit {
    struct exchange *exchange;
    bool (*start)(struct exchange *exchange, struct endpoint *endpoint);
};

static bool visit_endpoint(void *context, struct endpoint *endpoint)
{
    const struct visit *visit = context;
    return visit->start(visit->exchange, endpoint);
}

bool endpoint_choice_any(struct exchange *exchange,
                         bool (*start)(struct exchange *exchange, struct endpoint *endpoint))
{
    struct balancer_request request = request_of(exchange);
    struct visit visit = {.exchange = exchange, .start = start};
    return balancer_any(exchange->forwarding.backend, &request, &exchange->worker->random,
                        visit_endpoint, &visit);
}
