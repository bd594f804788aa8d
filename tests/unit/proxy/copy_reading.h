/* Copy reading: a local copy as a starting proxy reads it, into a fake replica.
 *
 * Threads: one at a time. */
#ifndef TESTS_UNIT_PROXY_COPY_READING_H
#define TESTS_UNIT_PROXY_COPY_READING_H

#include "proxy/local_copy.h"
#include "proxy/routing/route_replica.h"

/* Reads the copy at `path` and holds what it shows against its digest (ERROR_CORRUPT when that
 * differs). `*into` is the replica, freed by the caller; on error NULL. */
bool copy_reading(const char *path, struct local_copy_info *info, struct route_replica **into,
                  struct error *err);

/* The same; must succeed. Returns how many objects there are. */
size_t copy_reading_ok(const char *path, struct local_copy_info *info);

/* Replaces what is at `path` by what the replica holds. */
void copy_reading_write(const char *path, const char *proxy_id, struct route_replica *replica);

#endif
