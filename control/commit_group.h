/* Commit group: the commits of one turn of the loop, made durable by one fsync.
 *
 * A call joins, runs its commit in the store's open transaction, and leaves its answer here. At
 * the end of the turn the transaction is ended and every call gets its answer; when that fails,
 * all of them fail and nothing has changed.
 *
 * Threads: main. */
#ifndef CONTROL_COMMIT_GROUP_H
#define CONTROL_COMMIT_GROUP_H

#include "control/store.h"

struct change_feed;
struct commit_group;
struct event_loop;
struct grpc_call;

/* Flushes at the end of each turn of `loop`. All three outlive the group. */
struct commit_group *commit_group_new(struct event_loop *loop, struct store *store,
                                      struct change_feed *feed);
/* Nothing may be pending. Harmless on NULL. */
void commit_group_free(struct commit_group *group);

/* Sees to it that the store has an open transaction. */
bool commit_group_join(struct commit_group *group, struct error *err);

/* Takes the answer of a call that has joined (both NULL: it is our own), to be freed with
 * message_free. `log_line` (copied; NULL: none) is logged as the commit's when it is durable. */
void commit_group_add(struct commit_group *group, struct grpc_call *call, ProtobufCMessage *answer,
                      const char *log_line);

/* Ends the transaction now: before anything is read that a failing fsync would take back. */
void commit_group_flush(struct commit_group *group);

#endif
