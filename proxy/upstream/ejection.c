#include "proxy/upstream/ejection.h"

#include "common/log.h"
#include "proxy/upstream/backend.h"

#include <inttypes.h>

enum {
    DEFAULT_CONSECUTIVE_FAILURES = 5,
    DEFAULT_MAX_PERCENT = 50,
    DEFAULT_BASE_MS = 30 * 1000,
    DEFAULT_MAX_MS = 300 * 1000,
};

struct ejection_policy ejection_policy_of(const Pointsman__V1__PassiveHealth *passive)
{
    struct ejection_policy policy = {
        .consecutive_failures = DEFAULT_CONSECUTIVE_FAILURES,
        .max_percent = DEFAULT_MAX_PERCENT,
        .base_ms = DEFAULT_BASE_MS,
        .max_ms = DEFAULT_MAX_MS,
    };
    if (passive == NULL)
        return policy;

    if (passive->consecutive_failures_presence_case ==
        POINTSMAN__V1__PASSIVE_HEALTH__CONSECUTIVE_FAILURES_PRESENCE_CONSECUTIVE_FAILURES)
        policy.consecutive_failures = passive->consecutive_failures;
    if (passive->max_ejected_percent_presence_case ==
        POINTSMAN__V1__PASSIVE_HEALTH__MAX_EJECTED_PERCENT_PRESENCE_MAX_EJECTED_PERCENT)
        policy.max_percent = passive->max_ejected_percent;
    policy.base_ms = backend_milliseconds(passive->base_ejection, policy.base_ms);
    policy.max_ms = backend_milliseconds(passive->max_ejection, policy.max_ms);
    /* One of both may be given alone. */
    if (policy.max_ms < policy.base_ms)
        policy.max_ms = policy.base_ms;
    return policy;
}

/* --- how many may be out --------------------------------------------------------------------- */

/* Whether with `more` of them the share is within the limit. */
static bool may_be_out(const struct backend *backend, size_t more, uint64_t now_ms)
{
    size_t serving = 0;
    size_t out = more;
    for (size_t i = 0; i < backend->endpoint_count; i++) {
        const struct backend_endpoint *each = &backend->endpoints[i];
        serving += each->weight > 0;
        out += each->weight > 0 && !backend_endpoint_is_healthy(each, now_ms);
    }
    return (uint64_t)out * 100 <= (uint64_t)serving * backend->ejection.max_percent;
}

/* --- for how long ---------------------------------------------------------------------------- */

/* The base time for each recent ejection; an endpoint that has served for the longest time there is
 * starts anew. */
static uint64_t time_out_ms(const struct ejection_policy *policy, struct endpoint *endpoint,
                            uint64_t now_ms)
{
    uint64_t since_ms = atomic_load(&endpoint->serving_since_ms);
    bool has_served = now_ms > since_ms && now_ms - since_ms >= policy->max_ms;
    uint64_t times = has_served ? 1 : (uint64_t)atomic_load(&endpoint->ejections) + 1;
    atomic_store(&endpoint->ejections, (unsigned)times);
    if (policy->base_ms == 0)
        return 0;
    return times > policy->max_ms / policy->base_ms ? policy->max_ms : times * policy->base_ms;
}

static bool eject(struct backend *backend, struct endpoint *endpoint, unsigned failures,
                  uint64_t now_ms)
{
    if (!endpoint_is_in(endpoint, now_ms) || !may_be_out(backend, 1, now_ms))
        return false;
    uint64_t out_ms = time_out_ms(&backend->ejection, endpoint, now_ms);
    if (out_ms == 0 || !endpoint_eject(endpoint, now_ms + out_ms))
        return false; /* another worker was faster */
    /* Two workers may have thought the same of two endpoints. */
    if (!may_be_out(backend, 0, now_ms)) {
        endpoint_take_back(endpoint);
        return false;
    }
    log_warn("endpoint_ejected", "endpoint=%s backend=%s failures=%u for_ms=%" PRIu64,
             endpoint->name, backend->name.at, failures, out_ms);
    return true;
}

bool ejection_judge(struct backend *backend, struct endpoint *endpoint,
                    enum endpoint_outcome outcome, uint64_t now_ms)
{
    switch (outcome) {
    case ENDPOINT_ANSWERED:
        /* Read first: the line stays shared between workers as long as all goes well. */
        if (atomic_load_explicit(&endpoint->consecutive_failures, memory_order_relaxed) != 0)
            atomic_store_explicit(&endpoint->consecutive_failures, 0, memory_order_relaxed);
        return false;
    case ENDPOINT_ABANDONED:
        return false;
    case ENDPOINT_ANSWERED_5XX:
    case ENDPOINT_CONNECT_FAILED:
    case ENDPOINT_FAILED:
    case ENDPOINT_TIMED_OUT:
        break;
    }
    unsigned failures = atomic_fetch_add(&endpoint->consecutive_failures, 1) + 1;
    uint32_t limit = backend->ejection.consecutive_failures;
    return limit > 0 && failures >= limit && eject(backend, endpoint, failures, now_ms);
}
