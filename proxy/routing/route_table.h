/* Route table: every route and backend at one revision, and the matcher.
 *
 * Immutable and counted. It is built of parts shared between versions, so that one change at a
 * million routes copies only what it touches. Lookup is by hash: host, then path, then what is
 * left of the conditions, in the order of precedence of the Gateway API.
 *
 * Threads: any; the count is atomic. */
#ifndef PROXY_ROUTING_ROUTE_TABLE_H
#define PROXY_ROUTING_ROUTE_TABLE_H

#include "proxy/routing/request_head.h"
#include "proxy/routing/route.h"

#include <stddef.h>
#include <stdint.h>

struct backend;
struct route_table;

void route_table_acquire(struct route_table *table);
/* Clears *table. Harmless on NULL. */
void route_table_release(struct route_table **table);

/* The rule that takes this request, or NULL. Borrowed from the table. No allocation, no lock. */
const struct rule *route_table_find(const struct route_table *table,
                                    const struct request_head *head);

/* The backend a choice names at this revision, or NULL when there is none of that name.
 * Borrowed from the table; see backend_acquire. */
struct backend *route_table_backend(const struct route_table *table, uint32_t backend_index);

uint64_t route_table_revision(const struct route_table *table);
size_t route_table_route_count(const struct route_table *table);
size_t route_table_backend_count(const struct route_table *table);

#endif
