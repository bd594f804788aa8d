/* Backend metrics: latency, failures and retries of one backend.
 *
 * Embedded in its backend like route_metrics in a route.
 *
 * Threads: any. */
#ifndef PROXY_METRICS_BACKEND_METRICS_H
#define PROXY_METRICS_BACKEND_METRICS_H

#include "proxy/metrics/named_counters.h"

/* Upper bounds are in latency_bounds_us; the last bucket has none. */
enum { LATENCY_BUCKET_COUNT = 16 };
extern const uint64_t latency_bounds_us[LATENCY_BUCKET_COUNT - 1];

struct backend_metrics {
    struct named_counter_slot slot;
};

#define BACKEND_METRICS_EMPTY ((struct backend_metrics){.slot = {.counter = NULL}})

/* One worker's counts of one backend. */
struct backend_counts {
    struct counter latency[LATENCY_BUCKET_COUNT];
    struct counter latency_sum_us;
    struct counter failures[UPSTREAM_FAILURE_COUNT];
    struct counter retries[UPSTREAM_FAILURE_COUNT];
    struct counter retries_denied; /* the budget was spent */
    struct counter ejections;      /* of its endpoints */
    struct counter requests_started;
    struct counter requests_ended; /* started - ended: running */
    struct counter repeats_started;
    struct counter repeats_ended; /* started - ended: running requests within the retry budget */
};

static inline void backend_metrics_clear(struct backend_metrics *metrics)
{
    named_counter_slot_clear(&metrics->slot);
}

/* This worker's counts of the backend. Worker only. Borrowed until the metrics are cleared. */
struct backend_counts *backend_metrics_counts(struct backend_metrics *metrics,
                                              struct slice backend_name,
                                              struct worker_counters *worker);

/* A try was answered: from its start to the response head. Worker only. */
void backend_metrics_observe(struct backend_metrics *metrics, struct slice backend_name,
                             struct worker_counters *worker, uint64_t latency_us);

/* A try failed. Worker only. */
void backend_metrics_count_failure(struct backend_metrics *metrics, struct slice backend_name,
                                   struct worker_counters *worker, enum upstream_failure failure);

/* An endpoint was ejected. Worker only. */
void backend_metrics_count_ejection(struct backend_metrics *metrics, struct slice backend_name,
                                    struct worker_counters *worker);

/* Another try was started because of `failure`. Worker only. */
void backend_metrics_count_retry(struct backend_metrics *metrics, struct slice backend_name,
                                 struct worker_counters *worker, enum upstream_failure failure);

#endif
