#include "proxy/routing/host_routes.h"

#include "common/hash.h"

#include <assert.h>
#include <string.h>

/* So that an exact path and a prefix of the same text hash apart. */
static const uint64_t kind_marks[] = {
    [MATCH_EXACT] = 0,
    [MATCH_PREFIX] = UINT64_C(0x9e3779b97f4a7c15),
};

enum { PATH_SEED = 4, MAX_DEPTH = 1024 };

/* --- looking up ----------------------------------------------------------------------------- */

static struct match_set set_of(const struct host_routes *host, uint64_t hash, struct slice path)
{
    const struct trie_leaf *leaf = hash_trie_leaf(host->paths, hash);
    for (size_t i = 0; leaf != NULL && i < leaf->node.count; i++) {
        struct match_set set = {(uintptr_t)leaf->entries[i].value};
        if (leaf->entries[i].hash == hash && slice_equals(match_set_path(set), path))
            return set;
    }
    return (struct match_set){0};
}

/* A start of the request's path at which prefixes may be found. */
struct prefix {
    uint64_t hash;
    size_t length;
};

/* Hashes the path once, noting each start that ends at a segment and whose depth has prefixes.
 * Returns how many; `*whole` gets the hash of all of it. */
static size_t note_prefixes(const struct host_routes *host, struct slice path,
                            struct prefix *prefixes, uint64_t *whole)
{
    struct hash_state state;
    hash_start(&state, PATH_SEED);
    size_t count = 0;
    size_t hashed = 0;
    size_t depth = 0;
    for (; depth < host->node.count; depth++) {
        /* The start of this depth ends at the next slash, or with the path. */
        size_t from = depth == 0 ? 0 : hashed + 1;
        const char *slash =
            from < path.length ? memchr(path.at + from, '/', path.length - from) : NULL;
        size_t end = slash == NULL ? path.length : (size_t)(slash - path.at);
        hash_add(&state, path.at + hashed, end - hashed);
        hashed = end;
        if (host->prefix_counts[depth] > 0)
            prefixes[count++] = (struct prefix){.hash = hash_value(&state), .length = end};
        if (slash == NULL)
            break;
    }
    if (host->exact_count > 0) {
        hash_add(&state, path.at + hashed, path.length - hashed);
        *whole = hash_value(&state);
    }
    return count;
}

const struct route_match *host_routes_find(const struct host_routes *host,
                                           const struct request_head *head)
{
    struct prefix prefixes[MAX_DEPTH];
    uint64_t whole = 0;
    size_t count = note_prefixes(host, head->path, prefixes, &whole);

    const struct route_match *match = NULL;
    if (host->exact_count > 0)
        match = match_set_find(set_of(host, whole ^ kind_marks[MATCH_EXACT], head->path), head);
    if (match == NULL && host->expressions.word != 0)
        match = match_set_find(host->expressions, head);
    while (match == NULL && count > 0) {
        const struct prefix *longest = &prefixes[--count];
        match = match_set_find(set_of(host, longest->hash ^ kind_marks[MATCH_PREFIX],
                                      slice_of(head->path.at, longest->length)),
                               head);
    }
    return match;
}

/* --- changing ------------------------------------------------------------------------------- */

static struct host_routes *allocate(struct node_store *store, size_t depths, size_t name_length)
{
    assert(depths <= MAX_DEPTH && name_length <= UINT8_MAX);
    size_t counts_bytes = depths * sizeof(uint32_t);
    struct host_routes *host =
        node_store_allocate(store, sizeof(*host) + counts_bytes + name_length, 0, depths);
    struct node node = host->node;
    *host = (struct host_routes){.node = node, .name_length = (uint8_t)name_length};
    memset(host->prefix_counts, 0, counts_bytes);
    return host;
}

static void set_name(struct host_routes *host, struct slice name)
{
    if (name.length > 0)
        memcpy(host->prefix_counts + host->node.count, name.at, name.length);
}

