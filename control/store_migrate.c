#include "control/store_migrate.h"

#include "common/buffer.h"
#include "common/log.h"
#include "control/store_route_ids.h"
#include "control/store_sqlite.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

static bool execute(sqlite3 *database, const char *sql, struct error *err)
{
    if (sqlite3_exec(database, sql, NULL, NULL, NULL) == SQLITE_OK)
        return true;
    return store_error_of(database, err, "migrating the database");
}

static bool read_version(sqlite3 *database, int *version, struct error *err)
{
    sqlite3_stmt *statement = NULL;
    bool is_read =
        sqlite3_prepare_v2(database, "PRAGMA user_version", -1, &statement, NULL) == SQLITE_OK &&
        sqlite3_step(statement) == SQLITE_ROW;
    if (is_read)
        *version = sqlite3_column_int(statement, 0);
    else
        store_error_of(database, err, "reading the schema version");
    sqlite3_finalize(statement);
    return is_read;
}

bool store_sync_file(const char *path, struct error *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    bool is_synced = fd >= 0 && fsync(fd) == 0;
    if (!is_synced)
        error_set_errno(err, "syncing %s", path);
    if (fd >= 0)
        close(fd);
    return is_synced;
}

/* Whole under its name, or not there. */
static bool back_up(sqlite3 *database, const char *path, int version, struct error *err)
{
    struct buffer name = BUFFER_EMPTY;
    struct buffer unfinished = BUFFER_EMPTY;
    buffer_printf(&name, "%s.before-%d", path, version + 1);
    buffer_printf(&unfinished, "%s.new", buffer_string(&name));
    char *sql = sqlite3_mprintf("VACUUM INTO %Q", buffer_string(&unfinished));

    bool is_made = sql != NULL && store_make_file(buffer_string(&unfinished), err) &&
                   execute(database, sql, err) &&
                   store_sync_file(buffer_string(&unfinished), err) &&
                   (rename(buffer_string(&unfinished), buffer_string(&name)) == 0 ||
                    error_set_errno(err, "%s", buffer_string(&name)));
    if (is_made)
        log_info("database_backed_up", "path=%s", buffer_string(&name));
    else
        unlink(buffer_string(&unfinished));

    sqlite3_free(sql);
    buffer_clear(&unfinished);
    buffer_clear(&name);
    return is_made;
}

static bool apply(sqlite3 *database, const struct schema_file *file, struct error *err)
{
    char version[64];
    snprintf(version, sizeof(version), "PRAGMA user_version = %d", file->version);

    if (!execute(database, "BEGIN IMMEDIATE", err))
        return false;
    if (!execute(database, file->sql, err) || !execute(database, version, err) ||
        !execute(database, "COMMIT", err)) {
        error_prefix(err, "%s: ", file->name);
        sqlite3_exec(database, "ROLLBACK", NULL, NULL, NULL);
        return false;
    }
    return true;
}

bool store_migrate(struct sqlite3 *database, const char *path, const struct schema_file *files,
                   size_t file_count, struct error *err)
{
    int newest = files[file_count - 1].version;
    int version;
    if (!read_version(database, &version, err))
        return false;
    if (version > newest)
        return error_set(err, ERROR_UNSUPPORTED,
                         "the database has schema %d, made by a newer version; this one knows %d",
                         version, newest);
    if (version == newest)
        return true;
    if (version > 0 && !back_up(database, path, version, err))
        return false;
    if (!store_add_route_id_functions(database, err))
        return false;

    for (size_t i = 0; i < file_count; i++) {
        if (files[i].version > version && !apply(database, &files[i], err))
            return false;
    }
    if (version > 0)
        log_info("database_migrated", "from=%d to=%d", version, newest);
    return true;
}
