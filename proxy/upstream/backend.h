/* Backend: the endpoints of one service and how to choose among them.
 *
 * Immutable and counted; a change makes a new one that shares the endpoints of the old.
 *
 * Threads: any; the count is atomic. */
#ifndef PROXY_UPSTREAM_BACKEND_H
#define PROXY_UPSTREAM_BACKEND_H

#include "common/error.h"
#include "proto/messages.h"
#include "proxy/upstream/endpoint.h"

#include <stddef.h>
#include <stdint.h>

struct backend_metrics;
struct endpoint_registry;

struct backend_endpoint {
    struct endpoint *endpoint; /* the backend holds a reference */
    uint32_t weight;           /* 0: no new requests */
};

struct backend {
    /* immutable */
    const char *name;
    uint64_t revision;
    struct backend_endpoint *endpoints;
    size_t endpoint_count;
    Pointsman__V1__LoadBalancingPolicy policy; /* never unspecified */
    uint64_t connect_timeout_ms;
    struct backend_metrics *metrics;

    /* atomic: any */
    atomic_uint references;
};

/* A backend as rules see it through a backendRef with `port` (0: none). Copies what it needs. The
 * message has passed backend_validate; what can still fail is a port that is not among `ports`,
 * or an endpoint that ends up with none. Caller releases. */
struct backend *backend_new(const BackendMessage *message, uint32_t port,
                            struct endpoint_registry *endpoints, struct error *err);

void backend_acquire(struct backend *backend);
/* Clears *backend. Harmless on NULL. */
void backend_release(struct backend **backend);

#endif
