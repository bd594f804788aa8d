#include "common/clock.h"
#include "control/store_sqlite.h"
#include "proto/object_digest.h"

#include <assert.h>
#include <string.h>

/* --- the transaction ------------------------------------------------------------------------ */

bool store_in_transaction(const struct store *store)
{
    return store->in_transaction;
}

uint64_t store_next_revision(const struct store *store)
{
    const struct store_state *state = store->in_transaction ? &store->working : &store->committed;
    return state->head.revision + 1;
}

/* SQLite ends a transaction by itself after some errors (a full disk, an I/O error); what the
 * commits before have written is then gone too. */
static void note_failure(struct store *store, const struct error *why)
{
    if (why->code == ERROR_READ_ONLY)
        memcpy(store->trouble, why->message, sizeof(store->trouble));
    if (store->in_transaction && sqlite3_get_autocommit(store->database) != 0 &&
        store->lost.code == ERROR_NONE)
        store->lost = *why;
}

/* Passes an error on to the caller of a writing function. */
static bool fail(struct store *store, struct error *err, const struct error *why)
{
    note_failure(store, why);
    if (err != NULL)
        *err = *why;
    return false;
}

bool store_transaction_begin(struct store *store, struct error *err)
{
    assert(!store->in_transaction);
    if (store->is_damaged)
        return error_set(err, ERROR_READ_ONLY, "no writes: %s", store->trouble);
    if (store->is_unwritable && !store_become_writable(store, err))
        return false;

    struct error why = {0};
    if (!store_is_in_place(store, &why) || !store_run(store, STATEMENT_BEGIN, &why))
        return fail(store, err, &why);
    store->in_transaction = true;
    store->lost = (struct error){0};
    store->working = store->committed;
    return true;
}

static bool write_head(struct store *store, struct error *err)
{
    const struct store_state *working = &store->working;
    sqlite3_stmt *statement = store_statement(store, STATEMENT_WRITE_HEAD, err);
    if (statement == NULL)
        return false;
    store_bind_number(statement, 1, working->head.revision);
    store_bind_number(statement, 2, working->head.digest);
    store_bind_number(statement, 3, working->head.routes);
    store_bind_number(statement, 4, working->head.backends);
    store_bind_number(statement, 5, working->compacted_revision);
    store_bind_number(statement, 6, working->pending_revision);
    return store_execute(store, statement, err);
}

bool store_transaction_end(struct store *store, struct error *err)
{
    assert(store->in_transaction && !store->in_commit);
    bool is_changed = memcmp(&store->working, &store->committed, sizeof(store->working)) != 0;
    struct error why = store->lost;

    bool is_durable = why.code == ERROR_NONE && store_sort_many_references(store, &why) &&
                      (!is_changed || write_head(store, &why)) &&
                      store_run(store, STATEMENT_COMMIT, &why);
    if (is_durable) {
        store->committed = store->working;
        if (is_changed)
            store->trouble[0] = '\0';
    } else {
        fail(store, err, &why);
        if (sqlite3_get_autocommit(store->database) == 0)
            store_run(store, STATEMENT_ROLLBACK, NULL);
    }
    store_trim_reference_log(store);
    store->in_transaction = false;
    return is_durable;
}

/* --- a commit in it ------------------------------------------------------------------------- */

bool store_commit_begin(struct store *store, struct error *err)
{
    assert(store->in_transaction && !store->in_commit);
    struct error why = store->lost;
    if (why.code != ERROR_NONE || !store_run(store, STATEMENT_SAVEPOINT, &why))
        return fail(store, err, &why);
    store->in_commit = true;
    store->before_commit = store->working;
    store->counts = (struct store_commit_counts){0};
    return true;
}

static bool is_among(const char *name, char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(names[i], name) == 0)
            return true;
    }
    return false;
}

/* Logs each name that is not among the others. */
static void log_difference(struct store *store, const char *route, char *const *names, size_t count,
                           char *const *others, size_t other_count, bool is_dropped)
{
    for (size_t i = 0; i < count; i++) {
        if (!is_among(names[i], others, other_count))
            store_log_reference(store, names[i], route, is_dropped);
    }
}

/* Most changes of a route leave its backends as they are. */
static void log_references(struct store *store, const struct store_write *write)
{
    log_difference(store, write->name, write->references_before, write->reference_before_count,
                   write->references, write->reference_count, true);
    log_difference(store, write->name, write->references, write->reference_count,
                   write->references_before, write->reference_before_count, false);
}

