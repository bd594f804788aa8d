/* Balancer: picks the endpoint for one try. One small function per policy.
 *
 * Threads: worker; a balancer_random belongs to one. */
#ifndef PROXY_UPSTREAM_BALANCER_H
#define PROXY_UPSTREAM_BALANCER_H

#include "proxy/upstream/backend.h"

#include <stdint.h>

/* worker only: a fast generator. */
struct balancer_random {
    uint64_t state[2];
};

/* Seeds it from the kernel. */
void balancer_random_init(struct balancer_random *random);
/* The same numbers for the same seed, for tests. */
void balancer_random_init_seeded(struct balancer_random *random, uint64_t seed);
uint64_t balancer_random_next(struct balancer_random *random);

/* What a pick goes by. */
struct balancer_request {
    uint64_t hash_key; /* what ConsistentHash hashes, as 64 bits; see hash_key.h in proxy/http */
    uint64_t now_ms;   /* on clock_now_ms */
    /* Endpoints this request has been sent to: taken again only when there is no other. */
    const struct endpoint *const *tried;
    size_t tried_count;
};

/* An endpoint to send a request to, or NULL when there is none. Borrowed from the backend. */
struct endpoint *balancer_pick(struct backend *backend, const struct balancer_request *request,
                               struct balancer_random *random);

/* The endpoint of a session (see backend_session_id) while it may get requests and was not tried;
 * else NULL. With a weight of 0 it gets no new clients and keeps those it has. Borrowed from the
 * backend. */
struct endpoint *balancer_keep(struct backend *backend, uint64_t session_id,
                               const struct balancer_request *request);

/* Calls `visit` for each endpoint that may be picked and was not tried, from a random one on, until
 * it returns true. Returns whether it did. */
typedef bool balancer_visit_fn(void *context, struct endpoint *endpoint);
bool balancer_any(struct backend *backend, const struct balancer_request *request,
                  struct balancer_random *random, balancer_visit_fn *visit, void *context);

#endif
