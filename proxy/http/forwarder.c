#include "proxy/http/forwarder.h"

#include "proxy/http/access_log.h"
#include "proxy/http/endpoint_choice.h"
#include "proxy/http/exchange.h"
#include "proxy/http/filter_exchange.h"
#include "proxy/http/grpc_timeout.h"
#include "proxy/http/local_reply.h"
#include "proxy/http/response_date.h"
#include "proxy/http/retry.h"
#include "proxy/http/session.h"
#include "proxy/http/upstream.h"
#include "proxy/http/via.h"
#include "proxy/http/worker.h"
#include "proxy/metrics/backend_metrics.h"
#include "proxy/metrics/route_metrics.h"
#include "proxy/routing/route.h"
#include "proxy/upstream/backend.h"

/* What each way to fail says about the endpoint, and to the client when it is not repeated. */
static const struct {
    enum endpoint_outcome outcome;
    unsigned status;
    const char *sentence;
} failures[UPSTREAM_FAILURE_COUNT] = {
    [UPSTREAM_FAILURE_CONNECT] = {ENDPOINT_CONNECT_FAILED, 503,
                                  "The service does not accept connections."},
    [UPSTREAM_FAILURE_CONNECT_TIMEOUT] = {ENDPOINT_CONNECT_FAILED, 503,
                                          "Connecting to the service took too long."},
    [UPSTREAM_FAILURE_STALE] = {ENDPOINT_ABANDONED, 503,
                                "The service closed the connection without an answer."},
    [UPSTREAM_FAILURE_CLOSED] = {ENDPOINT_FAILED, 503,
                                 "The service closed the connection without an answer."},
    [UPSTREAM_FAILURE_TIMEOUT] = {ENDPOINT_TIMED_OUT, 504, "The service did not answer in time."},
    [UPSTREAM_FAILURE_BAD_RESPONSE] = {ENDPOINT_FAILED, 502,
                                       "The service's answer is not valid HTTP."},
    [UPSTREAM_FAILURE_TRUNCATED] = {ENDPOINT_FAILED, 502, "The service broke off its answer."},
    [UPSTREAM_FAILURE_TLS] = {ENDPOINT_CONNECT_FAILED, 503,
                              "A secure connection to the service could not be made."},
    [UPSTREAM_FAILURE_WEBSOCKET] = {ENDPOINT_ANSWERED, 502,
                                    "The service does not take WebSockets over HTTP/2."},
    [UPSTREAM_FAILURE_STATUS] = {ENDPOINT_ANSWERED_5XX, 502,
                                 "The service did not answer in any try."},
};

/* --- timers ---------------------------------------------------------------------------------- */

static void arm_try_timer(struct exchange *exchange, uint64_t limit_ms)
{
    struct forwarding *forwarding = &exchange->forwarding;
    struct timers *timers = &exchange->worker->timers;
    uint64_t due_ms = timers_now_ms(timers) + limit_ms;
    if (due_ms > forwarding->try_deadline_ms)
        due_ms = forwarding->try_deadline_ms;
    timer_start_at(timers, &forwarding->try_timer, due_ms);
}

static void expect_progress(struct exchange *exchange)
{
    const struct http_options *http = &exchange->worker->shared->http;
    arm_try_timer(exchange, exchange->forwarding.is_tunnel ? http->tunnel_idle_timeout_ms
                                                           : http->upstream_idle_timeout_ms);
}

/* An endpoint may be silent while the client keeps it waiting, in either direction: the client has
 * timers of its own. */
static bool is_waiting_for_client(const struct exchange *exchange)
{
    if (body_pipe_room(&exchange->response_body) == 0)
        return true;
    return !exchange->request_body.is_ended &&
           body_pipe_waiting(&exchange->request_body).length == 0;
}

static void stop_backing_off(struct forwarding *forwarding)
{
    if (!forwarding->is_backing_off)
        return;
    forwarding->is_backing_off = false;
    timer_stop(&forwarding->backoff_timer);
}

/* Else it is one of our own making, and who made it counts what becomes of it. */
static bool is_of_client(const struct exchange *exchange)
{
    return !exchange->is_mirror && !exchange->is_question;
}

