/* Match set: all matches of one site, which is a hostname and a path (or all the regular
 * expressions of one hostname), and which of them takes a request.
 *
 * A few are a list that is walked. More are found by what they ask for: each match is filed under
 * one of its exact conditions, or a piece of what its path's expression must contain, and a lookup
 * visits only what the request's own method, headers, parameters and path point to.
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

/* What a lookup looks for: matches of other sites do not pass. */
struct match_site {
    const struct hostname *hostname;
    struct slice path;
    enum match_path_kind path_kind; /* MATCH_REGEX: whatever the path */
};

/* The first match in precedence that holds and is of the site, or `best` if it goes before. `best`
 * may be NULL. */
const struct route_match *match_set_find(struct match_set set, const struct match_site *site,
                                         const struct route_match *best,
                                         const struct request_head *head);

/* The match is not there. */
void match_set_add(struct match_set *set, struct node_store *store,
                   const struct route_match *match);
/* The match is there. */
void match_set_remove(struct match_set *set, struct node_store *store,
                      const struct route_match *match);
void match_set_discard(struct match_set *set, struct node_store *store);

#endif
