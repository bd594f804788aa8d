/* Route metrics: requests of one route by class of status.
 *
 * A route embeds the slot: zero it with the route, clear it with the route. Nothing else is
 * needed when a route is replaced: counts go by name.
 *
 * Threads: any. */
#ifndef PROXY_METRICS_ROUTE_METRICS_H
#define PROXY_METRICS_ROUTE_METRICS_H

#include "proxy/metrics/named_counters.h"

struct route_metrics {
    struct named_counter_slot slot;
};

#define ROUTE_METRICS_EMPTY ((struct route_metrics){.slot = {.counter = NULL}})

/* One worker's counts of one route. */
struct route_counts {
    struct counter requests[STATUS_CLASS_COUNT];
};

static inline void route_metrics_clear(struct route_metrics *metrics)
{
    named_counter_slot_clear(&metrics->slot);
}

/* A request of this route has ended with `status` (0: the client got none). Worker only. */
void route_metrics_count(struct route_metrics *metrics, struct slice route_name,
                         struct worker_counters *worker, unsigned status);

#endif
