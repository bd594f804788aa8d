#include "proxy/http/refusal_counts.h"

#include "proxy/metrics/prometheus.h"

#include <inttypes.h>

_Static_assert((int)REFUSAL_COUNT <= (int)COUNTED_RULES, "every rule is counted");

static enum denial denial_of(unsigned status)
{
    switch (status) {
    case 405:
        return DENIAL_METHOD;
    case 413:
        return DENIAL_BODY_TOO_LARGE;
    case 414:
        return DENIAL_URI_TOO_LONG;
    case 417:
        return DENIAL_EXPECTATION;
    case 431:
        return DENIAL_HEAD_TOO_LARGE;
    case 505:
        return DENIAL_VERSION;
    default:
        return DENIAL_BAD_REQUEST;
    }
}

void refusal_count_request(struct worker_counters *counters, enum refusal refusal)
{
    counter_add(&counters->refused[denial_of(refusal_info(refusal)->status)], 1);
    counter_add(&counters->broken_requests[refusal], 1);
}

void refusal_count_response(struct worker_counters *counters, enum refusal refusal)
{
    counter_add(&counters->broken_responses[refusal], 1);
}

/* A rule that was never broken has no line. */
static void write_rules(struct buffer *to, const struct counters *counters, const char *name,
                        const char *help, size_t offset)
{
    prometheus_write_head(to, name, "counter", help);
    for (unsigned rule = REFUSAL_NONE + 1; rule < REFUSAL_COUNT; rule++) {
        uint64_t count = counters_sum(counters, offset + rule * sizeof(struct counter));
        if (count == 0)
            continue;
        prometheus_write_labelled(to, name, "rule", refusal_info((enum refusal)rule)->name);
        buffer_printf(to, "} %" PRIu64 "\n", count);
    }
}

void refusal_counts_write(struct buffer *to, const struct counters *counters)
{
    write_rules(to, counters, "pointsman_broken_requests_total",
                "Requests refused for what they are, by the rule they break.",
                offsetof(struct worker_counters, broken_requests));
    write_rules(to, counters, "pointsman_broken_responses_total",
                "Responses of endpoints refused for what they are, by the rule they break.",
                offsetof(struct worker_counters, broken_responses));
}