static bool write_object(struct store *store, const struct store_write *write, struct error *err)
{
    enum statement id = write->after == NULL ? STATEMENT_DELETE_OBJECT : STATEMENT_PUT_OBJECT;
    sqlite3_stmt *statement = store_statement(store, id, err);
    if (statement == NULL)
        return false;
    store_bind_number(statement, 1, (uint64_t)write->kind);
    store_bind_text(statement, 2, write->name);
    if (write->after != NULL) {
        store_bind_number(statement, 3, write->created_revision);
        store_bind_number(statement, 4, store_next_revision(store));
        store_bind_bytes(statement, 5, write->after);
    }
    return store_execute(store, statement, err);
}

static bool add_change(struct store *store, const struct store_write *write, struct error *err)
{
    sqlite3_stmt *statement = store_statement(store, STATEMENT_ADD_CHANGE, err);
    if (statement == NULL)
        return false;
    store_bind_number(statement, 1, store->working.last_sequence + 1);
    store_bind_number(statement, 2, store_next_revision(store));
    store_bind_number(statement, 3, (uint64_t)write->kind);
    store_bind_text(statement, 4, write->name);
    store_bind_bytes(statement, 5, write->before);
    store_bind_bytes(statement, 6, write->after);
    return store_execute(store, statement, err);
}

static void count_kind(struct store_commit_counts *counts, const struct store_write *write)
{
    if (write->before == NULL)
        counts->created++;
    else if (write->after == NULL)
        counts->deleted++;
    else
        counts->updated++;
}

static void count_write(struct store_state *state, const struct store_write *write)
{
    struct slice name = slice_from_string(write->name);
    uint64_t *objects = write->kind == POINTSMAN__V1__OBJECT_KIND__OBJECT_KIND_ROUTE
                            ? &state->head.routes
                            : &state->head.backends;
    state->last_sequence++;
    if (write->before != NULL) {
        (*objects)--;
        state->head.digest -= object_digest(write->kind, name, *write->before);
    }
    if (write->after != NULL) {
        (*objects)++;
        state->head.digest += object_digest(write->kind, name, *write->after);
    }
}

bool store_write(struct store *store, const struct store_write *write, struct error *err)
{
    assert(store->in_commit && (write->before != NULL || write->after != NULL));
    struct error why = {0};
    bool is_route = write->kind == POINTSMAN__V1__OBJECT_KIND__OBJECT_KIND_ROUTE;

    if (!write_object(store, write, &why) || !add_change(store, write, &why))
        return fail(store, err, &why);
    if (is_route)
        log_references(store, write);
    count_write(&store->working, write);
    count_kind(&store->counts, write);
    return true;
}

bool store_remember_request(struct store *store, const char *request_id, uint64_t fingerprint,
                            struct slice answer, struct error *err)
{
    assert(store->in_commit);
    struct error why = {0};
    sqlite3_stmt *statement = store_statement(store, STATEMENT_ADD_REQUEST, &why);
    if (statement == NULL)
        return fail(store, err, &why);
    store_bind_text(statement, 1, request_id);
    store_bind_number(statement, 2, fingerprint);
    store_bind_number(statement, 3, store_next_revision(store));
    store_bind_bytes(statement, 4, &answer);
    return store_execute(store, statement, &why) || fail(store, err, &why);
}

static bool add_commit(struct store *store, const struct store_commit *commit, struct error *err)
{
    sqlite3_stmt *statement = store_statement(store, STATEMENT_ADD_COMMIT, err);
    if (statement == NULL)
        return false;
    store_bind_number(statement, 1, store_next_revision(store));
    store_bind_number(statement, 2, store->working.last_sequence);
    store_bind_number(statement, 3, store->working.head.digest);
    store_bind_number(statement, 4, clock_wall_ms());
    store_bind_number(statement, 5, commit->uid);
    store_bind_number(statement, 6, commit->gid);
    store_bind_number(statement, 7, (uint64_t)commit->pid);
    store_bind_text(statement, 8, commit->command);
    store_bind_text(statement, 9, commit->message);
    store_bind_text(statement, 10, commit->request_id);
    store_bind_number(statement, 11, commit->undoes_first);
    store_bind_number(statement, 12, commit->undoes_last);
    store_bind_number(statement, 13, commit->confirm_by_wall_ms);
    store_bind_number(statement, 14,
                      commit->confirm_by_wall_ms == 0
                          ? POINTSMAN__V1__CONFIRM_STATE__CONFIRM_STATE_UNSPECIFIED
                          : POINTSMAN__V1__CONFIRM_STATE__CONFIRM_STATE_PENDING);
    store_bind_number(statement, 15, store->counts.created);
    store_bind_number(statement, 16, store->counts.updated);
    store_bind_number(statement, 17, store->counts.deleted);
    return store_execute(store, statement, err);
}

