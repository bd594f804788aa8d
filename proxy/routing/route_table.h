/* Route table: every route and backend at one revision, and the matcher.
 *
 * Immutable and counted. It is built of parts shared between versions, so that one change at a
 * million routes copies only what it touches. Lookup is by hash: host, then path, then what is
 * left of the conditions, in the order of precedence of the Gateway API.
 *
 * Threads: any may use and release a table; a route_table_builder belongs to one. */
#ifndef PROXY_ROUTING_ROUTE_TABLE_H
#define PROXY_ROUTING_ROUTE_TABLE_H

#include "proxy/routing/request_head.h"
#include "proxy/routing/route.h"

#include <stddef.h>
#include <stdint.h>

struct backend;
struct hash_key; /* common/hash.h */
struct route_table;
struct session_key; /* proxy/routing/session_token.h */

void route_table_acquire(struct route_table *table);
/* Clears *table. Harmless on NULL. Frees nothing: that is left to the builder's thread, so a
 * worker never pays for it. */
void route_table_release(struct route_table **table);

/* The rule that takes this request, or NULL. Borrowed from the table. No allocation, no lock. */
const struct rule *route_table_find(const struct route_table *table,
                                    const struct request_head *head);

/* The backend a choice names at this revision, or NULL when there is none of that name.
 * Borrowed from the table; see backend_acquire. */
struct backend *route_table_backend(const struct route_table *table, uint32_t backend_index);

/* Visits every backend that a route of the table names, once. Borrowed from the table. */
typedef void route_table_visit_fn(void *context, struct backend *backend);
void route_table_each_backend(const struct route_table *table, route_table_visit_fn *visit,
                              void *context);

/* What the tokens of sessions are made and read with. Borrowed from the table. */
const struct session_key *route_table_session_key(const struct route_table *table);

/* What loop marks are made with: see proxy/routing/loop_mark.h. Borrowed from the table. */
const struct hash_key *route_table_loop_key(const struct route_table *table);

uint64_t route_table_revision(const struct route_table *table);
size_t route_table_route_count(const struct route_table *table);
size_t route_table_backend_count(const struct route_table *table);

/* --- making tables -------------------------------------------------------------------------- */

struct route_table_builder;

struct route_table_builder *route_table_builder_new(void);
/* Every table it made must have been released. The references of routes that are still in it are
 * the caller's again. Harmless on NULL. */
void route_table_builder_free(struct route_table_builder *builder);

/* Adds a route. No route of its name may be there. Takes the caller's reference. */
void route_table_builder_add(struct route_table_builder *builder, struct route *route);
/* Removes what was added; lets its reference go when no table shows it any more. */
void route_table_builder_remove(struct route_table_builder *builder, struct route *route);

/* Sets what a backend index stands for; NULL: no such backend. Takes the caller's reference. */
void route_table_builder_set_backend(struct route_table_builder *builder, uint32_t backend_index,
                                     struct backend *backend);

/* What the keys of the tables that are published from now on come from; before, all is zero. */
void route_table_builder_set_epoch(struct route_table_builder *builder, const char *epoch);

/* Calls `let_go` when no table made so far is held any more, at the latest when the builder goes.
 */
void route_table_builder_retire(struct route_table_builder *builder, void *thing,
                                void (*let_go)(void *thing));

/* The table of everything added so far; later changes do not show in it. `backend_count` is for
 * route_table_backend_count. Caller releases. */
struct route_table *route_table_builder_publish(struct route_table_builder *builder,
                                                uint64_t revision, size_t backend_count);

/* Frees what only released tables used. Publishing does it too; call it when workers have let
 * an old table go. Returns how many older tables are still held. */
size_t route_table_builder_collect(struct route_table_builder *builder);

/* Bytes allocated for the index alone: not the routes, not the backends. For benchmarks. */
size_t route_table_builder_index_bytes(const struct route_table_builder *builder);

#endif
