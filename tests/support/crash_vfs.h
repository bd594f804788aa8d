/* Crash VFS: SQLite's files on a machine that may lose its power.
 *
 * What is written stays in this process until it is synced, so that a kill loses what a power cut
 * would: writes that were not synced, and files whose folder was not. The process can also be told
 * where to kill itself; then some of what was not synced is on disk after all, sector by sector, as
 * a disk would have left it.
 *
 * Threads: those of one database connection. */
#ifndef TESTS_SUPPORT_CRASH_VFS_H
#define TESTS_SUPPORT_CRASH_VFS_H

#include <stdbool.h>
#include <stdint.h>

enum crash_file {
    CRASH_DATABASE,
    CRASH_LOG,     /* the write-ahead log */
    CRASH_JOURNAL, /* while a new database has no log yet */
};

enum crash_point {
    CRASH_NEVER,
    CRASH_AT_WRITE,
    CRASH_BEFORE_SYNC,
    CRASH_IN_SYNC,
    CRASH_AFTER_SYNC,
    CRASH_AT_TRUNCATE,
    CRASH_AT_DELETE,
};

/* From now on every database that this process opens is kept so. Once. */
void crash_vfs_install(void);

/* Kills the process (SIGKILL) at the operation of that kind after `after` others. `seed` chooses
 * what of the unsynced is left. */
void crash_vfs_crash_at(enum crash_file file, enum crash_point point, uint64_t after,
                        uint64_t seed);

/* From now on `PRAGMA synchronous = FULL` sets OFF; with `hides`, asking says FULL. */
void crash_vfs_weaken(bool hides);

#endif
