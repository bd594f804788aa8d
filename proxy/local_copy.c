/* The control thread hands over what each update changed, as records ready to be appended, in a
 * list that the copy thread empties at most once a second: however slow the disk is, nobody waits
 * for it. When the list grows too long it is dropped; then the journal cannot go on, and a snapshot
 * is asked for.
 *
 * While a base is written, between its blocks, the list is emptied as always: into the journal of
 * the old base, so that the copy on disk stays fresh, and into the one that the new base will have.
 * A process that crashes meanwhile finds the old pair; or the new base with the old journal, which
 * is as good (local_copy_read.h); or the new pair. */
#include "proxy/local_copy.h"

#include "common/clock.h"
#include "common/log.h"
#include "common/mutex.h"
#include "proxy/local_copy_format.h"
#include "proxy/local_copy_write.h"
#include "proxy/routing/replica_snapshot.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
    APPEND_INTERVAL_MS = 1000,
    WAIT_STEP_MS = 100,
    RETRY_MS = 10000,             /* after a failure */
    WAITING_MAX_BYTES = 16 << 20, /* of records that have not been written */
    JOURNAL_MIN_BYTES = 4 << 20,  /* a journal may grow to this, */
    JOURNAL_SHARE_OF_BASE = 8,    /* or to this part of its base */
};

/* What one update changed. */
struct change {
    struct change *next;
    struct buffer records;
    struct copy_point start;
    struct copy_point end;
};

struct local_copy {
    /* immutable */
    struct copy_paths paths;
    char *proxy_id;
    bool has_predecessor;
    pthread_t thread;
    pthread_cond_t work; /* there is some */

    struct mutex mutex;
    /* guarded by mutex */
    struct change *first;
    struct change **last;
    size_t waiting_bytes;
    struct replica_snapshot *snapshot; /* to be written */
    struct change *before_snapshot;    /* what led to it */
    bool wants_snapshot;
    uint64_t not_before_ms; /* it wants none */
    struct local_copy_health health;
    bool is_stopping;

    /* control only */
    struct buffer notes;
    struct copy_point applied;

    /* copy only */
    int lock_fd; /* -1: not yet */
    char epoch[LOCAL_COPY_EPOCH_BYTES];
    struct copy_journal journal;
    struct copy_journal next_journal; /* of the base that is being written; else closed */
    bool is_held;                     /* the base on disk is known, and `journal` goes on from it */
    uint64_t base_bytes;
    uint64_t next_append_ms;
    uint64_t retry_ms; /* nothing is written anew before */
};

static void free_changes(struct change *list)
{
    while (list != NULL) {
        struct change *next = list->next;
        buffer_clear(&list->records);
        free(list);
        list = next;
    }
}

/* --- what the disk does --------------------------------------------------------------------- */

/* Failures are logged once. */
static void note_failure(struct local_copy *copy, const struct error *err)
{
    mutex_lock(&copy->mutex);
    bool is_news = !copy->health.is_failing;
    copy->health.is_failing = true;
    copy->health.failures++;
    memcpy(copy->health.last_error, err->message, sizeof(err->message));
    mutex_unlock(&copy->mutex);
    if (is_news)
        log_error("local_copy_failed", "reason=\"%s\"", err->message);
    copy->retry_ms = clock_now_ms() + RETRY_MS;
}

static void note_success(struct local_copy *copy)
{
    mutex_lock(&copy->mutex);
    bool is_news = copy->health.is_failing;
    copy->health.is_failing = false;
    copy->health.last_error[0] = '\0';
    mutex_unlock(&copy->mutex);
    if (is_news)
        log_info("local_copy_recovered", "path=%s", copy->paths.base);
}

static bool lock_files(struct local_copy *copy, struct error *err)
{
    if (copy->lock_fd < 0)
        copy->lock_fd = copy_lock(copy->paths.lock, err);
    return copy->lock_fd >= 0;
}

