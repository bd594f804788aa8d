/* Hash: 64 bits of SipHash-1-3, keyed.
 *
 * Tables that outsiders can fill (hosts, paths) use hash_bytes with the process's random key, so
 * nobody can choose collisions. What two processes must agree on (the feed's digest) uses
 * hash_stable, whose key never changes.
 *
 * Threads: any. */
#ifndef COMMON_HASH_H
#define COMMON_HASH_H

#include <stddef.h>
#include <stdint.h>

/* Differs from one process to the next. `seed` starts a chain: hash_bytes(b, n, hash_bytes(a...)).
 */
uint64_t hash_bytes(const void *bytes, size_t length, uint64_t seed);

/* The same value in every process and version; never stored without a format version. */
uint64_t hash_stable(const void *bytes, size_t length);

#endif
