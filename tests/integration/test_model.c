/* Control and its proxies against a simple model: random commits of every kind, refusals, restarts
 * of either side, connections taken over, histories cut, and a route that no proxy can build. After
 * each step control, every proxy and the model agree: on every object to its last byte, on digests,
 * on what a request gets, and on what control thinks of its proxies.
 *
 * POINTSMAN_MODEL_STEPS says how long (300), POINTSMAN_SEED where chance starts; a failure names
 * the seed and the step. */
#include "common/event_loop.h"
#include "common/log.h"
#include "control/compactor.h"
#include "control/store.h"
#include "tests/integration/model/live_control.h"
#include "tests/integration/model/live_proxy.h"
#include "tests/integration/model/model.h"
#include "tests/support/control_client.h"
#include "tests/support/number_from_environment.h"
#include "tests/support/temp_dir.h"
#include "tests/support/wait.h"
#include "tests/support/wire.h"
#include "tests/unit/cmocka_all.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CONTROL "/pointsman.v1.RouteControl/"

enum { PROXIES = 3, KEPT_REVISIONS = 20, BURST = 15, MANY = 6 };

struct proxy_of_story {
    char id[8];
    char *local_copy; /* NULL: it keeps none */
    struct live_proxy *live;
    bool is_frozen; /* it rejects what there is, and stays where it is */
    uint64_t frozen_at;
};

struct story {
    uint64_t seed;
    uint64_t random;
    unsigned step;
    const char *doing;
    struct temp_dir *dir;
    char *database;
    char *socket_path;
    struct model *model;
    struct live_control *control;
    struct grpc_client *client;
    struct proxy_of_story proxies[PROXIES];
    unsigned refusals;
    unsigned request_ids;
    char difference[8192]; /* why the last look did not find agreement */
};

/* cmocka cuts long messages. */
#define FAIL(story, ...)                                                                           \
    do {                                                                                           \
        fprintf(stderr, "seed %" PRIu64 ", step %u, %s: ", (story)->seed, (story)->step,           \
                (story)->doing);                                                                   \
        fprintf(stderr, __VA_ARGS__);                                                              \
        fputc('\n', stderr);                                                                       \
        fail();                                                                                    \
    } while (0)

#define DIFFERS(story, ...)                                                                        \
    (snprintf((story)->difference, sizeof((story)->difference), __VA_ARGS__), false)

static unsigned chance(struct story *story, unsigned below)
{
    story->random = story->random * 6364136223846793005U + 1442695040888963407U;
    return (unsigned)((story->random >> 33) % below);
}

static bool happens(struct story *story, unsigned percent)
{
    return chance(story, 100) < percent;
}

/* --- control ---------------------------------------------------------------------------------- */

static void start_control(struct story *story)
{
    story->control = live_control_start(story->database, story->socket_path);
    story->client = control_client_connect(story->socket_path);
}

static void stop_control(struct story *story, bool is_graceful)
{
    grpc_client_free(story->client);
    story->client = NULL;
    live_control_stop(story->control, is_graceful);
    story->control = NULL;
}

static void restart_control(struct story *story)
{
    stop_control(story, happens(story, 50));
    start_control(story);
}

static struct store *open_store(struct story *story)
{
    struct error err = {0};
    struct store *store = store_open(story->database, &err);
    if (store == NULL)
        FAIL(story, "%s", err.message);
    return store;
}

static void compact(struct story *story)
{
    stop_control(story, true);
    struct event_loop *loop = event_loop_new();
    struct store *store = open_store(story);
    struct compactor *compactor = compactor_new(loop, store, KEPT_REVISIONS);
    while (compactor_step(compactor))
        ;
    compactor_free(compactor);
    store_close(store);
    event_loop_free(loop);
    start_control(story);
}

