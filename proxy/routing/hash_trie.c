#include "proxy/routing/hash_trie.h"

#include <assert.h>
#include <string.h>

enum {
    LEAF,
    BRANCH,
};

enum {
    LEVEL_BITS = 6,
    LAST_SHIFT = 60, /* below it the hash is used up: leaves grow as they must */
    LEAF_MAX = 8,
    LEAF_MERGED_MAX = 4, /* a branch with no more than so many entries becomes a leaf again */
};

struct branch {
    struct node node; /* count: of children */
    uint64_t present; /* a bit for each child that is there */
    struct node *children[];
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

const struct trie_leaf *hash_trie_leaf(struct hash_trie trie, uint64_t hash)
{
    const struct node *node = trie.root;
    for (unsigned shift = 0; node != NULL && node->kind == BRANCH; shift += LEVEL_BITS) {
        const struct branch *branch = (const struct branch *)node;
        uint64_t bit = bit_of(hash, shift);
        if ((branch->present & bit) == 0)
            return NULL;
        node = branch->children[child_index(branch, bit)];
    }
    return (const struct trie_leaf *)node;
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
    struct branch *branch = node_store_allocate(
        store, sizeof(struct branch) + count * sizeof(struct node *), BRANCH, count);
    branch->present = present;
    return branch;
}

static struct node *leaf_with(struct node_store *store, struct trie_leaf *leaf,
                              struct trie_entry entry)
{
    size_t count = leaf == NULL ? 0 : leaf->node.count;
    struct trie_leaf *longer = new_leaf(store, count + 1);
    if (count > 0)
        memcpy(longer->entries, leaf->entries, count * sizeof(entry));
    longer->entries[count] = entry;
    node_store_discard(store, leaf);
    return &longer->node;
}

/* A branch with one more child. */
static struct node *branch_with(struct node_store *store, struct branch *branch, uint64_t bit,
                                struct node *child)
{
    struct branch *wider = new_branch(store, branch->present | bit);
    unsigned index = child_index(branch, bit);
    memcpy(wider->children, branch->children, index * sizeof(child));
    wider->children[index] = child;
    memcpy(wider->children + index + 1, branch->children + index,
           (branch->node.count - index) * sizeof(child));
    node_store_discard(store, branch);
    return &wider->node;
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

static struct node *add_below(struct node_store *store, struct node *node, unsigned shift,
                              struct trie_entry entry);

static struct node *split(struct node_store *store, struct trie_leaf *leaf, unsigned shift)
{
    struct node *node = &new_branch(store, 0)->node;
    for (size_t i = 0; i < leaf->node.count; i++)
        node = add_below(store, node, shift, leaf->entries[i]);
    node_store_discard(store, leaf);
    return node;
}

static struct node *add_below(struct node_store *store, struct node *node, unsigned shift,
                              struct trie_entry entry)
{
    if (node == NULL)
        return leaf_with(store, NULL, entry);
    if (node->kind == LEAF) {
        if (node->count < LEAF_MAX || shift >= LAST_SHIFT)
            return leaf_with(store, (struct trie_leaf *)node, entry);
        node = split(store, (struct trie_leaf *)node, shift);
    }

    struct branch *branch = (struct branch *)node;
    uint64_t bit = bit_of(entry.hash, shift);
    if ((branch->present & bit) == 0)
        return branch_with(store, branch, bit, leaf_with(store, NULL, entry));

