/* What a change costs from end to end, with the real programs in a folder of their own.
 *
 *   bench_control [--json] [ROUTES...]     1,000, 100,000 and 1,000,000 without an argument
 *
 * The programs are those of the folder that POINTSMAN_BIN names, or those beside this one. The
 * folder is made in TMPDIR: a commit waits for that disk. */
#include "common/buffer.h"
#include "common/clock.h"
#include "tests/bench/measures.h"
#include "tests/bench/programs.h"
#include "tests/bench/route_puts.h"
#include "tests/support/check.h"
#include "tests/support/control_client.h"
#include "tests/support/http_get.h"
#include "tests/support/pointsman.h"
#include "tests/support/wait.h"

#include <inttypes.h>
#include <libgen.h>
#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WAIT_APPLIED "/pointsman.v1.RouteControl/WaitApplied"
#define WATCH "/pointsman.v1.RouteFeed/Watch"

enum {
    BATCH = ROUTE_PUTS_MAX,
    FILLERS = 4,
    LATENCY_COMMITS = 400,
    RATE_MS = 2000,
    CLIENTS = 64,
    WATCHERS = 64,
    WATCHER_CHANGES = 20000,
    READY_MS = 60000,
};

static const double MEGABYTE = 1 << 20;

/* --- commits -------------------------------------------------------------------------------- */

static void fill_put(struct route_put *put, size_t number, uint64_t version)
{
    char prefix[ROUTE_PUT_TEXT_BYTES] = "/api";
    if (version > 0)
        snprintf(prefix, sizeof(prefix), "/api/v%" PRIu64, version);
    route_put_fill(put, number, number, prefix);
}

static uint64_t apply_one(struct grpc_client *client, size_t number, uint64_t version)
{
    struct route_put put;
    fill_put(&put, number, version);
    return route_puts_apply(client, &put, 1);
}

static void apply_batch(struct grpc_client *client, size_t first, size_t count)
{
    static _Thread_local struct route_put puts[BATCH];
    for (size_t i = 0; i < count; i++)
        fill_put(&puts[i], first + i, 0);
    route_puts_apply(client, puts, count);
}

static void wait_applied(struct grpc_client *client, uint64_t revision)
{
    Pointsman__V1__WaitAppliedRequest request = POINTSMAN__V1__WAIT_APPLIED_REQUEST__INIT;
    request.revision = revision;
    struct grpc_result result = {0};
    Pointsman__V1__WaitAppliedResponse *response =
        (Pointsman__V1__WaitAppliedResponse *)grpc_client_call(
            client, WAIT_APPLIED, &request.base, &pointsman__v1__wait_applied_response__descriptor,
            WAIT_MS, &result);
    CHECK(response != NULL, "WaitApplied: %s", result.message);
    CHECK(response->n_applied == 1, "the proxy has not applied revision %" PRIu64, revision);
    message_free(&response->base);
    grpc_result_clear(&result);
}

/* --- one size ------------------------------------------------------------------------------- */

struct bench {
    struct measures *measures;
    struct pointsman *pointsman;
    size_t routes;
    uint64_t version; /* of the routes that are changed: each change is a new one */
};

static void add(struct bench *bench, const char *what, const char *unit, double value)
{
    measures_add(bench->measures, bench->routes, what, unit, value);
}

static struct grpc_client *connect_to_control(struct bench *bench)
{
    return control_client_connect(pointsman_socket(bench->pointsman));
}

static double seconds_since(uint64_t before_us)
{
    return (double)(clock_now_us() - before_us) / 1e6;
}

/* --- filling -------------------------------------------------------------------------------- */

/* Several clients share the routes that are to be put. */
struct filler {
    struct bench *bench;
    atomic_size_t *next;
    size_t end;
    pthread_t thread;
};

static void *fill(void *context)
{
    struct filler *filler = context;
    struct grpc_client *client = connect_to_control(filler->bench);
    for (;;) {
        size_t first = atomic_fetch_add(filler->next, BATCH);
        if (first >= filler->end)
            break;
        size_t left = filler->end - first;
        apply_batch(client, first, left < BATCH ? left : BATCH);
    }
    grpc_client_free(client);
    return NULL;
}

static void fill_with(struct bench *bench, size_t first, size_t end, size_t clients,
                      const char *what)
{
    struct filler fillers[FILLERS];
    atomic_size_t next = first;
    uint64_t before_us = clock_now_us();
    for (size_t i = 0; i < clients; i++) {
        fillers[i] = (struct filler){.bench = bench, .next = &next, .end = end};
        CHECK(pthread_create(&fillers[i].thread, NULL, fill, &fillers[i]) == 0, "no thread");
    }
    for (size_t i = 0; i < clients; i++)
        pthread_join(fillers[i].thread, NULL);
    if (end - first >= 10 * BATCH)
        add(bench, what, "mutations/s", (double)(end - first) / seconds_since(before_us));
}

