#include "proxy/routing/hash_trie_leaf.h"

#include <assert.h>
#include <string.h>

/* Entries of a leaf are never further from their bucket than they must be: when one goes, those
 * behind it move up. */

/* Entries for each bucket, at most: few stand in another than their own. */
enum { BUCKET_LOAD = TRIE_LEAF_MAX / TRIE_LEAF_BUCKETS };

size_t trie_leaf_count(struct trie_link link)
{
    return link.word == 0 ? 0 : trie_as_leaf(link)->node.count;
}

/* --- slots ---------------------------------------------------------------------------------- */

static uint64_t *slots_of(struct trie_link link)
{
    return (uint64_t *)trie_as_leaf(link) + trie_slots_at(trie_bucket_count(link));
}

static size_t slot_count_of(struct trie_link link)
{
    return link.word == 0 ? 0 : trie_bucket_count(link) * TRIE_BUCKET_SLOTS;
}

static uint32_t *low_hashes_of(struct trie_link link)
{
    return (uint32_t *)(slots_of(link) + slot_count_of(link));
}

static struct trie_entry entry_at(struct trie_link link, size_t slot)
{
    uint64_t word = slots_of(link)[slot];
    return (struct trie_entry){trie_fingerprint(word) | low_hashes_of(link)[slot], word};
}

static void set_entry(struct trie_link link, size_t slot, struct trie_entry entry)
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
static size_t slot_of(struct trie_link link, struct trie_entry entry)
{
    size_t slot = first_slot(link, entry.hash);
    for (;;) {
        struct trie_entry other = entry_at(link, slot);
        assert(other.word != 0);
        if (other.word == entry.word && other.hash == entry.hash)
            return slot;
        slot = slot_behind(link, slot);
    }
}

void *hash_trie_find(struct hash_trie trie, uint64_t hash)
{
    struct trie_spot spot;
    hash_trie_spot(trie, hash, &spot);
    if (!trie_spot_may_hold(&spot, hash))
        return NULL;
    const uint32_t *low_hashes = (const uint32_t *)spot.end;
    for (const uint64_t *slot = spot.bucket; *slot != 0;) {
        if (trie_fingerprint(*slot ^ hash) == 0 && low_hashes[slot - spot.slots] == (uint32_t)hash)
            return trie_address(*slot);
        if (++slot == spot.end)
            slot = spot.slots;
    }
    return NULL;
}

/* --- a leaf --------------------------------------------------------------------------------- */

static size_t buckets_for(size_t entry_count)
{
    return divide_up(entry_count, BUCKET_LOAD);
}

/* What comes up to the end of the slots. */
static size_t bytes_with_slots(size_t buckets)
{
    return trie_slots_at(buckets) * sizeof(uint64_t) + buckets * CACHE_LINE_BYTES;
}

/* Whole lines, so that they are aligned to lines. */
static size_t leaf_bytes(size_t buckets)
{
    size_t bytes = bytes_with_slots(buckets) + buckets * TRIE_BUCKET_SLOTS * sizeof(uint32_t);
    return round_up(bytes, CACHE_LINE_BYTES);
}

static struct trie_link new_leaf(struct node_store *store, size_t buckets, unsigned depth)
{
    struct trie_leaf *leaf = node_store_allocate(store, leaf_bytes(buckets), depth, 0);
    memset(leaf->filters, 0, bytes_with_slots(buckets) - sizeof(*leaf));
    uint64_t mark = TRIE_LEAF_MARK | buckets;
    return (struct trie_link){(uintptr_t)leaf | mark << TRIE_ADDRESS_BITS};
}

