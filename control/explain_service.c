#include "control/explain_service.h"

#include "common/clock.h"
#include "common/event_loop.h"
#include "control/explain_candidates.h"
#include "control/listener_choice.h"
#include "control/moment.h"
#include "control/object_page.h"
#include "control/packed_route.h"
#include "control/routes_of_host.h"
#include "control/store_history.h"
#include "proto/grpc_server.h"
#include "proto/message.h"
#include "proxy/routing/explain_report.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

/* Each keeps what it may show, and reads on in every turn of the loop: few at a time. */
enum { RUNS_MAX = 4, HEADERS_MAX = 100, PIECE_MICROSECONDS = 5000 };

static const Pointsman__V1__ObjectKind route_kind = POINTSMAN__V1__OBJECT_KIND__OBJECT_KIND_ROUTE;

struct explain_service {
    struct event_loop *loop;
    struct store *store;
    const struct shadow_index *shadows;
    const struct proxy_registry *proxies;
    size_t run_count;
    uint64_t read_count;
};

/* One call. */
struct run {
    struct explain_service *service;
    struct grpc_call *call;
    struct event_timer timer;
    Pointsman__V1__ExplainRequest *request; /* a copy: it outlives the call's */
    struct sample_request sample;
    struct listener_choice listener;
    struct explain_candidates candidates;

    /* How far it has read, and what it has found. */
    uint64_t revision;
    struct store_cursor cursor;
    struct route_explain *explain;

    /* The piece at hand. */
    uint64_t piece_end_us;
    size_t piece_count;
};

struct explain_service *explain_service_new(struct event_loop *loop, struct store *store,
                                            const struct shadow_index *shadows,
                                            const struct proxy_registry *proxies)
{
    struct explain_service *service = memory_allocate_zeroed(1, sizeof(*service));
    service->loop = loop;
    service->store = store;
    service->shadows = shadows;
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
    route_explain_free(run->explain);
    explain_candidates_clear(&run->candidates);
    listener_choice_clear(&run->listener);
    sample_request_clear(&run->sample);
    message_free((ProtobufCMessage *)run->request);
    run->service->run_count--;
    free(run);
}

static void on_call_end(void *context)
{
    run_free(context);
}

/* --- reading routes ------------------------------------------------------------------------- */

/* What a proxy cannot understand, it answers with 500 or leaves out; so does the explanation. */
static void take_bytes(struct run *run, struct slice bytes)
{
    struct route *route = route_new_unlinked(bytes);
    if (route != NULL)
        route_explain_add(run->explain, route);
}

/* True when one of the candidates takes the route's place. */
static bool is_replaced(struct run *run, const struct store_object *object)
{
    char name[OBJECT_NAME_BYTES];
    snprintf(name, sizeof(name), "%.*s", (int)object->name.length, object->name.at);
    struct candidate *candidate = explain_candidates_find(&run->candidates, route_kind, name);
    if (candidate == NULL)
        return false;
    RouteMessage *message = (RouteMessage *)object_unpack(route_kind, object->bytes, NULL);
    if (message != NULL)
        candidate->created = (struct creation){message->created_revision, message->created_order};
    message_free((ProtobufCMessage *)message);
    return true;
}

static bool take_route(void *context, const struct store_object *object)
{
    struct run *run = context;
    if (run->piece_count++ > 0 && clock_now_us() >= run->piece_end_us)
        return false;
    run->service->read_count++;
    if (is_replaced(run, object))
        return true;
    if (packed_route_serves_host(object->bytes, run->sample.head.host) ||
        route_explain_shows_other_hosts(run->explain))
        take_bytes(run, object->bytes);
    else
        route_explain_pass_over(run->explain, 1);
    return true;
}

/* Reads the route if it is there. False when the store failed. */
static bool read_route(struct run *run, const char *name, struct store_record *record,
                       bool *is_there, struct error *err)
{
    run->service->read_count++;
    return store_find(run->service->store, route_kind, name, record, is_there, err);
}

