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
#include "tests/integration/model/story.h"
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

enum { KEPT_REVISIONS = 20, BURST = 15, MANY = 6 };

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
    stop_control(story, story_happens(story, 50));
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
    struct proxy_of_story *proxy = &story->proxies[story_chance(story, PROXIES)];
    if (proxy->live == NULL) {
        start_proxy(story, proxy);
        return;
    }
    live_proxy_stop(proxy->live);
    proxy->live = NULL;
    proxy->is_frozen = false; /* what it starts with, it takes as far as it goes */
    if (proxy->local_copy != NULL && story_happens(story, 30))
        unlink(proxy->local_copy);
    if (story_happens(story, 60))
        start_proxy(story, proxy);
}

/* As if another start of the proxy was about to take over, and failed. */
static void come_and_go(struct story *story)
{
    const struct proxy_of_story *proxy = &story->proxies[story_chance(story, PROXIES)];
    Pointsman__V1__WatchRequest request = POINTSMAN__V1__WATCH_REQUEST__INIT;
    struct wire wire;
    struct frame frame;
    request.proxy_id = (char *)proxy->id;
    request.boot_id = (char *)"newer";
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
        .is_route = story_happens(story, 60),
        .is_delete = story_happens(story, 30),
        .ignores_missing = story_happens(story, 60),
        .is_forced = story_happens(story, 40),
        .host = story_chance(story, MODEL_HOSTS),
        .prefix = story_chance(story, MODEL_PREFIXES),
        .backend = story_chance(story, MODEL_BACKEND_REFS),
        .port = 1000 + story_chance(story, 5),
    };
    mutation.index = story_chance(story, mutation.is_route ? MODEL_ROUTES : MODEL_BACKENDS);
    if (mutation.is_route && model_is_grpc(mutation.index))
        mutation.prefix %= 2;
    if (story_happens(story, 20)) {
        mutation.precondition = (enum model_precondition)story_chance(story, 4);
        mutation.revision_is = revision_of(model_head(story->model), &mutation);
        if (mutation.revision_is == 0 || story_happens(story, 30))
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
    unsigned count = 1 + story_chance(story, story_happens(story, 50) ? 1 : MANY);
    for (unsigned i = 0; i < count; i++) {
        struct model_mutation mutation = make_mutation(story);
        if (!names_the_same(change, &mutation))
            change->mutations[change->count++] = mutation;
    }
    change->replaces = story_happens(story, 10);
    change->shard = story_chance(story, MODEL_SHARDS);
    if (story_happens(story, 15))
        change->if_revision =
            model_head(story->model)->revision + (story_happens(story, 30) ? 1 : 0);
}

static void print_change(const struct model_change *change)
{
    print_error("if_revision %" PRIu64 "%s%u\n", change->if_revision,
                change->replaces ? ", replaces shard " : ", not shard ", change->shard);
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

    if (story_happens(story, 15)) {
        request->dry_run = true;
        expect_answer(story, &change, CONTROL "Apply", &request->base, is_taken, next.revision);
        request->dry_run = false;
    }
    bool is_repeated = story_happens(story, 15);
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
    uint64_t back = story_chance(story, story_happens(story, 60) ? 3 : (unsigned)(head - oldest));
    uint64_t first = back < head - oldest ? head - back : oldest + 1;
    uint64_t last = first + story_chance(story, (unsigned)(head - first + 1));
    if (has_bad_route(story->model, first - 1, last) || has_bad_route(story->model, head, head))
        return;

    request.revision = first;
    request.last_revision = last;
    request.force = story_happens(story, 40);
    bool is_taken = model_undo(story->model, first, last, request.force, &change) &&
                    model_try(story->model, &change, &next);
    expect_answer(story, &change, CONTROL "Undo", &request.base, is_taken, next.revision);
    if (is_taken)
        model_commit(story->model, &next);
}

/* --- commits that wait to be confirmed -------------------------------------------------------- */

enum { SOON_SECONDS = 1, LATE_SECONDS = 60 };

static bool is_reverted(void *context)
{
    struct story *story = context;
    Pointsman__V1__GetInfoResponse *info = control_client_get_info(story->client);
    bool is_ahead = info->revision > model_head(story->model)->revision;
    message_free(&info->base);
    return is_ahead;
}

