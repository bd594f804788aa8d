#include "control/change_message.h"

#include "control/object_page.h"
#include "proto/message.h"

#include <stdlib.h>

void *message_list_grow(void *items, size_t count)
{
    /* Doubles whenever the count is a power of two. */
    if ((count & (count - 1)) != 0)
        return items;
    return memory_reallocate(items, (count == 0 ? 1 : 2 * count) * sizeof(void *));
}

/* --- changes -------------------------------------------------------------------------------- */

Pointsman__V1__Change *change_message_new(Pointsman__V1__ChangeKind change,
                                          Pointsman__V1__ObjectKind kind, struct slice name)
{
    Pointsman__V1__Change *message = memory_allocate(sizeof(*message));
    pointsman__v1__change__init(message);
    message->change = change;
    message->kind = kind;
    message->name = memory_duplicate_slice(name);
    return message;
}

Pointsman__V1__Change *change_message_of(const struct store_change *change)
{
    Pointsman__V1__ChangeKind kind = POINTSMAN__V1__CHANGE_KIND__CHANGE_KIND_UPDATED;
    if (!change->was_there)
        kind = POINTSMAN__V1__CHANGE_KIND__CHANGE_KIND_CREATED;
    else if (!change->is_there)
        kind = POINTSMAN__V1__CHANGE_KIND__CHANGE_KIND_DELETED;
    return change_message_new(kind, change->kind, change->name);
}

Pointsman__V1__Object *object_message_new(Pointsman__V1__ObjectKind kind, struct slice bytes,
                                          struct error *err)
{
    ProtobufCMessage *object = object_unpack(kind, bytes, err);
    if (object == NULL)
        return NULL;
    Pointsman__V1__Object *message = memory_allocate(sizeof(*message));
    pointsman__v1__object__init(message);
    if (kind == POINTSMAN__V1__OBJECT_KIND__OBJECT_KIND_ROUTE) {
        message->kind_case = POINTSMAN__V1__OBJECT__KIND_ROUTE;
        message->route = (RouteMessage *)object;
    } else {
        message->kind_case = POINTSMAN__V1__OBJECT__KIND_BACKEND;
        message->backend = (BackendMessage *)object;
    }
    return message;
}

bool change_message_add_objects(Pointsman__V1__Change *message, const struct store_change *change,
                                struct error *err)
{
    if (change->was_there) {
        message->before = object_message_new(change->kind, change->before, err);
        if (message->before == NULL)
            return false;
    }
    if (change->is_there) {
        message->after = object_message_new(change->kind, change->after, err);
        if (message->after == NULL)
            return false;
    }
    return true;
}

/* --- commits -------------------------------------------------------------------------------- */

static bool add_to_summary(void *context, const struct store_change *change)
{
    Pointsman__V1__Commit *message = context;
    if (message->n_changes == COMMIT_SUMMARY_CHANGES)
        return false;
    message->changes = message_list_grow(message->changes, message->n_changes);
    message->changes[message->n_changes++] = change_message_of(change);
    return true;
}

Pointsman__V1__Commit *
commit_message_of(struct store *store, const struct store_logged_commit *commit, struct error *err)
{
    const struct store_commit *said = &commit->commit;
    Pointsman__V1__Commit *message = memory_allocate(sizeof(*message));
    pointsman__v1__commit__init(message);
    message->revision = commit->revision;
    message->made_ms = commit->made_wall_ms;
    message->message = memory_duplicate_string(said->message);
    message->request_id = memory_duplicate_string(said->request_id);
    message->created = (uint32_t)commit->created;
    message->updated = (uint32_t)commit->updated;
    message->deleted = (uint32_t)commit->deleted;
    message->undoes_first = said->undoes_first;
    message->undoes_last = said->undoes_last;
    message->confirm_state = commit->confirm_state;
    message->confirm_by_ms = said->confirm_by_wall_ms;

    message->author = memory_allocate(sizeof(*message->author));
    pointsman__v1__author__init(message->author);
    message->author->uid = said->uid;
    message->author->gid = said->gid;
    message->author->pid = (uint32_t)said->pid;
    message->author->command = memory_duplicate_string(said->command);

    if (!store_commit_changes(store, commit->revision, 0, STORE_NAMES, add_to_summary, message,
                              err)) {
        message_free(&message->base);
        return NULL;
    }
    return message;
}

struct reading {
    struct store *store;
    Pointsman__V1__Commit *message;
    struct error *err;
};

static bool take_commit(void *context, const struct store_logged_commit *commit)
{
    struct reading *reading = context;
    reading->message = commit_message_of(reading->store, commit, reading->err);
    return false;
}

Pointsman__V1__Commit *commit_message_read(struct store *store, uint64_t revision,
                                           struct error *err)
{
    struct reading reading = {.store = store, .err = err};
    if (!store_commits(store, revision, revision, take_commit, &reading, err))
        return NULL;
    return reading.message;
}
