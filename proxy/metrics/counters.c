#include "proxy/metrics/counters.h"

#include "common/buffer.h"
#include "common/round_up.h"
#include "proxy/metrics/backend_metrics.h"
#include "proxy/metrics/named_counters.h"
#include "proxy/metrics/route_metrics.h"

#include <stdlib.h>
#include <string.h>

/* What two workers write must lie this far apart: a cache line, and the one fetched with it. */
enum { SEPARATION = 128 };

struct counters {
    /* immutable */
    unsigned worker_count;
    size_t stride; /* from one worker's block to the next */
    char *blocks;
    struct named_counters *routes;
    struct named_counters *backends;
};

struct counters *counters_new(unsigned worker_count)
{
    struct counters *counters = memory_allocate_zeroed(1, sizeof(*counters));
    counters->worker_count = worker_count;
    counters->stride = round_up(sizeof(struct worker_counters), SEPARATION);
    counters->blocks = memory_allocate_aligned(SEPARATION, worker_count * counters->stride);
    memset(counters->blocks, 0, worker_count * counters->stride);
    for (unsigned i = 0; i < worker_count; i++) {
        counters_worker(counters, i)->counters = counters;
        counters_worker(counters, i)->index = i;
    }
    counters->routes = named_counters_new(worker_count, sizeof(struct route_counts));
    counters->backends = named_counters_new(worker_count, sizeof(struct backend_counts));
    return counters;
}

void counters_free(struct counters *counters)
{
    if (counters == NULL)
        return;
    named_counters_free(counters->routes);
    named_counters_free(counters->backends);
    free(counters->blocks);
    free(counters);
}

unsigned counters_worker_count(const struct counters *counters)
{
    return counters->worker_count;
}

struct worker_counters *counters_worker(struct counters *counters, unsigned index)
{
    return (struct worker_counters *)(void *)(counters->blocks + index * counters->stride);
}

uint64_t counters_sum(const struct counters *counters, size_t field_offset)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < counters->worker_count; i++) {
        const char *block = counters->blocks + i * counters->stride;
        sum += counter_read((const struct counter *)(const void *)(block + field_offset));
    }
    return sum;
}

struct named_counters *counters_routes(struct counters *counters)
{
    return counters->routes;
}

struct named_counters *counters_backends(struct counters *counters)
{
    return counters->backends;
}