/* What the revert of a revision makes of the head. */
static void revert(struct story *story, uint64_t revision, struct model_state *next)
{
    struct model_change change;
    model_hold(story->model, 0);
    if (!model_undo(story->model, revision, revision, true, &change) ||
        !model_try(story->model, &change, next))
        FAIL(story, "the model cannot revert revision %" PRIu64, revision);
}

static void wait_for_revert(struct story *story, uint64_t revision)
{
    struct model_state next;
    if (story_happens(story, 40))
        restart_control(story);
    if (!wait_until(is_reverted, story, WAIT_MS))
        FAIL(story, "revision %" PRIu64 " is not reverted", revision);
    revert(story, revision, &next);
    model_commit(story->model, &next);
}

static void undo_pending(struct story *story, uint64_t revision)
{
    Pointsman__V1__UndoRequest request = POINTSMAN__V1__UNDO_REQUEST__INIT;
    const struct model_change nothing = {0};
    struct model_state next;
    request.revision = revision;
    request.force = true;
    revert(story, revision, &next);
    expect_answer(story, &nothing, CONTROL "Undo", &request.base, true, next.revision);
    model_commit(story->model, &next);
}

static void confirm(struct story *story, uint64_t revision)
{
    Pointsman__V1__ConfirmRequest request = POINTSMAN__V1__CONFIRM_REQUEST__INIT;
    struct grpc_result result = {0};
    request.revision = revision;
    ProtobufCMessage *answer =
        grpc_client_call(story->client, CONTROL "Confirm", &request.base,
                         &pointsman__v1__confirm_response__descriptor, WAIT_MS, &result);
    if (answer == NULL)
        FAIL(story, "Confirm: %s", result.message);
    message_free(answer);
    grpc_result_clear(&result);
    model_hold(story->model, 0);
}

/* While it waits, nobody else changes what it changed; then it is confirmed, undone, or reverts
 * itself, in all cases also across a restart. */
static void commit_to_confirm(struct story *story)
{
    struct arena arena = {0};
    struct model_change change;
    struct model_state next;
    DurationMessage within = GOOGLE__PROTOBUF__DURATION__INIT;
    bool reverts = story_happens(story, 30);
    uint64_t head = model_head(story->model)->revision;
    if (has_bad_route(story->model, head, head))
        return;

    within.seconds = reverts ? SOON_SECONDS : LATE_SECONDS;
    make_change(story, &change);
    Pointsman__V1__ApplyRequest *request = model_request(&arena, &change);
    request->confirm_within = &within;
    bool is_taken = model_try(story->model, &change, &next);
    expect_answer(story, &change, CONTROL "Apply", &request->base, is_taken, next.revision);
    arena_clear(&arena);
    if (!is_taken || next.revision == head)
        return;
    model_commit(story->model, &next);
    model_hold(story->model, next.revision);
    if (reverts) {
        wait_for_revert(story, next.revision);
        return;
    }

    for (int i = 0; i < BURST; i++)
        commit(story);
    if (story_happens(story, 30))
        restart_control(story);
    story_check(story);
    if (story_happens(story, 50))
        confirm(story, next.revision);
    else
        undo_pending(story, next.revision);
}

static void commit_many(struct story *story)
{
    for (int i = 0; i < BURST; i++)
        commit(story);
}

/* --- the story -------------------------------------------------------------------------------- */

struct action {
    const char *name;
    unsigned share;
    void (*run)(struct story *story);
};

static const struct action actions[] = {
    {"commit", 51, commit},
    {"commit to confirm", 4, commit_to_confirm},
    {"undo", 8, undo},
    {"many commits", 5, commit_many},
    {"restart of control", 6, restart_control},
    {"stop or start of a proxy", 9, stop_or_start_proxy},
    {"takeover of a stream", 4, come_and_go},
    {"compaction", 4, compact},
    {"a bad route", 2, add_bad_route},
    {"its removal", 3, remove_bad_route},
    {"reading the past", 4, story_check_past},
};

enum { ACTIONS = sizeof(actions) / sizeof(actions[0]), SHARES = 100 };

static void act(struct story *story)
{
    unsigned left = story_chance(story, SHARES);
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
    story_check(&story);

    for (story.step = 1; story.step <= steps; story.step++) {
        act(&story);
        story_check(&story);
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