static void measure_batches(struct bench *bench)
{
    struct grpc_client *client = connect_to_control(bench);
    struct grpc_result result = {0};
    CHECK(control_client_put_backends(client, "backend", ROUTE_PUT_BACKENDS, 9, &result) > 0, "%s",
          result.message);
    grpc_result_clear(&result);
    grpc_client_free(client);

    size_t half = bench->routes / 2;
    fill_with(bench, 0, half, 1, "commits of 1,000 mutations, 1 client");
    fill_with(bench, half, bench->routes, FILLERS, "commits of 1,000 mutations, 4 clients");
}

/* --- starts and latency --------------------------------------------------------------------- */

static bool is_ready(void *context)
{
    struct bench *bench = context;
    return http_get_status(pointsman_admin_port(bench->pointsman), "localhost", "/readyz") == 200;
}

static void measure_proxy_start(struct bench *bench, const char *what)
{
    uint64_t before_us = clock_now_us();
    pointsman_start_proxy(bench->pointsman);
    CHECK(wait_until(is_ready, bench, READY_MS), "the proxy does not become ready");
    add(bench, what, "ms", seconds_since(before_us) * 1e3);
}

static void measure_latency(struct bench *bench)
{
    static double live_ms[LATENCY_COMMITS], durable_ms[LATENCY_COMMITS];
    struct grpc_client *client = connect_to_control(bench);
    for (size_t i = 0; i < LATENCY_COMMITS; i++) {
        uint64_t before_us = clock_now_us();
        uint64_t revision = apply_one(client, i * 7919 % bench->routes, ++bench->version);
        durable_ms[i] = seconds_since(before_us) * 1e3;
        wait_applied(client, revision);
        live_ms[i] = seconds_since(before_us) * 1e3;
    }
    grpc_client_free(client);
    add(bench, "commit to durable, p50", "ms",
        measures_quantile(durable_ms, LATENCY_COMMITS, 0.50));
    add(bench, "commit to live in every worker, p50", "ms",
        measures_quantile(live_ms, LATENCY_COMMITS, 0.50));
    add(bench, "commit to live in every worker, p99", "ms",
        measures_quantile(live_ms, LATENCY_COMMITS, 0.99));
}

/* --- commits a second ----------------------------------------------------------------------- */

struct committer {
    struct bench *bench;
    size_t number;
    uint64_t until_us;
    size_t commits;
    pthread_t thread;
};

static void *commit_until(void *context)
{
    struct committer *committer = context;
    struct bench *bench = committer->bench;
    struct grpc_client *client = connect_to_control(bench);
    while (clock_now_us() < committer->until_us) {
        size_t number = (committer->number + CLIENTS * committer->commits) % bench->routes;
        apply_one(client, number, bench->version + committer->commits);
        committer->commits++;
    }
    grpc_client_free(client);
    return NULL;
}

static void measure_rate(struct bench *bench, size_t clients, const char *what)
{
    struct committer committers[CLIENTS];
    uint64_t before_us = clock_now_us();
    bench->version++;
    for (size_t i = 0; i < clients; i++) {
        committers[i] =
            (struct committer){.bench = bench, .number = i, .until_us = before_us + RATE_MS * 1000};
        CHECK(pthread_create(&committers[i].thread, NULL, commit_until, &committers[i]) == 0,
              "no thread");
    }
    size_t commits = 0;
    for (size_t i = 0; i < clients; i++) {
        pthread_join(committers[i].thread, NULL);
        commits += committers[i].commits;
    }
    add(bench, what, "commits/s", (double)commits / seconds_since(before_us));
    bench->version += commits;
}

/* --- watchers ------------------------------------------------------------------------------- */

struct watcher {
    struct grpc_client *client;
    bool is_welcome;
};

static void on_watch_message(void *context, struct slice bytes)
{
    (void)bytes;
    ((struct watcher *)context)->is_welcome = true;
}

static void on_watch_end(void *context, const struct grpc_result *result)
{
    (void)context;
    (void)result;
}

static void on_closed(void *context)
{
    (void)context;
}

static void open_watcher(struct bench *bench, struct event_loop *loop, struct watcher *watcher,
                         size_t number)
{
    char id[32];
    snprintf(id, sizeof(id), "watcher-%zu", number);
    struct error err;
    *watcher = (struct watcher){.is_welcome = false};
    watcher->client =
        grpc_client_open(loop, pointsman_socket(bench->pointsman), on_closed, watcher, &err);
    CHECK(watcher->client != NULL, "%s", err.message);
    Pointsman__V1__WatchRequest request = POINTSMAN__V1__WATCH_REQUEST__INIT;
    request.proxy_id = id;
    request.boot_id = id;
    request.protocol_min = 1;
    request.protocol_max = 1;
    const struct grpc_client_call_handlers handlers = {
        .on_message = on_watch_message, .on_end = on_watch_end, .context = watcher};
    grpc_client_start(watcher->client, WATCH, &request.base, 4 << 20, 0, &handlers);
}

