/* Fault VFS: SQLite's files, failing when a test says so.
 *
 * Threads: those of one database connection. */
#ifndef TESTS_SUPPORT_FAULT_VFS_H
#define TESTS_SUPPORT_FAULT_VFS_H

#include <stdint.h>

enum fault {
    FAULT_NONE,
    FAULT_DISK_FULL,   /* writes find no room */
    FAULT_WRITE_ERROR, /* writes are an I/O error */
    FAULT_SYNC_ERROR,  /* syncs are */
    FAULT_READ_ERROR,  /* reads are */
};

/* From now on every file that SQLite opens goes through it. */
void fault_vfs_install(void);

/* The operation of that kind after `after` more succeed fails, and all that follow. */
void fault_vfs_fail(enum fault fault, uint64_t after);

/* How many syncs there were since the process started. */
uint64_t fault_vfs_sync_count(void);

#endif