static void count_failure(struct exchange *exchange, enum upstream_failure failure)
{
    struct backend *backend = exchange->forwarding.backend;
    backend_metrics_count_failure(&backend->metrics, backend->name, exchange->worker->counters,
                                  failure);
}

static void end_try(struct exchange *exchange, enum endpoint_outcome outcome);

/* Nothing came through for too long: closed for both sides. */
static void end_tunnel(struct exchange *exchange)
{
    exchange_cancel_upstream(exchange);
    end_try(exchange, ENDPOINT_ANSWERED);
    exchange->response_body.is_ended = true;
    exchange_mark(exchange, EXCHANGE_RESPONSE_DATA);
}

static void on_try_due(struct timer *timer)
{
    struct exchange *exchange = timer->context;
    struct forwarding *forwarding = &exchange->forwarding;

    if (forwarding->is_tunnel)
        return end_tunnel(exchange);
    bool is_past_deadline = timers_now_ms(&exchange->worker->timers) >= forwarding->try_deadline_ms;
    if (forwarding->is_connected && !is_past_deadline && is_waiting_for_client(exchange)) {
        expect_progress(exchange);
        return;
    }
    exchange_cancel_upstream(exchange);
    exchange_fail(exchange, forwarding->is_connected || is_past_deadline
                                ? UPSTREAM_FAILURE_TIMEOUT
                                : UPSTREAM_FAILURE_CONNECT_TIMEOUT);
}

static void on_request_due(struct timer *timer)
{
    struct exchange *exchange = timer->context;
    struct forwarding *forwarding = &exchange->forwarding;

    /* The endpoint is not to blame for an answer that a slow client has not read. */
    bool waits_for_client = is_waiting_for_client(exchange);
    if (exchange->authorization == AUTHORIZATION_OPEN)
        counter_add(&exchange->worker->counters->refused[DENIAL_AUTHORIZATION_FAILED], 1);
    exchange_cancel_upstream(exchange);
    waiting_line_leave(exchange);
    stop_backing_off(forwarding);
    if (forwarding->is_trying) /* else it is the client who is slow */
        count_failure(exchange, UPSTREAM_FAILURE_TIMEOUT);
    end_try(exchange, waits_for_client ? ENDPOINT_ABANDONED : ENDPOINT_TIMED_OUT);
    local_reply(exchange, 504, "The request took longer than its route allows.");
}

/* --- tries ----------------------------------------------------------------------------------- */

static enum endpoint_outcome outcome_of(unsigned status)
{
    return status >= 500 ? ENDPOINT_ANSWERED_5XX : ENDPOINT_ANSWERED;
}

static void end_try(struct exchange *exchange, enum endpoint_outcome outcome)
{
    struct forwarding *forwarding = &exchange->forwarding;
    timer_stop(&forwarding->try_timer);
    if (!forwarding->is_trying)
        return;
    forwarding->is_trying = false;
    endpoint_request_ended(forwarding->endpoint);
    struct backend *backend = forwarding->backend;
    if (ejection_judge(backend, forwarding->endpoint, outcome,
                       timers_now_ms(&exchange->worker->timers)))
        backend_metrics_count_ejection(&backend->metrics, backend->name,
                                       exchange->worker->counters);
    waiting_line_room_made(exchange->worker, forwarding->endpoint);
}

/* It has waited for its authorization before the first try. */
static bool has_waited(const struct exchange *exchange)
{
    return exchange->authorization == AUTHORIZATION_GIVEN;
}

static void begin_try(struct exchange *exchange, struct endpoint *endpoint)
{
    struct forwarding *forwarding = &exchange->forwarding;
    uint64_t limit_ms = rule_policy_of(forwarding->rule)->backend_request_timeout_ms;

    if (exchange->is_grpc &&
        (forwarding->tries > 0 || forwarding->waits_at != NULL || has_waited(exchange)))
        grpc_timeout_renew(exchange);
    forwarding->endpoint = endpoint;
    forwarding->tries++;
    forwarding->is_trying = true;
    forwarding->is_connected = false;
    forwarding->is_request_sent = false;
    forwarding->was_reset = false;
    forwarding->try_started_us = worker_now_us(exchange->worker);
    forwarding->try_deadline_ms = limit_ms == TIMEOUT_UNSET || limit_ms == 0
                                      ? TIMER_NEVER
                                      : timers_now_ms(&exchange->worker->timers) + limit_ms;
    arm_try_timer(exchange, forwarding->backend->connect_timeout_ms);
}

