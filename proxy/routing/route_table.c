#include "proxy/routing/route_table.h"

#include "common/buffer.h"
#include "proxy/routing/loop_mark.h"
#include "proxy/routing/node_store.h"
#include "proxy/routing/route_match.h"
#include "proxy/routing/session_token.h"
#include "proxy/routing/site_index.h"
#include "proxy/routing/slot_vector.h"
#include "proxy/upstream/backend.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* How a table is built.
 *
 * One persistent hash trie of sites (site_index.h): hostname, kind of path and path in one hash.
 * Each site has a set of matches that is a short list, or an index by header, parameter and method.
 * A lookup asks for the exact host, then for wildcards of as many labels as there are any of, then
 * for "every host"; in each for the exact path, for the host's regular expressions, then for
 * prefixes of as many segments as there are any of, the longest first. The order of these questions
 * is the order of precedence, so the first match that holds is the answer, and what is compared in
 * the end is only what shares a host and a path.
 *
 * What memory costs at a million routes: the hashes of all sites of one hostname are known before
 * anything is read, and their leaves are asked for at the same time. The branches, with a filter
 * for each leaf, stay in the cache, so a site that is not there mostly costs no read of memory. A
 * hit costs two that depend on each other: the leaf, and what the leaf points to. A single match
 * needs no set of its own: the pointer in the leaf is the match, inside its route's one allocation,
 * whose lines are all asked for at once.
 *
 * A change copies the path from the root to what it touches (about a kilobyte a level at most) and
 * shares the rest. Who frees: tables form one line, so a node replaced while version V is built
 * waits until all tables older than V are released (node_store.h). Releasing a table is one atomic
 * decrement; the builder's thread frees, at its next publish or collect. Only the last holder of a
 * removed route, a request, may free that one allocation elsewhere. */

enum { MAX_LABELS = 128 };

/* All that a version is; copying it is making a version. */
struct table_roots {
    struct site_index sites;
    struct slot_vector backends; /* of struct backend */
    size_t route_count;
    uint32_t max_depths;          /* of any prefix there ever was, plus one */
    uint32_t max_wildcard_labels; /* the index of the last class that is not empty */
    uint64_t prefix_depths;       /* of all classes */
    struct host_class exact_hosts;
    struct host_class every_host;
    struct host_class wildcards[MAX_LABELS]; /* by labels behind "*." */
};

struct route_table {
    /* atomic: any */
    atomic_uint references;

    /* immutable */
    struct table_roots roots;
    uint64_t revision;
    size_t backend_count;
    struct session_key session_key;
    struct hash_key loop_key;

    /* builder only */
    uint64_t version;
    struct route_table *newer;
};

