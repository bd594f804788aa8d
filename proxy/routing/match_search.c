#include "proxy/routing/match_index.h"
#include "proxy/routing/match_set.h"
#include "proxy/routing/path_value.h"
#include "proxy/routing/piece_search.h"
#include "proxy/routing/request_values.h"

#include <string.h>

/* A lookup hashes the request's methods, those of its headers and parameters that pass filters of
 * 64 bits, and each piece of its path and of such values where expressions are filed so, and walks
 * what is filed there, in order, only as far as it could still beat the best match found. */

enum {
    ASKED_MAX = 16,     /* headers and parameters looked for at a time */
    PIECES_A_MATCH = 2, /* looking for so many costs about as much as trying an expression */
};

/* A lookup under way. */
struct search {
    const struct match_site *site;
    const struct request_head *head;
    const struct route_match *best;
    size_t lone_header; /* that led to the match; or NO_LONE_HEADER */
    size_t asked_count;
    struct {
        struct trie_spot spot; /* on its way from memory */
        uint64_t hash;
        size_t lone_header;
    } asked[ASKED_MAX];
};

static inline bool is_of_site(const struct route_match *match, const struct match_site *site)
{
    return match->path_kind == site->path_kind &&
           (site->path_kind == MATCH_REGEX ||
            slice_equals_far(route_match_path(match), site->path)) &&
           route_match_has_hostname(match, site->hostname);
}

static inline bool takes(const struct route_match *match, const struct search *search)
{
    return route_match_holds(match, search->head, search->lone_header) &&
           is_of_site(match, search->site);
}

static void walk(struct search *search, struct match_list list)
{
    struct match_cursor cursor;
    match_cursor_start(&cursor, list);
    for (const struct route_match *match = match_cursor_next(&cursor); match != NULL;
         match = match_cursor_next(&cursor)) {
        if (search->best != NULL && route_match_compare(match, search->best) >= 0)
            return;
        if (takes(match, search)) {
            search->best = match;
            return;
        }
    }
}

/* Mostly there is one match. */
static inline void look_through(struct search *search, struct match_list list)
{
    if (list.word == 0)
        return;
    if (match_list_form(list) != MATCH_LIST_SINGLE) {
        walk(search, list);
        return;
    }
    const struct route_match *match = match_list_single(list);
    route_match_prefetch(match);
    if ((search->best == NULL || route_match_compare(match, search->best) < 0) &&
        takes(match, search))
        search->best = match;
}

/* What is filed under another hash with the same fingerprint may come along: its conditions do not
 * hold. */
static void read_answers(struct search *search)
{
    for (size_t i = 0; i < search->asked_count; i++) {
        uint64_t hash = search->asked[i].hash;
        search->lone_header = search->asked[i].lone_header;
        for (void *value = trie_spot_first(&search->asked[i].spot, hash); value != NULL;
             value = trie_spot_next(&search->asked[i].spot, hash))
            look_through(search, (struct match_list){(uintptr_t)value});
    }
    search->asked_count = 0;
    search->lone_header = NO_LONE_HEADER;
}

static void ask_lone(struct search *search, const struct match_index *index, uint64_t hash,
                     size_t lone_header)
{
    if (search->asked_count == ASKED_MAX)
        read_answers(search);
    hash_trie_spot(index->filed, hash, &search->asked[search->asked_count].spot);
    search->asked[search->asked_count].lone_header = lone_header;
    search->asked[search->asked_count++].hash = hash;
}

static void ask_filed(struct search *search, const struct match_index *index, uint64_t hash)
{
    ask_lone(search, index, hash, NO_LONE_HEADER);
}

static bool has_filed(const struct match_index *index, enum filing_kind kind)
{
    return index->counts[kind][PIECE_LONG] + index->counts[kind][PIECE_SHORT] > 0;
}

/* The headers of a request that matches may be filed under. */
struct header_range {
    size_t first;
    size_t end;
    uint64_t repeated; /* the bits of names that more than one of them has */
};

/* By their lengths alone: most need no second look. */
static struct header_range headers_to_ask(const struct request_head *head, uint64_t lengths)
{
    struct header_range range = {head->header_count, 0, 0};
    uint64_t seen = 0;
    for (size_t i = 0; i < head->header_count; i++) {
        struct slice name = head->headers[i].name;
        if ((match_length_bit(name) & lengths) == 0)
            continue;
        uint64_t bit = match_filter_bit(name);
        range.repeated |= seen & bit;
        seen |= bit;
        if (range.end == 0)
            range.first = i;
        range.end = i + 1;
    }
    return range;
}

static void ask_headers(struct search *search, const struct match_index *index)
{
    const struct request_head *head = search->head;
    struct header_range range = headers_to_ask(head, index->header_lengths);
    for (size_t i = range.first; i < range.end; i++) {
        const struct header *header = &head->headers[i];
        uint64_t bit = match_filter_bit(header->name) & index->filters[FILED_BY_HEADER];
        if (bit == 0 || (match_length_bit(header->name) & index->header_lengths) == 0)
            continue;
        if ((bit & range.repeated) == 0)
            ask_lone(search, index, request_header_hash_of(header->name, header->value), i);
        else if (request_header_is_first(head, i))
            ask_filed(search, index, request_header_hash(head, i));
    }
}

