#include "tests/unit/control/services_fixture.h"

#include "common/clock.h"
#include "common/event_loop.h"
#include "control/authorizer.h"
#include "control/backup_service.h"
#include "control/blame_service.h"
#include "control/change_feed.h"
#include "control/commit_group.h"
#include "control/commit_stream.h"
#include "control/confirmation.h"
#include "control/control_service.h"
#include "control/explain_service.h"
#include "control/feed_service.h"
#include "control/proxy_registry.h"
#include "control/replace_service.h"
#include "control/shadow_index.h"
#include "control/store.h"
#include "control/wait_list.h"
#include "tests/support/temp_dir.h"
#include "tests/unit/cmocka_all.h"

#include <stdlib.h>

enum { CLOCK_START_MS = 1000000 };

/* Everything make_* and put_* made. */
static void *made[1000];
static size_t made_count;

static void *keep(void *memory)
{
    assert_true(made_count < sizeof(made) / sizeof(made[0]));
    made[made_count++] = memory;
    return memory;
}

static char *keep_string(const char *text)
{
    return keep(memory_duplicate_string(text));
}

static void on_proxy_changed(void *context)
{
    const struct services *services = context;
    wait_list_check(services->waits);
}

static void start(struct services_fixture *fixture)
{
    struct error err = {0};
    struct services *services = &fixture->services;
    const struct authorizer_options roles = {0};
    struct feed_service_options feed_options;
    feed_service_options_init(&feed_options);
    feed_options.on_proxy_changed = on_proxy_changed;
    feed_options.context = services;

    fixture->loop = event_loop_new();
    services->authorizer = authorizer_new(&roles, &err);
    services->store = store_open(fixture->path, &err);
    assert_string_equal(err.message, "");
    fixture->changes = change_feed_new();
    services->commits = commit_group_new(fixture->loop, services->store, fixture->changes);
    services->proxies = proxy_registry_new();
    services->waits = wait_list_new(fixture->loop, services->proxies);
    services->shadows = shadow_index_new(fixture->loop, services->store);
    services->explain =
        explain_service_new(fixture->loop, services->store, services->shadows, services->proxies);
    services->blame = blame_service_new(fixture->loop, services->store);
    services->streams = commit_streams_new(services->store, fixture->changes);
    services->backup = backup_service_new(fixture->loop, services->store, services->commits);
    services->replaces = replace_service_new(fixture->loop, services);
    fixture->confirmation = confirmation_new(fixture->loop, fixture->changes, services);
    services->feed = feed_service_new(fixture->loop, services->store, fixture->changes,
                                      services->proxies, &feed_options);
}

static void stop(struct services_fixture *fixture)
{
    struct services *services = &fixture->services;
    commit_group_flush(services->commits);
    feed_service_free(services->feed);
    confirmation_free(fixture->confirmation);
    replace_service_free(services->replaces);
    backup_service_free(services->backup);
    commit_streams_free(services->streams);
    blame_service_free(services->blame);
    explain_service_free(services->explain);
    shadow_index_free(services->shadows);
    wait_list_free(services->waits);
    proxy_registry_free(services->proxies);
    commit_group_free(services->commits);
    change_feed_free(fixture->changes);
    store_close(services->store);
    authorizer_free(services->authorizer);
    event_loop_free(fixture->loop);
}

int services_fixture_set_up(void **state)
{
    struct services_fixture *fixture = memory_allocate_zeroed(1, sizeof(*fixture));
    fixture->dir = temp_dir_new();
    fixture->path = temp_dir_file(fixture->dir, "pointsman.db");
    fixture->now_ms = CLOCK_START_MS;
    clock_set_for_test(fixture->now_ms);
    start(fixture);
    *state = fixture;
    return 0;
}

int services_fixture_tear_down(void **state)
{
    struct services_fixture *fixture = *state;
    stop(fixture);
    clock_set_for_test(0);
    free(fixture->path);
    temp_dir_free(fixture->dir);
    free(fixture);
    while (made_count > 0)
        free(made[--made_count]);
    return 0;
}

void services_fixture_restart(struct services_fixture *fixture)
{
    stop(fixture);
    start(fixture);
}

void services_fixture_pass(struct services_fixture *fixture, uint64_t milliseconds)
{
    fixture->now_ms += milliseconds;
    clock_set_for_test(fixture->now_ms);
    event_loop_run_once(fixture->loop, 0);
}

/* --- requests ------------------------------------------------------------------------------- */

