#include "control/routectl/draft.h"

#include "common/hash.h"
#include "proto/route_id.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FIELD_BYTES = 256 };

struct draft_origin {
    size_t mutation;
    const char *field; /* below the mutation */
    const char *text;
};

void draft_init(struct draft *draft)
{
    memset(draft, 0, sizeof(*draft));
    pointsman__v1__apply_request__init(&draft->request);
}

void draft_clear(struct draft *draft)
{
    arena_clear(&draft->arena);
    draft_init(draft);
}

MutationMessage *draft_add_mutation(struct draft *draft)
{
    MutationMessage *mutation =
        ARENA_MESSAGE(&draft->arena, MutationMessage, pointsman__v1__mutation__init);
    ARENA_APPEND(&draft->arena, draft->request.mutations, draft->request.n_mutations, mutation);
    return mutation;
}

void draft_set_removal(MutationMessage *mutation, Pointsman__V1__ObjectKind kind, char *id)
{
    if (kind == POINTSMAN__V1__OBJECT_KIND__OBJECT_KIND_ROUTE) {
        mutation->operation_case = POINTSMAN__V1__MUTATION__OPERATION_DELETE_ROUTE;
        mutation->delete_route = id;
    } else {
        mutation->operation_case = POINTSMAN__V1__MUTATION__OPERATION_DELETE_BACKEND;
        mutation->delete_backend = id;
    }
}

bool draft_fits(const struct draft *draft)
{
    return draft->request.n_mutations <= APPLY_MUTATIONS_MAX &&
           protobuf_c_message_get_packed_size(&draft->request.base) <= DRAFT_BYTES_MAX;
}

static Pointsman__V1__Precondition *add_precondition(struct draft *draft, MutationMessage *mutation)
{
    mutation->precondition = ARENA_MESSAGE(&draft->arena, Pointsman__V1__Precondition,
                                           pointsman__v1__precondition__init);
    return mutation->precondition;
}

void draft_require_absent(struct draft *draft, MutationMessage *mutation)
{
    Pointsman__V1__Precondition *precondition = add_precondition(draft, mutation);
    precondition->kind_case = POINTSMAN__V1__PRECONDITION__KIND_MUST_NOT_EXIST;
    precondition->must_not_exist = true;
}

void draft_require_revision(struct draft *draft, MutationMessage *mutation, uint64_t revision)
{
    Pointsman__V1__Precondition *precondition = add_precondition(draft, mutation);
    precondition->kind_case = POINTSMAN__V1__PRECONDITION__KIND_REVISION_IS;
    precondition->revision_is = revision;
}

/* --- objects ---------------------------------------------------------------------------------- */

struct draft_object draft_object_called(Pointsman__V1__ObjectKind kind, const char *id)
{
    const struct slice text = slice_from_string(id);
    return (struct draft_object){kind, route_id_start(route_id_kind(text)), route_id_name(text).at};
}

struct draft_object draft_object(const MutationMessage *mutation)
{
    switch (mutation->operation_case) {
    case POINTSMAN__V1__MUTATION__OPERATION_PUT_ROUTE:
        return (struct draft_object){POINTSMAN__V1__OBJECT_KIND__OBJECT_KIND_ROUTE,
                                     route_id_start(mutation->put_route->kind),
                                     mutation->put_route->name};
    case POINTSMAN__V1__MUTATION__OPERATION_DELETE_ROUTE:
        return draft_object_called(POINTSMAN__V1__OBJECT_KIND__OBJECT_KIND_ROUTE,
                                   mutation->delete_route);
    case POINTSMAN__V1__MUTATION__OPERATION_PUT_BACKEND:
        return (struct draft_object){POINTSMAN__V1__OBJECT_KIND__OBJECT_KIND_BACKEND, "",
                                     mutation->put_backend->name};
    case POINTSMAN__V1__MUTATION__OPERATION_DELETE_BACKEND:
        return (struct draft_object){POINTSMAN__V1__OBJECT_KIND__OBJECT_KIND_BACKEND, "",
                                     mutation->delete_backend};
    case POINTSMAN__V1__MUTATION__OPERATION__NOT_SET:
    case _POINTSMAN__V1__MUTATION__OPERATION__CASE_IS_INT_SIZE:
        break;
    }
    return (struct draft_object){.id_start = "", .name = ""};
}

bool draft_object_equals(struct draft_object a, struct draft_object b)
{
    return a.kind == b.kind && strcmp(a.name, b.name) == 0 && strcmp(a.id_start, b.id_start) == 0;
}

/* Where this object stands in the table of claims, or would. The table is never full. */
static size_t *find_claim(const struct draft *draft, struct draft_object object)
{
    size_t mask = draft->claim_capacity - 1;
    size_t at = (size_t)hash_bytes(object.name, strlen(object.name), (uint64_t)object.kind) & mask;
    for (; draft->claims[at] != 0; at = (at + 1) & mask) {
        struct draft_object other = draft_object(draft->request.mutations[draft->claims[at] - 1]);
        if (draft_object_equals(other, object))
            break;
    }
    return &draft->claims[at];
}

static void grow_claims(struct draft *draft)
{
    enum { FIRST_CAPACITY = 16 };
    size_t *old = draft->claims;
    size_t old_capacity = draft->claim_capacity;
    draft->claim_capacity = old_capacity == 0 ? FIRST_CAPACITY : 2 * old_capacity;
    draft->claims = arena_allocate(&draft->arena, draft->claim_capacity * sizeof(*draft->claims));
    for (size_t i = 0; i < old_capacity; i++) {
        if (old[i] != 0)
            *find_claim(draft, draft_object(draft->request.mutations[old[i] - 1])) = old[i];
    }
}

