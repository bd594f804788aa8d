#include "proxy/routing/hash_trie.h"

#include <assert.h>
#include <string.h>

/* A branch of `bits` bits has 1 << bits links. A leaf of depth d knows the lowest d bits of the
 * index, and every link whose index has them leads to it. When it is full it is cut in two of
 * depth d + 1; when d is all the bits the branch has, the branch doubles first (each half a copy
 * of the other); when the branch is as wide as it may be, a branch of its own takes the leaf's
 * place. This is extendible hashing (Fagin and others, 1979) on each level. A place without
 * entries is 0 whatever its depth. */

enum {
    LEAF_MAX = 15,       /* with the node's head: two lines of words */
    LEAF_MERGED_MAX = 7, /* two leaves with no more than so many entries become one */
    HASH_BITS = 64,      /* when they are used up, leaves grow as they must */
};

struct entry {
    uint64_t hash;
    uint64_t word; /* the value with its fingerprint */
};

/* Where a leaf stands: in the links whose index ends with `pattern`, which has `depth` bits. */
struct place {
    unsigned pattern;
    unsigned depth;
};

static inline bool is_branch(struct trie_link link)
{
    return link.word >> TRIE_ADDRESS_BITS != 0;
}

static inline struct trie_leaf *as_leaf(struct trie_link link)
{
    return (struct trie_leaf *)trie_address(link.word);
}

static inline struct trie_branch *as_branch(struct trie_link link)
{
    return (struct trie_branch *)trie_address(link.word);
}

/* What leads to the whole trie: nothing is known of what is in a leaf. */
static struct trie_link root_link(const struct hash_trie *trie)
{
    return (struct trie_link){trie->root, UINT64_MAX};
}

