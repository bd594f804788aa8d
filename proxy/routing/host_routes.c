#include "proxy/routing/host_routes.h"

#include "common/hash.h"

#include <assert.h>
#include <string.h>

/* So that an exact path and a prefix of the same text hash apart. */
static const uint64_t kind_marks[] = {
    [MATCH_EXACT] = 0,
    [MATCH_PREFIX] = UINT64_C(0x9e3779b97f4a7c15),
};

enum { PATH_SEED = 4, ENTRIES_MAX = 8 };

/* --- looking up ----------------------------------------------------------------------------- */

void path_keys_init(struct path_keys *keys, struct slice path, size_t depths)
{
    struct hash_state state;
    hash_start(&state, PATH_SEED);
    size_t hashed = 0;
    /* "*", the target of OPTIONS, is below "/" and nothing else. */
    bool is_asterisk = path.length > 0 && path.at[0] != '/';
    if (is_asterisk && depths > 1)
        depths = 1;
    for (keys->count = 0; keys->count < depths; keys->count++) {
        /* The prefix of this depth ends at the next slash, or with the path. */
        size_t from = keys->count == 0 ? 0 : hashed + 1;
        if (from > path.length)
            break;
        const char *slash =
            from < path.length ? memchr(path.at + from, '/', path.length - from) : NULL;
        size_t end = is_asterisk ? 0 : slash == NULL ? path.length : (size_t)(slash - path.at);
        hash_add(&state, path.at + hashed, end - hashed);
        hashed = end;
        keys->prefixes[keys->count] = (struct path_key){.hash = hash_value(&state), .length = end};
    }
    hash_add(&state, path.at + hashed, path.length - hashed);
    keys->whole = hash_value(&state);
}

static struct match_set find_set(const struct trie_entry *entries, size_t count, uint64_t hash,
                                 struct slice path)
{
    for (size_t i = 0; i < count; i++) {
        struct match_set set = {(uintptr_t)entries[i].value};
        if (entries[i].hash == hash && slice_equals(match_set_path(set), path))
            return set;
    }
    return (struct match_set){0};
}

static struct match_set set_of(const struct host_routes *host, uint64_t hash, struct slice path)
{
    if (hash_trie_is_empty(host->paths))
        return find_set(host->entries, host->entry_count, hash, path);
    const struct trie_leaf *leaf = hash_trie_leaf(host->paths, hash);
    return leaf == NULL ? (struct match_set){0}
                        : find_set(leaf->entries, leaf->node.count, hash, path);
}

const struct route_match *host_routes_find(const struct host_routes *host,
                                           const struct request_head *head,
                                           const struct path_keys *keys)
{
    const struct route_match *match = NULL;
    if (host->exact_count > 0)
        match =
            match_set_find(set_of(host, keys->whole ^ kind_marks[MATCH_EXACT], head->path), head);
    if (match == NULL && host->expressions.word != 0)
        match = match_set_find(host->expressions, head);

    const uint32_t *depths = host_routes_depths(host);
    size_t depth = keys->count < host->node.count ? keys->count : host->node.count;
    while (match == NULL && depth-- > 0) {
        const struct path_key *prefix = &keys->prefixes[depth];
        if (depths[depth] > 0)
            match = match_set_find(set_of(host, prefix->hash ^ kind_marks[MATCH_PREFIX],
                                          slice_of(head->path.at, prefix->length)),
                                   head);
    }
    return match;
}

/* --- changing ------------------------------------------------------------------------------- */

static uint32_t *depths_of(struct host_routes *host)
{
    return (uint32_t *)(host->entries + host->entry_capacity);
}

