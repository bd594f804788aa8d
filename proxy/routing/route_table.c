#include "proxy/routing/route_table.h"

#include "common/buffer.h"
#include "common/hash.h"
#include "proxy/routing/hash_trie.h"
#include "proxy/routing/host_routes.h"
#include "proxy/routing/node_store.h"
#include "proxy/routing/route_match.h"
#include "proxy/routing/slot_vector.h"
#include "proxy/upstream/backend.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* How a table is built.
 *
 * Three persistent maps, one in the other. The hosts are a hash trie; each host has a hash trie
 * of its paths; each path has a set of matches that is a short list, or an index by header,
 * parameter and method. A lookup asks for the exact host, then for wildcards of as many labels as
 * there are any of, then for "every host"; in each it asks for the exact path, tries the host's
 * regular expressions, then for prefixes of as many segments as there are any of, the longest
 * first. The order of these questions is the order of precedence, so the first match that holds
 * is the answer, and what is compared in the end is only what shares a host and a path.
 *
 * At a million routes each question costs one or two cold cache lines: the upper levels of a trie
 * stay in the cache, its leaf holds hashes and pointers side by side, and only an entry with the
 * same 64-bit hash is looked at. A single match needs no set of its own: the pointer in the leaf is
 * the match, inside its route's one allocation.
 *
 * A change copies the path from a root to what it touches (a few hundred bytes a level) and shares
 * the rest. Who frees: tables form one line, so a node replaced while version V is built waits
 * until all tables older than V are released (node_store.h). Releasing a table is one atomic
 * decrement; the builder's thread frees, at its next publish or collect. Only the last holder of a
 * removed route, a request, may free that one allocation elsewhere. */

enum { MAX_LABELS = 128, HOST_SEED = 5, WILDCARD_SEED = 6 };

/* All that a version is; copying it is making a version. */
struct table_roots {
    struct hash_trie hosts;         /* of struct host_routes, exact and wildcard ones */
    struct host_routes *every_host; /* NULL: no route is without hostnames */
    struct slot_vector backends;    /* of struct backend */
    size_t route_count;
    uint32_t max_depths;                  /* of any prefix there ever was, plus one */
    uint32_t max_wildcard_labels;         /* the index of the last count that is not zero */
    uint32_t wildcard_counts[MAX_LABELS]; /* wildcard hosts by labels behind "*." */
};

struct route_table {
    /* atomic: any */
    atomic_uint references;

    /* immutable */
    struct table_roots roots;
    uint64_t revision;
    size_t backend_count;

    /* builder only */
    uint64_t version;
    struct route_table *newer;
};

struct route_table_builder {
    struct node_store store;
    struct table_roots roots;
    struct route_table *oldest; /* every table that may still be held, in order */
    struct route_table *newest;
};

/* --- holding -------------------------------------------------------------------------------- */

void route_table_acquire(struct route_table *table)
{
    atomic_fetch_add_explicit(&table->references, 1, memory_order_relaxed);
}

void route_table_release(struct route_table **table)
{
    struct route_table *ours = *table;
    if (ours == NULL)
        return;
    *table = NULL;
    /* At zero nobody can acquire it again: it is not in the cache any more. The builder finds it
     * when it collects. */
    atomic_fetch_sub_explicit(&ours->references, 1, memory_order_release);
}

/* --- looking up ----------------------------------------------------------------------------- */

static uint64_t host_hash(struct slice name, bool is_wildcard)
{
    return hash_bytes(name.at, name.length, is_wildcard ? WILDCARD_SEED : HOST_SEED);
}

static struct host_routes *find_host(struct hash_trie hosts, struct slice name, bool is_wildcard,
                                     uint64_t hash)
{
    const struct trie_leaf *leaf = hash_trie_leaf(hosts, hash);
    size_t at = 0;
    struct host_routes *host = trie_leaf_next(leaf, hash, &at);
    while (host != NULL &&
           (host->is_wildcard != is_wildcard || !slice_equals(host_routes_name(host), name)))
        host = trie_leaf_next(leaf, hash, &at);
    return host;
}

static const struct route_match *find_in_host(const struct table_roots *roots, struct slice name,
                                              bool is_wildcard, const struct request_head *head,
                                              const struct path_keys *keys)
{
    const struct host_routes *host =
        find_host(roots->hosts, name, is_wildcard, host_hash(name, is_wildcard));
    return host == NULL ? NULL : host_routes_find(host, head, keys);
}

/* "*.example.com" takes any number of labels in front, so every tail of the host may be one. Fills
 * tails[1] up to tails[returned], by their labels. */
static size_t cut_tails(const struct table_roots *roots, struct slice host,
                        struct slice tails[static MAX_LABELS])
{
    size_t labels = 0;
    for (size_t i = host.length; i-- > 1 && labels < roots->max_wildcard_labels;) {
        if (host.at[i] == '.')
            tails[++labels] = slice_of(host.at + i + 1, host.length - i - 1);
    }
    return labels;
}

