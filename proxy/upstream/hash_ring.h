/* Hash ring: which endpoint of a backend a key belongs to, for ConsistentHash.
 *
 * Each endpoint has points on a circle, as many as its weight wants, at places that depend on its
 * address alone; a key belongs to the next point behind its own place. So an endpoint that leaves
 * gives its keys to the others and moves no other key, and all proxies agree. Immutable and
 * counted: versions of a backend with the same endpoints share one.
 *
 * Threads: any. */
#ifndef PROXY_UPSTREAM_HASH_RING_H
#define PROXY_UPSTREAM_HASH_RING_H

#include <stddef.h>
#include <stdint.h>

struct backend_endpoint;
struct hash_ring;

/* Of the endpoints with a weight. NULL when there is none. Caller releases. */
struct hash_ring *hash_ring_new(const struct backend_endpoint *endpoints, size_t count);
void hash_ring_acquire(struct hash_ring *ring);
/* Clears *ring. Harmless on NULL. */
void hash_ring_release(struct hash_ring **ring);

/* The index of the endpoint that `key` (any 64 bits) belongs to. */
size_t hash_ring_find(const struct hash_ring *ring, uint64_t key);

/* Of endpoints that are not all there, the one with the highest rank takes the key: what the
 * missing ones had is shared by weight, and nothing else moves. */
double hash_ring_rank(const struct backend_endpoint *endpoint, uint64_t key);

#endif
