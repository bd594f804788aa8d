#include "proxy/routing/match_list.h"

#include <assert.h>
#include <string.h>

enum { CHUNK_MAX = 256, READ_AHEAD = 6 };

struct match_chunk {
    struct node node; /* count: of matches */
    const struct route_match *matches[];
};

struct directory {
    struct node node; /* count: of chunks */
    size_t total;
    struct match_chunk *chunks[]; /* none is empty */
};

static struct match_chunk *as_chunk(struct match_list list)
{
    return (struct match_chunk *)(list.word - MATCH_LIST_CHUNK); // NOLINT
}

static struct directory *as_directory(struct match_list list)
{
    return (struct directory *)(list.word - MATCH_LIST_DIRECTORY); // NOLINT
}

static struct match_list single_list(const struct route_match *match)
{
    return (struct match_list){(uintptr_t)match + MATCH_LIST_SINGLE};
}

static struct match_list chunk_list(struct match_chunk *chunk)
{
    return (struct match_list){(uintptr_t)chunk + MATCH_LIST_CHUNK};
}

static struct match_list directory_list(struct directory *directory)
{
    return (struct match_list){(uintptr_t)directory + MATCH_LIST_DIRECTORY};
}

/* --- chunks --------------------------------------------------------------------------------- */

static struct match_chunk *new_chunk(struct node_store *store, size_t count)
{
    return node_store_allocate(
        store, sizeof(struct match_chunk) + count * sizeof(struct route_match *), 0, count);
}

