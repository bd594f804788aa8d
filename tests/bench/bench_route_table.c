/* What the route table costs: lookups, memory, building, and one change.
 *
 *   bench_route_table [ROUTES...]      default: 10 10000 1000000
 *
 * Three shapes: many hosts with four paths each, one host with many paths, one path with many
 * values of a header. Random hits go through a million different requests in turn, so at a
 * million routes nothing but the upper levels is in the cache. The last column is a scan over all
 * matches for comparison, where it is feasible. */
#include "common/buffer.h"
#include "proto/message.h"
#include "proto/object_digest.h"
#include "proxy/routing/route_replica.h"
#include "proxy/routing/route_table.h"
#include "proxy/upstream/endpoint_registry.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    REQUESTS = 1 << 20,
    LOOKUPS = 1 << 20,
    REPEATS = 5, /* the best counts: other programs only ever make it slower */
    CHANGES = 2000,
    SCAN_MAX_ROUTES = 10000,
    SCANS = 2000,
    TEXT_BYTES = 40,
};

/* What a request asks for, small enough that reading it is no part of the measure. */
struct ask {
    char host[TEXT_BYTES];
    char path[TEXT_BYTES];
    char tenant[TEXT_BYTES];
};

struct shape {
    const char *name;
    void (*ask)(struct ask *ask, unsigned number);
    bool has_header;
};

/* Processor time, so that what else the machine does counts only by the caches it takes. */
static uint64_t spent_cpu_us(void)
{
    struct timespec time;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return (uint64_t)time.tv_sec * 1000000 + (uint64_t)time.tv_nsec / 1000;
}

/* --- shapes --------------------------------------------------------------------------------- */

static void ask_hosts(struct ask *ask, unsigned number)
{
    snprintf(ask->host, TEXT_BYTES, "svc-%u.prod.internal", number / 4);
    snprintf(ask->path, TEXT_BYTES, "/api/v%u", number % 4);
    ask->tenant[0] = '\0';
}

static void ask_paths(struct ask *ask, unsigned number)
{
    snprintf(ask->host, TEXT_BYTES, "shop.internal");
    snprintf(ask->path, TEXT_BYTES, "/api/items/%u", number);
    ask->tenant[0] = '\0';
}

static void ask_headers(struct ask *ask, unsigned number)
{
    snprintf(ask->host, TEXT_BYTES, "shop.internal");
    snprintf(ask->path, TEXT_BYTES, "/api");
    snprintf(ask->tenant, TEXT_BYTES, "tenant-%u", number);
}

static const struct shape shapes[] = {
    {"hosts", ask_hosts, false},
    {"paths", ask_paths, false},
    {"headers", ask_headers, true},
};

/* --- routes --------------------------------------------------------------------------------- */

static uint32_t only_backend(void *context, const char *full_name, uint32_t port)
{
    (void)context;
    (void)full_name;
    (void)port;
    return 0;
}

static void write_name(char name[TEXT_BYTES], unsigned number)
{
    snprintf(name, TEXT_BYTES, "route-%u", number);
}

/* The serialized form of route `number`. */
static void write_route(const struct shape *shape, unsigned number, uint64_t revision,
                        struct buffer *to)
{
    struct ask ask;
    char name[TEXT_BYTES];
    shape->ask(&ask, number);
    write_name(name, number);

    char *hostname = ask.host;
    RouteMessage message = POINTSMAN__V1__ROUTE__INIT;
    RouteRuleMessage rule = POINTSMAN__V1__ROUTE_RULE__INIT;
    RouteMatchMessage match = POINTSMAN__V1__ROUTE_MATCH__INIT;
    PathMatchMessage path = POINTSMAN__V1__PATH_MATCH__INIT;
    HeaderMatchMessage header = POINTSMAN__V1__HEADER_MATCH__INIT;
    BackendRefMessage ref = POINTSMAN__V1__BACKEND_REF__INIT;
    RouteRuleMessage *rules[] = {&rule};
    RouteMatchMessage *matches[] = {&match};
    HeaderMatchMessage *headers[] = {&header};
    BackendRefMessage *refs[] = {&ref};

