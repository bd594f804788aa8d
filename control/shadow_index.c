#include "control/shadow_index.h"

#include "common/buffer.h"
#include "common/clock.h"
#include "common/event_loop.h"
#include "common/hash.h"
#include "common/log.h"
#include "control/store.h"
#include "proxy/routing/route_shadow.h"

#include <stdlib.h>
#include <string.h>

/* The first piece is longer: few routes are all there at once. */
enum { FIRST_PIECE_US = 5000, PIECE_US = 1000, PAUSE_MS = 1, RETRY_MS = 1000 };
enum { SMALLEST_TABLE = 1024, SLACK = 65536, HOSTNAME_SEED = 21 };

struct entry {
    struct entry *next;
    uint64_t key;
    uint16_t name_length;
    char name[];
};

struct table {
    struct entry **buckets; /* a power of two of them */
    size_t bucket_count;
    size_t count;
};

struct shadow_index {
    struct event_loop *loop;
    struct store *store;
    struct event_timer timer;
    struct table table;
    size_t refill_at; /* how many entries are too many */

    /* While it is filled, the first time or anew: what will be the table. */
    struct table filling;
    bool is_filling;
    bool is_filled;
    struct store_cursor cursor;
    uint64_t piece_end_us;
    size_t piece_count;
};

/* --- a table -------------------------------------------------------------------------------- */

static struct entry **bucket_of(const struct table *table, uint64_t key)
{
    return &table->buckets[key & (table->bucket_count - 1)];
}

/* What stands in one bucket comes to stand in two, in the same order. */
static void table_grow(struct table *table)
{
    struct table grown = {.count = table->count};
    grown.bucket_count = table->bucket_count == 0 ? SMALLEST_TABLE : 2 * table->bucket_count;
    grown.buckets = memory_allocate_zeroed(grown.bucket_count, sizeof(grown.buckets[0]));
    for (size_t i = 0; i < table->bucket_count; i++) {
        struct entry **ends[2] = {&grown.buckets[i], &grown.buckets[i + table->bucket_count]};
        struct entry *next;
        for (struct entry *entry = table->buckets[i]; entry != NULL; entry = next) {
            struct entry ***end = &ends[(entry->key & table->bucket_count) != 0];
            next = entry->next;
            entry->next = NULL;
            **end = entry;
            *end = &entry->next;
        }
    }
    free(table->buckets);
    *table = grown;
}

static void table_clear(struct table *table)
{
    for (size_t i = 0; i < table->bucket_count; i++) {
        struct entry *next;
        for (struct entry *entry = table->buckets[i]; entry != NULL; entry = next) {
            next = entry->next;
            free(entry);
        }
    }
    free(table->buckets);
    *table = (struct table){0};
}

static struct slice entry_name(const struct entry *entry)
{
    return slice_of(entry->name, entry->name_length);
}

/* Behind the first of its key, which stays the first: of many routes that ask for the same, the
 * oldest wins, and they are not looked through. */
static void table_add(struct table *table, uint64_t key, struct slice name)
{
    enum { LOOKED_AT = 16 };
    if (table->count >= table->bucket_count)
        table_grow(table);
    struct entry **place = bucket_of(table, key);
    struct entry *entry = *place;
    bool has_key = false;
    for (size_t i = 0; entry != NULL && i < LOOKED_AT; entry = entry->next, i++) {
        if (entry->key != key)
            continue;
        if (slice_equals(entry_name(entry), name))
            return;
        place = has_key ? place : &entry->next;
        has_key = true;
    }
    entry = memory_allocate(sizeof(*entry) + name.length);
    *entry = (struct entry){.next = *place, .key = key, .name_length = (uint16_t)name.length};
    memcpy(entry->name, name.at, name.length);
    *place = entry;
    table->count++;
}

static void table_add_match(struct table *table, const struct route_match *match,
                            struct slice hostname, struct slice name)
{
    uint64_t keys[SHADOW_KEYS_MAX];
    size_t count = shadow_keys_to_file(match, hostname, keys);
    for (size_t i = 0; i < count; i++)
        table_add(table, keys[i], name);
}

static uint64_t hostname_key(struct slice hostname)
{
    return hash_bytes(hostname.at, hostname.length, HOSTNAME_SEED);
}

