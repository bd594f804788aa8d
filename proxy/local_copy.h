/* Local copy: the last known routes on disk, so that a proxy can start without control.
 *
 * Two files: a base with every object, replaced whole (a temporary file, synced and renamed), and
 * beside it a journal to which every applied update is appended. So a change costs what it
 * changed, however many routes there are; now and then, when the journal has grown, a new base is
 * written from a snapshot of the replica. What is applied is on disk about a second later, a base
 * being written or not.
 *
 * Everything carries a checksum. A journal that a crash cut short is used up to there; anything
 * else that does not check out is refused as a whole, because serving half the routes would
 * answer 404 where a service was. All that is ever read is what once was served.
 *
 * Threads: control writes, through a thread of its own that waits for the disk; reading any. */
#ifndef PROXY_LOCAL_COPY_H
#define PROXY_LOCAL_COPY_H

#include "common/error.h"
#include "common/slice.h"
#include "proto/messages.h"

#include <stdbool.h>
#include <stdint.h>

struct replica_snapshot;

enum { LOCAL_COPY_EPOCH_BYTES = 128, LOCAL_COPY_ID_BYTES = 256 };

/* What a copy says of itself. */
struct local_copy_info {
    char epoch[LOCAL_COPY_EPOCH_BYTES];
    char proxy_id[LOCAL_COPY_ID_BYTES]; /* who wrote the base */
    uint64_t revision;
    uint64_t digest;
    uint64_t written_ms;    /* the base; wall time */
    uint64_t object_count;  /* of the base */
    uint64_t base_bytes;    /* its size */
    uint64_t journal_bytes; /* how far the journal goes on from the base; 0: it does not */
    bool is_older;          /* has the format of an earlier version: is to be written anew */
};

/* --- writing -------------------------------------------------------------------------------- */

struct local_copy;

/* Starts the thread. `held` is what was read at the start, to be gone on with; NULL: nothing.
 * `has_predecessor`: another process writes the copy, and will stop; what changes meanwhile waits.
 * Without that it is an error, to be tried again, when another one writes. Copies all. */
struct local_copy *local_copy_start(const char *path, const char *proxy_id,
                                    const struct local_copy_info *held, bool has_predecessor);
/* What was handed over is on disk then, if the disk takes it and a predecessor has let go of the
 * copy. Harmless on NULL. */
void local_copy_stop(struct local_copy *copy);

/* One object of an update that is under way. Copies. */
void local_copy_note(struct local_copy *copy, Pointsman__V1__ObjectKind kind, struct slice name,
                     bool deleted, struct slice bytes);
/* The update was not applied. */
void local_copy_forget_notes(struct local_copy *copy);
/* The update was applied, and led here. What was noted will be on disk within about a second. */
void local_copy_commit(struct local_copy *copy, uint64_t revision, uint64_t digest);

/* How writing goes. */
struct local_copy_health {
    bool is_failing;                      /* the last write did; what is on disk grows old */
    uint64_t failures;                    /* in all */
    char last_error[ERROR_MESSAGE_BYTES]; /* "" unless it is failing */
};
void local_copy_health(struct local_copy *copy, struct local_copy_health *health);

/* Everything was replaced: what is applied does not come of what was before. */
void local_copy_replace(struct local_copy *copy, uint64_t revision, uint64_t digest);

/* True when the notes do not lead on from what is on disk, or the journal has become too long:
 * then everything is to be written anew. After a failure not before some seconds. */
bool local_copy_wants_snapshot(struct local_copy *copy);
/* Writes everything anew. The snapshot shows what is applied; the one before has been released.
 * Releases it when it is done. */
void local_copy_rewrite(struct local_copy *copy, struct replica_snapshot *snapshot);

#endif
