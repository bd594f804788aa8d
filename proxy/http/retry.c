#include "proxy/http/retry.h"

#include "proxy/http/endpoint_choice.h"
#include "proxy/http/worker.h"
#include "proxy/metrics/backend_metrics.h"
#include "proxy/routing/route.h"
#include "proxy/upstream/backend.h"
#include "proxy/upstream/balancer.h"

/* One in so many running requests may be a retry, and so many beside that: else a backend with few
 * requests could never have one, and of a few clients who see one failure together most would be
 * told of it. */
enum { BUDGET_SHARE = 5, BUDGET_FLOOR = 32 };

/* Beyond this, a pause grows no more. */
enum { LONGEST_BACKOFF_MS = 30 * 1000 };

/* What a retry stanza repeats. An answer that is not HTTP would be none the next time either, and a
 * service that takes no WebSocket still would not. */
static const bool is_repeated[UPSTREAM_FAILURE_COUNT] = {
    [UPSTREAM_FAILURE_CONNECT] = true,   [UPSTREAM_FAILURE_CONNECT_TIMEOUT] = true,
    [UPSTREAM_FAILURE_STALE] = true,     [UPSTREAM_FAILURE_CLOSED] = true,
    [UPSTREAM_FAILURE_TIMEOUT] = true,   [UPSTREAM_FAILURE_BAD_RESPONSE] = false,
    [UPSTREAM_FAILURE_TRUNCATED] = true, [UPSTREAM_FAILURE_STATUS] = true,
    [UPSTREAM_FAILURE_TLS] = true,       [UPSTREAM_FAILURE_WEBSOCKET] = false,
};

static const struct retry_policy *policy_of(const struct exchange *exchange)
{
    return &rule_policy_of(exchange->forwarding.rule)->retry;
}

/* RFC 9110 section 9.2.2; TRACE never comes this far. */
static bool is_idempotent(struct slice method)
{
    return slice_equals(method, SLICE("GET")) || slice_equals(method, SLICE("HEAD")) ||
           slice_equals(method, SLICE("PUT")) || slice_equals(method, SLICE("DELETE")) ||
           slice_equals(method, SLICE("OPTIONS"));
}

/* There an endpoint can say that it has not touched a request (RFC 9113 section 8.7). */
static bool may_come_back_untouched(const struct exchange *exchange)
{
    return backend_speaks_http2(exchange->forwarding.backend);
}

/* A stanza says that sending twice does no harm. */
static bool may_be_sent_twice(const struct exchange *exchange)
{
    return policy_of(exchange)->is_set || exchange->is_harmless ||
           is_idempotent(exchange->request.head.method);
}

static bool can_send_again(const struct exchange *exchange)
{
    if (exchange->response_is_started || !body_pipe_can_rewind(&exchange->request_body))
        return false;
    return !exchange->forwarding.is_request_sent || may_be_sent_twice(exchange);
}

/* --- the budget ------------------------------------------------------------------------------ */

static uint64_t difference(const struct counter *started, const struct counter *ended)
{
    return counter_read(started) - counter_read(ended);
}

/* A request that is in stays in until it ends, however often it is repeated. */
static bool enter_budget(struct exchange *exchange)
{
    struct forwarding *forwarding = &exchange->forwarding;
    struct backend_counts *counts = forwarding->counts;
    if (forwarding->is_in_budget)
        return true;

    uint64_t running = difference(&counts->requests_started, &counts->requests_ended);
    uint64_t repeated = difference(&counts->repeats_started, &counts->repeats_ended);
    if (repeated >= BUDGET_FLOOR + running / BUDGET_SHARE) {
        counter_add(&counts->retries_denied, 1);
        return false;
    }
    counter_add(&counts->repeats_started, 1);
    forwarding->is_in_budget = true;
    return true;
}

/* --- bodies that are kept ------------------------------------------------------------------- */

/* What the body may come to take, or 0 when it is known not to fit. */
static uint64_t replay_bytes_of(const struct exchange *exchange)
{
    uint64_t most = exchange->worker->shared->http.max_replay_bytes;
    switch (exchange->request.framing) {
    case BODY_LENGTH:
        return exchange->request.content_length <= most ? exchange->request.content_length : 0;
    case BODY_CHUNKED:
        return most;
    case BODY_NONE:
    case BODY_UNTIL_CLOSE:
        break;
    }
    return 0;
}

bool retry_count_in_body(struct exchange *exchange, uint64_t bytes)
{
    const struct worker_shared *shared = exchange->worker->shared;
    if (atomic_fetch_add(shared->replay_bytes, bytes) + bytes >
        shared->http.max_replay_total_bytes) {
        atomic_fetch_sub(shared->replay_bytes, bytes);
        return false;
    }
    exchange->forwarding.replay_bytes += bytes;
    return true;
}

/* Counted for what it may take before it has come: so the sum is never exceeded. One that was
 * gathered for its authorization has come, and is counted. */
static void keep_body(struct exchange *exchange)
{
    uint64_t bytes = replay_bytes_of(exchange);
    if (bytes == 0)
        return;
    bool is_counted = exchange->forwarding.replay_bytes > 0;
    if (!is_counted && !retry_count_in_body(exchange, bytes)) {
        counter_add(&exchange->worker->counters->replays_dropped, 1);
        return;
    }
    exchange->request_body.keep_limit = (size_t)bytes;
}

