/* Match index: how a match set keeps many matches; for match_set.c, which changes it, and for
 * match_search.c, which looks up in it.
 *
 * A match is filed under the one of its filings (match_filing.h) that has the fewest matches filed
 * so far, so that a header all matches share (version: two) does not gather what another header
 * (tenant: ...) tells apart. A match that has none is in `rest`, which every lookup walks.
 *
 * Threads: as match_set.h. */
#ifndef PROXY_ROUTING_MATCH_INDEX_H
#define PROXY_ROUTING_MATCH_INDEX_H

#include "proxy/routing/hash_trie.h"
#include "proxy/routing/match_filing.h"
#include "proxy/routing/match_set.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Filters have bits of names, and are never narrowed: a bit that outlives its last match costs a
 * hash. */
struct match_index {
    struct node node;
    size_t total;
    size_t counts[FILING_KINDS][PIECE_SIZES]; /* of matches filed so */
    uint64_t filters[FILING_KINDS];
    uint64_t header_lengths;     /* a bit for the length of each name */
    struct hash_trie filed;      /* of match_list words, by the hash of a condition */
    struct match_list by_pieces; /* all that are filed so */
    struct match_list rest;
};

static inline struct match_list match_set_list(struct match_set set)
{
    return (struct match_list){set.word};
}

static inline bool match_set_is_index(struct match_set set)
{
    return match_list_form(match_set_list(set)) == MATCH_LIST_OTHER;
}

static inline struct match_index *match_set_index(struct match_set set)
{
    return (struct match_index *)(set.word - MATCH_LIST_OTHER); // NOLINT: the word is a pointer
}

/* Tells most names apart without hashing them. */
static inline uint64_t match_filter_bit(struct slice name)
{
    if (name.length == 0)
        return 0;
    unsigned first = (unsigned char)name.at[0] | 0x20; /* whatever the case */
    unsigned last = (unsigned char)name.at[name.length - 1] | 0x20;
    return UINT64_C(1) << ((first + 7 * last + 11 * name.length) % 64);
}

/* Modulo 64. */
static inline uint64_t match_length_bit(struct slice name)
{
    return UINT64_C(1) << name.length % 64;
}

#endif
