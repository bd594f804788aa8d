#include "proxy/routing/site_index.h"

#include <assert.h>

/* So that sites that differ in the kind of path alone hash apart. The site of a host's regular
 * expressions has no path. */
static const uint64_t kind_marks[] = {
    [MATCH_EXACT] = 0,
    [MATCH_REGEX] = UINT64_C(0xd6e8feb86659fd93),
    [MATCH_PREFIX] = UINT64_C(0x9e3779b97f4a7c15),
};

enum { PATH_SEED = 4, HOST_SEED = 5, WILDCARD_SEED = 6, PROBES_MAX = 16 };

/* --- hashes --------------------------------------------------------------------------------- */

uint64_t hostname_hash(struct hostname hostname)
{
    return hash_bytes(hostname.name.at, hostname.name.length,
                      hostname.is_wildcard ? WILDCARD_SEED : HOST_SEED);
}

/* Both parts are keyed and of different seeds, so nobody can choose sites that collide. */
static uint64_t site_hash(uint64_t host, enum match_path_kind kind, uint64_t path)
{
    return host ^ path ^ kind_marks[kind];
}

void path_keys_init(struct path_keys *keys, struct slice path, size_t depths,
                    uint64_t prefix_depths)
{
    if (path.length > 0 && path.at[0] != '/') {
        /* "*", the target of OPTIONS, is below "/" and nothing else. */
        keys->whole = hash_bytes(path.at, path.length, PATH_SEED);
        keys->prefixes[0] = (struct hash_prefix){hash_bytes("", 0, PATH_SEED), 0};
        keys->count = depths > 0 ? 1 : 0;
        return;
    }
    keys->count = hash_prefixes(path.at, path.length, '/', PATH_SEED, keys->prefixes, depths,
                                prefix_depths, &keys->whole);
    if (keys->count < depths)
        keys->prefixes[keys->count++] = (struct hash_prefix){keys->whole, path.length};
}

size_t route_match_depth(const struct route_match *match)
{
    struct slice path = route_match_path(match);
    size_t depth = 0;
    for (size_t i = 0; match->path_kind == MATCH_PREFIX && i < path.length; i++)
        depth += path.at[i] == '/';
    return depth;
}

/* --- looking up ----------------------------------------------------------------------------- */

/* One question: where its answer is is on the way from memory while others are asked. */
struct probe {
    struct trie_spot spot;
    uint64_t hash;
    size_t path_length;
    enum match_path_kind path_kind;
};

/* What a lookup asks in one hostname, in the order of precedence. */
struct probes {
    size_t count;
    struct probe probes[PROBES_MAX];
};

static inline void ask(struct probes *probes, struct site_index index, uint64_t hash,
                       enum match_path_kind path_kind, size_t path_length)
{
    struct probe *probe = &probes->probes[probes->count++];
    hash_trie_spot(index.sites, hash, &probe->spot);
    probe->hash = hash;
    probe->path_kind = path_kind;
    probe->path_length = path_length;
}

/* Sets of other sites may come along. A match of theirs passes if its route has this hostname too,
 * but it does not end the search: one that goes before it may be in the set of this site alone. */
static inline const struct route_match *answer(struct probe *probe, const struct hostname *hostname,
                                               const struct request_head *head)
{
    struct match_site site = {.hostname = hostname,
                              .path = slice_of(head->path.at, probe->path_length),
                              .path_kind = probe->path_kind};
    const struct route_match *best = NULL;
    for (void *set = trie_spot_first(&probe->spot, probe->hash); set != NULL;
         set = trie_spot_next(&probe->spot, probe->hash))
        best = match_set_find((struct match_set){(uintptr_t)set}, &site, best, head);
    return best;
}

static inline const struct route_match *first_answer(struct probes *probes,
                                                     const struct hostname *hostname,
                                                     const struct request_head *head)
{
    for (size_t i = 0; i < probes->count; i++) {
        const struct route_match *match = answer(&probes->probes[i], hostname, head);
        if (match != NULL)
            return match;
    }
    return NULL;
}

