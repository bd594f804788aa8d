/* Replica snapshot: everything a replica held at one moment, to be read at leisure.
 *
 * Taking one costs a few pointers: it shares what it shows with the replica, which copies what it
 * changes meanwhile. One at a time.
 *
 * Threads: the control thread takes it; any one may read and release it. */
#ifndef PROXY_ROUTING_REPLICA_SNAPSHOT_H
#define PROXY_ROUTING_REPLICA_SNAPSHOT_H

#include "common/slice.h"
#include "proto/messages.h"

#include <stdint.h>

struct replica_snapshot;
struct route_replica;

/* NULL while the last one has not been released. Caller releases. */
struct replica_snapshot *route_replica_snapshot(struct route_replica *replica);
/* Clears *snapshot; harmless on NULL. What only it held goes with route_replica_collect. */
void replica_snapshot_release(struct replica_snapshot **snapshot);

const char *replica_snapshot_epoch(const struct replica_snapshot *snapshot);
uint64_t replica_snapshot_revision(const struct replica_snapshot *snapshot);
uint64_t replica_snapshot_digest(const struct replica_snapshot *snapshot);

/* Every object, in no order. Slices are borrowed until the release. */
typedef void replica_visit_fn(void *context, Pointsman__V1__ObjectKind kind, struct slice name,
                              struct slice bytes);
void replica_snapshot_each(const struct replica_snapshot *snapshot, replica_visit_fn *visit,
                           void *context);

#endif
