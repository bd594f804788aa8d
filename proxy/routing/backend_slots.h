/* Backend slots: what a rule's backend index stands for.
 *
 * A slot is a backend as backendRefs of one port see it, (full name, port); it is there as long
 * as a route names it, whether or not the backend is. So endpoints change by replacing what is in
 * a few slots, without a route being touched. An index is given to another slot only when no
 * table shows the old one any more.
 *
 * Threads: control only. */
#ifndef PROXY_ROUTING_BACKEND_SLOTS_H
#define PROXY_ROUTING_BACKEND_SLOTS_H

#include "common/slice.h"
#include "proto/messages.h"
#include "proxy/routing/route_table.h"

#include <stdbool.h>
#include <stdint.h>

struct backend_slots;
struct endpoint_registry;

/* Both outlive the slots, but for the builder when it is freed with them; see _free. */
struct backend_slots *backend_slots_new(struct route_table_builder *builder,
                                        struct endpoint_registry *endpoints);
/* After the builder: what it still holds back comes here when it lets go. */
void backend_slots_free(struct backend_slots *slots);

/* --- what routes name ----------------------------------------------------------------------- */

/* The index for one backendRef more. A route_backend_index_fn, with the slots as context. */
uint32_t backend_slots_use(void *slots, const char *full_name, uint32_t port);
/* For one backendRef less. ROUTE_NO_BACKEND is fine. */
void backend_slots_stop_using(struct backend_slots *slots, uint32_t backend_index);

/* --- what there is -------------------------------------------------------------------------- */

/* Puts a backend, or replaces the one of its name. `is_broken`: its slots stay empty. Copies. */
void backend_slots_put(struct backend_slots *slots, struct slice name, struct slice bytes,
                       bool is_broken);
/* Harmless when there is none of that name. */
void backend_slots_remove(struct backend_slots *slots, struct slice name);

/* The bytes it was put with; length 0 and NULL when there is none of that name. Borrowed until
 * the next change of it. */
struct slice backend_slots_bytes(const struct backend_slots *slots, struct slice name);
size_t backend_slots_count(const struct backend_slots *slots);

typedef void backend_slots_visit_fn(void *context, struct slice name, struct slice bytes);
void backend_slots_each(const struct backend_slots *slots, backend_slots_visit_fn *visit,
                        void *context);

/* Brings the builder's backends in line with all changes since the last call. */
void backend_slots_settle(struct backend_slots *slots);

#endif
