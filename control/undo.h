/* Undo: the mutations that put back what a range of commits changed.
 *
 * What counts is the net change of each object over the range. An object that was changed again
 * since is a violation that names it, unless it is forced, or already is as it shall be.
 *
 * Threads: main. */
#ifndef CONTROL_UNDO_H
#define CONTROL_UNDO_H

#include "control/commit.h"

struct undo {
    uint64_t first; /* revisions, both included */
    uint64_t last;
    bool force;

    /* what undo_fill made */
    MutationMessage **items;
    size_t count;
    size_t bytes;
};

/* A commit_fill_fn; the context is a struct undo, whose items are freed by undo_clear. */
bool undo_fill(void *context, struct store *store, struct mutation_list *list,
               struct violations *violations, struct error *err);
void undo_clear(struct undo *undo);

#endif
