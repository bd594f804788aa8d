/* Refusal counts: every message that was refused, under the rule it breaks.
 *
 * Threads: worker; refusal_counts_write any. */
#ifndef PROXY_HTTP_REFUSAL_COUNTS_H
#define PROXY_HTTP_REFUSAL_COUNTS_H

#include "common/buffer.h"
#include "proxy/http/refusal.h"
#include "proxy/metrics/counters.h"

/* A client's request; also by what it is answered (enum denial). */
void refusal_count_request(struct worker_counters *counters, enum refusal refusal);
/* An endpoint's response. */
void refusal_count_response(struct worker_counters *counters, enum refusal refusal);

/* Appends both for Prometheus, with the rule as label. */
void refusal_counts_write(struct buffer *to, const struct counters *counters);

#endif
