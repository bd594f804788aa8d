/* Ejection: endpoints that fail several times in a row get no requests for a while, which grows
 * with each time; never more than a share of a backend's endpoints.
 *
 * What happens to requests is all that is looked at; active checks are in health_check.h.
 *
 * Threads: any. */
#ifndef PROXY_UPSTREAM_EJECTION_H
#define PROXY_UPSTREAM_EJECTION_H

#include "proto/messages.h"
#include "proxy/upstream/endpoint.h"

#include <stdbool.h>
#include <stdint.h>

struct backend;

struct ejection_policy {
    uint32_t consecutive_failures; /* 0: nothing is ejected */
    uint32_t max_percent;          /* of the backend's endpoints, unhealthy ones counted in */
    uint64_t base_ms;              /* the first time; twice that the second time */
    uint64_t max_ms;
};

/* What a PassiveHealth says; NULL: the defaults. */
struct ejection_policy ejection_policy_of(const Pointsman__V1__PassiveHealth *passive);

/* A try at the endpoint ended like this. True when it is ejected for that. */
bool ejection_judge(struct backend *backend, struct endpoint *endpoint,
                    enum endpoint_outcome outcome, uint64_t now_ms);

#endif
