/* Hash trie leaf: the small hash tables that hold a trie's entries; see hash_trie.h.
 *
 * Leaves are passed as the links that lead to them; an empty link is a leaf without entries.
 * Functions that return a link return what stands in the leaf's place from then on.
 *
 * Threads: the builder's. */
#ifndef PROXY_ROUTING_HASH_TRIE_LEAF_H
#define PROXY_ROUTING_HASH_TRIE_LEAF_H

#include "proxy/routing/hash_trie.h"

enum {
    TRIE_LEAF_BUCKETS = 62, /* the filters of so many and the node's head are four lines */
    TRIE_LEAF_MAX = 6 * TRIE_LEAF_BUCKETS, /* entries that a leaf takes before it is cut in two */
};

struct trie_entry {
    uint64_t hash; /* what is known of it */
    uint64_t word; /* the value with its fingerprint */
};

static inline struct trie_leaf *trie_as_leaf(struct trie_link link)
{
    return (struct trie_leaf *)trie_address(link.word);
}

/* How many entries. */
size_t trie_leaf_count(struct trie_link link);

/* Calls `visit` for each value, in no order. */
void trie_leaf_each(struct trie_link link, void (*visit)(void *context, void *value),
                    void *context);

/* The leaf itself when it may be changed, else a copy in its place. */
struct trie_link trie_leaf_own(struct node_store *store, struct trie_link link);

/* With another entry. `depth`: of the leaf where there is none yet. */
struct trie_link trie_leaf_with(struct node_store *store, struct trie_link link,
                                struct trie_entry entry, unsigned depth);
/* Without the entry, which is there. Empty when that was the last one. */
struct trie_link trie_leaf_without(struct node_store *store, struct trie_link link,
                                   struct trie_entry entry);
/* Gives the entry, which is there in a leaf that may be changed, another value. */
void trie_leaf_replace(struct trie_link link, struct trie_entry old, struct trie_entry new);

/* The entries that have this bit of their hash in a leaf of their own, one deeper; empty: none. */
struct trie_link trie_leaf_half(struct node_store *store, struct trie_link link, unsigned shift,
                                bool bit);
/* One leaf of the entries of both, which go and either of which may be empty, for this depth. */
struct trie_link trie_leaf_joined(struct node_store *store, struct trie_link a, struct trie_link b,
                                  unsigned depth);

void trie_leaf_discard(struct node_store *store, struct trie_link link);

#endif
