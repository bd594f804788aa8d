#include "proxy/http/waiting_line.h"

#include "proxy/http/conn_pool.h"
#include "proxy/http/exchange.h"
#include "proxy/http/forwarder.h"
#include "proxy/http/worker.h"
#include "proxy/upstream/backend.h"
#include "proxy/upstream/endpoint.h"

/* How long room may stay unnoticed that nobody has told of. */
enum { LOOK_INTERVAL_MS = 20 };

/* --- the other workers ----------------------------------------------------------------------- */

static bool somebody_waits_elsewhere(const struct worker *worker)
{
    for (unsigned i = 0; i < worker->shared->worker_count; i++) {
        const struct worker *other = worker->shared->workers[i];
        if (other != worker && atomic_load(&other->line.count) > 0)
            return true;
    }
    return false;
}

static void wake_others(const struct worker *worker, bool all)
{
    for (unsigned i = 0; i < worker->shared->worker_count; i++) {
        struct worker *other = worker->shared->workers[i];
        if (other != worker && (all || atomic_load(&other->line.count) > 0))
            worker_wake(other);
    }
}

/* --- looking for room ------------------------------------------------------------------------ */

/* In the order they came. Once a backend was found full, the others of it need not ask; a session
 * waits for one endpoint, which says nothing about the others. */
static void on_look(struct timer *timer)
{
    struct worker *worker = timer->context;
    const struct backend *full = NULL;
    struct exchange *next;
    for (struct exchange *exchange = worker->line.first; exchange != NULL; exchange = next) {
        next = exchange->forwarding.line_next;
        const struct backend *backend = exchange->forwarding.backend;
        bool has_session = exchange->forwarding.session != NULL;
        if ((has_session || backend != full) && !forwarder_on_room(exchange) && !has_session)
            full = backend;
    }
    if (worker->line.first != NULL)
        timer_start(&worker->timers, timer, LOOK_INTERVAL_MS);
}

static void look_soon(struct worker *worker)
{
    if (worker->line.first != NULL)
        timer_start(&worker->timers, &worker->line.timer, 0);
}

/* Idle connections that keep another worker from having one. */
static bool give_connections(struct worker *worker)
{
    worker->line.is_giving = true;
    bool has_given = conn_pool_give_up_wanted(worker->pool);
    worker->line.is_giving = false;
    return has_given;
}

void waiting_line_room_made(struct worker *worker, struct endpoint *endpoint)
{
    struct waiting_line *line = &worker->line;
    if (!endpoint_has_waiting(endpoint) || line->is_giving)
        return;
    if (!somebody_waits_elsewhere(worker)) {
        look_soon(worker);
        return;
    }
    if (line->first != NULL && !line->gives_way) {
        line->gives_way = true;
        look_soon(worker);
        return;
    }
    line->gives_way = false;
    give_connections(worker);
    wake_others(worker, false);
}

void waiting_line_on_wake(struct worker *worker)
{
    look_soon(worker);
    if (worker->line.first == NULL && somebody_waits_elsewhere(worker) && give_connections(worker))
        wake_others(worker, false);
}

/* --- the line -------------------------------------------------------------------------------- */

bool waiting_line_join(struct exchange *exchange, struct endpoint *endpoint)
{
    struct forwarding *forwarding = &exchange->forwarding;
    struct worker *worker = exchange->worker;
    struct waiting_line *line = &worker->line;
    if (!endpoint_wait_start(endpoint, forwarding->backend->limits.max_pending,
                             forwarding->lacks_connection))
        return false;

    forwarding->waits_at = endpoint;
    forwarding->waits_for_connection = forwarding->lacks_connection;
    forwarding->line_next = NULL;
    forwarding->line_previous = line->last;
    if (line->last != NULL)
        line->last->forwarding.line_next = exchange;
    else
        line->first = exchange;
    line->last = exchange;
    atomic_fetch_add(&line->count, 1);
    counter_add(&worker->counters->waits_started, 1);

    /* Room that was made in between was not told to us. */
    look_soon(worker);
    if (forwarding->waits_for_connection)
        wake_others(worker, true);
    return true;
}

void waiting_line_leave(struct exchange *exchange)
{
    struct forwarding *forwarding = &exchange->forwarding;
    struct worker *worker = exchange->worker;
    struct waiting_line *line = &worker->line;
    if (forwarding->waits_at == NULL)
        return;

    endpoint_wait_ended(forwarding->waits_at, forwarding->waits_for_connection);
    forwarding->waits_at = NULL;
    if (forwarding->line_previous != NULL)
        forwarding->line_previous->forwarding.line_next = forwarding->line_next;
    else
        line->first = forwarding->line_next;
    if (forwarding->line_next != NULL)
        forwarding->line_next->forwarding.line_previous = forwarding->line_previous;
    else
        line->last = forwarding->line_previous;
    atomic_fetch_sub(&line->count, 1);
    counter_add(&worker->counters->waits_ended, 1);
}

void waiting_line_init(struct worker *worker)
{
    timer_init(&worker->line.timer, on_look, worker);
}

void waiting_line_clear(struct worker *worker)
{
    timer_clear(&worker->timers, &worker->line.timer);
}