/* Where the match stands or would stand. */
static size_t chunk_place(const struct match_chunk *chunk, const struct route_match *match)
{
    size_t low = 0;
    size_t high = chunk->node.count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (route_match_compare(chunk->matches[middle], match) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static struct match_chunk *chunk_with(struct node_store *store, struct match_chunk *chunk,
                                      const struct route_match *match)
{
    size_t place = chunk_place(chunk, match);
    struct match_chunk *longer = new_chunk(store, (size_t)chunk->node.count + 1);
    memcpy(longer->matches, chunk->matches, place * sizeof(match));
    longer->matches[place] = match;
    memcpy(longer->matches + place + 1, chunk->matches + place,
           (chunk->node.count - place) * sizeof(match));
    node_store_discard(store, chunk);
    return longer;
}

/* NULL when it was the last one. */
static struct match_chunk *chunk_without(struct node_store *store, struct match_chunk *chunk,
                                         const struct route_match *match)
{
    size_t place = chunk_place(chunk, match);
    assert(place < chunk->node.count && chunk->matches[place] == match);
    struct match_chunk *shorter = NULL;
    if (chunk->node.count > 1) {
        shorter = new_chunk(store, (size_t)chunk->node.count - 1);
        memcpy(shorter->matches, chunk->matches, place * sizeof(match));
        memcpy(shorter->matches + place, chunk->matches + place + 1,
               (shorter->node.count - place) * sizeof(match));
    }
    node_store_discard(store, chunk);
    return shorter;
}

/* The matches from `first` on, up to `end`, as a chunk of their own. */
static struct match_chunk *part_of_chunk(struct node_store *store, const struct match_chunk *chunk,
                                         size_t first, size_t end)
{
    struct match_chunk *part = new_chunk(store, end - first);
    memcpy(part->matches, chunk->matches + first, (end - first) * sizeof(part->matches[0]));
    return part;
}

/* --- directories ---------------------------------------------------------------------------- */

static struct directory *new_directory(struct node_store *store, size_t count, size_t total)
{
    struct directory *directory = node_store_allocate(
        store, sizeof(struct directory) + count * sizeof(struct match_chunk *), 0, count);
    directory->total = total;
    return directory;
}

/* The chunk the match stands or would stand in. */
static size_t directory_place(const struct directory *directory, const struct route_match *match)
{
    size_t low = 0;
    size_t high = directory->node.count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (route_match_compare(directory->chunks[middle]->matches[0], match) <= 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low == 0 ? 0 : low - 1;
}

/* A directory whose chunk at `place` is replaced by `count` (0 to 2) others. */
static struct directory *with_chunks(struct node_store *store, struct directory *old, size_t place,
                                     struct match_chunk *const *chunks, size_t count, size_t total)
{
    struct directory *directory = new_directory(store, old->node.count - 1 + count, total);
    memcpy(directory->chunks, old->chunks, place * sizeof(chunks[0]));
    memcpy(directory->chunks + place, chunks, count * sizeof(chunks[0]));
    memcpy(directory->chunks + place + count, old->chunks + place + 1,
           (old->node.count - place - 1) * sizeof(chunks[0]));
    node_store_discard(store, old);
    return directory;
}

/* Cuts a chunk that has become too long in two. Returns how many there are now. */
static size_t halve(struct node_store *store, struct match_chunk *chunk,
                    struct match_chunk *halves[2])
{
    size_t count = chunk->node.count;
    if (count <= CHUNK_MAX) {
        halves[0] = chunk;
        return 1;
    }
    halves[0] = part_of_chunk(store, chunk, 0, count / 2);
    halves[1] = part_of_chunk(store, chunk, count / 2, count);
    node_store_discard(store, chunk);
    return 2;
}

/* --- the list ------------------------------------------------------------------------------- */

size_t match_list_count(struct match_list list)
{
    switch (match_list_form(list)) {
    case MATCH_LIST_CHUNK:
        return as_chunk(list)->node.count;
    case MATCH_LIST_DIRECTORY:
        return as_directory(list)->total;
    default:
        return list.word == 0 ? 0 : 1;
    }
}

bool match_list_contains(struct match_list list, const struct route_match *match)
{
    if (match_list_form(list) == MATCH_LIST_SINGLE)
        return match_list_single(list) == match;

    const struct match_chunk *chunk;
    if (match_list_form(list) == MATCH_LIST_CHUNK)
        chunk = as_chunk(list);
    else
        chunk = as_directory(list)->chunks[directory_place(as_directory(list), match)];
    size_t place = chunk_place(chunk, match);
    return place < chunk->node.count && chunk->matches[place] == match;
}

void match_list_add(struct match_list *list, struct node_store *store,
                    const struct route_match *match)
{
    if (list->word == 0) {
        *list = single_list(match);
        return;
    }
    if (match_list_form(*list) == MATCH_LIST_SINGLE) {
        struct match_chunk *one = new_chunk(store, 1);
        one->matches[0] = match_list_single(*list);
        *list = chunk_list(one);
    }

    struct match_chunk *halves[2];
    if (match_list_form(*list) == MATCH_LIST_CHUNK) {
        struct match_chunk *chunk = chunk_with(store, as_chunk(*list), match);
        size_t total = chunk->node.count;
        if (halve(store, chunk, halves) == 1) {
            *list = chunk_list(halves[0]);
            return;
        }
        struct directory *directory = new_directory(store, 2, total);
        memcpy(directory->chunks, halves, sizeof(halves));
        *list = directory_list(directory);
        return;
    }

    struct directory *directory = as_directory(*list);
    size_t place = directory_place(directory, match);
    struct match_chunk *chunk = chunk_with(store, directory->chunks[place], match);
    size_t count = halve(store, chunk, halves);
    *list =
        directory_list(with_chunks(store, directory, place, halves, count, directory->total + 1));
}

static struct match_list shortest_form(struct node_store *store, struct match_chunk *chunk)
{
    if (chunk->node.count > 1)
        return chunk_list(chunk);
    struct match_list single = single_list(chunk->matches[0]);
    node_store_discard(store, chunk);
    return single;
}

void match_list_remove(struct match_list *list, struct node_store *store,
                       const struct route_match *match)
{
    if (match_list_form(*list) == MATCH_LIST_SINGLE) {
        assert(match_list_single(*list) == match);
        list->word = 0;
        return;
    }
    if (match_list_form(*list) == MATCH_LIST_CHUNK) {
        *list = shortest_form(store, chunk_without(store, as_chunk(*list), match));
        return;
    }

    struct directory *directory = as_directory(*list);
    size_t place = directory_place(directory, match);
    struct match_chunk *chunk = chunk_without(store, directory->chunks[place], match);
    directory =
        with_chunks(store, directory, place, &chunk, chunk == NULL ? 0 : 1, directory->total - 1);
    *list = directory_list(directory);
    if (directory->node.count == 1) {
        *list = shortest_form(store, directory->chunks[0]);
        node_store_discard(store, directory);
    }
}

void match_list_discard(struct match_list *list, struct node_store *store)
{
    if (match_list_form(*list) == MATCH_LIST_CHUNK) {
        node_store_discard(store, as_chunk(*list));
    } else if (match_list_form(*list) == MATCH_LIST_DIRECTORY) {
        struct directory *directory = as_directory(*list);
        for (size_t i = 0; i < directory->node.count; i++)
            node_store_discard(store, directory->chunks[i]);
        node_store_discard(store, directory);
    }
    list->word = 0;
}

/* --- reading in order ----------------------------------------------------------------------- */

/* Matches lie anywhere: the next few are on their way while one is looked at. */
static void enter_chunk(struct match_cursor *cursor, const struct match_chunk *chunk)
{
    cursor->at = chunk->matches;
    cursor->end = chunk->matches + chunk->node.count;
    route_match_prefetch(chunk->matches[0]);
    for (size_t i = 1; i < READ_AHEAD && i < chunk->node.count; i++)
        __builtin_prefetch(chunk->matches[i]);
}

void match_cursor_start(struct match_cursor *cursor, struct match_list list)
{
    *cursor = (struct match_cursor){0};
    if (match_list_form(list) == MATCH_LIST_SINGLE) {
        cursor->single = match_list_single(list);
        if (cursor->single != NULL)
            route_match_prefetch(cursor->single);
    } else if (match_list_form(list) == MATCH_LIST_CHUNK) {
        enter_chunk(cursor, as_chunk(list));
    } else {
        const struct directory *directory = as_directory(list);
        cursor->next_chunk = (const struct match_chunk *const *)directory->chunks;
        cursor->chunks_end = cursor->next_chunk + directory->node.count;
    }
}

const struct route_match *match_cursor_next(struct match_cursor *cursor)
{
    if (cursor->single != NULL) {
        const struct route_match *single = cursor->single;
        cursor->single = NULL;
        return single;
    }
    if (cursor->at == cursor->end) {
        if (cursor->next_chunk == cursor->chunks_end)
            return NULL;
        enter_chunk(cursor, *cursor->next_chunk++);
    }
    if (cursor->end - cursor->at > READ_AHEAD)
        __builtin_prefetch(cursor->at[READ_AHEAD]);
    return *cursor->at++;
}