static void leaf_add(struct trie_link link, struct trie_entry entry)
{
    struct trie_leaf *leaf = trie_as_leaf(link);
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

void trie_leaf_discard(struct node_store *store, struct trie_link link)
{
    node_store_discard(store, trie_as_leaf(link));
}

struct trie_link trie_leaf_own(struct node_store *store, struct trie_link link)
{
    struct trie_leaf *leaf = trie_as_leaf(link);
    if (node_store_owns(store, &leaf->node))
        return link;
    size_t bytes = leaf_bytes(trie_bucket_count(link));
    struct trie_leaf *copy = node_store_allocate(store, bytes, leaf->node.shape, leaf->node.count);
    memcpy(copy->filters, leaf->filters, bytes - sizeof(*leaf));
    trie_leaf_discard(store, link);
    return (struct trie_link){(link.word - (uintptr_t)leaf) + (uintptr_t)copy};
}

/* The entries of a leaf, which goes, in one of so many buckets. */
static struct trie_link resized(struct node_store *store, struct trie_link link, size_t buckets,
                                unsigned depth)
{
    struct trie_link other = new_leaf(store, buckets, depth);
    leaf_add_all(other, link);
    trie_leaf_discard(store, link);
    return other;
}

struct trie_link trie_leaf_with(struct node_store *store, struct trie_link link,
                                struct trie_entry entry, unsigned depth)
{
    size_t needed = buckets_for(trie_leaf_count(link) + 1);
    if (link.word == 0 || needed > trie_bucket_count(link))
        link = resized(store, link, needed + needed / 8, depth);
    else
        link = trie_leaf_own(store, link);
    leaf_add(link, entry);
    return link;
}

/* What stands behind a slot that has become free moves up, as far as its bucket allows. */
static void close_gap(struct trie_link link, size_t gap)
{
    for (size_t i = slot_behind(link, gap); !is_free(link, i); i = slot_behind(link, i)) {
        struct trie_entry entry = entry_at(link, i);
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
        struct trie_entry entry = entry_at(link, i);
        if (first_slot(link, entry.hash) == first)
            filter |= trie_marks(entry.hash);
    }
    trie_as_leaf(link)->filters[bucket] = filter;
}

struct trie_link trie_leaf_without(struct node_store *store, struct trie_link link,
                                   struct trie_entry entry)
{
    if (trie_leaf_count(link) == 1) {
        trie_leaf_discard(store, link);
        return (struct trie_link){0};
    }
    link = trie_leaf_own(store, link);
    close_gap(link, slot_of(link, entry));
    renew_filter(link, first_slot(link, entry.hash) / TRIE_BUCKET_SLOTS);
    struct trie_leaf *leaf = trie_as_leaf(link);
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

struct trie_link trie_leaf_half(struct node_store *store, struct trie_link link, unsigned shift,
                                bool bit)
{
    size_t count = 0;
    for (size_t i = 0; i < slot_count_of(link); i++)
        count += has_bit(link, i, shift, bit);
    if (count == 0)
        return (struct trie_link){0};

    struct trie_link half =
        new_leaf(store, buckets_for(count), trie_as_leaf(link)->node.shape + 1U);
    for (size_t i = 0; i < slot_count_of(link); i++) {
        if (has_bit(link, i, shift, bit))
            leaf_add(half, entry_at(link, i));
    }
    return half;
}

struct trie_link trie_leaf_joined(struct node_store *store, struct trie_link a, struct trie_link b,
                                  unsigned depth)
{
    size_t count = trie_leaf_count(a) + trie_leaf_count(b);
    if (count == 0)
        return (struct trie_link){0};
    struct trie_link both = new_leaf(store, buckets_for(count), depth);
    leaf_add_all(both, a);
    leaf_add_all(both, b);
    trie_leaf_discard(store, a);
    trie_leaf_discard(store, b);
    return both;
}

void trie_leaf_replace(struct trie_link link, struct trie_entry old, struct trie_entry new)
{
    set_entry(link, slot_of(link, old), new);
}

void trie_leaf_each(struct trie_link link, void (*visit)(void *context, void *value), void *context)
{
    for (size_t i = 0; i < slot_count_of(link); i++) {
        if (!is_free(link, i))
            visit(context, trie_address(slots_of(link)[i]));
    }
}
