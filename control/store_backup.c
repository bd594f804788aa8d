#include "control/store_backup.h"

#include "control/store_sqlite.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { STEP_PAGES = 256 }; /* 1 MiB */

struct store_backup {
    struct store *store;
    char *path;
    sqlite3 *copy;
    sqlite3_backup *copying;
    uint64_t revision;

    int fd; /* once it is finished; -1 before */
    uint64_t bytes;
};

/* Nobody reads the file but us, and not after a crash. */
static bool open_copy(struct store_backup *backup, struct error *err)
{
    const char *pragmas = "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF";
    if (!store_make_file(backup->path, err))
        return false;
    if (sqlite3_open_v2(backup->path, &backup->copy, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX,
                        NULL) != SQLITE_OK ||
        sqlite3_exec(backup->copy, pragmas, NULL, NULL, NULL) != SQLITE_OK)
        return store_error_of(backup->copy, err, "opening the file for the backup");
    backup->copying = sqlite3_backup_init(backup->copy, "main", backup->store->database, "main");
    return backup->copying != NULL || store_error_of(backup->copy, err, "starting the backup");
}

struct store_backup *store_backup_new(struct store *store, struct error *err)
{
    if (store->is_damaged) {
        error_set(err, ERROR_CORRUPT, "no backup: %s", store->trouble);
        return NULL;
    }
    struct store_backup *backup = memory_allocate_zeroed(1, sizeof(*backup));
    struct buffer path = BUFFER_EMPTY;
    backup->store = store;
    backup->fd = -1;
    buffer_printf(&path, "%s.backup", sqlite3_db_filename(store->database, "main"));
    backup->path = memory_duplicate_string(buffer_string(&path));
    buffer_clear(&path);
    if (!open_copy(backup, err)) {
        store_backup_free(backup);
        return NULL;
    }
    return backup;
}

static void close_copy(struct store_backup *backup)
{
    sqlite3_backup_finish(backup->copying);
    sqlite3_close(backup->copy);
    backup->copying = NULL;
    backup->copy = NULL;
}

void store_backup_free(struct store_backup *backup)
{
    if (backup == NULL)
        return;
    close_copy(backup);
    if (backup->fd < 0)
        unlink(backup->path);
    else
        close(backup->fd);
    free(backup->path);
    free(backup);
}

/* From here on it has no name any more, so that no crash leaves it behind. */
static bool finish(struct store_backup *backup, struct error *err)
{
    struct stat status;
    backup->revision = backup->store->committed.head.revision;
    close_copy(backup);
    int fd = open(backup->path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &status) != 0) {
        error_set_errno(err, "%s", backup->path);
        if (fd >= 0)
            close(fd);
        return false;
    }
    unlink(backup->path);
    backup->fd = fd;
    backup->bytes = (uint64_t)status.st_size;
    return true;
}

bool store_backup_step(struct store_backup *backup, bool *is_finished, struct error *err)
{
    *is_finished = false;
    switch (sqlite3_backup_step(backup->copying, STEP_PAGES)) {
    case SQLITE_OK:
        return true;
    case SQLITE_DONE:
        *is_finished = finish(backup, err);
        return *is_finished;
    default:
        break;
    }
    /* Finishing tells the copy what failed. */
    sqlite3_backup_finish(backup->copying);
    backup->copying = NULL;
    return store_error_of(backup->copy, err, "copying the database");
}

uint64_t store_backup_revision(const struct store_backup *backup)
{
    return backup->revision;
}

uint64_t store_backup_bytes(const struct store_backup *backup)
{
    return backup->bytes;
}

bool store_backup_read(struct store_backup *backup, size_t bytes, struct buffer *to,
                       struct error *err)
{
    ssize_t count;
    char *room = buffer_reserve(to, bytes);
    do
        count = read(backup->fd, room, bytes);
    while (count < 0 && errno == EINTR);
    if (count < 0)
        return error_set_errno(err, "reading the backup");
    buffer_extend(to, (size_t)count);
    return true;
}
