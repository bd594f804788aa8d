/* Host routes: all matches of one hostname, by path.
 *
 * Exact paths and prefixes are found by hash, a prefix only at depths where there are any;
 * regular expressions stand in one set of their own, between them in precedence.
 *
 * Threads: any may look up in a published one; the builder's alone changes one. */
#ifndef PROXY_ROUTING_HOST_ROUTES_H
#define PROXY_ROUTING_HOST_ROUTES_H

#include "common/hash.h"
#include "proxy/routing/hash_trie.h"
#include "proxy/routing/match_set.h"

#include <stdbool.h>
#include <stdint.h>

/* The starts of a request's path at which prefixes may be found, hashed once for all hosts. */
enum { PATH_MAX_DEPTHS = 1024 };

struct path_keys {
    uint64_t whole;                               /* the hash of all of it */
    size_t count;                                 /* of prefixes */
    struct hash_prefix prefixes[PATH_MAX_DEPTHS]; /* by depth: the number of '/' in them */
};

/* Prefixes of `depths` depths at most. */
void path_keys_init(struct path_keys *keys, struct slice path, size_t depths);

/* Behind the struct: while there are few paths, their sets, so that they are loaded with it; then
 * how many prefix matches there are of each depth; then the name. */
struct host_routes {
    struct node node;       /* count: of depths */
    struct hash_trie paths; /* of match_set words, by the hash of kind and path; or the few */
    struct match_set expressions;
    uint32_t exact_count;
    uint8_t name_length; /* of a wildcard without "*."; 0 for every host */
    bool is_wildcard;
    uint8_t few_count;
    uint8_t few_capacity;
    uint64_t few[]; /* words with fingerprints, as in a leaf of the trie */
};

struct host_routes *host_routes_new(struct node_store *store, struct slice name, bool is_wildcard);

static inline const uint32_t *host_routes_depths(const struct host_routes *host)
{
    return (const uint32_t *)(host->few + host->few_capacity);
}

static inline struct slice host_routes_name(const struct host_routes *host)
{
    return slice_of((const char *)(host_routes_depths(host) + host->node.count), host->name_length);
}

/* The first match in precedence that holds, or NULL. `keys` are those of the head's path. */
const struct route_match *host_routes_find(const struct host_routes *host,
                                           const struct request_head *head,
                                           const struct path_keys *keys);

/* The number of '/' in a prefix; 0 for other kinds of path. */
size_t host_routes_depth(const struct route_match *match);

/* Returns what takes the place of `host`. The match is not there. */
struct host_routes *host_routes_add(struct host_routes *host, struct node_store *store,
                                    const struct route_match *match);
/* The same; NULL when that was the last match. The match is there. */
struct host_routes *host_routes_remove(struct host_routes *host, struct node_store *store,
                                       const struct route_match *match);
void host_routes_discard(struct host_routes *host, struct node_store *store);

#endif