static struct host_routes *allocate(struct node_store *store, size_t entry_capacity, size_t depths,
                                    struct slice name)
{
    assert(depths <= PATH_MAX_DEPTHS && name.length <= UINT8_MAX);
    size_t depths_bytes = depths * sizeof(uint32_t);
    struct host_routes *host = node_store_allocate(
        store,
        sizeof(*host) + entry_capacity * sizeof(struct trie_entry) + depths_bytes + name.length, 0,
        depths);
    struct node node = host->node;
    *host = (struct host_routes){
        .node = node,
        .name_length = (uint8_t)name.length,
        .entry_capacity = (uint8_t)entry_capacity,
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

/* The host itself when it may be changed and has room for so many entries and depths, else a copy
 * in its place that has. */
static struct host_routes *own_host(struct node_store *store, struct host_routes *host,
                                    size_t entries, size_t depths)
{
    if (node_store_owns(store, &host->node) && host->entry_capacity >= entries &&
        host->node.count >= depths)
        return host;

    size_t old_depths = host->node.count;
    struct host_routes *copy =
        allocate(store, entries > host->entry_count ? entries : host->entry_count,
                 depths > old_depths ? depths : old_depths, host_routes_name(host));
    copy->paths = host->paths;
    copy->expressions = host->expressions;
    copy->exact_count = host->exact_count;
    copy->is_wildcard = host->is_wildcard;
    copy->entry_count = host->entry_count;
    memcpy(copy->entries, host->entries, host->entry_count * sizeof(host->entries[0]));
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

static void move_entries_to_trie(struct host_routes *host, struct node_store *store)
{
    for (size_t i = 0; i < host->entry_count; i++)
        hash_trie_add(&host->paths, store, host->entries[i].hash, host->entries[i].value);
    host->entry_count = 0;
}

static size_t entry_index(const struct host_routes *host, struct match_set set)
{
    size_t i = 0;
    while ((uintptr_t)host->entries[i].value != set.word) {
        i++;
        assert(i < host->entry_count);
    }
    return i;
}

/* The host is owned, with room for an entry more. */
static void set_path_set(struct host_routes *host, struct node_store *store, uint64_t hash,
                         struct match_set old, struct match_set new)
{
    if (old.word == new.word)
        return;
    if (hash_trie_is_empty(host->paths) && old.word == 0 && host->entry_count == ENTRIES_MAX)
        move_entries_to_trie(host, store);

    if (!hash_trie_is_empty(host->paths)) {
        if (old.word == 0)
            hash_trie_add(&host->paths, store, hash, set_value(new));
        else if (new.word == 0)
            hash_trie_remove(&host->paths, store, hash, set_value(old));
        else
            hash_trie_replace(&host->paths, store, hash, set_value(old), set_value(new));
    } else if (old.word == 0) {
        host->entries[host->entry_count++] = (struct trie_entry){hash, set_value(new)};
    } else if (new.word == 0) {
        host->entries[entry_index(host, old)] = host->entries[host->entry_count - 1];
        host->entry_count--;
    } else {
        host->entries[entry_index(host, old)].value = set_value(new);
    }
}

static uint64_t path_hash(const struct route_match *match)
{
    return hash_bytes(match->path, match->path_length, PATH_SEED) ^ kind_marks[match->path_kind];
}

/* Room for one entry more, as long as entries are what there is. */
static size_t entries_with_one_more(const struct host_routes *host)
{
    return hash_trie_is_empty(host->paths) && host->entry_count < ENTRIES_MAX
               ? (size_t)host->entry_count + 1
               : host->entry_count;
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
    uint64_t hash = path_hash(match);
    struct match_set old = set_of(host, hash, path);
    struct match_set new = old;
    match_set_add(&new, store, match);

    size_t entries = old.word == 0 ? entries_with_one_more(host) : 0;
    size_t depth = host_routes_depth(match);
    if (match->path_kind == MATCH_PREFIX) {
        host = own_host(store, host, entries, depth + 1);
        depths_of(host)[depth]++;
    } else {
        host = own_host(store, host, entries, 0);
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
        uint64_t hash = path_hash(match);
        struct match_set old = set_of(host, hash, path);
        struct match_set new = old;
        match_set_remove(&new, store, match);
        set_path_set(host, store, hash, old, new);
    }

    if (!hash_trie_is_empty(host->paths) || host->entry_count > 0 || host->expressions.word != 0)
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
    for (size_t i = 0; i < host->entry_count; i++)
        discard_set(store, host->entries[i].value);
    hash_trie_each(host->paths, discard_set, store);
    hash_trie_discard(&host->paths, store);
    match_set_discard(&host->expressions, store);
    node_store_discard(store, host);
}
