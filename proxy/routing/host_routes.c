#include "proxy/routing/host_routes.h"

#include <assert.h>
#include <string.h>

/* So that an exact path and a prefix of the same text hash apart. */
static const uint64_t kind_marks[] = {
    [MATCH_EXACT] = 0,
    [MATCH_PREFIX] = UINT64_C(0x9e3779b97f4a7c15),
};

enum { PATH_SEED = 4, FEW_MAX = 8, PROBES_MAX = 16 };

/* --- looking up ----------------------------------------------------------------------------- */

void path_keys_init(struct path_keys *keys, struct slice path, size_t depths)
{
    if (path.length > 0 && path.at[0] != '/') {
        /* "*", the target of OPTIONS, is below "/" and nothing else. */
        keys->whole = hash_bytes(path.at, path.length, PATH_SEED);
        keys->prefixes[0] = (struct hash_prefix){hash_bytes("", 0, PATH_SEED), 0};
        keys->count = depths > 0 ? 1 : 0;
        return;
    }
    keys->count =
        hash_prefixes(path.at, path.length, '/', PATH_SEED, keys->prefixes, depths, &keys->whole);
    if (keys->count < depths)
        keys->prefixes[keys->count++] = (struct hash_prefix){keys->whole, path.length};
}

static struct match_set set_at(uint64_t word)
{
    return (struct match_set){(uintptr_t)trie_address(word)};
}

static struct match_set find_few(const struct host_routes *host, uint64_t hash, struct slice path)
{
    for (size_t i = 0; i < host->few_count; i++) {
        if (trie_fingerprint(host->few[i]) == trie_fingerprint(hash) &&
            slice_equals(match_set_path(set_at(host->few[i])), path))
            return set_at(host->few[i]);
    }
    return (struct match_set){0};
}

static struct match_set find_in_leaf(const struct trie_leaf *leaf, uint64_t hash, struct slice path)
{
    size_t at = 0;
    struct match_set set = {(uintptr_t)trie_leaf_next(leaf, hash, &at)};
    while (set.word != 0 && !slice_equals(match_set_path(set), path))
        set.word = (uintptr_t)trie_leaf_next(leaf, hash, &at);
    return set;
}

static struct match_set set_of(const struct host_routes *host, uint64_t hash, struct slice path)
{
    return hash_trie_is_empty(host->paths)
               ? find_few(host, hash, path)
               : find_in_leaf(hash_trie_leaf(host->paths, hash), hash, path);
}

/* One question for the trie: its leaf is on the way from memory while others are asked for. */
struct probe {
    const struct trie_leaf *leaf;
    uint64_t hash;
    size_t path_length;
};

static struct probe probe_start(const struct host_routes *host, uint64_t hash, size_t path_length)
{
    const struct trie_leaf *leaf = hash_trie_leaf(host->paths, hash);
    trie_leaf_prefetch(leaf);
    return (struct probe){leaf, hash, path_length};
}

static const struct route_match *probe_end(const struct probe *probe,
                                           const struct request_head *head)
{
    struct slice path = slice_of(head->path.at, probe->path_length);
    return match_set_find(find_in_leaf(probe->leaf, probe->hash, path), head);
}

static uint64_t exact_hash(const struct path_keys *keys)
{
    return keys->whole ^ kind_marks[MATCH_EXACT];
}

static uint64_t prefix_hash(const struct path_keys *keys, size_t depth)
{
    return keys->prefixes[depth].hash ^ kind_marks[MATCH_PREFIX];
}

/* The first match by prefix among `depths`, from the deepest. */
static const struct route_match *find_prefix(const struct host_routes *host,
                                             const struct request_head *head,
                                             const struct path_keys *keys, size_t depths)
{
    const struct route_match *match = NULL;
    const uint32_t *prefix_counts = host_routes_depths(host);
    while (match == NULL && depths-- > 0) {
        if (prefix_counts[depths] == 0)
            continue;
        struct slice path = slice_of(head->path.at, keys->prefixes[depths].length);
        match = match_set_find(set_of(host, prefix_hash(keys, depths), path), head);
    }
    return match;
}