bool store_commit_end(struct store *store, const struct store_commit *commit, struct error *err)
{
    assert(store->in_commit);
    struct error why = {0};
    if ((commit != NULL && !add_commit(store, commit, &why)) ||
        !store_write_reference_log(store, &why) || !store_run(store, STATEMENT_RELEASE, &why))
        return fail(store, err, &why);
    if (commit != NULL)
        store->working.head.revision++;
    if (commit != NULL && commit->confirm_by_wall_ms != 0) {
        store->working.pending_revision = store->working.head.revision;
        store->working.confirm_by_wall_ms = commit->confirm_by_wall_ms;
    }
    store->in_commit = false;
    return true;
}

bool store_end_pending(struct store *store, Pointsman__V1__ConfirmState why, struct error *err)
{
    assert(store->in_commit && store->working.pending_revision != 0);
    struct error cause = {0};
    sqlite3_stmt *statement = store_statement(store, STATEMENT_SET_CONFIRM_STATE, &cause);
    if (statement == NULL)
        return fail(store, err, &cause);
    store_bind_number(statement, 1, store->working.pending_revision);
    store_bind_number(statement, 2, (uint64_t)why);
    if (!store_execute(store, statement, &cause))
        return fail(store, err, &cause);
    store->working.pending_revision = 0;
    store->working.confirm_by_wall_ms = 0;
    return true;
}

void store_commit_abandon(struct store *store)
{
    assert(store->in_commit);
    struct error why = {0};
    store->in_commit = false;
    store->working = store->before_commit;
    if (store->lost.code != ERROR_NONE)
        return;
    if (!store_run(store, STATEMENT_ROLLBACK_TO, &why) ||
        !store_run(store, STATEMENT_RELEASE, &why)) {
        note_failure(store, &why);
        store->lost = why;
    }
}

/* --- the log -------------------------------------------------------------------------------- */

uint64_t store_log_bytes(const struct store *store)
{
    return store->log_bytes;
}

bool store_checkpoint_now(struct store *store, struct error *err)
{
    if (sqlite3_wal_checkpoint_v2(store->database, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL) !=
        SQLITE_OK)
        return store_error(store, err, "moving the log into the database");
    store->log_bytes = 0;
    return true;
}

bool store_checkpoint(struct store *store, struct error *err)
{
    assert(!store->in_transaction);
    return store_checkpoint_now(store, err);
}

/* --- compaction ----------------------------------------------------------------------------- */

static bool run_with_number(struct store *store, enum statement id, uint64_t number,
                            struct error *err)
{
    sqlite3_stmt *statement = store_statement(store, id, err);
    if (statement == NULL)
        return false;
    store_bind_number(statement, 1, number);
    return store_execute(store, statement, err);
}

/* The last commit of the piece that begins behind `from`. */
static bool find_piece(struct store *store, uint64_t from, uint64_t *until, struct error *err)
{
    uint64_t sequence;
    bool has_row;
    if (!store_sequence_at(store, from, &sequence, err))
        return false;
    sqlite3_stmt *statement = store_statement(store, STATEMENT_COMPACT_END, err);
    if (statement == NULL)
        return false;
    store_bind_number(statement, 1, from);
    store_bind_number(statement, 2, *until);
    store_bind_number(statement, 3, sequence + STORE_COMPACT_CHANGES);
    if (!store_step(store, statement, &has_row, err))
        return false;
    uint64_t found = has_row ? store_column_number(statement, 0) : 0;
    *until = found > from ? found : from + 1;
    sqlite3_reset(statement);
    return true;
}

bool store_compact(struct store *store, uint64_t revision, uint64_t limit, struct error *err)
{
    assert(store->in_commit);
    struct error why = {0};
    uint64_t sequence;
    uint64_t from = store->working.compacted_revision;
    uint64_t until = revision - from > limit ? from + limit : revision;
    if (revision <= from)
        return true;

    if (!find_piece(store, from, &until, err) || !store_sequence_at(store, until, &sequence, err))
        return false;
    if (!run_with_number(store, STATEMENT_COMPACT_CHANGES, sequence, &why) ||
        !run_with_number(store, STATEMENT_COMPACT_COMMITS, until, &why) ||
        !run_with_number(store, STATEMENT_COMPACT_REQUESTS, until, &why))
        return fail(store, err, &why);
    store->working.compacted_revision = until;
    return true;
}
