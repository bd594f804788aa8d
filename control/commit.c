#include "control/commit.h"

#include "common/hash.h"
#include "control/mutation.h"
#include "control/proxy_registry.h"
#include "control/references.h"
#include "proto/message.h"
#include "proxy/routing/route_validate.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROUTES_NAMED = 5 }; /* of those that keep a backend from being removed */

struct commit {
    struct store *store;
    const struct proxy_registry *proxies;
    const struct commit_request *request;
    AnswerMessage *answer;
    struct violations *violations;
    struct error *err;

    struct mutation *mutations; /* those that name an operation */
    size_t count;
    struct mutation *sorted; /* the same by kind and name */
    bool is_changed;
    struct buffer bytes; /* of the object at hand */
};

/* --- what is wrong ------------------------------------------------------------------------- */

struct validation {
    struct commit *commit;
    const struct mutation *mutation;
};

static void on_invalid(void *context, const char *field, const char *message)
{
    struct validation *validation = context;
    struct commit *commit = validation->commit;
    char path[MUTATION_FIELD_BYTES];
    mutation_field(validation->mutation, commit->request->is_single, field, path);
    violations_add(commit->violations, ERROR_INVALID, path, "%s", message);
}

static void refuse(struct commit *commit, const struct mutation *mutation, enum error_code code,
                   const char *text)
{
    char path[MUTATION_FIELD_BYTES];
    mutation_field(mutation, commit->request->is_single, "", path);
    violations_add(commit->violations, code, path, "%s", text);
}

static bool check_limits(const struct commit *commit)
{
    const Pointsman__V1__ApplyRequest *apply = commit->request->apply;
    if (apply->n_mutations == 0)
        violations_add(commit->violations, ERROR_INVALID, "mutations", "there are none");
    if (apply->n_mutations > APPLY_MUTATIONS_MAX)
        violations_add(commit->violations, ERROR_LIMIT, "mutations", "%zu of them, at most %d",
                       apply->n_mutations, APPLY_MUTATIONS_MAX);
    if (strlen(apply->message) > COMMIT_MESSAGE_BYTES_MAX)
        violations_add(commit->violations, ERROR_LIMIT, "message", "longer than %d bytes",
                       COMMIT_MESSAGE_BYTES_MAX);
    if (strlen(apply->request_id) > COMMIT_REQUEST_ID_BYTES_MAX)
        violations_add(commit->violations, ERROR_LIMIT, "request_id", "longer than %d characters",
                       COMMIT_REQUEST_ID_BYTES_MAX);
    return commit->violations->count == 0;
}

static void read_mutations(struct commit *commit)
{
    const Pointsman__V1__ApplyRequest *apply = commit->request->apply;
    commit->mutations = memory_allocate(apply->n_mutations * sizeof(commit->mutations[0]));
    for (size_t i = 0; i < apply->n_mutations; i++) {
        if (mutation_read(apply->mutations[i], i, &commit->mutations[commit->count])) {
            commit->count++;
        } else {
            char field[32];
            snprintf(field, sizeof(field), "mutations[%zu]", i);
            violations_add(commit->violations, ERROR_INVALID, field, "names no operation");
        }
    }

    size_t bytes = commit->count * sizeof(commit->sorted[0]);
    commit->sorted = memory_allocate(bytes);
    memcpy(commit->sorted, commit->mutations, bytes);
    qsort(commit->sorted, commit->count, sizeof(commit->sorted[0]), mutation_compare);
}

static void refuse_repeated_names(struct commit *commit)
{
    for (size_t i = 1; i < commit->count; i++) {
        const struct mutation *mutation = &commit->sorted[i];
        if (mutation_compare(mutation, mutation - 1) == 0)
            refuse(commit, mutation, ERROR_INVALID, "another mutation names the same object");
    }
}