/* A journal that was read is gone on with; where there was none, the base gets one. */
static bool open_journal(struct local_copy *copy, struct error *err)
{
    struct copy_journal *journal = &copy->journal;
    if (journal->fd >= 0)
        return true;
    if (!lock_files(copy, err))
        return false;
    if (journal->bytes > 0)
        return copy_journal_open(journal, copy->paths.journal, journal->bytes, journal->end, err);
    return copy_journal_create(journal, copy->paths.journal_new, copy->epoch, journal->end, err) &&
           copy_put_journal_in_place(&copy->paths, err);
}

/* Appends the changes that lead on from where the journal ends. False without an error: they lead
 * from somewhere else; changes were dropped, or everything was replaced. */
static bool append_to(struct copy_journal *journal, const struct change *list, bool sync,
                      struct error *err)
{
    struct buffer records = BUFFER_EMPTY;
    struct copy_point end = journal->end;
    for (; list != NULL && copy_point_equals(list->start, end); list = list->next) {
        buffer_append_slice(&records, buffer_slice(&list->records));
        end = list->end;
    }
    bool appended =
        list == NULL && copy_journal_append(journal, buffer_slice(&records), end, sync, err);
    buffer_clear(&records);
    return appended;
}

/* A journal that missed something is not used again. */
static void append(struct local_copy *copy, const struct change *list)
{
    struct error err = {0};
    if (list == NULL)
        return;
    copy->next_append_ms = clock_now_ms() + APPEND_INTERVAL_MS;
    if (copy->is_held) {
        copy->is_held = open_journal(copy, &err) && append_to(&copy->journal, list, true, &err);
        if (copy->is_held)
            note_success(copy);
    }
    if (copy->next_journal.fd >= 0 && !append_to(&copy->next_journal, list, false, &err))
        copy_journal_close(&copy->next_journal);
    if (err.code != ERROR_NONE)
        note_failure(copy, &err);
}

/* --- handing over --------------------------------------------------------------------------- */

static struct change *take_changes_locked(struct local_copy *copy) REQUIRES(copy->mutex)
{
    struct change *list = copy->first;
    copy->first = NULL;
    copy->last = &copy->first;
    copy->waiting_bytes = 0;
    return list;
}

/* Between the blocks of a base. */
static void append_if_due(void *context)
{
    struct local_copy *copy = context;
    if (clock_now_ms() < copy->next_append_ms)
        return;
    mutex_lock(&copy->mutex);
    struct change *list = take_changes_locked(copy);
    mutex_unlock(&copy->mutex);
    append(copy, list);
    free_changes(list);
}

static bool write_files(struct local_copy *copy, const struct replica_snapshot *snapshot,
                        struct copy_point point, struct error *err)
{
    uint64_t base_bytes = 0;
    if (!lock_files(copy, err) ||
        !copy_journal_create(&copy->next_journal, copy->paths.journal_new,
                             replica_snapshot_epoch(snapshot), point, err) ||
        !copy_base_write(copy->paths.base_new, copy->proxy_id, snapshot, append_if_due, copy,
                         &base_bytes, err))
        return false;
    if (copy->next_journal.fd < 0)
        return error_set(err, ERROR_SYSTEM, "the disk does not keep up");
    if (fsync(copy->next_journal.fd) != 0)
        return error_set_errno(err, "%s", copy->paths.journal_new);
    copy->is_held = false; /* should the next fail half-way */
    if (!copy_put_in_place(&copy->paths, err))
        return false;

    copy_journal_close(&copy->journal);
    copy->journal = copy->next_journal;
    copy->next_journal.fd = -1;
    copy->is_held = true;
    copy->base_bytes = base_bytes;
    return true;
}

static void write_anew(struct local_copy *copy, struct replica_snapshot *snapshot)
{
    const struct copy_point point = {replica_snapshot_revision(snapshot),
                                     replica_snapshot_digest(snapshot)};
    struct error err;
    /* The old journal goes on only while it leads the same way. */
    copy->is_held = copy->is_held && copy_point_equals(copy->journal.end, point);
    if (write_files(copy, snapshot, point, &err)) {
        note_success(copy);
    } else {
        note_failure(copy, &err);
        copy_journal_close(&copy->next_journal);
        unlink(copy->paths.journal_new);
        unlink(copy->paths.base_new);
    }
    replica_snapshot_release(&snapshot);
}

