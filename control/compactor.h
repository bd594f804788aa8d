/* Compactor: keeps the history from growing for ever.
 *
 * Once the history is twice as long as what is kept, it is cut down to that, a little at a time,
 * so that no commit waits long.
 *
 * Threads: main. */
#ifndef CONTROL_COMPACTOR_H
#define CONTROL_COMPACTOR_H

#include <stdbool.h>
#include <stdint.h>

struct compactor;
struct event_loop;
struct store;

/* Both outlive it. */
struct compactor *compactor_new(struct event_loop *loop, struct store *store,
                                uint64_t keep_revisions);
/* Harmless on NULL. */
void compactor_free(struct compactor *compactor);

/* One step; true when there is more to do at once. What the timer does. */
bool compactor_step(struct compactor *compactor);

#endif
