/* Hash trie: a persistent map from hashes to pointers.
 *
 * A branch is an array of up to 128 links, chosen by as many bits of the hash as it has; a leaf may
 * stand in several places of it, so leaves stay well filled and branches few. A leaf is a hash
 * table of some hundred entries, in buckets of one cache line, with a Bloom filter of 32 bits for
 * each bucket in front. The branches over a million entries are 32 kilobytes, which the second
 * cache keeps, and a link says how many buckets its leaf has: so where the filter and the bucket
 * of a hash are is known without a read of memory, and neither waits for the other. The filters
 * tell of what is not there in nineteen cases of twenty.
 *
 * An entry is a value with 16 bits of its hash in the bits that no address uses, so a value is only
 * read when it is very likely the one. In all 48 bits are known of a hash, the low 32 and the high
 * 16; those that are equal are fine: the caller compares the keys of what it is given.
 *
 * A change copies the nodes on its way: a leaf, at most six kilobytes, and a kilobyte or less for
 * each branch.
 *
 * Threads: any may look up in a published trie; the builder's alone changes one. */
#ifndef PROXY_ROUTING_HASH_TRIE_H
#define PROXY_ROUTING_HASH_TRIE_H

#include "common/cache_line.h"
#include "common/round_up.h"
#include "proxy/routing/node_store.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

enum {
    TRIE_ADDRESS_BITS = 48, /* of a word: an address, whose low bits are its owner's; 16 above it */
    TRIE_LEVEL_BITS = 7,
    TRIE_BUCKET_SLOTS = CACHE_LINE_BYTES / sizeof(uint64_t),
    TRIE_LEAF_MARK = 1 << 15, /* above a leaf's address, with the number of its buckets */
};

/* Behind the filters, from the next whole line on: the slots, 0 where there is no entry, then the
 * low halves of their entries' hashes. An entry stands in the first slot that was free from the
 * start of its bucket on, and behind the last bucket comes the first, so what begins at a bucket
 * ends at the next free slot; one there always is. */
struct trie_leaf {
    struct node node;   /* count: of entries; shape: how many bits of its branch's index it knows */
    uint32_t filters[]; /* of each bucket: the trie_marks of all entries that belong there */
};

/* An address, and above it TRIE_LEAF_MARK and how many buckets the leaf has, or how many bits
 * choose below the branch; 0: empty. */
struct trie_link {
    uint64_t word;
};

struct trie_branch {
    struct node node; /* shape: how many bits choose a link */
    struct trie_link links[];
};

/* The word of a link. A copy of it is the same trie. */
struct hash_trie {
    uint64_t root;
};

static inline bool hash_trie_is_empty(struct hash_trie trie)
{
    return trie.root == 0;
}

/* --- looking up ----------------------------------------------------------------------------- */

static inline void *trie_address(uint64_t word)
{
    return (void *)(word & ((UINT64_C(1) << TRIE_ADDRESS_BITS) - 1)); // NOLINT: it is a pointer
}

static inline uint64_t trie_fingerprint(uint64_t hash)
{
    return hash & ~((UINT64_C(1) << TRIE_ADDRESS_BITS) - 1);
}

/* The three bits of a filter that stand for a hash. */
static inline uint32_t trie_marks(uint64_t hash)
{
    return UINT32_C(1) << (hash >> 48 & 31) | UINT32_C(1) << (hash >> 53 & 31) |
           UINT32_C(1) << (hash >> 58 & 31);
}

/* Where every entry of a hash is, among others. */
struct trie_spot {
    const uint32_t *filter; /* of its bucket; NULL: there is no such entry */
    const uint64_t *bucket; /* that is looked through */
    const uint64_t *slots;  /* all of the leaf */
    const uint64_t *end;
    unsigned found; /* a bit for each slot of the bucket that is still to be given out */
};

/* In words from the leaf's start. */
static inline size_t trie_slots_at(size_t bucket_count)
{
    size_t bytes = sizeof(struct trie_leaf) + bucket_count * sizeof(uint32_t);
    return divide_up(bytes, CACHE_LINE_BYTES) * TRIE_BUCKET_SLOTS;
}

/* The bucket that entries of this hash belong to. */
static inline size_t trie_bucket(uint64_t hash, size_t bucket_count)
{
    return (hash >> 16 & 0xffff) * bucket_count >> 16;
}

static inline size_t trie_bucket_count(struct trie_link link)
{
    return (link.word >> TRIE_ADDRESS_BITS) & (TRIE_LEAF_MARK - 1);
}

/* Reads the branches alone, and starts loading the filter. The processor does not wait for it
 * before it reads the slots where lookups mostly find what they look for. Filled in place: a copy
 * made right after the parts were written would wait until the writes are done. */
