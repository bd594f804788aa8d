/* Backend: the endpoints of one service and how to choose among them.
 *
 * Immutable and counted; a change makes a new one that shares the endpoints of the old, and the
 * hash ring when these are the same.
 *
 * Threads: any; the counts are atomic. */
#ifndef PROXY_UPSTREAM_BACKEND_H
#define PROXY_UPSTREAM_BACKEND_H

#include "common/error.h"
#include "common/slice.h"
#include "proto/messages.h"
#include "proxy/metrics/backend_metrics.h"
#include "proxy/upstream/ejection.h"
#include "proxy/upstream/endpoint.h"
#include "proxy/upstream/health_check.h"

#include <stddef.h>
#include <stdint.h>

struct endpoint_index;
struct endpoint_registry;
struct hash_ring;
struct listed_name;

/* What ConsistentHash hashes of a request. */
enum backend_hash_on {
    HASH_ON_SOURCE_ADDRESS,
    HASH_ON_HEADER,
    HASH_ON_COOKIE,
};

/* For each endpoint, over all workers. 0: no limit. */
struct backend_limits {
    uint32_t max_connections;
    uint32_t max_pending;
    uint32_t max_requests;
};

struct backend_endpoint {
    struct endpoint *endpoint;  /* the backend holds a reference */
    struct health_check *check; /* the backend uses it; NULL: none */
    uint32_t weight;            /* 0: no new requests */
    uint64_t weight_before;     /* of the endpoints in front of it, added up */
};

struct backend {
    /* immutable */
    struct slice name; /* terminated */
    uint32_t port;     /* of the backendRef; 0: none */
    uint64_t revision;
    Pointsman__V1__LoadBalancingPolicy policy; /* never unspecified */
    uint64_t connect_timeout_ms;
    uint64_t total_weight; /* 0: there is nothing to pick */
    uint64_t stride;       /* see round_robin in balancer.c */
    bool has_equal_weights;
    uint64_t slow_start_ms; /* 0: none */
    struct backend_limits limits;
    enum backend_hash_on hash_on;
    struct slice hash_name; /* of the header or cookie */
    struct ejection_policy ejection;
    uint32_t panic_percent;       /* with a smaller share of healthy endpoints, health is ignored */
    struct hash_ring *ring;       /* held; of ConsistentHash, else NULL */
    uint64_t name_hash;           /* hash_stable: the same in every process */
    struct endpoint_index *index; /* of its endpoints; owned */

    /* atomic: any */
    atomic_uint references;
    atomic_uint turn; /* of RoundRobin */
    struct backend_metrics metrics;

    /* immutable */
    struct listed_name *names; /* of endpoints; used */
    size_t name_count;
    size_t endpoint_count;
    struct backend_endpoint endpoints[];
};

/* A backend as rules see it through a backendRef with `port` (0: none). Copies what it needs. The
 * message has passed backend_validate; what can still fail is a port that is not among `ports`,
 * an endpoint that ends up with none. `previous` (or NULL) is what
 * it replaces: what is costly to make and has not changed is shared with it. Caller releases. */
struct backend *backend_new(const BackendMessage *message, uint32_t port,
                            const struct backend *previous, struct endpoint_registry *endpoints,
                            struct error *err);

/* Whether a name among its endpoints has other addresses by now: then it is time for a new one. */
bool backend_is_outdated(const struct backend *backend);

/* Whether it may get requests, panic aside. */
static inline bool backend_endpoint_is_healthy(const struct backend_endpoint *each, uint64_t now_ms)
{
    return endpoint_is_in(each->endpoint, now_ms) &&
           (each->check == NULL || health_check_is_healthy(each->check));
}

/* What stands for an endpoint of this backend in the tokens of sessions: the same in every process,
 * and as long as the backend has this name and the endpoint its address. */
static inline uint64_t backend_session_id(const struct backend *backend,
                                          const struct endpoint *endpoint)
{
    return backend->name_hash ^ endpoint->name_hash;
}

/* The endpoint that this stands for, whether or not it may get requests. NULL: none of ours. */
const struct backend_endpoint *backend_find_session(const struct backend *backend,
                                                    uint64_t session_id);

/* A duration of a message in whole milliseconds. */
uint64_t backend_milliseconds(const DurationMessage *duration, uint64_t when_absent);

/* Whether its endpoints speak HTTP/2, all or none of them; false of one without endpoints. */
bool backend_speaks_http2(const struct backend *backend);

void backend_acquire(struct backend *backend);
/* Clears *backend. Harmless on NULL. */
void backend_release(struct backend **backend);

#endif
