/* Site index: all matches of all routes, by hostname and path.
 *
 * A site is a hostname, a kind of path and, but for regular expressions, a path; what a lookup asks
 * for is known before anything is read, so it asks for all it may need at once. There is no table
 * of hosts to go through first: the hash of a site is that of its hostname and of its path in one,
 * and of what hosts of one specificity (exact, so many labels behind "*.", every host) have at all
 * a lookup knows from their host_class.
 *
 * Sites are told apart by a keyed hash alone, of which the trie knows 48 bits: whatever is found
 * there is checked in full, so two sites that collide only cost a look.
 *
 * Threads: any may look up in a published one; the builder's alone changes one. */
#ifndef PROXY_ROUTING_SITE_INDEX_H
#define PROXY_ROUTING_SITE_INDEX_H

#include "common/hash.h"
#include "proxy/routing/hash_trie.h"
#include "proxy/routing/match_set.h"

#include <stdint.h>

/* The starts of a request's path at which prefixes may be found, hashed once for all hosts. */
enum { PATH_MAX_DEPTHS = 1024 };

struct path_keys {
    uint64_t whole;                               /* the hash of all of it */
    size_t count;                                 /* of prefixes */
    struct hash_prefix prefixes[PATH_MAX_DEPTHS]; /* by depth: the number of '/' in them */
};

/* Prefixes of `depths` depths at most, and of those only the ones in `prefix_depths` are hashed,
 * which is as in struct host_class. */
void path_keys_init(struct path_keys *keys, struct slice path, size_t depths,
                    uint64_t prefix_depths);

/* What there is at all for the hosts of one specificity. */
enum { DEPTH_GROUPS = 64 }; /* the last stands for all deeper prefixes */

struct host_class {
    uint64_t prefix_depths; /* a bit for each group of depths */
    uint32_t exact_count;   /* matches of exact paths */
    uint32_t expression_count;
};

/* The builder's: how many prefixes a class has of each group of depths. */
struct depth_counts {
    uint32_t of[DEPTH_GROUPS];
};

/* A copy of it is the same index. */
struct site_index {
    struct hash_trie sites; /* of match_set words, by the hash of a site */
};

/* The name of every_host is empty. */
uint64_t hostname_hash(struct hostname hostname);

/* The first match in precedence that holds among those of this hostname, or NULL. `hash` is the
 * hostname's, `keys` are those of the head's path. */
const struct route_match *site_index_find(struct site_index index, const struct host_class *class,
                                          const struct hostname *hostname, uint64_t hash,
                                          const struct request_head *head,
                                          const struct path_keys *keys);

/* The number of '/' in a prefix; 0 for other kinds of path. */
size_t route_match_depth(const struct route_match *match);

/* The match is not there. `class` and `counts` are the hostname's. */
void site_index_add(struct site_index *index, struct node_store *store, struct host_class *class,
                    struct depth_counts *counts, struct hostname hostname,
                    const struct route_match *match);
/* The match is there. */
void site_index_remove(struct site_index *index, struct node_store *store, struct host_class *class,
                       struct depth_counts *counts, struct hostname hostname,
                       const struct route_match *match);
void site_index_discard(struct site_index *index, struct node_store *store);

#endif
