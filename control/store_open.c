/* Opening a database: alone, checked, at the newest schema. What is damaged, or may not be written,
 * still gives a store, one that only reads; everything else that fails gives none. */
#include "common/log.h"
#include "control/store_migrate.h"
#include "control/store_sqlite.h"
#include "proto/object_digest.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    APPLICATION_ID = 0x506f696e, /* "Poin"; `file` shows it */
    PAGE_BYTES = 8192,           /* of a database that is made; others keep theirs */
    LOG_BYTES_MAX = 64 << 20,    /* moved by a commit when nobody has done it in time */
    CACHE_KIB = 64 * 1024,
};

/* --- alone ---------------------------------------------------------------------------------- */

/* "." when the path names none. */
static void append_folder_of(const char *path, struct buffer *to)
{
    const char *slash = strrchr(path, '/');
    if (slash == NULL)
        buffer_append_string(to, ".");
    else
        buffer_append(to, path, (size_t)(slash - path) + 1);
}

static bool check_writable(const char *path, struct error *err)
{
    if (eaccess(path, W_OK) == 0 || errno == ENOENT)
        return true;
    return error_set(err, ERROR_READ_ONLY, "%s cannot be written: %s", path, strerror(errno));
}

/* Asked here because SQLite would call it an I/O error: it needs a log beside the file. */
static bool check_files_writable(const char *path, struct error *err)
{
    struct buffer folder = BUFFER_EMPTY;
    append_folder_of(path, &folder);
    bool is_writable = check_writable(buffer_string(&folder), err) && check_writable(path, err);
    buffer_clear(&folder);
    return is_writable;
}

/* SQLite's own locks would do, but theirs are lost when any descriptor of the file is closed. */
static int lock_database(const char *path, int flags, struct error *err)
{
    struct buffer lock_path = BUFFER_EMPTY;
    buffer_printf(&lock_path, "%s.lock", path);
    const char *name = buffer_string(&lock_path);

    int fd = open(name, flags | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) {
        error_set_errno(err, "lock file %s", name);
    } else if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        if (errno == EWOULDBLOCK)
            error_set(err, ERROR_IN_USE, "another pointsman-control uses %s", path);
        else
            error_set_errno(err, "lock file %s", name);
        close(fd);
        fd = -1;
    }
    buffer_clear(&lock_path);
    return fd;
}

int store_lock_database(const char *path, struct error *err)
{
    return lock_database(path, O_RDWR | O_CREAT, err);
}

/* --- the connection ------------------------------------------------------------------------- */

static bool read_pragma(sqlite3 *database, const char *sql, char *to, size_t to_bytes,
                        struct error *err)
{
    sqlite3_stmt *statement = NULL;
    bool is_read = false;

    if (sqlite3_prepare_v2(database, sql, -1, &statement, NULL) == SQLITE_OK &&
        sqlite3_step(statement) == SQLITE_ROW) {
        const unsigned char *text = sqlite3_column_text(statement, 0);
        snprintf(to, to_bytes, "%s", text == NULL ? "" : (const char *)text);
        is_read = true;
    } else {
        store_error_of(database, err, sql);
    }
    sqlite3_finalize(statement);
    return is_read;
}

static bool expect_pragma(sqlite3 *database, const char *sql, const char *expected,
                          struct error *err)
{
    char value[64];
    if (!read_pragma(database, sql, value, sizeof(value), err))
        return false;
    if (strcmp(value, expected) != 0)
        return error_set(err, ERROR_SYSTEM, "%s gave '%s', not '%s'", sql, value, expected);
    return true;
}

/* Before the first access: exclusive locking keeps the index of the log in this process's memory.
 * Nobody else can write it, and there is no -shm file. */
static bool lock_exclusively(sqlite3 *database, struct error *err)
{
    return expect_pragma(database, "PRAGMA locking_mode = EXCLUSIVE", "exclusive", err);
}

