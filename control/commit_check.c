#include "control/commit_parts.h"
#include "control/proxy_registry.h"
#include "control/references.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROUTES_NAMED = 5 }; /* of those that keep a backend from being removed */

static bool is_named(const struct commit *commit, Pointsman__V1__ObjectKind kind, const char *name)
{
    const struct mutation key = {.kind = kind, .name = name};
    return bsearch(&key, commit->sorted, commit->count, sizeof(key), mutation_compare) != NULL;
}

/* The backend of a removed route goes too when asked, unless something names it: another route,
 * or a mutation that says what shall become of it. */
static bool delete_unused_backend(struct commit *commit, const struct mutation *mutation)
{
    Pointsman__V1__ObjectKind kind = POINTSMAN__V1__OBJECT_KIND__OBJECT_KIND_BACKEND;
    struct store_record record = {0};
    uint64_t routes;
    bool is_there;
    bool is_held;
    if (is_named(commit, kind, mutation->name))
        return true;
    if (!commit_is_held(commit, kind, mutation->name, &is_held) || is_held)
        return is_held;
    if (!store_routes_naming(commit->store, mutation->name, 0, NULL, NULL, &routes, commit->err))
        return false;
    bool is_done = routes > 0 || commit_look_up(commit, kind, mutation->name, &record, &is_there);
    if (is_done && routes == 0 && is_there)
        is_done = commit_write_delete(commit, kind, mutation->name, &record);
    store_record_clear(&record);
    return is_done;
}

static void append_route(void *context, const char *route)
{
    struct buffer *names = context;
    if (names->length > 0)
        buffer_append_string(names, ", ");
    buffer_append_string(names, route);
}

static bool check_unused(struct commit *commit, const struct mutation *mutation)
{
    struct buffer names = BUFFER_EMPTY;
    uint64_t routes;
    if (!store_routes_naming(commit->store, mutation->name, ROUTES_NAMED, append_route, &names,
                             &routes, commit->err)) {
        buffer_clear(&names);
        return false;
    }

    if (routes > 0) {
        char field[MUTATION_FIELD_BYTES];
        mutation_field(mutation, "", field);
        const char *more = routes > ROUTES_NAMED ? ", ..." : "";
        if (mutation->message->force)
            answer_add_warning(commit->answer, mutation->kind, mutation->name, "",
                               "%" PRIu64 " routes still name it: %s%s", routes,
                               buffer_string(&names), more);
        else
            violations_add(commit->violations, ERROR_IN_USE, field,
                           "backend '%s' is named by %" PRIu64 " routes: %s%s", mutation->name,
                           routes, buffer_string(&names), more);
    }
    buffer_clear(&names);
    return true;
}

struct reference_check {
    struct commit *commit;
    const char *route;
    bool has_failed;
};

static void warn_of_reference(struct reference_check *check, const struct reference *reference,
                              const char *part, const char *what)
{
    char field[MUTATION_FIELD_BYTES];
    snprintf(field, sizeof(field), "%s.%s", reference->field, part);
    answer_add_warning(check->commit->answer, POINTSMAN__V1__OBJECT_KIND__OBJECT_KIND_ROUTE,
                       check->route, field, "%s: %s", what,
                       reference->is_mirror ? "nothing is copied to it"
                                            : "its share of requests answers 500");
}

/* Of what is no Backend, nothing can serve a request. */
static void warn_of_kind(struct reference_check *check, const struct reference *reference)
{
    struct buffer what = BUFFER_EMPTY;
    buffer_printf(&what, "'%s' of group '%s' is not known", reference->kind, reference->group);
    warn_of_reference(check, reference, "kind", buffer_string(&what));
    buffer_clear(&what);
}

static void warn_when_missing(void *context, const struct reference *reference)
{
    struct reference_check *check = context;
    struct store_record record = {0};
    bool is_there = true;
    if (check->has_failed)
        return;
    if (reference->backend == NULL) {
        warn_of_kind(check, reference);
        return;
    }
    check->has_failed =
        !commit_look_up(check->commit, POINTSMAN__V1__OBJECT_KIND__OBJECT_KIND_BACKEND,
                        reference->backend, &record, &is_there);
    if (!check->has_failed && !is_there) {
        struct buffer what = BUFFER_EMPTY;
        buffer_printf(&what, "there is no backend '%s'", reference->backend);
        warn_of_reference(check, reference, "name", buffer_string(&what));
        buffer_clear(&what);
    }
    store_record_clear(&record);
}

static void warn_of_listeners(struct commit *commit, const RouteMessage *route)
{
    for (size_t i = 0; i < route->n_parent_refs; i++) {
        const ParentRefMessage *parent = route->parent_refs[i];
        if ((parent->section_name[0] == '\0' && parent->port == 0) ||
            proxy_registry_has_listener(commit->proxies, parent->section_name, parent->port))
            continue;
        char field[64];
        snprintf(field, sizeof(field), "parent_refs[%zu]", i);
        answer_add_warning(commit->answer, POINTSMAN__V1__OBJECT_KIND__OBJECT_KIND_ROUTE,
                           route->name, field, "no connected proxy has such a listener");
    }
}

static bool warn_of_references(struct commit *commit, const RouteMessage *route)
{
    struct reference_check check = {.commit = commit, .route = route->name};
    references_each(route, warn_when_missing, &check);
    warn_of_listeners(commit, route);
    return !check.has_failed;
}

/* What a later replace_all with these labels would not see. */
static void warn_of_labels(struct commit *commit, const struct mutation *mutation)
{
    const Pointsman__V1__ApplyRequest *apply = commit->request->apply;
    bool is_route = mutation->kind == POINTSMAN__V1__OBJECT_KIND__OBJECT_KIND_ROUTE;
    LabelMessage *const *labels =
        is_route ? mutation->message->put_route->labels : mutation->message->put_backend->labels;
    size_t count = is_route ? mutation->message->put_route->n_labels
                            : mutation->message->put_backend->n_labels;
    for (size_t i = 0; i < apply->n_replace_all; i++) {
        const LabelMessage *wanted = apply->replace_all[i];
        bool has_label = false;
        for (size_t j = 0; j < count && !has_label; j++)
            has_label = strcmp(labels[j]->key, wanted->key) == 0 &&
                        strcmp(labels[j]->value, wanted->value) == 0;
        if (!has_label) {
            answer_add_warning(commit->answer, mutation->kind, mutation->name, "labels",
                               "%s=%s is not among them: left out later, it would stay",
                               wanted->key, wanted->value);
            return;
        }
    }
}

bool commit_check_whole(struct commit *commit)
{
    for (size_t i = 0; i < commit->count; i++) {
        const struct mutation *mutation = &commit->mutations[i];
        if (mutation->has_deleted && mutation->message->delete_unused_backend &&
            mutation->kind == POINTSMAN__V1__OBJECT_KIND__OBJECT_KIND_ROUTE &&
            !delete_unused_backend(commit, mutation))
            return false;
    }
    for (size_t i = 0; i < commit->count; i++) {
        const struct mutation *mutation = &commit->mutations[i];
        bool is_route = mutation->kind == POINTSMAN__V1__OBJECT_KIND__OBJECT_KIND_ROUTE;
        if (mutation->is_put)
            warn_of_labels(commit, mutation);
        if (!mutation->is_put && !is_route && !check_unused(commit, mutation))
            return false;
        if (mutation->is_put && is_route &&
            !warn_of_references(commit, mutation->message->put_route))
            return false;
    }
    return true;
}