static void table_add_route(struct table *table, const struct route *route)
{
    if (route->hostname_count == 0)
        table_add(table, hostname_key(SLICE("")), route_name(route));
    for (size_t i = 0; i < route->hostname_count; i++)
        table_add(table, hostname_key(route_hostname(route, i)), route_name(route));
    for (size_t i = 0; i < route->match_count; i++) {
        const struct route_match *match = &route_matches(route)[i];
        if (route->hostname_count == 0)
            table_add_match(table, match, SLICE(""), route_name(route));
        for (size_t j = 0; j < route->hostname_count; j++)
            table_add_match(table, match, route_hostname(route, j), route_name(route));
    }
}

/* --- filling -------------------------------------------------------------------------------- */

static bool take_route(void *context, const struct store_object *object)
{
    struct shadow_index *index = context;
    if (index->piece_count++ > 0 && clock_now_us() >= index->piece_end_us)
        return false;
    struct route *route = route_new_unlinked(object->bytes);
    if (route != NULL)
        table_add_route(&index->filling, route);
    route_release(&route);
    return true;
}

static void finish_filling(struct shadow_index *index)
{
    table_clear(&index->table);
    index->table = index->filling;
    index->filling = (struct table){0};
    index->is_filling = false;
    index->is_filled = true;
    index->refill_at = 2 * index->table.count + SLACK;
    log_debug("shadow_index_filled", "entries=%zu", index->table.count);
}

static void on_piece_due(struct event_timer *timer);

/* What is committed meanwhile is filed in both tables, so each piece reads what is there now. */
static void fill_piece(struct shadow_index *index, uint64_t budget_us)
{
    const Pointsman__V1__ObjectKind kind = POINTSMAN__V1__OBJECT_KIND__OBJECT_KIND_ROUTE;
    struct error err = {0};
    uint64_t pause_ms = PAUSE_MS;
    index->piece_count = 0;
    index->piece_end_us = clock_now_us() + budget_us;
    if (!store_scan(index->store, store_head(index->store).revision, kind, &index->cursor,
                    take_route, index, &err)) {
        log_warn("shadow_index_not_filled", "reason=\"%s\"", err.message);
        pause_ms = RETRY_MS;
    } else if (index->cursor.is_finished) {
        finish_filling(index);
        return;
    }
    event_timer_start(&index->timer, index->loop, pause_ms, on_piece_due, index);
}

static void on_piece_due(struct event_timer *timer)
{
    fill_piece(timer->context, PIECE_US);
}

static void start_filling(struct shadow_index *index, uint64_t budget_us)
{
    index->is_filling = true;
    index->cursor = (struct store_cursor){0};
    fill_piece(index, budget_us);
}

/* --- the index ------------------------------------------------------------------------------ */

struct shadow_index *shadow_index_new(struct event_loop *loop, struct store *store)
{
    struct shadow_index *index = memory_allocate_zeroed(1, sizeof(*index));
    index->loop = loop;
    index->store = store;
    start_filling(index, FIRST_PIECE_US);
    return index;
}

void shadow_index_free(struct shadow_index *index)
{
    if (index == NULL)
        return;
    event_timer_stop(&index->timer);
    table_clear(&index->table);
    table_clear(&index->filling);
    free(index);
}

bool shadow_index_is_filled(const struct shadow_index *index)
{
    return index->is_filled;
}

void shadow_index_add(struct shadow_index *index, const struct route *route)
{
    table_add_route(&index->table, route);
    if (index->is_filling)
        table_add_route(&index->filling, route);
    else if (index->table.count > index->refill_at)
        start_filling(index, PIECE_US);
}

static bool visit_table(const struct table *table, uint64_t key, shadow_visit_fn *visit,
                        void *context)
{
    if (table->bucket_count == 0)
        return true;
    for (const struct entry *entry = *bucket_of(table, key); entry != NULL; entry = entry->next) {
        if (entry->key == key && !visit(context, entry_name(entry)))
            return false;
    }
    return true;
}

void shadow_index_find(const struct shadow_index *index, uint64_t key, shadow_visit_fn *visit,
                       void *context)
{
    if (visit_table(&index->table, key, visit, context) && !index->is_filled)
        visit_table(&index->filling, key, visit, context);
}

void shadow_index_find_hostname(const struct shadow_index *index, struct slice hostname,
                                shadow_visit_fn *visit, void *context)
{
    shadow_index_find(index, hostname_key(hostname), visit, context);
}
