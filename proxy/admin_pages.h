/* Admin pages: what the proxy says of itself.
 *
 *   /healthz  200 as long as the process answers
 *   /readyz   200 when there are routes and it is not draining; the body says so when they may be
 *             stale
 *   /status   everything about its state, as JSON
 *   /metrics  everything it counts, for Prometheus
 *
 * Threads: the admin handler's. */
#ifndef PROXY_ADMIN_PAGES_H
#define PROXY_ADMIN_PAGES_H

#include "proxy/http/admin_handler.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct control_client;
struct counters;
struct dns_names;
struct http_server;
struct identity;
struct route_cache;

/* Where the pages get what they show; all of it outlives the handler. */
struct admin_sources {
    const struct identity *identity;
    struct control_client *control;
    struct counters *counters;
    const struct http_server *server;
    struct route_cache *cache;
    struct dns_names *names;
    uint64_t generation; /* under a supervisor; otherwise 0 */
    uint64_t restarts;
    atomic_bool is_draining;
};

/* Their context is a struct admin_sources. */
extern const struct admin_page admin_pages[];

#endif
