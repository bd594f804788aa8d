/* What the route table costs: lookups, memory, building, and one change.
 *
 *   bench_route_table [SHAPE...] [ROUTES...]      default: all shapes; 10 10000 1000000
 *
 * Of named shapes only the lookups are measured. All shapes are these and, with 10,000 routes, one
 * host with many regular expressions for the path, with many whose first segment is any, one path
 * with many for a header, and one host with many gRPC methods of any service.
 *
 * Three shapes: many hosts with four paths each, one host with many paths, one path with many
 * values of a header. A lookup begins with the head of a request that has just been read and ends
 * with reading the rule; each waits for the one before, as a request does, so nothing hides what
 * memory takes. "random" takes any route, "hot" one of sixteen, "miss" none. "scan" is a list of
 * all routes that is walked from its start, for comparison. The best of several slices: other
 * programs only ever make it slower. "cold read" is the best of as many slices in between, of what
 * one read of memory costs that no cache has: a random lookup needs two that depend on each
 * other. */
#include "common/buffer.h"
#include "proto/object_digest.h"
#include "proxy/routing/route_replica.h"
#include "proxy/routing/route_table.h"
#include "proxy/routing/slab.h"
#include "proxy/upstream/endpoint_registry.h"
#include "tests/bench/table_shapes.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

enum {
    RING = 8, /* requests read at a time: they stay in the first cache */
    SLICES = 40,
    SLICE_LOOKUPS = 1 << 14,
    SCANNED_SLICE_LOOKUPS = 1 << 8,
    HOT_ROUTES = 16,
    CHANGES = 2000,
    SCANNED_MAX = 20000000, /* routes looked at in all scans of a run */
    MANY_ON_ONE_PATH = 10000,
};