static bool is_journal_too_long(const struct local_copy *copy)
{
    uint64_t most = copy->base_bytes / JOURNAL_SHARE_OF_BASE;
    return copy->journal.bytes > (most > JOURNAL_MIN_BYTES ? most : JOURNAL_MIN_BYTES);
}

/* --- the thread ----------------------------------------------------------------------------- */

static bool has_work_locked(const struct local_copy *copy) REQUIRES(copy->mutex)
{
    return copy->is_stopping || copy->snapshot != NULL ||
           (copy->first != NULL && clock_now_ms() >= copy->next_append_ms);
}

/* Until the next append is due, in short steps: a test may move the clock. */
static void wait_a_little_locked(struct local_copy *copy) REQUIRES(copy->mutex)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += WAIT_STEP_MS * 1000000L;
    if (until.tv_nsec >= 1000000000) {
        until.tv_nsec -= 1000000000;
        until.tv_sec++;
    }
    pthread_cond_timedwait(&copy->work, &copy->mutex.native, &until);
}

static void wait_for_work_locked(struct local_copy *copy) REQUIRES(copy->mutex)
{
    while (!has_work_locked(copy)) {
        if (copy->first == NULL)
            pthread_cond_wait(&copy->work, &copy->mutex.native);
        else
            wait_a_little_locked(copy);
    }
}

/* Whoever writes the copy lets go of it when we have taken over from it. False when we are to stop
 * before that: what we would write is not ours to write. */
static bool wait_for_predecessor(struct local_copy *copy)
{
    struct error err = {0};
    bool is_stopping = false;
    while (copy->has_predecessor && !lock_files(copy, &err) && err.code == ERROR_IN_USE) {
        if (is_stopping)
            return false;
        mutex_lock(&copy->mutex);
        if (!copy->is_stopping)
            wait_a_little_locked(copy);
        is_stopping = copy->is_stopping;
        mutex_unlock(&copy->mutex);
    }
    return true;
}

static void discard(struct local_copy *copy)
{
    mutex_lock(&copy->mutex);
    struct replica_snapshot *snapshot = copy->snapshot;
    struct change *before = copy->before_snapshot;
    struct change *list = take_changes_locked(copy);
    copy->snapshot = NULL;
    copy->before_snapshot = NULL;
    mutex_unlock(&copy->mutex);
    free_changes(before);
    free_changes(list);
    replica_snapshot_release(&snapshot);
}

static void *write_behind(void *context)
{
    struct local_copy *copy = context;
    bool is_last;
    if (!wait_for_predecessor(copy)) {
        discard(copy);
        return NULL;
    }
    do {
        mutex_lock(&copy->mutex);
        wait_for_work_locked(copy);
        struct replica_snapshot *snapshot = copy->snapshot;
        struct change *list = snapshot == NULL ? take_changes_locked(copy) : copy->before_snapshot;
        copy->snapshot = NULL;
        copy->before_snapshot = NULL;
        is_last = copy->is_stopping && list == NULL && snapshot == NULL;
        mutex_unlock(&copy->mutex);

        if (list != NULL)
            append(copy, list);
        free_changes(list);
        if (snapshot != NULL)
            write_anew(copy, snapshot);

        mutex_lock(&copy->mutex);
        if (copy->snapshot == NULL && (!copy->is_held || is_journal_too_long(copy))) {
            copy->wants_snapshot = true;
            copy->not_before_ms = copy->retry_ms;
        }
        mutex_unlock(&copy->mutex);
    } while (!is_last);
    return NULL;
}

/* --- what control says ---------------------------------------------------------------------- */

void local_copy_note(struct local_copy *copy, Pointsman__V1__ObjectKind kind, struct slice name,
                     bool deleted, struct slice bytes)
{
    put_record(&copy->notes, kind, name, deleted, bytes);
}

void local_copy_forget_notes(struct local_copy *copy)
{
    buffer_reset(&copy->notes);
}

