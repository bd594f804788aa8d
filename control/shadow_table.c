#include "control/shadow_table.h"

#include "common/buffer.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum {
    FIRST_BUCKETS = 1024,
    BUCKETS_OF_BLOCK = 1 << 14,
    ENTRIES_OF_BLOCK = 1 << 13,
    NAME_BLOCK_BYTES = 1 << 16,
    LOOKED_AT = 16, /* entries of a bucket, for one that is there already */
};

struct entry {
    uint64_t key;
    uint32_t next; /* the number of an entry; 0: none */
    uint32_t name;
};

/* --- blocks --------------------------------------------------------------------------------- */

static void *add_block(struct block_list *list, size_t bytes)
{
    if (list->count == list->capacity) {
        list->capacity = list->capacity == 0 ? 16 : 2 * list->capacity;
        list->blocks = memory_reallocate(list->blocks, list->capacity * sizeof(list->blocks[0]));
    }
    return list->blocks[list->count++] = memory_allocate_zeroed(1, bytes);
}

static void clear_blocks(struct block_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        free(list->blocks[i]);
    free(list->blocks);
}

/* --- entries -------------------------------------------------------------------------------- */

static uint32_t *bucket_at(const struct shadow_table *table, size_t number)
{
    uint32_t *block = table->buckets.blocks[number / BUCKETS_OF_BLOCK];
    return &block[number % BUCKETS_OF_BLOCK];
}

/* Entries are numbered from 1. */
static struct entry *entry_at(const struct shadow_table *table, uint32_t number)
{
    struct entry *block = table->entries.blocks[(number - 1) / ENTRIES_OF_BLOCK];
    return &block[(number - 1) % ENTRIES_OF_BLOCK];
}

static uint32_t new_entry(struct shadow_table *table)
{
    if (table->entry_count % ENTRIES_OF_BLOCK == 0)
        add_block(&table->entries, ENTRIES_OF_BLOCK * sizeof(struct entry));
    assert(table->entry_count < UINT32_MAX);
    return (uint32_t)++table->entry_count;
}

/* --- names ---------------------------------------------------------------------------------- */

static struct slice name_at(const struct shadow_table *table, uint32_t place)
{
    const char *at =
        (const char *)table->names.blocks[place / NAME_BLOCK_BYTES] + place % NAME_BLOCK_BYTES;
    uint16_t length;
    memcpy(&length, at, sizeof(length));
    return slice_of(at + sizeof(length), length);
}

static uint32_t store_name(struct shadow_table *table, struct slice name)
{
    const uint16_t length = (uint16_t)name.length;
    const size_t bytes = sizeof(length) + name.length;
    const size_t left = table->names.count * NAME_BLOCK_BYTES - table->name_bytes;
    if (left < bytes) {
        table->name_bytes += left;
        add_block(&table->names, NAME_BLOCK_BYTES);
    }
    const size_t place = table->name_bytes;
    char *at = (char *)table->names.blocks[place / NAME_BLOCK_BYTES] + place % NAME_BLOCK_BYTES;
    assert(place < SHADOW_NOT_PLACED && bytes <= NAME_BLOCK_BYTES);
    memcpy(at, &length, sizeof(length));
    memcpy(at + sizeof(length), name.at, name.length);
    table->name_bytes += bytes;
    return (uint32_t)place;
}

/* --- buckets -------------------------------------------------------------------------------- */

/* The smallest power of two that is more than `number`, which is not 0. */
static size_t power_above(size_t number)
{
    return (size_t)1 << (64 - __builtin_clzll(number));
}

/* With 2^n buckets and some, the last n bits of a key count, and one more where there is such a
 * bucket. */
static size_t bucket_of(const struct shadow_table *table, uint64_t key)
{
    size_t all = power_above(table->bucket_count - 1);
    size_t bucket = key & (all - 1);
    return bucket < table->bucket_count ? bucket : bucket & (all / 2 - 1);
}