/* `*count`: of the routes that the candidates take the place of. */
static bool replace_routes(struct run *run, uint64_t *count, struct error *err)
{
    for (size_t i = 0; i < run->candidates.count; i++) {
        const struct mutation *mutation = &run->candidates.items[i].mutation;
        struct store_record record = {0};
        bool is_there = false;
        bool is_fine = mutation->kind != route_kind ||
                       read_route(run, mutation->name, &record, &is_there, err);
        if (is_there) {
            const struct store_object object = {.kind = route_kind,
                                                .name = slice_from_string(mutation->name),
                                                .bytes = buffer_slice(&record.bytes)};
            *count += is_replaced(run, &object);
        }
        store_record_clear(&record);
        if (!is_fine)
            return false;
    }
    return true;
}

/* `*count`: of those that were found and serve the host. */
static bool take_named(struct run *run, const struct routes_of_host *named, uint64_t *count,
                       struct error *err)
{
    for (size_t i = 0; i < named->count; i++) {
        struct store_record record = {0};
        bool is_there = false;
        if (explain_candidates_find(&run->candidates, route_kind, named->names[i]) != NULL)
            continue;
        bool is_fine = read_route(run, named->names[i], &record, &is_there, err);
        if (is_there &&
            packed_route_serves_host(buffer_slice(&record.bytes), run->sample.head.host)) {
            take_bytes(run, buffer_slice(&record.bytes));
            ++*count;
        }
        store_record_clear(&record);
        if (!is_fine)
            return false;
    }
    return true;
}

/* Whether what the head has for the host could be found without reading everything. False with
 * `err` unset when it could not. */
static bool take_routes_of_host(struct run *run, struct error *err)
{
    const struct explain_service *service = run->service;
    const struct store_head head = store_head(service->store);
    struct routes_of_host named;
    uint64_t replaced = 0;
    uint64_t taken = 0;
    if (run->revision != head.revision || route_explain_shows_other_hosts(run->explain))
        return false;
    bool is_found = routes_of_host_find(&named, service->shadows, run->sample.head.host) &&
                    replace_routes(run, &replaced, err) && take_named(run, &named, &taken, err);
    routes_of_host_clear(&named);
    if (is_found)
        route_explain_pass_over(run->explain, head.routes - replaced - taken);
    return is_found;
}

static void take_candidates(struct run *run)
{
    struct buffer bytes = BUFFER_EMPTY;
    for (size_t i = 0; i < run->candidates.count; i++) {
        const struct candidate *candidate = &run->candidates.items[i];
        if (candidate->mutation.kind != route_kind || !candidate->mutation.is_put)
            continue;
        candidate_pack(candidate, run->revision + 1, &bytes);
        take_bytes(run, buffer_slice(&bytes));
    }
    buffer_clear(&bytes);
}

/* --- answering ------------------------------------------------------------------------------ */

static BackendMessage *find_backend(void *context, const char *full_name)
{
    const struct run *run = context;
    const Pointsman__V1__ObjectKind kind = POINTSMAN__V1__OBJECT_KIND__OBJECT_KIND_BACKEND;
    const struct candidate *candidate = explain_candidates_find(&run->candidates, kind, full_name);
    struct buffer bytes = BUFFER_EMPTY;
    struct error err = {0};
    BackendMessage *found = NULL;
    bool is_there = candidate == NULL ? store_get_at(run->service->store, run->revision, kind,
                                                     full_name, &bytes, &err)
                                      : candidate->mutation.is_put;
    if (candidate != NULL && is_there)
        candidate_pack(candidate, run->revision + 1, &bytes);
    if (is_there)
        found = (BackendMessage *)object_unpack(kind, buffer_slice(&bytes), NULL);
    buffer_clear(&bytes);
    return found;
}

