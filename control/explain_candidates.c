#include "control/explain_candidates.h"

#include "proto/message.h"

#include <stdio.h>
#include <stdlib.h>

struct validation {
    const struct mutation *mutation;
    struct violations *violations;
};

static void on_invalid(void *context, const char *field, const char *message)
{
    const struct validation *validation = context;
    char path[MUTATION_FIELD_BYTES];
    mutation_field(validation->mutation, field, path);
    violations_add(validation->violations, ERROR_INVALID, path, "%s", message);
}

static void refuse_repeated_names(const struct explain_candidates *candidates,
                                  struct violations *violations)
{
    for (size_t i = 1; i < candidates->count; i++) {
        struct validation validation = {&candidates->items[i].mutation, violations};
        if (mutation_compare(validation.mutation, &candidates->items[i - 1].mutation) == 0)
            on_invalid(&validation, "", "another mutation names the same object");
    }
}

void explain_candidates_read(struct explain_candidates *candidates,
                             MutationMessage *const *mutations, size_t count,
                             struct violations *violations)
{
    *candidates = (struct explain_candidates){0};
    if (count == 0)
        return;
    if (count > APPLY_MUTATIONS_MAX) {
        violations_add(violations, ERROR_LIMIT, "mutations", "%zu of them, at most %d", count,
                       APPLY_MUTATIONS_MAX);
        return;
    }
    candidates->items = memory_allocate_zeroed(count, sizeof(candidates->items[0]));
    for (size_t i = 0; i < count; i++) {
        struct mutation *mutation = &candidates->items[candidates->count].mutation;
        struct validation validation = {mutation, violations};
        char field[32];
        if (!mutation_read(mutations[i], MUTATION_BY_INDEX, i, &candidates->names, mutation)) {
            snprintf(field, sizeof(field), "mutations[%zu]", i);
            violations_add(violations, ERROR_INVALID, field, "names no operation");
        } else if (mutation_validate(mutation, on_invalid, &validation)) {
            candidates->count++;
        }
    }
    /* The mutation comes first in a candidate. */
    qsort(candidates->items, candidates->count, sizeof(candidates->items[0]), mutation_compare);
    refuse_repeated_names(candidates, violations);
}

void explain_candidates_clear(struct explain_candidates *candidates)
{
    free(candidates->items);
    arena_clear(&candidates->names);
    *candidates = (struct explain_candidates){0};
}

struct candidate *explain_candidates_find(const struct explain_candidates *candidates,
                                          Pointsman__V1__ObjectKind kind, const char *name)
{
    const struct candidate key = {.mutation = {.kind = kind, .name = name}};
    if (candidates->count == 0)
        return NULL;
    return bsearch(&key, candidates->items, candidates->count, sizeof(key), mutation_compare);
}

void candidate_pack(const struct candidate *candidate, uint64_t revision, struct buffer *to)
{
    struct creation created = candidate->created;
    if (created.revision == 0)
        created = (struct creation){revision, mutation_creation(&candidate->mutation).order};
    mutation_pack(&candidate->mutation, created, revision, to);
}
