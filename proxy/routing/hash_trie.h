/* Hash trie: a persistent map from 64-bit hashes to pointers.
 *
 * A branch is an array of up to 64 links, chosen by as many bits of the hash as it has; a leaf may
 * stand in several places of it, so leaves stay about half full and branches small: the branches
 * over a million entries fit into a cache of three megabytes. A link to a leaf knows two bits for
 * each hash in it (a Bloom filter of 64 bits), so that of what is not there fourteen in fifteen are
 * told without leaving the branches. A leaf begins with its values, each with 16 bits of its hash
 * in the bits that no address uses: a lookup reads one cold line or two, and a value only when it
 * is very likely the one. A change copies the nodes on its way, at most about a kilobyte each.
 * Equal hashes are fine: who looks up compares the keys of what it is given.
 *
 * Threads: any may look up in a published trie; the builder's alone changes one. */
#ifndef PROXY_ROUTING_HASH_TRIE_H
#define PROXY_ROUTING_HASH_TRIE_H

#include "proxy/routing/node_store.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A word of 48 bits of address (whose low ones are its owner's) and 16 above them. */
enum { TRIE_ADDRESS_BITS = 48, TRIE_LEVEL_BITS = 6 };

struct trie_leaf {
    struct node node; /* count: of entries; shape: how many bits of its branch's index it knows */
    uint64_t words[]; /* the values with their fingerprints; behind them the hashes */
};

/* The word: the address of a leaf, or that of a branch and above it how many bits choose below it;
 * 0: empty. The filter: the trie_marks of all hashes in a leaf; all ones for a branch. */
struct trie_link {
    uint64_t word;
    uint64_t filter;
};

struct trie_branch {
    struct node node; /* shape: how many bits choose a link */
    uint64_t padding; /* so that no link lies in two cache lines */
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

/* The two bits of a filter that stand for a hash. */
static inline uint64_t trie_marks(uint64_t hash)
{
    return UINT64_C(1) << (hash >> 36 & 63) | UINT64_C(1) << (hash >> 42 & 63);
}

/* The leaf that holds every entry of this hash, among others; NULL: there is no such entry. */
static inline const struct trie_leaf *hash_trie_leaf(struct hash_trie trie, uint64_t hash)
{
    uint64_t marks = trie_marks(hash);
    struct trie_link link = {trie.root, marks};
    for (uint64_t bits = hash; link.word >> TRIE_ADDRESS_BITS != 0; bits >>= TRIE_LEVEL_BITS) {
        uint64_t mask = (UINT64_C(1) << (link.word >> TRIE_ADDRESS_BITS)) - 1;
        const struct trie_branch *branch = (const struct trie_branch *)trie_address(link.word);
        link = branch->links[bits & mask];
    }
    return (link.filter & marks) == marks ? (const struct trie_leaf *)trie_address(link.word)
                                          : NULL;
}

/* Starts loading what trie_leaf_next will read. Harmless on NULL. */
static inline void trie_leaf_prefetch(const struct trie_leaf *leaf)
{
    __builtin_prefetch(leaf);
    __builtin_prefetch((const void *)((uintptr_t)leaf + 64)); // NOLINT: an address
}

/* The next value, from the `*at`-th on, that has the fingerprint of `hash`; NULL: no more. */
static inline void *trie_leaf_next(const struct trie_leaf *leaf, uint64_t hash, size_t *at)
{
    while (leaf != NULL && *at < leaf->node.count) {
        uint64_t word = leaf->words[(*at)++];
        if (trie_fingerprint(word) == trie_fingerprint(hash))
            return trie_address(word);
    }
    return NULL;
}

/* The one value that was added with just this hash; NULL: none. For hashes that are keys. */
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
