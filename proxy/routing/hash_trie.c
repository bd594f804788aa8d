#include "proxy/routing/hash_trie.h"

#include "proxy/routing/hash_trie_leaf.h"

#include <assert.h>
#include <string.h>

/* A branch of `bits` bits has 1 << bits links. A leaf of depth d knows the lowest d bits of the
 * index, and every link whose index has them leads to it. When it is full it is cut in two of
 * depth d + 1; when d is all the bits the branch has, the branch doubles first (each half a copy
 * of the other); when the branch is as wide as it may be, a branch of its own takes the leaf's
 * place. This is extendible hashing (Fagin and others, 1979) on each level. A place without
 * entries is 0 whatever its depth. */

enum {
    LEAF_MERGED_MAX = TRIE_LEAF_MAX / 2, /* two leaves with no more than so many become one */
    HASH_BITS = 32, /* that choose links; when they are used up, leaves grow as they must */
};

/* Where a leaf stands: in the links whose index ends with `pattern`, which has `depth` bits. */
struct place {
    unsigned pattern;
    unsigned depth;
};

static inline bool is_branch(struct trie_link link)
{
    unsigned mark = (unsigned)(link.word >> TRIE_ADDRESS_BITS);
    return mark != 0 && mark < TRIE_LEAF_MARK;
}

static inline struct trie_branch *as_branch(struct trie_link link)
{
    return (struct trie_branch *)trie_address(link.word);
}

static struct trie_link root_link(const struct hash_trie *trie)
{
    return (struct trie_link){trie->root};
}

static struct trie_link branch_link(const struct trie_branch *branch)
{
    return (struct trie_link){(uintptr_t)branch | (uint64_t)branch->node.shape
                                                      << TRIE_ADDRESS_BITS};
}

static size_t link_count(const struct trie_branch *branch)
{
    return (size_t)1 << branch->node.shape;
}

/* How many bits a branch at this place in the hash may have. */
static unsigned bits_at(unsigned shift)
{
    unsigned left = HASH_BITS - shift;
    return left < TRIE_LEVEL_BITS ? left : TRIE_LEVEL_BITS;
}

static unsigned index_at(uint64_t hash, unsigned shift, unsigned bits)
{
    return (unsigned)(hash >> shift) & ((1U << bits) - 1);
}

static struct trie_entry make_entry(uint64_t hash, const void *value)
{
    assert((uintptr_t)value >> TRIE_ADDRESS_BITS == 0);
    return (struct trie_entry){trie_fingerprint(hash) | (uint32_t)hash,
                               (uintptr_t)value | trie_fingerprint(hash)};
}

/* --- branches ------------------------------------------------------------------------------- */

static struct trie_branch *new_branch(struct node_store *store, unsigned bits)
{
    return node_store_allocate(
        store, sizeof(struct trie_branch) + (sizeof(struct trie_link) << bits), bits, 0);
}

/* The branch itself when it may be changed, else a copy in its place. */
static struct trie_branch *own_branch(struct node_store *store, struct trie_branch *branch)
{
    if (node_store_owns(store, &branch->node))
        return branch;
    struct trie_branch *copy = new_branch(store, branch->node.shape);
    memcpy(copy->links, branch->links, link_count(branch) * sizeof(copy->links[0]));
    node_store_discard(store, branch);
    return copy;
}

static struct trie_branch *doubled(struct node_store *store, struct trie_branch *branch)
{
    struct trie_branch *wider = new_branch(store, branch->node.shape + 1U);
    size_t count = link_count(branch);
    memcpy(wider->links, branch->links, count * sizeof(wider->links[0]));
    memcpy(wider->links + count, branch->links, count * sizeof(wider->links[0]));
    node_store_discard(store, branch);
    return wider;
}

/* Half of it for as long as both halves are the same. */
static struct trie_branch *narrowed(struct node_store *store, struct trie_branch *branch)
{
    while (branch->node.shape > 1) {
        size_t half = link_count(branch) / 2;
        if (memcmp(branch->links, branch->links + half, half * sizeof(branch->links[0])) != 0)
            break;
        struct trie_branch *narrower = new_branch(store, branch->node.shape - 1U);
        memcpy(narrower->links, branch->links, half * sizeof(branch->links[0]));
        node_store_discard(store, branch);
        branch = narrower;
    }
    return branch;
}