static struct trie_link branch_link(const struct trie_branch *branch)
{
    return (struct trie_link){(uintptr_t)branch | (uint64_t)branch->node.shape << TRIE_ADDRESS_BITS,
                              UINT64_MAX};
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

static struct entry make_entry(uint64_t hash, const void *value)
{
    assert((uintptr_t)value >> TRIE_ADDRESS_BITS == 0);
    return (struct entry){hash, (uintptr_t)value | trie_fingerprint(hash)};
}

static struct entry leaf_entry(const struct trie_leaf *leaf, size_t index)
{
    return (struct entry){leaf->words[leaf->node.count + index], leaf->words[index]};
}

static void set_entry(struct trie_leaf *leaf, size_t index, struct entry entry)
{
    leaf->words[index] = entry.word;
    leaf->words[leaf->node.count + index] = entry.hash;
}

static struct trie_link leaf_link(const struct trie_leaf *leaf)
{
    struct trie_link link = {.word = (uintptr_t)leaf};
    for (size_t i = 0; leaf != NULL && i < leaf->node.count; i++)
        link.filter |= trie_marks(leaf_entry(leaf, i).hash);
    return link;
}

void *hash_trie_find(struct hash_trie trie, uint64_t hash)
{
    const struct trie_leaf *leaf = hash_trie_leaf(trie, hash);
    for (size_t i = 0; leaf != NULL && i < leaf->node.count; i++) {
        if (trie_fingerprint(leaf->words[i]) == trie_fingerprint(hash) &&
            leaf_entry(leaf, i).hash == hash)
            return trie_address(leaf->words[i]);
    }
    return NULL;
}

/* --- leaves --------------------------------------------------------------------------------- */

static struct trie_leaf *new_leaf(struct node_store *store, size_t count, unsigned depth)
{
    return node_store_allocate(store, sizeof(struct trie_leaf) + 2 * count * sizeof(uint64_t),
                               depth, count);
}

static void copy_entries(struct trie_leaf *to, size_t at, const struct trie_leaf *from,
                         size_t first, size_t count)
{
    if (count == 0)
        return;
    memcpy(to->words + at, from->words + first, count * sizeof(uint64_t));
    memcpy(to->words + to->node.count + at, from->words + from->node.count + first,
           count * sizeof(uint64_t));
}

static size_t count_of(const struct trie_leaf *leaf)
{
    return leaf == NULL ? 0 : leaf->node.count;
}

static struct trie_leaf *leaf_with(struct node_store *store, struct trie_leaf *leaf,
                                   struct entry entry, unsigned depth)
{
    size_t count = count_of(leaf);
    struct trie_leaf *longer = new_leaf(store, count + 1, depth);
    if (leaf != NULL)
        copy_entries(longer, 0, leaf, 0, count);
    set_entry(longer, count, entry);
    node_store_discard(store, leaf);
    return longer;
}

static size_t entry_index(const struct trie_leaf *leaf, struct entry entry)
{
    size_t i = 0;
    while (leaf->words[i] != entry.word || leaf_entry(leaf, i).hash != entry.hash) {
        i++;
        assert(i < leaf->node.count);
    }
    return i;
}

/* NULL when that was the last one. */
static struct trie_leaf *leaf_without(struct node_store *store, struct trie_leaf *leaf,
                                      struct entry entry)
{
    size_t index = entry_index(leaf, entry);
    size_t left = (size_t)leaf->node.count - 1;
    struct trie_leaf *shorter = NULL;
    if (left > 0) {
        shorter = new_leaf(store, left, leaf->node.shape);
        copy_entries(shorter, 0, leaf, 0, index);
        copy_entries(shorter, index, leaf, index + 1, left - index);
    }
    node_store_discard(store, leaf);
    return shorter;
}

/* The entries of a leaf that have this bit of their hash, one deeper; NULL: none. */
static struct trie_leaf *half_of(struct node_store *store, const struct trie_leaf *leaf,
                                 unsigned shift, bool bit)
{
    size_t count = 0;
    for (size_t i = 0; i < leaf->node.count; i++)
        count += (leaf_entry(leaf, i).hash >> shift & 1) == bit;
    if (count == 0)
        return NULL;

    struct trie_leaf *half = new_leaf(store, count, leaf->node.shape + 1U);
    size_t at = 0;
    for (size_t i = 0; i < leaf->node.count; i++) {
        struct entry entry = leaf_entry(leaf, i);
        if ((entry.hash >> shift & 1) == bit)
            set_entry(half, at++, entry);
    }
    return half;
}

/* One leaf of the entries of both, either of which may be NULL, for this depth. */
static struct trie_leaf *joined(struct node_store *store, struct trie_leaf *a, struct trie_leaf *b,
                                unsigned depth)
{
    if (a == NULL && b == NULL)
        return NULL;
    struct trie_leaf *leaf = new_leaf(store, count_of(a) + count_of(b), depth);
    copy_entries(leaf, 0, a, 0, count_of(a));
    copy_entries(leaf, count_of(a), b, 0, count_of(b));
    node_store_discard(store, a);
    node_store_discard(store, b);
    return leaf;
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
        link.word == 0 || is_branch(link) ? branch->node.shape : as_leaf(link)->node.shape;
    return (struct place){.pattern = index & ((1U << depth) - 1), .depth = depth};
}

/* --- adding --------------------------------------------------------------------------------- */

static struct trie_link add_below(struct node_store *store, struct trie_link link, unsigned shift,
                                  struct entry entry, unsigned depth);

/* Cuts a full leaf of an owned branch in two. Returns the branch or a wider one. */
static struct trie_branch *cut_leaf(struct node_store *store, struct trie_branch *branch,
                                    unsigned shift, struct place place)
{
    if (place.depth == branch->node.shape)
        branch = doubled(store, branch);
    struct trie_leaf *leaf = as_leaf(branch->links[place.pattern]);
    struct place low = {place.pattern, place.depth + 1};
    struct place high = {place.pattern | 1U << place.depth, place.depth + 1};
    set_links(branch, low, leaf_link(half_of(store, leaf, shift + place.depth, false)));
    set_links(branch, high, leaf_link(half_of(store, leaf, shift + place.depth, true)));
    node_store_discard(store, leaf);
    return branch;
}

static struct trie_link add_to_branch(struct node_store *store, struct trie_branch *branch,
                                      unsigned shift, struct entry entry)
{
    branch = own_branch(store, branch);
    unsigned max_bits = bits_at(shift);
    for (;;) {
        unsigned index = index_at(entry.hash, shift, branch->node.shape);
        struct trie_link link = branch->links[index];
        struct place place = place_of(branch, index);
        bool is_full = !is_branch(link) && count_of(as_leaf(link)) >= LEAF_MAX;
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
                                  struct entry entry, unsigned depth)
{
    if (is_branch(link))
        return add_to_branch(store, as_branch(link), shift, entry);

    struct trie_leaf *leaf = as_leaf(link);
    if (count_of(leaf) < LEAF_MAX || shift >= HASH_BITS)
        return leaf_link(leaf_with(store, leaf, entry, depth));

    /* A branch of its own takes the leaf's place: at first both links lead to it, uncut. */
    struct trie_leaf *whole = joined(store, leaf, NULL, 0);
    struct trie_branch *branch = new_branch(store, 1);
    branch->links[0] = branch->links[1] = leaf_link(whole);
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
        return as_leaf(link)->node.shape == place.depth;
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
        struct trie_leaf *ours = as_leaf(branch->links[place.pattern]);
        struct trie_leaf *theirs = as_leaf(branch->links[buddy.pattern]);
        if (!is_uniform(branch, buddy) || count_of(ours) + count_of(theirs) > LEAF_MERGED_MAX)
            break;
        place.depth--;
        place.pattern &= (1U << place.depth) - 1;
        set_links(branch, place, leaf_link(joined(store, ours, theirs, place.depth)));
    }
    if (place.depth > 0)
        return branch_link(narrowed(store, branch));

    struct trie_link link = branch->links[0];
    node_store_discard(store, branch);
    return link;
}

/* `depth`: what a leaf must know that takes the place of the branch. */
static struct trie_link remove_below(struct node_store *store, struct trie_link link,
                                     unsigned shift, struct entry entry, unsigned depth)
{
    if (!is_branch(link))
        return leaf_link(leaf_without(store, as_leaf(link), entry));

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
        as_leaf(result)->node.shape = (uint8_t)depth;
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
                                      unsigned shift, struct entry old, struct entry new)
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

    struct trie_leaf *leaf = as_leaf(link);
    if (!node_store_owns(store, &leaf->node)) {
        struct trie_leaf *copy = new_leaf(store, leaf->node.count, leaf->node.shape);
        copy_entries(copy, 0, leaf, 0, leaf->node.count);
        node_store_discard(store, leaf);
        leaf = copy;
    }
    set_entry(leaf, entry_index(leaf, old), new);
    return leaf_link(leaf);
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
        const struct trie_leaf *leaf = as_leaf(link);
        for (size_t i = 0; i < count_of(leaf); i++)
            visit(context, trie_address(leaf->words[i]));
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
        node_store_discard(store, as_leaf(link));
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
