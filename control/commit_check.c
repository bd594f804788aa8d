#include "common/hash.h"
#include "control/commit_parts.h"
#include "control/endpoint_lint.h"
#include "control/object_page.h"
#include "control/proxy_registry.h"
#include "control/references.h"
#include "proto/message.h"
#include "proto/route_id.h"
#include "proxy/routing/route_validate.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    ROUTES_NAMED = 5, /* of those that keep a backend from being removed */
    ROUTES_READ = 1000,
};

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
    const char *name = route_id_name_text(mutation->name);
    if (is_named(commit, kind, name))
        return true;
    if (!commit_is_held(commit, kind, name, &is_held) || is_held)
        return is_held;
    if (!store_routes_naming(commit->store, name, 0, NULL, NULL, &routes, commit->err))
        return false;
    bool is_done = routes > 0 || commit_look_up(commit, kind, name, &record, &is_there);
    if (is_done && routes == 0 && is_there)
        is_done = commit_write_delete(commit, kind, name, &record);
    store_record_clear(&record);
    return is_done;
}

/* --- looking up ------------------------------------------------------------------------------- */

/* Backends that were looked up, by a hash of name and port: the routes of a batch name few. Of two
 * that share a place, the last is known. */
enum { KNOWN_BACKENDS_MAX = 4096 };

struct known_backend {
    char *name; /* NULL: none so far */
    uint32_t port;
    bool is_there;
    char *port_problem; /* NULL: none */
    bool speaks_http2;
};

struct reference_check {
    struct commit *commit;
    const char *route; /* its id */
    struct known_backend *known;
    size_t known_count;              /* a power of two */
    struct endpoint_lint *endpoints; /* NULL: no backend was put so far */
    bool has_failed;
};

static void forget(struct known_backend *known)
{
    free(known->name);
    free(known->port_problem);
    *known = (struct known_backend){0};
}

static void read_backend(struct reference_check *check, struct slice backend,
                         struct known_backend *known)
{
    struct commit *commit = check->commit;
    struct error err = {0};
    const BackendMessage *message = (const BackendMessage *)message_arena_unpack(
        &commit->arena, &pointsman__v1__backend__descriptor, backend, MESSAGE_MEMORY_APPLY,
        UNKNOWN_FIELDS_KEPT, commit->err);
    if (message == NULL)
        check->has_failed = true;
    else if (!backend_ref_port_check(message, known->port, &err))
        known->port_problem = memory_duplicate_string(err.message);
    else
        known->speaks_http2 = backend_ref_speaks_http2(message, known->port);
    message_arena_reset(&commit->arena);
}

/* Good until the next call. */
static const struct known_backend *look_up(struct reference_check *check, const char *name,
                                           uint32_t port)
{
    uint64_t hash = hash_bytes(name, strlen(name), port);
    struct known_backend *known = &check->known[hash & (check->known_count - 1)];
    if (known->name != NULL && known->port == port && strcmp(known->name, name) == 0)
        return known;
    forget(known);
    known->name = memory_duplicate_string(name);
    known->port = port;
    struct store_record record = {0};
    if (!store_find(check->commit->store, POINTSMAN__V1__OBJECT_KIND__OBJECT_KIND_BACKEND, name,
                    &record, &known->is_there, check->commit->err))
        check->has_failed = true;
    else if (known->is_there)
        read_backend(check, buffer_slice(&record.bytes), known);
    store_record_clear(&record);
    return known;
}

/* The backend, or the one that serves in its place. */
static const struct known_backend *look_up_for(struct reference_check *check,
                                               const struct reference *reference)
{
    struct slice for_all = object_name_for_all_namespaces(slice_from_string(reference->backend));
    const struct known_backend *known = look_up(check, reference->backend, reference->port);
    if (known->is_there || for_all.length == 0)
        return known;
    return look_up(check, for_all.at, reference->port);
}

/* --- backends that are removed --------------------------------------------------------------- */

