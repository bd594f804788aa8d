#include "proxy/routing/match_set.h"

#include "proxy/routing/hash_trie.h"
#include "proxy/routing/match_filing.h"
#include "proxy/routing/path_value.h"
#include "proxy/routing/piece_search.h"
#include "proxy/routing/request_values.h"

#include <assert.h>
#include <string.h>

/* A match is filed under the one of its filings (match_filing.h) that has the fewest matches filed
 * so far, so that a header all matches share (version: two) does not gather what another header
 * (tenant: ...) tells apart. A match that has none is in `rest`, which every lookup walks.
 *
 * A lookup hashes the request's methods, those of its headers and parameters that pass filters of
 * 64 bits, and each piece of its path and of such values where expressions are filed so, and walks
 * what is filed there, in order, only as far as it could still beat the best match found. Filters
 * are never narrowed: a bit that outlives its last match costs a hash. */

enum {
    LIST_MAX = 16,      /* beyond it a list becomes an index */
    LIST_AGAIN_MAX = 8, /* an index that shrinks to it becomes a list */
    ASKED_MAX = 16,     /* headers and parameters looked for at a time */
    PIECES_A_MATCH = 2, /* looking for so many costs about as much as trying an expression */
};

struct match_index {
    struct node node;
    size_t total;
    size_t counts[FILING_KINDS]; /* of matches filed so */
    uint64_t header_lengths;     /* a bit for the length of each name */
    uint64_t header_filter;
    uint64_t param_filter;
    uint64_t header_piece_filter;
    uint64_t param_piece_filter;
    size_t piece_counts[FILING_KINDS][PIECE_SIZES];
    struct hash_trie filed;      /* of match_list words, by the hash of a condition */
    struct match_list by_pieces; /* all that are filed so */
    struct match_list rest;
};

static struct match_list as_list(struct match_set set)
{
    return (struct match_list){set.word};
}

static bool is_index(struct match_set set)
{
    return match_list_form(as_list(set)) == MATCH_LIST_OTHER;
}

static struct match_index *as_index(struct match_set set)
{
    return (struct match_index *)(set.word - MATCH_LIST_OTHER); // NOLINT: the word is a pointer
}

static struct match_set index_set(struct match_index *index)
{
    return (struct match_set){(uintptr_t)index + MATCH_LIST_OTHER};
}

/* --- names ---------------------------------------------------------------------------------- */

/* Tells most names apart without hashing them. */
static uint64_t filter_bit(struct slice name)
{
    if (name.length == 0)
        return 0;
    unsigned first = (unsigned char)name.at[0] | 0x20; /* whatever the case */
    unsigned last = (unsigned char)name.at[name.length - 1] | 0x20;
    return UINT64_C(1) << ((first + 7 * last + 11 * name.length) % 64);
}

/* Modulo 64. */
static uint64_t length_bit(struct slice name)
{
    return UINT64_C(1) << name.length % 64;
}

/* --- what is filed -------------------------------------------------------------------------- */

static struct match_list filed_under(const struct match_index *index, uint64_t hash)
{
    return (struct match_list){(uintptr_t)hash_trie_find(index->filed, hash)};
}

static void *list_value(struct match_list list)
{
    return (void *)list.word; // NOLINT: the word is a pointer
}

static void set_filed(struct match_index *index, struct node_store *store, uint64_t hash,
                      struct match_list old, struct match_list new)
{
    if (old.word == new.word)
        return;
    if (old.word == 0)
        hash_trie_add(&index->filed, store, hash, list_value(new));
    else if (new.word == 0)
        hash_trie_remove(&index->filed, store, hash, list_value(old));
    else
        hash_trie_replace(&index->filed, store, hash, list_value(old), list_value(new));
}

/* --- looking up ----------------------------------------------------------------------------- */

/* A lookup under way. */
struct search {
    const struct match_site *site;
    const struct request_head *head;
    const struct route_match *best;
    size_t asked_count;
    struct {
        struct trie_spot spot; /* on its way from memory */
        uint64_t hash;
    } asked[ASKED_MAX];
};

static inline bool is_of_site(const struct route_match *match, const struct match_site *site)
{
    return match->path_kind == site->path_kind &&
           (site->path_kind == MATCH_REGEX || slice_equals(route_match_path(match), site->path)) &&
           route_match_has_hostname(match, site->hostname);
}

