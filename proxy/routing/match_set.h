/* Match set: all matches of one hostname and one path (or all its regular expressions), and which
 * of them takes a request.
 *
 * A few are a list that is walked. More are found by what they ask for: each match is filed under
 * one of its exact conditions, and a lookup visits only what the request's own method, headers
 * and parameters point to.
 *
 * Threads: any may look up in a published set; the builder's alone changes one. */
#ifndef PROXY_ROUTING_MATCH_SET_H
#define PROXY_ROUTING_MATCH_SET_H

#include "proxy/routing/match_list.h"

#include <stdbool.h>

/* A match_list, or (in form MATCH_LIST_OTHER) an index; 0: empty. */
struct match_set {
    uintptr_t word;
};

/* The first match in precedence that holds, or NULL. */
const struct route_match *match_set_find(struct match_set set, const struct request_head *head);

/* The path that all its matches have; meaningless for regular expressions. Borrowed. */
struct slice match_set_path(struct match_set set);
/* The enum match_path_kind of all its matches. */
uint8_t match_set_path_kind(struct match_set set);

/* The match is not there. */
void match_set_add(struct match_set *set, struct node_store *store,
                   const struct route_match *match);
/* The match is there. */
void match_set_remove(struct match_set *set, struct node_store *store,
                      const struct route_match *match);
void match_set_discard(struct match_set *set, struct node_store *store);

#endif