static const struct route_match *find_in_wildcards(const struct table_roots *roots,
                                                   const struct request_head *head,
                                                   const struct path_keys *keys)
{
    struct slice tails[MAX_LABELS];
    size_t labels = cut_tails(roots, head->host, tails);
    const struct route_match *match = NULL;
    for (; match == NULL && labels > 0; labels--) {
        if (roots->wildcard_counts[labels] > 0)
            match = find_in_host(roots, tails[labels], true, head, keys);
    }
    return match;
}

const struct rule *route_table_find(const struct route_table *table,
                                    const struct request_head *head)
{
    const struct table_roots *roots = &table->roots;

    /* The path is hashed while the first host is on its way from memory. */
    uint64_t hash = host_hash(head->host, false);
    trie_leaf_prefetch(hash_trie_leaf(roots->hosts, hash));
    struct path_keys keys;
    path_keys_init(&keys, head->path, roots->max_depths);

    const struct route_match *match = NULL;
    const struct host_routes *host = find_host(roots->hosts, head->host, false, hash);
    if (host != NULL)
        match = host_routes_find(host, head, &keys);
    if (match == NULL && roots->max_wildcard_labels > 0)
        match = find_in_wildcards(roots, head, &keys);
    if (match == NULL && roots->every_host != NULL)
        match = host_routes_find(roots->every_host, head, &keys);
    return match == NULL ? NULL : match->rule;
}

struct backend *route_table_backend(const struct route_table *table, uint32_t backend_index)
{
    return slot_vector_get(&table->roots.backends, backend_index);
}

struct backend_visit {
    route_table_visit_fn *visit;
    void *context;
};

static void visit_backend(void *context, void *value)
{
    const struct backend_visit *each = context;
    each->visit(each->context, value);
}

void route_table_each_backend(const struct route_table *table, route_table_visit_fn *visit,
                              void *context)
{
    struct backend_visit each = {.visit = visit, .context = context};
    slot_vector_each(&table->roots.backends, visit_backend, &each);
}

uint64_t route_table_revision(const struct route_table *table)
{
    return table->revision;
}

size_t route_table_route_count(const struct route_table *table)
{
    return table->roots.route_count;
}

size_t route_table_backend_count(const struct route_table *table)
{
    return table->backend_count;
}

/* --- hosts ---------------------------------------------------------------------------------- */

static size_t count_labels(struct slice name)
{
    size_t labels = 1;
    for (size_t i = 0; i < name.length; i++)
        labels += name.at[i] == '.';
    return labels;
}

static void count_wildcard(struct table_roots *roots, struct slice name, int change)
{
    size_t labels = count_labels(name);
    roots->wildcard_counts[labels] += (uint32_t)change;
    if (labels > roots->max_wildcard_labels)
        roots->max_wildcard_labels = (uint32_t)labels;
    while (roots->max_wildcard_labels > 0 &&
           roots->wildcard_counts[roots->max_wildcard_labels] == 0)
        roots->max_wildcard_labels--;
}

/* One hostname of a route, as hosts are kept: wildcards without "*.". */
struct host_key {
    struct slice name;
    bool is_wildcard;
};

static struct host_key host_key(struct slice hostname)
{
    if (slice_has_prefix(hostname, SLICE("*.")))
        return (struct host_key){slice_of(hostname.at + 2, hostname.length - 2), true};
    return (struct host_key){hostname, false};
}

typedef struct host_routes *change_host_fn(struct host_routes *host, struct node_store *store,
                                           const struct route_match *match);

static struct host_routes *change_matches(struct host_routes *host, struct node_store *store,
                                          const struct route *route, change_host_fn *change)
{
    for (size_t i = 0; i < route->match_count; i++)
        host = change(host, store, &route_matches(route)[i]);
    return host;
}

/* Lookups hash the path as deep as any prefix goes. */
static void note_depths(struct table_roots *roots, const struct route *route)
{
    for (size_t i = 0; i < route->match_count; i++) {
        size_t depths = host_routes_depth(&route_matches(route)[i]) + 1;
        if (depths > roots->max_depths)
            roots->max_depths = (uint32_t)depths;
    }
}

static void change_host(struct route_table_builder *builder, const struct route *route,
                        struct slice hostname, change_host_fn *change)
{
    struct table_roots *roots = &builder->roots;
    struct host_key key = host_key(hostname);
    uint64_t hash = host_hash(key.name, key.is_wildcard);
    struct host_routes *old = find_host(roots->hosts, key.name, key.is_wildcard, hash);

    if (old == NULL) {
        struct host_routes *new = host_routes_new(&builder->store, key.name, key.is_wildcard);
        new = change_matches(new, &builder->store, route, change);
        hash_trie_add(&roots->hosts, &builder->store, hash, new);
        if (key.is_wildcard)
            count_wildcard(roots, key.name, 1);
        return;
    }

