#include "control/undo.h"

#include "control/change_message.h"
#include "control/object_page.h"
#include "control/packed_object.h"
#include "control/store_history.h"
#include "proto/message.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* What one undo may read and put back, so that it does not hold up everybody else. */
enum { LOG_PIECES_MAX = 50, BYTES_MAX = 64 << 20 };

struct filling {
    struct undo *undo;
    struct store *store;
    struct violations *violations;
    struct error *err;
    bool has_failed;
};

static MutationMessage *make_delete(const struct store_change *change, bool force)
{
    MutationMessage *mutation = memory_allocate(sizeof(*mutation));
    pointsman__v1__mutation__init(mutation);
    mutation->force = force;
    if (change->kind == POINTSMAN__V1__OBJECT_KIND__OBJECT_KIND_ROUTE) {
        mutation->operation_case = POINTSMAN__V1__MUTATION__OPERATION_DELETE_ROUTE;
        mutation->delete_route = memory_duplicate_slice(change->name);
    } else {
        mutation->operation_case = POINTSMAN__V1__MUTATION__OPERATION_DELETE_BACKEND;
        mutation->delete_backend = memory_duplicate_slice(change->name);
    }
    return mutation;
}

static MutationMessage *make_put(const struct store_change *change, struct error *err)
{
    ProtobufCMessage *object = object_unpack(change->kind, change->before, err);
    if (object == NULL)
        return NULL;
    MutationMessage *mutation = memory_allocate(sizeof(*mutation));
    pointsman__v1__mutation__init(mutation);
    if (change->kind == POINTSMAN__V1__OBJECT_KIND__OBJECT_KIND_ROUTE) {
        mutation->operation_case = POINTSMAN__V1__MUTATION__OPERATION_PUT_ROUTE;
        mutation->put_route = (RouteMessage *)object;
    } else {
        mutation->operation_case = POINTSMAN__V1__MUTATION__OPERATION_PUT_BACKEND;
        mutation->put_backend = (BackendMessage *)object;
    }
    return mutation;
}

static bool add_mutation(struct filling *filling, const struct store_change *change)
{
    struct undo *undo = filling->undo;
    undo->bytes += change->before.length;
    if (undo->count == APPLY_MUTATIONS_MAX || undo->bytes > BYTES_MAX) {
        violations_add(filling->violations, ERROR_LIMIT, "revision",
                       "too much to take back in one commit: more than %d objects or %d MiB",
                       APPLY_MUTATIONS_MAX, BYTES_MAX >> 20);
        return false;
    }
    MutationMessage *mutation =
        change->was_there ? make_put(change, filling->err) : make_delete(change, undo->force);
    if (mutation == NULL)
        return false;
    undo->items = message_list_grow(undo->items, undo->count);
    undo->items[undo->count++] = mutation;
    return true;
}

static void refuse(struct filling *filling, const struct store_change *change, const char *name,
                   uint64_t revision)
{
    char field[MUTATION_FIELD_BYTES];
    snprintf(field, sizeof(field), "%s %s", object_kind_name(change->kind), name);
    violations_add(filling->violations, ERROR_CONFLICT, field,
                   "was changed again since, by revision %" PRIu64, revision);
}

/* Compares what the range made of the object with what it is now. */
static bool add_object(struct filling *filling, const struct store_change *change, const char *name)
{
    struct store_record now = {0};
    struct error why = {0};
    bool is_there = store_get(filling->store, change->kind, name, &now, &why);
    if (!is_there && why.code != ERROR_NOT_FOUND) {
        store_record_clear(&now);
        *filling->err = why;
        return false;
    }

    struct slice bytes = buffer_slice(&now.bytes);
    bool is_as_before =
        is_there == change->was_there && (!is_there || packed_object_equals(bytes, change->before));
    bool is_as_after =
        is_there == change->is_there && (!is_there || slice_equals(bytes, change->after));
    uint64_t revision = 0;
    bool is_done = true;
    if (!is_as_before && !is_as_after && !filling->undo->force) {
        is_done = store_last_changed(filling->store, change->kind, name, &revision, filling->err);
        if (is_done)
            refuse(filling, change, name, revision);
    } else if (!is_as_before) {
        is_done = add_mutation(filling, change);
    }
    store_record_clear(&now);
    return is_done;
}

static bool take_change(void *context, const struct store_change *change)
{
    struct filling *filling = context;
    if (change->was_there == change->is_there &&
        packed_object_equals(change->before, change->after))
        return true;
    char *name = memory_duplicate_slice(change->name);
    filling->has_failed = !add_object(filling, change, name);
    free(name);
    return !filling->has_failed;
}

static bool check_range(const struct undo *undo, struct store *store, struct violations *violations)
{
    uint64_t head = store_head(store).revision;
    if (undo->first == 0)
        return violations_add(violations, ERROR_INVALID, "revision", "is missing");
    if (undo->last < undo->first)
        return violations_add(violations, ERROR_INVALID, "last_revision", "is before the first");
    if (undo->last > head)
        return violations_add(violations, ERROR_OUT_OF_RANGE, "revision",
                              "%" PRIu64 " is ahead of the head, %" PRIu64, undo->last, head);
    return true;
}

bool undo_fill(void *context, struct store *store, struct mutation_list *list,
               struct violations *violations, struct error *err)
{
    struct undo *undo = context;
    struct filling filling = {
        .undo = undo,
        .store = store,
        .violations = violations,
        .err = err,
    };
    struct store_diff_cursor cursor = {0};
    if (!check_range(undo, store, violations))
        return false;
    for (int i = 0; !cursor.is_finished; i++) {
        if (i == LOG_PIECES_MAX)
            return violations_add(violations, ERROR_LIMIT, "revision",
                                  "too many changes to take back in one commit");
        if (!store_diff(store, undo->first - 1, undo->last, &cursor, take_change, &filling, err) ||
            filling.has_failed)
            return false;
    }
    list->items = undo->items;
    list->count = undo->count;
    return true;
}

void undo_clear(struct undo *undo)
{
    for (size_t i = 0; i < undo->count; i++)
        message_free(&undo->items[i]->base);
    free(undo->items);
    undo->items = NULL;
    undo->count = 0;
}
