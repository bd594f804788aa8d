/* Restoring: a checked copy takes the place of the database. The one before is kept under another
 * name, and until the last rename it is the database: a crash in between loses nothing. */
#include "common/clock.h"
#include "common/log.h"
#include "control/store_backup.h"
#include "control/store_migrate.h"
#include "control/store_sqlite.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { COPY_BYTES = 1 << 20 };

/* PATH with something behind it. Borrowed until the next call for the same buffer. */
static const char *name(struct buffer *to, const char *path, const char *suffix)
{
    buffer_reset(to);
    buffer_printf(to, "%s%s", path, suffix);
    return buffer_string(to);
}

/* --- the copy ------------------------------------------------------------------------------- */

static bool copy_bytes(int from, int to, struct error *err)
{
    struct buffer bytes = BUFFER_EMPTY;
    bool is_copied = true;
    while (is_copied) {
        buffer_reset(&bytes);
        ssize_t count = read(from, buffer_reserve(&bytes, COPY_BYTES), COPY_BYTES);
        if (count == 0)
            break;
        for (ssize_t written = 0; is_copied && written < count;) {
            ssize_t now = write(to, buffer_reserve(&bytes, 0) + written, (size_t)(count - written));
            is_copied = now > 0;
            written += now;
        }
        is_copied = is_copied && count > 0;
    }
    if (!is_copied || fsync(to) != 0)
        is_copied = error_set_errno(err, "copying the backup");
    buffer_clear(&bytes);
    return is_copied;
}

static bool copy_file(const char *from_path, const char *to_path, struct error *err)
{
    int from = open(from_path, O_RDONLY | O_CLOEXEC);
    if (from < 0)
        return error_set_errno(err, "%s", from_path);
    if (!store_make_file(to_path, err)) {
        close(from);
        return false;
    }
    int to = open(to_path, O_WRONLY | O_CLOEXEC);
    bool is_copied = to >= 0 ? copy_bytes(from, to, err) : error_set_errno(err, "%s", to_path);
    if (to >= 0)
        close(to);
    close(from);
    return is_copied;
}

/* The history goes on, and nobody takes a revision of it for one of another database. Which
 * proxies there were is no matter any more. */
static bool start_epoch(struct store *store, struct error *err)
{
    const char *sql = "BEGIN IMMEDIATE;"
                      "UPDATE head SET epoch = lower(hex(randomblob(16)));"
                      "DELETE FROM proxies;"
                      "COMMIT";
    return (sqlite3_exec(store->database, sql, NULL, NULL, NULL) == SQLITE_OK ||
            store_error_of(store->database, err, "starting a new epoch")) &&
           store_read_head(store, err);
}

/* Opening it checks it, and brings it up to the newest schema. */
static bool prepare_copy(const char *path, struct store_restored *restored, struct error *err)
{
    struct store *store = store_open(path, err);
    if (store == NULL)
        return false;
    bool is_good = !store_is_damaged(store);
    if (!is_good)
        error_set(err, ERROR_CORRUPT, "%s", store_read_only_reason(store));
    is_good = is_good && start_epoch(store, err);
    restored->revision = store_head(store).revision;
    snprintf(restored->epoch, sizeof(restored->epoch), "%s", store_epoch(store));
    store_close(store);
    return is_good && store_sync_file(path, err);
}

static void remove_copy(const char *path)
{
    struct buffer extra = BUFFER_EMPTY;
    unlink(path);
    unlink(name(&extra, path, "-wal"));
    unlink(name(&extra, path, ".lock"));
    for (size_t i = 0; i < schema_file_count; i++) {
        buffer_reset(&extra);
        buffer_printf(&extra, "%s.before-%d", path, schema_files[i].version);
        unlink(buffer_string(&extra));
    }
    buffer_clear(&extra);
}

/* --- the database before -------------------------------------------------------------------- */

/* Its log goes into the file, if it can be read at all. */
static void fold_log(const char *path)
{
    sqlite3 *database = NULL;
    if (sqlite3_open_v2(path, &database, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL) ==
        SQLITE_OK)
        sqlite3_exec(database, "PRAGMA locking_mode = EXCLUSIVE; PRAGMA wal_checkpoint(TRUNCATE)",
                     NULL, NULL, NULL);
    sqlite3_close(database);
}

static void name_old(const char *path, struct buffer *to)
{
    uint64_t now_ms = clock_wall_ms();
    time_t seconds = (time_t)(now_ms / 1000);
    struct tm utc;
    char text[32];
    gmtime_r(&seconds, &utc);
    strftime(text, sizeof(text), "%Y%m%dT%H%M%S", &utc);
    buffer_printf(to, "%s.before-restore-%s.%03uZ", path, text, (unsigned)(now_ms % 1000));
}

/* A log that could not be folded goes with it: it must never be taken for the new one's. */
static bool keep_old(const char *path, struct buffer *old_path, struct error *err)
{
    struct buffer log = BUFFER_EMPTY;
    struct buffer old_log = BUFFER_EMPTY;
    fold_log(path);
    name_old(path, old_path);
    const char *old = buffer_string(old_path);
    bool is_kept = link(path, old) == 0 || error_set_errno(err, "%s", old);
    if (is_kept && rename(name(&log, path, "-wal"), name(&old_log, old, "-wal")) != 0 &&
        errno != ENOENT)
        is_kept = error_set_errno(err, "%s", buffer_string(&old_log));
    buffer_clear(&old_log);
    buffer_clear(&log);
    return is_kept;
}

/* As root restores, the daemon's user shall be able to open it. */
static void give_to_owner(const char *path, const char *copy_path)
{
    struct stat status;
    struct buffer lock = BUFFER_EMPTY;
    struct buffer folder = BUFFER_EMPTY;
    const char *slash = strrchr(path, '/');
    buffer_append(&folder, slash == NULL ? "." : path,
                  slash == NULL ? 1 : (size_t)(slash - path) + 1);
    if (geteuid() == 0 &&
        (stat(path, &status) == 0 || stat(buffer_string(&folder), &status) == 0) &&
        (chown(copy_path, status.st_uid, status.st_gid) != 0 ||
         chown(name(&lock, path, ".lock"), status.st_uid, status.st_gid) != 0))
        log_warn("owner_not_set", "path=%s", path);
    buffer_clear(&folder);
    buffer_clear(&lock);
}

static bool put_in_place(const char *path, const char *copy_path, struct buffer *old_path,
                         struct error *err)
{
    give_to_owner(path, copy_path);
    if (access(path, F_OK) == 0 && !keep_old(path, old_path, err))
        return false;
    if (rename(copy_path, path) != 0)
        return error_set_errno(err, "%s", path);
    return store_sync_folder_of(path, err);
}

bool store_restore(const char *path, const char *backup_path, struct store_restored *restored,
                   struct error *err)
{
    struct buffer copy_path = BUFFER_EMPTY;
    *restored = (struct store_restored){0};
    int lock_fd = store_lock_database(path, err);
    if (lock_fd < 0)
        return false;

    const char *copy = name(&copy_path, path, ".restore");
    remove_copy(copy);
    bool is_copied = copy_file(backup_path, copy, err);
    bool is_good = is_copied && prepare_copy(copy, restored, err);
    if (is_copied && !is_good)
        error_prefix(err, "%s: ", backup_path);
    bool is_done = is_good && put_in_place(path, copy, &restored->old_path, err);
    remove_copy(copy);
    buffer_clear(&copy_path);
    close(lock_fd);
    return is_done;
}
