/* Local copy: the last known routes on disk, so that a proxy can start without control.
 *
 * The file is replaced whole: a temporary file is written, synced and renamed, so there is always
 * one complete copy. Every block carries a checksum; what does not check out is refused, because
 * serving half the routes would answer 404 where a service was.
 *
 * Threads: control; a thread of its own waits for the disk. */
#ifndef PROXY_LOCAL_COPY_H
#define PROXY_LOCAL_COPY_H

#include "common/error.h"
#include "common/slice.h"
#include "proto/messages.h"

#include <stdbool.h>
#include <stdint.h>

struct route_replica;

enum { LOCAL_COPY_EPOCH_BYTES = 128, LOCAL_COPY_ID_BYTES = 256 };

/* What a copy says of itself. */
struct local_copy_info {
    char epoch[LOCAL_COPY_EPOCH_BYTES];
    char proxy_id[LOCAL_COPY_ID_BYTES]; /* who wrote it */
    uint64_t revision;
    uint64_t digest;
    uint64_t written_ms; /* wall time */
    uint64_t object_count;
};

/* --- reading -------------------------------------------------------------------------------- */

/* One object. Slices are borrowed until it returns. */
typedef void local_copy_visit_fn(void *context, Pointsman__V1__ObjectKind kind, struct slice name,
                                 struct slice bytes);

/* Checks and visits everything. On an error (ERROR_NOT_FOUND: no file; ERROR_CORRUPT;
 * ERROR_UNSUPPORTED: another version's format) what was visited must not be used. */
bool local_copy_read(const char *path, struct local_copy_info *info, local_copy_visit_fn *visit,
                     void *context, struct error *err);

/* The same with the bytes of a file. */
bool local_copy_parse(struct slice file, struct local_copy_info *info, local_copy_visit_fn *visit,
                      void *context, struct error *err);

/* --- writing -------------------------------------------------------------------------------- */

struct local_copy;

/* Starts the thread that waits for the disk. Copies `path`. */
struct local_copy *local_copy_start(const char *path, const char *proxy_id);
/* Waits for what was handed over. Harmless on NULL. */
void local_copy_stop(struct local_copy *copy);

/* Writes what the replica holds to a temporary file and hands that over to be synced and renamed;
 * only memory is written, so it is quick. When the one before still waits for the disk, it waits
 * too: see local_copy_is_idle. */
bool local_copy_write(struct local_copy *copy, const struct route_replica *replica,
                      struct error *err);

/* True when nothing waits for the disk. */
bool local_copy_is_idle(struct local_copy *copy);

#endif
