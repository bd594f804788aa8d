/* Confirmation: reverts the commit that waits to be confirmed, once its time is over.
 *
 * What waits, and until when, is in the store: after a restart it goes on, and what has become due
 * meanwhile is reverted at once. The revert is a commit of the daemon's own. When the store takes
 * no writes, it is tried again each second.
 *
 * Threads: main. */
#ifndef CONTROL_CONFIRMATION_H
#define CONTROL_CONFIRMATION_H

struct change_feed;
struct confirmation;
struct event_loop;
struct services;

/* All outlive it. Looks at once at what the store has. */
struct confirmation *confirmation_new(struct event_loop *loop, struct change_feed *feed,
                                      const struct services *services);
/* Harmless on NULL. */
void confirmation_free(struct confirmation *confirmation);

#endif
