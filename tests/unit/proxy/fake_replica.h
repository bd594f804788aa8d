/* Fake replica: stands in for proxy/routing under the parts of the proxy that only hand updates
 * on. It keeps objects and counts them, and fails when a test wants it to.
 *
 * Threads: as the real ones. */
#ifndef TESTS_UNIT_PROXY_FAKE_REPLICA_H
#define TESTS_UNIT_PROXY_FAKE_REPLICA_H

#include "common/error.h"
#include "proxy/routing/route_replica.h"

/* The next commit fails like this. */
void fake_replica_fail_commit(struct route_replica *replica, enum error_code code,
                              const char *message);

/* The one behind the next. */
void fake_replica_fail_second_commit(struct route_replica *replica, enum error_code code,
                                     const char *message);

/* Objects it holds. */
size_t fake_replica_count(const struct route_replica *replica);

/* Whether the last commit was asked to keep going. */
bool fake_replica_kept_going(const struct route_replica *replica);

/* Called by who starts reading a snapshot, on that thread. */
void fake_replica_on_snapshot_read(struct route_replica *replica, void (*on_read)(void *context),
                                   void *context);

/* Whether a snapshot has been taken and not released. */
bool fake_replica_has_snapshot(const struct route_replica *replica);

/* Holds these without an update. */
void fake_replica_set(struct route_replica *replica, const char *epoch, uint64_t revision);
void fake_replica_put(struct route_replica *replica, Pointsman__V1__ObjectKind kind,
                      const char *name, struct slice bytes);
void fake_replica_remove(struct route_replica *replica, Pointsman__V1__ObjectKind kind,
                         const char *name);

#endif