/* Another version of control would take a route that these proxies cannot build. */
static void add_bad_route(struct story *story)
{
    const struct store_commit commit = {.command = "", .message = "", .request_id = ""};
    struct model_state next = *model_head(story->model);
    if (next.bad.revision != 0)
        return;
    next.revision++;
    next.bad.revision = next.bad.created_revision = next.revision;
    struct buffer bytes = BUFFER_EMPTY;
    const char *name = model_bad_route(next.revision, &bytes);
    struct slice after = buffer_slice(&bytes);
    const struct store_write write = {
        .kind = POINTSMAN__V1__OBJECT_KIND__OBJECT_KIND_ROUTE,
        .name = name,
        .created_revision = next.revision,
        .after = &after,
    };
    struct error err = {0};

    stop_control(story, true);
    struct store *store = open_store(story);
    if (!store_transaction_begin(store, &err) || !store_commit_begin(store, &err) ||
        !store_write(store, &write, &err) || !store_commit_end(store, &commit, &err) ||
        !store_transaction_end(store, &err))
        FAIL(story, "%s", err.message);
    store_close(store);
    buffer_clear(&bytes);
    for (size_t i = 0; i < PROXIES; i++) {
        struct proxy_of_story *proxy = &story->proxies[i];
        proxy->is_frozen = proxy->live != NULL;
        proxy->frozen_at = model_head(story->model)->revision;
    }
    model_commit(story->model, &next);
    start_control(story);
}

static void remove_bad_route(struct story *story)
{
    Pointsman__V1__DeleteRouteRequest request = POINTSMAN__V1__DELETE_ROUTE_REQUEST__INIT;
    struct model_state next = *model_head(story->model);
    struct grpc_result result = {0};
    if (next.bad.revision == 0)
        return;
    next.revision++;
    next.bad = (struct model_route){0};
    request.name = (char *)"bad";
    ProtobufCMessage *answer =
        grpc_client_call(story->client, CONTROL "DeleteRoute", &request.base,
                         &pointsman__v1__apply_response__descriptor, WAIT_MS, &result);
    if (answer == NULL)
        FAIL(story, "%s", result.message);
    message_free(answer);
    grpc_result_clear(&result);
    for (size_t i = 0; i < PROXIES; i++)
        story->proxies[i].is_frozen = false;
    model_commit(story->model, &next);
}

/* --- proxies ---------------------------------------------------------------------------------- */

static void start_proxy(struct story *story, struct proxy_of_story *proxy)
{
    proxy->live = live_proxy_start(proxy->id, story->socket_path, proxy->local_copy);
}

/* It may stay away for some steps. */
static void stop_or_start_proxy(struct story *story)
{
    struct proxy_of_story *proxy = &story->proxies[chance(story, PROXIES)];
    if (proxy->live == NULL) {
        start_proxy(story, proxy);
        return;
    }
    live_proxy_stop(proxy->live);
    proxy->live = NULL;
    proxy->is_frozen = false; /* what it starts with, it takes as far as it goes */
    if (proxy->local_copy != NULL && happens(story, 30))
        unlink(proxy->local_copy);
    if (happens(story, 60))
        start_proxy(story, proxy);
}

/* As if the proxy had been started again elsewhere: its stream ends, and another takes its place
 * for a while. */
static void take_over_stream(struct story *story)
{
    const struct proxy_of_story *proxy = &story->proxies[chance(story, PROXIES)];
    Pointsman__V1__WatchRequest request = POINTSMAN__V1__WATCH_REQUEST__INIT;
    struct wire wire;
    struct frame frame;
    request.proxy_id = (char *)proxy->id;
    request.boot_id = (char *)"newer";
    request.boot_time_ms = UINT64_MAX;
    request.protocol_min = request.protocol_max = 1;

    wire_open(&wire, story->socket_path);
    wire_send(&wire, WIRE_HELLO);
    wire_call(&wire, "/pointsman.v1.RouteFeed/Watch");
    wire_request_on(&wire, 1, &request.base);
    if (!wire_expect(&wire, FRAME_DATA, &frame))
        FAIL(story, "no welcome");
    wire_close(&wire);
}

/* --- commits ---------------------------------------------------------------------------------- */

static uint64_t revision_of(const struct model_state *state, const struct model_mutation *mutation)
{
    return mutation->is_route ? state->routes[mutation->index].revision
                              : state->backends[mutation->index].revision;
}

