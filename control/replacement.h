/* Replacement: the objects with some labels, so that those a commit does not name can be deleted
 * with it.
 *
 * All objects are looked at, a little at a time, at the head as it was. What has changed until the
 * commit is then looked at again, so that the commit deletes by what is true when it is made.
 *
 * Threads: main. */
#ifndef CONTROL_REPLACEMENT_H
#define CONTROL_REPLACEMENT_H

#include "control/commit.h"

enum { REPLACEMENT_DELETES_MAX = 10000 };

struct event_loop;
struct replacement;

/* For this request, which outlives it. Once it has read all, `on_read` is called: with `err` NULL,
 * the replacement can fill a commit. It may be freed in there. */
struct replacement *replacement_new(struct event_loop *loop, struct store *store,
                                    const Pointsman__V1__ApplyRequest *apply,
                                    void (*on_read)(void *context, const struct error *err),
                                    void *context);
/* Harmless on NULL, and before it has read all. */
void replacement_free(struct replacement *replacement);

/* Reads the first piece, in here, and the others from the loop. */
void replacement_start(struct replacement *replacement);

/* A commit_fill_fn; the context is a struct replacement that has read all. No commit may have been
 * made in the open transaction. */
bool replacement_fill(void *context, struct store *store, struct mutation_list *list,
                      struct violations *violations, struct error *err);

#endif