void local_copy_commit(struct local_copy *copy, uint64_t revision, uint64_t digest)
{
    struct change *change = memory_allocate(sizeof(*change));
    *change = (struct change){
        .records = copy->notes,
        .start = copy->applied,
        .end = {.revision = revision, .digest = digest},
    };
    copy->notes = BUFFER_EMPTY;
    copy->applied = change->end;

    struct change *dropped = NULL;
    mutex_lock(&copy->mutex);
    if (copy->waiting_bytes > WAITING_MAX_BYTES)
        dropped = take_changes_locked(copy);
    copy->waiting_bytes += sizeof(*change) + change->records.length;
    *copy->last = change;
    copy->last = &change->next;
    pthread_cond_signal(&copy->work);
    mutex_unlock(&copy->mutex);
    if (dropped != NULL)
        log_warn("local_copy_behind", "reason=\"the disk does not keep up\"");
    free_changes(dropped);
}

void local_copy_health(struct local_copy *copy, struct local_copy_health *health)
{
    mutex_lock(&copy->mutex);
    *health = copy->health;
    mutex_unlock(&copy->mutex);
}

void local_copy_replace(struct local_copy *copy, uint64_t revision, uint64_t digest)
{
    buffer_reset(&copy->notes);
    copy->applied = (struct copy_point){.revision = revision, .digest = digest};
    mutex_lock(&copy->mutex);
    copy->wants_snapshot = true;
    copy->not_before_ms = 0;
    mutex_unlock(&copy->mutex);
}

bool local_copy_wants_snapshot(struct local_copy *copy)
{
    mutex_lock(&copy->mutex);
    bool wants = copy->wants_snapshot && clock_now_ms() >= copy->not_before_ms;
    mutex_unlock(&copy->mutex);
    return wants;
}

void local_copy_rewrite(struct local_copy *copy, struct replica_snapshot *snapshot)
{
    mutex_lock(&copy->mutex);
    copy->snapshot = snapshot;
    copy->before_snapshot = take_changes_locked(copy);
    copy->wants_snapshot = false;
    pthread_cond_signal(&copy->work);
    mutex_unlock(&copy->mutex);
}

/* --- start and stop ------------------------------------------------------------------------- */

struct local_copy *local_copy_start(const char *path, const char *proxy_id,
                                    const struct local_copy_info *held, bool has_predecessor)
{
    struct local_copy *copy = memory_allocate_zeroed(1, sizeof(*copy));
    copy_paths_init(&copy->paths, path);
    copy->proxy_id = memory_duplicate_string(proxy_id);
    copy->last = &copy->first;
    copy->lock_fd = -1;
    copy->has_predecessor = has_predecessor;
    copy->journal.fd = -1;
    copy->next_journal.fd = -1;
    if (held != NULL) {
        copy->is_held = !held->is_older;
        copy->base_bytes = held->base_bytes;
        memcpy(copy->epoch, held->epoch, sizeof(copy->epoch));
        copy->journal.bytes = held->journal_bytes;
        copy->journal.end = (struct copy_point){held->revision, held->digest};
        copy->applied = copy->journal.end;
        copy->wants_snapshot = held->is_older || is_journal_too_long(copy);
    }

    mutex_init(&copy->mutex);
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&copy->work, &attributes);
    pthread_condattr_destroy(&attributes);
    if (pthread_create(&copy->thread, NULL, write_behind, copy) != 0)
        abort();
    return copy;
}

void local_copy_stop(struct local_copy *copy)
{
    if (copy == NULL)
        return;
    mutex_lock(&copy->mutex);
    copy->is_stopping = true;
    pthread_cond_signal(&copy->work);
    mutex_unlock(&copy->mutex);
    pthread_join(copy->thread, NULL);

    copy_journal_close(&copy->journal);
    if (copy->lock_fd >= 0)
        close(copy->lock_fd);
    pthread_cond_destroy(&copy->work);
    mutex_clear(&copy->mutex);
    buffer_clear(&copy->notes);
    copy_paths_clear(&copy->paths);
    free(copy->proxy_id);
    free(copy);
}
