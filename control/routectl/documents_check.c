#include "control/routectl/documents.h"
#include "proxy/routing/route_validate.h"

#include <stdio.h>
#include <string.h>

enum { FIELD_BYTES = 256 };

struct check {
    const struct draft *draft;
    size_t mutation;
    document_report_fn *report;
    void *context;
};

/* Remarks on a field of the object at hand, by the place it came from. */
static void remark(const struct check *check, enum document_remark kind, const char *field,
                   const char *message)
{
    const MutationMessage *mutation = check->draft->request.mutations[check->mutation];
    bool is_route = mutation->operation_case == POINTSMAN__V1__MUTATION__OPERATION_PUT_ROUTE;
    const char *operation = is_route ? "put_route" : "put_backend";
    char path[FIELD_BYTES];
    snprintf(path, sizeof(path), "%s%s%s", operation, *field == '\0' ? "" : ".", field);
    const char *place = draft_find_mutation_origin(check->draft, check->mutation, path);
    if (place == NULL) { /* of a field that is not there: the object */
        snprintf(path, sizeof(path), "%s.name", operation);
        place = draft_find_mutation_origin(check->draft, check->mutation, path);
    }

    struct buffer text = BUFFER_EMPTY;
    buffer_printf(&text, "%s: %s", place == NULL ? field : place, message);
    check->report(check->context, kind, buffer_string(&text));
    buffer_clear(&text);
}

static void on_problem(void *context, const char *field, const char *message)
{
    remark(context, DOCUMENT_ERROR, field, message);
}

bool documents_check(const struct draft *draft, document_report_fn *report, void *context)
{
    struct check check = {.draft = draft, .report = report, .context = context};
    size_t broken = 0;
    bool is_good = true;
    for (size_t i = 0; i < draft->request.n_mutations; i++) {
        if (broken < draft->broken_count && draft->broken[broken] == i) {
            broken++;
            continue;
        }
        const MutationMessage *mutation = draft->request.mutations[i];
        check.mutation = i;
        is_good &= mutation->operation_case == POINTSMAN__V1__MUTATION__OPERATION_PUT_ROUTE
                       ? route_validate(mutation->put_route, on_problem, &check)
                       : backend_validate(mutation->put_backend, on_problem, &check);
    }
    return is_good;
}