static struct model_mutation make_mutation(struct story *story)
{
    struct model_mutation mutation = {
        .is_route = happens(story, 60),
        .is_delete = happens(story, 30),
        .ignores_missing = happens(story, 60),
        .is_forced = happens(story, 40),
        .host = chance(story, MODEL_HOSTS),
        .prefix = chance(story, MODEL_PREFIXES),
        .backend = chance(story, MODEL_BACKEND_REFS),
        .port = 1000 + chance(story, 5),
    };
    mutation.index = chance(story, mutation.is_route ? MODEL_ROUTES : MODEL_BACKENDS);
    if (happens(story, 20)) {
        mutation.precondition = (enum model_precondition)chance(story, 4);
        mutation.revision_is = revision_of(model_head(story->model), &mutation);
        if (mutation.revision_is == 0 || happens(story, 30))
            mutation.revision_is++;
    }
    return mutation;
}

static bool names_the_same(const struct model_change *change, const struct model_mutation *mutation)
{
    for (size_t i = 0; i < change->count; i++) {
        if (change->mutations[i].is_route == mutation->is_route &&
            change->mutations[i].index == mutation->index)
            return true;
    }
    return false;
}

static void make_change(struct story *story, struct model_change *change)
{
    *change = (struct model_change){0};
    unsigned count = 1 + chance(story, happens(story, 50) ? 1 : MANY);
    for (unsigned i = 0; i < count; i++) {
        struct model_mutation mutation = make_mutation(story);
        if (!names_the_same(change, &mutation))
            change->mutations[change->count++] = mutation;
    }
    if (happens(story, 15))
        change->if_revision = model_head(story->model)->revision + (happens(story, 30) ? 1 : 0);
}

static void print_change(const struct model_change *change)
{
    print_error("if_revision %" PRIu64 "\n", change->if_revision);
    for (size_t i = 0; i < change->count; i++) {
        const struct model_mutation *each = &change->mutations[i];
        print_error("%s %c%u host %u prefix %u backend %u port %u%s%s condition %d (%" PRIu64 ")\n",
                    each->is_delete ? "delete" : "put", each->is_route ? 'r' : 'b', each->index,
                    each->host, each->prefix, each->backend, each->port,
                    each->is_forced ? " force" : "", each->ignores_missing ? " ignore_missing" : "",
                    (int)each->precondition, each->revision_is);
    }
}

/* Sends it, and holds the answer against what the model says: refused, or this revision. */
static void expect_answer(struct story *story, const struct model_change *change,
                          const char *method, const ProtobufCMessage *request, bool is_taken,
                          uint64_t revision)
{
    struct grpc_result result = {0};
    Pointsman__V1__ApplyResponse *answer = (Pointsman__V1__ApplyResponse *)grpc_client_call(
        story->client, method, request, &pointsman__v1__apply_response__descriptor, WAIT_MS,
        &result);
    if (is_taken != (answer != NULL) || (is_taken && answer->revision != revision))
        print_change(change);
    if (is_taken && answer == NULL)
        FAIL(story, "refused: %s", result.message);
    if (!is_taken && answer != NULL)
        FAIL(story, "taken as revision %" PRIu64 ", where the model refuses it", answer->revision);
    if (is_taken && answer->revision != revision)
        FAIL(story, "revision %" PRIu64 " where the model has %" PRIu64, answer->revision,
             revision);
    story->refusals += !is_taken;
    message_free((ProtobufCMessage *)answer);
    grpc_result_clear(&result);
}

static void commit(struct story *story)
{
    struct arena arena = {0};
    struct model_change change;
    struct model_state next;
    char request_id[32];
    make_change(story, &change);
    Pointsman__V1__ApplyRequest *request = model_request(&arena, &change);
    bool is_taken = model_try(story->model, &change, &next);

    if (happens(story, 15)) {
        request->dry_run = true;
        expect_answer(story, &change, CONTROL "Apply", &request->base, is_taken, next.revision);
        request->dry_run = false;
    }
    bool is_repeated = happens(story, 15);
    if (is_repeated) {
        snprintf(request_id, sizeof(request_id), "request-%u", story->request_ids++);
        request->request_id = request_id;
    }
    expect_answer(story, &change, CONTROL "Apply", &request->base, is_taken, next.revision);
    if (is_taken)
        model_commit(story->model, &next);
    if (is_repeated && is_taken)
        expect_answer(story, &change, CONTROL "Apply", &request->base, true, next.revision);
    arena_clear(&arena);
}

