/* Store history: the log of commits, read back.
 *
 * It goes from the store's compacted revision (which can be read, but whose own changes are gone)
 * to the head; anything else is ERROR_OUT_OF_RANGE. Only durable commits show.
 *
 * Threads: main. */
#ifndef CONTROL_STORE_HISTORY_H
#define CONTROL_STORE_HISTORY_H

#include "control/store.h"

/* The newest revision made by then. When the clock has been set back, one of those it can mean. */
bool store_revision_at(struct store *store, uint64_t wall_ms, uint64_t *revision,
                       struct error *err);

/* Appends the object as it was at `revision`. ERROR_NOT_FOUND, ERROR_OUT_OF_RANGE. */
bool store_get_at(struct store *store, uint64_t revision, Pointsman__V1__ObjectKind kind,
                  const char *name, struct buffer *bytes, struct error *err);

/* --- commits -------------------------------------------------------------------------------- */

struct store_logged_commit {
    uint64_t revision;
    uint64_t made_wall_ms;
    struct store_commit commit;
    uint64_t created; /* objects */
    uint64_t updated;
    uint64_t deleted;
    Pointsman__V1__ConfirmState confirm_state;
};

/* Borrowed until it returns; false ends the visit after this commit. */
typedef bool store_commit_visit_fn(void *context, const struct store_logged_commit *commit);

/* Visits the commits from `newest` down to `oldest`, both included. ERROR_OUT_OF_RANGE when
 * `oldest` is gone or `newest` not there yet. */
bool store_commits(struct store *store, uint64_t newest, uint64_t oldest,
                   store_commit_visit_fn *visit, void *context, struct error *err);

/* --- changes -------------------------------------------------------------------------------- */

struct store_change {
    Pointsman__V1__ObjectKind kind;
    struct slice name;
    uint64_t revision;
    uint64_t sequence;
    bool was_there;
    bool is_there;
    struct slice before; /* if it was there */
    struct slice after;  /* if it is there */
};

/* Borrowed until it returns; false ends the visit in front of this change. */
typedef bool store_change_visit_fn(void *context, const struct store_change *change);

/* What a visit needs: names alone are read faster, and `before` and `after` are empty then. */
enum store_detail { STORE_NAMES, STORE_OBJECTS };

/* Visits the changes of one commit in order, from behind `after_sequence` (0: from the first). */
bool store_commit_changes(struct store *store, uint64_t revision, uint64_t after_sequence,
                          enum store_detail detail, store_change_visit_fn *visit, void *context,
                          struct error *err);

/* How many changes were made after `from` up to `to`. ERROR_OUT_OF_RANGE as store_diff. */
bool store_count_changes(struct store *store, uint64_t from, uint64_t to, uint64_t *count,
                         struct error *err);

/* Visits all of them in order, from behind `after_sequence` (0: from the first): an object as often
 * as it changed. */
bool store_log_changes(struct store *store, uint64_t from, uint64_t to, uint64_t after_sequence,
                       store_change_visit_fn *visit, void *context, struct error *err);

/* Visits the changes of one object at revisions from `newest` down to `oldest`, which are as those
 * of store_commits. */
bool store_object_changes(struct store *store, Pointsman__V1__ObjectKind kind, const char *name,
                          uint64_t newest, uint64_t oldest, enum store_detail detail,
                          store_change_visit_fn *visit, void *context, struct error *err);

/* Where a comparison stands. Zeroed: at the start. */
struct store_diff_cursor {
    uint64_t sequence;
    bool is_finished;
};

/* Visits each object that changed after `from` up to `to` once: `before` is what it was at `from`,
 * `after` what it was at `to`, which may be the same. In order of the last change; in pieces, as
 * store_scan. */
bool store_diff(struct store *store, uint64_t from, uint64_t to, struct store_diff_cursor *cursor,
                store_change_visit_fn *visit, void *context, struct error *err);

/* The same for one object; no visit when it has not changed. */
bool store_diff_object(struct store *store, uint64_t from, uint64_t to,
                       Pointsman__V1__ObjectKind kind, const char *name,
                       store_change_visit_fn *visit, void *context, struct error *err);

#endif
