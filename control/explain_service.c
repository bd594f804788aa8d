#include "control/explain_service.h"

#include "common/clock.h"
#include "common/event_loop.h"
#include "control/explain_candidates.h"
#include "control/explain_reading.h"
#include "control/listener_choice.h"
#include "control/moment.h"
#include "control/object_page.h"
#include "control/store_history.h"
#include "proto/grpc_server.h"
#include "proto/message.h"
#include "proxy/routing/explain_report.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

/* Each keeps what it may show, and goes on in every turn of the loop: few at a time. */
enum { RUNS_MAX = 4, HEADERS_MAX = 100, PIECE_US = 1000, MATCHES_AT_ONCE = 50 };

enum run_step { RUN_READS, RUN_ORDERS, RUN_DESCRIBES, RUN_REPLIES };

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

    uint64_t revision;
    struct route_explain *explain;
    enum run_step step;
    struct explain_reading reading;
    struct explain_facts facts; /* when it describes */
    struct explain_report report;
    struct buffer answer; /* what has been taken from it */
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
    run->service->read_count += run->reading.read_count;
    explain_report_clear(&run->report);
    buffer_clear(&run->answer);
    explain_reading_clear(&run->reading);
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

/* Ends the run. */
static void reply(struct run *run)
{
    if (run->listener.is_chosen && !run->listener.is_known)
        explain_report_add_note(&run->report, "listener %s: no connected proxy has it",
                                run->listener.name);
    explain_report_take(&run->report, &run->answer);
    grpc_call_reply_packed(run->call, buffer_slice(&run->answer));
    run_free(run);
}

static void fail(struct run *run, const struct error *err)
{
    grpc_call_fail_error(run->call, err);
    run_free(run);
}

static bool start_report(struct run *run, struct error *err)
{
    run->facts = (struct explain_facts){
        .sample = &run->sample,
        .explanation = route_explain_finish(run->explain, err),
        .revision = run->revision,
        .listener = run->listener.is_chosen ? run->listener.name : "",
        .epoch = store_epoch(run->service->store),
        .find_backend = find_backend,
        .context = run,
    };
    if (run->facts.explanation == NULL)
        return false;
    explain_report_start(&run->report, &run->facts);
    run->step = RUN_DESCRIBES;
    return true;
}

/* False when it cannot go on. */
static bool do_step(struct run *run, uint64_t end_us, struct error *err)
{
    switch (run->step) {
    case RUN_READS:
        if (!explain_reading_go_on(&run->reading, end_us, err))
            return false;
        if (run->reading.step == READING_DONE)
            run->step = RUN_ORDERS;
        break;
    case RUN_ORDERS:
        if (route_explain_go_on(run->explain, MATCHES_AT_ONCE))
            return start_report(run, err);
        break;
    case RUN_DESCRIBES:
        if (explain_report_go_on(&run->report, &run->facts, MATCHES_AT_ONCE))
            run->step = RUN_REPLIES;
        explain_report_take(&run->report, &run->answer);
        break;
    case RUN_REPLIES:
        break;
    }
    return true;
}

/* Others that are explained share the turn. To answer, and to let go of all that was read, takes
 * half a piece. */
static void do_piece(struct event_timer *timer)
{
    struct run *run = timer->context;
    struct explain_service *service = run->service;
    struct error err = {0};
    const uint64_t end_us = clock_now_us() + PIECE_US / service->run_count;
    bool is_fine;
    do {
        is_fine = do_step(run, end_us, &err);
    } while (is_fine && run->step != RUN_REPLIES && clock_now_us() < end_us);
    if (!is_fine)
        fail(run, &err);
    else if (run->step == RUN_REPLIES && clock_now_us() < end_us)
        reply(run);
    else
        event_timer_start(&run->timer, service->loop, 0, do_piece, run);
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
    run->request = (Pointsman__V1__ExplainRequest *)message_copy(&request->base);
    service->run_count++;
    if (!read_request(run)) {
        run_free(run);
        return;
    }
    listener_choice_init(&run->listener, service->proxies, request->listener);
    run->sample.head.listener = run->listener.is_chosen ? &run->listener.identity : NULL;
    run->explain = route_explain_new(&run->sample.head, request->all);
    grpc_call_on_end(call, on_call_end, run);
    if (explain_reading_init(&run->reading, service->store, service->shadows, &run->sample.head,
                             &run->candidates, run->explain, run->revision, &err)) {
        event_timer_start(&run->timer, service->loop, 0, do_piece, run);
    } else {
        fail(run, &err);
    }
}

uint64_t explain_service_read_count(const struct explain_service *service)
{
    return service->read_count;
}