static void add_bucket(struct shadow_table *table)
{
    if (table->bucket_count % BUCKETS_OF_BLOCK == 0)
        add_block(&table->buckets, BUCKETS_OF_BLOCK * sizeof(uint32_t));
    table->bucket_count++;
}

/* What stands in one bucket comes to stand in two, in the same order. */
static void split_bucket(struct shadow_table *table)
{
    size_t added = table->bucket_count;
    size_t split = added - power_above(added) / 2;
    add_bucket(table);
    uint32_t *ends[2] = {bucket_at(table, split), bucket_at(table, added)};
    uint32_t next;
    for (uint32_t number = *ends[0]; number != 0; number = next) {
        struct entry *entry = entry_at(table, number);
        uint32_t **end = &ends[bucket_of(table, entry->key) == added];
        next = entry->next;
        **end = number;
        *end = &entry->next;
    }
    *ends[0] = 0;
    *ends[1] = 0;
}

static void make_room(struct shadow_table *table)
{
    while (table->bucket_count < FIRST_BUCKETS)
        add_bucket(table);
    if (table->entry_count >= table->bucket_count)
        split_bucket(table);
}

/* --- the table ------------------------------------------------------------------------------ */

/* Of many that ask for the same, the oldest wins, so the first stays the first; and they are not
 * looked through. */
void shadow_table_add(struct shadow_table *table, uint64_t key, struct filed_name *name)
{
    make_room(table);
    uint32_t *place = bucket_at(table, bucket_of(table, key));
    uint32_t number = *place;
    bool has_key = false;
    for (size_t i = 0; number != 0 && i < LOOKED_AT; i++) {
        struct entry *entry = entry_at(table, number);
        number = entry->next;
        if (entry->key != key)
            continue;
        if (entry->name == name->place || slice_equals(name_at(table, entry->name), name->text)) {
            name->place = entry->name;
            return;
        }
        place = has_key ? place : &entry->next;
        has_key = true;
    }
    if (name->place == SHADOW_NOT_PLACED)
        name->place = store_name(table, name->text);
    const struct entry added = {.key = key, .next = *place, .name = name->place};
    *place = new_entry(table);
    *entry_at(table, *place) = added;
}

/* The first entry of a bucket, if there is one. */
static void fetch_entry(const struct shadow_table *table, size_t bucket)
{
    uint32_t number = *bucket_at(table, bucket);
    if (number != 0)
        __builtin_prefetch(entry_at(table, number), 1);
}

/* In a large table each bucket and each entry is far from the others. The buckets that will be
 * split follow each other, their entries do not. */
static void fetch(const struct shadow_table *table, const struct shadow_filing *filings,
                  size_t count)
{
    size_t split = table->bucket_count - power_above(table->bucket_count) / 2;
    for (size_t i = 0; i < count; i++)
        __builtin_prefetch(bucket_at(table, bucket_of(table, filings[i].key)), 1);
    for (size_t i = 0; i < count; i++)
        fetch_entry(table, bucket_of(table, filings[i].key));
    for (size_t i = 0; i < count && split + i < table->bucket_count; i++)
        fetch_entry(table, split + i);
}

void shadow_table_add_all(struct shadow_table *table, const struct shadow_filing *filings,
                          size_t count)
{
    if (table->bucket_count > 0)
        fetch(table, filings, count);
    for (size_t i = 0; i < count; i++)
        shadow_table_add(table, filings[i].key, filings[i].name);
}

bool shadow_table_visit(const struct shadow_table *table, uint64_t key, shadow_visit_fn *visit,
                        void *context)
{
    if (table->bucket_count == 0)
        return true;
    uint32_t number = *bucket_at(table, bucket_of(table, key));
    while (number != 0) {
        const struct entry *entry = entry_at(table, number);
        if (entry->key == key && !visit(context, name_at(table, entry->name)))
            return false;
        number = entry->next;
    }
    return true;
}

void shadow_table_clear(struct shadow_table *table)
{
    clear_blocks(&table->buckets);
    clear_blocks(&table->entries);
    clear_blocks(&table->names);
    *table = (struct shadow_table){0};
}
