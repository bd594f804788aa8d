/* Host routes: all matches of one hostname, by path.
 *
 * Exact paths and prefixes are found by hash, a prefix only at depths where there are any;
 * regular expressions stand in one set of their own, between them in precedence.
 *
 * Threads: any may look up in a published one; the builder's alone changes one. */
#ifndef PROXY_ROUTING_HOST_ROUTES_H
#define PROXY_ROUTING_HOST_ROUTES_H

#include "proxy/routing/hash_trie.h"
#include "proxy/routing/match_set.h"

#include <stdbool.h>
#include <stdint.h>

struct host_routes {
    struct node node;       /* count: of prefix_counts */
    struct hash_trie paths; /* of match_set words, by the hash of kind and path */
    struct match_set expressions;
    uint32_t exact_count;
    uint8_t name_length;
    bool is_wildcard;
    /* How many prefix matches there are of each depth, which is the number of '/' in them. Behind
     * them the name: of a wildcard without "*.", empty for every host. */
    uint32_t prefix_counts[];
};

struct host_routes *host_routes_new(struct node_store *store, struct slice name, bool is_wildcard);

static inline struct slice host_routes_name(const struct host_routes *host)
{
    return slice_of((const char *)(host->prefix_counts + host->node.count), host->name_length);
}

/* The first match in precedence that holds, or NULL. */
const struct route_match *host_routes_find(const struct host_routes *host,
                                           const struct request_head *head);

/* Returns what takes the place of `host`. The match is not there. */
struct host_routes *host_routes_add(struct host_routes *host, struct node_store *store,
                                    const struct route_match *match);
/* The same; NULL when that was the last match. The match is there. */
struct host_routes *host_routes_remove(struct host_routes *host, struct node_store *store,
                                       const struct route_match *match);
void host_routes_discard(struct host_routes *host, struct node_store *store);

#endif
