#include "control/store_history.h"

#include "control/store_sqlite.h"

/* --- revisions ------------------------------------------------------------------------------ */

static bool made_by(struct store *store, uint64_t revision, uint64_t wall_ms, bool *is_made,
                    struct error *err)
{
    *is_made = true;
    if (revision == 0)
        return true;
    sqlite3_stmt *statement = store_revision_row(store, STATEMENT_COMMIT_TIME, revision, err);
    if (statement == NULL)
        return false;
    *is_made = store_column_number(statement, 0) <= wall_ms;
    sqlite3_reset(statement);
    return true;
}

bool store_revision_at(struct store *store, uint64_t wall_ms, uint64_t *revision, struct error *err)
{
    uint64_t low = store->committed.compacted_revision;
    uint64_t high = store->committed.head.revision + 1; /* not made by then */
    bool is_made;
    if (!made_by(store, low, wall_ms, &is_made, err))
        return false;
    if (!is_made)
        return error_set(err, ERROR_OUT_OF_RANGE,
                         "the history before revision %llu is gone, and so is what was then",
                         (unsigned long long)low);
    while (high - low > 1) {
        uint64_t middle = low + (high - low) / 2;
        if (!made_by(store, middle, wall_ms, &is_made, err))
            return false;
        if (is_made)
            low = middle;
        else
            high = middle;
    }
    *revision = low;
    return true;
}

/* The changes at revisions from `oldest` to `newest` are those behind `*first` up to `*last`. */
static bool find_range(struct store *store, uint64_t newest, uint64_t oldest, uint64_t *first,
                       uint64_t *last, struct error *err)
{
    if (oldest == 0)
        return error_set(err, ERROR_INVALID, "revision 0 is the empty beginning, not a commit");
    if (oldest <= store->committed.compacted_revision)
        return store_error_compacted(store, err);
    /* The newest first: it is the one to be named when it is not there. */
    return store_sequence_at(store, newest, last, err) &&
           store_sequence_at(store, oldest - 1, first, err);
}

/* --- one object ----------------------------------------------------------------------------- */

static bool missing_at(uint64_t revision, Pointsman__V1__ObjectKind kind, const char *name,
                       struct error *err)
{
    return error_set(err, ERROR_NOT_FOUND, "there was no %s '%s' at revision %llu",
                     kind == POINTSMAN__V1__OBJECT_KIND__OBJECT_KIND_ROUTE ? "route" : "backend",
                     name, (unsigned long long)revision);
}

bool store_get_at(struct store *store, uint64_t revision, Pointsman__V1__ObjectKind kind,
                  const char *name, struct buffer *bytes, struct error *err)
{
    uint64_t sequence;
    bool has_row;
    if (!store_sequence_at(store, revision, &sequence, err))
        return false;
    sqlite3_stmt *statement = store_statement(store, STATEMENT_FIRST_CHANGE, err);
    if (statement == NULL)
        return false;
    store_bind_number(statement, 1, (uint64_t)kind);
    store_bind_text(statement, 2, name);
    store_bind_number(statement, 3, sequence);
    if (!store_step(store, statement, &has_row, err))
        return false;

    if (has_row) {
        bool was_there = sqlite3_column_type(statement, 0) != SQLITE_NULL;
        if (was_there)
            buffer_append_slice(bytes, store_column_bytes(statement, 0));
        sqlite3_reset(statement);
        return was_there || missing_at(revision, kind, name, err);
    }

    struct store_record record = {0};
    bool is_there = store_get(store, kind, name, &record, err);
    if (is_there)
        buffer_append_slice(bytes, buffer_slice(&record.bytes));
    store_record_clear(&record);
    return is_there;
}

/* --- commits -------------------------------------------------------------------------------- */

static struct store_logged_commit read_commit(sqlite3_stmt *row)
{
    return (struct store_logged_commit){
        .revision = store_column_number(row, 0),
        .made_wall_ms = store_column_number(row, 1),
        .commit = {.uid = (uid_t)store_column_number(row, 2),
                   .gid = (gid_t)store_column_number(row, 3),
                   .pid = (pid_t)store_column_number(row, 4),
                   .command = (const char *)sqlite3_column_text(row, 5),
                   .message = (const char *)sqlite3_column_text(row, 6),
                   .request_id = (const char *)sqlite3_column_text(row, 7),
                   .undoes_first = store_column_number(row, 8),
                   .undoes_last = store_column_number(row, 9),
                   .confirm_by_wall_ms = store_column_number(row, 10)},
        .created = store_column_number(row, 11),
        .updated = store_column_number(row, 12),
        .deleted = store_column_number(row, 13),
        .confirm_state = (Pointsman__V1__ConfirmState)store_column_number(row, 14),
    };
}

bool store_commits(struct store *store, uint64_t newest, uint64_t oldest,
                   store_commit_visit_fn *visit, void *context, struct error *err)
{
    uint64_t first;
    uint64_t last;
    if (!find_range(store, newest, oldest, &first, &last, err))
        return false;
    sqlite3_stmt *statement = store_statement(store, STATEMENT_COMMITS, err);
    if (statement == NULL)
        return false;
    store_bind_number(statement, 1, newest);
    store_bind_number(statement, 2, oldest);

    bool has_row;
    while (store_step(store, statement, &has_row, err)) {
        if (!has_row)
            return true;
        const struct store_logged_commit commit = read_commit(statement);
        if (!visit(context, &commit)) {
            sqlite3_reset(statement);
            return true;
        }
    }
    return false;
}

/* --- changes -------------------------------------------------------------------------------- */