static uint64_t spent_cpu_ns(void)
{
    struct timespec time;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

static uint64_t now_ns(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

static uint64_t next_random(void)
{
    static uint64_t state = 1;
    state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return state >> 33;
}

static size_t resident_bytes(void)
{
    unsigned long total_pages;
    unsigned long resident_pages;
    FILE *file = fopen("/proc/self/statm", "r");
    if (file == NULL || fscanf(file, "%lu %lu", &total_pages, &resident_pages) != 2)
        exit(1);
    fclose(file);
    return resident_pages * 4096;
}

/* --- the yardstick -------------------------------------------------------------------------- */

/* Lines of memory, each of which says which comes next: of the size of a million routes, and in
 * huge pages as they are. */
enum { LINE_WORDS = 8, LINES = 6 << 20, COLD_READS = 1 << 15, HUGE_PAGE_BYTES = 2 << 20 };
static uint64_t *cold_lines;

/* A full cycle through all lines: a linear congruence with its constants as Knuth wants them, over
 * the next power of two, skipping what lies beyond. */
static void make_cold_lines(void)
{
    size_t bytes = (size_t)LINES * LINE_WORDS * sizeof(uint64_t);
    cold_lines = memory_allocate_aligned(HUGE_PAGE_BYTES, bytes);
    madvise(cold_lines, bytes, MADV_HUGEPAGE);
    uint64_t line = 0;
    for (size_t i = 0; i < LINES; i++) {
        uint64_t next = line;
        do
            next = (next * 2862933 + 1013904223) & ((8 << 20) - 1);
        while (next >= LINES);
        cold_lines[line * LINE_WORDS] = next;
        line = next;
    }
}

static double time_cold_reads(void)
{
    static uint64_t line;
    uint64_t start_ns = now_ns();
    for (size_t i = 0; i < COLD_READS; i++)
        line = cold_lines[line * LINE_WORDS];
    double spent_ns = (double)(now_ns() - start_ns) / COLD_READS;
    __asm__ volatile("" : : "r"(line));
    return spent_ns;
}

/* --- lookups -------------------------------------------------------------------------------- */

/* Which routes requests ask for: any of `count` from `first` on. */
struct demand {
    const struct shape *shape;
    unsigned first;
    unsigned count;
    bool is_hit;
    unsigned lookups; /* of a slice */
};

/* Looks each of the ring up. The low bit of a rule's address is 0, which only the processor finds
 * out: it cannot begin with the next head before it has the rule. */
static size_t look_up_ring(const struct route_table *table, const struct bench_request *ring)
{
    size_t found = 0;
    uintptr_t none = 0;
    for (size_t i = 0; i < RING; i++) {
        const struct rule *rule = route_table_find(table, bench_request_head(&ring[i + none]));
        none = (uintptr_t)rule & 1;
        found += rule != NULL;
        if (rule != NULL)
            none |= rule->total_weight >> 31;
    }
    return found;
}

/* What reading the clock adds to what it measures: the least, as a mean that an interruption made
 * larger would make the lookups of a slice shorter than they are, and that slice the best. */
static uint64_t least_clock_ns(void)
{
    uint64_t least_ns = UINT64_MAX;
    for (int i = 0; i < 1000; i++) {
        uint64_t start_ns = now_ns();
        uint64_t ns = now_ns() - start_ns;
        if (ns < least_ns)
            least_ns = ns;
    }
    return least_ns;
}

static double time_slice(const struct route_table *table, const struct demand *demand)
{
    static struct bench_request ring[RING];
    size_t found = 0;
    uint64_t spent_ns = 0;
    uint64_t clock_ns = least_clock_ns();
    for (size_t i = 0; i < demand->lookups / RING; i++) {
        for (size_t j = 0; j < RING; j++) {
            struct ask ask;
            demand->shape->ask(&ask, demand->first + (unsigned)(next_random() % demand->count));
            bench_request_init(&ring[j], &ask);
        }
        uint64_t start_ns = now_ns();
        found += look_up_ring(table, ring);
        spent_ns += now_ns() - start_ns - clock_ns;
    }
    if (found != (demand->is_hit ? demand->lookups : 0)) {
        fprintf(stderr, "%zu of %u lookups found a rule\n", found, demand->lookups);
        exit(1);
    }
    return (double)spent_ns / demand->lookups;
}

static void keep_best(double *best_ns, double ns)
{
    if (*best_ns == 0 || ns < *best_ns)
        *best_ns = ns;
}

static double time_lookups(const struct route_table *table, const struct demand *demand,
                           double *cold_read_ns)
{
    double best_ns = 0;
    for (int i = 0; i < SLICES; i++) {
        keep_best(&best_ns, time_slice(table, demand));
        keep_best(cold_read_ns, time_cold_reads());
    }
    return best_ns;
}

/* --- for comparison ------------------------------------------------------------------------- */

static const char *tenant_of(const struct request_head *head, size_t *length)
{
    for (size_t i = 0; i < head->header_count; i++) {
        if (slice_equals_ignoring_case(head->headers[i].name, SLICE("x-tenant"))) {
            *length = head->headers[i].value.length;
            return head->headers[i].value.at;
        }
    }
    *length = 0;
    return "";
}

/* The longest prefix of a list of what routes ask for, as one would write it first. */
static size_t scan(const struct ask *asks, size_t count, const struct request_head *head)
{
    size_t tenant_length;
    const char *tenant = tenant_of(head, &tenant_length);
    size_t best = count;
    size_t best_length = 0;
    for (size_t i = 0; i < count; i++) {
        const struct ask *ask = &asks[i];
        size_t length = strlen(ask->path);
        if (length <= best_length || !slice_equals(head->host, slice_from_string(ask->host)) ||
            !slice_has_prefix(head->path, slice_of(ask->path, length)) ||
            (head->path.length > length && head->path.at[length] != '/') ||
            (ask->tenant[0] != '\0' &&
             !slice_equals(slice_of(tenant, tenant_length), slice_from_string(ask->tenant))))
            continue;
        best = i;
        best_length = length;
    }
    return best;
}

static double time_scan(const struct shape *shape, unsigned count)
{
    struct ask *asks = memory_allocate(count * sizeof(*asks));
    for (unsigned i = 0; i < count; i++)
        shape->ask(&asks[i], i);

    static struct bench_request request;
    unsigned scans = SCANNED_MAX / count > 2000 ? 2000 : SCANNED_MAX / count;
    uint64_t spent_ns = 0;
    for (unsigned i = 0; i < scans; i++) {
        unsigned number = (unsigned)(next_random() % count);
        bench_request_init(&request, &asks[number]);
        uint64_t start_ns = spent_cpu_ns();
        size_t found = scan(asks, count, bench_request_head(&request));
        spent_ns += spent_cpu_ns() - start_ns;
        if (found != number)
            exit(1);
    }
    free(asks);
    return (double)spent_ns / scans;
}

/* --- tables --------------------------------------------------------------------------------- */

struct bench_table {
    struct route_table_builder *builder;
    struct route_table *table; /* as a worker holds the newest */
    struct route **routes;
    unsigned count;
    uint64_t revision;
};

static void publish(struct bench_table *bench)
{
    struct route_table *next = route_table_builder_publish(bench->builder, ++bench->revision, 1);
    route_table_release(&bench->table);
    bench->table = next;
}

static void bench_table_init(struct bench_table *bench, const struct shape *shape, unsigned count,
                             double *compile_ms, double *build_ms)
{
    *bench = (struct bench_table){
        .builder = route_table_builder_new(),
        .routes = memory_allocate(count * sizeof(struct route *)),
        .count = count,
    };
    uint64_t start_ns = spent_cpu_ns();
    for (unsigned i = 0; i < count; i++) {
        struct ask ask;
        shape->ask(&ask, i);
        bench->routes[i] = shape_new_route(&ask, i, 1);
    }
    uint64_t compiled_ns = spent_cpu_ns();
    for (unsigned i = 0; i < count; i++)
        route_table_builder_add(bench->builder, bench->routes[i]);
    publish(bench);
    *compile_ms = (double)(compiled_ns - start_ns) / 1e6;
    *build_ms = (double)(spent_cpu_ns() - compiled_ns) / 1e6;
}

static void bench_table_clear(struct bench_table *bench)
{
    route_table_release(&bench->table);
    route_table_builder_free(bench->builder);
    for (unsigned i = 0; i < bench->count; i++)
        route_release(&bench->routes[i]);
    free(bench->routes);
    malloc_trim(0);
}

/* --- one change ----------------------------------------------------------------------------- */

/* Microseconds to replace one route and publish, while a worker holds the table before. */
static double time_replacing(struct bench_table *bench, const struct shape *shape)
{
    static unsigned numbers[CHANGES];
    static struct route *changed[CHANGES];
    for (unsigned i = 0; i < CHANGES; i++) {
        struct ask ask;
        numbers[i] = (unsigned)((uint64_t)i * 2654435761U % bench->count);
        shape->ask(&ask, numbers[i]);
        changed[i] = shape_new_route(&ask, numbers[i], i + 2);
    }

    uint64_t start_ns = spent_cpu_ns();
    for (unsigned i = 0; i < CHANGES; i++) {
        route_table_builder_remove(bench->builder, bench->routes[numbers[i]]);
        route_table_builder_add(bench->builder, changed[i]);
        publish(bench);
        bench->routes[numbers[i]] = changed[i];
    }
    return (double)(spent_cpu_ns() - start_ns) / CHANGES / 1e3;
}

/* Microseconds to add one route that was not there and publish, and to remove it and publish. */
static void time_adding(struct bench_table *bench, const struct shape *shape, bool is_regex_path,
                        double *add_us, double *remove_us)
{
    static struct route *added[CHANGES];
    for (unsigned i = 0; i < CHANGES; i++) {
        struct ask ask;
        shape->ask(&ask, bench->count + 4 + 4 * i);
        ask.is_regex |= is_regex_path;
        added[i] = shape_new_route(&ask, bench->count + 4 + 4 * i, 1);
    }
    uint64_t start_ns = spent_cpu_ns();
    for (unsigned i = 0; i < CHANGES; i++) {
        route_table_builder_add(bench->builder, added[i]);
        publish(bench);
    }
    uint64_t added_ns = spent_cpu_ns();
    for (unsigned i = 0; i < CHANGES; i++) {
        route_table_builder_remove(bench->builder, added[i]);
        publish(bench);
    }
    *add_us = (double)(added_ns - start_ns) / CHANGES / 1e3;
    *remove_us = (double)(spent_cpu_ns() - added_ns) / CHANGES / 1e3;
}

/* --- one run -------------------------------------------------------------------------------- */

static void run(const struct shape *shape, unsigned count)
{
    size_t mapped_before = slab_mapped_bytes();
    size_t resident_before = resident_bytes();
    struct bench_table bench;
    double compile_ms;
    double build_ms;
    bench_table_init(&bench, shape, count, &compile_ms, &build_ms);
    double resident = (double)(resident_bytes() - resident_before);
    double route_bytes = 0;
    for (unsigned i = 0; i < count; i++)
        route_bytes += (double)slab_usable_bytes(bench.routes[i]);
    double index_bytes = (double)route_table_builder_index_bytes(bench.builder);

    unsigned lookups = shape->is_scanned ? SCANNED_SLICE_LOOKUPS : SLICE_LOOKUPS;
    struct demand any = {shape, 0, count, true, lookups};
    struct demand hot = {shape, 0, count < HOT_ROUTES ? count : HOT_ROUTES, true, lookups};
    struct demand miss = {shape, count + 4, count, false, lookups};
    double cold_read_ns = 0;
    double random_ns = time_lookups(bench.table, &any, &cold_read_ns);
    double hot_ns = time_lookups(bench.table, &hot, &cold_read_ns);
    double miss_ns = time_lookups(bench.table, &miss, &cold_read_ns);
    double change_us = time_replacing(&bench, shape);
    printf("%-11s %8u %9.0f %7.0f %7.0f %7.0f %11.0f %7.0f %7.0f %7.0f %10.1f %8.1f %9.1f\n",
           shape->name, count, cold_read_ns, random_ns, hot_ns, miss_ns, time_scan(shape, count),
           index_bytes / count, route_bytes / count, resident / count, compile_ms, build_ms,
           change_us);
    fflush(stdout);
    bench_table_clear(&bench);
    if (slab_mapped_bytes() > mapped_before + (8 << 20))
        printf("%zu MiB were not given back\n", (slab_mapped_bytes() - mapped_before) >> 20);
}

static void run_changes(const struct shape *shape, unsigned count, bool is_regex_path)
{
    struct bench_table bench;
    double unused_ms;
    bench_table_init(&bench, shape, count, &unused_ms, &unused_ms);
    double add_us;
    double remove_us;
    time_adding(&bench, shape, is_regex_path, &add_us, &remove_us);
    printf("%-8s %8u %-15s %9.1f %9.1f\n", shape->name, count,
           is_regex_path ? "regular expr." : "new", add_us, remove_us);
    fflush(stdout);
    bench_table_clear(&bench);
}

/* --- the whole replica ---------------------------------------------------------------------- */

/* A first snapshot as the proxy takes it: validated, compiled, digest checked, published; then
 * one delta after another. */
static void run_replica(const struct shape *shape, unsigned count)
{
    struct buffer scratch = BUFFER_EMPTY;
    struct endpoint_registry *endpoints = endpoint_registry_new();
    struct route_replica *replica = route_replica_new(endpoints);
    struct route_table *table = NULL;
    struct error err = {0};
    uint64_t digest = 0;
    size_t resident_before = resident_bytes();

    route_replica_begin(replica, true, 0, &err);
    uint64_t start_ns = spent_cpu_ns();
    for (unsigned i = 0; i < count; i++) {
        char name[ASK_TEXT_BYTES];
        struct ask ask;
        shape->ask(&ask, i);
        shape_route_name(name, i);
        shape_pack_route(&ask, i, 1, &scratch);
        digest += object_digest(POINTSMAN__V1__OBJECT_KIND__OBJECT_KIND_ROUTE,
                                slice_from_string(name), buffer_slice(&scratch));
        route_replica_stage(replica, POINTSMAN__V1__OBJECT_KIND__OBJECT_KIND_ROUTE,
                            slice_from_string(name), false, buffer_slice(&scratch));
    }
    uint64_t staged_ns = spent_cpu_ns();
    if (!route_replica_commit(replica, "bench", 1, digest, false, NULL, NULL, &table, &err)) {
        fprintf(stderr, "%s\n", err.message);
        exit(1);
    }
    uint64_t committed_ns = spent_cpu_ns();
    printf("%-8s %8u %9.0f %10.0f %9.0f\n", shape->name, count,
           (double)(staged_ns - start_ns) / 1e6, (double)(committed_ns - staged_ns) / 1e6,
           (double)(resident_bytes() - resident_before) / count);
    fflush(stdout);

    route_table_release(&table);
    route_replica_free(replica);
    endpoint_registry_free(endpoints);
    buffer_clear(&scratch);
    malloc_trim(0);
}

static const struct shape *const shapes[] = {&shape_hosts,       &shape_paths,    &shape_headers,
                                             &shape_expressions, &shape_segments, &shape_regexes,
                                             &shape_calls};
enum { SHAPES = sizeof(shapes) / sizeof(shapes[0]), COUNTS_MAX = 16 };

static void run_lookups(const struct shape *shape, const unsigned *counts, size_t count)
{
    for (size_t i = 0; i < count; i++)
        run(shape, counts[i]);
}

static void run_the_rest(unsigned largest)
{
    printf("\nOne route that was not there, us:\n%-8s %8s %-15s %9s %9s\n", "shape", "routes",
           "kind", "add", "remove");
    for (size_t i = 0; i < SHAPES; i++)
        run_changes(shapes[i], shapes[i]->is_scanned ? MANY_ON_ONE_PATH : largest, false);
    run_changes(&shape_paths, largest, true);
    run_changes(&shape_headers, MANY_ON_ONE_PATH, false);

    printf("\nA first snapshot:\n%-8s %8s %9s %10s %9s\n", "shape", "routes", "stage ms",
           "commit ms", "rss bytes");
    for (size_t i = 0; i < SHAPES; i++) {
        if (!shapes[i]->is_scanned)
            run_replica(shapes[i], largest);
    }
}

int main(int argc, char **argv)
{
    unsigned counts[COUNTS_MAX] = {10, 10000, 1000000};
    size_t count = 0;
    bool is_wanted[SHAPES] = {false};
    bool is_chosen = false;
    for (int i = 1; i < argc; i++) {
        unsigned number = (unsigned)strtoul(argv[i], NULL, 10);
        if (number > 0 && count < COUNTS_MAX)
            counts[count++] = number;
        for (size_t j = 0; j < SHAPES; j++)
            is_wanted[j] |= strcmp(argv[i], shapes[j]->name) == 0;
        is_chosen |= number == 0;
    }
    if (count == 0)
        count = 3;

    make_cold_lines();
    printf("%39s ns a lookup %11s %23s %19s %9s\n", "", "", "bytes a route", "ms to", "us for");
    printf("%-11s %8s %9s %7s %7s %7s %11s %7s %7s %7s %10s %8s %9s\n", "shape", "routes",
           "cold read", "random", "hot", "miss", "scan", "index", "object", "rss", "compile",
           "build", "one change");
    for (size_t i = 0; i < SHAPES; i++) {
        if (!is_chosen && shapes[i]->is_scanned)
            run(shapes[i], MANY_ON_ONE_PATH);
        else if (!is_chosen || is_wanted[i])
            run_lookups(shapes[i], counts, count);
    }
    if (!is_chosen)
        run_the_rest(counts[count - 1]);
    free(cold_lines);
    return 0;
}
