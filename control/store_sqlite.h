/* What the files behind store.h share: the store on SQLite, its statements, its errors.
 *
 * Threads: main. */
#ifndef CONTROL_STORE_SQLITE_H
#define CONTROL_STORE_SQLITE_H

#include "control/store.h"

#include <sqlite3.h>

enum statement {
    STATEMENT_BEGIN,
    STATEMENT_COMMIT,
    STATEMENT_ROLLBACK,
    STATEMENT_SAVEPOINT,
    STATEMENT_RELEASE,
    STATEMENT_ROLLBACK_TO,
    STATEMENT_READ_HEAD,
    STATEMENT_WRITE_HEAD,
    STATEMENT_FIND_COMMIT,
    STATEMENT_COMMIT_TIME,
    STATEMENT_COMMITS,
    STATEMENT_LOG,
    STATEMENT_LOG_NAMES,
    STATEMENT_LOG_OF_OBJECT,
    STATEMENT_LOG_NAMES_OF_OBJECT,
    STATEMENT_DIFF,
    STATEMENT_DIFF_OF_OBJECT,
    STATEMENT_GET_OBJECT,
    STATEMENT_SCAN_HEAD,
    STATEMENT_NEXT_CHANGED,
    STATEMENT_FIRST_CHANGE,
    STATEMENT_LAST_CHANGED,
    STATEMENT_CHANGES,
    STATEMENT_ROUTES_NAMING,
    STATEMENT_COUNT_ROUTES_NAMING,
    STATEMENT_PUT_OBJECT,
    STATEMENT_DELETE_OBJECT,
    STATEMENT_PUT_REFERENCE,
    STATEMENT_PUT_REFERENCES,
    STATEMENT_DELETE_REFERENCE,
    STATEMENT_READ_REFERENCE_LOG,
    STATEMENT_ADD_REFERENCE_LOG,
    STATEMENT_CLEAR_REFERENCE_LOG,
    STATEMENT_ADD_CHANGE,
    STATEMENT_ADD_COMMIT,
    STATEMENT_SET_CONFIRM_STATE,
    STATEMENT_FIND_REQUEST,
    STATEMENT_ADD_REQUEST,
    STATEMENT_COMPACT_END,
    STATEMENT_COMPACT_CHANGES,
    STATEMENT_COMPACT_COMMITS,
    STATEMENT_COMPACT_REQUESTS,
    STATEMENT_PUT_PROXY,
    STATEMENT_FORGET_PROXIES,
    STATEMENT_READ_PROXIES,
    STATEMENT_COUNT,
};

/* A head, and how far the log goes. */
struct store_state {
    struct store_head head;
    uint64_t last_sequence;
    uint64_t compacted_revision;
    uint64_t pending_revision;
    uint64_t confirm_by_wall_ms; /* of the pending one */
    size_t logged_references;
    size_t sorted_references; /* the first so many of them are in their table */
};

/* A reference that was made or dropped. */
struct logged_reference {
    size_t at; /* in `names`: its backend, then its route, each with its terminator */
    bool is_dropped;
};

/* Those of the log, oldest first. What is behind the state's count was abandoned. */
struct reference_log {
    struct logged_reference *entries;
    size_t count;
    size_t capacity;
    struct buffer names;
};

/* What the open commit has written. */
struct store_commit_counts {
    uint64_t created;
    uint64_t updated;
    uint64_t deleted;
};

struct store {
    char *path;
    sqlite3 *database;
    sqlite3_stmt *statements[STATEMENT_COUNT]; /* prepared at first use */
    int lock_fd; /* -1: a database that nobody here can lock, nor write */
    char epoch[64];

    struct store_state committed;     /* durable */
    struct store_state working;       /* with the open transaction's commits */
    struct store_state before_commit; /* what working was when the open commit began */
    struct store_commit_counts counts;
    struct reference_log references;
    bool in_transaction;
    bool in_commit;
    struct error lost; /* why the open transaction cannot be ended; ERROR_NONE: it can */

