#include "control/explain_reading.h"

#include "common/clock.h"
#include "control/object_page.h"
#include "control/packed_route.h"
#include "control/shadow_index.h"
#include "control/store_history.h"
#include "proto/message.h"
#include "proxy/routing/route_validate.h"

#include <stdio.h>
#include <string.h>

/* To read a route at a revision of the past takes as long as to walk over so many changes. */
enum { CHANGES_OF_A_ROUTE = 4 };

static const Pointsman__V1__ObjectKind route_kind = POINTSMAN__V1__OBJECT_KIND__OBJECT_KIND_ROUTE;

/* False when the piece has taken its time, but for the first thing in it. */
static bool has_time(struct explain_reading *reading)
{
    return reading->piece_count++ == 0 || clock_now_us() < reading->piece_end_us;
}

static void start_step(struct explain_reading *reading, enum reading_step step)
{
    reading->step = step;
    reading->next = 0;
}

/* --- one route ------------------------------------------------------------------------------ */

/* What a proxy cannot understand, it answers with 500 or leaves out; so does the explanation. */
static void take_bytes(struct explain_reading *reading, struct slice bytes)
{
    struct route *route = route_new_unlinked(bytes);
    if (route != NULL)
        route_explain_add(reading->explain, route);
}

/* The candidate keeps when the object it takes the place of was created. */
static void replace(struct candidate *candidate, struct slice bytes)
{
    RouteMessage *message = (RouteMessage *)object_unpack(route_kind, bytes, NULL);
    if (message != NULL)
        candidate->created = (struct creation){message->created_revision, message->created_order};
    message_free((ProtobufCMessage *)message);
}

static bool scan_route(void *context, const struct store_object *object)
{
    struct explain_reading *reading = context;
    char name[OBJECT_NAME_BYTES];
    if (reading->step == READING_SHOWN && !route_explain_shows_other_hosts(reading->explain))
        return false;
    if (!has_time(reading))
        return false;
    reading->read_count++;
    reading->counted++;
    snprintf(name, sizeof(name), "%.*s", (int)object->name.length, object->name.at);
    struct candidate *candidate = explain_candidates_find(reading->candidates, route_kind, name);
    if (candidate != NULL)
        replace(candidate, object->bytes);
    else if (packed_route_serves_host(object->bytes, reading->head->host) ||
             route_explain_shows_other_hosts(reading->explain))
        take_bytes(reading, object->bytes);
    else
        route_explain_pass_over(reading->explain, 1);
    return true;
}

/* Appends the route as it was at the revision. */
static bool read_route(struct explain_reading *reading, const char *name, struct buffer *bytes,
                       bool *is_there, struct error *err)
{
    reading->read_count++;
    *is_there = store_get_at(reading->store, reading->revision, route_kind, name, bytes, err);
    if (*is_there || err->code != ERROR_NOT_FOUND)
        return *is_there;
    *err = (struct error){0};
    return true;
}

/* --- the steps: each false when the store fails ---------------------------------------------- */

static bool note_change(void *context, const struct store_change *change)
{
    struct explain_reading *reading = context;
    if (reading->named.is_too_many || !has_time(reading))
        return false;
    reading->sequence = change->sequence;
    reading->changes_left--;
    if (change->kind != route_kind)
        return true;
    reading->route_count += change->was_there;
    reading->route_count -= change->is_there;
    if (change->was_there && packed_route_serves_host(change->before, reading->head->host))
        routes_of_host_add(&reading->named, change->name);
    return true;
}

static bool walk_log(struct explain_reading *reading, struct error *err)
{
    if (reading->changes_left > 0 &&
        !store_log_changes(reading->store, reading->revision, reading->head_revision,
                           reading->sequence, note_change, reading, err))
        return false;
    if (reading->named.is_too_many)
        start_step(reading, READING_ALL);
    else if (reading->changes_left == 0)
        start_step(reading, READING_SHOWN);
    return true;
}

static bool scan(struct explain_reading *reading, struct error *err)
{
    bool is_shown =
        reading->step == READING_ALL || route_explain_shows_other_hosts(reading->explain);
    if (is_shown && !store_scan(reading->store, reading->revision, route_kind, &reading->cursor,
                                scan_route, reading, err))
        return false;
    if (reading->cursor.is_finished)
        start_step(reading, READING_CANDIDATES);
    else if (reading->step == READING_SHOWN && !route_explain_shows_other_hosts(reading->explain))
        start_step(reading, READING_REPLACED);
    return true;
}

