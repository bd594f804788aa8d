/* Health check: how one endpoint is checked, and what came of it.
 *
 * Backends that check an endpoint in the same way share one check, so its state survives changes.
 * A health checker (proxy/http/health_checker.h) takes checks up as they come and puts them down
 * when no backend uses them any more: a second at most after the change, when the last table that
 * shows the backend has gone. An endpoint counts as healthy until its first check.
 *
 * Threads: any. The mutex covers lists alone; requests never take it. */
#ifndef PROXY_UPSTREAM_HEALTH_CHECK_H
#define PROXY_UPSTREAM_HEALTH_CHECK_H

#include "common/slice.h"
#include "proto/messages.h"
#include "proxy/upstream/endpoint.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct check_registry;

enum check_type {
    CHECK_HTTP,
    CHECK_TCP,  /* a connection is all it takes */
    CHECK_GRPC, /* see grpc_check.h */
};

struct check_settings {
    enum check_type type;
    struct slice path;
    struct slice host; /* length 0: the endpoint's address */
    struct slice service;
    uint64_t interval_ms;
    uint64_t timeout_ms;
    uint32_t unhealthy_after; /* failures in a row */
    uint32_t healthy_after;   /* successes in a row */
    const uint32_t *statuses; /* that are expected; none: 200 to 299 */
    size_t status_count;
};

struct health_check {
    /* immutable */
    struct check_registry *registry;
    struct endpoint *endpoint; /* held */
    struct check_settings settings;

    /* atomic: the health checker sets, the balancer looks */
    atomic_bool is_healthy;

    /* guarded by the registry's mutex */
    unsigned users;
    bool is_taken; /* by the health checker */
    struct health_check *next_of_endpoint;
    struct health_check *next_fresh;
    struct health_check *previous_fresh;
};

static inline bool health_check_is_healthy(const struct health_check *check)
{
    return atomic_load_explicit(&check->is_healthy, memory_order_relaxed);
}

struct check_registry *check_registry_new(void);
/* No check is used or taken any more. */
void check_registry_free(struct check_registry *registry);

/* --- for backends ---------------------------------------------------------------------------- */

/* The check of this endpoint with these settings, made when it is new. Release it with
 * health_check_leave. */
struct health_check *health_check_use(struct check_registry *registry, struct endpoint *endpoint,
                                      const Pointsman__V1__HealthCheck *message);
/* Clears *check. Harmless on NULL. */
void health_check_leave(struct health_check **check);

/* --- for the health checker ------------------------------------------------------------------ */

/* Called, from any thread, when there is a fresh check or one that nobody uses. NULL: nobody. */
void check_registry_on_change(struct check_registry *registry, void (*on_change)(void *context),
                              void *context);

/* A check that nobody has taken, or NULL. */
struct health_check *check_registry_take(struct check_registry *registry);

/* Puts a taken check down, for good when no backend uses it: then it is gone. */
void check_registry_put_down(struct health_check *check);

bool health_check_is_used(struct health_check *check);

#endif
