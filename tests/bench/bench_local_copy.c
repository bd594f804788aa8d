/* How long the local copy takes: to write, to append a change to, and to read and build into a
 * table at a start.
 *
 *   bench_local_copy [ROUTES]     1,000,000 without an argument */
#include "common/buffer.h"
#include "common/clock.h"
#include "proto/message.h"
#include "proto/object_digest.h"
#include "proxy/copy_loader.h"
#include "proxy/local_copy.h"
#include "proxy/routing/replica_snapshot.h"
#include "proxy/routing/route_replica.h"
#include "proxy/upstream/endpoint_registry.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { BACKENDS = 100 };

static void fail(const char *what, const struct error *err)
{
    fprintf(stderr, "%s: %s\n", what, err->message);
    exit(1);
}

static void stage(struct route_replica *replica, Pointsman__V1__ObjectKind kind, const char *name,
                  const ProtobufCMessage *message, uint64_t *digest)
{
    struct buffer bytes = BUFFER_EMPTY;
    message_pack(message, &bytes);
    route_replica_stage(replica, kind, slice_from_string(name), false, buffer_slice(&bytes));
    *digest += object_digest(kind, slice_from_string(name), buffer_slice(&bytes));
    buffer_clear(&bytes);
}

static void stage_backend(struct route_replica *replica, size_t number, uint64_t *digest)
{
    char name[32];
    snprintf(name, sizeof(name), "backend-%zu", number);
    EndpointMessage endpoint;
    pointsman__v1__endpoint__init(&endpoint);
    endpoint.address = (char *)"10.0.0.7";
    endpoint.port = (uint32_t)(8000 + number);
    EndpointMessage *endpoints[] = {&endpoint};
    BackendMessage backend;
    pointsman__v1__backend__init(&backend);
    backend.name = name;
    backend.endpoints = endpoints;
    backend.n_endpoints = 1;
    stage(replica, POINTSMAN__V1__OBJECT_KIND__OBJECT_KIND_BACKEND, name, &backend.base, digest);
}

/* A host of its own, one prefix, one backend: what `routectl add` makes. */
static void stage_route(struct route_replica *replica, size_t number, uint64_t *digest)
{
    char name[32], host[48], backend[32];
    snprintf(name, sizeof(name), "route-%zu", number);
    snprintf(host, sizeof(host), "host-%zu.internal", number);
    snprintf(backend, sizeof(backend), "backend-%zu", number % BACKENDS);

    PathMatchMessage path;
    pointsman__v1__path_match__init(&path);
    path.type = POINTSMAN__V1__PATH_MATCH_TYPE__PATH_MATCH_TYPE_PATH_PREFIX;
    path.value = (char *)"/api";
    RouteMatchMessage match;
    pointsman__v1__route_match__init(&match);
    match.path = &path;
    RouteMatchMessage *matches[] = {&match};
    BackendRefMessage ref;
    pointsman__v1__backend_ref__init(&ref);
    ref.name = backend;
    BackendRefMessage *refs[] = {&ref};
    RouteRuleMessage rule;
    pointsman__v1__route_rule__init(&rule);
    rule.matches = matches;
    rule.n_matches = 1;
    rule.backend_refs = refs;
    rule.n_backend_refs = 1;
    RouteRuleMessage *rules[] = {&rule};
    char *hostnames[] = {host};
    RouteMessage route;
    pointsman__v1__route__init(&route);
    route.name = name;
    route.hostnames = hostnames;
    route.n_hostnames = 1;
    route.rules = rules;
    route.n_rules = 1;
    route.revision = number + 1;
    route.created_revision = number + 1;
    stage(replica, POINTSMAN__V1__OBJECT_KIND__OBJECT_KIND_ROUTE, name, &route.base, digest);
}

static void on_error(void *context, Pointsman__V1__ObjectKind kind, const char *name,
                     const char *field, const char *message)
{
    (void)context;
    (void)kind;
    fprintf(stderr, "%s: %s: %s\n", name, field, message);
}

static void write_copy(const char *path, size_t routes)
{
    struct error err;
    struct route_table *table = NULL;
    struct endpoint_registry *endpoints = endpoint_registry_new();
    struct route_replica *replica = route_replica_new(endpoints);
    uint64_t digest = 0;
    if (!route_replica_begin(replica, true, 0, &err))
        fail("begin", &err);
    for (size_t i = 0; i < BACKENDS; i++)
        stage_backend(replica, i, &digest);
    for (size_t i = 0; i < routes; i++)
        stage_route(replica, i, &digest);
    if (!route_replica_commit(replica, "epoch-1", routes, digest, false, on_error, NULL, &table,
                              &err))
        fail("commit", &err);

    struct local_copy *copy = local_copy_start(path, "bench", NULL, false);
    uint64_t before_us = clock_now_us();
    local_copy_replace(copy, routes, digest);
    local_copy_rewrite(copy, route_replica_snapshot(replica));
    uint64_t handed_over_us = clock_now_us();
    local_copy_stop(copy);
    uint64_t synced_us = clock_now_us();

    struct stat status;
    stat(path, &status);
    printf("write   %8.1f ms on the control thread, %8.1f ms until it was on disk, %.1f MB\n",
           (double)(handed_over_us - before_us) / 1000, (double)(synced_us - before_us) / 1000,
           (double)status.st_size / 1e6);
    route_table_release(&table);
    route_replica_free(replica);
    endpoint_registry_free(endpoints);
}

static long resident_mb(void)
{
    long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (file == NULL || fscanf(file, "%*d %ld", &pages) != 1)
        return -1;
    fclose(file);
    return pages * sysconf(_SC_PAGESIZE) / (1 << 20);
}

static void read_copy(const char *path)
{
    struct error err;
    struct local_copy_info info;
    struct route_table *table = NULL;
    struct endpoint_registry *endpoints = endpoint_registry_new();
    struct route_replica *replica = route_replica_new(endpoints);

    uint64_t before_us = clock_now_us();
    if (!copy_load(replica, path, &info, &err))
        fail("read", &err);
    uint64_t read_us = clock_now_us();
    if (!route_replica_commit(replica, info.epoch, info.revision, info.digest, true, on_error, NULL,
                              &table, &err))
        fail("build", &err);
    uint64_t built_us = clock_now_us();

    printf("read    %8.1f ms, build %8.1f ms, in all %8.1f ms; %zu routes, %ld MB resident\n",
           (double)(read_us - before_us) / 1000, (double)(built_us - read_us) / 1000,
           (double)(built_us - before_us) / 1000, route_table_route_count(table), resident_mb());
    route_table_release(&table);
    route_replica_free(replica);
    endpoint_registry_free(endpoints);
}

int main(int argc, char **argv)
{
    size_t routes = argc > 1 ? strtoul(argv[1], NULL, 10) : 1000000;
    char folder[] = "/tmp/bench_local_copy.XXXXXX";
    if (mkdtemp(folder) == NULL)
        return 1;
    char path[64];
    snprintf(path, sizeof(path), "%s/copy", folder);

    /* In processes of their own, so that each peak is its own. */
    pid_t writer = fork();
    if (writer == 0) {
        write_copy(path, routes);
        fflush(stdout);
        _exit(0);
    }
    int result;
    waitpid(writer, &result, 0);
    if (result == 0)
        read_copy(path);
    static const char *const suffixes[] = {"", ".journal", ".lock"};
    for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
        snprintf(path, sizeof(path), "%s/copy%s", folder, suffixes[i]);
        unlink(path);
    }
    rmdir(folder);
    return result == 0 ? 0 : 1;
}
