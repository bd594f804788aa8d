/* Draft parts: the commits that a change takes which is too large to be one.
 *
 * A commit is all or nothing, and bounded. So of a draft that does not fit into one, whatever is
 * already as it shall be is left out first; what is left is one commit, if it fits. Else it takes
 * several, of which each is all or nothing, and each can be made when those before it are: backends
 * are put before the routes that name them, the routes that are to be the older ones before the
 * others, and removals come last.
 *
 * Threads: main. */
#ifndef CONTROL_ROUTECTL_DRAFT_PARTS_H
#define CONTROL_ROUTECTL_DRAFT_PARTS_H

#include "control/routectl/draft.h"
#include "control/routectl/exit_code.h"
#include "control/routectl/session.h"

struct draft_parts {
    struct draft *items; /* borrow what the whole draft holds */
    size_t count;        /* 0: everything is as it shall be */
    size_t same_count;   /* objects that are, and were left out */
    uint64_t revision;   /* of what there was */
};

/* Reads what there is, and takes the draft apart, each of whose mutations must be claimed for its
 * object. `whole` gets mutations for what --prune removes, and is used through the parts until
 * these are cleared. Clear it whatever is returned. */
enum exit_code draft_parts_make(struct draft_parts *parts, struct session *session,
                                struct draft *whole);
void draft_parts_clear(struct draft_parts *parts);

#endif