static bool has_bad_route(const struct model *model, uint64_t first, uint64_t last)
{
    for (; first <= last; first++) {
        if (model_at(model, first)->bad.revision != 0)
            return true;
    }
    return false;
}

static void undo(struct story *story)
{
    Pointsman__V1__UndoRequest request = POINTSMAN__V1__UNDO_REQUEST__INIT;
    struct model_change change;
    struct model_state next;
    Pointsman__V1__GetInfoResponse *info = control_client_get_info(story->client);
    uint64_t head = info->revision;
    uint64_t oldest = info->oldest_revision;
    message_free(&info->base);
    if (head == oldest)
        return;
    uint64_t back = chance(story, happens(story, 60) ? 3 : (unsigned)(head - oldest));
    uint64_t first = back < head - oldest ? head - back : oldest + 1;
    uint64_t last = first + chance(story, (unsigned)(head - first + 1));
    if (has_bad_route(story->model, first - 1, last) || has_bad_route(story->model, head, head))
        return;

    request.revision = first;
    request.last_revision = last;
    request.force = happens(story, 40);
    bool is_taken = model_undo(story->model, first, last, request.force, &change) &&
                    model_try(story->model, &change, &next);
    expect_answer(story, &change, CONTROL "Undo", &request.base, is_taken, next.revision);
    if (is_taken)
        model_commit(story->model, &next);
}

static void commit_many(struct story *story)
{
    for (int i = 0; i < BURST; i++)
        commit(story);
}

/* --- agreement -------------------------------------------------------------------------------- */

static void describe_routes(struct story *story, uint64_t revision, struct buffer *to)
{
    Pointsman__V1__ListRoutesRequest request = POINTSMAN__V1__LIST_ROUTES_REQUEST__INIT;
    struct grpc_result result = {0};
    request.at_revision = revision;
    Pointsman__V1__ListRoutesResponse *list = (Pointsman__V1__ListRoutesResponse *)grpc_client_call(
        story->client, CONTROL "ListRoutes", &request.base,
        &pointsman__v1__list_routes_response__descriptor, WAIT_MS, &result);
    if (list == NULL)
        FAIL(story, "ListRoutes at %" PRIu64 ": %s", revision, result.message);
    for (size_t i = 0; i < list->n_routes; i++) {
        struct buffer bytes = BUFFER_EMPTY;
        message_pack(&list->routes[i]->base, &bytes);
        model_describe_object(POINTSMAN__V1__OBJECT_KIND__OBJECT_KIND_ROUTE,
                              slice_from_string(list->routes[i]->name), buffer_slice(&bytes), to);
        buffer_clear(&bytes);
    }
    message_free(&list->base);
    grpc_result_clear(&result);
}

static void describe_backends(struct story *story, uint64_t revision, struct buffer *to)
{
    Pointsman__V1__ListBackendsRequest request = POINTSMAN__V1__LIST_BACKENDS_REQUEST__INIT;
    struct grpc_result result = {0};
    request.at_revision = revision;
    Pointsman__V1__ListBackendsResponse *list =
        (Pointsman__V1__ListBackendsResponse *)grpc_client_call(
            story->client, CONTROL "ListBackends", &request.base,
            &pointsman__v1__list_backends_response__descriptor, WAIT_MS, &result);
    if (list == NULL)
        FAIL(story, "ListBackends at %" PRIu64 ": %s", revision, result.message);
    for (size_t i = 0; i < list->n_backends; i++) {
        struct buffer bytes = BUFFER_EMPTY;
        message_pack(&list->backends[i]->base, &bytes);
        model_describe_object(POINTSMAN__V1__OBJECT_KIND__OBJECT_KIND_BACKEND,
                              slice_from_string(list->backends[i]->name), buffer_slice(&bytes), to);
        buffer_clear(&bytes);
    }
    message_free(&list->base);
    grpc_result_clear(&result);
}

