/* What `routectl explain` costs control, and whoever else asks it something meanwhile.
 *
 *   bench_explain [--json] [ROUTES]        1,000,000 without an argument
 *
 * Control alone. 1,000 routes are for one host, the others four to a host. Each case is one call,
 * asked again until the time is up, while another client gets a route again and again. "Others
 * wait" is the longest that one of these took, without a process's start. The programs are those of
 * bench_control. */
#include "common/clock.h"
#include "proto/message.h"
#include "tests/bench/measures.h"
#include "tests/bench/programs.h"
#include "tests/bench/route_puts.h"
#include "tests/support/check.h"
#include "tests/support/control_client.h"
#include "tests/support/pointsman.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CONTROL "/pointsman.v1.RouteControl/"

enum { BIG_HOST = 1000, HOST_SHARE = 4, CASE_US = 2000000, CALLS_MAX = 2000, CALL_MS = 60000 };

static const double MEGABYTE = 1 << 20;

struct bench {
    struct measures measures;
    struct pointsman *pointsman;
    size_t routes;
};

static struct grpc_client *connect_to_control(struct bench *bench)
{
    return control_client_connect(pointsman_socket(bench->pointsman));
}

/* --- filling -------------------------------------------------------------------------------- */

static size_t host_of(size_t number)
{
    return number < BIG_HOST ? 0 : 1 + (number - BIG_HOST) / HOST_SHARE;
}

static uint64_t put_routes(struct grpc_client *client, size_t first, size_t count,
                           const char *above)
{
    static struct route_put puts[ROUTE_PUTS_MAX];
    for (size_t i = 0; i < count; i++) {
        char prefix[ROUTE_PUT_TEXT_BYTES];
        snprintf(prefix, sizeof(prefix), "%s/p%zu", above, first + i);
        route_put_fill(&puts[i], first + i, host_of(first + i), prefix);
    }
    return route_puts_apply(client, puts, count);
}

static uint64_t fill(struct bench *bench, struct grpc_client *client)
{
    struct grpc_result result = {0};
    uint64_t revision =
        control_client_put_backends(client, "backend", ROUTE_PUT_BACKENDS, 9, &result);
    CHECK(revision > 0, "%s", result.message);
    grpc_result_clear(&result);
    for (size_t first = 0; first < bench->routes; first += ROUTE_PUTS_MAX)
        revision = put_routes(client, first, ROUTE_PUTS_MAX, "");
    return revision;
}

/* --- others --------------------------------------------------------------------------------- */

struct other {
    struct bench *bench;
    atomic_bool is_over;
    uint64_t longest_us;
    pthread_t thread;
};

static void *get_routes(void *context)
{
    struct other *other = context;
    struct grpc_client *client = connect_to_control(other->bench);
    Pointsman__V1__GetRouteRequest request = POINTSMAN__V1__GET_ROUTE_REQUEST__INIT;
    request.name = (char *)"route-7";
    while (!atomic_load(&other->is_over)) {
        struct grpc_result result = {0};
        uint64_t before_us = clock_now_us();
        ProtobufCMessage *route =
            grpc_client_call(client, CONTROL "GetRoute", &request.base,
                             &pointsman__v1__route__descriptor, CALL_MS, &result);
        uint64_t took_us = clock_now_us() - before_us;
        CHECK(route != NULL, "GetRoute: %s", result.message);
        other->longest_us = took_us > other->longest_us ? took_us : other->longest_us;
        message_free(route);
        grpc_result_clear(&result);
    }
    grpc_client_free(client);
    return NULL;
}

/* --- cases ---------------------------------------------------------------------------------- */

struct explain_case {
    const char *what;
    const char *others; /* what they wait is called */
    const char *url;
    bool all;
    uint64_t at_revision; /* 0: the head */
};

