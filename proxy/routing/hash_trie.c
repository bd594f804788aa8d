#include "proxy/routing/hash_trie.h"

#include <assert.h>
#include <string.h>

/* What the low bits of a link say. */
enum {
    LEAF = 0,
    SPARSE = 1, /* a branch whose bits say which children there are */
    FULL = 2,   /* a branch with all children: no need to look at its bits */
    KIND_MASK = 3,
};

enum {
    LEVEL_BITS = 6,
    LAST_SHIFT = 60, /* below it the hash is used up: leaves grow as they must */
    LEAF_MAX = 8,
    LEAF_MERGED_MAX = 4, /* a branch with no more than so many entries becomes a leaf again */
};

/* A pointer to a leaf or branch, with its kind; 0: none. */
struct link {
    uintptr_t word;
};

struct branch {
    struct node node; /* count: of children */
    uint64_t present; /* a bit for each child that is there */
    struct link children[];
};

/* Spelled out because the baseline x86-64 has no instruction for it, and the library's function
 * looks bytes up in a table. */
static inline unsigned count_bits(uint64_t bits)
{
    bits -= bits >> 1 & UINT64_C(0x5555555555555555);
    bits = (bits & UINT64_C(0x3333333333333333)) + (bits >> 2 & UINT64_C(0x3333333333333333));
    bits = (bits + (bits >> 4)) & UINT64_C(0x0f0f0f0f0f0f0f0f);
    return (unsigned)(bits * UINT64_C(0x0101010101010101) >> 56);
}

static inline uint64_t bit_of(uint64_t hash, unsigned shift)
{
    return UINT64_C(1) << (hash >> shift & ((1 << LEVEL_BITS) - 1));
}

static inline unsigned child_index(const struct branch *branch, uint64_t bit)
{
    return count_bits(branch->present & (bit - 1));
}

static inline bool is_leaf(struct link link)
{
    return (link.word & KIND_MASK) == LEAF;
}

static inline struct trie_leaf *as_leaf(struct link link)
{
    return (struct trie_leaf *)link.word; // NOLINT: the word is a pointer
}

static inline struct branch *as_branch(struct link link)
{
    return (struct branch *)(link.word & ~(uintptr_t)KIND_MASK); // NOLINT
}

static struct link leaf_link(struct trie_leaf *leaf)
{
    return (struct link){(uintptr_t)leaf + LEAF};
}

static struct link branch_link(struct branch *branch)
{
    return (struct link){(uintptr_t)branch + (branch->present == UINT64_MAX ? FULL : SPARSE)};
}

const struct trie_leaf *hash_trie_leaf(struct hash_trie trie, uint64_t hash)
{
    struct link link = {trie.root};
    for (unsigned shift = 0; !is_leaf(link); shift += LEVEL_BITS) {
        const struct branch *branch = as_branch(link);
        unsigned index = hash >> shift & ((1 << LEVEL_BITS) - 1);
        if ((link.word & KIND_MASK) == SPARSE) {
            uint64_t bit = UINT64_C(1) << index;
            if ((branch->present & bit) == 0)
                return NULL;
            index = child_index(branch, bit);
        }
        link = branch->children[index];
    }
    return as_leaf(link);
}

/* --- making nodes --------------------------------------------------------------------------- */

static struct trie_leaf *new_leaf(struct node_store *store, size_t count)
{
    return node_store_allocate(store, sizeof(struct trie_leaf) + count * sizeof(struct trie_entry),
                               LEAF, count);
}

static struct branch *new_branch(struct node_store *store, uint64_t present)
{
    size_t count = count_bits(present);
    struct branch *branch =
        node_store_allocate(store, sizeof(struct branch) + count * sizeof(struct link), 0, count);
    branch->present = present;
    return branch;
}

static struct link leaf_with(struct node_store *store, struct trie_leaf *leaf,
                             struct trie_entry entry)
{
    size_t count = leaf == NULL ? 0 : leaf->node.count;
    struct trie_leaf *longer = new_leaf(store, count + 1);
    if (count > 0)
        memcpy(longer->entries, leaf->entries, count * sizeof(entry));
    longer->entries[count] = entry;
    node_store_discard(store, leaf);
    return leaf_link(longer);
}

