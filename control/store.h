/* Store: what control knows, kept durably.
 *
 * Objects, the log of their changes and the answers to requests, under one revision counter.
 * What was committed survives any crash; what was not is not there. Nothing outside
 * control/store* knows how: the functions below are all that another store would have to give.
 *
 * Writing has two levels. A transaction is made durable as a whole, with one fsync; inside it,
 * each commit is one revision, there whole or not at all. Reads see commits of the open
 * transaction; store_head and the feed's reads (store_scan, store_changes) do not.
 *
 * Threads: main. */
#ifndef CONTROL_STORE_H
#define CONTROL_STORE_H

#include "common/buffer.h"
#include "common/error.h"
#include "common/slice.h"
#include "proto/messages.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct store;

enum {
    STORE_NAME_BYTES = 520,        /* of an object's name, or a route's id, terminated */
    STORE_SCAN_NAMES = 2048,       /* in one piece of a scan */
    STORE_COMPACT_CHANGES = 10000, /* in one piece of a compaction */
};

/* Opens the database at `path`, or makes it. One process at a time: ERROR_IN_USE for a second.
 * A damaged database is opened as far as it can be read: see store_is_damaged. So is one whose
 * file or folder may not be written: each write looks whether it may be by then. */
struct store *store_open(const char *path, struct error *err);
/* Harmless on NULL. An open transaction is abandoned. */
void store_close(struct store *store);

/* --- where it stands ------------------------------------------------------------------------ */

struct store_head {
    uint64_t revision;
    uint64_t digest; /* the sum of object_digest over all objects */
    uint64_t routes;
    uint64_t backends;
};

/* What is committed and durable. */
struct store_head store_head(const struct store *store);

/* Revisions compare only within an epoch. "" when the database is too damaged to tell. */
const char *store_epoch(const struct store *store);

/* Why it takes no writes, or NULL: it does. A full disk, and files that may not be written, are
 * tried again with each write. */
const char *store_read_only_reason(const struct store *store);

/* It failed its check at start, or reading it showed damage later: it takes no writes, and what it
 * says may be incomplete. Stays so until someone repairs it. */
bool store_is_damaged(const struct store *store);

/* The digest of everything at `revision`. ERROR_OUT_OF_RANGE when that is ahead of the head or
 * compacted away. */
bool store_digest_at(struct store *store, uint64_t revision, uint64_t *digest, struct error *err);

/* The oldest revision that can be read, and from which store_changes can go on. */
uint64_t store_compacted_revision(const struct store *store);

/* The commit that waits to be confirmed, and that a revert takes back at `*confirm_by_wall_ms`
 * unless it is; 0: none. With what the open transaction has done. */
uint64_t store_pending(const struct store *store, uint64_t *confirm_by_wall_ms);

/* --- reading -------------------------------------------------------------------------------- */

struct store_record {
    uint64_t created_revision;
    uint64_t revision;
    struct buffer bytes; /* a packed Route or Backend with its revisions */
};

/* Fills `record` (cleared by the caller, with store_record_clear). ERROR_NOT_FOUND. */
bool store_get(struct store *store, Pointsman__V1__ObjectKind kind, const char *name,
               struct store_record *record, struct error *err);
void store_record_clear(struct store_record *record);

/* The same, where an object that is not there is no error: `*is_there` is false then. */
bool store_find(struct store *store, Pointsman__V1__ObjectKind kind, const char *name,
                struct store_record *record, bool *is_there, struct error *err);

/* An object as a scan shows it. Borrowed until the visitor returns. */
struct store_object {
    Pointsman__V1__ObjectKind kind;
    struct slice name;
    struct slice bytes;
    bool is_deleted;   /* only in changes; then there are no bytes */
    uint64_t sequence; /* only in changes: where to go on */
};

/* False ends the visit in front of this object: it will be the next. */
typedef bool store_visit_fn(void *context, const struct store_object *object);

/* Where a scan stands. Zeroed: at the start. */
struct store_cursor {
    Pointsman__V1__ObjectKind kind; /* behind this object; 0: at the start */
    char name[STORE_NAME_BYTES];
    bool is_finished;
};

/* Visits the objects there were at `revision`, in order of kind and name: all, or, with
 * `only_kind`, those of one kind. It is done in pieces: each goes on behind the cursor, and ends
 * when the visitor says so or STORE_SCAN_NAMES were looked at, of which some may not have been
 * there then. Commits in between do not show. ERROR_OUT_OF_RANGE as above. */