static inline bool takes(const struct route_match *match, const struct search *search)
{
    return route_match_holds(match, search->head) && is_of_site(match, search->site);
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

/* What is filed under a hash of the same fingerprint may come along: it does not hold. */
static void read_answers(struct search *search)
{
    for (size_t i = 0; i < search->asked_count; i++) {
        uint64_t hash = search->asked[i].hash;
        for (void *value = trie_spot_first(&search->asked[i].spot, hash); value != NULL;
             value = trie_spot_next(&search->asked[i].spot, hash))
            look_through(search, (struct match_list){(uintptr_t)value});
    }
    search->asked_count = 0;
}

static void ask_filed(struct search *search, const struct match_index *index, uint64_t hash)
{
    if (search->asked_count == ASKED_MAX)
        read_answers(search);
    hash_trie_spot(index->filed, hash, &search->asked[search->asked_count].spot);
    search->asked[search->asked_count++].hash = hash;
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
        if ((length_bit(name) & lengths) == 0)
            continue;
        uint64_t bit = filter_bit(name);
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
        uint64_t bit = filter_bit(header->name) & index->header_filter;
        if (bit == 0 || (length_bit(header->name) & index->header_lengths) == 0)
            continue;
        if ((bit & range.repeated) == 0)
            ask_filed(search, index, request_header_hash_of(header->name, header->value));
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
    return !is_plain || (filter_bit(name) & filter) != 0;
}

static void ask_params(struct search *search, const struct match_index *index)
{
    struct slice rest = search->head->query;
    struct query_param param;
    while (request_query_next(&rest, &param)) {
        if (may_be_param(&param, index->param_filter))
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

static bool has_pieces(const struct match_index *index, enum filing_kind kind)
{
    return index->counts[kind] > 0;
}

/* Notes what is filed under pieces of a value. False when that is not worth it. */
static bool gather_pieces(struct piece_search *pieces, const struct match_index *index,
                          enum filing_kind kind, struct slice value, uint64_t seed)
{
    for (enum piece_size size = PIECE_LONG; size < PIECE_SIZES; size++) {
        if (index->piece_counts[kind][size] > 0 && !piece_search_look(pieces, value, size, seed))
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
        if ((filter_bit(name) & index->header_piece_filter) == 0 ||
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
        if (!may_be_param(&param, index->param_piece_filter) ||
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
    if (has_pieces(index, FILED_BY_PATH_PIECE))
        is_worth_it =
            gather_pieces(&pieces, index, FILED_BY_PATH_PIECE, search->head->path, PATH_PIECE_SEED);
    if (is_worth_it && has_pieces(index, FILED_BY_HEADER_PIECE))
        is_worth_it = gather_header_pieces(&pieces, index, search->head);
    if (is_worth_it && has_pieces(index, FILED_BY_PARAM_PIECE))
        is_worth_it = gather_param_pieces(&pieces, index, search->head);
    if (!is_worth_it)
        walk(search, index->by_pieces);
    for (size_t i = 0; is_worth_it && i < pieces.count; i++)
        look_through(search, pieces.lists[i]);
}

static void search_index(struct search *search, const struct match_index *index)
{
    if (index->header_filter != 0)
        ask_headers(search, index);
    if (index->param_filter != 0)
        ask_params(search, index);
    if (index->counts[FILED_BY_METHOD] > 0)
        ask_filed(search, index, method_filing_hash(search->head->method));
    if (index->counts[FILED_BY_GRPC_METHOD] > 0)
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
    if (is_index(set))
        search_index(&search, as_index(set));
    else
        look_through(&search, as_list(set));
    return search.best;
}

/* --- changing an index ---------------------------------------------------------------------- */

static struct match_index *new_index(struct node_store *store)
{
    struct match_index *index = node_store_allocate(store, sizeof(*index), 0, 0);
    struct node node = index->node;
    *index = (struct match_index){.node = node};
    return index;
}

static struct match_index *own_index(struct node_store *store, struct match_index *index)
{
    if (node_store_owns(store, &index->node))
        return index;
    struct match_index *copy = new_index(store);
    struct node node = copy->node;
    *copy = *index;
    copy->node = node;
    node_store_discard(store, index);
    return copy;
}

static bool is_piece(enum filing_kind kind)
{
    return kind >= FILED_BY_PATH_PIECE;
}

static void note_filed(struct match_index *index, const struct match_filing *filing)
{
    index->counts[filing->kind]++;
    index->piece_counts[filing->kind][filing->size]++;
    switch (filing->kind) {
    case FILED_BY_HEADER:
        index->header_lengths |= length_bit(filing->name);
        index->header_filter |= filter_bit(filing->name);
        return;
    case FILED_BY_PARAM:
        index->param_filter |= filter_bit(filing->name);
        return;
    case FILED_BY_HEADER_PIECE:
        index->header_piece_filter |= filter_bit(filing->name);
        return;
    case FILED_BY_PARAM_PIECE:
        index->param_piece_filter |= filter_bit(filing->name);
        return;
    case FILED_BY_GRPC_METHOD:
    case FILED_BY_METHOD:
    case FILED_BY_PATH_PIECE:
    case FILING_KINDS:
        return;
    }
}

static void index_add(struct match_index *index, struct node_store *store,
                      const struct route_match *match)
{
    struct match_filing best = {0};
    struct match_list best_list = {0};
    bool is_filed = false;
    struct filing_cursor cursor;
    filing_cursor_start(&cursor, match);
    for (struct match_filing filing; filing_cursor_next(&cursor, &filing);) {
        struct match_list list = filed_under(index, filing.hash);
        if (is_filed && match_list_count(list) >= match_list_count(best_list))
            continue;
        best = filing;
        best_list = list;
        is_filed = true;
    }

    index->total++;
    if (!is_filed) {
        match_list_add(&index->rest, store, match);
        return;
    }
    note_filed(index, &best);
    if (is_piece(best.kind))
        match_list_add(&index->by_pieces, store, match);
    struct match_list longer = best_list;
    match_list_add(&longer, store, match);
    set_filed(index, store, best.hash, best_list, longer);
}

static void index_remove(struct match_index *index, struct node_store *store,
                         const struct route_match *match)
{
    index->total--;
    struct filing_cursor cursor;
    filing_cursor_start(&cursor, match);
    for (struct match_filing filing; filing_cursor_next(&cursor, &filing);) {
        struct match_list list = filed_under(index, filing.hash);
        if (list.word == 0 || !match_list_contains(list, match))
            continue;
        struct match_list shorter = list;
        match_list_remove(&shorter, store, match);
        set_filed(index, store, filing.hash, list, shorter);
        index->counts[filing.kind]--;
        index->piece_counts[filing.kind][filing.size]--;
        if (is_piece(filing.kind))
            match_list_remove(&index->by_pieces, store, match);
        return;
    }
    match_list_remove(&index->rest, store, match);
}

/* --- from list to index and back ------------------------------------------------------------ */

static struct match_set indexed(struct node_store *store, struct match_list list)
{
    struct match_index *index = new_index(store);
    struct match_cursor cursor;
    match_cursor_start(&cursor, list);
    for (const struct route_match *match = match_cursor_next(&cursor); match != NULL;
         match = match_cursor_next(&cursor))
        index_add(index, store, match);
    match_list_discard(&list, store);
    return index_set(index);
}

struct gathering {
    struct node_store *store;
    struct match_list list;
};

static void gather(struct gathering *gathering, struct match_list list)
{
    struct match_cursor cursor;
    match_cursor_start(&cursor, list);
    for (const struct route_match *match = match_cursor_next(&cursor); match != NULL;
         match = match_cursor_next(&cursor))
        match_list_add(&gathering->list, gathering->store, match);
    match_list_discard(&list, gathering->store);
}

static void gather_filed(void *context, void *value)
{
    gather(context, (struct match_list){(uintptr_t)value});
}

static struct match_set listed(struct node_store *store, struct match_index *index)
{
    struct gathering gathering = {.store = store};
    hash_trie_each(index->filed, gather_filed, &gathering);
    hash_trie_discard(&index->filed, store);
    match_list_discard(&index->by_pieces, store);
    gather(&gathering, index->rest);
    node_store_discard(store, index);
    return (struct match_set){gathering.list.word};
}

/* --- the set -------------------------------------------------------------------------------- */

void match_set_add(struct match_set *set, struct node_store *store, const struct route_match *match)
{
    if (is_index(*set)) {
        struct match_index *index = own_index(store, as_index(*set));
        index_add(index, store, match);
        *set = index_set(index);
        return;
    }
    struct match_list list = as_list(*set);
    match_list_add(&list, store, match);
    *set = match_list_count(list) > LIST_MAX ? indexed(store, list) : (struct match_set){list.word};
}

void match_set_remove(struct match_set *set, struct node_store *store,
                      const struct route_match *match)
{
    if (is_index(*set)) {
        struct match_index *index = own_index(store, as_index(*set));
        index_remove(index, store, match);
        *set = index->total <= LIST_AGAIN_MAX ? listed(store, index) : index_set(index);
        return;
    }
    struct match_list list = as_list(*set);
    match_list_remove(&list, store, match);
    set->word = list.word;
}

static void discard_filed(void *context, void *value)
{
    struct match_list list = {(uintptr_t)value};
    match_list_discard(&list, context);
}

void match_set_discard(struct match_set *set, struct node_store *store)
{
    if (is_index(*set)) {
        struct match_index *index = as_index(*set);
        hash_trie_each(index->filed, discard_filed, store);
        hash_trie_discard(&index->filed, store);
        match_list_discard(&index->by_pieces, store);
        match_list_discard(&index->rest, store);
        node_store_discard(store, index);
    } else {
        struct match_list list = as_list(*set);
        match_list_discard(&list, store);
    }
    set->word = 0;
}
