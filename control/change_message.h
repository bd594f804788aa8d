/* Change messages: what answers tell of objects, commits and changes, each owning all it holds, as
 * if it had been unpacked.
 *
 * Threads: main. */
#ifndef CONTROL_CHANGE_MESSAGE_H
#define CONTROL_CHANGE_MESSAGE_H

#include "common/error.h"
#include "control/store_history.h"
#include "proto/messages.h"

enum { COMMIT_SUMMARY_CHANGES = 5 }; /* that a Commit message names */

/* Room for one more item in a repeated field that has `count`. */
void *message_list_grow(void *items, size_t count);

Pointsman__V1__Change *change_message_new(Pointsman__V1__ChangeKind change,
                                          Pointsman__V1__ObjectKind kind, struct slice name);
/* Of a change in the log, without before and after. */
Pointsman__V1__Change *change_message_of(const struct store_change *change);

/* The object in these bytes. NULL on error. */
Pointsman__V1__Object *object_message_new(Pointsman__V1__ObjectKind kind, struct slice bytes,
                                          struct error *err);
/* Adds what was there before and after. */
bool change_message_add_objects(Pointsman__V1__Change *message, const struct store_change *change,
                                struct error *err);

/* With the first of its changes. NULL on error. */
Pointsman__V1__Commit *
commit_message_of(struct store *store, const struct store_logged_commit *commit, struct error *err);
/* The same by revision. ERROR_OUT_OF_RANGE. */
Pointsman__V1__Commit *commit_message_read(struct store *store, uint64_t revision,
                                           struct error *err);

#endif
