#include "control/change_message.h"
#include "control/commit_parts.h"
#include "control/kind_hint.h"
#include "control/packed_object.h"
#include "control/packed_route.h"
#include "control/references.h"
#include "proto/message.h"

#include <inttypes.h>
#include <stdio.h>

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
    mutation_field(validation->mutation, field, path);
    violations_add(commit->violations, ERROR_INVALID, path, "%s", message);
}

void commit_refuse(struct commit *commit, const struct mutation *mutation, enum error_code code,
                   const char *text)
{
    char path[MUTATION_FIELD_BYTES];
    mutation_field(mutation, "", path);
    violations_add(commit->violations, code, path, "%s", text);
}

static bool check_precondition(struct commit *commit, const struct mutation *mutation,
                               bool is_there, const struct store_record *record)
{
    const Pointsman__V1__Precondition *precondition = mutation->message->precondition;
    if (precondition == NULL)
        return true;

    char field[MUTATION_FIELD_BYTES];
    mutation_side_field(mutation, "precondition", field);
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

bool commit_look_up(struct commit *commit, Pointsman__V1__ObjectKind kind, const char *name,
                    struct store_record *record, bool *is_there)
{
    return store_find(commit->store, kind, name, record, is_there, commit->err);
}

bool commit_is_held(struct commit *commit, Pointsman__V1__ObjectKind kind, const char *name,
                    bool *is_held)
{
    uint64_t revision = 0;
    *is_held = false;
    if (commit->held_revision == 0)
        return true;
    /* Since it was made, nobody has changed what it changed. */
    if (!store_last_changed(commit->store, kind, name, &revision, commit->err))
        return false;
    *is_held = revision == commit->held_revision;
    return true;
}

static bool check_held(struct commit *commit, const struct mutation *mutation, bool *is_free)
{
    bool is_held;
    if (!commit_is_held(commit, mutation->kind, mutation->name, &is_held))
        return false;
    *is_free = !is_held;
    if (is_held) {
        char text[128];
        snprintf(text, sizeof(text),
                 "was changed by revision %" PRIu64 ", which waits to be confirmed or undone",
                 commit->held_revision);
        commit_refuse(commit, mutation, ERROR_CONFLICT, text);
    }
    return true;
}

/* Adds a change to the answer; to that of a dry run with before and after, while they fit. */
static bool tell_change(struct commit *commit, const struct store_write *write)
{
    const struct store_change change = {
        .kind = write->kind,
        .name = slice_from_string(write->name),
        .was_there = write->before != NULL,
        .is_there = write->after != NULL,
        .before = write->before != NULL ? *write->before : (struct slice){0},
        .after = write->after != NULL ? *write->after : (struct slice){0},
    };
    size_t bytes = change.before.length + change.after.length;
    Pointsman__V1__Change *told = answer_add_change_of(commit->answer, &change);
    commit->is_changed = true;
    if (!commit->request->apply->dry_run)
        return true;
    if (commit->told_bytes + bytes > COMMIT_DIFF_BYTES_MAX) {
        commit->answer->changes_without_objects++;
        return true;
    }
    commit->told_bytes += bytes;
    return change_message_add_objects(told, &change, commit->err);
}

/* A change makes no route younger, and undo brings back the place among routes of equal rank. */
static struct creation creation_of(const struct commit *commit, const struct mutation *mutation,
                                   const struct store_record *record, bool is_there)
{
    struct creation created = mutation_creation(mutation);
    if (commit->request->undoes_first != 0)
        return created;
    if (!is_there)
        return (struct creation){store_next_revision(commit->store), created.order};
    bool is_route = mutation->kind == POINTSMAN__V1__OBJECT_KIND__OBJECT_KIND_ROUTE;
    return (struct creation){record->created_revision,
                             is_route ? packed_route_created_order(buffer_slice(&record->bytes))
                                      : 0};
}

/* The object is packed in `bytes`. */
static void lint_put(struct commit *commit, const struct mutation *mutation,
                     struct creation created)
{
    if (commit->lint != NULL && mutation->kind == POINTSMAN__V1__OBJECT_KIND__OBJECT_KIND_ROUTE)
        shadow_lint_add(commit->lint, mutation->message->put_route, buffer_slice(&commit->bytes),
                        created, !commit->request->is_trusted);
}

/* The backends that a route named so far. */
static bool collect_before(struct commit *commit, const struct store_write *write,
                           struct reference_list *references)
{
    if (write->kind != POINTSMAN__V1__OBJECT_KIND__OBJECT_KIND_ROUTE)
        return true;
    const RouteMessage *route = (const RouteMessage *)message_arena_unpack(
        &commit->arena, &pointsman__v1__route__descriptor, *write->before, MESSAGE_MEMORY_APPLY,
        UNKNOWN_FIELDS_KEPT, commit->err);
    if (route != NULL)
        references_collect(route, references);
    message_arena_reset(&commit->arena);
    return route != NULL;
}

static bool write_put(struct commit *commit, const struct mutation *mutation,
                      const struct store_record *record, bool is_there)
{
    uint64_t next = store_next_revision(commit->store);
    struct creation created = creation_of(commit, mutation, record, is_there);
    struct slice before = buffer_slice(&record->bytes);

    mutation_pack(mutation, created, next, &commit->bytes);
    if (is_there && packed_object_equals(before, buffer_slice(&commit->bytes))) {
        lint_put(commit, mutation, created);
        answer_add_change(commit->answer, POINTSMAN__V1__CHANGE_KIND__CHANGE_KIND_UNCHANGED,
                          mutation->kind, mutation->name);
        return true;
    }
    if (commit->bytes.length > COMMIT_OBJECT_BYTES_MAX) {
        commit_refuse(commit, mutation, ERROR_LIMIT, "an object may have 1 MiB at most");
        return true;
    }
    lint_put(commit, mutation, created);

    struct reference_list references = {0};
    struct reference_list references_before = {0};
    if (mutation->kind == POINTSMAN__V1__OBJECT_KIND__OBJECT_KIND_ROUTE)
        references_collect(mutation->message->put_route, &references);
    struct slice after = buffer_slice(&commit->bytes);
    struct store_write write = {
        .kind = mutation->kind,
        .name = mutation->name,
        .created_revision = created.revision,
        .before = is_there ? &before : NULL,
        .after = &after,
        .references = references.names,
        .reference_count = references.count,
    };
    bool is_written = !is_there || collect_before(commit, &write, &references_before);
    write.references_before = references_before.names;
    write.reference_before_count = references_before.count;
    is_written = is_written && store_write(commit->store, &write, commit->err);
    reference_list_clear(&references);
    reference_list_clear(&references_before);
    return is_written && tell_change(commit, &write);
}

bool commit_write_delete(struct commit *commit, Pointsman__V1__ObjectKind kind, const char *name,
                         const struct store_record *record)
{
    struct slice before = buffer_slice(&record->bytes);
    struct store_write write = {.kind = kind, .name = name, .before = &before};
    struct reference_list references = {0};
    bool is_written = collect_before(commit, &write, &references);
    write.references_before = references.names;
    write.reference_before_count = references.count;
    is_written = is_written && store_write(commit->store, &write, commit->err);
    reference_list_clear(&references);
    return is_written && tell_change(commit, &write);
}

static bool delete_missing(struct commit *commit, const struct mutation *mutation)
{
    char hint[KIND_HINT_BYTES];
    char text[2 * KIND_HINT_BYTES];
    if (mutation->message->ignore_missing) {
        answer_add_change(commit->answer, POINTSMAN__V1__CHANGE_KIND__CHANGE_KIND_UNCHANGED,
                          mutation->kind, mutation->name);
        return true;
    }
    kind_hint(commit->store, mutation->kind, mutation->name, hint);
    snprintf(text, sizeof(text), "there is no %s '%s'%s", object_kind_name(mutation->kind),
             mutation->name, hint);
    commit_refuse(commit, mutation, ERROR_NOT_FOUND, text);
    return true;
}

bool commit_write_mutation(struct commit *commit, struct mutation *mutation)
{
    struct validation validation = {.commit = commit, .mutation = mutation};
    if (!commit->request->is_trusted && !mutation_validate(mutation, on_invalid, &validation))
        return true;

    struct store_record record = {0};
    bool is_there;
    bool is_free = false;
    bool is_done = commit_look_up(commit, mutation->kind, mutation->name, &record, &is_there) &&
                   check_held(commit, mutation, &is_free);
    if (is_free && check_precondition(commit, mutation, is_there, &record)) {
        if (mutation->is_put)
            is_done = write_put(commit, mutation, &record, is_there);
        else if (is_there)
            is_done = mutation->has_deleted =
                commit_write_delete(commit, mutation->kind, mutation->name, &record);
        else
            is_done = delete_missing(commit, mutation);
    }
    store_record_clear(&record);
    return is_done;
}