struct host_routes *host_routes_new(struct node_store *store, struct slice name, bool is_wildcard)
{
    struct host_routes *host = allocate(store, 0, name.length);
    host->is_wildcard = is_wildcard;
    set_name(host, name);
    return host;
}

/* The host itself when it may be changed and counts `depths` depths, else a copy in its place. */
static struct host_routes *own_host(struct node_store *store, struct host_routes *host,
                                    size_t depths)
{
    if (node_store_owns(store, &host->node) && host->node.count >= depths)
        return host;

    size_t old_depths = host->node.count;
    struct host_routes *copy =
        allocate(store, depths > old_depths ? depths : old_depths, host->name_length);
    copy->paths = host->paths;
    copy->expressions = host->expressions;
    copy->exact_count = host->exact_count;
    copy->is_wildcard = host->is_wildcard;
    memcpy(copy->prefix_counts, host->prefix_counts, old_depths * sizeof(uint32_t));
    set_name(copy, host_routes_name(host));
    node_store_discard(store, host);
    return copy;
}

static size_t depth_of(struct slice prefix)
{
    size_t depth = 0;
    for (size_t i = 0; i < prefix.length; i++)
        depth += prefix.at[i] == '/';
    return depth;
}

static void *set_value(struct match_set set)
{
    return (void *)set.word; // NOLINT: the word is a pointer
}

static void set_path_set(struct host_routes *host, struct node_store *store, uint64_t hash,
                         struct match_set old, struct match_set new)
{
    if (old.word == new.word)
        return;
    if (old.word == 0)
        hash_trie_add(&host->paths, store, hash, set_value(new));
    else if (new.word == 0)
        hash_trie_remove(&host->paths, store, hash, set_value(old));
    else
        hash_trie_replace(&host->paths, store, hash, set_value(old), set_value(new));
}

static uint64_t path_hash(const struct route_match *match)
{
    return hash_bytes(match->path, match->path_length, PATH_SEED) ^ kind_marks[match->path_kind];
}

struct host_routes *host_routes_add(struct host_routes *host, struct node_store *store,
                                    const struct route_match *match)
{
    if (match->path_kind == MATCH_REGEX) {
        host = own_host(store, host, 0);
        match_set_add(&host->expressions, store, match);
        return host;
    }

    if (match->path_kind == MATCH_PREFIX) {
        size_t depth = depth_of(route_match_path(match));
        host = own_host(store, host, depth + 1);
        host->prefix_counts[depth]++;
    } else {
        host = own_host(store, host, 0);
        host->exact_count++;
    }
    uint64_t hash = path_hash(match);
    struct match_set old = set_of(host, hash, route_match_path(match));
    struct match_set new = old;
    match_set_add(&new, store, match);
    set_path_set(host, store, hash, old, new);
    return host;
}

struct host_routes *host_routes_remove(struct host_routes *host, struct node_store *store,
                                       const struct route_match *match)
{
    host = own_host(store, host, 0);
    if (match->path_kind == MATCH_REGEX) {
        match_set_remove(&host->expressions, store, match);
    } else {
        if (match->path_kind == MATCH_PREFIX)
            host->prefix_counts[depth_of(route_match_path(match))]--;
        else
            host->exact_count--;
        uint64_t hash = path_hash(match);
        struct match_set old = set_of(host, hash, route_match_path(match));
        struct match_set new = old;
        match_set_remove(&new, store, match);
        set_path_set(host, store, hash, old, new);
    }

    if (host->paths.root != NULL || host->expressions.word != 0)
        return host;
    node_store_discard(store, host);
    return NULL;
}

static void discard_set(void *context, void *value)
{
    struct match_set set = {(uintptr_t)value};
    match_set_discard(&set, context);
}

void host_routes_discard(struct host_routes *host, struct node_store *store)
{
    hash_trie_each(host->paths, discard_set, store);
    hash_trie_discard(&host->paths, store);
    match_set_discard(&host->expressions, store);
    node_store_discard(store, host);
}