bool draft_claim(struct draft *draft, size_t *earlier)
{
    if (2 * draft->claim_count >= draft->claim_capacity)
        grow_claims(draft);
    size_t number = draft->request.n_mutations;
    size_t *claim = find_claim(draft, draft_object(draft->request.mutations[number - 1]));
    if (*claim != 0) {
        *earlier = *claim - 1;
        return false;
    }
    *claim = number;
    draft->claim_count++;
    return true;
}

bool draft_find_number(const struct draft *draft, Pointsman__V1__ObjectKind kind, const char *id,
                       size_t *number)
{
    if (draft->claim_count == 0)
        return false;
    size_t claim = *find_claim(draft, draft_object_called(kind, id));
    if (claim != 0)
        *number = claim - 1;
    return claim != 0;
}

const MutationMessage *draft_find(const struct draft *draft, Pointsman__V1__ObjectKind kind,
                                  const char *id)
{
    size_t number;
    return draft_find_number(draft, kind, id, &number) ? draft->request.mutations[number] : NULL;
}

/* --- origins ---------------------------------------------------------------------------------- */

void draft_set_origin(struct draft *draft, const char *flag, const char *value,
                      const char *field_format, ...)
{
    char field[FIELD_BYTES];
    va_list arguments;
    va_start(arguments, field_format);
    vsnprintf(field, sizeof(field), field_format, arguments);
    va_end(arguments);

    struct draft_origin origin = {
        .mutation = draft->request.n_mutations - 1,
        .field = arena_string(&draft->arena, field, strlen(field)),
        .text = arena_printf(&draft->arena, "%s%s%s", flag, *value == '\0' ? "" : " ", value),
    };
    ARENA_APPEND(&draft->arena, draft->origins, draft->origin_count, origin);
}

bool draft_is_within(const char *field, const char *outer)
{
    size_t length = strlen(outer);
    if (strncmp(field, outer, length) != 0)
        return false;
    return field[length] == '\0' || field[length] == '.' || field[length] == '[';
}

/* The first origin of a mutation, or of one behind it. */
static size_t first_origin(const struct draft *draft, size_t mutation)
{
    size_t from = 0, to = draft->origin_count;
    while (from < to) {
        size_t middle = from + (to - from) / 2;
        if (draft->origins[middle].mutation < mutation)
            from = middle + 1;
        else
            to = middle;
    }
    return from;
}

void draft_take(struct draft *draft, const struct draft *from, size_t number)
{
    ARENA_APPEND(&draft->arena, draft->request.mutations, draft->request.n_mutations,
                 from->request.mutations[number]);
    for (size_t i = first_origin(from, number);
         i < from->origin_count && from->origins[i].mutation == number; i++) {
        struct draft_origin origin = from->origins[i];
        origin.mutation = draft->request.n_mutations - 1;
        ARENA_APPEND(&draft->arena, draft->origins, draft->origin_count, origin);
    }
    size_t earlier;
    draft_claim(draft, &earlier);
}

const char *draft_find_nearest_origin(const struct draft *draft, size_t mutation, const char *field,
                                      const char **rest)
{
    const struct draft_origin *nearest = NULL;
    for (size_t i = first_origin(draft, mutation);
         i < draft->origin_count && draft->origins[i].mutation == mutation; i++) {
        const struct draft_origin *origin = &draft->origins[i];
        if (draft_is_within(field, origin->field) &&
            (nearest == NULL || strlen(origin->field) > strlen(nearest->field)))
            nearest = origin;
    }
    *rest = nearest == NULL ? field : field + strlen(nearest->field);
    return nearest == NULL ? NULL : nearest->text;
}

const char *draft_find_mutation_origin(const struct draft *draft, size_t mutation,
                                       const char *field)
{
    const char *rest;
    return draft_find_nearest_origin(draft, mutation, field, &rest);
}

const char *draft_find_origin(const struct draft *draft, const char *field)
{
    static const char start[] = "mutations[";
    if (strncmp(field, start, sizeof(start) - 1) != 0)
        return NULL;
    char *end;
    size_t mutation = strtoul(field + sizeof(start) - 1, &end, 10);
    return strncmp(end, "].", 2) == 0 ? draft_find_mutation_origin(draft, mutation, end + 2) : NULL;
}

/* The number of the mutation about this object, plus 1; 0 when there is none. */
static size_t find_mutation(const struct draft *draft, struct draft_object object)
{
    if (draft->claim_count > 0)
        return *find_claim(draft, object);
    for (size_t i = 0; i < draft->request.n_mutations; i++) {
        struct draft_object other = draft_object(draft->request.mutations[i]);
        if (draft_object_equals(other, object))
            return i + 1;
    }
    return 0;
}

const char *draft_find_object_origin(const struct draft *draft, Pointsman__V1__ObjectKind kind,
                                     const char *id, const char *field)
{
    size_t number = find_mutation(draft, draft_object_called(kind, id));
    if (number == 0)
        return NULL;
    bool is_route = kind == POINTSMAN__V1__OBJECT_KIND__OBJECT_KIND_ROUTE;
    char path[FIELD_BYTES];
    snprintf(path, sizeof(path), "%s.%s", is_route ? "put_route" : "put_backend", field);
    return draft_find_mutation_origin(draft, number - 1, path);
}