static bool is_scanned(const struct explain_reading *reading, const char *name)
{
    return strcmp(name, reading->cursor.name) <= 0;
}

static bool read_replaced(struct explain_reading *reading, struct error *err)
{
    struct buffer bytes = BUFFER_EMPTY;
    bool is_fine = true;
    while (is_fine && reading->next < reading->candidates->count && has_time(reading)) {
        struct candidate *candidate = &reading->candidates->items[reading->next++];
        const char *name = candidate->mutation.name;
        bool is_there = false;
        if (candidate->mutation.kind != route_kind || is_scanned(reading, name))
            continue;
        buffer_reset(&bytes);
        is_fine = read_route(reading, name, &bytes, &is_there, err);
        if (is_there)
            replace(candidate, buffer_slice(&bytes));
        reading->counted += is_there;
    }
    buffer_clear(&bytes);
    if (reading->next == reading->candidates->count) {
        routes_of_host_sort(&reading->named);
        start_step(reading, READING_NAMED);
    }
    return is_fine;
}

static bool read_named(struct explain_reading *reading, struct error *err)
{
    struct buffer bytes = BUFFER_EMPTY;
    bool is_fine = true;
    while (is_fine && reading->next < reading->named.count && has_time(reading)) {
        const char *name = reading->named.names[reading->next++];
        bool is_there = false;
        if (is_scanned(reading, name) ||
            explain_candidates_find(reading->candidates, route_kind, name) != NULL)
            continue;
        buffer_reset(&bytes);
        is_fine = read_route(reading, name, &bytes, &is_there, err);
        if (is_there && packed_route_serves_host(buffer_slice(&bytes), reading->head->host)) {
            take_bytes(reading, buffer_slice(&bytes));
            reading->counted++;
        }
    }
    buffer_clear(&bytes);
    if (reading->next == reading->named.count) {
        route_explain_pass_over(reading->explain, reading->route_count - reading->counted);
        start_step(reading, READING_CANDIDATES);
    }
    return is_fine;
}

static void take_candidates(struct explain_reading *reading)
{
    struct buffer bytes = BUFFER_EMPTY;
    while (reading->next < reading->candidates->count && has_time(reading)) {
        const struct candidate *candidate = &reading->candidates->items[reading->next++];
        if (candidate->mutation.kind != route_kind || !candidate->mutation.is_put)
            continue;
        candidate_pack(candidate, reading->revision + 1, &bytes);
        take_bytes(reading, buffer_slice(&bytes));
    }
    buffer_clear(&bytes);
    if (reading->next == reading->candidates->count)
        start_step(reading, READING_DONE);
}

/* --- the whole ------------------------------------------------------------------------------ */

bool explain_reading_init(struct explain_reading *reading, struct store *store,
                          const struct shadow_index *shadows, const struct request_head *head,
                          struct explain_candidates *candidates, struct route_explain *explain,
                          uint64_t revision, struct error *err)
{
    const struct store_head newest = store_head(store);
    *reading = (struct explain_reading){
        .store = store,
        .head = head,
        .candidates = candidates,
        .explain = explain,
        .revision = revision,
        .step = READING_ALL,
        .head_revision = newest.revision,
        .route_count = newest.routes,
    };
    if (!store_count_changes(store, revision, newest.revision, &reading->changes_left, err))
        return false;
    if (!shadow_index_is_filled(shadows) ||
        reading->changes_left > CHANGES_OF_A_ROUTE * newest.routes)
        return true;
    routes_of_host_find(&reading->named, shadows, head->host);
    if (!reading->named.is_too_many)
        reading->step = READING_LOG;
    return true;
}

void explain_reading_clear(struct explain_reading *reading)
{
    routes_of_host_clear(&reading->named);
}

static bool do_step(struct explain_reading *reading, struct error *err)
{
    switch (reading->step) {
    case READING_LOG:
        return walk_log(reading, err);
    case READING_SHOWN:
    case READING_ALL:
        return scan(reading, err);
    case READING_REPLACED:
        return read_replaced(reading, err);
    case READING_NAMED:
        return read_named(reading, err);
    case READING_CANDIDATES:
        take_candidates(reading);
        break;
    case READING_DONE:
        break;
    }
    return true;
}

bool explain_reading_go_on(struct explain_reading *reading, uint64_t end_us, struct error *err)
{
    reading->piece_count = 0;
    reading->piece_end_us = end_us;
    do {
        if (!do_step(reading, err))
            return false;
    } while (reading->step != READING_DONE && clock_now_us() < end_us);
    return true;
}
