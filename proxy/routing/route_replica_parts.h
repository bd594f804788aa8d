/* What the files behind route_replica.h share: the replica, and what is staged in it.
 *
 * Threads: control only. */
#ifndef PROXY_ROUTING_ROUTE_REPLICA_PARTS_H
#define PROXY_ROUTING_ROUTE_REPLICA_PARTS_H

#include "proxy/routing/object_map.h"
#include "proxy/routing/prepared_objects.h"
#include "proxy/routing/route_replica.h"

struct backend_slots;
struct replica_snapshot;

struct route_replica {
    struct route_table_builder *builder;
    struct backend_slots *backends;
    struct object_map routes;
    struct route_table *newest; /* of all that were made; a reference */
    char *epoch;
    uint64_t revision;
    uint64_t digest;
    struct replica_snapshot *snapshot; /* the one that was taken; or NULL */

    /* staged */
    bool is_staging;
    bool is_snapshot;
    bool builds_early;               /* staged routes are in the builder already */
    uint64_t staged_digest;          /* what the digest would be */
    struct object_map staged_routes; /* each holds a reference */
    struct object_map staged_backends;
    struct object_map removed_routes;
    struct object_map removed_backends;
    struct problem_list problems;
    struct prepared_objects prepared; /* for one object at a time */
};

/* --- staging (route_replica_stage.c) -------------------------------------------------------- */

/* An object that is to go. */
struct removal {
    uint16_t name_length;
    char name[];
};

static inline struct slice removal_name(const struct removal *removal)
{
    return slice_of(removal->name, removal->name_length);
}

struct removal *removal_new(struct slice name);

void replica_init_staged(struct route_replica *replica);
/* Drops what is staged. */
void replica_clear_staged(struct route_replica *replica);

/* Takes a route out of the builder that is in it, and lets it go in time. */
void replica_remove_from_table(struct route_replica *replica, struct route *route);

/* --- snapshots (replica_snapshot.c) --------------------------------------------------------- */

/* Frees the snapshot that was taken, if it has been released. */
void replica_collect_snapshot(struct route_replica *replica);

/* Clears the map of routes that another has replaced: now, or with the snapshot that shows it. */
void replica_drop_routes(struct route_replica *replica, struct object_map *old);

#endif
