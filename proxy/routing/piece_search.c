#include "proxy/routing/piece_search.h"

static bool has_list(const struct piece_search *search, struct match_list list)
{
    for (size_t i = 0; i < search->count; i++) {
        if (search->lists[i].word == list.word)
            return true;
    }
    return false;
}

/* What is filed under another hash with the same fingerprint may come along: its conditions do not
 * hold. */
static bool add_lists(struct piece_search *search, uint64_t hash)
{
    struct trie_spot spot;
    hash_trie_spot(search->filed, hash, &spot);
    for (void *value = trie_spot_first(&spot, hash); value != NULL;
         value = trie_spot_next(&spot, hash)) {
        struct match_list list = {(uintptr_t)value};
        if (has_list(search, list))
            continue;
        if (search->count == PIECE_LISTS_MAX)
            return false;
        search->lists[search->count++] = list;
    }
    return true;
}

bool piece_search_look(struct piece_search *search, struct slice value, enum piece_size size,
                       uint64_t seed)
{
    size_t bytes = piece_size_bytes[size];
    size_t pieces = value.length < bytes ? 0 : value.length - bytes + 1;
    if (pieces > search->pieces_left)
        return false;
    search->pieces_left -= pieces;
    for (size_t i = 0; i < pieces; i++) {
        if (!add_lists(search, piece_filing_hash(value.at + i, size, seed)))
            return false;
    }
    return true;
}
