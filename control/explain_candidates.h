/* Explain candidates: changes that are not made, as if they had been.
 *
 * Threads: main. */
#ifndef CONTROL_EXPLAIN_CANDIDATES_H
#define CONTROL_EXPLAIN_CANDIDATES_H

#include "common/buffer.h"
#include "control/mutation.h"
#include "control/violations.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct candidate {
    struct mutation mutation;
    struct creation created; /* of the object that is there; revision 0: none is */
};

struct explain_candidates {
    struct arena names;
    struct candidate *items; /* by kind and name */
    size_t count;
};

/* Adds to `violations` what a commit would refuse in the mutations themselves. They are borrowed
 * until the candidates are cleared, which is to be done in any case. */
void explain_candidates_read(struct explain_candidates *candidates,
                             MutationMessage *const *mutations, size_t count,
                             struct violations *violations);
void explain_candidates_clear(struct explain_candidates *candidates);

/* NULL when nothing becomes of the object but what it is. */
struct candidate *explain_candidates_find(const struct explain_candidates *candidates,
                                          Pointsman__V1__ObjectKind kind, const char *name);

/* The object of a put as it would be after a commit that makes `revision`. Replaces what is in
 * `to`. */
void candidate_pack(const struct candidate *candidate, uint64_t revision, struct buffer *to);

#endif