    message.name = name;
    message.hostnames = &hostname;
    message.n_hostnames = 1;
    message.rules = rules;
    message.n_rules = 1;
    message.created_revision = number + 1;
    message.revision = revision;
    rule.matches = matches;
    rule.n_matches = 1;
    rule.backend_refs = refs;
    rule.n_backend_refs = 1;
    match.path = &path;
    path.type = POINTSMAN__V1__PATH_MATCH_TYPE__PATH_MATCH_TYPE_PATH_PREFIX;
    path.value = ask.path;
    header.name = (char *)"x-tenant";
    header.value = ask.tenant;
    match.headers = headers;
    match.n_headers = shape->has_header ? 1 : 0;
    ref.name = (char *)"backend-1";
    ref.port = 8080;

    buffer_reset(to);
    message_pack(&message.base, to);
}

static struct route *make_route(const struct shape *shape, unsigned number, uint64_t revision,
                                struct buffer *scratch)
{
    write_route(shape, number, revision, scratch);
    ProtobufCMessage *message =
        message_unpack(&pointsman__v1__route__descriptor, buffer_slice(scratch),
                       MESSAGE_MEMORY_DEFAULT, true, NULL);
    struct route *route =
        route_new((const RouteMessage *)message, buffer_slice(scratch), false, only_backend, NULL);
    message_free(message);
    return route;
}

/* --- lookups -------------------------------------------------------------------------------- */

/* Six headers, as a plain client sends them. */
static struct header headers[] = {
    {SLICE("Host"), SLICE("shop.internal")},   {SLICE("User-Agent"), SLICE("curl/7.88.1")},
    {SLICE("Accept"), SLICE("*/*")},           {SLICE("X-Tenant"), {NULL, 0}},
    {SLICE("Accept-Encoding"), SLICE("gzip")}, {SLICE("X-Request-ID"), SLICE("0123456789")},
};

static void fill_head(struct request_head *head, const struct ask *ask)
{
    headers[3].value = slice_from_string(ask->tenant);
    *head = (struct request_head){
        .method = SLICE("GET"),
        .host = slice_from_string(ask->host),
        .path = slice_from_string(ask->path),
        .headers = headers,
        .header_count = sizeof(headers) / sizeof(headers[0]),
    };
}

/* Nanoseconds a lookup, over `count` requests in turn; what must be found is checked. */
static double time_lookups_once(const struct route_table *table, const struct ask *asks,
                                size_t count, bool is_hit)
{
    size_t found = 0;
    uint64_t start_us = spent_cpu_us();
    for (size_t i = 0; i < LOOKUPS; i++) {
        struct request_head head;
        fill_head(&head, &asks[i & (count - 1)]);
        const struct rule *rule = route_table_find(table, &head);
        found += rule != NULL && rule->total_weight == 1;
    }
    uint64_t spent_us = spent_cpu_us() - start_us;
    if (found != (is_hit ? LOOKUPS : 0)) {
        fprintf(stderr, "%zu of %d lookups found a rule\n", found, LOOKUPS);
        exit(1);
    }
    return (double)spent_us * 1000 / LOOKUPS;
}

static double time_lookups(const struct route_table *table, const struct ask *asks, size_t count,
                           bool is_hit)
{
    double best_ns = time_lookups_once(table, asks, count, is_hit);
    for (int i = 1; i < REPEATS; i++) {
        double ns = time_lookups_once(table, asks, count, is_hit);
        best_ns = ns < best_ns ? ns : best_ns;
    }
    return best_ns;
}

/* The same without a table: what filling the head costs. */
static double time_nothing(const struct ask *asks)
{
    uint64_t start_us = spent_cpu_us();
    for (size_t i = 0; i < LOOKUPS; i++) {
        struct request_head head;
        fill_head(&head, &asks[i & (REQUESTS - 1)]);
        __asm__ volatile("" : : "r"(&head) : "memory");
    }
    return (double)(spent_cpu_us() - start_us) * 1000 / LOOKUPS;
}

