/* Shadow index: which routes may have a match that wins over another's, by what they ask for; and
 * which may serve a host.
 *
 * A hint, in memory: for each match and hostname, and for each hostname, a key that leads to
 * the route's id (shadow_table.h). What has been put is found; some of it may not be so any more.
 * It is filled from the store a millisecond at a time after the start, then as routes are put.
 * Nothing is ever taken out, so no commit that fails has to be undone in it: whoever asks looks at
 * the route, as it is now. When it has come to hold twice what so many routes need, by what they
 * needed before, it is filled anew.
 *
 * Threads: main. */
#ifndef CONTROL_SHADOW_INDEX_H
#define CONTROL_SHADOW_INDEX_H

#include "control/shadow_table.h"
#include "proxy/routing/route.h"

#include <stdbool.h>
#include <stdint.h>

struct event_loop;
struct shadow_index;
struct store;

/* Both outlive the index. */
struct shadow_index *shadow_index_new(struct event_loop *loop, struct store *store);
/* Harmless on NULL. */
void shadow_index_free(struct shadow_index *index);

/* Whether every route is in it. */
bool shadow_index_is_filled(const struct shadow_index *index);

/* Files the matches of routes. Copies. */
void shadow_index_add(struct shadow_index *index, struct route *const *routes, size_t count);

/* Visits the ids of routes filed under the key, some of which may not be there any more, until
 * `visit` returns false: the one that was filed first, then from the newest on. Borrowed until it
 * returns. */
void shadow_index_find(const struct shadow_index *index, uint64_t key, shadow_visit_fn *visit,
                       void *context);

/* The same for the routes that have, or had, this hostname, "a.b" or "*.b"; "": every host. */
void shadow_index_find_hostname(const struct shadow_index *index, struct slice hostname,
                                shadow_visit_fn *visit, void *context);

/* How many names stand under keys. For tests. */
size_t shadow_index_entry_count(const struct shadow_index *index);

#endif