    struct host_routes *new = change_matches(old, &builder->store, route, change);
    if (new == NULL) {
        hash_trie_remove(&roots->hosts, &builder->store, hash, old);
        if (key.is_wildcard)
            count_wildcard(roots, key.name, -1);
    } else if (new != old) {
        hash_trie_replace(&roots->hosts, &builder->store, hash, old, new);
    }
}

static void change_route(struct route_table_builder *builder, const struct route *route,
                         change_host_fn *change)
{
    struct table_roots *roots = &builder->roots;
    if (route->match_count == 0)
        return;
    for (size_t i = 0; i < route->hostname_count; i++)
        change_host(builder, route, route_hostname(route, i), change);
    if (route->hostname_count == 0) {
        if (roots->every_host == NULL)
            roots->every_host = host_routes_new(&builder->store, slice_of("", 0), false);
        roots->every_host = change_matches(roots->every_host, &builder->store, route, change);
    }
}

/* --- making tables -------------------------------------------------------------------------- */

struct route_table_builder *route_table_builder_new(void)
{
    struct route_table_builder *builder = memory_allocate_zeroed(1, sizeof(*builder));
    node_store_init(&builder->store);
    return builder;
}

static void release_route(void *thing)
{
    struct route *route = thing;
    route_release(&route);
}

static void release_backend(void *thing)
{
    struct backend *backend = thing;
    backend_release(&backend);
}

static void release_visited(void *context, void *value)
{
    (void)context;
    release_backend(value);
}

static void discard_host(void *context, void *value)
{
    host_routes_discard(value, context);
}

void route_table_builder_free(struct route_table_builder *builder)
{
    if (builder == NULL)
        return;
    route_table_builder_collect(builder);
    assert(builder->oldest == NULL);

    struct table_roots *roots = &builder->roots;
    hash_trie_each(roots->hosts, discard_host, &builder->store);
    hash_trie_discard(&roots->hosts, &builder->store);
    if (roots->every_host != NULL)
        host_routes_discard(roots->every_host, &builder->store);
    slot_vector_each(&roots->backends, release_visited, NULL);
    slot_vector_discard(&roots->backends, &builder->store);
    node_store_clear(&builder->store);
    free(builder);
}

void route_table_builder_add(struct route_table_builder *builder, struct route *route)
{
    note_depths(&builder->roots, route);
    change_route(builder, route, host_routes_add);
    builder->roots.route_count++;
}

void route_table_builder_remove(struct route_table_builder *builder, struct route *route)
{
    change_route(builder, route, host_routes_remove);
    builder->roots.route_count--;
    node_store_retire(&builder->store, route, release_route);
}

void route_table_builder_set_backend(struct route_table_builder *builder, uint32_t backend_index,
                                     struct backend *backend)
{
    struct backend *old = slot_vector_get(&builder->roots.backends, backend_index);
    if (old == backend)
        return;
    slot_vector_set(&builder->roots.backends, &builder->store, backend_index, backend);
    if (old != NULL)
        node_store_retire(&builder->store, old, release_backend);
}

void route_table_builder_retire(struct route_table_builder *builder, void *thing,
                                void (*let_go)(void *thing))
{
    node_store_retire(&builder->store, thing, let_go);
}

struct route_table *route_table_builder_publish(struct route_table_builder *builder,
                                                uint64_t revision, size_t backend_count)
{
    struct route_table *table = memory_allocate(sizeof(*table));
    *table = (struct route_table){
        .roots = builder->roots,
        .revision = revision,
        .backend_count = backend_count,
        .version = builder->store.version++,
    };
    atomic_init(&table->references, 1);

    if (builder->newest == NULL)
        builder->oldest = table;
    else
        builder->newest->newer = table;
    builder->newest = table;
    route_table_builder_collect(builder);
    return table;
}

/* Acquire pairs with route_table_release: what the last holder read, it has read. */
static bool is_held(const struct route_table *table)
{
    return atomic_load_explicit(&table->references, memory_order_acquire) > 0;
}

size_t route_table_builder_collect(struct route_table_builder *builder)
{
    while (builder->oldest != NULL && !is_held(builder->oldest)) {
        struct route_table *gone = builder->oldest;
        builder->oldest = gone->newer;
        if (builder->oldest == NULL)
            builder->newest = NULL;
        free(gone);
    }
    node_store_collect(&builder->store,
                       builder->oldest == NULL ? builder->store.version : builder->oldest->version);

    size_t held = 0;
    for (const struct route_table *table = builder->oldest; table != NULL && table->newer != NULL;
         table = table->newer)
        held += is_held(table);
    return held;
}

size_t route_table_builder_index_bytes(const struct route_table_builder *builder)
{
    return builder->store.bytes;
}