static void answer(struct run *run)
{
    struct error err = {0};
    const struct route_explanation *explanation = route_explain_finish(run->explain, &err);
    if (explanation == NULL) {
        grpc_call_fail_error(run->call, &err);
        run_free(run);
        return;
    }
    const struct explain_facts facts = {
        .sample = &run->sample,
        .explanation = explanation,
        .revision = run->revision,
        .listener = run->listener.is_chosen ? run->listener.name : "",
        .find_backend = find_backend,
        .context = run,
    };
    struct explain_report report;
    explain_report_init(&report, &facts);
    if (run->listener.is_chosen && !run->listener.is_known)
        explain_report_add_note(&report, "listener %s: no connected proxy has it",
                                run->listener.name);
    grpc_call_reply(run->call, &report.response.base);
    explain_report_clear(&report);
    run_free(run);
}

static void on_piece_due(struct event_timer *timer);

static void read_piece(struct run *run)
{
    const struct explain_service *service = run->service;
    struct error err = {0};
    run->piece_count = 0;
    run->piece_end_us = clock_now_us() + PIECE_MICROSECONDS;
    if (!store_scan(service->store, run->revision, route_kind, &run->cursor, take_route, run,
                    &err)) {
        grpc_call_fail_error(run->call, &err);
        run_free(run);
    } else if (run->cursor.is_finished) {
        take_candidates(run);
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

static bool read_sample(struct run *run, const Pointsman__V1__ExplainRequest *request,
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
    return sample_request_init(&run->sample, &description, err);
}

/* False when the call has been failed. */
static bool read_request(struct run *run)
{
    const Pointsman__V1__ExplainRequest *request = run->request;
    struct violations violations = {0};
    struct error err = {0};
    explain_candidates_read(&run->candidates, request->mutations, request->n_mutations,
                            &violations);
    bool is_fine = violations.count == 0 && read_sample(run, request, &err) &&
                   moment_resolve(run->service->store, request->at_revision, request->at_time_ms,
                                  &run->revision, &err);
    if (violations.count > 0)
        violations_fail_call(&violations, run->call);
    else if (!is_fine)
        grpc_call_fail_error(run->call, &err);
    violations_clear(&violations);
    return is_fine;
}

static Pointsman__V1__ExplainRequest *copy_request(const Pointsman__V1__ExplainRequest *request)
{
    struct buffer bytes = BUFFER_EMPTY;
    message_pack(&request->base, &bytes);
    ProtobufCMessage *copy =
        message_unpack(&pointsman__v1__explain_request__descriptor, buffer_slice(&bytes),
                       MESSAGE_MEMORY_APPLY, false, NULL);
    buffer_clear(&bytes);
    return (Pointsman__V1__ExplainRequest *)copy;
}

void explain_service_explain(struct explain_service *service, struct grpc_call *call,
                             const Pointsman__V1__ExplainRequest *request)
{
    struct error err = {0};
    if (service->run_count == RUNS_MAX) {
        error_set(&err, ERROR_LIMIT, "%d requests are being explained already", RUNS_MAX);
        grpc_call_fail_error(call, &err);
        return;
    }

    struct run *run = memory_allocate_zeroed(1, sizeof(*run));
    run->service = service;
    run->call = call;
    run->request = copy_request(request);
    service->run_count++;
    if (!read_request(run)) {
        run_free(run);
        return;
    }
    listener_choice_init(&run->listener, service->proxies, request->listener);
    run->sample.head.listener = run->listener.is_chosen ? &run->listener.identity : NULL;
    run->explain = route_explain_new(&run->sample.head, request->all);
    grpc_call_on_end(call, on_call_end, run);
    if (take_routes_of_host(run, &err)) {
        take_candidates(run);
        answer(run);
    } else if (err.code != ERROR_NONE) {
        grpc_call_fail_error(run->call, &err);
        run_free(run);
    } else {
        read_piece(run);
    }
}

uint64_t explain_service_read_count(const struct explain_service *service)
{
    return service->read_count;
}
