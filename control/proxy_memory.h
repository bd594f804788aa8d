/* Proxy memory: who is to be waited for, kept over a restart of the daemon.
 *
 * An answer means that a change is live. A daemon that has just started would not know on whom, and
 * would say so too early: before the proxies it had are connected again. So the store keeps who
 * was connected, and those count as lost at the start, to be waited for as any that were just lost.
 * Of a proxy with two starts (proxy_registry.h) the first to come back is enough.
 *
 * Threads: main. */
#ifndef CONTROL_PROXY_MEMORY_H
#define CONTROL_PROXY_MEMORY_H

#include "control/proxy_registry.h"
#include "control/store.h"

/* Fills an empty registry with those who will come back. */
void proxy_memory_restore(struct store *store, struct proxy_registry *registry);

/* Keeps who has come or gone since the last call; writes only then. A store that takes no writes is
 * left alone: nothing can be committed there that would have to be waited for. */
void proxy_memory_keep(struct store *store, const struct proxy_registry *registry);

#endif
