/* Match list: matches in order of precedence, as a persistent sorted list.
 *
 * One match is the list itself; some hundred are a chunk; beyond that a directory names chunks. A
 * change copies one chunk and, where there is one, the directory.
 *
 * Threads: any may read a published list; the builder's alone changes one. */
#ifndef PROXY_ROUTING_MATCH_LIST_H
#define PROXY_ROUTING_MATCH_LIST_H

#include "proxy/routing/node_store.h"
#include "proxy/routing/route_match.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A pointer whose low bits say to what; 0: empty. A copy of it is the same list. */
struct match_list {
    uintptr_t word;
};

enum match_list_form {
    MATCH_LIST_SINGLE = 0,
    MATCH_LIST_CHUNK = 1,
    MATCH_LIST_DIRECTORY = 2,
    MATCH_LIST_OTHER = 3, /* never a list: match_set marks its index with it */
    MATCH_LIST_FORM_MASK = 3,
};

static inline enum match_list_form match_list_form(struct match_list list)
{
    return (enum match_list_form)(list.word & MATCH_LIST_FORM_MASK);
}

/* Of a list in form MATCH_LIST_SINGLE that is not empty. */
static inline const struct route_match *match_list_single(struct match_list list)
{
    return (const struct route_match *)list.word; // NOLINT: the word is a pointer
}

size_t match_list_count(struct match_list list);
bool match_list_contains(struct match_list list, const struct route_match *match);

/* The match is not there. */
void match_list_add(struct match_list *list, struct node_store *store,
                    const struct route_match *match);
/* The match is there. */
void match_list_remove(struct match_list *list, struct node_store *store,
                       const struct route_match *match);
void match_list_discard(struct match_list *list, struct node_store *store);

/* --- reading in order ----------------------------------------------------------------------- */

struct match_cursor {
    const struct route_match *single;
    const struct route_match *const *at;
    const struct route_match *const *end;
    const struct match_chunk *const *next_chunk;
    const struct match_chunk *const *chunks_end;
};

void match_cursor_start(struct match_cursor *cursor, struct match_list list);
/* NULL at the end. */
const struct route_match *match_cursor_next(struct match_cursor *cursor);

#endif
