/* Checkpointer: moves the database's log into the database when that disturbs nobody.
 *
 * What was committed is durable in the log. Moving it, every so many megabytes, writes and syncs
 * all that has changed since, which takes tens of milliseconds: SQLite would have the commit that
 * makes the log too long wait for it. Here it is done once nobody has committed for a moment, or,
 * under steady load, when the log is twice as long, behind the answers.
 *
 * Threads: main. */
#ifndef CONTROL_CHECKPOINTER_H
#define CONTROL_CHECKPOINTER_H

struct checkpointer;
struct event_loop;
struct store;

/* Looks at the end of each turn of `loop`. Both outlive it. */
struct checkpointer *checkpointer_new(struct event_loop *loop, struct store *store);
/* Harmless on NULL. No turn may end afterwards. */
void checkpointer_free(struct checkpointer *checkpointer);

#endif
