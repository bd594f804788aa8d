#include "proxy/metrics/named_counters.h"

#include "common/buffer.h"
#include "common/cache_line.h"
#include "common/hash.h"
#include "common/mutex.h"
#include "common/round_up.h"

#include <stdlib.h>
#include <string.h>

/* Finding a name is rare (once for each version of an object that is hit), so the table need not
 * grow: a million names make chains of sixteen. Untouched buckets cost no memory. */
enum { BUCKET_COUNT = 1 << 16 };

struct named_counter {
    /* immutable */
    struct named_counters *all;
    uint64_t hash;
    char *name;

    /* guarded by all->mutex */
    size_t references; /* slots */
    struct named_counter *next_in_bucket;
    struct named_counter *next, *previous;               /* of all */
    struct named_counter *next_unused, *previous_unused; /* of those without a slot */

    /* atomic: each worker makes and writes its own, readers add */
    _Atomic(struct counter *) blocks[];
};

struct named_counters {
    /* immutable */
    unsigned worker_count;
    size_t block_bytes;

    struct mutex mutex;
    /* guarded by mutex */
    struct named_counter **buckets;
    struct named_counter *first, *last;
    struct named_counter *first_unused, *last_unused; /* the longest unused one first */
    size_t unused_count;
    size_t reader_count; /* while there are any, no name is unlinked */
};

struct named_counters *named_counters_new(unsigned worker_count, size_t block_bytes)
{
    struct named_counters *all = memory_allocate_zeroed(1, sizeof(*all));
    all->worker_count = worker_count;
    all->block_bytes = block_bytes;
    all->buckets = memory_allocate_zeroed(BUCKET_COUNT, sizeof(struct named_counter *));
    mutex_init(&all->mutex);
    return all;
}

static struct named_counter *named_counter_new(struct named_counters *all, struct slice name,
                                               uint64_t hash)
{
    struct named_counter *counter = memory_allocate_zeroed(
        1, sizeof(*counter) + all->worker_count * sizeof(counter->blocks[0]));
    counter->all = all;
    counter->hash = hash;
    counter->name = memory_duplicate_slice(name);
    return counter;
}

static void named_counter_free(struct named_counter *counter)
{
    if (counter == NULL)
        return;
    for (unsigned i = 0; i < counter->all->worker_count; i++)
        free(atomic_load_explicit(&counter->blocks[i], memory_order_relaxed));
    free(counter->name);
    free(counter);
}

void named_counters_free(struct named_counters *all)
{
    if (all == NULL)
        return;
    for (struct named_counter *counter = all->first; counter != NULL;) {
        struct named_counter *next = counter->next;
        named_counter_free(counter);
        counter = next;
    }
    mutex_clear(&all->mutex);
    free(all->buckets);
    free(all);
}

/* --- the lists ------------------------------------------------------------------------------ */

static struct named_counter *find_locked(struct named_counters *all, struct slice name,
                                         uint64_t hash) REQUIRES(all->mutex)
{
    struct named_counter *counter = all->buckets[hash % BUCKET_COUNT];
    while (counter != NULL &&
           (counter->hash != hash || !slice_equals(slice_from_string(counter->name), name)))
        counter = counter->next_in_bucket;
    return counter;
}

static void link_locked(struct named_counters *all, struct named_counter *counter)
    REQUIRES(all->mutex)
{
    struct named_counter **bucket = &all->buckets[counter->hash % BUCKET_COUNT];
    counter->next_in_bucket = *bucket;
    *bucket = counter;

    counter->previous = all->last;
    *(all->last != NULL ? &all->last->next : &all->first) = counter;
    all->last = counter;
}

static void unlink_locked(struct named_counters *all, struct named_counter *counter)
    REQUIRES(all->mutex)
{
    struct named_counter **at = &all->buckets[counter->hash % BUCKET_COUNT];
    while (*at != counter)
        at = &(*at)->next_in_bucket;
    *at = counter->next_in_bucket;

    *(counter->previous != NULL ? &counter->previous->next : &all->first) = counter->next;
    *(counter->next != NULL ? &counter->next->previous : &all->last) = counter->previous;
}

static void add_unused_locked(struct named_counters *all, struct named_counter *counter)
    REQUIRES(all->mutex)
{
    counter->previous_unused = all->last_unused;
    counter->next_unused = NULL;
    *(all->last_unused != NULL ? &all->last_unused->next_unused : &all->first_unused) = counter;
    all->last_unused = counter;
    all->unused_count++;
}

static void remove_unused_locked(struct named_counters *all, struct named_counter *counter)
    REQUIRES(all->mutex)
{
    struct named_counter *previous = counter->previous_unused;
    struct named_counter *next = counter->next_unused;
    *(previous != NULL ? &previous->next_unused : &all->first_unused) = next;
    *(next != NULL ? &next->previous_unused : &all->last_unused) = previous;
    all->unused_count--;
}

