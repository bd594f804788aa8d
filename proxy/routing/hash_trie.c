#include "proxy/routing/hash_trie.h"

#include <assert.h>
#include <string.h>

/* A branch of `bits` bits has 1 << bits links. A leaf of depth d knows the lowest d bits of the
 * index, and every link whose index has them leads to it. When it is full it is cut in two of
 * depth d + 1; when d is all the bits the branch has, the branch doubles first (each half a copy
 * of the other); when the branch is as wide as it may be, a branch of its own takes the leaf's
 * place. This is extendible hashing (Fagin and others, 1979) on each level. A place without
 * entries is 0 whatever its depth.
 *
 * Entries of a leaf are never further from their bucket than they must be: when one goes, those
 * behind it move up. */

enum {
    BUCKET_LOAD = 6,   /* entries for each bucket, at most: few stand in another than their own */
    LEAF_BUCKETS = 62, /* the filters of so many and the node's head are four lines */
    LEAF_MAX = BUCKET_LOAD * LEAF_BUCKETS,
    LEAF_MERGED_MAX = LEAF_MAX / 2, /* two leaves with no more than so many become one */
    HASH_BITS = 32, /* that choose links; when they are used up, leaves grow as they must */
};

struct entry {
    uint64_t hash; /* what is known of it */
    uint64_t word; /* the value with its fingerprint */
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

static inline struct trie_leaf *as_leaf(struct trie_link link)
{
    return (struct trie_leaf *)trie_address(link.word);
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

static struct entry make_entry(uint64_t hash, const void *value)
{
    assert((uintptr_t)value >> TRIE_ADDRESS_BITS == 0);
    return (struct entry){trie_fingerprint(hash) | (uint32_t)hash,
                          (uintptr_t)value | trie_fingerprint(hash)};
}

static size_t count_of(struct trie_link link)
{
    return link.word == 0 ? 0 : as_leaf(link)->node.count;
}

/* --- slots ---------------------------------------------------------------------------------- */

static uint64_t *slots_of(struct trie_link link)
{
    return (uint64_t *)as_leaf(link) + trie_slots_at(trie_bucket_count(link));
}

static size_t slot_count_of(struct trie_link link)
{
    return link.word == 0 ? 0 : trie_bucket_count(link) * TRIE_BUCKET_SLOTS;
}

static uint32_t *low_hashes_of(struct trie_link link)
{
    return (uint32_t *)(slots_of(link) + slot_count_of(link));
}

static struct entry entry_at(struct trie_link link, size_t slot)
{
    uint64_t word = slots_of(link)[slot];
    return (struct entry){trie_fingerprint(word) | low_hashes_of(link)[slot], word};
}

static void set_entry(struct trie_link link, size_t slot, struct entry entry)
{
    slots_of(link)[slot] = entry.word;
    low_hashes_of(link)[slot] = (uint32_t)entry.hash;
}

static bool is_free(struct trie_link link, size_t slot)
{
    return slots_of(link)[slot] == 0;
}

static size_t slot_behind(struct trie_link link, size_t slot)
{
    return slot + 1 == slot_count_of(link) ? 0 : slot + 1;
}

/* Where the bucket of a hash begins. */
static size_t first_slot(struct trie_link link, uint64_t hash)
{
    return trie_bucket(hash, trie_bucket_count(link)) * TRIE_BUCKET_SLOTS;
}

static size_t slots_between(struct trie_link link, size_t from, size_t to)
{
    return to >= from ? to - from : to + slot_count_of(link) - from;
}

/* The slot of this entry, which is there. */
static size_t slot_of(struct trie_link link, struct entry entry)
{
    size_t slot = first_slot(link, entry.hash);
    for (;;) {
        struct entry other = entry_at(link, slot);
        assert(other.word != 0);
        if (other.word == entry.word && other.hash == entry.hash)
            return slot;
        slot = slot_behind(link, slot);
    }
}

static uint32_t low_hash_at(const struct trie_spot *spot, size_t slot)
{
    return ((const uint32_t *)(spot->slots + spot->slot_count))[slot % spot->slot_count];
}

void *hash_trie_find(struct hash_trie trie, uint64_t hash)
{
    struct trie_spot spot = hash_trie_spot(trie, hash);
    size_t at = 0;
    void *value = trie_spot_next(&spot, hash, &at);
    while (value != NULL && low_hash_at(&spot, spot.first_slot + at - 1) != (uint32_t)hash)
        value = trie_spot_next(&spot, hash, &at);
    return value;
}

/* --- leaves --------------------------------------------------------------------------------- */

static size_t buckets_for(size_t entry_count)
{
    return (entry_count + BUCKET_LOAD - 1) / BUCKET_LOAD;
}

/* What comes up to the slots, and with them. */
static size_t bytes_to_slots(size_t buckets)
{
    return trie_slots_at(buckets) * sizeof(uint64_t);
}

static size_t bytes_with_slots(size_t buckets)
{
    return bytes_to_slots(buckets) + buckets * TRIE_LINE_BYTES;
}

/* Whole lines, so that they are aligned to lines. */
static size_t leaf_bytes(size_t buckets)
{
    size_t bytes = bytes_with_slots(buckets) + buckets * TRIE_BUCKET_SLOTS * sizeof(uint32_t);
    return (bytes + TRIE_LINE_BYTES - 1) / TRIE_LINE_BYTES * TRIE_LINE_BYTES;
}

static struct trie_link new_leaf(struct node_store *store, size_t buckets, unsigned depth)
{
    struct trie_leaf *leaf = node_store_allocate(store, leaf_bytes(buckets), depth, 0);
    memset(leaf->filters, 0, bytes_with_slots(buckets) - sizeof(*leaf));
    uint64_t mark = TRIE_LEAF_MARK | buckets;
    return (struct trie_link){(uintptr_t)leaf | mark << TRIE_ADDRESS_BITS};
}

static void leaf_add(struct trie_link link, struct entry entry)
{
    struct trie_leaf *leaf = as_leaf(link);
    size_t slot = first_slot(link, entry.hash);
    leaf->filters[slot / TRIE_BUCKET_SLOTS] |= trie_marks(entry.hash);
    while (!is_free(link, slot))
        slot = slot_behind(link, slot);
    set_entry(link, slot, entry);
    leaf->node.count++;
}

static void leaf_add_all(struct trie_link link, struct trie_link from)
{
    for (size_t i = 0; i < slot_count_of(from); i++) {
        if (!is_free(from, i))
            leaf_add(link, entry_at(from, i));
    }
}

static void discard_leaf(struct node_store *store, struct trie_link link)
{
    node_store_discard(store, as_leaf(link));
}

/* The leaf itself when it may be changed, else a copy in its place. */
static struct trie_link own_leaf(struct node_store *store, struct trie_link link)
{
    struct trie_leaf *leaf = as_leaf(link);
    if (node_store_owns(store, &leaf->node))
        return link;
    size_t bytes = leaf_bytes(trie_bucket_count(link));
    struct trie_leaf *copy = node_store_allocate(store, bytes, leaf->node.shape, leaf->node.count);
    memcpy(copy->filters, leaf->filters, bytes - sizeof(*leaf));
    discard_leaf(store, link);
    return (struct trie_link){(link.word - (uintptr_t)leaf) + (uintptr_t)copy};
}

/* The entries of a leaf, which goes, in one of so many buckets. */
static struct trie_link resized(struct node_store *store, struct trie_link link, size_t buckets,
                                unsigned depth)
{
    struct trie_link other = new_leaf(store, buckets, depth);
    leaf_add_all(other, link);
    discard_leaf(store, link);
    return other;
}

static struct trie_link leaf_with(struct node_store *store, struct trie_link link,
                                  struct entry entry, unsigned depth)
{
    size_t needed = buckets_for(count_of(link) + 1);
    if (link.word == 0 || needed > trie_bucket_count(link))
        link = resized(store, link, needed + needed / 8, depth);
    else
        link = own_leaf(store, link);
    leaf_add(link, entry);
    return link;
}

/* What stands behind a slot that has become free moves up, as far as its bucket allows. */
static void close_gap(struct trie_link link, size_t gap)
{
    for (size_t i = slot_behind(link, gap); !is_free(link, i); i = slot_behind(link, i)) {
        struct entry entry = entry_at(link, i);
        size_t from = first_slot(link, entry.hash);
        if (slots_between(link, from, i) < slots_between(link, gap, i))
            continue;
        set_entry(link, gap, entry);
        gap = i;
    }
    slots_of(link)[gap] = 0;
}

static void renew_filter(struct trie_link link, size_t bucket)
{
    uint32_t filter = 0;
    size_t first = bucket * TRIE_BUCKET_SLOTS;
    for (size_t i = first; !is_free(link, i); i = slot_behind(link, i)) {
        struct entry entry = entry_at(link, i);
        if (first_slot(link, entry.hash) == first)
            filter |= trie_marks(entry.hash);
    }
    as_leaf(link)->filters[bucket] = filter;
}

/* Empty when that was the last one. */
static struct trie_link leaf_without(struct node_store *store, struct trie_link link,
                                     struct entry entry)
{
    if (count_of(link) == 1) {
        discard_leaf(store, link);
        return (struct trie_link){0};
    }
    link = own_leaf(store, link);
    close_gap(link, slot_of(link, entry));
    renew_filter(link, first_slot(link, entry.hash) / TRIE_BUCKET_SLOTS);
    struct trie_leaf *leaf = as_leaf(link);
    leaf->node.count--;
    size_t needed = buckets_for(leaf->node.count);
    if (trie_bucket_count(link) > 2 * needed)
        return resized(store, link, needed, leaf->node.shape);
    return link;
}

static bool has_bit(struct trie_link link, size_t slot, unsigned shift, bool bit)
{
    return !is_free(link, slot) && (entry_at(link, slot).hash >> shift & 1) == bit;
}

/* The entries of a leaf that have this bit of their hash, one deeper; empty: none. */
static struct trie_link half_of(struct node_store *store, struct trie_link link, unsigned shift,
                                bool bit)
{
    size_t count = 0;
    for (size_t i = 0; i < slot_count_of(link); i++)
        count += has_bit(link, i, shift, bit);
    if (count == 0)
        return (struct trie_link){0};

    struct trie_link half = new_leaf(store, buckets_for(count), as_leaf(link)->node.shape + 1U);
    for (size_t i = 0; i < slot_count_of(link); i++) {
        if (has_bit(link, i, shift, bit))
            leaf_add(half, entry_at(link, i));
    }
    return half;
}

/* One leaf of the entries of both, either of which may be empty, for this depth. */
static struct trie_link joined(struct node_store *store, struct trie_link a, struct trie_link b,
                               unsigned depth)
{
    size_t count = count_of(a) + count_of(b);
    if (count == 0)
        return (struct trie_link){0};
    struct trie_link both = new_leaf(store, buckets_for(count), depth);
    leaf_add_all(both, a);
    leaf_add_all(both, b);
    discard_leaf(store, a);
    discard_leaf(store, b);
    return both;
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
    struct trie_link leaf = branch->links[place.pattern];
    struct place low = {place.pattern, place.depth + 1};
    struct place high = {place.pattern | 1U << place.depth, place.depth + 1};
    set_links(branch, low, half_of(store, leaf, shift + place.depth, false));
    set_links(branch, high, half_of(store, leaf, shift + place.depth, true));
    discard_leaf(store, leaf);
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
        bool is_full = !is_branch(link) && count_of(link) >= LEAF_MAX;
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

    if (count_of(link) < LEAF_MAX || shift >= HASH_BITS)
        return leaf_with(store, link, entry, depth);

    /* A branch of its own takes the leaf's place: at first both links lead to it, uncut. */
    struct trie_link whole = own_leaf(store, link);
    as_leaf(whole)->node.shape = 0;
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
        struct trie_link ours = branch->links[place.pattern];
        struct trie_link theirs = branch->links[buddy.pattern];
        if (!is_uniform(branch, buddy) || count_of(ours) + count_of(theirs) > LEAF_MERGED_MAX)
            break;
        place.depth--;
        place.pattern &= (1U << place.depth) - 1;
        set_links(branch, place, joined(store, ours, theirs, place.depth));
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
        return leaf_without(store, link, entry);

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

    link = own_leaf(store, link);
    set_entry(link, slot_of(link, old), new);
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
        for (size_t i = 0; i < slot_count_of(link); i++) {
            if (!is_free(link, i))
                visit(context, trie_address(slots_of(link)[i]));
        }
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
        discard_leaf(store, link);
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
