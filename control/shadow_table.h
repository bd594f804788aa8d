/* Shadow table: names filed under keys, in little memory.
 *
 * An entry takes 20 bytes with its bucket, in blocks that stay where they are, and a name stands
 * once for all the keys it is filed under in one go. The table grows by one bucket at a time
 * (linear hashing), so nobody waits while it is copied. Nothing is taken out but all of it.
 *
 * Threads: none shared. */
#ifndef CONTROL_SHADOW_TABLE_H
#define CONTROL_SHADOW_TABLE_H

#include "common/slice.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Blocks of one size, found by their number. */
struct block_list {
    void **blocks;
    size_t count;
    size_t capacity;
};

/* Zeroed: empty. */
struct shadow_table {
    struct block_list buckets; /* numbers of entries; 0: none */
    struct block_list entries;
    struct block_list names;
    size_t bucket_count;
    size_t entry_count;
    size_t name_bytes; /* with what was left at the ends of blocks */
};

/* A name that is being filed: where it stands, once it does. */
struct filed_name {
    struct slice text;
    uint32_t place; /* SHADOW_NOT_PLACED: nowhere yet */
};

#define SHADOW_NOT_PLACED UINT32_MAX

/* Files the name, of at most 65,000 bytes, under a key, behind the first that stands there and in
 * front of the others. When it is seen to stand there already, nothing is added. */
void shadow_table_add(struct shadow_table *table, uint64_t key, struct filed_name *name);

/* The same for many; the memory they need is fetched while others are waited for. */
struct shadow_filing {
    uint64_t key;
    struct filed_name *name;
};
void shadow_table_add_all(struct shadow_table *table, const struct shadow_filing *filings,
                          size_t count);

/* Visits the names under a key until `visit` returns false, which is returned then. Borrowed until
 * the table is cleared. */
typedef bool shadow_visit_fn(void *context, struct slice name);
bool shadow_table_visit(const struct shadow_table *table, uint64_t key, shadow_visit_fn *visit,
                        void *context);

void shadow_table_clear(struct shadow_table *table);

#endif