bool store_scan(struct store *store, uint64_t revision, Pointsman__V1__ObjectKind only_kind,
                struct store_cursor *cursor, store_visit_fn *visit, void *context,
                struct error *err);

/* Visits each object that changed after `base_revision` up to `revision` once, as it was at
 * `revision`. In pieces: `after_sequence` is 0 or that of the last object visited. */
bool store_changes(struct store *store, uint64_t base_revision, uint64_t revision,
                   uint64_t after_sequence, store_visit_fn *visit, void *context,
                   struct error *err);

/* Visits at most `limit` routes that name this backend, in order; `*count` is how many there are
 * in all. In a transaction. */
bool store_routes_naming(struct store *store, const char *backend, size_t limit,
                         void (*visit)(void *context, const char *route), void *context,
                         uint64_t *count, struct error *err);

/* The newest revision that changed the object, with what the open transaction has done; 0: none
 * that the log still has. */
bool store_last_changed(struct store *store, Pointsman__V1__ObjectKind kind, const char *name,
                        uint64_t *revision, struct error *err);

/* The first answer to a request, appended to `answer`, and the fingerprint of that request.
 * ERROR_NOT_FOUND. */
bool store_find_request(struct store *store, const char *request_id, uint64_t *fingerprint,
                        struct buffer *answer, struct error *err);

/* --- writing -------------------------------------------------------------------------------- */

/* Not while one is open. ERROR_READ_ONLY when the store takes no writes. */
bool store_transaction_begin(struct store *store, struct error *err);
/* Makes every commit of it durable, or none; on an error too it is over then. */
bool store_transaction_end(struct store *store, struct error *err);
/* True between begin and end. */
bool store_in_transaction(const struct store *store);

/* Starts the next revision. Whatever fails until its end, the caller then abandons it. */
bool store_commit_begin(struct store *store, struct error *err);
/* What store_commit_end will give: the head, with this transaction's commits, and one. */
uint64_t store_next_revision(const struct store *store);

struct store_write {
    Pointsman__V1__ObjectKind kind;
    const char *name;
    uint64_t created_revision;
    const struct slice *before; /* NULL: it is not there */
    const struct slice *after;  /* NULL: delete it */
    /* The backends a route names, and those it named before; may repeat. */
    char *const *references;
    size_t reference_count;
    char *const *references_before;
    size_t reference_before_count;
};

bool store_write(struct store *store, const struct store_write *write, struct error *err);

struct store_commit {
    uid_t uid;
    gid_t gid;
    pid_t pid;
    const char *command;
    const char *message;
    const char *request_id; /* "": none */
    uint64_t undoes_first;  /* the revisions it takes back; 0: it is no undo */
    uint64_t undoes_last;
    uint64_t confirm_by_wall_ms; /* then it is reverted, unless it was confirmed; 0: it stays */
};

/* Keeps the answer with which this commit ends, for when the request is repeated. */
bool store_remember_request(struct store *store, const char *request_id, uint64_t fingerprint,
                            struct slice answer, struct error *err);

/* `commit` is NULL when nothing was written: then there is no new revision. */
bool store_commit_end(struct store *store, const struct store_commit *commit, struct error *err);
/* As if store_commit_begin had not been called. When even that fails, the transaction is lost and
 * its end says so. */
void store_commit_abandon(struct store *store);

/* The pending commit is pending no more, for this reason. In a commit. */
bool store_end_pending(struct store *store, Pointsman__V1__ConfirmState why, struct error *err);

/* Drops changes and answers up to `revision`: at most `limit` commits of them, and no more than
 * make STORE_COMPACT_CHANGES, or one. In a commit that makes no revision. */
bool store_compact(struct store *store, uint64_t revision, uint64_t limit, struct error *err);

/* What was committed goes to a log first. How much of it has not been moved into the database. */
uint64_t store_log_bytes(const struct store *store);
/* Moves it. Not in a transaction. A commit that makes the log very long does so by itself. */
bool store_checkpoint(struct store *store, struct error *err);

/* --- proxies -------------------------------------------------------------------------------- */

/* Keeps that a proxy is connected (`lost_wall_ms` 0) or when it was lost, and forgets those lost
 * before `forget_wall_ms`. Durable by itself, or with the transaction that is open. */
bool store_put_proxy(struct store *store, const char *id, uint64_t lost_wall_ms,
                     uint64_t forget_wall_ms, struct error *err);

/* Visits what was kept. `id` is borrowed until the visitor returns. */
bool store_each_proxy(struct store *store,
                      void (*visit)(void *context, const char *id, uint64_t lost_wall_ms),
                      void *context, struct error *err);

#endif
