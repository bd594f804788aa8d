#include "control/store_sqlite.h"

/* Instead of the bytes themselves: whether there are any, without reading them. */
#define SIDES_ONLY                                                                                 \
    " CASE typeof(before) WHEN 'null' THEN NULL ELSE x'' END,"                                     \
    " CASE typeof(after) WHEN 'null' THEN NULL ELSE x'' END"

static const char *const statement_sql[STATEMENT_COUNT] = {
    [STATEMENT_BEGIN] = "BEGIN IMMEDIATE",
    [STATEMENT_COMMIT] = "COMMIT",
    [STATEMENT_ROLLBACK] = "ROLLBACK",
    [STATEMENT_SAVEPOINT] = "SAVEPOINT one_commit",
    [STATEMENT_RELEASE] = "RELEASE one_commit",
    [STATEMENT_ROLLBACK_TO] = "ROLLBACK TO one_commit",

    [STATEMENT_READ_HEAD] = "SELECT epoch, revision, digest, routes, backends, compacted_revision,"
                            " (SELECT last_sequence FROM commits"
                            "   WHERE commits.revision = head.revision),"
                            " pending_revision,"
                            " (SELECT confirm_by_ms FROM commits"
                            "   WHERE commits.revision = head.pending_revision)"
                            " FROM head",
    [STATEMENT_WRITE_HEAD] = "UPDATE head SET revision = ?1, digest = ?2, routes = ?3,"
                             " backends = ?4, compacted_revision = ?5, pending_revision = ?6",
    [STATEMENT_FIND_COMMIT] = "SELECT last_sequence, digest FROM commits WHERE revision = ?1",
    [STATEMENT_COMMIT_TIME] = "SELECT made_ms FROM commits WHERE revision = ?1",
    [STATEMENT_COMMITS] = "SELECT revision, made_ms, uid, gid, pid, command, message, request_id,"
                          " undoes_first, undoes_last, confirm_by_ms, created, updated, deleted,"
                          " confirm_state FROM commits WHERE revision <= ?1 AND revision >= ?2"
                          " ORDER BY revision DESC",
    [STATEMENT_LOG] = "SELECT kind, name, revision, sequence, before, after FROM changes"
                      " WHERE sequence > ?1 AND sequence <= ?2 ORDER BY sequence",
    [STATEMENT_LOG_NAMES] = "SELECT kind, name, revision, sequence," SIDES_ONLY " FROM changes"
                            " WHERE sequence > ?1 AND sequence <= ?2 ORDER BY sequence",
    [STATEMENT_LOG_NAMES_OF_OBJECT] = "SELECT kind, name, revision, sequence," SIDES_ONLY
                                      " FROM changes WHERE kind = ?1 AND name = ?2"
                                      " AND sequence > ?3 AND sequence <= ?4"
                                      " ORDER BY sequence DESC",
    [STATEMENT_LOG_OF_OBJECT] = "SELECT kind, name, revision, sequence, before, after FROM changes"
                                " WHERE kind = ?1 AND name = ?2 AND sequence > ?3"
                                " AND sequence <= ?4 ORDER BY sequence DESC",
    [STATEMENT_DIFF] = "SELECT kind, name, revision, sequence,"
                       " (SELECT earliest.before FROM changes AS earliest"
                       "   WHERE earliest.kind = c.kind AND earliest.name = c.name"
                       "   AND earliest.sequence > ?3 ORDER BY earliest.sequence LIMIT 1),"
                       " after,"
                       " EXISTS (SELECT 1 FROM changes AS later WHERE later.kind = c.kind"
                       "   AND later.name = c.name AND later.sequence > c.sequence"
                       "   AND later.sequence <= ?2)"
                       " FROM changes AS c WHERE sequence > ?1 AND sequence <= ?2"
                       " ORDER BY sequence LIMIT ?4",
    [STATEMENT_DIFF_OF_OBJECT] =
        "SELECT kind, name, revision, sequence,"
        " (SELECT earliest.before FROM changes AS earliest"
        "   WHERE earliest.kind = ?1 AND earliest.name = ?2"
        "   AND earliest.sequence > ?3 ORDER BY earliest.sequence LIMIT 1), after"
        " FROM changes WHERE kind = ?1 AND name = ?2 AND sequence > ?3 AND sequence <= ?4"
        " ORDER BY sequence DESC LIMIT 1",

    [STATEMENT_GET_OBJECT] = "SELECT created_revision, revision, bytes FROM objects"
                             " WHERE kind = ?1 AND name = ?2",
    [STATEMENT_SCAN_HEAD] = "SELECT kind, name, bytes FROM objects"
                            " WHERE (kind, name) > (?1, ?2) AND kind <= ?3"
                            " ORDER BY kind, name",
    [STATEMENT_NEXT_CHANGED] = "SELECT kind, name FROM changes"
                               " WHERE (kind, name) > (?1, ?2) AND kind <= ?3"
                               " ORDER BY kind, name LIMIT 1",
    [STATEMENT_FIRST_CHANGE] = "SELECT before FROM changes"
                               " WHERE kind = ?1 AND name = ?2 AND sequence > ?3"
                               " ORDER BY sequence LIMIT 1",
    [STATEMENT_LAST_CHANGED] = "SELECT revision FROM changes WHERE kind = ?1 AND name = ?2"
                               " ORDER BY sequence DESC LIMIT 1",
    [STATEMENT_CHANGES] = "SELECT kind, name, after, sequence FROM changes AS c"
                          " WHERE sequence > ?1 AND sequence <= ?2 AND NOT EXISTS"
                          "  (SELECT 1 FROM changes AS later WHERE later.kind = c.kind"
                          "   AND later.name = c.name AND later.sequence > c.sequence"
                          "   AND later.sequence <= ?2)"
                          " ORDER BY sequence",
    [STATEMENT_ROUTES_NAMING] = "SELECT route FROM backend_references WHERE backend = ?1"
                                " ORDER BY route LIMIT ?2",
    [STATEMENT_COUNT_ROUTES_NAMING] = "SELECT count(*) FROM backend_references"
                                      " WHERE backend = ?1",

    [STATEMENT_PUT_OBJECT] = "REPLACE INTO objects (kind, name, created_revision, revision, bytes)"
                             " VALUES (?1, ?2, ?3, ?4, ?5)",
    [STATEMENT_DELETE_OBJECT] = "DELETE FROM objects WHERE kind = ?1 AND name = ?2",
    [STATEMENT_PUT_REFERENCE] = "INSERT OR IGNORE INTO backend_references (backend, route)"
                                " VALUES (?1, ?2)",
    [STATEMENT_PUT_REFERENCES] =
        "INSERT OR IGNORE INTO backend_references (backend, route) VALUES"
        " (?1, ?2), (?3, ?4), (?5, ?6), (?7, ?8), (?9, ?10), (?11, ?12), (?13, ?14), (?15, ?16),"
        " (?17, ?18), (?19, ?20), (?21, ?22), (?23, ?24), (?25, ?26), (?27, ?28), (?29, ?30),"
        " (?31, ?32)",
    [STATEMENT_DELETE_REFERENCE] = "DELETE FROM backend_references"
                                   " WHERE backend = ?1 AND route = ?2",
    [STATEMENT_READ_REFERENCE_LOG] = "SELECT entries FROM reference_log ORDER BY revision",
    [STATEMENT_ADD_REFERENCE_LOG] = "INSERT INTO reference_log (revision, entries) VALUES (?1, ?2)",
    [STATEMENT_CLEAR_REFERENCE_LOG] = "DELETE FROM reference_log",
    [STATEMENT_ADD_CHANGE] = "INSERT INTO changes (sequence, revision, kind, name, before, after)"
                             " VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    [STATEMENT_ADD_COMMIT] =
        "INSERT INTO commits (revision, last_sequence, digest, made_ms,"
        " uid, gid, pid, command, message, request_id, undoes_first,"
        " undoes_last, confirm_by_ms, confirm_state, created, updated, deleted)"
        " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14,"
        " ?15, ?16, ?17)",
    [STATEMENT_SET_CONFIRM_STATE] = "UPDATE commits SET confirm_state = ?2 WHERE revision = ?1",

    [STATEMENT_FIND_REQUEST] = "SELECT fingerprint, answer FROM requests WHERE request_id = ?1",
    [STATEMENT_ADD_REQUEST] = "INSERT INTO requests (request_id, fingerprint, revision, answer)"
                              " VALUES (?1, ?2, ?3, ?4)",

    [STATEMENT_COMPACT_END] = "SELECT max(revision) FROM commits"
                              " WHERE revision > ?1 AND revision <= ?2 AND last_sequence <= ?3",
    [STATEMENT_COMPACT_CHANGES] = "DELETE FROM changes WHERE sequence <= ?1",
    [STATEMENT_COMPACT_COMMITS] = "DELETE FROM commits WHERE revision < ?1",
    [STATEMENT_COMPACT_REQUESTS] = "DELETE FROM requests WHERE revision <= ?1",

    [STATEMENT_PUT_PROXY] = "REPLACE INTO proxies (id, lost_ms) VALUES (?1, ?2)",
    [STATEMENT_FORGET_PROXIES] = "DELETE FROM proxies WHERE lost_ms > 0 AND lost_ms < ?1",
    [STATEMENT_READ_PROXIES] = "SELECT id, lost_ms FROM proxies ORDER BY id",
};