/* False when the endpoint has no room; then nothing has happened. */
static bool start_try(struct exchange *exchange, struct endpoint *endpoint)
{
    struct forwarding *forwarding = &exchange->forwarding;
    const struct backend_limits *limits = &forwarding->backend->limits;
    struct upstream_place place;

    forwarding->lacks_connection = false;
    if (!endpoint_request_start(endpoint, limits->max_requests))
        return false;
    switch (upstream_lease(exchange->worker, endpoint, forwarding->wants_fresh,
                           limits->max_connections, &place)) {
    case UPSTREAM_LEASED:
        begin_try(exchange, endpoint);
        upstream_start(exchange, &place);
        return true;
    case UPSTREAM_UNREACHABLE:
        begin_try(exchange, endpoint);
        exchange_fail(exchange, UPSTREAM_FAILURE_CONNECT);
        return true;
    case UPSTREAM_FULL:
        break;
    }
    endpoint_request_ended(endpoint);
    forwarding->lacks_connection = true;
    return false;
}

/* Room at any other endpoint is as good, and better than waiting; but for a session. */
static bool start_somewhere(struct exchange *exchange, struct endpoint *endpoint)
{
    if (start_try(exchange, endpoint))
        return true;
    return !session_is_at(exchange, endpoint) && endpoint_choice_any(exchange, start_try);
}

static void reply_full(struct exchange *exchange)
{
    if (is_of_client(exchange))
        counter_add(&exchange->worker->counters->refused[DENIAL_BACKEND_FULL], 1);
    local_reply(exchange, 503, "The service has as many requests as it may have.");
}

/* Where not even the line has room, a session is given up rather than its request. */
static bool start_or_join_line(struct exchange *exchange, struct endpoint *endpoint)
{
    if (start_somewhere(exchange, endpoint))
        return true;
    if (exchange->is_mirror) /* a copy that had to wait would only add to the load */
        return false;
    if (waiting_line_join(exchange, endpoint))
        return true;
    if (session_is_at(exchange, endpoint)) {
        session_give_up(exchange);
        if (endpoint_choice_any(exchange, start_try))
            return true;
    }
    return endpoint_choice_any(exchange, waiting_line_join);
}

static void send_or_wait(struct exchange *exchange, struct endpoint *endpoint)
{
    if (!start_or_join_line(exchange, endpoint))
        reply_full(exchange);
}

static void reply_no_endpoint(struct exchange *exchange)
{
    if (is_of_client(exchange))
        counter_add(&exchange->worker->counters->refused[DENIAL_NO_ENDPOINT], 1);
    local_reply(exchange, 503, "The service has no endpoint that is available.");
}

/* What did not begin at once, or begins again, may come too late. Then it ends here. */
static bool end_late(struct exchange *exchange)
{
    const struct front_operations *front = exchange->front_operations;
    bool is_gone = front->is_gone != NULL && front->is_gone(exchange);
    if (!is_gone && !(exchange->is_grpc && grpc_timeout_is_over(exchange)))
        return false;
    waiting_line_leave(exchange);
    if (is_gone)
        exchange_mark(exchange, EXCHANGE_RESPONSE_CUT);
    else
        local_reply(exchange, 504, "The call's grpc-timeout is over.");
    return true;
}

bool forwarder_on_room(struct exchange *exchange)
{
    if (end_late(exchange))
        return true;
    struct endpoint *endpoint = endpoint_choice_pick(exchange);
    if (endpoint != NULL && !start_somewhere(exchange, endpoint))
        return false;
    waiting_line_leave(exchange);
    if (endpoint == NULL)
        reply_no_endpoint(exchange);
    return true;
}

static void try_again(struct exchange *exchange, struct endpoint *endpoint)
{
    struct forwarding *forwarding = &exchange->forwarding;
    if (end_late(exchange))
        return;
    backend_metrics_count_retry(&forwarding->backend->metrics, forwarding->backend->name,
                                exchange->worker->counters, forwarding->failure);
    send_or_wait(exchange, endpoint);
}

