#include "proxy/routing/match_set.h"

#include "proxy/routing/match_index.h"

enum {
    LIST_MAX = 16,      /* beyond it a list becomes an index */
    LIST_AGAIN_MAX = 8, /* an index that shrinks to it becomes a list */
};

static struct match_set index_set(struct match_index *index)
{
    return (struct match_set){(uintptr_t)index + MATCH_LIST_OTHER};
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
    index->counts[filing->kind][filing->size]++;
    index->filters[filing->kind] |= match_filter_bit(filing->name);
    if (filing->kind == FILED_BY_HEADER)
        index->header_lengths |= match_length_bit(filing->name);
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
        index->counts[filing.kind][filing.size]--;
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
    if (match_set_is_index(*set)) {
        struct match_index *index = own_index(store, match_set_index(*set));
        index_add(index, store, match);
        *set = index_set(index);
        return;
    }
    struct match_list list = match_set_list(*set);
    match_list_add(&list, store, match);
    *set = match_list_count(list) > LIST_MAX ? indexed(store, list) : (struct match_set){list.word};
}

void match_set_remove(struct match_set *set, struct node_store *store,
                      const struct route_match *match)
{
    if (match_set_is_index(*set)) {
        struct match_index *index = own_index(store, match_set_index(*set));
        index_remove(index, store, match);
        *set = index->total <= LIST_AGAIN_MAX ? listed(store, index) : index_set(index);
        return;
    }
    struct match_list list = match_set_list(*set);
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
    if (match_set_is_index(*set)) {
        struct match_index *index = match_set_index(*set);
        hash_trie_each(index->filed, discard_filed, store);
        hash_trie_discard(&index->filed, store);
        match_list_discard(&index->by_pieces, store);
        match_list_discard(&index->rest, store);
        node_store_discard(store, index);
    } else {
        struct match_list list = match_set_list(*set);
        match_list_discard(&list, store);
    }
    set->word = 0;
}
