/* Prometheus: all counters as text, in the exposition format 0.0.4.
 *
 * Threads: any. */
#ifndef PROXY_METRICS_PROMETHEUS_H
#define PROXY_METRICS_PROMETHEUS_H

#include "common/buffer.h"
#include "proxy/metrics/counters.h"

#include <stdbool.h>
#include <stdint.h>

#define PROMETHEUS_CONTENT_TYPE "text/plain; version=0.0.4; charset=utf-8"

/* What is not counted but is so right now. */
struct prometheus_facts {
    bool has_table;
    bool is_stale; /* serving the local copy, control not heard yet */
    bool is_control_connected;
    bool has_heard_control;  /* ever */
    uint64_t control_age_ms; /* since its last word */
    uint64_t control_reconnects;
    uint64_t updates_applied;
    uint64_t updates_rejected;
    bool is_copy_failing; /* the local copy, to be written */
    uint64_t copy_failures;
    uint64_t revision;
    uint64_t routes;
    uint64_t backends;
    uint64_t regex_limit_hits;
    uint64_t start_time_ms; /* wall time */
    uint64_t generation;    /* under a supervisor; otherwise 0 */
    uint64_t restarts;
};

/* --- the format, for who has more to say ------------------------------------------------------ */

void prometheus_write_head(struct buffer *to, const char *name, const char *type, const char *help);

/* `name{label="value"`, open for more labels and the rest. */
void prometheus_write_labelled(struct buffer *to, const char *name, const char *label,
                               const char *value);

/* `,label="value"`, behind the above. */
void prometheus_write_label(struct buffer *to, const char *label, const char *value);

/* --- all counters ---------------------------------------------------------------------------- */

void prometheus_write(struct buffer *to, struct counters *counters,
                      const struct prometheus_facts *facts);

#endif
