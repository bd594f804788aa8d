#include "proxy/http/request_handler.h"

#include "proxy/http/authorization.h"
#include "proxy/http/filter_answer.h"
#include "proxy/http/filter_exchange.h"
#include "proxy/http/forwarded_head.h"
#include "proxy/http/forwarder.h"
#include "proxy/http/local_reply.h"
#include "proxy/http/mirror.h"
#include "proxy/http/session.h"
#include "proxy/http/worker.h"
#include "proxy/routing/filter.h"
#include "proxy/routing/route_table.h"

static void refuse(struct exchange *exchange, enum denial denial, unsigned status,
                   const char *sentence)
{
    counter_add(&exchange->worker->counters->refused[denial], 1);
    local_reply(exchange, status, sentence);
}

/* RFC 5842 section 7.2 made 508 for WebDAV, and servers have since used it for this: that it is not
 * the fault of the request, nor of a service, and goes away when the routes are changed. */
static void refuse_loop(struct exchange *exchange)
{
    exchange->is_loop = true;
    refuse(exchange, DENIAL_LOOP, 508, "The request comes back to its route again and again.");
}

static bool asks_for_authorization(const struct rule *rule)
{
    return rule->policy->filters != NULL && rule->policy->filters->auth != NULL;
}

/* Everything is chosen and held, and nobody has to be asked any more. */
static void forward(struct exchange *exchange)
{
    const struct forwarding *forwarding = &exchange->forwarding;
    const struct rule *rule = forwarding->rule;

    if (filter_answer_redirect(exchange, rule->policy->filters))
        return;
    if (rule->is_broken || forwarding->choice == NULL)
        return refuse(exchange, DENIAL_NO_BACKEND, 500, "The route names no backend to use.");
    if (filter_answer_redirect(exchange, forwarding->choice->filters))
        return;
    if (forwarding->backend == NULL)
        return refuse(exchange, DENIAL_NO_BACKEND, 500, "The route's backend does not exist.");

    filter_exchange_request(exchange);
    mirror_request(exchange);
    forwarder_start(exchange);
}

void request_handler_go_on(struct exchange *exchange)
{
    if (exchange->authorization == AUTHORIZATION_GIVEN)
        forward(exchange);
}

/* One request, from its head to the service that gets it.
 *
 * The table is borrowed and the rule comes from it without a lock. Before any waiting begins, the
 * forwarder takes its own hold on the rule and the backend; the table may change at any time. */
void request_handler_serve(struct exchange *exchange)
{
    struct worker *worker = exchange->worker;

    const struct route_table *table = worker_route_table(worker);
    if (table == NULL)
        return refuse(exchange, DENIAL_NO_TABLE, 503, "No routes are known yet; try again soon.");

    counter_add(&worker->counters->route_cache_lookups, 1);
    const struct rule *rule = route_table_find(table, &exchange->request.head);
    if (rule == NULL)
        return refuse(exchange, DENIAL_NO_ROUTE, 404, "No route matches this request.");
    forwarder_set_rule(exchange, rule);
    if (filter_answer_preflight(exchange, rule->policy->filters))
        return;

    loop_mark_write(rule, route_table_loop_key(table), exchange->loop_mark);
    if (loop_mark_is_spent(&exchange->request.fields, exchange->loop_mark))
        return refuse_loop(exchange);

    const struct backend_choice *choice = session_choose(exchange, table);
    if (choice != NULL) {
        forwarder_set_backend(exchange, choice, route_table_backend(table, choice->backend_index));
        if (filter_answer_preflight(exchange, choice->filters))
            return;
        mirror_choose(exchange, table);
    }

    forwarded_head_prepare(exchange);
    if (asks_for_authorization(rule))
        return authorization_ask(exchange, table);
    forward(exchange);
}
