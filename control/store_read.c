#include "control/store_sqlite.h"

struct store_head store_head(const struct store *store)
{
    return store->committed.head;
}

const char *store_epoch(const struct store *store)
{
    return store->epoch;
}

const char *store_read_only_reason(const struct store *store)
{
    return store->trouble[0] == '\0' ? NULL : store->trouble;
}

bool store_is_damaged(const struct store *store)
{
    return store->is_damaged;
}

uint64_t store_compacted_revision(const struct store *store)
{
    return store->committed.compacted_revision;
}

uint64_t store_pending(const struct store *store, uint64_t *confirm_by_wall_ms)
{
    const struct store_state *state = store->in_transaction ? &store->working : &store->committed;
    *confirm_by_wall_ms = state->confirm_by_wall_ms;
    return state->pending_revision;
}

bool store_read_head(struct store *store, struct error *err)
{
    sqlite3_stmt *statement = store_statement(store, STATEMENT_READ_HEAD, err);
    bool has_row;
    if (statement == NULL || !store_step(store, statement, &has_row, err))
        return false;
    if (!has_row)
        return error_set(err, ERROR_CORRUPT, "the database is damaged: it has no head");

    struct slice epoch = store_column_bytes(statement, 0);
    if (epoch.length >= sizeof(store->epoch))
        epoch.length = sizeof(store->epoch) - 1;
    memcpy(store->epoch, epoch.at, epoch.length);
    store->epoch[epoch.length] = '\0';

    store->committed = (struct store_state){
        .head = {.revision = store_column_number(statement, 1),
                 .digest = store_column_number(statement, 2),
                 .routes = store_column_number(statement, 3),
                 .backends = store_column_number(statement, 4)},
        .compacted_revision = store_column_number(statement, 5),
        .last_sequence = store_column_number(statement, 6),
        .pending_revision = store_column_number(statement, 7),
        .confirm_by_wall_ms = store_column_number(statement, 8),
    };
    sqlite3_reset(statement);
    return true;
}

/* --- revisions ------------------------------------------------------------------------------ */

static bool find_commit(struct store *store, uint64_t revision, uint64_t *sequence,
                        uint64_t *digest, struct error *err)
{
    const struct store_state *committed = &store->committed;
    *sequence = 0;
    *digest = 0;
    if (revision == committed->head.revision) {
        *sequence = committed->last_sequence;
        *digest = committed->head.digest;
        return true;
    }
    if (revision > committed->head.revision)
        return error_set(err, ERROR_OUT_OF_RANGE, "revision %llu is ahead of the head, %llu",
                         (unsigned long long)revision,
                         (unsigned long long)committed->head.revision);
    if (revision < committed->compacted_revision)
        return store_error_compacted(store, err);
    if (revision == 0)
        return true;

    sqlite3_stmt *statement = store_revision_row(store, STATEMENT_FIND_COMMIT, revision, err);
    if (statement == NULL)
        return false;
    *sequence = store_column_number(statement, 0);
    *digest = store_column_number(statement, 1);
    sqlite3_reset(statement);
    return true;
}

bool store_error_compacted(const struct store *store, struct error *err)
{
    return error_set(err, ERROR_OUT_OF_RANGE,
                     "the history is gone up to revision %llu, the oldest that can be read",
                     (unsigned long long)store->committed.compacted_revision);
}

bool store_sequence_at(struct store *store, uint64_t revision, uint64_t *sequence,
                       struct error *err)
{
    uint64_t digest;
    return find_commit(store, revision, sequence, &digest, err);
}

bool store_digest_at(struct store *store, uint64_t revision, uint64_t *digest, struct error *err)
{
    uint64_t sequence;
    return find_commit(store, revision, &sequence, digest, err);
}

/* --- objects -------------------------------------------------------------------------------- */

void store_record_clear(struct store_record *record)
{
    buffer_clear(&record->bytes);
}

bool store_find(struct store *store, Pointsman__V1__ObjectKind kind, const char *name,
                struct store_record *record, bool *is_there, struct error *err)
{
    sqlite3_stmt *statement = store_statement(store, STATEMENT_GET_OBJECT, err);
    *is_there = false;
    if (statement == NULL)
        return false;
    store_bind_number(statement, 1, (uint64_t)kind);
    store_bind_text(statement, 2, name);
    if (!store_step(store, statement, is_there, err))
        return false;
    if (!*is_there)
        return true;