    branch = own_branch(store, branch);
    struct node **child = &branch->children[child_index(branch, bit)];
    *child = add_below(store, *child, shift + LEVEL_BITS, entry);
    return &branch->node;
}

void hash_trie_add(struct hash_trie *trie, struct node_store *store, uint64_t hash, void *value)
{
    trie->root = add_below(store, trie->root, 0, (struct trie_entry){.hash = hash, .value = value});
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

static struct node *leaf_without(struct node_store *store, struct trie_leaf *leaf, uint64_t hash,
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
    return shorter == NULL ? NULL : &shorter->node;
}

static struct node *branch_without(struct node_store *store, struct branch *branch, uint64_t bit)
{
    struct branch *narrower = NULL;
    if (branch->present != bit) {
        unsigned index = child_index(branch, bit);
        narrower = new_branch(store, branch->present & ~bit);
        memcpy(narrower->children, branch->children, index * sizeof(narrower->children[0]));
        memcpy(narrower->children + index, branch->children + index + 1,
               (narrower->node.count - index) * sizeof(narrower->children[0]));
    }
    node_store_discard(store, branch);
    return narrower == NULL ? NULL : &narrower->node;
}

/* A branch over nothing but a few entries becomes one leaf. */
static struct node *merged(struct node_store *store, struct branch *branch)
{
    size_t count = 0;
    if (branch->node.count > LEAF_MERGED_MAX)
        return &branch->node;
    for (size_t i = 0; i < branch->node.count; i++) {
        if (branch->children[i]->kind == BRANCH)
            return &branch->node;
        count += branch->children[i]->count;
    }
    if (count > LEAF_MERGED_MAX)
        return &branch->node;

    struct trie_leaf *leaf = new_leaf(store, count);
    count = 0;
    for (size_t i = 0; i < branch->node.count; i++) {
        struct trie_leaf *child = (struct trie_leaf *)branch->children[i];
        memcpy(leaf->entries + count, child->entries,
               child->node.count * sizeof(child->entries[0]));
        count += child->node.count;
        node_store_discard(store, child);
    }
    node_store_discard(store, branch);
    return &leaf->node;
}

static struct node *remove_below(struct node_store *store, struct node *node, unsigned shift,
                                 uint64_t hash, const void *value)
{
    assert(node != NULL);
    if (node->kind == LEAF)
        return leaf_without(store, (struct trie_leaf *)node, hash, value);

    struct branch *branch = (struct branch *)node;
    uint64_t bit = bit_of(hash, shift);
    assert((branch->present & bit) != 0);
    unsigned index = child_index(branch, bit);
    struct node *child =
        remove_below(store, branch->children[index], shift + LEVEL_BITS, hash, value);
    if (child == NULL) {
        node = branch_without(store, branch, bit);
        return node == NULL ? NULL : merged(store, (struct branch *)node);
    }

    branch = own_branch(store, branch);
    branch->children[index] = child;
    return merged(store, branch);
}

void hash_trie_remove(struct hash_trie *trie, struct node_store *store, uint64_t hash,
                      const void *value)
{
    trie->root = remove_below(store, trie->root, 0, hash, value);
}

/* --- replacing ------------------------------------------------------------------------------ */

void hash_trie_replace(struct hash_trie *trie, struct node_store *store, uint64_t hash,
                       const void *old_value, void *new_value)
{
    struct node **place = &trie->root;
    for (unsigned shift = 0; (*place)->kind == BRANCH; shift += LEVEL_BITS) {
        struct branch *branch = own_branch(store, (struct branch *)*place);
        *place = &branch->node;
        place = &branch->children[child_index(branch, bit_of(hash, shift))];
    }

    struct trie_leaf *leaf = (struct trie_leaf *)*place;
    if (!node_store_owns(store, &leaf->node)) {
        struct trie_leaf *copy = new_leaf(store, leaf->node.count);
        memcpy(copy->entries, leaf->entries, leaf->node.count * sizeof(leaf->entries[0]));
        node_store_discard(store, leaf);
        *place = &copy->node;
        leaf = copy;
    }
    leaf->entries[entry_index(leaf, hash, old_value)].value = new_value;
}

/* --- the whole ------------------------------------------------------------------------------ */

static void each_below(const struct node *node, void (*visit)(void *context, void *value),
                       void *context)
{
    if (node == NULL)
        return;
    if (node->kind == LEAF) {
        const struct trie_leaf *leaf = (const struct trie_leaf *)node;
        for (size_t i = 0; i < node->count; i++)
            visit(context, leaf->entries[i].value);
        return;
    }
    const struct branch *branch = (const struct branch *)node;
    for (size_t i = 0; i < node->count; i++)
        each_below(branch->children[i], visit, context);
}

void hash_trie_each(struct hash_trie trie, void (*visit)(void *context, void *value), void *context)
{
    each_below(trie.root, visit, context);
}

static void discard_below(struct node_store *store, struct node *node)
{
    if (node == NULL)
        return;
    if (node->kind == BRANCH) {
        struct branch *branch = (struct branch *)node;
        for (size_t i = 0; i < node->count; i++)
            discard_below(store, branch->children[i]);
    }
    node_store_discard(store, node);
}

void hash_trie_discard(struct hash_trie *trie, struct node_store *store)
{
    discard_below(store, trie->root);
    trie->root = NULL;
}