/* The size of pages counts where there are none yet. */
static bool configure(sqlite3 *database, struct error *err)
{
    char pragmas[256];
    snprintf(pragmas, sizeof(pragmas),
             "PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON; PRAGMA temp_store = MEMORY;"
             "PRAGMA secure_delete = OFF; PRAGMA cache_size = -%d; PRAGMA page_size = %d;"
             "PRAGMA wal_autocheckpoint = 0; PRAGMA synchronous = FULL",
             CACHE_KIB, PAGE_BYTES);

    return (sqlite3_exec(database, pragmas, NULL, NULL, NULL) == SQLITE_OK ||
            store_error_of(database, err, "configuring the database")) &&
           expect_pragma(database, "PRAGMA journal_mode = WAL", "wal", err) &&
           expect_pragma(database, "PRAGMA synchronous", "2", err);
}

/* NULL only when the file cannot be opened at all. */
static sqlite3 *open_connection(const char *path, struct error *err)
{
    sqlite3 *database = NULL;
    if (sqlite3_open_v2(path, &database,
                        SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE,
                        NULL) != SQLITE_OK) {
        store_error_of(database, err, "opening the database");
        error_prefix(err, "%s: ", path);
        sqlite3_close(database);
        return NULL;
    }
    return database;
}

/* --- making one ----------------------------------------------------------------------------- */