static bool check_precondition(struct commit *commit, const struct mutation *mutation,
                               bool is_there, const struct store_record *record)
{
    const Pointsman__V1__Precondition *precondition = mutation->message->precondition;
    if (precondition == NULL)
        return true;

    char field[MUTATION_FIELD_BYTES];
    mutation_side_field(mutation, commit->request->is_single, "precondition", field);
    const char *kind = object_kind_name(mutation->kind);
    switch (precondition->kind_case) {
    case POINTSMAN__V1__PRECONDITION__KIND_MUST_NOT_EXIST:
        if (precondition->must_not_exist && is_there)
            return violations_add(commit->violations, ERROR_EXISTS, field,
                                  "there is a %s '%s' already", kind, mutation->name);
        break;
    case POINTSMAN__V1__PRECONDITION__KIND_MUST_EXIST:
        if (precondition->must_exist && !is_there)
            return violations_add(commit->violations, ERROR_NOT_FOUND, field, "there is no %s '%s'",
                                  kind, mutation->name);
        break;
    case POINTSMAN__V1__PRECONDITION__KIND_REVISION_IS:
        if (!is_there)
            return violations_add(commit->violations, ERROR_CONFLICT, field,
                                  "there is no %s '%s' any more", kind, mutation->name);
        if (record->revision != precondition->revision_is)
            return violations_add(commit->violations, ERROR_CONFLICT, field,
                                  "%s '%s' is at revision %" PRIu64 ", not %" PRIu64, kind,
                                  mutation->name, record->revision, precondition->revision_is);
        break;
    case POINTSMAN__V1__PRECONDITION__KIND__NOT_SET:
    case _POINTSMAN__V1__PRECONDITION__KIND__CASE_IS_INT_SIZE:
        break;
    }
    return true;
}

/* --- writing ------------------------------------------------------------------------------- */

/* True also when there is no such object; false when the store fails. */
static bool look_up(struct commit *commit, Pointsman__V1__ObjectKind kind, const char *name,
                    struct store_record *record, bool *is_there)
{
    struct error why = {0};
    *is_there = store_get(commit->store, kind, name, record, &why);
    if (*is_there || why.code == ERROR_NOT_FOUND)
        return true;
    *commit->err = why;
    return false;
}

static bool write_put(struct commit *commit, const struct mutation *mutation,
                      const struct store_record *record, bool is_there)
{
    uint64_t next = store_next_revision(commit->store);
    uint64_t created = is_there ? record->created_revision : next;
    struct slice before = buffer_slice(&record->bytes);

    mutation_pack(mutation, created, is_there ? record->revision : next, &commit->bytes);
    if (is_there && slice_equals(before, buffer_slice(&commit->bytes))) {
        answer_add_change(commit->answer, POINTSMAN__V1__CHANGE_KIND__CHANGE_KIND_UNCHANGED,
                          mutation->kind, mutation->name);
        return true;
    }
    mutation_pack(mutation, created, next, &commit->bytes);
    if (commit->bytes.length > COMMIT_OBJECT_BYTES_MAX) {
        refuse(commit, mutation, ERROR_LIMIT, "an object may have 1 MiB at most");
        return true;
    }

    struct reference_list references = {0};
    if (mutation->kind == POINTSMAN__V1__OBJECT_KIND__OBJECT_KIND_ROUTE)
        references_collect(mutation->message->put_route, &references);
    struct slice after = buffer_slice(&commit->bytes);
    const struct store_write write = {
        .kind = mutation->kind,
        .name = mutation->name,
        .created_revision = created,
        .before = is_there ? &before : NULL,
        .after = &after,
        .references = references.names,
        .reference_count = references.count,
    };
    bool is_written = store_write(commit->store, &write, commit->err);
    reference_list_clear(&references);
    if (is_written) {
        commit->is_changed = true;
        answer_add_change(commit->answer,
                          is_there ? POINTSMAN__V1__CHANGE_KIND__CHANGE_KIND_UPDATED
                                   : POINTSMAN__V1__CHANGE_KIND__CHANGE_KIND_CREATED,
                          mutation->kind, mutation->name);
    }
    return is_written;
}