sqlite3_stmt *store_statement(struct store *store, enum statement id, struct error *err)
{
    if (store->statements[id] == NULL &&
        sqlite3_prepare_v3(store->database, statement_sql[id], -1, SQLITE_PREPARE_PERSISTENT,
                           &store->statements[id], NULL) != SQLITE_OK) {
        store_error(store, err, "preparing a statement");
        return NULL;
    }
    sqlite3_clear_bindings(store->statements[id]);
    return store->statements[id];
}

bool store_step(struct store *store, sqlite3_stmt *statement, bool *has_row, struct error *err)
{
    int result = sqlite3_step(statement);
    *has_row = result == SQLITE_ROW;
    if (result == SQLITE_ROW)
        return true;
    if (result != SQLITE_DONE)
        store_error(store, err, "the database");
    sqlite3_reset(statement);
    return result == SQLITE_DONE;
}

bool store_execute(struct store *store, sqlite3_stmt *statement, struct error *err)
{
    bool has_row;
    return store_step(store, statement, &has_row, err);
}

sqlite3_stmt *store_revision_row(struct store *store, enum statement id, uint64_t revision,
                                 struct error *err)
{
    sqlite3_stmt *statement = store_statement(store, id, err);
    bool has_row;
    if (statement == NULL)
        return NULL;
    store_bind_number(statement, 1, revision);
    if (!store_step(store, statement, &has_row, err))
        return NULL;
    if (has_row)
        return statement;
    error_set(err, ERROR_CORRUPT, "the database is damaged: revision %llu is missing",
              (unsigned long long)revision);
    return NULL;
}