/* An escaped name is not what the filter knows it by. */
static bool may_be_param(const struct query_param *param, uint64_t filter)
{
    struct slice name = param->name;
    bool is_plain = name.length > 0 && memchr(name.at, '%', name.length) == NULL &&
                    memchr(name.at, '+', name.length) == NULL;
    return !is_plain || (match_filter_bit(name) & filter) != 0;
}

static void ask_params(struct search *search, const struct match_index *index)
{
    struct slice rest = search->head->query;
    struct query_param param;
    while (request_query_next(&rest, &param)) {
        if (may_be_param(&param, index->filters[FILED_BY_PARAM]))
            ask_filed(search, index, request_query_hash(&param));
    }
}

static void ask_grpc_method(struct search *search, const struct match_index *index)
{
    struct slice method = path_grpc_method(search->head->path);
    if (method.length > 0)
        ask_filed(search, index, grpc_method_filing_hash(method));
}

/* --- pieces --------------------------------------------------------------------------------- */

/* Notes what is filed under pieces of a value. False when that is not worth it. */
static bool gather_pieces(struct piece_search *pieces, const struct match_index *index,
                          enum filing_kind kind, struct slice value, uint64_t seed)
{
    for (enum piece_size size = PIECE_LONG; size < PIECE_SIZES; size++) {
        if (index->counts[kind][size] > 0 && !piece_search_look(pieces, value, size, seed))
            return false;
    }
    return true;
}

static bool gather_header_pieces(struct piece_search *pieces, const struct match_index *index,
                                 const struct request_head *head)
{
    for (size_t i = 0; i < head->header_count; i++) {
        struct slice name = head->headers[i].name;
        struct slice value;
        if ((match_filter_bit(name) & index->filters[FILED_BY_HEADER_PIECE]) == 0 ||
            !request_header_is_first(head, i) || !request_header_value(head, i, &value))
            continue;
        if (!gather_pieces(pieces, index, FILED_BY_HEADER_PIECE, value,
                           request_header_name_hash(name)))
            return false;
    }
    return true;
}

static bool gather_param_pieces(struct piece_search *pieces, const struct match_index *index,
                                const struct request_head *head)
{
    struct slice rest = head->query;
    struct query_param param;
    while (request_query_next(&rest, &param)) {
        struct slice value;
        if (!may_be_param(&param, index->filters[FILED_BY_PARAM_PIECE]) ||
            !request_query_value(&param, &value))
            continue;
        if (!gather_pieces(pieces, index, FILED_BY_PARAM_PIECE, value,
                           request_query_raw_name_hash(param.name)))
            return false;
    }
    return true;
}

/* Values are looked at before any expression is tried, which has the same room for them
 * (request_values.h). No request costs much more than to try every expression once: when it has too
 * long values for the few there are, or pieces of very many, that is done. */
static void search_pieces(struct search *search, const struct match_index *index)
{
    struct piece_search pieces;
    piece_search_init(&pieces, index->filed, PIECES_A_MATCH * match_list_count(index->by_pieces));
    bool is_worth_it = true;
    if (has_filed(index, FILED_BY_PATH_PIECE))
        is_worth_it =
            gather_pieces(&pieces, index, FILED_BY_PATH_PIECE, search->head->path, PATH_PIECE_SEED);
    if (is_worth_it && has_filed(index, FILED_BY_HEADER_PIECE))
        is_worth_it = gather_header_pieces(&pieces, index, search->head);
    if (is_worth_it && has_filed(index, FILED_BY_PARAM_PIECE))
        is_worth_it = gather_param_pieces(&pieces, index, search->head);
    if (!is_worth_it)
        walk(search, index->by_pieces);
    for (size_t i = 0; is_worth_it && i < pieces.count; i++)
        look_through(search, pieces.lists[i]);
}

static void search_index(struct search *search, const struct match_index *index)
{
    if (index->filters[FILED_BY_HEADER] != 0)
        ask_headers(search, index);
    if (index->filters[FILED_BY_PARAM] != 0)
        ask_params(search, index);
    if (has_filed(index, FILED_BY_METHOD))
        ask_filed(search, index, method_filing_hash(search->head->method));
    if (has_filed(index, FILED_BY_GRPC_METHOD))
        ask_grpc_method(search, index);
    read_answers(search);
    if (index->by_pieces.word != 0)
        search_pieces(search, index);
    look_through(search, index->rest);
}

const struct route_match *match_set_find(struct match_set set, const struct match_site *site,
                                         const struct route_match *best,
                                         const struct request_head *head)
{
    struct search search;
    search.site = site;
    search.head = head;
    search.best = best;
    search.asked_count = 0;
    search.lone_header = NO_LONE_HEADER;
    if (match_set_is_index(set))
        search_index(&search, match_set_index(set));
    else
        look_through(&search, match_set_list(set));
    return search.best;
}