/* Of the routes that name a backend: those that would lose it. */
struct losers {
    struct reference_check *check;
    const char *backend;
    bool loses; /* the route at hand */
    struct reference_list naming;
    struct buffer names;
    uint64_t count;
};

/* Unless the backend of its own namespace, which it means, is there. */
static void note_loss(void *context, const struct reference *reference)
{
    struct losers *losers = context;
    if (losers->loses || losers->check->has_failed || reference->backend == NULL)
        return;
    struct slice name = slice_from_string(losers->backend);
    struct slice meant = slice_from_string(reference->backend);
    losers->loses = slice_equals(meant, name) ||
                    (slice_equals(object_name_for_all_namespaces(meant), name) &&
                     !look_up(losers->check, reference->backend, reference->port)->is_there);
}

static bool loses_backend(struct losers *losers, const char *route)
{
    struct commit *commit = losers->check->commit;
    struct store_record record = {0};
    bool is_there;
    losers->loses = false;
    losers->check->has_failed =
        !store_find(commit->store, POINTSMAN__V1__OBJECT_KIND__OBJECT_KIND_ROUTE, route, &record,
                    &is_there, commit->err);
    RouteMessage *message =
        is_there ? (RouteMessage *)object_unpack(POINTSMAN__V1__OBJECT_KIND__OBJECT_KIND_ROUTE,
                                                 buffer_slice(&record.bytes), NULL)
                 : NULL;
    if (message != NULL)
        references_each(message, note_loss, losers);
    message_free((ProtobufCMessage *)message);
    store_record_clear(&record);
    return losers->loses;
}

static void append_naming(void *context, const char *route)
{
    struct losers *losers = context;
    reference_list_add(&losers->naming, route);
}

/* Of very many, those that are not looked at are taken to lose it. */
static bool find_losers(struct losers *losers)
{
    struct reference_check *check = losers->check;
    size_t named = 0;
    if (!store_routes_naming(check->commit->store, losers->backend, ROUTES_READ, append_naming,
                             losers, &losers->count, check->commit->err))
        return false;
    for (size_t i = 0; i < losers->naming.count && !check->has_failed; i++) {
        const char *route = losers->naming.names[i];
        if (!loses_backend(losers, route))
            losers->count--;
        else if (named++ < ROUTES_NAMED)
            buffer_printf(&losers->names, "%s%s", named > 1 ? ", " : "", route);
    }
    return !check->has_failed;
}

static bool check_unused(struct reference_check *check, const struct mutation *mutation)
{
    struct commit *commit = check->commit;
    struct losers losers = {.check = check, .backend = mutation->name, .names = BUFFER_EMPTY};
    bool is_fine = find_losers(&losers);
    if (is_fine && losers.count > 0) {
        char field[MUTATION_FIELD_BYTES];
        mutation_field(mutation, "", field);
        const char *more = losers.count > ROUTES_NAMED ? ", ..." : "";
        if (mutation->message->force)
            answer_add_warning(commit->answer, mutation->kind, mutation->name, "",
                               "%" PRIu64 " routes still name it: %s%s", losers.count,
                               buffer_string(&losers.names), more);
        else
            violations_add(commit->violations, ERROR_IN_USE, field,
                           "backend '%s' is named by %" PRIu64 " routes: %s%s", mutation->name,
                           losers.count, buffer_string(&losers.names), more);
    }
    reference_list_clear(&losers.naming);
    buffer_clear(&losers.names);
    return is_fine;
}

/* --- what a route names ---------------------------------------------------------------------- */

/* What becomes of requests when nothing serves there. */
static const char *consequence_of(enum reference_use use)
{
    switch (use) {
    case REFERENCE_FORWARD:
        break;
    case REFERENCE_MIRROR:
        return "nothing is copied to it";
    case REFERENCE_AUTHORIZATION:
        return "nothing is allowed, all requests of the rule answer 500";
    }
    return "its share of requests answers 500";
}