static unsigned depth_group(size_t depth)
{
    return depth < DEPTH_GROUPS ? (unsigned)depth : DEPTH_GROUPS - 1;
}

const struct route_match *site_index_find(struct site_index index, const struct host_class *class,
                                          const struct hostname *hostname, uint64_t hash,
                                          const struct request_head *head,
                                          const struct path_keys *keys)
{
    struct probes probes;
    probes.count = 0;
    if (class->exact_count > 0)
        ask(&probes, index, site_hash(hash, MATCH_EXACT, keys->whole), MATCH_EXACT,
            head->path.length);
    if (class->expression_count > 0)
        ask(&probes, index, site_hash(hash, MATCH_REGEX, 0), MATCH_REGEX, head->path.length);

    for (size_t depth = keys->count; depth-- > 0;) {
        if ((class->prefix_depths >> depth_group(depth) & 1) == 0)
            continue;
        if (probes.count == PROBES_MAX) {
            const struct route_match *match = first_answer(&probes, hostname, head);
            if (match != NULL)
                return match;
            probes.count = 0;
        }
        ask(&probes, index, site_hash(hash, MATCH_PREFIX, keys->prefixes[depth].hash), MATCH_PREFIX,
            keys->prefixes[depth].length);
    }
    return first_answer(&probes, hostname, head);
}

/* --- changing ------------------------------------------------------------------------------- */

static uint64_t hash_of(struct hostname hostname, const struct route_match *match)
{
    struct slice path = route_match_path(match);
    bool has_path = match->path_kind != MATCH_REGEX;
    return site_hash(hostname_hash(hostname), (enum match_path_kind)match->path_kind,
                     has_path ? hash_bytes(path.at, path.length, PATH_SEED) : 0);
}

static void *set_value(struct match_set set)
{
    return (void *)set.word; // NOLINT: the word is a pointer
}

static void count_match(struct host_class *class, struct depth_counts *counts,
                        const struct route_match *match, bool is_added)
{
    uint32_t change = is_added ? 1 : UINT32_MAX;
    switch ((enum match_path_kind)match->path_kind) {
    case MATCH_EXACT:
        class->exact_count += change;
        return;
    case MATCH_REGEX:
        class->expression_count += change;
        return;
    case MATCH_PREFIX:
        break;
    }
    unsigned group = depth_group(route_match_depth(match));
    counts->of[group] += change;
    uint64_t bit = UINT64_C(1) << group;
    if (counts->of[group] > 0)
        class->prefix_depths |= bit;
    else
        class->prefix_depths &= ~bit;
}

void site_index_add(struct site_index *index, struct node_store *store, struct host_class *class,
                    struct depth_counts *counts, struct hostname hostname,
                    const struct route_match *match)
{
    uint64_t hash = hash_of(hostname, match);
    struct match_set old = {(uintptr_t)hash_trie_find(index->sites, hash)};
    struct match_set new = old;
    match_set_add(&new, store, match);
    if (old.word == 0)
        hash_trie_add(&index->sites, store, hash, set_value(new));
    else if (old.word != new.word)
        hash_trie_replace(&index->sites, store, hash, set_value(old), set_value(new));
    count_match(class, counts, match, true);
}

void site_index_remove(struct site_index *index, struct node_store *store, struct host_class *class,
                       struct depth_counts *counts, struct hostname hostname,
                       const struct route_match *match)
{
    uint64_t hash = hash_of(hostname, match);
    struct match_set old = {(uintptr_t)hash_trie_find(index->sites, hash)};
    assert(old.word != 0);
    struct match_set new = old;
    match_set_remove(&new, store, match);
    if (new.word == 0)
        hash_trie_remove(&index->sites, store, hash, set_value(old));
    else if (old.word != new.word)
        hash_trie_replace(&index->sites, store, hash, set_value(old), set_value(new));
    count_match(class, counts, match, false);
}

static void discard_set(void *context, void *value)
{
    struct match_set set = {(uintptr_t)value};
    match_set_discard(&set, context);
}

void site_index_discard(struct site_index *index, struct node_store *store)
{
    hash_trie_each(index->sites, discard_set, store);
    hash_trie_discard(&index->sites, store);
}
