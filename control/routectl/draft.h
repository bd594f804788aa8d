/* Draft: a change in the making, and where each of its fields came from.
 *
 * The daemon names what it refuses by a path such as
 * mutations[1].put_route.rules[0].matches[0].path.value. Whoever makes a message from flags (or
 * from a document) records the flag (or the line) beside each field, so that the answer can be told
 * in the words that were typed.
 *
 * Threads: none shared. */
#ifndef CONTROL_ROUTECTL_DRAFT_H
#define CONTROL_ROUTECTL_DRAFT_H

#include "common/arena.h"
#include "proto/message.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct draft_origin;

struct draft {
    struct arena arena; /* owns all that the request points to */
    Pointsman__V1__ApplyRequest request;
    struct draft_origin *origins; /* in the order of the mutations */
    size_t origin_count;
    /* A hash table of the objects that documents name; numbers of mutations plus 1, 0: free. */
    size_t *claims;
    size_t claim_capacity, claim_count;
};

/* What a mutation is about. A route's id is both texts one after the other: proto/route_id.h. */
struct draft_object {
    Pointsman__V1__ObjectKind kind;
    const char *id_start;
    const char *name; /* borrowed; "" while it has none */
};

/* What its mutations may take in one request, which has a message and an id besides. */
enum { DRAFT_BYTES_MAX = APPLY_BYTES_MAX - 4096 };

void draft_init(struct draft *draft);
void draft_clear(struct draft *draft);

/* A new mutation at the end of the request. Owned by the draft. */
MutationMessage *draft_add_mutation(struct draft *draft);

/* Adds a mutation of another draft, with where its fields came from, and claims its object. Borrows
 * all of it. */
void draft_take(struct draft *draft, const struct draft *from, size_t number);

/* Makes it the removal of the object that others call `id`; borrows that. */
void draft_set_removal(MutationMessage *mutation, Pointsman__V1__ObjectKind kind, char *id);

/* Whether one commit can hold all of it. */
bool draft_fits(const struct draft *draft);

/* The object that the mutation puts must not exist. */
void draft_require_absent(struct draft *draft, MutationMessage *mutation);
/* The object that the mutation is about must be at this revision. */
void draft_require_revision(struct draft *draft, MutationMessage *mutation, uint64_t revision);

struct draft_object draft_object(const MutationMessage *mutation);
/* The object that others call so: a route by its id. */
struct draft_object draft_object_called(Pointsman__V1__ObjectKind kind, const char *id);
bool draft_object_equals(struct draft_object a, struct draft_object b);

/* Claims the object of the newest mutation for it. False when an earlier one has claimed it:
 * *earlier is its number. */
bool draft_claim(struct draft *draft, size_t *earlier);
/* The mutation that claimed this object; NULL, or false, when none did. */
const MutationMessage *draft_find(const struct draft *draft, Pointsman__V1__ObjectKind kind,
                                  const char *id);
bool draft_find_number(const struct draft *draft, Pointsman__V1__ObjectKind kind, const char *id,
                       size_t *number);

/* Says that a field of the newest mutation (a path below it, "put_route.hostnames[0]") was given
 * by this flag with this value, or "". Copies. */
void draft_set_origin(struct draft *draft, const char *flag, const char *value,
                      const char *field_format, ...) __attribute__((format(printf, 4, 5)));

/* What was recorded for the field (a path from the request on) or the nearest one around it, as
 * "--host shop.internal"; NULL when there is none. Borrowed until the draft is cleared. */
const char *draft_find_origin(const struct draft *draft, const char *field);
/* The same for a path from a mutation on, "put_route.hostnames[0]". */
const char *draft_find_mutation_origin(const struct draft *draft, size_t mutation,
                                       const char *field);
/* The same; *rest is what follows in `field` behind the field it is about, ".name" or "". */
const char *draft_find_nearest_origin(const struct draft *draft, size_t mutation, const char *field,
                                      const char **rest);

/* Is `field` the same as `outer` or a part of it? Both are paths. */
bool draft_is_within(const char *field, const char *outer);
/* The same for a field of the object that is put and others call so, a path from the object on. */
const char *draft_find_object_origin(const struct draft *draft, Pointsman__V1__ObjectKind kind,
                                     const char *id, const char *field);

#endif