static void set_links(struct trie_branch *branch, struct place place, struct trie_link link)
{
    for (size_t i = place.pattern; i < link_count(branch); i += (size_t)1 << place.depth)
        branch->links[i] = link;
}

/* Where what the hash leads to stands. */
static struct place place_of(const struct trie_branch *branch, unsigned index)
{
    struct trie_link link = branch->links[index];
    unsigned depth =
        link.word == 0 || is_branch(link) ? branch->node.shape : trie_as_leaf(link)->node.shape;
    return (struct place){.pattern = index & ((1U << depth) - 1), .depth = depth};
}

/* --- adding --------------------------------------------------------------------------------- */

static struct trie_link add_below(struct node_store *store, struct trie_link link, unsigned shift,
                                  struct trie_entry entry, unsigned depth);

/* Cuts a full leaf of an owned branch in two. Returns the branch or a wider one. */
static struct trie_branch *cut_leaf(struct node_store *store, struct trie_branch *branch,
                                    unsigned shift, struct place place)
{
    if (place.depth == branch->node.shape)
        branch = doubled(store, branch);
    struct trie_link leaf = branch->links[place.pattern];
    struct place low = {place.pattern, place.depth + 1};
    struct place high = {place.pattern | 1U << place.depth, place.depth + 1};
    set_links(branch, low, trie_leaf_half(store, leaf, shift + place.depth, false));
    set_links(branch, high, trie_leaf_half(store, leaf, shift + place.depth, true));
    trie_leaf_discard(store, leaf);
    return branch;
}

static struct trie_link add_to_branch(struct node_store *store, struct trie_branch *branch,
                                      unsigned shift, struct trie_entry entry)
{
    branch = own_branch(store, branch);
    unsigned max_bits = bits_at(shift);
    for (;;) {
        unsigned index = index_at(entry.hash, shift, branch->node.shape);
        struct trie_link link = branch->links[index];
        struct place place = place_of(branch, index);
        bool is_full = !is_branch(link) && trie_leaf_count(link) >= TRIE_LEAF_MAX;
        if (!is_full || place.depth == max_bits) {
            link = add_below(store, link, shift + max_bits, entry, place.depth);
            set_links(branch, place, link);
            return branch_link(branch);
        }
        branch = cut_leaf(store, branch, shift, place);
    }
}

/* `depth`: of the leaf that is below. */
static struct trie_link add_below(struct node_store *store, struct trie_link link, unsigned shift,
                                  struct trie_entry entry, unsigned depth)
{
    if (is_branch(link))
        return add_to_branch(store, as_branch(link), shift, entry);

    if (trie_leaf_count(link) < TRIE_LEAF_MAX || shift >= HASH_BITS)
        return trie_leaf_with(store, link, entry, depth);

    /* A branch of its own takes the leaf's place: at first both links lead to it, uncut. */
    struct trie_link whole = trie_leaf_own(store, link);
    trie_as_leaf(whole)->node.shape = 0;
    struct trie_branch *branch = new_branch(store, 1);
    branch->links[0] = branch->links[1] = whole;
    return add_to_branch(store, branch, shift, entry);
}

void hash_trie_add(struct hash_trie *trie, struct node_store *store, uint64_t hash, void *value)
{
    trie->root = add_below(store, root_link(trie), 0, make_entry(hash, value), 0).word;
}

/* --- removing ------------------------------------------------------------------------------- */

/* Whether one leaf, or nothing, stands in all of this place. */
static bool is_uniform(const struct trie_branch *branch, struct place place)
{
    struct trie_link link = branch->links[place.pattern];
    if (is_branch(link))
        return false;
    if (link.word != 0)
        return trie_as_leaf(link)->node.shape == place.depth;
    for (size_t i = place.pattern; i < link_count(branch); i += (size_t)1 << place.depth) {
        if (branch->links[i].word != 0)
            return false;
    }
    return true;
}

/* Joins what stands in this place of an owned branch with its neighbours while they are few
 * together. */
