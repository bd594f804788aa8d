/* Named counters: a block of counters for each name and worker, made when first counted.
 *
 * A million routes are there and few of them are hit, so a route carries only a slot (one
 * pointer, NULL until its first request). Which block a slot gets depends on the name alone:
 * counts survive the replacement of their object. Names whose objects are gone are kept for a
 * while, so that the last scrape sees the last counts; see NAMED_COUNTERS_KEPT.
 *
 * Threads: any. The mutex covers finding and unlinking a name; counting never takes it. */
#ifndef PROXY_METRICS_NAMED_COUNTERS_H
#define PROXY_METRICS_NAMED_COUNTERS_H

#include "common/slice.h"
#include "proxy/metrics/counters.h"

#include <stdatomic.h>
#include <stddef.h>

struct named_counter;
struct named_counters;

/* Names without an object that are remembered; beyond that the longest unused one goes. */
enum { NAMED_COUNTERS_KEPT = 10000 };

/* `block_bytes` is the size of a block: a struct of nothing but struct counter. */
struct named_counters *named_counters_new(unsigned worker_count, size_t block_bytes);
/* Every slot must have been cleared. */
void named_counters_free(struct named_counters *all);

/* Embedded by value; all zero at first. */
struct named_counter_slot {
    _Atomic(struct named_counter *) counter;
};

/* Lets go of what the slot has resolved to. Nobody may be counting on it any more. */
void named_counter_slot_clear(struct named_counter_slot *slot);

/* This worker's block for the slot's name. Worker only. Borrowed until the slot is cleared. */
void *named_counter_slot_block(struct named_counter_slot *slot, struct named_counters *all,
                               struct slice name, unsigned worker_index);

/* Calls `visit` for each name with the sums over all workers, as an array of as many uint64_t as
 * the block has counters. The mutex is not held meanwhile; names that come or go may be missed. */
void named_counters_each(struct named_counters *all,
                         void (*visit)(void *context, const char *name, const uint64_t *sums),
                         void *context);

#endif
