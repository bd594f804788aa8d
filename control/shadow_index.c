#include "control/shadow_index.h"

#include "common/buffer.h"
#include "common/clock.h"
#include "common/event_loop.h"
#include "common/hash.h"
#include "common/log.h"
#include "control/store.h"
#include "proxy/routing/route_shadow.h"

#include <stdlib.h>

/* The first piece is longer: few routes are all there at once. */
enum { FIRST_PIECE_US = 5000, PIECE_US = 1000, PAUSE_MS = 1, RETRY_MS = 1000 };
enum { FEW_ENTRIES = 3, SLACK = 65536, HOSTNAME_SEED = 21, FILED_TOGETHER = 128 };

struct shadow_index {
    struct event_loop *loop;
    struct store *store;
    struct event_timer timer;
    struct shadow_table table;
    uint64_t filled_routes; /* when it was filled, and the entries they needed */
    uint64_t filled_entries;

    /* While it is filled, the first time or anew: what will be the table. */
    struct shadow_table filling;
    bool is_filling;
    bool is_filled;
    struct store_cursor cursor;
    uint64_t piece_end_us;
    size_t piece_count;
};

/* --- routes --------------------------------------------------------------------------------- */

/* Keys of some routes are collected, and then filed together. */
struct filer {
    struct shadow_table *table;
    size_t filing_count;
    size_t name_count;
    struct shadow_filing filings[FILED_TOGETHER];
    struct filed_name names[FILED_TOGETHER];
};

/* The last name may have more keys to come. */
static void file_all(struct filer *filer)
{
    if (filer->filing_count == 0)
        return;
    shadow_table_add_all(filer->table, filer->filings, filer->filing_count);
    filer->names[0] = filer->names[filer->name_count - 1];
    filer->name_count = 1;
    filer->filing_count = 0;
}

static void file(struct filer *filer, uint64_t key)
{
    if (filer->filing_count == FILED_TOGETHER)
        file_all(filer);
    filer->filings[filer->filing_count++] =
        (struct shadow_filing){key, &filer->names[filer->name_count - 1]};
}

static void file_match(struct filer *filer, const struct route_match *match, struct slice hostname)
{
    uint64_t keys[SHADOW_KEYS_MAX];
    size_t count = shadow_keys_to_file(match, hostname, keys);
    for (size_t i = 0; i < count; i++)
        file(filer, keys[i]);
}

static uint64_t hostname_key(struct slice hostname)
{
    return hash_bytes(hostname.at, hostname.length, HOSTNAME_SEED);
}

/* What stands under its hostnames already leads to its name. */
static void file_route(struct filer *filer, const struct route *route)
{
    if (filer->name_count == FILED_TOGETHER)
        file_all(filer);
    filer->names[filer->name_count++] =
        (struct filed_name){.text = route_id(route), .place = SHADOW_NOT_PLACED};
    if (route->hostname_count == 0)
        file(filer, hostname_key(SLICE("")));
    for (size_t i = 0; i < route->hostname_count; i++)
        file(filer, hostname_key(route_hostname(route, i)));
    for (size_t i = 0; i < route->match_count; i++) {
        const struct route_match *match = &route_matches(route)[i];
        if (route->hostname_count == 0)
            file_match(filer, match, SLICE(""));
        for (size_t j = 0; j < route->hostname_count; j++)
            file_match(filer, match, route_hostname(route, j));
    }
}

static void file_routes(struct shadow_table *table, struct route *const *routes, size_t count)
{
    struct filer filer;
    filer.table = table;
    filer.filing_count = 0;
    filer.name_count = 0;
    for (size_t i = 0; i < count; i++)
        file_route(&filer, routes[i]);
    file_all(&filer);
}

/* --- filling -------------------------------------------------------------------------------- */

static bool take_route(void *context, const struct store_object *object)
{
    struct shadow_index *index = context;
    if (index->piece_count++ > 0 && clock_now_us() >= index->piece_end_us)
        return false;
    struct route *route = route_new_unlinked(object->bytes);
    if (route != NULL)
        file_routes(&index->filling, &route, 1);
    route_release(&route);
    return true;
}

static void finish_filling(struct shadow_index *index)
{
    shadow_table_clear(&index->table);
    index->table = index->filling;
    index->filling = (struct shadow_table){0};
    index->is_filling = false;
    index->is_filled = true;
    index->filled_routes = store_head(index->store).routes;
    index->filled_entries = index->table.entry_count;
    log_debug("shadow_index_filled", "entries=%zu", index->table.entry_count);
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
    shadow_table_clear(&index->table);
    shadow_table_clear(&index->filling);
    free(index);
}

bool shadow_index_is_filled(const struct shadow_index *index)
{
    return index->is_filled;
}

/* As many routes as were there need as many entries as they did; others a few each. */
static bool is_overfull(const struct shadow_index *index)
{
    uint64_t routes = store_head(index->store).routes;
    uint64_t more = routes > index->filled_routes ? routes - index->filled_routes : 0;
    uint64_t few = FEW_ENTRIES;
    if (index->filled_routes > 0 && index->filled_entries / index->filled_routes > few)
        few = index->filled_entries / index->filled_routes;
    return index->table.entry_count > 2 * (index->filled_entries + more * few) + SLACK;
}

void shadow_index_add(struct shadow_index *index, struct route *const *routes, size_t count)
{
    file_routes(&index->table, routes, count);
    if (index->is_filling)
        file_routes(&index->filling, routes, count);
    else if (is_overfull(index))
        start_filling(index, PIECE_US);
}

void shadow_index_find(const struct shadow_index *index, uint64_t key, shadow_visit_fn *visit,
                       void *context)
{
    if (shadow_table_visit(&index->table, key, visit, context) && !index->is_filled)
        shadow_table_visit(&index->filling, key, visit, context);
}

void shadow_index_find_hostname(const struct shadow_index *index, struct slice hostname,
                                shadow_visit_fn *visit, void *context)
{
    shadow_index_find(index, hostname_key(hostname), visit, context);
}

size_t shadow_index_entry_count(const struct shadow_index *index)
{
    return index->table.entry_count;
}