static const struct route_match *find_among_few(const struct host_routes *host,
                                                const struct request_head *head,
                                                const struct path_keys *keys, size_t depths)
{
    const struct route_match *match = NULL;
    if (host->exact_count > 0)
        match = match_set_find(find_few(host, exact_hash(keys), head->path), head);
    if (match == NULL && host->expressions.word != 0)
        match = match_set_find(host->expressions, head);
    return match == NULL ? find_prefix(host, head, keys, depths) : match;
}

static const struct route_match *find_in_trie(const struct host_routes *host,
                                              const struct request_head *head,
                                              const struct path_keys *keys, size_t depths)
{
    struct probe probes[PROBES_MAX];
    size_t count = 0;
    if (host->exact_count > 0)
        probes[count++] = probe_start(host, exact_hash(keys), head->path.length);
    size_t exact_count = count;
    const uint32_t *prefix_counts = host_routes_depths(host);
    for (; depths > 0 && count < PROBES_MAX; depths--) {
        if (prefix_counts[depths - 1] > 0)
            probes[count++] =
                probe_start(host, prefix_hash(keys, depths - 1), keys->prefixes[depths - 1].length);
    }

    const struct route_match *match = exact_count == 0 ? NULL : probe_end(&probes[0], head);
    if (match == NULL && host->expressions.word != 0)
        match = match_set_find(host->expressions, head);
    for (size_t i = exact_count; match == NULL && i < count; i++)
        match = probe_end(&probes[i], head);
    return match == NULL ? find_prefix(host, head, keys, depths) : match;
}

const struct route_match *host_routes_find(const struct host_routes *host,
                                           const struct request_head *head,
                                           const struct path_keys *keys)
{
    size_t depths = keys->count < host->node.count ? keys->count : host->node.count;
    return hash_trie_is_empty(host->paths) ? find_among_few(host, head, keys, depths)
                                           : find_in_trie(host, head, keys, depths);
}

/* --- changing ------------------------------------------------------------------------------- */

static uint32_t *depths_of(struct host_routes *host)
{
    return (uint32_t *)(host->few + host->few_capacity);
}

static struct host_routes *allocate(struct node_store *store, size_t few_capacity, size_t depths,
                                    struct slice name)
{
    assert(depths <= PATH_MAX_DEPTHS && name.length <= UINT8_MAX);
    size_t depths_bytes = depths * sizeof(uint32_t);
    struct host_routes *host = node_store_allocate(
        store, sizeof(*host) + few_capacity * sizeof(uint64_t) + depths_bytes + name.length, 0,
        depths);
    struct node node = host->node;
    *host = (struct host_routes){
        .node = node,
        .name_length = (uint8_t)name.length,
        .few_capacity = (uint8_t)few_capacity,
    };
    memset(depths_of(host), 0, depths_bytes);
    if (name.length > 0)
        memcpy(depths_of(host) + depths, name.at, name.length);
    return host;
}

struct host_routes *host_routes_new(struct node_store *store, struct slice name, bool is_wildcard)
{
    struct host_routes *host = allocate(store, 0, 0, name);
    host->is_wildcard = is_wildcard;
    return host;
}

/* The host itself when it may be changed and has room for so many sets and depths, else a copy in
 * its place that has. */
static struct host_routes *own_host(struct node_store *store, struct host_routes *host, size_t few,
                                    size_t depths)
{
    if (node_store_owns(store, &host->node) && host->few_capacity >= few &&
        host->node.count >= depths)
        return host;

    size_t old_depths = host->node.count;
    struct host_routes *copy =
        allocate(store, few > host->few_count ? few : host->few_count,
                 depths > old_depths ? depths : old_depths, host_routes_name(host));
    copy->paths = host->paths;
    copy->expressions = host->expressions;
    copy->exact_count = host->exact_count;
    copy->is_wildcard = host->is_wildcard;
    copy->few_count = host->few_count;
    memcpy(copy->few, host->few, host->few_count * sizeof(host->few[0]));
    memcpy(depths_of(copy), depths_of(host), old_depths * sizeof(uint32_t));
    node_store_discard(store, host);
    return copy;
}

size_t host_routes_depth(const struct route_match *match)
{
    size_t depth = 0;
    for (size_t i = 0; match->path_kind == MATCH_PREFIX && i < match->path_length; i++)
        depth += match->path[i] == '/';
    return depth;
}

static void *set_value(struct match_set set)
{
    return (void *)set.word; // NOLINT: the word is a pointer
}