/* What control lists at a revision (0: the head) is what the model had. */
static void check_list(struct story *story, uint64_t revision)
{
    struct buffer listed = BUFFER_EMPTY;
    struct buffer expected = BUFFER_EMPTY;
    uint64_t digest;
    describe_routes(story, revision, &listed);
    describe_backends(story, revision, &listed);
    model_describe(revision == 0 ? model_head(story->model) : model_at(story->model, revision),
                   &expected, &digest);
    if (strcmp(buffer_string(&listed), buffer_string(&expected)) != 0)
        FAIL(story, "control at %" PRIu64 ":\n%sthe model:\n%s", revision, buffer_string(&listed),
             buffer_string(&expected));
    buffer_clear(&listed);
    buffer_clear(&expected);
}

static void read_the_past(struct story *story)
{
    Pointsman__V1__GetInfoResponse *info = control_client_get_info(story->client);
    uint64_t oldest = info->oldest_revision;
    uint64_t span = info->revision - oldest;
    message_free(&info->base);
    for (int i = 0; i < 3 && span > 0; i++)
        check_list(story, oldest + 1 + chance(story, (unsigned)span));
}

static const struct model_state *expected_of(const struct story *story,
                                             const struct proxy_of_story *proxy)
{
    return proxy->is_frozen ? model_at(story->model, proxy->frozen_at) : model_head(story->model);
}

static bool has_view(struct story *story, const struct proxy_of_story *proxy)
{
    const struct model_state *expected = expected_of(story, proxy);
    struct live_view view;
    struct buffer objects = BUFFER_EMPTY;
    uint64_t digest;
    live_proxy_view(proxy->live, &view);
    model_describe(expected, &objects, &digest);
    bool agrees = view.objects != NULL && view.revision == expected->revision;
    if (!agrees)
        (void)DIFFERS(story, "proxy %s is at revision %" PRIu64 ", not %" PRIu64, proxy->id,
                      view.objects == NULL ? 0 : view.revision, expected->revision);
    else if (view.digest != digest || strcmp(view.objects, buffer_string(&objects)) != 0)
        agrees = DIFFERS(story, "proxy %s:\n%sthe model:\n%s", proxy->id, view.objects,
                         buffer_string(&objects));
    live_view_clear(&view);
    buffer_clear(&objects);
    return agrees;
}

static void check_requests(struct story *story, const struct proxy_of_story *proxy)
{
    const struct model_state *expected = expected_of(story, proxy);
    for (unsigned host = 0; host <= MODEL_HOSTS; host++) {
        for (unsigned path = 0; path < MODEL_PREFIXES; path++) {
            unsigned answer = live_proxy_answer(proxy->live, model_host(host), model_path(path));
            if (answer != model_answer(expected, host, path))
                FAIL(story, "proxy %s answers http://%s%s with %u, the model with %u", proxy->id,
                     model_host(host), model_path(path), answer,
                     model_answer(expected, host, path));
        }
    }
}

/* What control says of a proxy. */
static bool is_told(struct story *story, const struct proxy_of_story *proxy,
                    const Pointsman__V1__Proxy *told)
{
    uint64_t head = model_head(story->model)->revision;
    uint64_t revision = expected_of(story, proxy)->revision;
    if (!told->connected)
        return DIFFERS(story, "control says that proxy %s is not connected", proxy->id);
    /* Of a frozen one the digest may be too old to be compared. */
    if (told->revision != revision || !(told->digest_matches || proxy->is_frozen))
        return DIFFERS(story, "control says that proxy %s is at %" PRIu64 ", not %" PRIu64,
                       proxy->id, told->revision, revision);
    if (proxy->is_frozen &&
        (told->last_rejection == NULL || told->last_rejection->revision != head))
        return DIFFERS(story, "control does not say that proxy %s rejected the head", proxy->id);
    return true;
}