/* A branch with one more child. */
static struct link branch_with(struct node_store *store, struct branch *branch, uint64_t bit,
                               struct link child)
{
    struct branch *wider = new_branch(store, branch->present | bit);
    unsigned index = child_index(branch, bit);
    memcpy(wider->children, branch->children, index * sizeof(child));
    wider->children[index] = child;
    memcpy(wider->children + index + 1, branch->children + index,
           (branch->node.count - index) * sizeof(child));
    node_store_discard(store, branch);
    return branch_link(wider);
}

/* The branch itself when it may be changed, else a copy in its place. */
static struct branch *own_branch(struct node_store *store, struct branch *branch)
{
    if (node_store_owns(store, &branch->node))
        return branch;
    struct branch *copy = new_branch(store, branch->present);
    memcpy(copy->children, branch->children, branch->node.count * sizeof(copy->children[0]));
    node_store_discard(store, branch);
    return copy;
}

/* --- adding --------------------------------------------------------------------------------- */

static struct link add_below(struct node_store *store, struct link link, unsigned shift,
                             struct trie_entry entry);

static struct link split(struct node_store *store, struct trie_leaf *leaf, unsigned shift)
{
    struct link link = branch_link(new_branch(store, 0));
    for (size_t i = 0; i < leaf->node.count; i++)
        link = add_below(store, link, shift, leaf->entries[i]);
    node_store_discard(store, leaf);
    return link;
}

static struct link add_below(struct node_store *store, struct link link, unsigned shift,
                             struct trie_entry entry)
{
    if (is_leaf(link)) {
        struct trie_leaf *leaf = as_leaf(link);
        if (leaf == NULL || leaf->node.count < LEAF_MAX || shift >= LAST_SHIFT)
            return leaf_with(store, leaf, entry);
        link = split(store, leaf, shift);
    }

    struct branch *branch = as_branch(link);
    uint64_t bit = bit_of(entry.hash, shift);
    if ((branch->present & bit) == 0)
        return branch_with(store, branch, bit, leaf_with(store, NULL, entry));

    branch = own_branch(store, branch);
    struct link *child = &branch->children[child_index(branch, bit)];
    *child = add_below(store, *child, shift + LEVEL_BITS, entry);
    return branch_link(branch);
}

void hash_trie_add(struct hash_trie *trie, struct node_store *store, uint64_t hash, void *value)
{
    struct link root = {trie->root};
    trie->root = add_below(store, root, 0, (struct trie_entry){.hash = hash, .value = value}).word;
}

/* --- removing ------------------------------------------------------------------------------- */

static size_t entry_index(const struct trie_leaf *leaf, uint64_t hash, const void *value)
{
    size_t i = 0;
    while (leaf->entries[i].hash != hash || leaf->entries[i].value != value) {
        i++;
        assert(i < leaf->node.count);
    }
    return i;
}

static struct link leaf_without(struct node_store *store, struct trie_leaf *leaf, uint64_t hash,
                                const void *value)
{
    size_t index = entry_index(leaf, hash, value);
    size_t left = (size_t)leaf->node.count - 1;
    struct trie_leaf *shorter = NULL;
    if (left > 0) {
        shorter = new_leaf(store, left);
        memcpy(shorter->entries, leaf->entries, index * sizeof(leaf->entries[0]));
        memcpy(shorter->entries + index, leaf->entries + index + 1,
               (left - index) * sizeof(leaf->entries[0]));
    }
    node_store_discard(store, leaf);
    return leaf_link(shorter);
}

/* A branch without one of its children, of which there are more. */
static struct branch *branch_without(struct node_store *store, struct branch *branch, uint64_t bit)
{
    unsigned index = child_index(branch, bit);
    struct branch *narrower = new_branch(store, branch->present & ~bit);
    memcpy(narrower->children, branch->children, index * sizeof(narrower->children[0]));
    memcpy(narrower->children + index, branch->children + index + 1,
           (narrower->node.count - index) * sizeof(narrower->children[0]));
    node_store_discard(store, branch);
    return narrower;
}

/* A branch over nothing but a few entries becomes one leaf. */
static struct link merged(struct node_store *store, struct branch *branch)
{
    size_t count = 0;
    if (branch->node.count > LEAF_MERGED_MAX)
        return branch_link(branch);
    for (size_t i = 0; i < branch->node.count; i++) {
        if (!is_leaf(branch->children[i]))
            return branch_link(branch);
        count += as_leaf(branch->children[i])->node.count;
    }
    if (count > LEAF_MERGED_MAX)
        return branch_link(branch);

