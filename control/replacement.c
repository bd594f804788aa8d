#include "control/replacement.h"

#include "common/clock.h"
#include "common/event_loop.h"
#include "control/change_message.h"
#include "control/packed_object.h"
#include "proto/message.h"

#include <stdlib.h>
#include <string.h>

enum { PIECE_MICROSECONDS = 5000 };

/* What is known of an object: of several entries the last counts. */
struct entry {
    Pointsman__V1__ObjectKind kind;
    char *name;
    size_t index;
    bool is_selected;
    bool is_named; /* by a mutation of the request */
};

struct replacement {
    struct event_loop *loop;
    struct store *store;
    struct event_timer timer;
    const Pointsman__V1__ApplyRequest *apply;
    void (*on_read)(void *context, const struct error *err);
    void *context;

    uint64_t revision;
    struct store_cursor cursor;
    struct entry *entries;
    size_t count;
    size_t capacity;
    MutationMessage **items;
    size_t item_count;

    /* The piece at hand. */
    uint64_t piece_end_us;
    size_t piece_count;
};

struct replacement *replacement_new(struct event_loop *loop, struct store *store,
                                    const Pointsman__V1__ApplyRequest *apply,
                                    void (*on_read)(void *context, const struct error *err),
                                    void *context)
{
    struct replacement *replacement = memory_allocate_zeroed(1, sizeof(*replacement));
    replacement->loop = loop;
    replacement->store = store;
    replacement->apply = apply;
    replacement->on_read = on_read;
    replacement->context = context;
    replacement->revision = store_head(store).revision;
    return replacement;
}

void replacement_free(struct replacement *replacement)
{
    if (replacement == NULL)
        return;
    event_timer_stop(&replacement->timer);
    for (size_t i = 0; i < replacement->count; i++)
        free(replacement->entries[i].name);
    free(replacement->entries);
    for (size_t i = 0; i < replacement->item_count; i++)
        message_free(&replacement->items[i]->base);
    free(replacement->items);
    free(replacement);
}

/* --- reading -------------------------------------------------------------------------------- */

static void add_entry(struct replacement *replacement, Pointsman__V1__ObjectKind kind,
                      struct slice name, bool is_selected)
{
    if (replacement->count == replacement->capacity) {
        replacement->capacity = replacement->capacity == 0 ? 64 : 2 * replacement->capacity;
        replacement->entries = memory_reallocate(
            replacement->entries, replacement->capacity * sizeof(replacement->entries[0]));
    }
    const size_t index = replacement->count++;
    replacement->entries[index] = (struct entry){
        .kind = kind,
        .name = memory_duplicate_slice(name),
        .index = index,
        .is_selected = is_selected,
    };
}

static bool is_selected(const struct replacement *replacement, struct slice bytes)
{
    return packed_object_has_labels(bytes, replacement->apply->replace_all,
                                    replacement->apply->n_replace_all);
}

static bool take_object(void *context, const struct store_object *object)
{
    struct replacement *replacement = context;
    if (replacement->piece_count++ > 0 && clock_now_us() >= replacement->piece_end_us)
        return false;
    if (is_selected(replacement, object->bytes))
        add_entry(replacement, object->kind, object->name, true);
    return replacement->count <= REPLACEMENT_DELETES_MAX + APPLY_MUTATIONS_MAX;
}

static bool is_too_much(size_t count, size_t limit, struct error *err)
{
    if (count > limit)
        error_set(err, ERROR_LIMIT, "replace_all: more than %zu objects have these labels", limit);
    return count > limit;
}

static void on_piece_due(struct event_timer *timer);

void replacement_start(struct replacement *replacement)
{
    struct error err = {0};
    replacement->piece_count = 0;
    replacement->piece_end_us = clock_now_us() + PIECE_MICROSECONDS;
    if (!store_scan(replacement->store, replacement->revision, 0, &replacement->cursor, take_object,
                    replacement, &err) ||
        is_too_much(replacement->count, REPLACEMENT_DELETES_MAX + APPLY_MUTATIONS_MAX, &err))
        replacement->on_read(replacement->context, &err);
    else if (replacement->cursor.is_finished)
        replacement->on_read(replacement->context, NULL);
    else
        event_timer_start(&replacement->timer, replacement->loop, 0, on_piece_due, replacement);
}

