/* Hash trie: a persistent map from 64-bit hashes to pointers.
 *
 * Six bits of the hash choose a child at each level; a leaf holds up to eight entries side by
 * side, so a lookup touches one cold cache line or two. Pointers say what kind of node they lead
 * to: a branch that has all its children, as the upper ones do, is passed in one line. A change
 * copies the nodes on its way, at most about 500 bytes each. Equal hashes are fine: who looks up
 * compares the keys of all entries it is given.
 *
 * Threads: any may look up in a published trie; the builder's alone changes one. */
#ifndef PROXY_ROUTING_HASH_TRIE_H
#define PROXY_ROUTING_HASH_TRIE_H

#include "proxy/routing/node_store.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct trie_entry {
    uint64_t hash;
    void *value;
};

struct trie_leaf {
    struct node node; /* count: of entries */
    struct trie_entry entries[];
};

/* A pointer whose low bits say to what; 0: empty. A copy of it is the same trie. */
struct hash_trie {
    uintptr_t root;
};

static inline bool hash_trie_is_empty(struct hash_trie trie)
{
    return trie.root == 0;
}

/* The leaf that holds every entry of this hash, among others; NULL: there is none. */
const struct trie_leaf *hash_trie_leaf(struct hash_trie trie, uint64_t hash);

/* Adds an entry, whatever else has its hash. */
void hash_trie_add(struct hash_trie *trie, struct node_store *store, uint64_t hash, void *value);
/* Removes the entry, which is there. */
void hash_trie_remove(struct hash_trie *trie, struct node_store *store, uint64_t hash,
                      const void *value);
/* Gives the entry, which is there, another value. */
void hash_trie_replace(struct hash_trie *trie, struct node_store *store, uint64_t hash,
                       const void *old_value, void *new_value);

/* Calls `visit` for each value, in no order. */
void hash_trie_each(struct hash_trie trie, void (*visit)(void *context, void *value),
                    void *context);

/* Discards all nodes; the values are the caller's business. */
void hash_trie_discard(struct hash_trie *trie, struct node_store *store);

#endif