static bool are_told(struct story *story)
{
    Pointsman__V1__ListProxiesRequest request = POINTSMAN__V1__LIST_PROXIES_REQUEST__INIT;
    struct grpc_result result = {0};
    bool agrees = true;
    Pointsman__V1__ListProxiesResponse *list =
        (Pointsman__V1__ListProxiesResponse *)grpc_client_call(
            story->client, CONTROL "ListProxies", &request.base,
            &pointsman__v1__list_proxies_response__descriptor, WAIT_MS, &result);
    if (list == NULL)
        FAIL(story, "ListProxies: %s", result.message);
    for (size_t i = 0; i < PROXIES && agrees; i++) {
        const struct proxy_of_story *proxy = &story->proxies[i];
        size_t at = 0;
        while (at < list->n_proxies && strcmp(list->proxies[at]->id, proxy->id) != 0)
            at++;
        if (proxy->live == NULL)
            continue;
        agrees = at < list->n_proxies ? is_told(story, proxy, list->proxies[at])
                                      : DIFFERS(story, "control does not know proxy %s", proxy->id);
    }
    message_free(&list->base);
    grpc_result_clear(&result);
    return agrees;
}

static bool has_settled(void *context)
{
    struct story *story = context;
    for (size_t i = 0; i < PROXIES; i++) {
        if (story->proxies[i].live != NULL && !has_view(story, &story->proxies[i]))
            return false;
    }
    return are_told(story);
}

static void check(struct story *story)
{
    if (!wait_until(has_settled, story, WAIT_MS))
        FAIL(story, "they do not come to agree: %s", story->difference);
    check_list(story, 0);
    for (size_t i = 0; i < PROXIES; i++) {
        if (story->proxies[i].live != NULL)
            check_requests(story, &story->proxies[i]);
    }
}

/* --- the story -------------------------------------------------------------------------------- */

struct action {
    const char *name;
    unsigned share;
    void (*run)(struct story *story);
};

static const struct action actions[] = {
    {"commit", 55, commit},
    {"undo", 8, undo},
    {"many commits", 5, commit_many},
    {"restart of control", 6, restart_control},
    {"stop or start of a proxy", 9, stop_or_start_proxy},
    {"takeover of a stream", 4, take_over_stream},
    {"compaction", 4, compact},
    {"a bad route", 2, add_bad_route},
    {"its removal", 3, remove_bad_route},
    {"reading the past", 4, read_the_past},
};

enum { ACTIONS = sizeof(actions) / sizeof(actions[0]), SHARES = 100 };

static void act(struct story *story)
{
    unsigned left = chance(story, SHARES);
    const struct action *action = actions;
    for (; action < actions + ACTIONS - 1 && left >= action->share; action++)
        left -= action->share;
    story->doing = action->name;
    action->run(story);
}

static void set_up_story(struct story *story)
{
    *story = (struct story){.seed = number_from_environment("POINTSMAN_SEED", 1)};
    story->random = story->seed;
    story->dir = temp_dir_new();
    story->database = temp_dir_file(story->dir, "routes.db");
    story->socket_path = temp_dir_file(story->dir, "control.sock");
    story->model = model_new();
    story->doing = "start";
    char *log = temp_dir_file(story->dir, "log"); /* rejections are errors, and many */
    log_open(log, NULL);
    free(log);
    start_control(story);
    for (size_t i = 0; i < PROXIES; i++) {
        struct proxy_of_story *proxy = &story->proxies[i];
        snprintf(proxy->id, sizeof(proxy->id), "p%zu", i);
        proxy->local_copy = i == 0 ? NULL : temp_dir_file(story->dir, proxy->id);
        start_proxy(story, proxy);
    }
}

static void tear_down_story(struct story *story)
{
    for (size_t i = 0; i < PROXIES; i++) {
        live_proxy_stop(story->proxies[i].live);
        free(story->proxies[i].local_copy);
    }
    stop_control(story, true);
    model_free(story->model);
    temp_dir_free(story->dir);
    free(story->database);
    free(story->socket_path);
}

static void control_proxies_and_model_agree(void **state)
{
    (void)state;
    uint64_t steps = number_from_environment("POINTSMAN_MODEL_STEPS", 300);
    static struct story story;
    set_up_story(&story);
    check(&story);

    for (story.step = 1; story.step <= steps; story.step++) {
        act(&story);
        check(&story);
    }

    assert_true(model_head(story.model)->revision > steps / 2);
    assert_true(story.refusals > steps / 20);
    tear_down_story(&story);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(control_proxies_and_model_agree)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