static void try_another(struct exchange *exchange)
{
    struct endpoint *endpoint = endpoint_choice_pick(exchange);
    if (endpoint == NULL)
        return reply_no_endpoint(exchange);
    try_again(exchange, endpoint);
}

static void on_backoff_due(struct timer *timer)
{
    struct exchange *exchange = timer->context;
    exchange->forwarding.is_backing_off = false;
    try_another(exchange);
}

/* The request once more, from its first byte. */
static void repeat(struct exchange *exchange, const struct retry_plan *plan)
{
    exchange_clear_response(exchange);
    body_pipe_rewind(&exchange->request_body);
    exchange->forwarding.wants_fresh = plan->is_fresh;
    if (plan->endpoint != NULL)
        return try_again(exchange, plan->endpoint);
    if (plan->delay_ms == 0)
        return try_another(exchange);
    exchange->forwarding.is_backing_off = true;
    timer_start(&exchange->worker->timers, &exchange->forwarding.backoff_timer, plan->delay_ms);
}

/* --- what is told ---------------------------------------------------------------------------- */

void forwarder_on_connected(struct exchange *exchange)
{
    exchange->forwarding.is_connected = true;
    expect_progress(exchange);
    if (!exchange->request_body.is_ended)
        exchange_mark(exchange, EXCHANGE_REQUEST_ROOM);
}

void forwarder_on_sent(struct exchange *exchange)
{
    exchange->forwarding.is_request_sent = true;
    expect_progress(exchange);
}

void forwarder_on_received(struct exchange *exchange)
{
    expect_progress(exchange);
}

/* With the 101 the request is over for its timeouts; the tunnel has its own. */
static void start_tunnel(struct exchange *exchange)
{
    struct forwarding *forwarding = &exchange->forwarding;
    forwarding->is_tunnel = true;
    forwarding->try_deadline_ms = TIMER_NEVER;
    timer_stop(&forwarding->request_timer);
    retry_end(exchange);
    counter_add(&exchange->worker->counters->tunnels_opened, 1);
    if (forwarding->is_trying)
        expect_progress(exchange);
}

/* An answer that the rule wants repeated, and that can be, is a try that failed. */
static bool repeat_answered(struct exchange *exchange)
{
    struct forwarding *forwarding = &exchange->forwarding;
    unsigned status = exchange->response.status;
    struct retry_plan plan;
    if (!retry_wants_status(exchange, status) ||
        !retry_plan(exchange, UPSTREAM_FAILURE_STATUS, &plan))
        return false;

    exchange_cancel_upstream(exchange);
    end_try(exchange, outcome_of(status));
    forwarding->failure = UPSTREAM_FAILURE_STATUS;
    count_failure(exchange, UPSTREAM_FAILURE_STATUS);
    repeat(exchange, &plan);
    return true;
}

/* To a client of HTTP/2 any 2xx would say that its WebSocket is open (RFC 8441 section 5). */
static bool refuse_unswitched(struct exchange *exchange)
{
    if (!exchange->request.is_connect || exchange->response.status / 100 != 2)
        return false;
    exchange_cancel_upstream(exchange);
    end_try(exchange, ENDPOINT_ANSWERED);
    local_reply(exchange, 502, "The service did not switch to WebSocket.");
    return true;
}

void forwarder_on_answered(struct exchange *exchange)
{
    struct forwarding *forwarding = &exchange->forwarding;
    struct worker *worker = exchange->worker;

    backend_metrics_observe(&forwarding->backend->metrics, forwarding->backend->name,
                            worker->counters, worker_now_us(worker) - forwarding->try_started_us);
    if (repeat_answered(exchange) || refuse_unswitched(exchange))
        return;
    if (retry_forget_body(exchange))
        exchange_mark(exchange, EXCHANGE_REQUEST_ROOM);
    if (is_of_client(exchange)) {
        response_date_add(exchange);
        via_add_to_response(exchange);
    }
    filter_exchange_response(exchange);
    session_tell(exchange);
    if (exchange->response.status == 101)
        start_tunnel(exchange);
    exchange_respond(exchange);
}

