/* A file of ours holds SQLite's own behind it. The methods are those of version 1: without shared
 * memory, so that a store which needed more than one connection would not even open. */
#include "tests/support/fault_vfs.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include <sqlite3.h>

struct fault_file {
    sqlite3_file base;
    sqlite3_file *real; /* behind this struct in the same memory */
};

static sqlite3_vfs *real_vfs;
static sqlite3_vfs our_vfs;
static enum fault current;
static uint64_t successes_left;
static uint64_t syncs;

static sqlite3_file *real_of(sqlite3_file *file)
{
    return ((struct fault_file *)file)->real;
}

static bool fails(enum fault fault)
{
    if (current != fault)
        return false;
    if (successes_left == 0)
        return true;
    successes_left--;
    return false;
}

static int on_close(sqlite3_file *file)
{
    sqlite3_file *real = real_of(file);
    return real->pMethods == NULL ? SQLITE_OK : real->pMethods->xClose(real);
}

static int on_read(sqlite3_file *file, void *to, int length, sqlite3_int64 offset)
{
    sqlite3_file *real = real_of(file);
    if (fails(FAULT_READ_ERROR))
        return SQLITE_IOERR_READ;
    return real->pMethods->xRead(real, to, length, offset);
}

static int on_write(sqlite3_file *file, const void *bytes, int length, sqlite3_int64 offset)
{
    sqlite3_file *real = real_of(file);
    if (fails(FAULT_DISK_FULL))
        return SQLITE_FULL;
    if (fails(FAULT_WRITE_ERROR))
        return SQLITE_IOERR_WRITE;
    return real->pMethods->xWrite(real, bytes, length, offset);
}

static int on_truncate(sqlite3_file *file, sqlite3_int64 size)
{
    sqlite3_file *real = real_of(file);
    return real->pMethods->xTruncate(real, size);
}

static int on_sync(sqlite3_file *file, int flags)
{
    sqlite3_file *real = real_of(file);
    syncs++;
    if (fails(FAULT_SYNC_ERROR))
        return SQLITE_IOERR_FSYNC;
    return real->pMethods->xSync(real, flags);
}

static int on_file_size(sqlite3_file *file, sqlite3_int64 *size)
{
    sqlite3_file *real = real_of(file);
    return real->pMethods->xFileSize(real, size);
}

static int on_lock(sqlite3_file *file, int level)
{
    sqlite3_file *real = real_of(file);
    return real->pMethods->xLock(real, level);
}

static int on_unlock(sqlite3_file *file, int level)
{
    sqlite3_file *real = real_of(file);
    return real->pMethods->xUnlock(real, level);
}

static int on_check_reserved_lock(sqlite3_file *file, int *is_reserved)
{
    sqlite3_file *real = real_of(file);
    return real->pMethods->xCheckReservedLock(real, is_reserved);
}

static int on_file_control(sqlite3_file *file, int operation, void *argument)
{
    sqlite3_file *real = real_of(file);
    return real->pMethods->xFileControl(real, operation, argument);
}

static int on_sector_size(sqlite3_file *file)
{
    sqlite3_file *real = real_of(file);
    return real->pMethods->xSectorSize(real);
}

static int on_device_characteristics(sqlite3_file *file)
{
    sqlite3_file *real = real_of(file);
    return real->pMethods->xDeviceCharacteristics(real);
}

static const sqlite3_io_methods methods = {
    .iVersion = 1,
    .xClose = on_close,
    .xRead = on_read,
    .xWrite = on_write,
    .xTruncate = on_truncate,
    .xSync = on_sync,
    .xFileSize = on_file_size,
    .xLock = on_lock,
    .xUnlock = on_unlock,
    .xCheckReservedLock = on_check_reserved_lock,
    .xFileControl = on_file_control,
    .xSectorSize = on_sector_size,
    .xDeviceCharacteristics = on_device_characteristics,
};

static int on_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags,
                   int *out_flags)
{
    (void)vfs;
    struct fault_file *ours = (struct fault_file *)file;
    ours->real = (sqlite3_file *)(ours + 1);
    memset(ours->real, 0, (size_t)real_vfs->szOsFile);
    int result = real_vfs->xOpen(real_vfs, name, ours->real, flags, out_flags);
    ours->base.pMethods = result == SQLITE_OK ? &methods : NULL;
    return result;
}

void fault_vfs_install(void)
{
    if (real_vfs != NULL)
        return;
    real_vfs = sqlite3_vfs_find(NULL);
    our_vfs = *real_vfs;
    our_vfs.zName = "fault";
    our_vfs.pNext = NULL;
    our_vfs.szOsFile = (int)sizeof(struct fault_file) + real_vfs->szOsFile;
    our_vfs.xOpen = on_open;
    sqlite3_vfs_register(&our_vfs, 1);
}

void fault_vfs_fail(enum fault fault, uint64_t after)
{
    current = fault;
    successes_left = after;
}

uint64_t fault_vfs_sync_count(void)
{
    return syncs;
}