static uint64_t path_hash(uint8_t path_kind, struct slice path)
{
    return hash_bytes(path.at, path.length, PATH_SEED) ^ kind_marks[path_kind];
}

static void move_few_to_trie(struct host_routes *host, struct node_store *store)
{
    for (size_t i = 0; i < host->few_count; i++) {
        struct match_set set = set_at(host->few[i]);
        uint64_t hash = path_hash(match_set_path_kind(set), match_set_path(set));
        hash_trie_add(&host->paths, store, hash, set_value(set));
    }
    host->few_count = 0;
}

static size_t few_index(const struct host_routes *host, struct match_set set)
{
    size_t i = 0;
    while (set_at(host->few[i]).word != set.word) {
        i++;
        assert(i < host->few_count);
    }
    return i;
}

static uint64_t few_word(uint64_t hash, struct match_set set)
{
    return set.word | trie_fingerprint(hash);
}

/* The host is owned, with room for a set more. */
static void set_path_set(struct host_routes *host, struct node_store *store, uint64_t hash,
                         struct match_set old, struct match_set new)
{
    if (old.word == new.word)
        return;
    if (hash_trie_is_empty(host->paths) && old.word == 0 && host->few_count == FEW_MAX)
        move_few_to_trie(host, store);

    if (!hash_trie_is_empty(host->paths)) {
        if (old.word == 0)
            hash_trie_add(&host->paths, store, hash, set_value(new));
        else if (new.word == 0)
            hash_trie_remove(&host->paths, store, hash, set_value(old));
        else
            hash_trie_replace(&host->paths, store, hash, set_value(old), set_value(new));
    } else if (old.word == 0) {
        host->few[host->few_count++] = few_word(hash, new);
    } else if (new.word == 0) {
        host->few[few_index(host, old)] = host->few[host->few_count - 1];
        host->few_count--;
    } else {
        host->few[few_index(host, old)] = few_word(hash, new);
    }
}

/* Room for one set more, as long as they are few. */
static size_t few_with_one_more(const struct host_routes *host)
{
    return hash_trie_is_empty(host->paths) && host->few_count < FEW_MAX
               ? (size_t)host->few_count + 1
               : host->few_count;
}

struct host_routes *host_routes_add(struct host_routes *host, struct node_store *store,
                                    const struct route_match *match)
{
    if (match->path_kind == MATCH_REGEX) {
        host = own_host(store, host, 0, 0);
        match_set_add(&host->expressions, store, match);
        return host;
    }

    struct slice path = route_match_path(match);
    uint64_t hash = path_hash(match->path_kind, path);
    struct match_set old = set_of(host, hash, path);
    struct match_set new = old;
    match_set_add(&new, store, match);

    size_t few = old.word == 0 ? few_with_one_more(host) : 0;
    size_t depth = host_routes_depth(match);
    if (match->path_kind == MATCH_PREFIX) {
        host = own_host(store, host, few, depth + 1);
        depths_of(host)[depth]++;
    } else {
        host = own_host(store, host, few, 0);
        host->exact_count++;
    }
    set_path_set(host, store, hash, old, new);
    return host;
}

struct host_routes *host_routes_remove(struct host_routes *host, struct node_store *store,
                                       const struct route_match *match)
{
    host = own_host(store, host, 0, 0);
    if (match->path_kind == MATCH_REGEX) {
        match_set_remove(&host->expressions, store, match);
    } else {
        struct slice path = route_match_path(match);
        if (match->path_kind == MATCH_PREFIX)
            depths_of(host)[host_routes_depth(match)]--;
        else
            host->exact_count--;
        uint64_t hash = path_hash(match->path_kind, path);
        struct match_set old = set_of(host, hash, path);
        struct match_set new = old;
        match_set_remove(&new, store, match);
        set_path_set(host, store, hash, old, new);
    }

    if (!hash_trie_is_empty(host->paths) || host->few_count > 0 || host->expressions.word != 0)
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
    for (size_t i = 0; i < host->few_count; i++)
        discard_set(store, trie_address(host->few[i]));
    hash_trie_each(host->paths, discard_set, store);
    hash_trie_discard(&host->paths, store);
    match_set_discard(&host->expressions, store);
    node_store_discard(store, host);
}