static void count_out_body(struct exchange *exchange)
{
    if (exchange->forwarding.replay_bytes == 0)
        return;
    atomic_fetch_sub(exchange->worker->shared->replay_bytes, exchange->forwarding.replay_bytes);
    exchange->forwarding.replay_bytes = 0;
}

bool retry_forget_body(struct exchange *exchange)
{
    if (exchange->is_question)
        return false;
    count_out_body(exchange);
    return body_pipe_stop_keeping(&exchange->request_body);
}

/* --- beginning and end ---------------------------------------------------------------------- */

void retry_begin(struct exchange *exchange)
{
    struct forwarding *forwarding = &exchange->forwarding;
    struct worker *worker = exchange->worker;
    if (!exchange->is_question &&
        (may_be_sent_twice(exchange) || may_come_back_untouched(exchange)))
        keep_body(exchange);
    forwarding->counts = backend_metrics_counts(&forwarding->backend->metrics,
                                                forwarding->backend->name, worker->counters);
    counter_add(&forwarding->counts->requests_started, 1);
}

void retry_end(struct exchange *exchange)
{
    struct forwarding *forwarding = &exchange->forwarding;
    count_out_body(exchange);
    if (forwarding->counts == NULL)
        return;
    counter_add(&forwarding->counts->requests_ended, 1);
    if (forwarding->is_in_budget)
        counter_add(&forwarding->counts->repeats_ended, 1);
    forwarding->counts = NULL;
    forwarding->is_in_budget = false;
    forwarding->retries = 0;
    forwarding->has_retried_stale = false;
    forwarding->has_retried_connect = false;
}

/* --- plans ----------------------------------------------------------------------------------- */

/* Twice as long each time, and up to half as much again, so that those who failed together do not
 * come back together. */
static uint64_t backoff_ms(const struct exchange *exchange)
{
    uint64_t least_ms = policy_of(exchange)->backoff_ms;
    uint64_t delay_ms = least_ms;
    for (unsigned i = 0; i < exchange->forwarding.retries; i++) {
        if (delay_ms * 2 > LONGEST_BACKOFF_MS)
            break;
        delay_ms *= 2;
    }
    return delay_ms + balancer_random_next(&exchange->worker->random) % (delay_ms / 2 + 1);
}

/* True once for a connection that did not come about: nobody has had any work with it. */
static bool take_free_connect(struct exchange *exchange, enum upstream_failure failure)
{
    bool *has_retried = &exchange->forwarding.has_retried_connect;
    if (*has_retried ||
        (failure != UPSTREAM_FAILURE_CONNECT && failure != UPSTREAM_FAILURE_CONNECT_TIMEOUT &&
         failure != UPSTREAM_FAILURE_TLS))
        return false;
    *has_retried = true;
    return true;
}

static bool plan_without_stanza(struct exchange *exchange, enum upstream_failure failure,
                                struct retry_plan *plan)
{
    if (!take_free_connect(exchange, failure))
        return false;
    *plan = (struct retry_plan){.endpoint = endpoint_choice_pick_untried(exchange)};
    return plan->endpoint != NULL;
}

static bool plan_by_stanza(struct exchange *exchange, enum upstream_failure failure,
                           struct retry_plan *plan)
{
    struct forwarding *forwarding = &exchange->forwarding;
    if (!is_repeated[failure] || forwarding->retries >= policy_of(exchange)->attempts)
        return false;

    bool is_free = forwarding->backend->endpoint_count > 1 && take_free_connect(exchange, failure);
    if (!is_free && !enter_budget(exchange))
        return false;
    *plan = (struct retry_plan){.delay_ms = backoff_ms(exchange)};
    forwarding->retries++;
    return true;
}

/* A connection that ended before its request was answered, after it had waited in the pool: as a
 * rule it was closed while the request was on its way, so a fresh one to the same endpoint gets it
 * at once. But the request may have been read, so a stanza counts it as what it repeats. */
static bool plan_for_stale(struct exchange *exchange, struct retry_plan *plan)
{
    struct forwarding *forwarding = &exchange->forwarding;
    if (forwarding->has_retried_stale)
        return false;
    forwarding->has_retried_stale = true;
    if (policy_of(exchange)->attempts == 0) {
        *plan = (struct retry_plan){.endpoint = forwarding->endpoint, .is_fresh = true};
        return true;
    }
    if (forwarding->retries >= policy_of(exchange)->attempts)
        return false;
    *plan = (struct retry_plan){.delay_ms = backoff_ms(exchange), .is_fresh = true};
    forwarding->retries++;
    return true;
}

bool retry_plan(struct exchange *exchange, enum upstream_failure failure, struct retry_plan *plan)
{
    if (!can_send_again(exchange))
        return false;
    if (failure == UPSTREAM_FAILURE_STALE && plan_for_stale(exchange, plan))
        return true;
    endpoint_choice_avoid(exchange);
    return policy_of(exchange)->is_set ? plan_by_stanza(exchange, failure, plan)
                                       : plan_without_stanza(exchange, failure, plan);
}

bool retry_wants_status(const struct exchange *exchange, unsigned status)
{
    const struct retry_policy *policy = policy_of(exchange);
    for (size_t i = 0; i < policy->code_count; i++) {
        if (policy->codes[i] == status)
            return true;
    }
    return false;
}
