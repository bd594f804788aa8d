/* Hash: 64 bits, keyed.
 *
 * hash_bytes and what goes with it are quick, and of the process's random key: for tables that only
 * commits and files fill, where what a request brings finds something or nothing. Tables that
 * outsiders fill use hash_untrusted, a SipHash-1-3 of a key that nobody learns, so nobody can
 * choose collisions. What two processes must agree on uses SipHash-1-3 too: hash_stable (the feed's
 * digest), whose key never changes, or hash_keyed, whose key they share.
 *
 * Threads: any. */
#ifndef COMMON_HASH_H
#define COMMON_HASH_H

#include <stddef.h>
#include <stdint.h>

/* Differs from one process to the next. `seed` starts a chain: hash_bytes(b, n, hash_bytes(a...)).
 */
uint64_t hash_bytes(const void *bytes, size_t length, uint64_t seed);

/* The hash_bytes of a text in lower case (ASCII): for names that are compared without case. */
uint64_t hash_lower(const char *text, size_t length, uint64_t seed);

/* hash_bytes of bytes that come in pieces: hash_value after any number of hash_add is hash_bytes of
 * all of them. More may be added afterwards, so each prefix of a text costs little. */
struct hash_state {
    uint64_t hash;
    uint64_t tail;
    size_t length;
};
void hash_start(struct hash_state *state, uint64_t seed);
void hash_add(struct hash_state *state, const void *bytes, size_t length);
uint64_t hash_value(const struct hash_state *state);

/* A text's start up to a separator: its hash_bytes and its length. */
struct hash_prefix {
    uint64_t hash;
    size_t length;
};

/* The hash_bytes of each prefix that ends before a separator, the shortest first and at most `max`
 * of them, and of the whole text, all in one pass. Of `wanted` a bit for each prefix, the last for
 * all behind it too, says whether its hash is needed; others are 0. A NUL is no separator. Returns
 * how many prefixes there are. */
size_t hash_prefixes(const void *bytes, size_t length, char separator, uint64_t seed,
                     struct hash_prefix *prefixes, size_t max, uint64_t wanted, uint64_t *whole);

/* Differs from one process to the next, and has nothing to do with hash_bytes. */
uint64_t hash_untrusted(const void *bytes, size_t length);

/* With a key of the caller's, which two processes that hold it share: who does not have it can
 * neither make the hash of other bytes nor learn anything about them. */
struct hash_key {
    uint64_t words[2];
};
uint64_t hash_keyed(const void *bytes, size_t length, const struct hash_key *key);

/* The same value in every process and version; never stored without a format version. */
uint64_t hash_stable(const void *bytes, size_t length);

#endif
