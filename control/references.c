#include "control/references.h"

#include "common/buffer.h"
#include "proxy/routing/route_validate.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

struct visit {
    const RouteMessage *route;
    reference_visit_fn *on_reference;
    void *context;
};

static void visit_reference(const struct visit *visit, struct reference reference,
                            const char *namespace, const char *name)
{
    char full_name[OBJECT_NAME_BYTES];
    if (backend_ref_names_backend(reference.group, reference.kind)) {
        object_name_resolve(visit->route->name, namespace, name, full_name);
        reference.backend = full_name;
    }
    visit->on_reference(visit->context, &reference);
}

/* What a filter names, and for what; NULL: nothing. */
static const Pointsman__V1__BackendObjectReference *target_of(const FilterMessage *filter,
                                                              enum reference_use *use)
{
    switch ((int)filter->kind_case) {
    case POINTSMAN__V1__FILTER__KIND_REQUEST_MIRROR:
        *use = REFERENCE_MIRROR;
        return filter->request_mirror->backend_ref;
    case POINTSMAN__V1__FILTER__KIND_EXTERNAL_AUTH:
        *use = REFERENCE_AUTHORIZATION;
        return filter->external_auth->backend_ref;
    default:
        return NULL;
    }
}

/* `where` says whose filters they are. */
static void visit_filters(const struct visit *visit, struct reference where,
                          FilterMessage **filters, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct reference reference = where;
        const Pointsman__V1__BackendObjectReference *target = target_of(filters[i], &reference.use);
        if (target == NULL)
            continue;
        reference.filter = i;
        reference.needs_http2 =
            reference.use == REFERENCE_AUTHORIZATION && filters[i]->external_auth->grpc != NULL;
        reference.group = target->group;
        reference.kind = target->kind;
        reference.port = target->port;
        visit_reference(visit, reference, target->namespace_, target->name);
    }
}

void references_each(const RouteMessage *route, reference_visit_fn *on_reference, void *context)
{
    const struct visit visit = {.route = route, .on_reference = on_reference, .context = context};
    for (size_t i = 0; i < route->n_rules; i++) {
        const RouteRuleMessage *rule = route->rules[i];
        struct reference reference = {.rule = i, .backend_ref = SIZE_MAX};
        visit_filters(&visit, reference, rule->filters, rule->n_filters);

        for (size_t j = 0; j < rule->n_backend_refs; j++) {
            const BackendRefMessage *target = rule->backend_refs[j];
            reference.backend_ref = j;
            reference.group = target->group;
            reference.kind = target->kind;
            reference.port = target->port;
            visit_reference(&visit, reference, target->namespace_, target->name);
            visit_filters(&visit, reference, target->filters, target->n_filters);
        }
    }
}

void reference_field(const struct reference *reference, char field[REFERENCE_FIELD_BYTES])
{
    static const char *const filters[] = {
        [REFERENCE_MIRROR] = "request_mirror", [REFERENCE_AUTHORIZATION] = "external_auth"};
    char backend_ref[64] = "";
    char filter[64] = "";
    if (reference->backend_ref != SIZE_MAX)
        snprintf(backend_ref, sizeof(backend_ref), ".backend_refs[%zu]", reference->backend_ref);
    if (reference->use != REFERENCE_FORWARD)
        snprintf(filter, sizeof(filter), ".filters[%zu].%s.backend_ref", reference->filter,
                 filters[reference->use]);
    snprintf(field, REFERENCE_FIELD_BYTES, "rules[%zu]%s%s", reference->rule, backend_ref, filter);
}

void reference_list_add(struct reference_list *list, const char *name)
{
    list->names = memory_reallocate(list->names, (list->count + 1) * sizeof(list->names[0]));
    list->names[list->count++] = memory_duplicate_string(name);
}

static void append_names(void *context, const struct reference *reference)
{
    struct reference_list *list = context;
    if (reference->backend == NULL)
        return;
    reference_list_add(list, reference->backend);
    struct slice for_all = object_name_for_all_namespaces(slice_from_string(reference->backend));
    if (for_all.length > 0)
        reference_list_add(list, for_all.at);
}

void references_collect(const RouteMessage *route, struct reference_list *list)
{
    references_each(route, append_names, list);
}

void reference_list_clear(struct reference_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        free(list->names[i]);
    free(list->names);
    *list = (struct reference_list){0};
}