    uint64_t page_bytes;
    uint64_t log_bytes; /* not moved into the database */
    bool has_log;       /* this connection has written to it: then it is there until the end */
    bool is_unwritable; /* its files were, when last looked at */
    bool is_damaged;
    char trouble[ERROR_MESSAGE_BYTES]; /* why it takes no writes; "": it does */
};

/* --- statements ----------------------------------------------------------------------------- */

/* The statement, reset and without values; NULL on error. */
sqlite3_stmt *store_statement(struct store *store, enum statement id, struct error *err);

/* Takes a step: `*has_row` says whether there is a row. After the last row, and on error, the
 * statement is reset. */
bool store_step(struct store *store, sqlite3_stmt *statement, bool *has_row, struct error *err);

/* Runs a statement that gives no rows. */
bool store_execute(struct store *store, sqlite3_stmt *statement, struct error *err);
/* The same for one that has no values either. */
bool store_run(struct store *store, enum statement id, struct error *err);

/* The row of a revision that the log must have, by a statement that takes the revision alone. Reset
 * it when the row is read. NULL on error. */
sqlite3_stmt *store_revision_row(struct store *store, enum statement id, uint64_t revision,
                                 struct error *err);

void store_bind_number(sqlite3_stmt *statement, int index, uint64_t value);
/* Texts and bytes stay the caller's until the statement is reset. */
void store_bind_text(sqlite3_stmt *statement, int index, const char *text);
void store_bind_bytes(sqlite3_stmt *statement, int index, const struct slice *bytes);

uint64_t store_column_number(sqlite3_stmt *statement, int index);
struct slice store_column_bytes(sqlite3_stmt *statement, int index);

/* Finalizes all. */
void store_drop_statements(struct store *store);

/* --- errors --------------------------------------------------------------------------------- */

/* Turns what SQLite last said into an error; damage is remembered. Returns false. */
bool store_error(struct store *store, struct error *err, const char *what);

/* The same for a connection without a store. */
bool store_error_of(sqlite3 *database, struct error *err, const char *what);

/* Makes an empty file that only its owner may read, in the place of any other. */
bool store_make_file(const char *path, struct error *err);

bool store_sync_file(const char *path, struct error *err);
/* The folder that has this file. */
bool store_sync_folder_of(const char *path, struct error *err);

/* The lock file of the database at `path`: close it to let go. -1 on error; ERROR_IN_USE. */
int store_lock_database(const char *path, struct error *err);

/* store_checkpoint, also while a transaction ends. */
bool store_checkpoint_now(struct store *store, struct error *err);

/* Opens it again once its files may be written. Reads go on if it fails. */
bool store_become_writable(struct store *store, struct error *err);

/* False when its files are not where they were opened: whoever starts next would know nothing of
 * what is written now. ERROR_READ_ONLY. */
bool store_is_in_place(const struct store *store, struct error *err);

/* Reads the head row into `committed`. */
bool store_read_head(struct store *store, struct error *err);

/* --- references ----------------------------------------------------------------------------- */

/* A commit's references are kept in its order, in one row, and put into their table together with
 * those of many others: there, they are far from each other. What follows is at store_write's
 * level: in a transaction, with the state that is being worked at. */

/* Reads what is not in the table into `committed`. */
bool store_read_reference_log(struct store *store, struct error *err);
void store_clear_reference_log(struct store *store);

void store_log_reference(struct store *store, const char *backend, const char *route,
                         bool is_dropped);
/* Writes the row of the open commit. */
bool store_write_reference_log(struct store *store, struct error *err);

/* Puts them into the table, and empties the log. */
bool store_sort_references(struct store *store, struct error *err);
/* The same when they have become many; at the end of a transaction. */
bool store_sort_many_references(struct store *store, struct error *err);
/* The transaction is durable, or lost: `committed` is what there is. */
void store_trim_reference_log(struct store *store);

/* --- the log --------------------------------------------------------------------------------- */

/* That history is gone, and where what is left begins. Returns false. */
bool store_error_compacted(const struct store *store, struct error *err);

/* The log's last sequence at `revision`. ERROR_OUT_OF_RANGE. */
bool store_sequence_at(struct store *store, uint64_t revision, uint64_t *sequence,
                       struct error *err);

#endif