struct route_table_builder {
    struct node_store store;
    struct table_roots roots;
    struct session_key session_key;
    struct hash_key loop_key;
    struct depth_counts exact_host_depths;
    struct depth_counts every_host_depths;
    struct depth_counts wildcard_depths[MAX_LABELS];
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

static bool has_none(const struct host_class *class)
{
    return class->exact_count == 0 && class->expression_count == 0 && class->prefix_depths == 0;
}

static const struct route_match *find_in_class(const struct table_roots *roots,
                                               const struct host_class *class,
                                               const struct hostname *hostname,
                                               const struct request_head *head,
                                               const struct path_keys *keys)
{
    if (has_none(class))
        return NULL;
    return site_index_find(roots->sites, class, hostname, hostname_hash(*hostname), head, keys);
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
    for (; match == NULL && labels > 0; labels--)
        match = find_in_class(roots, &roots->wildcards[labels],
                              &(struct hostname){tails[labels], true}, head, keys);
    return match;
}

const struct rule *route_table_find(const struct route_table *table,
                                    const struct request_head *head)
{
    const struct table_roots *roots = &table->roots;
    struct path_keys keys;
    path_keys_init(&keys, head->path, roots->max_depths, roots->prefix_depths);

    const struct route_match *match = NULL;
    if (head->host.length > 0)
        match = find_in_class(roots, &roots->exact_hosts, &(struct hostname){head->host, false},
                              head, &keys);
    if (match == NULL && roots->max_wildcard_labels > 0)
        match = find_in_wildcards(roots, head, &keys);
    if (match == NULL)
        match = find_in_class(roots, &roots->every_host, &(struct hostname){SLICE(""), false}, head,
                              &keys);
    if (match == NULL)
        return NULL;
    /* Read next, and mostly in a line behind those that lookups read. */
    __builtin_prefetch(match->rule->choices);
    return match->rule;
}

struct backend *route_table_backend(const struct route_table *table, uint32_t backend_index)
{
    return slot_vector_get(&table->roots.backends, backend_index);
}

/* Those that were visited, in a table twice as large as there are indexes. */
struct backend_visit {
    route_table_visit_fn *visit;
    void *context;
    const void **visited;
    size_t mask;
};

static void count_backend(void *context, void *value)
{
    (void)value;
    ++*(size_t *)context;
}

static void visit_backend(void *context, void *value)
{
    const struct backend_visit *each = context;
    size_t at = (uintptr_t)value / sizeof(struct backend) & each->mask;
    while (each->visited[at] != NULL && each->visited[at] != value)
        at = (at + 1) & each->mask;
    if (each->visited[at] == value)
        return;
    each->visited[at] = value;
    each->visit(each->context, value);
}

/* Several indexes may share one. */
void route_table_each_backend(const struct route_table *table, route_table_visit_fn *visit,
                              void *context)
{
    struct backend_visit each = {.visit = visit, .context = context};
    size_t count = 0;
    slot_vector_each(&table->roots.backends, count_backend, &count);
    size_t room = 1;
    while (room < 2 * count)
        room *= 2;
    each.visited = memory_allocate_zeroed(room, sizeof(each.visited[0]));
    each.mask = room - 1;
    slot_vector_each(&table->roots.backends, visit_backend, &each);
    free(each.visited);
}

const struct session_key *route_table_session_key(const struct route_table *table)
{
    return &table->session_key;
}

const struct hash_key *route_table_loop_key(const struct route_table *table)
{
    return &table->loop_key;
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

/* Lookups hash the path as deep as any prefix goes. */
static void note_depths(struct table_roots *roots, const struct route *route)
{
    for (size_t i = 0; i < route->match_count; i++) {
        size_t depths = route_match_depth(&route_matches(route)[i]) + 1;
        if (depths > roots->max_depths)
            roots->max_depths = (uint32_t)depths;
    }
}

typedef void change_site_fn(struct site_index *index, struct node_store *store,
                            struct host_class *class, struct depth_counts *counts,
                            struct hostname hostname, const struct route_match *match);

static void change_hostname(struct route_table_builder *builder, const struct route *route,
                            struct hostname hostname, change_site_fn *change)
{
    struct table_roots *roots = &builder->roots;
    struct host_class *class = &roots->exact_hosts;
    struct depth_counts *counts = &builder->exact_host_depths;
    if (hostname.is_wildcard) {
        size_t labels = count_labels(hostname.name);
        class = &roots->wildcards[labels];
        counts = &builder->wildcard_depths[labels];
        if (labels > roots->max_wildcard_labels)
            roots->max_wildcard_labels = (uint32_t)labels;
    } else if (hostname.name.length == 0) {
        class = &roots->every_host;
        counts = &builder->every_host_depths;
    }
    for (size_t i = 0; i < route->match_count; i++)
        change(&roots->sites, &builder->store, class, counts, hostname, &route_matches(route)[i]);
    while (roots->max_wildcard_labels > 0 &&
           has_none(&roots->wildcards[roots->max_wildcard_labels]))
        roots->max_wildcard_labels--;
}

static void change_route(struct route_table_builder *builder, const struct route *route,
                         change_site_fn *change)
{
    for (size_t i = 0; i < route->hostname_count; i++)
        change_hostname(builder, route, hostname_from_text(route_hostname(route, i)), change);
    if (route->hostname_count == 0)
        change_hostname(builder, route, (struct hostname){SLICE(""), false}, change);
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

void route_table_builder_free(struct route_table_builder *builder)
{
    if (builder == NULL)
        return;
    route_table_builder_collect(builder);
    assert(builder->oldest == NULL);

    struct table_roots *roots = &builder->roots;
    site_index_discard(&roots->sites, &builder->store);
    slot_vector_each(&roots->backends, release_visited, NULL);
    slot_vector_discard(&roots->backends, &builder->store);
    node_store_clear(&builder->store);
    free(builder);
}

void route_table_builder_add(struct route_table_builder *builder, struct route *route)
{
    note_depths(&builder->roots, route);
    change_route(builder, route, site_index_add);
    builder->roots.route_count++;
}

void route_table_builder_remove(struct route_table_builder *builder, struct route *route)
{
    change_route(builder, route, site_index_remove);
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

void route_table_builder_set_epoch(struct route_table_builder *builder, const char *epoch)
{
    builder->session_key = session_key_of(epoch);
    builder->loop_key = loop_mark_key_of(epoch);
}

void route_table_builder_retire(struct route_table_builder *builder, void *thing,
                                void (*let_go)(void *thing))
{
    node_store_retire(&builder->store, thing, let_go);
}

static uint64_t prefix_depths_of(const struct table_roots *roots)
{
    uint64_t depths = roots->exact_hosts.prefix_depths | roots->every_host.prefix_depths;
    for (size_t i = 1; i <= roots->max_wildcard_labels; i++)
        depths |= roots->wildcards[i].prefix_depths;
    return depths;
}

struct route_table *route_table_builder_publish(struct route_table_builder *builder,
                                                uint64_t revision, size_t backend_count)
{
    struct route_table *table = memory_allocate(sizeof(*table));
    *table = (struct route_table){
        .roots = builder->roots,
        .revision = revision,
        .backend_count = backend_count,
        .session_key = builder->session_key,
        .loop_key = builder->loop_key,
        .version = builder->store.version++,
    };
    table->roots.prefix_depths = prefix_depths_of(&table->roots);
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