static void warn_of_reference(struct reference_check *check, const struct reference *reference,
                              const char *part, const char *what)
{
    char path[REFERENCE_FIELD_BYTES];
    char field[REFERENCE_FIELD_BYTES + 8];
    reference_field(reference, path);
    snprintf(field, sizeof(field), "%s.%s", path, part);
    answer_add_warning(check->commit->answer, POINTSMAN__V1__OBJECT_KIND__OBJECT_KIND_ROUTE,
                       check->route, field, "%s: %s", what, consequence_of(reference->use));
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
    if (check->has_failed)
        return;
    if (reference->backend == NULL) {
        warn_of_kind(check, reference);
        return;
    }
    const struct known_backend *known = look_up_for(check, reference);
    if (check->has_failed)
        return;
    if (known->port_problem != NULL) {
        warn_of_reference(check, reference, "port", known->port_problem);
    } else if (!known->is_there) {
        struct buffer what = BUFFER_EMPTY;
        buffer_printf(&what, "there is no backend '%s'", reference->backend);
        warn_of_reference(check, reference, "name", buffer_string(&what));
        buffer_clear(&what);
    } else if (reference->needs_http2 && !known->speaks_http2) {
        struct buffer what = BUFFER_EMPTY;
        buffer_printf(&what, "backend '%s' does not speak HTTP/2 there, by its appProtocol",
                      known->name);
        warn_of_reference(check, reference, "name", buffer_string(&what));
        buffer_clear(&what);
    }
}

static void warn_of_listeners(struct commit *commit, const char *id, const RouteMessage *route)
{
    for (size_t i = 0; i < route->n_parent_refs; i++) {
        const ParentRefMessage *parent = route->parent_refs[i];
        if ((parent->section_name[0] == '\0' && parent->port == 0) ||
            proxy_registry_has_listener(commit->proxies, parent->section_name, parent->port))
            continue;
        char field[64];
        snprintf(field, sizeof(field), "parent_refs[%zu]", i);
        answer_add_warning(commit->answer, POINTSMAN__V1__OBJECT_KIND__OBJECT_KIND_ROUTE, id, field,
                           "no connected proxy has such a listener");
    }
}

static void warn_of_references(struct reference_check *check, const struct mutation *mutation)
{
    const RouteMessage *route = mutation->message->put_route;
    check->route = mutation->name;
    references_each(route, warn_when_missing, check);
    warn_of_listeners(check->commit, mutation->name, route);
}

static void warn_of_endpoints(struct reference_check *check, const BackendMessage *backend)
{
    if (check->endpoints == NULL)
        check->endpoints = endpoint_lint_new(check->commit->proxies);
    endpoint_lint_warn(check->endpoints, backend, check->commit->answer);
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

static void check_mutation(struct reference_check *check, const struct mutation *mutation)
{
    struct commit *commit = check->commit;
    bool is_route = mutation->kind == POINTSMAN__V1__OBJECT_KIND__OBJECT_KIND_ROUTE;
    if (mutation->is_put)
        warn_of_labels(commit, mutation);
    if (!mutation->is_put && !is_route && !check_unused(check, mutation))
        check->has_failed = true;
    if (mutation->is_put && is_route)
        warn_of_references(check, mutation);
    if (mutation->is_put && !is_route)
        warn_of_endpoints(check, mutation->message->put_backend);
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
    struct reference_check check = {.commit = commit, .known_count = 8};
    while (check.known_count < 4 * commit->count && check.known_count < KNOWN_BACKENDS_MAX)
        check.known_count *= 2;
    check.known = memory_allocate_zeroed(check.known_count, sizeof(check.known[0]));
    for (size_t i = 0; i < commit->count && !check.has_failed; i++)
        check_mutation(&check, &commit->mutations[i]);
    for (size_t i = 0; i < check.known_count; i++)
        forget(&check.known[i]);
    free(check.known);
    endpoint_lint_free(check.endpoints);
    return !check.has_failed;
}
