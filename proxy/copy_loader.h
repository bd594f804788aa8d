/* Copy loader: brings a local copy into the replica, with several threads.
 *
 * Loaders check blocks of the file and prepare what is in them; the control thread stages that in
 * the order of the file, and prepares a block itself when none is ready.
 *
 * Threads: control; threads of its own while it runs. */
#ifndef PROXY_COPY_LOADER_H
#define PROXY_COPY_LOADER_H

#include "common/error.h"
#include "proxy/local_copy.h"

#include <stdbool.h>

struct route_replica;

/* Begins a snapshot in the replica and stages what the local copy at `path` holds. `info` says
 * what is to be committed. On an error (as local_copy_read.h says) nothing may be committed. */
bool copy_load(struct route_replica *replica, const char *path, struct local_copy_info *info,
               struct error *err);

#endif