static bool write_delete(struct commit *commit, Pointsman__V1__ObjectKind kind, const char *name,
                         const struct store_record *record)
{
    struct slice before = buffer_slice(&record->bytes);
    const struct store_write write = {.kind = kind, .name = name, .before = &before};
    if (!store_write(commit->store, &write, commit->err))
        return false;
    commit->is_changed = true;
    answer_add_change(commit->answer, POINTSMAN__V1__CHANGE_KIND__CHANGE_KIND_DELETED, kind, name);
    return true;
}

static bool delete_missing(struct commit *commit, const struct mutation *mutation)
{
    char text[OBJECT_NAME_BYTES + 32];
    if (mutation->message->ignore_missing) {
        answer_add_change(commit->answer, POINTSMAN__V1__CHANGE_KIND__CHANGE_KIND_UNCHANGED,
                          mutation->kind, mutation->name);
        return true;
    }
    snprintf(text, sizeof(text), "there is no %s '%s'", object_kind_name(mutation->kind),
             mutation->name);
    refuse(commit, mutation, ERROR_NOT_FOUND, text);
    return true;
}

/* False when the store fails; a violation is not that. */
static bool run_mutation(struct commit *commit, struct mutation *mutation)
{
    struct validation validation = {.commit = commit, .mutation = mutation};
    if (!mutation_validate(mutation, on_invalid, &validation))
        return true;

    struct store_record record = {0};
    bool is_there;
    bool is_done = look_up(commit, mutation->kind, mutation->name, &record, &is_there);
    if (is_done && check_precondition(commit, mutation, is_there, &record)) {
        if (mutation->is_put)
            is_done = write_put(commit, mutation, &record, is_there);
        else if (is_there)
            is_done = mutation->has_deleted =
                write_delete(commit, mutation->kind, mutation->name, &record);
        else
            is_done = delete_missing(commit, mutation);
    }
    store_record_clear(&record);
    return is_done;
}

/* --- what must hold of the whole ------------------------------------------------------------ */

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
    if (is_named(commit, kind, mutation->name))
        return true;
    if (!store_routes_naming(commit->store, mutation->name, 0, NULL, NULL, &routes, commit->err))
        return false;
    bool is_done = routes > 0 || look_up(commit, kind, mutation->name, &record, &is_there);
    if (is_done && routes == 0 && is_there)
        is_done = write_delete(commit, kind, mutation->name, &record);
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
        mutation_field(mutation, commit->request->is_single, "", field);
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
    check->has_failed = !look_up(check->commit, POINTSMAN__V1__OBJECT_KIND__OBJECT_KIND_BACKEND,
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

static bool check_whole(struct commit *commit)
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
        if (!mutation->is_put && !is_route && !check_unused(commit, mutation))
            return false;
        if (mutation->is_put && is_route &&
            !warn_of_references(commit, mutation->message->put_route))
            return false;
    }
    return true;
}

/* --- the commit ----------------------------------------------------------------------------- */

static uint64_t fingerprint_of(const Pointsman__V1__ApplyRequest *apply)
{
    struct buffer bytes = BUFFER_EMPTY;
    message_pack(&apply->base, &bytes);
    uint64_t fingerprint = hash_stable(bytes.at, bytes.length);
    buffer_clear(&bytes);
    return fingerprint;
}