/* A list of what routes ask for, as one would write it first: every entry is looked at. */
static double time_scan(const struct shape *shape, unsigned count, const struct ask *asks)
{
    if (count > SCAN_MAX_ROUTES)
        return 0;
    struct ask *entries = memory_allocate(count * sizeof(*entries));
    for (unsigned i = 0; i < count; i++)
        shape->ask(&entries[i], i);

    size_t found = 0;
    uint64_t start_us = spent_cpu_us();
    for (size_t i = 0; i < SCANS; i++) {
        for (unsigned j = 0; j < count; j++)
            found += strcmp(entries[j].host, asks[i].host) == 0 &&
                     strcmp(entries[j].path, asks[i].path) == 0 &&
                     strcmp(entries[j].tenant, asks[i].tenant) == 0;
    }
    double spent_ns = (double)(spent_cpu_us() - start_us) * 1000 / SCANS;
    if (found != SCANS)
        exit(1);
    free(entries);
    return spent_ns;
}

/* What one read of memory costs that is in no cache and depends on the one before: the yardstick
 * for random lookups, which need about three. Measured over the size of a million routes. */
static double time_cold_read(void)
{
    enum { LINE_WORDS = 8, LINES = 6 << 20, READS = 1 << 20 };
    uint64_t *words = memory_allocate_zeroed((size_t)LINES * LINE_WORDS, sizeof(uint64_t));
    /* A full cycle through all lines: a linear congruence with its constants as Knuth wants them,
     * over the next power of two, skipping what lies beyond. */
    uint64_t line = 0;
    for (size_t i = 0; i < LINES; i++) {
        uint64_t next = line;
        do
            next = (next * 2862933 + 1013904223) & ((8 << 20) - 1);
        while (next >= LINES);
        words[line * LINE_WORDS] = next;
        line = next;
    }

    uint64_t start_us = spent_cpu_us();
    for (size_t i = 0; i < READS; i++)
        line = words[line * LINE_WORDS];
    double spent_ns = (double)(spent_cpu_us() - start_us) * 1000 / READS;
    __asm__ volatile("" : : "r"(line));
    free(words);
    return spent_ns;
}

/* --- one run -------------------------------------------------------------------------------- */

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

/* Microseconds to replace one route and publish, while a worker holds the table before. */
static double time_changes(struct route_table_builder *builder, struct route **routes,
                           unsigned count, const struct shape *shape, struct route_table **table,
                           struct buffer *scratch)
{
    struct route *changed[CHANGES];
    for (unsigned i = 0; i < CHANGES; i++)
        changed[i] =
            make_route(shape, (unsigned)((uint64_t)i * 2654435761U % count), i + 2, scratch);

    uint64_t start_us = spent_cpu_us();
    for (unsigned i = 0; i < CHANGES; i++) {
        unsigned number = (unsigned)((uint64_t)i * 2654435761U % count);
        route_table_builder_remove(builder, routes[number]);
        route_table_builder_add(builder, changed[i]);
        struct route_table *next = route_table_builder_publish(builder, i + 2, 1);
        routes[number] = changed[i];
        route_table_release(table);
        *table = next;
    }
    return (double)(spent_cpu_us() - start_us) / CHANGES;
}

static void fill_asks(struct ask *hits, struct ask *misses, const struct shape *shape,
                      unsigned count)
{
    uint64_t random = 1;
    for (unsigned i = 0; i < REQUESTS; i++) {
        random = random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        shape->ask(&hits[i], (unsigned)(random >> 33) % count);
        shape->ask(&misses[i], count + 4 + (unsigned)(random >> 33) % count);
    }
}

