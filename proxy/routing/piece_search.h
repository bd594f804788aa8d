/* Piece search: what is filed under pieces of a request's values (match_filing.h).
 *
 * Threads: none shared. */
#ifndef PROXY_ROUTING_PIECE_SEARCH_H
#define PROXY_ROUTING_PIECE_SEARCH_H

#include "proxy/routing/hash_trie.h"
#include "proxy/routing/match_filing.h"
#include "proxy/routing/match_list.h"

#include <stdbool.h>
#include <stddef.h>

enum { PIECE_LISTS_MAX = 64 };

struct piece_search {
    struct hash_trie filed;
    size_t pieces_left; /* how many more may be looked for */
    size_t count;
    struct match_list lists[PIECE_LISTS_MAX]; /* each once, however often a value says it */
};

static inline void piece_search_init(struct piece_search *search, struct hash_trie filed,
                                     size_t max_pieces)
{
    search->filed = filed;
    search->pieces_left = max_pieces;
    search->count = 0;
}

/* Adds the lists that pieces of `value` lead to. False when it has too many pieces, or they lead to
 * too many lists: to try everything is cheaper. */
bool piece_search_look(struct piece_search *search, struct slice value, enum piece_size size,
                       uint64_t seed);

#endif