bool store_run(struct store *store, enum statement id, struct error *err)
{
    sqlite3_stmt *statement = store_statement(store, id, err);
    return statement != NULL && store_execute(store, statement, err);
}

void store_bind_number(sqlite3_stmt *statement, int index, uint64_t value)
{
    sqlite3_bind_int64(statement, index, (sqlite3_int64)value);
}

void store_bind_text(sqlite3_stmt *statement, int index, const char *text)
{
    sqlite3_bind_text(statement, index, text, -1, SQLITE_STATIC);
}

void store_bind_bytes(sqlite3_stmt *statement, int index, const struct slice *bytes)
{
    if (bytes == NULL)
        sqlite3_bind_null(statement, index);
    else if (bytes->length == 0)
        sqlite3_bind_zeroblob(statement, index, 0);
    else
        sqlite3_bind_blob64(statement, index, bytes->at, bytes->length, SQLITE_STATIC);
}

uint64_t store_column_number(sqlite3_stmt *statement, int index)
{
    return (uint64_t)sqlite3_column_int64(statement, index);
}

struct slice store_column_bytes(sqlite3_stmt *statement, int index)
{
    const void *at = sqlite3_column_blob(statement, index);
    return slice_of(at, (size_t)sqlite3_column_bytes(statement, index));
}

void store_drop_statements(struct store *store)
{
    for (size_t i = 0; i < STATEMENT_COUNT; i++) {
        sqlite3_finalize(store->statements[i]);
        store->statements[i] = NULL;
    }
}

static bool set_error(struct error *err, int result, const char *detail, const char *what)
{
    switch (result & 0xff) {
    case SQLITE_FULL:
        return error_set(err, ERROR_READ_ONLY, "the disk of the database is full");
    case SQLITE_READONLY:
        return error_set(err, ERROR_READ_ONLY, "the database is read-only");
    case SQLITE_IOERR:
        return error_set(err, ERROR_READ_ONLY, "I/O error on the database (%s, %d)", detail,
                         result);
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return error_set(err, ERROR_CORRUPT, "the database is damaged: %s", detail);
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return error_set(err, ERROR_IN_USE, "another program has locked the database");
    case SQLITE_CANTOPEN:
    case SQLITE_PERM:
        return error_set(err, ERROR_SYSTEM, "%s: %s", what, detail);
    default:
        return error_set(err, ERROR_INTERNAL, "%s: %s (%d)", what, detail, result);
    }
}

bool store_error_of(sqlite3 *database, struct error *err, const char *what)
{
    return set_error(err, sqlite3_extended_errcode(database), sqlite3_errmsg(database), what);
}

bool store_error(struct store *store, struct error *err, const char *what)
{
    struct error unheard;
    if (err == NULL)
        err = &unheard;
    store_error_of(store->database, err, what);
    if (err->code == ERROR_CORRUPT) {
        store->is_damaged = true;
        memcpy(store->trouble, err->message, sizeof(store->trouble));
    }
    return false;
}