static inline void hash_trie_spot(struct hash_trie trie, uint64_t hash, struct trie_spot *spot)
{
    struct trie_link link = {trie.root};
    for (uint64_t bits = hash; link.word >> TRIE_ADDRESS_BITS != 0 && link.word >> 63 == 0;
         bits >>= TRIE_LEVEL_BITS) {
        uint64_t mask = (UINT64_C(1) << (link.word >> TRIE_ADDRESS_BITS)) - 1;
        const struct trie_branch *branch = (const struct trie_branch *)trie_address(link.word);
        link = branch->links[bits & mask];
    }
    spot->filter = NULL;
    if (link.word == 0)
        return;

    const struct trie_leaf *leaf = (const struct trie_leaf *)trie_address(link.word);
    size_t buckets = trie_bucket_count(link);
    size_t bucket = trie_bucket(hash, buckets);
    spot->filter = &leaf->filters[bucket];
    __builtin_prefetch(spot->filter);
    spot->slots = (const uint64_t *)leaf + trie_slots_at(buckets);
    spot->end = spot->slots + buckets * TRIE_BUCKET_SLOTS;
    spot->bucket = spot->slots + bucket * TRIE_BUCKET_SLOTS;
}

/* Mostly false when there is no entry of this hash. */
static inline bool trie_spot_may_hold(const struct trie_spot *spot, uint64_t hash)
{
    uint32_t marks = trie_marks(hash);
    return spot->filter != NULL && (*spot->filter & marks) == marks;
}

/* A bit for each slot of the bucket whose value has the fingerprint of `hash`. All of them at once:
 * which it is cannot be foretold, and a wrong guess costs as much as to look at them all. */
static inline unsigned trie_bucket_find(const uint64_t *bucket, uint64_t hash)
{
#ifdef __SSE2__
    const __m128i *pairs = (const __m128i *)bucket;
    __m128i wanted = _mm_set1_epi32((int)(hash >> 32));
    __m128i halves[2]; /* the upper ones of four slots each */
    for (int i = 0; i < 2; i++) {
        __m128 low = _mm_castsi128_ps(_mm_load_si128(&pairs[2 * i]));
        __m128 high = _mm_castsi128_ps(_mm_load_si128(&pairs[2 * i + 1]));
        __m128i upper = _mm_castps_si128(_mm_shuffle_ps(low, high, _MM_SHUFFLE(3, 1, 3, 1)));
        halves[i] = _mm_srai_epi32(_mm_xor_si128(upper, wanted), 16);
    }
    __m128i differences = _mm_packs_epi32(halves[0], halves[1]);
    __m128i equal = _mm_cmpeq_epi16(differences, _mm_setzero_si128());
    return (unsigned)_mm_movemask_epi8(_mm_packs_epi16(equal, equal)) & 0xff;
#else
    unsigned found = 0;
    for (unsigned i = 0; i < TRIE_BUCKET_SLOTS; i++)
        found |= (unsigned)(trie_fingerprint(bucket[i] ^ hash) == 0) << i;
    return found;
#endif
}

/* The next value that has the fingerprint of `hash`; NULL: no more. The first comes from
 * trie_spot_first. */
static inline void *trie_spot_next(struct trie_spot *spot, uint64_t hash)
{
    /* A bucket is filled from its first slot on, and what had no room in it is in the next. */
    while (spot->found == 0) {
        if (spot->bucket[TRIE_BUCKET_SLOTS - 1] == 0)
            return NULL;
        spot->bucket += TRIE_BUCKET_SLOTS;
        if (spot->bucket == spot->end)
            spot->bucket = spot->slots;
        spot->found = trie_bucket_find(spot->bucket, hash);
    }
    /* Free slots come last; they are found for hashes that have no fingerprint, 0. */
    unsigned slot = (unsigned)__builtin_ctz(spot->found);
    spot->found &= spot->found - 1;
    return trie_address(spot->bucket[slot]);
}

static inline void *trie_spot_first(struct trie_spot *spot, uint64_t hash)
{
    if (!trie_spot_may_hold(spot, hash))
        return NULL;
    spot->found = trie_bucket_find(spot->bucket, hash);
    return trie_spot_next(spot, hash);
}

/* The one value that was added with this hash, as far as it is known; NULL: none. For hashes that
 * are keys. */
void *hash_trie_find(struct hash_trie trie, uint64_t hash);

/* Calls `visit` for each value, in no order. */
void hash_trie_each(struct hash_trie trie, void (*visit)(void *context, void *value),
                    void *context);

/* --- changing ------------------------------------------------------------------------------- */

/* Adds an entry, whatever else has its hash. The value is not NULL. */
void hash_trie_add(struct hash_trie *trie, struct node_store *store, uint64_t hash, void *value);
/* Removes the entry, which is there. */
void hash_trie_remove(struct hash_trie *trie, struct node_store *store, uint64_t hash,
                      const void *value);
/* Gives the entry, which is there, another value. */
void hash_trie_replace(struct hash_trie *trie, struct node_store *store, uint64_t hash,
                       const void *old_value, void *new_value);

/* Discards all nodes; the values are the caller's business. */
void hash_trie_discard(struct hash_trie *trie, struct node_store *store);

#endif
