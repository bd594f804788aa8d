#include "control/explain_service.h"

#include "common/clock.h"
#include "common/event_loop.h"
#include "control/explain_answer.h"
#include "control/object_page.h"
#include "control/packed_route.h"
#include "control/proxy_registry.h"
#include "proto/grpc_server.h"
#include "proto/message.h"
#include "proxy/routing/route_explain.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

/* The table of one run may be large, when many routes are for every host: few runs at a time. */
enum { RUNS_MAX = 4, HEADERS_MAX = 100, PIECE_MICROSECONDS = 5000 };

struct explain_service {
    struct event_loop *loop;
    struct store *store;
    const struct proxy_registry *proxies;
    size_t run_count;
};

/* One call. */
struct run {
    struct explain_service *service;
    struct grpc_call *call;
    struct event_timer timer;
    struct sample_request sample;
    struct listener_choice listener;

    /* How far it has read, and what it has found. */
    uint64_t revision;
    struct store_cursor cursor;
    uint64_t other_host_count;
    struct route_table_builder *builder;
    struct route **routes;
    size_t route_count;

    /* The piece at hand. */
    uint64_t piece_end_us;
    size_t piece_count;
};

struct explain_service *explain_service_new(struct event_loop *loop, struct store *store,
                                            const struct proxy_registry *proxies)
{
    struct explain_service *service = memory_allocate_zeroed(1, sizeof(*service));
    service->loop = loop;
    service->store = store;
    service->proxies = proxies;
    return service;
}

void explain_service_free(struct explain_service *service)
{
    assert(service == NULL || service->run_count == 0);
    free(service);
}

static void run_free(struct run *run)
{
    event_timer_stop(&run->timer);
    route_table_builder_free(run->builder);
    for (size_t i = 0; i < run->route_count; i++)
        route_release(&run->routes[i]);
    free(run->routes);
    listener_choice_clear(&run->listener);
    sample_request_clear(&run->sample);
    run->service->run_count--;
    free(run);
}

static void on_call_end(void *context)
{
    run_free(context);
}

/* --- reading routes ------------------------------------------------------------------------- */

static void ignore_problem(void *context, const char *field, const char *message)
{
    (void)context;
    (void)field;
    (void)message;
}

/* Backends are looked up by name when the winner is known. */
static uint32_t some_backend(void *context, const char *full_name, uint32_t port)
{
    (void)context;
    (void)full_name;
    (void)port;
    return 0;
}

static void add_route(struct run *run, struct route *route)
{
    if ((run->route_count & (run->route_count - 1)) == 0) {
        size_t capacity = run->route_count == 0 ? 1 : 2 * run->route_count;
        run->routes = memory_reallocate(run->routes, capacity * sizeof(run->routes[0]));
    }
    run->routes[run->route_count++] = route;
    route_table_builder_add(run->builder, route);
}

/* What a proxy cannot understand, it answers with 500 or leaves out; so does this table. */
static void compile_route(struct run *run, const struct store_object *object)
{
    RouteMessage *message = (RouteMessage *)object_unpack(object->kind, object->bytes, NULL);
    if (message == NULL)
        return;
    bool is_broken = !route_validate(message, ignore_problem, NULL);
    add_route(run, route_new(message, object->bytes, is_broken, some_backend, NULL));
    message_free(&message->base);
}

static bool take_route(void *context, const struct store_object *object)
{
    struct run *run = context;
    if (run->piece_count++ > 0 && clock_now_us() >= run->piece_end_us)
        return false;
    if (packed_route_serves_host(object->bytes, run->sample.head.host))
        compile_route(run, object);
    else
        run->other_host_count++;
    return true;
}

static void answer(struct run *run)
{
    struct route_explanation explanation;
    struct route_table *table = route_table_builder_publish(run->builder, run->revision, 0);
    route_explain(table, &run->sample.head, &explanation);
    const struct explain_findings findings = {
        .sample = &run->sample,
        .listener = &run->listener,
        .explanation = &explanation,
        .revision = run->revision,
        .other_host_count = run->other_host_count,
    };
    explain_answer_send(run->call, run->service->store, &findings);
    route_table_release(&table);
    run_free(run);
}

static void on_piece_due(struct event_timer *timer);

static void read_piece(struct run *run)
{
    const struct explain_service *service = run->service;
    const Pointsman__V1__ObjectKind kind = POINTSMAN__V1__OBJECT_KIND__OBJECT_KIND_ROUTE;
    struct error err = {0};
    run->piece_count = 0;
    run->piece_end_us = clock_now_us() + PIECE_MICROSECONDS;
    if (!store_scan(service->store, run->revision, kind, &run->cursor, take_route, run, &err)) {
        grpc_call_fail_error(run->call, &err);
        run_free(run);
    } else if (run->cursor.is_finished) {
        answer(run);
    } else {
        event_timer_start(&run->timer, service->loop, 0, on_piece_due, run);
    }
}

static void on_piece_due(struct event_timer *timer)
{
    read_piece(timer->context);
}

/* --- starting ------------------------------------------------------------------------------- */

static bool read_request(struct run *run, const Pointsman__V1__ExplainRequest *request,
                         struct error *err)
{
    struct header headers[HEADERS_MAX];
    if (request->n_headers > HEADERS_MAX)
        return error_set(err, ERROR_INVALID, "headers: more than %d", HEADERS_MAX);
    for (size_t i = 0; i < request->n_headers; i++)
        headers[i] = (struct header){slice_from_string(request->headers[i]->name),
                                     slice_from_string(request->headers[i]->value)};
    const struct sample_description description = {
        .method = slice_from_string(request->method),
        .url = slice_from_string(request->url),
        .headers = headers,
        .header_count = request->n_headers,
    };
    if (!sample_request_init(&run->sample, &description, err))
        return false;
    listener_choice_init(&run->listener, run->service->proxies, request->listener);
    run->sample.head.listener = run->listener.is_chosen ? &run->listener.identity : NULL;
    return true;
}

void explain_service_explain(struct explain_service *service, struct grpc_call *call,
                             const Pointsman__V1__ExplainRequest *request)
{
    struct error err = {0};
    if (request->at_revision != 0 || request->at_time_ms != 0 || request->n_candidates > 0 ||
        request->all) {
        error_set(&err, ERROR_UNSUPPORTED, "only the routes of now can be asked yet");
        grpc_call_fail_error(call, &err);
        return;
    }
    if (service->run_count == RUNS_MAX) {
        error_set(&err, ERROR_LIMIT, "%d requests are being explained already", RUNS_MAX);
        grpc_call_fail_error(call, &err);
        return;
    }

    struct run *run = memory_allocate_zeroed(1, sizeof(*run));
    run->service = service;
    run->call = call;
    run->builder = route_table_builder_new();
    run->revision = store_head(service->store).revision;
    service->run_count++;
    if (!read_request(run, request, &err)) {
        grpc_call_fail_error(call, &err);
        run_free(run);
        return;
    }
    grpc_call_on_end(call, on_call_end, run);
    read_piece(run);
}