/* The name to forget when too many are unused, unlinked; or NULL. The caller frees it, unlocked. */
static struct named_counter *take_surplus_locked(struct named_counters *all) REQUIRES(all->mutex)
{
    if (all->unused_count <= NAMED_COUNTERS_KEPT || all->reader_count > 0)
        return NULL;
    struct named_counter *oldest = all->first_unused;
    remove_unused_locked(all, oldest);
    unlink_locked(all, oldest);
    return oldest;
}

/* --- slots ---------------------------------------------------------------------------------- */

static struct named_counter *acquire(struct named_counters *all, struct slice name)
{
    uint64_t hash = hash_bytes(name.at, name.length, 0);
    struct named_counter *fresh = named_counter_new(all, name, hash);

    mutex_lock(&all->mutex);
    struct named_counter *counter = find_locked(all, name, hash);
    if (counter == NULL) {
        link_locked(all, fresh);
        counter = fresh;
        fresh = NULL;
    } else if (counter->references == 0) {
        remove_unused_locked(all, counter);
    }
    counter->references++;
    mutex_unlock(&all->mutex);

    named_counter_free(fresh);
    return counter;
}

static void release(struct named_counter *counter)
{
    struct named_counters *all = counter->all;
    struct named_counter *surplus = NULL;

    mutex_lock(&all->mutex);
    if (--counter->references == 0) {
        add_unused_locked(all, counter);
        surplus = take_surplus_locked(all);
    }
    mutex_unlock(&all->mutex);

    named_counter_free(surplus);
}

void named_counter_slot_clear(struct named_counter_slot *slot)
{
    struct named_counter *counter =
        atomic_exchange_explicit(&slot->counter, NULL, memory_order_acq_rel);
    if (counter != NULL)
        release(counter);
}

static struct named_counter *resolve(struct named_counter_slot *slot, struct named_counters *all,
                                     struct slice name)
{
    struct named_counter *ours = acquire(all, name);
    struct named_counter *theirs = NULL;
    if (atomic_compare_exchange_strong(&slot->counter, &theirs, ours))
        return ours;
    release(ours);
    return theirs;
}

static struct counter *make_block(struct named_counter *counter, unsigned worker_index)
{
    size_t bytes = round_up(counter->all->block_bytes, CACHE_LINE_BYTES);
    struct counter *block = memory_allocate_aligned(CACHE_LINE_BYTES, bytes);
    memset(block, 0, bytes);
    atomic_store_explicit(&counter->blocks[worker_index], block, memory_order_release);
    return block;
}

void *named_counter_slot_block(struct named_counter_slot *slot, struct named_counters *all,
                               struct slice name, unsigned worker_index)
{
    struct named_counter *counter = atomic_load_explicit(&slot->counter, memory_order_acquire);
    if (counter == NULL)
        counter = resolve(slot, all, name);

    struct counter *block =
        atomic_load_explicit(&counter->blocks[worker_index], memory_order_relaxed);
    return block != NULL ? block : make_block(counter, worker_index);
}

/* --- reading -------------------------------------------------------------------------------- */

static void sum_blocks(struct named_counter *counter, uint64_t *sums, size_t count)
{
    memset(sums, 0, count * sizeof(sums[0]));
    for (unsigned worker = 0; worker < counter->all->worker_count; worker++) {
        const struct counter *block =
            atomic_load_explicit(&counter->blocks[worker], memory_order_acquire);
        for (size_t i = 0; block != NULL && i < count; i++)
            sums[i] += counter_read(&block[i]);
    }
}

void named_counters_each(struct named_counters *all,
                         void (*visit)(void *context, const char *name, const uint64_t *sums),
                         void *context)
{
    size_t count = all->block_bytes / sizeof(struct counter);
    uint64_t *sums = memory_allocate(count * sizeof(sums[0]));

    mutex_lock(&all->mutex);
    all->reader_count++;
    struct named_counter *counter = all->first;
    mutex_unlock(&all->mutex);

    while (counter != NULL) {
        sum_blocks(counter, sums, count);
        visit(context, counter->name, sums);

        mutex_lock(&all->mutex);
        counter = counter->next;
        mutex_unlock(&all->mutex);
    }

    mutex_lock(&all->mutex);
    all->reader_count--;
    struct named_counter *surplus = take_surplus_locked(all);
    mutex_unlock(&all->mutex);
    while (surplus != NULL) {
        named_counter_free(surplus);
        mutex_lock(&all->mutex);
        surplus = take_surplus_locked(all);
        mutex_unlock(&all->mutex);
    }
    free(sums);
}
