/* Mutation: one of the changes of an Apply, without regard to which of the four kinds it is.
 *
 * Threads: any. */
#ifndef CONTROL_MUTATION_H
#define CONTROL_MUTATION_H

#include "common/arena.h"
#include "common/buffer.h"
#include "proto/messages.h"
#include "proxy/routing/route_validate.h"

#include <stdbool.h>
#include <stddef.h>

/* How errors name a mutation's fields. */
enum mutation_naming {
    MUTATION_BY_INDEX, /* "mutations[3].put_route.rules[0].name" */
    MUTATION_SINGLE,   /* "route.rules[0].name": the request has just this one */
    MUTATION_BY_NAME,  /* "route shop.rules[0].name": the request did not spell it out */
};

/* All borrowed from the request, and the arena that it was read with. */
struct mutation {
    const MutationMessage *message;
    enum mutation_naming naming;
    size_t index;
    Pointsman__V1__ObjectKind kind;
    const char *name; /* of a route: its id, proto/route_id.h */
    bool is_put;
    bool has_deleted; /* set by whoever runs it: the object was there, and is gone */
};

/* False when the message names no operation. */
bool mutation_read(const MutationMessage *message, enum mutation_naming naming, size_t index,
                   struct arena *arena, struct mutation *mutation);

/* "route" or "backend". */
const char *object_kind_name(Pointsman__V1__ObjectKind kind);

/* The name of a backend, or the id of a route. */
bool object_id_is_valid(Pointsman__V1__ObjectKind kind, const char *id);

/* Reports what is wrong with the object of a put, or the name of a delete. */
bool mutation_validate(const struct mutation *mutation, validate_report_fn *report, void *context);

/* When an object came to be; ties between routes go by it. */
struct creation {
    uint64_t revision;
    uint32_t order; /* of routes: among those of the revision */
};

/* What the object of a put says of its own creation */
struct creation mutation_creation(const struct mutation *mutation);

/* Packs the object of a put with these revisions instead of its own. Replaces what is in `to`. */
void mutation_pack(const struct mutation *mutation, struct creation created, uint64_t revision,
                   struct buffer *to);

enum { MUTATION_FIELD_BYTES = 1024 };

/* Where `field` (or "": the object) of the mutation's object stands in the request. */
void mutation_field(const struct mutation *mutation, const char *field, char *to);
/* The same for what stands beside the object: "precondition". */
void mutation_side_field(const struct mutation *mutation, const char *field, char *to);

/* By kind and name, then index. For qsort and bsearch of struct mutation. */
int mutation_compare(const void *a, const void *b);

#endif