static bool all_are_welcome(const struct watcher *watchers)
{
    for (size_t i = 0; i < WATCHERS; i++) {
        if (!watchers[i].is_welcome)
            return false;
    }
    return true;
}

/* Watchers that have read all they were sent, then stop reading while much changes. */
static void measure_watchers(struct bench *bench)
{
    static struct watcher watchers[WATCHERS];
    struct event_loop *loop = event_loop_new();
    struct process *control = pointsman_control(bench->pointsman);
    double before = (double)process_resident_bytes(control);
    for (size_t i = 0; i < WATCHERS; i++)
        open_watcher(bench, loop, &watchers[i], i);
    while (!all_are_welcome(watchers))
        event_loop_run_once(loop, 100);
    add(bench, "memory of control for a watcher that has read all", "KB",
        ((double)process_resident_bytes(control) - before) / WATCHERS / 1024);

    struct grpc_client *client = connect_to_control(bench);
    before = (double)process_resident_bytes(control);
    for (size_t changes = 0; changes < WATCHER_CHANGES; changes += BATCH)
        apply_batch(client, changes, BATCH);
    add(bench, "more for one that does not read 20,000 changes", "KB",
        ((double)process_resident_bytes(control) - before) / WATCHERS / 1024);
    grpc_client_free(client);
    for (size_t i = 0; i < WATCHERS; i++)
        grpc_client_free(watchers[i].client);
    event_loop_free(loop);
}

/* --- the whole ------------------------------------------------------------------------------ */

static void measure_memory(struct bench *bench, const char *control_what, const char *proxy_what)
{
    add(bench, control_what, "MB",
        (double)process_resident_bytes(pointsman_control(bench->pointsman)) / MEGABYTE);
    add(bench, proxy_what, "MB",
        (double)process_resident_bytes(pointsman_proxy(bench->pointsman)) / MEGABYTE);
}

static bool copy_is_written(void *context)
{
    struct bench *bench = context;
    char *path = temp_dir_file(pointsman_dir(bench->pointsman), "local-copy");
    bool is_there = access(path, R_OK) == 0;
    free(path);
    return is_there;
}

static void measure_size(struct measures *measures, size_t routes)
{
    struct bench bench = {.measures = measures, .routes = routes};
    bench.pointsman = pointsman_new(NULL);
    pointsman_start_control(bench.pointsman);
    measure_batches(&bench);
    measure_proxy_start(&bench, "proxy start to ready, all from control");
    CHECK(wait_until(copy_is_written, &bench, READY_MS), "no local copy");
    measure_memory(&bench, "memory of control", "memory of the proxy, routes from control");
    measure_latency(&bench);
    measure_rate(&bench, 1, "commits of one mutation, 1 client");
    measure_rate(&bench, CLIENTS, "commits of one mutation, 64 clients");

    pointsman_stop_proxy(bench.pointsman);
    pointsman_stop_control(bench.pointsman);
    measure_proxy_start(&bench, "proxy start to ready, from the local copy, no control");
    add(&bench, "memory of the proxy, routes from the local copy", "MB",
        (double)process_resident_bytes(pointsman_proxy(bench.pointsman)) / MEGABYTE);
    uint64_t before_us = clock_now_us();
    pointsman_start_control(bench.pointsman);
    add(&bench, "control start to answering", "ms", seconds_since(before_us) * 1e3);
    pointsman_stop_proxy(bench.pointsman);
    pointsman_kill_control(bench.pointsman);
    before_us = clock_now_us();
    pointsman_start_control(bench.pointsman);
    add(&bench, "control start to answering, after a kill", "ms", seconds_since(before_us) * 1e3);
    pointsman_free(bench.pointsman);
}

static void measure_nothing(struct measures *measures)
{
    struct bench bench = {.measures = measures, .routes = 0};
    bench.pointsman = pointsman_start(NULL);
    measure_memory(&bench, "memory of control", "memory of the proxy");
    pointsman_stop_proxy(bench.pointsman);
    bench.routes = BATCH;
    measure_batches(&bench);
    measure_watchers(&bench);
    pointsman_free(bench.pointsman);
}

int main(int argc, char **argv)
{
    static const size_t usual[] = {1000, 100000, 1000000};
    static struct measures measures;
    int first = 1;
    bool as_json = argc > 1 && strcmp(argv[1], "--json") == 0;
    if (as_json)
        first++;

    programs_find();
    measure_nothing(&measures);
    for (int i = first; i < argc; i++)
        measure_size(&measures, strtoul(argv[i], NULL, 10));
    for (size_t i = 0; first == argc && i < sizeof(usual) / sizeof(usual[0]); i++)
        measure_size(&measures, usual[i]);
    measures_print(&measures, "bench_control", as_json);
    return 0;
}
