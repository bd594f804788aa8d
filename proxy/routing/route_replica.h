/* Route replica: the control thread's copy of all objects; applies updates, builds tables.
 *
 * It keeps the exact bytes of each object (for the digest and the local copy) and the newest
 * table. An update is staged in pieces and applied as one, or not at all.
 *
 * Threads: control only. Tables it makes may go anywhere. */
#ifndef PROXY_ROUTING_ROUTE_REPLICA_H
#define PROXY_ROUTING_ROUTE_REPLICA_H

#include "common/error.h"
#include "common/slice.h"
#include "proto/messages.h"
#include "proxy/routing/route_table.h"

#include <stdbool.h>
#include <stdint.h>

struct endpoint_registry;
struct prepared_objects;
struct route_replica;

/* `endpoints` outlives the replica. */
struct route_replica *route_replica_new(struct endpoint_registry *endpoints);
/* Every table it made, and its snapshot, must have been released. */
void route_replica_free(struct route_replica *replica);

/* Starts an update; what was staged before is dropped. A snapshot replaces everything; a delta
 * is refused (ERROR_CONFLICT) unless `base_revision` is what the replica holds. */
bool route_replica_begin(struct route_replica *replica, bool is_snapshot, uint64_t base_revision,
                         struct error *err);

/* Stages one object: put or, when `deleted`, removal. Copies. */
void route_replica_stage(struct route_replica *replica, Pointsman__V1__ObjectKind kind,
                         struct slice name, bool deleted, struct slice bytes);

/* Stages what was prepared (prepared_objects.h), which is empty then. */
void route_replica_stage_prepared(struct route_replica *replica, struct prepared_objects *objects);

/* One object that could not be built. */
typedef void replica_report_fn(void *context, Pointsman__V1__ObjectKind kind, const char *name,
                               const char *field, const char *message);

/* Builds the table for what was staged. On any object that cannot be built it reports each one
 * and changes nothing, unless `keep_going` (a first snapshot): then such an object answers 500.
 * `digest` is what control says the result is; ERROR_CORRUPT when ours differs.
 * `*table` gets the new table. Caller releases. */
bool route_replica_commit(struct route_replica *replica, const char *epoch, uint64_t revision,
                          uint64_t digest, bool keep_going, replica_report_fn *report,
                          void *context, struct route_table **table, struct error *err);

/* A table of the same revision with the addresses that DNS names have now; NULL when none have
 * changed. Caller releases. */
struct route_table *route_replica_refresh(struct route_replica *replica);

/* Frees what only released tables and snapshots used; see route_table_builder_collect. Call it now
 * and then. */
void route_replica_collect(struct route_replica *replica);

/* --- where it stands ------------------------------------------------------------------------ */

const char *route_replica_epoch(const struct route_replica *replica); /* "" when it holds nothing */
uint64_t route_replica_revision(const struct route_replica *replica);
/* The sum of object_digest (proto/object_digest.h) over everything it holds. */
uint64_t route_replica_digest(const struct route_replica *replica);

#endif
