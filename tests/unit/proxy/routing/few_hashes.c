/* Few hashes: the hashes of common/hash.h, nearly all bits of them taken away.
 *
 * Linked with --wrap, so that whatever tables are built of hashes meets what never happens by
 * itself: sites, conditions and names that differ and of whose hashes a trie knows the same. Two of
 * the bits it knows are left, and those it does not know (hash_trie.h).
 *
 * Threads: any. */
#include "common/hash.h"

uint64_t __real_hash_bytes(const void *bytes, size_t length, uint64_t seed);
uint64_t __real_hash_lower(const char *text, size_t length, uint64_t seed);
uint64_t __real_hash_value(const struct hash_state *state);
size_t __real_hash_prefixes(const void *bytes, size_t length, char separator, uint64_t seed,
                            struct hash_prefix *prefixes, size_t max, uint64_t wanted,
                            uint64_t *whole);
uint64_t __wrap_hash_bytes(const void *bytes, size_t length, uint64_t seed);
uint64_t __wrap_hash_lower(const char *text, size_t length, uint64_t seed);
uint64_t __wrap_hash_value(const struct hash_state *state);
size_t __wrap_hash_prefixes(const void *bytes, size_t length, char separator, uint64_t seed,
                            struct hash_prefix *prefixes, size_t max, uint64_t wanted,
                            uint64_t *whole);

static uint64_t crippled(uint64_t hash)
{
    return hash & UINT64_C(0x0000ffff00000003);
}

uint64_t __wrap_hash_bytes(const void *bytes, size_t length, uint64_t seed)
{
    return crippled(__real_hash_bytes(bytes, length, seed));
}

uint64_t __wrap_hash_lower(const char *text, size_t length, uint64_t seed)
{
    return crippled(__real_hash_lower(text, length, seed));
}

uint64_t __wrap_hash_value(const struct hash_state *state)
{
    return crippled(__real_hash_value(state));
}

size_t __wrap_hash_prefixes(const void *bytes, size_t length, char separator, uint64_t seed,
                            struct hash_prefix *prefixes, size_t max, uint64_t wanted,
                            uint64_t *whole)
{
    size_t count =
        __real_hash_prefixes(bytes, length, separator, seed, prefixes, max, wanted, whole);
    for (size_t i = 0; i < count; i++)
        prefixes[i].hash = crippled(prefixes[i].hash);
    *whole = crippled(*whole);
    return count;
}