static struct trie_link merged(struct node_store *store, struct trie_branch *branch,
                               struct place place)
{
    while (place.depth > 0 && is_uniform(branch, place)) {
        struct place buddy = {place.pattern ^ 1U << (place.depth - 1), place.depth};
        struct trie_link ours = branch->links[place.pattern];
        struct trie_link theirs = branch->links[buddy.pattern];
        if (!is_uniform(branch, buddy) ||
            trie_leaf_count(ours) + trie_leaf_count(theirs) > LEAF_MERGED_MAX)
            break;
        place.depth--;
        place.pattern &= (1U << place.depth) - 1;
        set_links(branch, place, trie_leaf_joined(store, ours, theirs, place.depth));
    }
    if (place.depth > 0)
        return branch_link(narrowed(store, branch));

    struct trie_link link = branch->links[0];
    node_store_discard(store, branch);
    return link;
}

/* `depth`: what a leaf must know that takes the place of the branch. */
static struct trie_link remove_below(struct node_store *store, struct trie_link link,
                                     unsigned shift, struct trie_entry entry, unsigned depth)
{
    if (!is_branch(link))
        return trie_leaf_without(store, link, entry);

    struct trie_branch *branch = own_branch(store, as_branch(link));
    unsigned index = index_at(entry.hash, shift, branch->node.shape);
    struct place place = place_of(branch, index);
    struct trie_link below =
        remove_below(store, branch->links[index], shift + bits_at(shift), entry, place.depth);
    set_links(branch, place, below);
    if (is_branch(below))
        return branch_link(branch);

    struct trie_link result = merged(store, branch, place);
    if (!is_branch(result) && result.word != 0)
        trie_as_leaf(result)->node.shape = (uint8_t)depth;
    return result;
}

void hash_trie_remove(struct hash_trie *trie, struct node_store *store, uint64_t hash,
                      const void *value)
{
    assert(trie->root != 0);
    trie->root = remove_below(store, root_link(trie), 0, make_entry(hash, value), 0).word;
}

/* --- replacing ------------------------------------------------------------------------------ */

static struct trie_link replace_below(struct node_store *store, struct trie_link link,
                                      unsigned shift, struct trie_entry old, struct trie_entry new)
{
    if (is_branch(link)) {
        struct trie_branch *branch = own_branch(store, as_branch(link));
        unsigned index = index_at(old.hash, shift, branch->node.shape);
        struct place place = place_of(branch, index);
        struct trie_link below =
            replace_below(store, branch->links[index], shift + bits_at(shift), old, new);
        set_links(branch, place, below);
        return branch_link(branch);
    }

    link = trie_leaf_own(store, link);
    trie_leaf_replace(link, old, new);
    return link;
}

void hash_trie_replace(struct hash_trie *trie, struct node_store *store, uint64_t hash,
                       const void *old_value, void *new_value)
{
    trie->root = replace_below(store, root_link(trie), 0, make_entry(hash, old_value),
                               make_entry(hash, new_value))
                     .word;
}

/* --- the whole ------------------------------------------------------------------------------ */

/* Whether this is the first of the links that lead where it leads. */
static bool is_first_link(const struct trie_branch *branch, unsigned index)
{
    return branch->links[index].word != 0 && place_of(branch, index).pattern == index;
}

static void each_below(struct trie_link link, void (*visit)(void *context, void *value),
                       void *context)
{
    if (!is_branch(link)) {
        trie_leaf_each(link, visit, context);
        return;
    }
    const struct trie_branch *branch = as_branch(link);
    for (unsigned i = 0; i < link_count(branch); i++) {
        if (is_first_link(branch, i))
            each_below(branch->links[i], visit, context);
    }
}

void hash_trie_each(struct hash_trie trie, void (*visit)(void *context, void *value), void *context)
{
    each_below(root_link(&trie), visit, context);
}

static void discard_below(struct node_store *store, struct trie_link link)
{
    if (!is_branch(link)) {
        trie_leaf_discard(store, link);
        return;
    }
    /* From the back: what says how deep a leaf is goes with the first of its links. */
    struct trie_branch *branch = as_branch(link);
    for (unsigned i = (unsigned)link_count(branch); i-- > 0;) {
        if (is_first_link(branch, i))
            discard_below(store, branch->links[i]);
    }
    node_store_discard(store, branch);
}

void hash_trie_discard(struct hash_trie *trie, struct node_store *store)
{
    discard_below(store, root_link(trie));
    trie->root = 0;
}
