/* How fast control takes batches of routes, builds compared.
 *
 *   bench_batches ROUTES FOLDER...     the programs of up to 4 builds
 *
 * Control of each folder gets the same commits of 1,000 routes, ten at a time and in turns: on a
 * machine whose speed drifts, what was measured in the same minute can be compared. */
#include "common/clock.h"
#include "tests/bench/measures.h"
#include "tests/bench/route_puts.h"
#include "tests/support/check.h"
#include "tests/support/control_client.h"
#include "tests/support/pointsman.h"

#include <stdio.h>
#include <stdlib.h>

enum { BUILDS_MAX = 4, TURN = 10 };

static const double MEGABYTE = 1 << 20;

struct build {
    char *folder;
    struct pointsman *pointsman;
    struct grpc_client *client;
    uint64_t spent_us;
};

static void start(struct build *build)
{
    struct grpc_result result = {0};
    setenv("POINTSMAN_BIN", build->folder, 1);
    build->pointsman = pointsman_new(NULL);
    pointsman_start_control(build->pointsman);
    build->client = control_client_connect(pointsman_socket(build->pointsman));
    CHECK(control_client_put_backends(build->client, "backend", ROUTE_PUT_BACKENDS, 9, &result) > 0,
          "%s", result.message);
    grpc_result_clear(&result);
}

static void take_turn(struct build *build, size_t first, size_t end)
{
    static struct route_put puts[ROUTE_PUTS_MAX];
    uint64_t before_us = clock_now_us();
    for (; first < end; first += ROUTE_PUTS_MAX) {
        size_t count = end - first < ROUTE_PUTS_MAX ? end - first : ROUTE_PUTS_MAX;
        for (size_t i = 0; i < count; i++)
            route_put_fill(&puts[i], first + i, first + i, "/api");
        route_puts_apply(build->client, puts, count);
    }
    build->spent_us += clock_now_us() - before_us;
}

/* Each is the first as often as the others. */
static void fill(struct build *builds, size_t count, size_t routes)
{
    size_t starter = 0;
    size_t end;
    for (size_t first = 0; first < routes; first = end) {
        size_t left = routes - first;
        end = first + (left < TURN * ROUTE_PUTS_MAX ? left : TURN * ROUTE_PUTS_MAX);
        for (size_t i = 0; i < count; i++)
            take_turn(&builds[(starter + i) % count], first, end);
        starter++;
    }
}

static void report(struct build *build, const struct build *first, size_t routes,
                   struct measures *measures)
{
    double bytes = (double)process_resident_bytes(pointsman_control(build->pointsman));
    measures_add(measures, routes, build->folder, "mutations/s",
                 (double)routes * 1e6 / (double)build->spent_us);
    measures_add(measures, routes, "- against the first", "times",
                 (double)first->spent_us / (double)build->spent_us);
    measures_add(measures, routes, "- memory of control", "MB", bytes / MEGABYTE);
    grpc_client_free(build->client);
    pointsman_free(build->pointsman);
}

int main(int argc, char **argv)
{
    static struct measures measures;
    struct build builds[BUILDS_MAX] = {{0}};
    size_t count = argc < 3 ? 0 : (size_t)argc - 2;
    size_t routes = argc < 3 ? 0 : strtoul(argv[1], NULL, 10);
    if (count == 0 || count > BUILDS_MAX || routes == 0) {
        fprintf(stderr, "usage: bench_batches ROUTES FOLDER...\n");
        return 2;
    }
    for (size_t i = 0; i < count; i++) {
        builds[i].folder = argv[i + 2];
        start(&builds[i]);
    }
    fill(builds, count, routes);
    for (size_t i = 0; i < count; i++)
        report(&builds[i], &builds[0], routes, &measures);
    measures_print(&measures, "bench_batches", false);
    return 0;
}