RouteMessage *make_route(const char *name, const char *backend)
{
    RouteMessage *route = keep(memory_allocate(sizeof(*route)));
    RouteRuleMessage *rule = keep(memory_allocate(sizeof(*rule)));
    BackendRefMessage *reference = keep(memory_allocate(sizeof(*reference)));
    RouteRuleMessage **rules = keep(memory_allocate(sizeof(RouteRuleMessage *)));
    BackendRefMessage **references = keep(memory_allocate(sizeof(BackendRefMessage *)));
    pointsman__v1__route__init(route);
    pointsman__v1__route_rule__init(rule);
    pointsman__v1__backend_ref__init(reference);
    route->name = keep_string(name);
    route->n_rules = 1;
    route->rules = rules;
    rules[0] = rule;
    if (backend[0] != '\0') {
        reference->name = keep_string(backend);
        rule->n_backend_refs = 1;
        rule->backend_refs = references;
        references[0] = reference;
    }
    return route;
}

BackendMessage *make_backend(const char *name, uint32_t port)
{
    BackendMessage *backend = keep(memory_allocate(sizeof(*backend)));
    EndpointMessage *endpoint = keep(memory_allocate(sizeof(*endpoint)));
    EndpointMessage **endpoints = keep(memory_allocate(sizeof(EndpointMessage *)));
    pointsman__v1__backend__init(backend);
    pointsman__v1__endpoint__init(endpoint);
    backend->name = keep_string(name);
    backend->n_endpoints = 1;
    backend->endpoints = endpoints;
    endpoints[0] = endpoint;
    endpoint->address = keep_string("127.0.0.1");
    endpoint->port = port;
    return backend;
}

static MutationMessage *make_mutation(Pointsman__V1__Mutation__OperationCase operation)
{
    MutationMessage *mutation = keep(memory_allocate(sizeof(*mutation)));
    pointsman__v1__mutation__init(mutation);
    mutation->operation_case = operation;
    return mutation;
}

MutationMessage *put_route(const char *name, const char *backend)
{
    MutationMessage *mutation = make_mutation(POINTSMAN__V1__MUTATION__OPERATION_PUT_ROUTE);
    mutation->put_route = make_route(name, backend);
    return mutation;
}

MutationMessage *delete_route(const char *name)
{
    MutationMessage *mutation = make_mutation(POINTSMAN__V1__MUTATION__OPERATION_DELETE_ROUTE);
    mutation->delete_route = keep_string(name);
    return mutation;
}

MutationMessage *put_backend(const char *name, uint32_t port)
{
    MutationMessage *mutation = make_mutation(POINTSMAN__V1__MUTATION__OPERATION_PUT_BACKEND);
    mutation->put_backend = make_backend(name, port);
    return mutation;
}

MutationMessage *delete_backend(const char *name)
{
    MutationMessage *mutation = make_mutation(POINTSMAN__V1__MUTATION__OPERATION_DELETE_BACKEND);
    mutation->delete_backend = keep_string(name);
    return mutation;
}

Pointsman__V1__ApplyRequest *make_apply(MutationMessage *first, ...)
{
    enum { MUTATIONS_MAX = 16 };
    Pointsman__V1__ApplyRequest *request = keep(memory_allocate(sizeof(*request)));
    MutationMessage **mutations = keep(memory_allocate(MUTATIONS_MAX * sizeof(MutationMessage *)));
    pointsman__v1__apply_request__init(request);
    request->mutations = mutations;

    va_list arguments;
    va_start(arguments, first);
    for (MutationMessage *at = first; at != NULL; at = va_arg(arguments, MutationMessage *))
        mutations[request->n_mutations++] = at;
    va_end(arguments);
    return request;
}

/* --- calls ---------------------------------------------------------------------------------- */

struct grpc_call *start_apply(struct services_fixture *fixture,
                              const Pointsman__V1__ApplyRequest *request)
{
    struct grpc_call *call = fake_call_new();
    control_service_apply(&fixture->services, call, &request->base);
    return call;
}

AnswerMessage *apply(struct services_fixture *fixture, const Pointsman__V1__ApplyRequest *request)
{
    struct grpc_call *call = start_apply(fixture, request);
    commit_group_flush(fixture->services.commits);
    assert_string_equal(fake_call_message(call), "");
    AnswerMessage *answer =
        (AnswerMessage *)fake_call_answer(call, &pointsman__v1__apply_response__descriptor);
    assert_non_null(answer);
    fake_call_free(call);
    return answer;
}

uint64_t apply_ok(struct services_fixture *fixture, const Pointsman__V1__ApplyRequest *request)
{
    AnswerMessage *answer = apply(fixture, request);
    uint64_t revision = answer->revision;
    answer_free(answer);
    return revision;
}

void apply_fails(struct services_fixture *fixture, const Pointsman__V1__ApplyRequest *request,
                 enum grpc_status status, const char *fields)
{
    uint64_t before = store_head(fixture->services.store).revision;
    struct grpc_call *call = start_apply(fixture, request);
    commit_group_flush(fixture->services.commits);
    assert_true(fake_call_has_ended(call));
    assert_string_equal(grpc_status_name(fake_call_status(call)), grpc_status_name(status));
    assert_string_equal(fake_call_bad_fields(call), fields);
    assert_int_equal(store_head(fixture->services.store).revision, before);
    fake_call_free(call);
}
