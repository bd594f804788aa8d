/* Writing a local copy's files: a base from a snapshot, a journal by appending to it.
 *
 * The caller decides when; here is only what goes to the disk, and in which order.
 *
 * Threads: copy. */
#ifndef PROXY_LOCAL_COPY_WRITE_H
#define PROXY_LOCAL_COPY_WRITE_H

#include "common/buffer.h"
#include "common/error.h"

#include <stdbool.h>
#include <stdint.h>

struct replica_snapshot;

/* Where a copy stands. */
struct copy_point {
    uint64_t revision;
    uint64_t digest;
};

static inline bool copy_point_equals(struct copy_point a, struct copy_point b)
{
    return a.revision == b.revision && a.digest == b.digest;
}

/* --- places --------------------------------------------------------------------------------- */

struct copy_paths {
    char *base;
    char *base_new;
    char *journal;
    char *journal_new;
    char *lock;
    char *folder;
};

void copy_paths_init(struct copy_paths *paths, const char *base);
void copy_paths_clear(struct copy_paths *paths);

/* Two processes must not write one copy: the descriptor holds a lock until it is closed. -1 on
 * error. */
int copy_lock(const char *path, struct error *err);

/* --- the journal ---------------------------------------------------------------------------- */

struct copy_journal {
    int fd; /* -1: closed */
    uint64_t bytes;
    struct copy_point end;
};

/* Makes a journal that goes on from `start`, in the place of any other. */
bool copy_journal_create(struct copy_journal *journal, const char *path, const char *epoch,
                         struct copy_point start, struct error *err);
/* Opens one whose first `bytes` count, up to `end`; what is behind them goes. */
bool copy_journal_open(struct copy_journal *journal, const char *path, uint64_t bytes,
                       struct copy_point end, struct error *err);
void copy_journal_close(struct copy_journal *journal);

/* Appends the records that lead to `end`, and syncs if asked. After an error the journal is
 * closed; what was in it before is still good. */
bool copy_journal_append(struct copy_journal *journal, struct slice records, struct copy_point end,
                         bool sync, struct error *err);

/* --- the base ------------------------------------------------------------------------------- */

/* Writes and syncs a base under this name. `on_block` is called now and then: writing takes a
 * while. */
bool copy_base_write(const char *path, const char *proxy_id,
                     const struct replica_snapshot *snapshot, void (*on_block)(void *context),
                     void *context, uint64_t *bytes, struct error *err);

/* Puts new files in the place of the old: the base first, as a journal of an earlier base is
 * known for one, and a base without its journal is an older truth. */
bool copy_put_in_place(const struct copy_paths *paths, struct error *err);
bool copy_put_journal_in_place(const struct copy_paths *paths, struct error *err);

#endif