bool store_sync_folder_of(const char *path, struct error *err)
{
    struct buffer folder = BUFFER_EMPTY;
    append_folder_of(path, &folder);

    int fd = open(buffer_string(&folder), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool is_synced = fd >= 0 && fsync(fd) == 0;
    if (!is_synced)
        error_set_errno(err, "syncing the folder %s", buffer_string(&folder));
    if (fd >= 0)
        close(fd);
    buffer_clear(&folder);
    return is_synced;
}

bool store_make_file(const char *path, struct error *err)
{
    if (unlink(path) != 0 && errno != ENOENT)
        return error_set_errno(err, "%s", path);
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return error_set_errno(err, "%s", path);
    close(fd);
    return true;
}

static bool fill_new_database(const char *path, struct error *err)
{
    sqlite3 *database = open_connection(path, err);
    if (database == NULL)
        return false;

    char mark[64];
    snprintf(mark, sizeof(mark), "PRAGMA application_id = %d", APPLICATION_ID);
    bool is_filled = lock_exclusively(database, err) && configure(database, err) &&
                     (sqlite3_exec(database, mark, NULL, NULL, NULL) == SQLITE_OK ||
                      store_error_of(database, err, mark)) &&
                     store_migrate(database, path, schema_files, schema_file_count, err);
    /* Closing moves the log into the file and removes it. */
    if (sqlite3_close(database) != SQLITE_OK && is_filled)
        is_filled = store_error_of(database, err, "closing the new database");
    return is_filled;
}

/* Under another name first: a database is whole or not there. So an empty file is a damaged one,
 * never the start of a new epoch that would take every route from every proxy. */
static bool make_database(const char *path, struct error *err)
{
    struct buffer new_path = BUFFER_EMPTY;
    buffer_printf(&new_path, "%s.new", path);
    const char *name = buffer_string(&new_path);

    bool is_made = store_make_file(name, err) && fill_new_database(name, err) &&
                   (rename(name, path) == 0 || error_set_errno(err, "%s", path)) &&
                   store_sync_folder_of(path, err);
    buffer_clear(&new_path);
    if (is_made)
        log_info("database_made", "path=%s", path);
    return is_made;
}

/* --- checking one --------------------------------------------------------------------------- */

static bool check_application(sqlite3 *database, struct error *err)
{
    char pages[32];
    char id[32];
    if (!read_pragma(database, "PRAGMA page_count", pages, sizeof(pages), err) ||
        !read_pragma(database, "PRAGMA application_id", id, sizeof(id), err))
        return false;
    if (strcmp(pages, "0") == 0)
        return error_set(err, ERROR_CORRUPT, "the database is damaged: the file is empty");
    if (strtol(id, NULL, 10) != APPLICATION_ID)
        return error_set(err, ERROR_INVALID, "this is another program's database");
    return true;
}

static bool check_integrity(sqlite3 *database, struct error *err)
{
    char result[256];
    if (!read_pragma(database, "PRAGMA integrity_check(1)", result, sizeof(result), err))
        return false;
    if (strcmp(result, "ok") != 0)
        return error_set(err, ERROR_CORRUPT, "the database is damaged: %s", result);
    return true;
}

static bool sum_up(void *context, const struct store_object *object)
{
    struct store_head *sum = context;
    sum->digest += object_digest(object->kind, object->name, object->bytes);
    if (object->kind == POINTSMAN__V1__OBJECT_KIND__OBJECT_KIND_ROUTE)
        sum->routes++;
    else
        sum->backends++;
    return true;
}

/* SQLite's check sees structure, not content: the digest sees every byte. */
static bool check_objects(struct store *store, struct error *err)
{
    struct store_head found = {.revision = store->committed.head.revision};
    struct store_cursor cursor = {0};
    while (!cursor.is_finished) {
        if (!store_scan(store, found.revision, 0, &cursor, sum_up, &found, err))
            return false;
    }
    if (memcmp(&found, &store->committed.head, sizeof(found)) != 0)
        return error_set(err, ERROR_CORRUPT,
                         "the database is damaged: its objects do not add up to its digest");
    return true;
}

/* Called with each transaction, in the place of SQLite's own automatic checkpoints. */
static int on_log_written(void *context, sqlite3 *database, const char *name, int pages)
{
    struct store *store = context;
    (void)database;
    (void)name;
    store->has_log = true;
    store->log_bytes = (uint64_t)pages * store->page_bytes;
    /* Its failure is none of the commit's: that is durable. */
    if (store->log_bytes >= LOG_BYTES_MAX)
        store_checkpoint_now(store, NULL);
    return SQLITE_OK;
}

static bool watch_log(struct store *store, struct error *err)
{
    char bytes[32];
    if (!read_pragma(store->database, "PRAGMA page_size", bytes, sizeof(bytes), err))
        return false;
    store->page_bytes = strtoul(bytes, NULL, 10);
    sqlite3_wal_hook(store->database, on_log_written, store);
    return true;
}

static bool prepare(struct store *store, const char *path, struct error *err)
{
    return lock_exclusively(store->database, err) && check_application(store->database, err) &&
           configure(store->database, err) && check_integrity(store->database, err) &&
           store_migrate(store->database, path, schema_files, schema_file_count, err) &&
           store_read_head(store, err) && store_read_reference_log(store, err) &&
           check_objects(store, err) && watch_log(store, err);
}

static void stay_damaged(struct store *store, const struct error *why)
{
    store->is_damaged = true;
    memcpy(store->trouble, why->message, sizeof(store->trouble));
    sqlite3_exec(store->database, "PRAGMA query_only = ON", NULL, NULL, NULL);
    char quoted[2 * ERROR_MESSAGE_BYTES];
    log_error("database_damaged", "path=%s reason=%s", store->path,
              log_quote(quoted, sizeof(quoted), why->message));

    if (!store_read_head(store, NULL))
        store->epoch[0] = '\0';
}

/* False when it cannot be had at all; one that is damaged can be read. */
static bool open_for_writing(struct store *store, struct error *err)
{
    struct error why = {0};
    store->database = open_connection(store->path, err);
    if (store->database == NULL)
        return false;
    if (prepare(store, store->path, &why))
        return true;
    if (why.code != ERROR_CORRUPT)
        return error_set(err, why.code, "%s: %s", store->path, why.message);
    stay_damaged(store, &why);
    return true;
}

/* --- one that may not be written ------------------------------------------------------------ */

/* As a URI: SQLite is to believe that nobody can change the file, unless there is a log. */
static void append_uri(const char *path, struct buffer *to)
{
    struct buffer log_path = BUFFER_EMPTY;
    struct stat status;
    buffer_printf(&log_path, "%s-wal", path);
    bool has_log = stat(buffer_string(&log_path), &status) == 0 && status.st_size > 0;
    buffer_clear(&log_path);

    buffer_append_string(to, "file:");
    for (; *path != '\0'; path++) {
        if (strchr("%?#", *path) != NULL)
            buffer_printf(to, "%%%02x", (unsigned)*path);
        else
            buffer_append_char(to, *path);
    }
    if (!has_log)
        buffer_append_string(to, "?immutable=1");
}

/* Locks on the file itself need one that may be written: the lock file has to do, where there is
 * one. */
static sqlite3 *open_read_only_connection(const char *path, struct error *err)
{
    sqlite3 *database = NULL;
    struct buffer uri = BUFFER_EMPTY;
    append_uri(path, &uri);
    int result = sqlite3_open_v2(buffer_string(&uri), &database,
                                 SQLITE_OPEN_READONLY | SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX |
                                     SQLITE_OPEN_EXRESCODE,
                                 "unix-none");
    buffer_clear(&uri);
    if (result == SQLITE_OK)
        return database;
    store_error_of(database, err, "opening the database");
    error_prefix(err, "%s: ", path);
    sqlite3_close(database);
    return NULL;
}

static bool check_schema(sqlite3 *database, struct error *err)
{
    char version[32];
    int newest = schema_files[schema_file_count - 1].version;
    if (!read_pragma(database, "PRAGMA user_version", version, sizeof(version), err))
        return false;
    if (strtol(version, NULL, 10) != newest)
        return error_set(err, ERROR_UNSUPPORTED, "the database has schema %s, not %d", version,
                         newest);
    return true;
}

static bool prepare_for_reading(struct store *store, struct error *err)
{
    char pragmas[160];
    snprintf(pragmas, sizeof(pragmas),
             "PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON; PRAGMA temp_store = MEMORY;"
             "PRAGMA query_only = ON; PRAGMA cache_size = -%d",
             CACHE_KIB);
    return lock_exclusively(store->database, err) && check_application(store->database, err) &&
           (sqlite3_exec(store->database, pragmas, NULL, NULL, NULL) == SQLITE_OK ||
            store_error_of(store->database, err, "configuring the database")) &&
           check_integrity(store->database, err) && check_schema(store->database, err) &&
           store_read_head(store, err) && check_objects(store, err);
}

/* `reason` is why it is not opened for writing, and what is said when it cannot be read either. */
static bool open_for_reading(struct store *store, const struct error *reason, struct error *err)
{
    struct error why = {0};
    *err = *reason;
    if (access(store->path, R_OK) != 0)
        return false;
    if (store->lock_fd < 0)
        store->lock_fd = lock_database(store->path, O_RDONLY, &why);
    if (store->lock_fd < 0 && why.code == ERROR_IN_USE) {
        *err = why;
        return false;
    }
    store->database = open_read_only_connection(store->path, &why);
    if (store->database == NULL)
        return error_set(err, why.code, "%s, and %s", reason->message, why.message);

    why = (struct error){0};
    bool is_whole = prepare_for_reading(store, &why);
    if (!is_whole && why.code != ERROR_CORRUPT)
        return error_set(err, why.code, "%s, and cannot be read as it is: %s", reason->message,
                         why.message);
    if (!is_whole) {
        stay_damaged(store, &why);
        return true;
    }
    store->is_unwritable = true;
    memcpy(store->trouble, reason->message, sizeof(store->trouble));
    log_error("database_read_only", "reason=\"%s\"", reason->message);
    return true;
}

/* All that were prepared are of the connection that goes. */
static bool close_connection(struct store *store)
{
    store_drop_statements(store);
    if (sqlite3_close(store->database) != SQLITE_OK)
        return false;
    store->database = NULL;
    store->has_log = false;
    return true;
}

bool store_become_writable(struct store *store, struct error *err)
{
    struct error why = {0};
    if (!check_files_writable(store->path, &why))
        return error_set(err, ERROR_READ_ONLY, "no writes: %s", why.message);
    if (store->lock_fd < 0)
        store->lock_fd = store_lock_database(store->path, &why);
    /* What is busy with the connection, a backup, comes to its end. */
    if (store->lock_fd < 0 || !close_connection(store))
        return error_set(err, ERROR_READ_ONLY, "no writes yet: %s", store->trouble);

    struct error unheard;
    struct error reason = {.code = ERROR_READ_ONLY};
    memcpy(reason.message, store->trouble, sizeof(reason.message));
    if (open_for_writing(store, &why)) {
        store->is_unwritable = false;
        if (store->is_damaged)
            return error_set(err, ERROR_READ_ONLY, "no writes: %s", store->trouble);
        store->trouble[0] = '\0';
        log_info("database_writable", "path=%s revision=%llu", store->path,
                 (unsigned long long)store->committed.head.revision);
        return true;
    }
    close_connection(store);
    if (!open_for_reading(store, &reason, &unheard))
        log_error("database_lost", "path=%s", store->path);
    return error_set(err, ERROR_READ_ONLY, "no writes: %s", why.message);
}

/* --- in place ------------------------------------------------------------------------------- */

/* As SQLite sees it: tests have a file system of their own. */
static bool is_log_there(const struct store *store)
{
    struct buffer log_path = BUFFER_EMPTY;
    sqlite3_vfs *vfs = NULL;
    int is_there = 1;
    buffer_printf(&log_path, "%s-wal", store->path);
    if (sqlite3_file_control(store->database, "main", SQLITE_FCNTL_VFS_POINTER, &vfs) == SQLITE_OK)
        vfs->xAccess(vfs, buffer_string(&log_path), SQLITE_ACCESS_EXISTS, &is_there);
    buffer_clear(&log_path);
    return is_there != 0;
}

bool store_is_in_place(const struct store *store, struct error *err)
{
    int has_moved = 0;
    sqlite3_file_control(store->database, "main", SQLITE_FCNTL_HAS_MOVED, &has_moved);
    if (has_moved == 0 && (!store->has_log || is_log_there(store)))
        return true;
    return error_set(err, ERROR_READ_ONLY,
                     "no writes: %s%s was moved, replaced or removed while in use; start "
                     "pointsman-control again to go on with what is there now",
                     store->path, has_moved == 0 ? "-wal" : "");
}

/* --- opening and closing -------------------------------------------------------------------- */

static bool open_or_make(struct store *store, struct error *err)
{
    struct error why = {0};
    if (!check_files_writable(store->path, &why))
        return open_for_reading(store, &why, err);
    store->lock_fd = store_lock_database(store->path, err);
    if (store->lock_fd < 0)
        return false;
    if (access(store->path, F_OK) != 0 && errno == ENOENT && !make_database(store->path, err))
        return false;
    return open_for_writing(store, err);
}

struct store *store_open(const char *path, struct error *err)
{
    /* Nobody asks how much memory SQLite has, and counting takes a mutex for each allocation.
     * Refused once SQLite is in use, and then of no matter. */
    sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
    struct store *store = memory_allocate_zeroed(1, sizeof(*store));
    store->lock_fd = -1;
    store->path = memory_duplicate_string(path);
    if (open_or_make(store, err))
        return store;
    store_close(store);
    return NULL;
}

void store_close(struct store *store)
{
    if (store == NULL)
        return;
    /* Rolls back what is open, moves the log into the file. */
    if (!close_connection(store))
        log_warn("database_close_failed", "reason=\"%s\"", sqlite3_errmsg(store->database));
    if (store->lock_fd >= 0)
        close(store->lock_fd);
    store_clear_reference_log(store);
    free(store->path);
    free(store);
}
