/* Store backup: a consistent copy of the database while it is in use, and the way back.
 *
 * The copy is made a few pages at a time into a file beside the database; what is written
 * meanwhile goes into both, so it shows the revision at which it was finished. Restoring is for
 * when no daemon runs.
 *
 * Threads: main. */
#ifndef CONTROL_STORE_BACKUP_H
#define CONTROL_STORE_BACKUP_H

#include "control/store.h"

struct store_backup;

/* One at a time. NULL on error. */
struct store_backup *store_backup_new(struct store *store, struct error *err);
/* Its file is removed. Harmless on NULL. */
void store_backup_free(struct store_backup *backup);

/* Copies the next pages; not in a transaction. `*is_finished`: it is whole, and can be read. */
bool store_backup_step(struct store_backup *backup, bool *is_finished, struct error *err);

/* Of a finished one. */
uint64_t store_backup_revision(const struct store_backup *backup);
uint64_t store_backup_bytes(const struct store_backup *backup);
/* Appends up to `bytes` bytes from where the last read ended; none at the end. */
bool store_backup_read(struct store_backup *backup, size_t bytes, struct buffer *to,
                       struct error *err);

struct store_restored {
    uint64_t revision;
    char epoch[64]; /* the new one */
    struct buffer
        old_path; /* where the database before is kept; empty: there was none. Clear it. */
};

/* Puts a copy of the file at `backup_path` in the place of the database at `path`, once it is
 * checked and at the newest schema, with a new epoch. ERROR_IN_USE while a daemon runs. */
bool store_restore(const char *path, const char *backup_path, struct store_restored *restored,
                   struct error *err);

#endif
