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

/* An available endpoint, or NULL when there is none. `hash_key` is what ConsistentHash hashes (0
 * for the others); `avoid` (or NULL) was tried already and is taken only when it is the only one.
 * Borrowed from the backend. */
struct endpoint *balancer_pick(struct backend *backend, uint64_t hash_key,
                               const struct endpoint *avoid, struct balancer_random *random);

#endif