static void run(const struct shape *shape, unsigned count, struct ask *hits, struct ask *misses)
{
    struct buffer scratch = BUFFER_EMPTY;
    struct route **routes = memory_allocate(count * sizeof(struct route *));
    fill_asks(hits, misses, shape, count);
    size_t resident_before = resident_bytes();

    uint64_t route_bytes = 0;
    uint64_t start_us = spent_cpu_us();
    for (unsigned i = 0; i < count; i++)
        routes[i] = make_route(shape, i, 1, &scratch);
    uint64_t compiled_us = spent_cpu_us();
    struct route_table_builder *builder = route_table_builder_new();
    for (unsigned i = 0; i < count; i++)
        route_table_builder_add(builder, routes[i]);
    struct route_table *table = route_table_builder_publish(builder, 1, 1);
    uint64_t built_us = spent_cpu_us();
    for (unsigned i = 0; i < count; i++)
        route_bytes += malloc_usable_size(routes[i]) + 8;
    size_t resident = resident_bytes() - resident_before;

    double index_bytes = (double)route_table_builder_index_bytes(builder) / count;
    double nothing_ns = time_nothing(hits);
    double random_ns = time_lookups(table, hits, REQUESTS, true) - nothing_ns;
    double hot_ns = time_lookups(table, hits, 16, true) - nothing_ns;
    double miss_ns = time_lookups(table, misses, REQUESTS, false) - nothing_ns;
    double change_us = time_changes(builder, routes, count, shape, &table, &scratch);
    double scan_ns = time_scan(shape, count, hits);

    printf("%-8s %8u %9.0f %7.0f %7.0f %9.0f %9.0f %9.0f %11.1f %10.1f %10.1f", shape->name, count,
           random_ns, hot_ns, miss_ns, index_bytes, (double)route_bytes / count,
           (double)resident / count, (double)(compiled_us - start_us) / 1000,
           (double)(built_us - compiled_us) / 1000, change_us);
    if (scan_ns > 0)
        printf(" %10.0f\n", scan_ns);
    else
        printf(" %10s\n", "-");
    fflush(stdout);

    route_table_release(&table);
    route_table_builder_free(builder);
    for (unsigned i = 0; i < count; i++)
        route_release(&routes[i]);
    free(routes);
    buffer_clear(&scratch);
    malloc_trim(0);
}

/* --- the whole replica ---------------------------------------------------------------------- */

/* A first snapshot as the proxy takes it: validated, compiled, digest checked, published. */
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
    uint64_t start_us = spent_cpu_us();
    for (unsigned i = 0; i < count; i++) {
        char name[TEXT_BYTES];
        write_name(name, i);
        write_route(shape, i, 1, &scratch);
        digest += object_digest(POINTSMAN__V1__OBJECT_KIND__OBJECT_KIND_ROUTE,
                                slice_from_string(name), buffer_slice(&scratch));
        route_replica_stage(replica, POINTSMAN__V1__OBJECT_KIND__OBJECT_KIND_ROUTE,
                            slice_from_string(name), false, buffer_slice(&scratch));
    }
    uint64_t staged_us = spent_cpu_us() - start_us;
    start_us = spent_cpu_us();
    if (!route_replica_commit(replica, "bench", 1, digest, false, NULL, NULL, &table, &err)) {
        fprintf(stderr, "%s\n", err.message);
        exit(1);
    }
    uint64_t committed_us = spent_cpu_us() - start_us;
    printf("replica  %-8s %8u: stage %.0f ms, commit %.0f ms, resident %.0f bytes a route\n",
           shape->name, count, (double)staged_us / 1000, (double)committed_us / 1000,
           (double)(resident_bytes() - resident_before) / count);
    fflush(stdout);

    route_table_release(&table);
    route_replica_free(replica);
    endpoint_registry_free(endpoints);
    buffer_clear(&scratch);
    malloc_trim(0);
}

int main(int argc, char **argv)
{
    static const char *default_counts[] = {"10", "10000", "1000000"};
    const char **counts = argc > 1 ? (const char **)argv + 1 : default_counts;
    int count = argc > 1 ? argc - 1 : 3;
    struct ask *hits = memory_allocate(REQUESTS * sizeof(*hits));
    struct ask *misses = memory_allocate(REQUESTS * sizeof(*misses));

    printf("one cold read of memory: %.0f ns\n", time_cold_read());
    printf("%-8s %8s %9s %7s %7s %9s %9s %9s %11s %10s %10s %10s\n", "shape", "routes", "random ns",
           "hot ns", "miss ns", "index B/r", "route B/r", "rss B/r", "compile ms", "build ms",
           "change us", "scan ns");
    for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
        for (int j = 0; j < count; j++)
            run(&shapes[i], (unsigned)strtoul(counts[j], NULL, 10), hits, misses);
    }
    free(hits);
    free(misses);
    malloc_trim(0);
    for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++)
        run_replica(&shapes[i], (unsigned)strtoul(counts[count - 1], NULL, 10));
    return 0;
}
