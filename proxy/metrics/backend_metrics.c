#include "proxy/metrics/backend_metrics.h"

const uint64_t latency_bounds_us[LATENCY_BUCKET_COUNT - 1] = {
    250,    500,    1000,   2500,    5000,    10000,    25000,    50000,
    100000, 250000, 500000, 1000000, 2500000, 10000000, 30000000,
};

struct backend_counts *backend_metrics_counts(struct backend_metrics *metrics,
                                              struct slice backend_name,
                                              struct worker_counters *worker)
{
    return named_counter_slot_block(&metrics->slot, counters_backends(worker->counters),
                                    backend_name, worker->index);
}

void backend_metrics_observe(struct backend_metrics *metrics, struct slice backend_name,
                             struct worker_counters *worker, uint64_t latency_us)
{
    struct backend_counts *counts = backend_metrics_counts(metrics, backend_name, worker);
    size_t bucket = 0;
    while (bucket < LATENCY_BUCKET_COUNT - 1 && latency_us > latency_bounds_us[bucket])
        bucket++;
    counter_add(&counts->latency[bucket], 1);
    counter_add(&counts->latency_sum_us, latency_us);
}

void backend_metrics_count_failure(struct backend_metrics *metrics, struct slice backend_name,
                                   struct worker_counters *worker, enum upstream_failure failure)
{
    counter_add(&backend_metrics_counts(metrics, backend_name, worker)->failures[failure], 1);
}

void backend_metrics_count_retry(struct backend_metrics *metrics, struct slice backend_name,
                                 struct worker_counters *worker, enum upstream_failure failure)
{
    counter_add(&backend_metrics_counts(metrics, backend_name, worker)->retries[failure], 1);
}

void backend_metrics_count_ejection(struct backend_metrics *metrics, struct slice backend_name,
                                    struct worker_counters *worker)
{
    counter_add(&backend_metrics_counts(metrics, backend_name, worker)->ejections, 1);
}