static void explain(struct grpc_client *client, const struct explain_case *how)
{
    Pointsman__V1__ExplainRequest request = POINTSMAN__V1__EXPLAIN_REQUEST__INIT;
    struct grpc_result result = {0};
    request.url = (char *)how->url;
    request.all = how->all;
    request.at_revision = how->at_revision;
    Pointsman__V1__ExplainResponse *response = (Pointsman__V1__ExplainResponse *)grpc_client_call(
        client, CONTROL "Explain", &request.base, &pointsman__v1__explain_response__descriptor,
        CALL_MS, &result);
    CHECK(response != NULL, "Explain: %s", result.message);
    CHECK(response->winner != NULL, "%s: no rule takes it", how->url);
    message_free(&response->base);
    grpc_result_clear(&result);
}

static void measure(struct bench *bench, struct grpc_client *client, const struct explain_case *how)
{
    static double took_ms[CALLS_MAX];
    struct other other = {.bench = bench};
    CHECK(pthread_create(&other.thread, NULL, get_routes, &other) == 0, "no thread");
    uint64_t start_us = clock_now_us();
    size_t count = 0;
    while (count < CALLS_MAX && (count == 0 || clock_now_us() - start_us < CASE_US)) {
        uint64_t before_us = clock_now_us();
        explain(client, how);
        took_ms[count++] = (double)(clock_now_us() - before_us) / 1e3;
    }
    atomic_store(&other.is_over, true);
    pthread_join(other.thread, NULL);
    measures_add(&bench->measures, bench->routes, how->what, "ms",
                 measures_quantile(took_ms, count, 0.5));
    measures_add(&bench->measures, bench->routes, how->others, "ms",
                 (double)other.longest_us / 1e3);
}

static void measure_cases(struct bench *bench)
{
    struct grpc_client *client = connect_to_control(bench);
    uint64_t filled = fill(bench, client);
    uint64_t before = put_routes(client, bench->routes / 2, ROUTE_PUTS_MAX, "/changed") - 1;
    const struct explain_case cases[] = {
        {"a host with four routes", "- others wait", "http://host-1.internal/p1000", .all = false},
        {"the host with 1,000", "- others wait", "http://host-0.internal/p7", .all = false},
        {"the host with 1,000, --all", "- others wait", "http://host-0.internal/p7", .all = true},
        {"a host with four, --all", "- others wait", "http://host-1.internal/p1000", .all = true},
        {"a host with four, --at 1,000 changes ago", "- others wait",
         "http://host-1.internal/p1000", .at_revision = before},
        {"a host with four, --at half of all changes ago", "- others wait",
         "http://host-1.internal/p1000", .at_revision = filled / 2},
        {"the host with 1,000, --at 1,000 changes ago", "- others wait",
         "http://host-0.internal/p7", .at_revision = before},
        {"the host with 1,000, --all --at 1,000 changes ago", "- others wait",
         "http://host-0.internal/p7", .all = true, .at_revision = before},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        measure(bench, client, &cases[i]);
    measures_add(&bench->measures, bench->routes, "memory of control", "MB",
                 (double)process_resident_bytes(pointsman_control(bench->pointsman)) / MEGABYTE);
    grpc_client_free(client);
}

int main(int argc, char **argv)
{
    static struct bench bench = {.routes = 1000000};
    int first = 1;
    bool as_json = argc > 1 && strcmp(argv[1], "--json") == 0;
    if (as_json)
        first++;
    if (first < argc)
        bench.routes = strtoul(argv[first], NULL, 10);
    CHECK(bench.routes >= 2 * ROUTE_PUTS_MAX && bench.routes % ROUTE_PUTS_MAX == 0,
          "ROUTES: a multiple of %d, at least two of them", ROUTE_PUTS_MAX);

    programs_find();
    bench.pointsman = pointsman_new(NULL);
    pointsman_start_control(bench.pointsman);
    measure_cases(&bench);
    pointsman_free(bench.pointsman);
    measures_print(&bench.measures, "bench_explain", as_json);
    return 0;
}
