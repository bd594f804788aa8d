#include "control/references.h"

#include "common/buffer.h"
#include "proxy/routing/route_validate.h"

#include <stdio.h>
#include <stdlib.h>

enum { FIELD_BYTES = 160 };

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

static void visit_mirrors(const struct visit *visit, const char *where, FilterMessage **filters,
                          size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (filters[i]->kind_case != POINTSMAN__V1__FILTER__KIND_REQUEST_MIRROR ||
            filters[i]->request_mirror->backend_ref == NULL)
            continue;
        const Pointsman__V1__BackendObjectReference *target =
            filters[i]->request_mirror->backend_ref;
        char field[FIELD_BYTES];
        snprintf(field, sizeof(field), "%s.filters[%zu].request_mirror.backend_ref", where, i);
        struct reference reference = {
            .field = field, .group = target->group, .kind = target->kind, .is_mirror = true};
        visit_reference(visit, reference, target->namespace_, target->name);
    }
}

void references_each(const RouteMessage *route, reference_visit_fn *on_reference, void *context)
{
    const struct visit visit = {.route = route, .on_reference = on_reference, .context = context};
    for (size_t i = 0; i < route->n_rules; i++) {
        const RouteRuleMessage *rule = route->rules[i];
        char field[FIELD_BYTES];
        snprintf(field, sizeof(field), "rules[%zu]", i);
        visit_mirrors(&visit, field, rule->filters, rule->n_filters);

        for (size_t j = 0; j < rule->n_backend_refs; j++) {
            const BackendRefMessage *target = rule->backend_refs[j];
            snprintf(field, sizeof(field), "rules[%zu].backend_refs[%zu]", i, j);
            struct reference reference = {
                .field = field, .group = target->group, .kind = target->kind};
            visit_reference(&visit, reference, target->namespace_, target->name);
            visit_mirrors(&visit, field, target->filters, target->n_filters);
        }
    }
}

static void append_name(void *context, const struct reference *reference)
{
    struct reference_list *list = context;
    if (reference->backend == NULL)
        return;
    list->names = memory_reallocate(list->names, (list->count + 1) * sizeof(list->names[0]));
    list->names[list->count++] = memory_duplicate_string(reference->backend);
}

void references_collect(const RouteMessage *route, struct reference_list *list)
{
    references_each(route, append_name, list);
}

void reference_list_clear(struct reference_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        free(list->names[i]);
    free(list->names);
    *list = (struct reference_list){0};
}