void forwarder_on_complete(struct exchange *exchange)
{
    end_try(exchange, outcome_of(exchange->response.status));
}

void forwarder_on_failed(struct exchange *exchange)
{
    struct forwarding *forwarding = &exchange->forwarding;
    enum upstream_failure failure = forwarding->failure;

    /* However a tunnel ends, its endpoint has answered. */
    end_try(exchange, forwarding->is_tunnel ? ENDPOINT_ANSWERED : failures[failure].outcome);
    count_failure(exchange, failure);

    struct retry_plan plan;
    if (retry_plan(exchange, failure, &plan))
        repeat(exchange, &plan);
    else
        local_reply(exchange, failures[failure].status, failures[failure].sentence);
}

/* --- from beginning to end ------------------------------------------------------------------- */

void forwarder_init(struct exchange *exchange)
{
    timer_init(&exchange->forwarding.try_timer, on_try_due, exchange);
    timer_init(&exchange->forwarding.request_timer, on_request_due, exchange);
    timer_init(&exchange->forwarding.backoff_timer, on_backoff_due, exchange);
}

void forwarder_clear(struct exchange *exchange)
{
    struct timers *timers = &exchange->worker->timers;
    timer_clear(timers, &exchange->forwarding.try_timer);
    timer_clear(timers, &exchange->forwarding.request_timer);
    timer_clear(timers, &exchange->forwarding.backoff_timer);
}

void forwarder_set_rule(struct exchange *exchange, const struct rule *rule)
{
    rule_acquire(rule);
    exchange->forwarding.rule = rule;
}

void forwarder_set_backend(struct exchange *exchange, const struct backend_choice *choice,
                           struct backend *backend)
{
    if (backend != NULL)
        backend_acquire(backend);
    exchange->forwarding.choice = choice;
    exchange->forwarding.backend = backend;
}

void forwarder_start_clock(struct exchange *exchange)
{
    struct forwarding *forwarding = &exchange->forwarding;
    struct worker *worker = exchange->worker;
    uint64_t limit_ms = rule_policy_of(forwarding->rule)->request_timeout_ms;
    if (limit_ms == TIMEOUT_UNSET)
        limit_ms = worker->shared->http.request_timeout_ms;
    if (limit_ms != 0)
        timer_start(&worker->timers, &forwarding->request_timer, limit_ms);
    if (exchange->is_grpc)
        grpc_timeout_start(exchange);
}

void forwarder_start(struct exchange *exchange)
{
    if (has_waited(exchange) && end_late(exchange))
        return;
    endpoint_choice_begin(exchange);
    struct endpoint *endpoint = endpoint_choice_pick(exchange);
    if (endpoint == NULL)
        return reply_no_endpoint(exchange);

    if (!has_waited(exchange))
        forwarder_start_clock(exchange);
    retry_begin(exchange);
    send_or_wait(exchange, endpoint);
}

void forwarder_abandon(struct exchange *exchange)
{
    exchange_cancel_upstream(exchange);
    waiting_line_leave(exchange);
    end_try(exchange, ENDPOINT_ABANDONED);
    timer_stop(&exchange->forwarding.request_timer);
    stop_backing_off(&exchange->forwarding);
}

void forwarder_end(struct exchange *exchange)
{
    struct forwarding *forwarding = &exchange->forwarding;
    struct worker *worker = exchange->worker;

    forwarder_abandon(exchange);
    retry_end(exchange);
    if (forwarding->is_tunnel)
        counter_add(&worker->counters->tunnels_closed, 1);
    if (worker->shared->access_log != NULL && exchange->is_head_complete)
        access_log_write(worker->shared->access_log, exchange);
    if (forwarding->rule != NULL && !exchange->is_mirror)
        route_metrics_count(rule_metrics(forwarding->rule), rule_route_id(forwarding->rule),
                            worker->counters, exchange->sent_status);

    session_end(exchange);
    rule_release(&forwarding->rule);
    backend_release(&forwarding->backend);
    forwarding->choice = NULL;
    forwarding->endpoint = NULL;
    forwarding->tries = 0;
    forwarding->wants_fresh = false;
    forwarding->tls_error = NULL;
    forwarding->websocket_error = NULL;
    forwarding->is_tunnel = false;
}
