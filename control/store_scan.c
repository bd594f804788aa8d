/* Scans. The head is read as it stands. The past is that, merged by name with the log: an object
 * that changed since is shown as it was before the first of those changes. Each name costs two
 * look-ups at most, however long the log is. */
#include "control/store_sqlite.h"

#include <stdio.h>

struct scan {
    struct store *store;
    struct store_cursor *cursor;
    store_visit_fn *visit;
    void *context;
    uint64_t last_kind;
    uint64_t sequence; /* of the last change that shows */

    sqlite3_stmt *head; /* at the next object of the head */
    bool has_object;
    struct store_object object;

    bool has_changed; /* the next name that is in the log */
    Pointsman__V1__ObjectKind changed_kind;
    char changed_name[STORE_NAME_BYTES];
};

static void copy_name(char to[STORE_NAME_BYTES], struct slice name)
{
    snprintf(to, STORE_NAME_BYTES, "%.*s", (int)name.length, name.at);
}

static bool next_object(struct scan *scan, struct error *err)
{
    if (!store_step(scan->store, scan->head, &scan->has_object, err))
        return false;
    if (scan->has_object)
        scan->object = (struct store_object){
            .kind = (Pointsman__V1__ObjectKind)store_column_number(scan->head, 0),
            .name = store_column_bytes(scan->head, 1),
            .bytes = store_column_bytes(scan->head, 2),
        };
    return true;
}

static bool start_head(struct scan *scan, struct error *err)
{
    scan->head = store_statement(scan->store, STATEMENT_SCAN_HEAD, err);
    if (scan->head == NULL)
        return false;
    store_bind_number(scan->head, 1, (uint64_t)scan->cursor->kind);
    store_bind_text(scan->head, 2, scan->cursor->name);
    store_bind_number(scan->head, 3, scan->last_kind);
    return next_object(scan, err);
}

/* Shows an object. When it is taken, moves the cursor behind it. */
static bool show(struct scan *scan, const struct store_object *object)
{
    if (!scan->visit(scan->context, object))
        return false;
    scan->cursor->kind = object->kind;
    copy_name(scan->cursor->name, object->name);
    return true;
}

static bool scan_head(struct scan *scan, struct error *err)
{
    for (size_t names = 0; names < STORE_SCAN_NAMES; names++) {
        if (!scan->has_object) {
            scan->cursor->is_finished = true;
            return true;
        }
        if (!show(scan, &scan->object))
            return true;
        if (!next_object(scan, err))
            return false;
    }
    return true;
}

/* --- the past ------------------------------------------------------------------------------- */

static bool next_changed(struct scan *scan, Pointsman__V1__ObjectKind kind, const char *name,
                         struct error *err)
{
    sqlite3_stmt *statement = store_statement(scan->store, STATEMENT_NEXT_CHANGED, err);
    if (statement == NULL)
        return false;
    store_bind_number(statement, 1, (uint64_t)kind);
    store_bind_text(statement, 2, name);
    store_bind_number(statement, 3, scan->last_kind);
    if (!store_step(scan->store, statement, &scan->has_changed, err))
        return false;
    if (scan->has_changed) {
        scan->changed_kind = (Pointsman__V1__ObjectKind)store_column_number(statement, 0);
        copy_name(scan->changed_name, store_column_bytes(statement, 1));
        sqlite3_reset(statement);
    }
    return true;
}

/* By kind and name: the next object of the head against the next name of the log. */
static int compare(const struct scan *scan)
{
    if (!scan->has_object || !scan->has_changed)
        return scan->has_object ? -1 : 1;
    if (scan->object.kind != scan->changed_kind)
        return scan->object.kind < scan->changed_kind ? -1 : 1;
    struct slice changed = slice_from_string(scan->changed_name);
    size_t shorter =
        changed.length < scan->object.name.length ? changed.length : scan->object.name.length;
    int order = memcmp(scan->object.name.at, changed.at, shorter);
    if (order == 0 && changed.length != scan->object.name.length)
        order = changed.length < scan->object.name.length ? 1 : -1;
    return order;
}

/* A name of the log: as it was before the first change that does not show, or, without one, as it
 * is in the head, if there. */
static bool show_changed(struct scan *scan, bool is_there, bool *goes_on, struct error *err)
{
    sqlite3_stmt *statement = store_statement(scan->store, STATEMENT_FIRST_CHANGE, err);
    bool has_row;
    *goes_on = true;
    if (statement == NULL)
        return false;
    store_bind_number(statement, 1, (uint64_t)scan->changed_kind);
    store_bind_text(statement, 2, scan->changed_name);
    store_bind_number(statement, 3, scan->sequence);
    if (!store_step(scan->store, statement, &has_row, err))
        return false;

    const struct store_object before = {
        .kind = scan->changed_kind,
        .name = slice_from_string(scan->changed_name),
        .bytes = has_row ? store_column_bytes(statement, 0) : (struct slice){0},
    };
    if (has_row && sqlite3_column_type(statement, 0) != SQLITE_NULL)
        *goes_on = show(scan, &before);
    else if (!has_row && is_there)
        *goes_on = show(scan, &scan->object);
    sqlite3_reset(statement);
    if (*goes_on) {
        scan->cursor->kind = before.kind;
        copy_name(scan->cursor->name, before.name);
    }
    return true;
}

static bool scan_past(struct scan *scan, struct error *err)
{
    bool goes_on = true;
    if (!next_changed(scan, scan->cursor->kind, scan->cursor->name, err))
        return false;
    for (size_t names = 0; goes_on && names < STORE_SCAN_NAMES; names++) {
        if (!scan->has_object && !scan->has_changed) {
            scan->cursor->is_finished = true;
            return true;
        }
        int order = compare(scan);
        if (order < 0)
            goes_on = show(scan, &scan->object);
        else if (!show_changed(scan, order == 0, &goes_on, err) ||
                 !next_changed(scan, scan->cursor->kind, scan->cursor->name, err))
            return false;
        if (order <= 0 && !next_object(scan, err))
            return false;
    }
    return true;
}

bool store_scan(struct store *store, uint64_t revision, Pointsman__V1__ObjectKind only_kind,
                struct store_cursor *cursor, store_visit_fn *visit, void *context,
                struct error *err)
{
    struct scan scan = {
        .store = store,
        .cursor = cursor,
        .visit = visit,
        .context = context,
        .last_kind = only_kind != 0 ? (uint64_t)only_kind : INT64_MAX,
    };
    if (!store_sequence_at(store, revision, &scan.sequence, err))
        return false;
    if (cursor->kind == 0)
        cursor->kind = only_kind;

    bool is_past = store->in_transaction || revision != store->committed.head.revision;
    bool is_done =
        start_head(&scan, err) && (is_past ? scan_past(&scan, err) : scan_head(&scan, err));
    if (scan.head != NULL)
        sqlite3_reset(scan.head);
    return is_done;
}