/* True when the request was answered before; the commit's answer is that one then. */
static bool find_first_answer(struct commit *commit, uint64_t fingerprint, bool *is_repeat)
{
    struct buffer bytes = BUFFER_EMPTY;
    struct error why = {0};
    uint64_t first;
    *is_repeat = false;
    if (!store_find_request(commit->store, commit->request->apply->request_id, &first, &bytes,
                            &why)) {
        if (why.code != ERROR_NOT_FOUND)
            *commit->err = why;
        return why.code == ERROR_NOT_FOUND;
    }

    bool is_done = true;
    *is_repeat = true;
    if (first != fingerprint) {
        is_done = violations_add(commit->violations, ERROR_INVALID, "request_id",
                                 "'%s' was the id of another request",
                                 commit->request->apply->request_id);
    } else {
        answer_free(commit->answer);
        commit->answer = answer_unpack(buffer_slice(&bytes), commit->err);
        is_done = commit->answer != NULL;
    }
    buffer_clear(&bytes);
    return is_done;
}

static bool check_head(struct commit *commit)
{
    uint64_t head = store_next_revision(commit->store) - 1;
    uint64_t expected = commit->request->apply->if_revision;
    if (expected == 0 || expected == head)
        return true;
    return violations_add(commit->violations, ERROR_CONFLICT, "if_revision",
                          "the head is revision %" PRIu64 ", not %" PRIu64, head, expected);
}

static bool write_all(struct commit *commit)
{
    for (size_t i = 0; i < commit->count; i++) {
        if (!run_mutation(commit, &commit->mutations[i]))
            return false;
    }
    return check_whole(commit) && commit->violations->count == 0;
}

static bool remember(struct commit *commit, uint64_t fingerprint)
{
    buffer_reset(&commit->bytes);
    message_pack(&commit->answer->base, &commit->bytes);
    return store_remember_request(commit->store, commit->request->apply->request_id, fingerprint,
                                  buffer_slice(&commit->bytes), commit->err);
}

static bool end_commit(struct commit *commit)
{
    const Pointsman__V1__ApplyRequest *apply = commit->request->apply;
    const struct peer_credentials *author = commit->request->author;
    const struct store_commit record = {
        .uid = author->uid,
        .gid = author->gid,
        .pid = author->pid,
        .command = author->command,
        .message = apply->message,
        .request_id = apply->request_id,
    };
    return store_commit_end(commit->store, commit->is_changed ? &record : NULL, commit->err);
}

/* False when nothing came of it, and the commit is abandoned. */
static bool run(struct commit *commit, bool *is_commit)
{
    const Pointsman__V1__ApplyRequest *apply = commit->request->apply;
    bool has_id = apply->request_id[0] != '\0' && !apply->dry_run;
    uint64_t fingerprint = has_id ? fingerprint_of(apply) : 0;
    bool is_repeat = false;
    if (has_id && (!find_first_answer(commit, fingerprint, &is_repeat) || is_repeat))
        return is_repeat && commit->answer != NULL && commit->violations->count == 0;

    if (!check_head(commit))
        return false;
    read_mutations(commit);
    refuse_repeated_names(commit);
    if (!store_commit_begin(commit->store, commit->err))
        return false;
    bool is_good = write_all(commit);
    uint64_t next = store_next_revision(commit->store);
    commit->answer->revision = commit->is_changed ? next : next - 1;
    if (!is_good || apply->dry_run || (has_id && !remember(commit, fingerprint)) ||
        !end_commit(commit)) {
        store_commit_abandon(commit->store);
        return is_good && apply->dry_run;
    }
    *is_commit = commit->is_changed;
    return true;
}

AnswerMessage *commit_run(struct store *store, const struct proxy_registry *proxies,
                          const struct commit_request *request, struct violations *violations,
                          bool *is_commit, struct error *err)
{
    struct commit commit = {
        .store = store,
        .proxies = proxies,
        .request = request,
        .violations = violations,
        .err = err,
        .answer = answer_new(),
    };
    answer_set_epoch(commit.answer, store_epoch(store));
    *is_commit = false;

    bool is_done = check_limits(&commit) && run(&commit, is_commit);
    free(commit.mutations);
    free(commit.sorted);
    buffer_clear(&commit.bytes);
    if (is_done)
        return commit.answer;
    answer_free(commit.answer);
    return NULL;
}