/* Rows are kind, name, revision, sequence, before, after. */
static struct store_change read_change(sqlite3_stmt *row)
{
    struct store_change change = {
        .kind = (Pointsman__V1__ObjectKind)store_column_number(row, 0),
        .name = store_column_bytes(row, 1),
        .revision = store_column_number(row, 2),
        .sequence = store_column_number(row, 3),
        .was_there = sqlite3_column_type(row, 4) != SQLITE_NULL,
        .is_there = sqlite3_column_type(row, 5) != SQLITE_NULL,
    };
    change.before = store_column_bytes(row, 4);
    change.after = store_column_bytes(row, 5);
    return change;
}

static bool visit_changes(struct store *store, sqlite3_stmt *statement,
                          store_change_visit_fn *visit, void *context, struct error *err)
{
    bool has_row;
    while (store_step(store, statement, &has_row, err)) {
        if (!has_row)
            return true;
        const struct store_change change = read_change(statement);
        if (!visit(context, &change)) {
            sqlite3_reset(statement);
            return true;
        }
    }
    return false;
}

/* Those behind `first` up to `last`. */
static bool visit_log(struct store *store, enum statement id, uint64_t first, uint64_t last,
                      store_change_visit_fn *visit, void *context, struct error *err)
{
    sqlite3_stmt *statement = store_statement(store, id, err);
    if (statement == NULL)
        return false;
    store_bind_number(statement, 1, first);
    store_bind_number(statement, 2, last);
    return visit_changes(store, statement, visit, context, err);
}

bool store_commit_changes(struct store *store, uint64_t revision, uint64_t after_sequence,
                          enum store_detail detail, store_change_visit_fn *visit, void *context,
                          struct error *err)
{
    uint64_t first;
    uint64_t last;
    if (!find_range(store, revision, revision, &first, &last, err))
        return false;
    return visit_log(store, detail == STORE_NAMES ? STATEMENT_LOG_NAMES : STATEMENT_LOG,
                     after_sequence > first ? after_sequence : first, last, visit, context, err);
}

bool store_object_changes(struct store *store, Pointsman__V1__ObjectKind kind, const char *name,
                          uint64_t newest, uint64_t oldest, enum store_detail detail,
                          store_change_visit_fn *visit, void *context, struct error *err)
{
    uint64_t first;
    uint64_t last;
    if (!find_range(store, newest, oldest, &first, &last, err))
        return false;
    sqlite3_stmt *statement = store_statement(
        store, detail == STORE_NAMES ? STATEMENT_LOG_NAMES_OF_OBJECT : STATEMENT_LOG_OF_OBJECT,
        err);
    if (statement == NULL)
        return false;
    store_bind_number(statement, 1, (uint64_t)kind);
    store_bind_text(statement, 2, name);
    store_bind_number(statement, 3, first);
    store_bind_number(statement, 4, last);
    return visit_changes(store, statement, visit, context, err);
}

/* --- differences ---------------------------------------------------------------------------- */

static bool find_difference(struct store *store, uint64_t from, uint64_t to, uint64_t *first,
                            uint64_t *last, struct error *err)
{
    return store_sequence_at(store, from, first, err) && store_sequence_at(store, to, last, err);
}

bool store_count_changes(struct store *store, uint64_t from, uint64_t to, uint64_t *count,
                         struct error *err)
{
    uint64_t first;
    uint64_t last;
    if (!find_difference(store, from, to, &first, &last, err))
        return false;
    *count = last - first;
    return true;
}

bool store_log_changes(struct store *store, uint64_t from, uint64_t to, uint64_t after_sequence,
                       store_change_visit_fn *visit, void *context, struct error *err)
{
    uint64_t first;
    uint64_t last;
    if (!find_difference(store, from, to, &first, &last, err))
        return false;
    return visit_log(store, STATEMENT_LOG, after_sequence > first ? after_sequence : first, last,
                     visit, context, err);
}

bool store_diff(struct store *store, uint64_t from, uint64_t to, struct store_diff_cursor *cursor,
                store_change_visit_fn *visit, void *context, struct error *err)
{
    uint64_t first;
    uint64_t last;
    if (!find_difference(store, from, to, &first, &last, err))
        return false;
    sqlite3_stmt *statement = store_statement(store, STATEMENT_DIFF, err);
    if (statement == NULL)
        return false;
    store_bind_number(statement, 1, cursor->sequence > first ? cursor->sequence : first);
    store_bind_number(statement, 2, last);
    store_bind_number(statement, 3, first);
    store_bind_number(statement, 4, STORE_SCAN_NAMES);

    bool has_row;
    for (size_t rows = 0; store_step(store, statement, &has_row, err); rows++) {
        if (!has_row) {
            cursor->is_finished = rows < STORE_SCAN_NAMES;
            return true;
        }
        bool is_last_of_object = store_column_number(statement, 6) == 0;
        const struct store_change change = read_change(statement);
        if (is_last_of_object && !visit(context, &change)) {
            sqlite3_reset(statement);
            return true;
        }
        cursor->sequence = change.sequence;
    }
    return false;
}

bool store_diff_object(struct store *store, uint64_t from, uint64_t to,
                       Pointsman__V1__ObjectKind kind, const char *name,
                       store_change_visit_fn *visit, void *context, struct error *err)
{
    uint64_t first;
    uint64_t last;
    if (!find_difference(store, from, to, &first, &last, err))
        return false;
    sqlite3_stmt *statement = store_statement(store, STATEMENT_DIFF_OF_OBJECT, err);
    if (statement == NULL)
        return false;
    store_bind_number(statement, 1, (uint64_t)kind);
    store_bind_text(statement, 2, name);
    store_bind_number(statement, 3, first);
    store_bind_number(statement, 4, last);
    return visit_changes(store, statement, visit, context, err);
}