static void on_piece_due(struct event_timer *timer)
{
    replacement_start(timer->context);
}

/* --- filling -------------------------------------------------------------------------------- */

static bool take_change(void *context, const struct store_object *object)
{
    struct replacement *replacement = context;
    add_entry(replacement, object->kind, object->name,
              !object->is_deleted && is_selected(replacement, object->bytes));
    return true;
}

static int compare_names(const void *a, const void *b)
{
    const struct entry *left = a;
    const struct entry *right = b;
    if (left->kind != right->kind)
        return left->kind < right->kind ? -1 : 1;
    return strcmp(left->name, right->name);
}

static int compare_entries(const void *a, const void *b)
{
    int order = compare_names(a, b);
    if (order != 0)
        return order;
    return ((const struct entry *)a)->index < ((const struct entry *)b)->index ? -1 : 1;
}

/* Sorts them, and keeps one of each object. */
static void settle(struct replacement *replacement)
{
    size_t kept = 0;
    if (replacement->count == 0)
        return;
    qsort(replacement->entries, replacement->count, sizeof(replacement->entries[0]),
          compare_entries);
    for (size_t i = 1; i < replacement->count; i++) {
        struct entry *last = &replacement->entries[kept];
        struct entry *entry = &replacement->entries[i];
        if (compare_names(last, entry) == 0)
            free(last->name);
        else
            last = &replacement->entries[++kept];
        *last = *entry;
    }
    replacement->count = kept + 1;
}

static void mark_named(struct replacement *replacement)
{
    const Pointsman__V1__ApplyRequest *apply = replacement->apply;
    struct arena names = {0};
    for (size_t i = 0; i < apply->n_mutations && replacement->count > 0; i++) {
        struct mutation mutation;
        if (!mutation_read(apply->mutations[i], MUTATION_BY_INDEX, i, &names, &mutation))
            continue;
        const struct entry key = {.kind = mutation.kind, .name = (char *)mutation.name};
        struct entry *entry =
            bsearch(&key, replacement->entries, replacement->count, sizeof(key), compare_names);
        if (entry != NULL)
            entry->is_named = true;
    }
    arena_clear(&names);
}

static void add_delete(struct replacement *replacement, const struct entry *entry)
{
    MutationMessage *mutation = memory_allocate(sizeof(*mutation));
    pointsman__v1__mutation__init(mutation);
    if (entry->kind == POINTSMAN__V1__OBJECT_KIND__OBJECT_KIND_ROUTE) {
        mutation->operation_case = POINTSMAN__V1__MUTATION__OPERATION_DELETE_ROUTE;
        mutation->delete_route = memory_duplicate_string(entry->name);
    } else {
        mutation->operation_case = POINTSMAN__V1__MUTATION__OPERATION_DELETE_BACKEND;
        mutation->delete_backend = memory_duplicate_string(entry->name);
    }
    replacement->items = message_list_grow(replacement->items, replacement->item_count);
    replacement->items[replacement->item_count++] = mutation;
}

bool replacement_fill(void *context, struct store *store, struct mutation_list *list,
                      struct violations *violations, struct error *err)
{
    struct replacement *replacement = context;
    if (!store_changes(store, replacement->revision, store_head(store).revision, 0, take_change,
                       replacement, err))
        return false;
    settle(replacement);
    mark_named(replacement);
    for (size_t i = 0; i < replacement->count; i++) {
        const struct entry *entry = &replacement->entries[i];
        if (entry->is_selected && !entry->is_named)
            add_delete(replacement, entry);
    }
    if (replacement->item_count > REPLACEMENT_DELETES_MAX)
        return violations_add(violations, ERROR_LIMIT, "replace_all",
                              "would delete %zu objects, at most %d", replacement->item_count,
                              REPLACEMENT_DELETES_MAX);
    list->items = replacement->items;
    list->count = replacement->item_count;
    return true;
}
