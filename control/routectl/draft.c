#include "control/routectl/draft.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { FIELD_BYTES = 256 };

struct draft_origin {
    const char *field;
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

void draft_require_absent(struct draft *draft, MutationMessage *mutation)
{
    mutation->precondition = ARENA_MESSAGE(&draft->arena, Pointsman__V1__Precondition,
                                           pointsman__v1__precondition__init);
    mutation->precondition->kind_case = POINTSMAN__V1__PRECONDITION__KIND_MUST_NOT_EXIST;
    mutation->precondition->must_not_exist = true;
}

void draft_set_origin(struct draft *draft, const char *flag, const char *value,
                      const char *field_format, ...)
{
    char field[FIELD_BYTES];
    va_list arguments;
    va_start(arguments, field_format);
    vsnprintf(field, sizeof(field), field_format, arguments);
    va_end(arguments);

    struct draft_origin origin = {
        .field =
            arena_printf(&draft->arena, "mutations[%zu].%s", draft->request.n_mutations - 1, field),
        .text = arena_printf(&draft->arena, "%s%s%s", flag, *value == '\0' ? "" : " ", value),
    };
    ARENA_APPEND(&draft->arena, draft->origins, draft->origin_count, origin);
}

/* Is `field` the same as `outer` or a part of it? */
static bool is_within(const char *field, const char *outer)
{
    size_t length = strlen(outer);
    if (strncmp(field, outer, length) != 0)
        return false;
    return field[length] == '\0' || field[length] == '.' || field[length] == '[';
}

const char *draft_find_origin(const struct draft *draft, const char *field)
{
    const struct draft_origin *nearest = NULL;
    for (size_t i = 0; i < draft->origin_count; i++) {
        const struct draft_origin *origin = &draft->origins[i];
        if (is_within(field, origin->field) &&
            (nearest == NULL || strlen(origin->field) > strlen(nearest->field)))
            nearest = origin;
    }
    return nearest == NULL ? NULL : nearest->text;
}

const char *draft_find_object_origin(const struct draft *draft, Pointsman__V1__ObjectKind kind,
                                     const char *name, const char *field)
{
    for (size_t i = 0; i < draft->request.n_mutations; i++) {
        const MutationMessage *mutation = draft->request.mutations[i];
        bool is_route = mutation->operation_case == POINTSMAN__V1__MUTATION__OPERATION_PUT_ROUTE &&
                        kind == POINTSMAN__V1__OBJECT_KIND__OBJECT_KIND_ROUTE &&
                        strcmp(mutation->put_route->name, name) == 0;
        bool is_backend =
            mutation->operation_case == POINTSMAN__V1__MUTATION__OPERATION_PUT_BACKEND &&
            kind == POINTSMAN__V1__OBJECT_KIND__OBJECT_KIND_BACKEND &&
            strcmp(mutation->put_backend->name, name) == 0;
        if (!is_route && !is_backend)
            continue;
        char path[FIELD_BYTES];
        snprintf(path, sizeof(path), "mutations[%zu].%s.%s", i,
                 is_route ? "put_route" : "put_backend", field);
        return draft_find_origin(draft, path);
    }
    return NULL;
}