    record->created_revision = store_column_number(statement, 0);
    record->revision = store_column_number(statement, 1);
    buffer_append_slice(&record->bytes, store_column_bytes(statement, 2));
    sqlite3_reset(statement);
    return true;
}

bool store_get(struct store *store, Pointsman__V1__ObjectKind kind, const char *name,
               struct store_record *record, struct error *err)
{
    bool is_there;
    if (!store_find(store, kind, name, record, &is_there, err))
        return false;
    if (!is_there)
        return error_set(
            err, ERROR_NOT_FOUND, "there is no %s '%s'",
            kind == POINTSMAN__V1__OBJECT_KIND__OBJECT_KIND_ROUTE ? "route" : "backend", name);
    return true;
}

static bool visit_changes(struct store *store, sqlite3_stmt *statement, store_visit_fn *visit,
                          void *context, struct error *err)
{
    bool has_row;
    while (store_step(store, statement, &has_row, err)) {
        if (!has_row)
            return true;
        const struct store_object object = {
            .kind = (Pointsman__V1__ObjectKind)store_column_number(statement, 0),
            .name = store_column_bytes(statement, 1),
            .bytes = store_column_bytes(statement, 2),
            .is_deleted = sqlite3_column_type(statement, 2) == SQLITE_NULL,
            .sequence = store_column_number(statement, 3),
        };
        if (!visit(context, &object)) {
            sqlite3_reset(statement);
            return true;
        }
    }
    return false;
}

bool store_changes(struct store *store, uint64_t base_revision, uint64_t revision,
                   uint64_t after_sequence, store_visit_fn *visit, void *context, struct error *err)
{
    uint64_t first;
    uint64_t last;
    if (!store_sequence_at(store, base_revision, &first, err) ||
        !store_sequence_at(store, revision, &last, err))
        return false;

    sqlite3_stmt *statement = store_statement(store, STATEMENT_CHANGES, err);
    if (statement == NULL)
        return false;
    store_bind_number(statement, 1, after_sequence > first ? after_sequence : first);
    store_bind_number(statement, 2, last);
    return visit_changes(store, statement, visit, context, err);
}

bool store_routes_naming(struct store *store, const char *backend, size_t limit,
                         void (*visit)(void *context, const char *route), void *context,
                         uint64_t *count, struct error *err)
{
    if (!store_sort_references(store, err))
        return false;
    sqlite3_stmt *statement = store_statement(store, STATEMENT_COUNT_ROUTES_NAMING, err);
    bool has_row;
    if (statement == NULL)
        return false;
    store_bind_text(statement, 1, backend);
    if (!store_step(store, statement, &has_row, err))
        return false;
    *count = store_column_number(statement, 0);
    sqlite3_reset(statement);
    if (*count == 0 || limit == 0)
        return true;

    statement = store_statement(store, STATEMENT_ROUTES_NAMING, err);
    if (statement == NULL)
        return false;
    store_bind_text(statement, 1, backend);
    store_bind_number(statement, 2, limit);
    while (store_step(store, statement, &has_row, err)) {
        if (!has_row)
            return true;
        visit(context, (const char *)sqlite3_column_text(statement, 0));
    }
    return false;
}

bool store_last_changed(struct store *store, Pointsman__V1__ObjectKind kind, const char *name,
                        uint64_t *revision, struct error *err)
{
    sqlite3_stmt *statement = store_statement(store, STATEMENT_LAST_CHANGED, err);
    bool has_row;
    if (statement == NULL)
        return false;
    store_bind_number(statement, 1, (uint64_t)kind);
    store_bind_text(statement, 2, name);
    if (!store_step(store, statement, &has_row, err))
        return false;
    *revision = has_row ? store_column_number(statement, 0) : 0;
    sqlite3_reset(statement);
    return true;
}

bool store_find_request(struct store *store, const char *request_id, uint64_t *fingerprint,
                        struct buffer *answer, struct error *err)
{
    sqlite3_stmt *statement = store_statement(store, STATEMENT_FIND_REQUEST, err);
    bool has_row;
    if (statement == NULL)
        return false;
    store_bind_text(statement, 1, request_id);
    if (!store_step(store, statement, &has_row, err))
        return false;
    if (!has_row)
        return error_set(err, ERROR_NOT_FOUND, "this request is new");

    *fingerprint = store_column_number(statement, 0);
    buffer_append_slice(answer, store_column_bytes(statement, 1));
    sqlite3_reset(statement);
    return true;
}