    struct trie_leaf *leaf = new_leaf(store, count);
    count = 0;
    for (size_t i = 0; i < branch->node.count; i++) {
        struct trie_leaf *child = as_leaf(branch->children[i]);
        memcpy(leaf->entries + count, child->entries,
               child->node.count * sizeof(child->entries[0]));
        count += child->node.count;
        node_store_discard(store, child);
    }
    node_store_discard(store, branch);
    return leaf_link(leaf);
}

static struct link remove_below(struct node_store *store, struct link link, unsigned shift,
                                uint64_t hash, const void *value)
{
    if (is_leaf(link))
        return leaf_without(store, as_leaf(link), hash, value);

    struct branch *branch = as_branch(link);
    uint64_t bit = bit_of(hash, shift);
    assert((branch->present & bit) != 0);
    unsigned index = child_index(branch, bit);
    struct link child =
        remove_below(store, branch->children[index], shift + LEVEL_BITS, hash, value);
    if (child.word == 0 && branch->present == bit) {
        node_store_discard(store, branch);
        return child;
    }
    if (child.word == 0)
        return merged(store, branch_without(store, branch, bit));

    branch = own_branch(store, branch);
    branch->children[index] = child;
    return merged(store, branch);
}

void hash_trie_remove(struct hash_trie *trie, struct node_store *store, uint64_t hash,
                      const void *value)
{
    assert(trie->root != 0);
    trie->root = remove_below(store, (struct link){trie->root}, 0, hash, value).word;
}

/* --- replacing ------------------------------------------------------------------------------ */

static struct link replace_below(struct node_store *store, struct link link, unsigned shift,
                                 const void *old_value, struct trie_entry entry)
{
    if (!is_leaf(link)) {
        struct branch *branch = own_branch(store, as_branch(link));
        struct link *child = &branch->children[child_index(branch, bit_of(entry.hash, shift))];
        *child = replace_below(store, *child, shift + LEVEL_BITS, old_value, entry);
        return branch_link(branch);
    }

    struct trie_leaf *leaf = as_leaf(link);
    if (!node_store_owns(store, &leaf->node)) {
        struct trie_leaf *copy = new_leaf(store, leaf->node.count);
        memcpy(copy->entries, leaf->entries, leaf->node.count * sizeof(leaf->entries[0]));
        node_store_discard(store, leaf);
        leaf = copy;
    }
    leaf->entries[entry_index(leaf, entry.hash, old_value)] = entry;
    return leaf_link(leaf);
}

void hash_trie_replace(struct hash_trie *trie, struct node_store *store, uint64_t hash,
                       const void *old_value, void *new_value)
{
    struct link root = {trie->root};
    struct trie_entry entry = {.hash = hash, .value = new_value};
    trie->root = replace_below(store, root, 0, old_value, entry).word;
}

/* --- the whole ------------------------------------------------------------------------------ */

static void each_below(struct link link, void (*visit)(void *context, void *value), void *context)
{
    if (is_leaf(link)) {
        const struct trie_leaf *leaf = as_leaf(link);
        for (size_t i = 0; leaf != NULL && i < leaf->node.count; i++)
            visit(context, leaf->entries[i].value);
        return;
    }
    const struct branch *branch = as_branch(link);
    for (size_t i = 0; i < branch->node.count; i++)
        each_below(branch->children[i], visit, context);
}

void hash_trie_each(struct hash_trie trie, void (*visit)(void *context, void *value), void *context)
{
    each_below((struct link){trie.root}, visit, context);
}

static void discard_below(struct node_store *store, struct link link)
{
    if (is_leaf(link)) {
        node_store_discard(store, as_leaf(link));
        return;
    }
    struct branch *branch = as_branch(link);
    for (size_t i = 0; i < branch->node.count; i++)
        discard_below(store, branch->children[i]);
    node_store_discard(store, branch);
}

void hash_trie_discard(struct hash_trie *trie, struct node_store *store)
{
    discard_below(store, (struct link){trie->root});
    trie->root = 0;
}
