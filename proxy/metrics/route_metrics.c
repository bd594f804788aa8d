#include "proxy/metrics/route_metrics.h"

void route_metrics_count(struct route_metrics *metrics, struct slice route_name,
                         struct worker_counters *worker, unsigned status)
{
    struct route_counts *counts = named_counter_slot_block(
        &metrics->slot, counters_routes(worker->counters), route_name, worker->index);
    counter_add(&counts->requests[status_class(status)], 1);
}
