#include "proxy/local_copy_write.h"

#include "common/clock.h"
#include "proxy/local_copy_format.h"
#include "proxy/routing/replica_snapshot.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

/* The disk starts on what was written after so much, so that the sync at the end is short. */
enum { WRITE_BEHIND_BYTES = 4 << 20 };

/* --- places --------------------------------------------------------------------------------- */

static char *path_with(const char *base, const char *suffix)
{
    struct buffer path = BUFFER_EMPTY;
    buffer_printf(&path, "%s%s", base, suffix);
    char *copy = memory_duplicate_string(buffer_string(&path));
    buffer_clear(&path);
    return copy;
}

void copy_paths_init(struct copy_paths *paths, const char *base)
{
    char *scratch = memory_duplicate_string(base);
    *paths = (struct copy_paths){
        .base = memory_duplicate_string(base),
        .base_new = path_with(base, ".new"),
        .journal = path_with(base, LOCAL_COPY_JOURNAL_SUFFIX),
        .journal_new = path_with(base, LOCAL_COPY_JOURNAL_SUFFIX ".new"),
        .lock = path_with(base, ".lock"),
        .folder = memory_duplicate_string(dirname(scratch)),
    };
    free(scratch);
}

void copy_paths_clear(struct copy_paths *paths)
{
    free(paths->base);
    free(paths->base_new);
    free(paths->journal);
    free(paths->journal_new);
    free(paths->lock);
    free(paths->folder);
}

int copy_lock(const char *path, struct error *err)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640);
    if (fd < 0) {
        error_set_errno(err, "%s", path);
    } else if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        if (errno == EWOULDBLOCK)
            error_set(err, ERROR_IN_USE, "%s: another pointsman-proxy writes this local copy",
                      path);
        else
            error_set_errno(err, "%s", path);
        close(fd);
        fd = -1;
    }
    return fd;
}

static int create(const char *path, struct error *err)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0640);
    if (fd < 0)
        error_set_errno(err, "%s", path);
    return fd;
}

static bool write_all(int fd, struct slice bytes, const char *path, struct error *err)
{
    while (bytes.length > 0) {
        ssize_t written = write(fd, bytes.at, bytes.length);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return error_set_errno(err, "%s", path);
        bytes = slice_of(bytes.at + written, bytes.length - (size_t)written);
    }
    return true;
}

static bool rename_into(const char *from, const char *to, struct error *err)
{
    return rename(from, to) == 0 || error_set_errno(err, "%s", to);
}

static bool sync_folder(const char *path, struct error *err)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return error_set_errno(err, "folder %s", path);
    bool synced = fsync(fd) == 0 || error_set_errno(err, "folder %s", path);
    close(fd);
    return synced;
}

bool copy_put_in_place(const struct copy_paths *paths, struct error *err)
{
    return rename_into(paths->base_new, paths->base, err) && sync_folder(paths->folder, err) &&
           copy_put_journal_in_place(paths, err);
}

bool copy_put_journal_in_place(const struct copy_paths *paths, struct error *err)
{
    return rename_into(paths->journal_new, paths->journal, err) && sync_folder(paths->folder, err);
}

/* --- the journal ---------------------------------------------------------------------------- */

bool copy_journal_create(struct copy_journal *journal, const char *path, const char *epoch,
                         struct copy_point start, struct error *err)
{
    struct buffer header = BUFFER_EMPTY;
    buffer_append_string(&header, LOCAL_COPY_JOURNAL_MAGIC);
    put_number(&header, LOCAL_COPY_VERSION, 4);
    put_text(&header, epoch);
    put_checksum(&header);

    *journal = (struct copy_journal){.fd = create(path, err), .end = start};
    if (journal->fd >= 0 && !(write_all(journal->fd, buffer_slice(&header), path, err) &&
                              (fsync(journal->fd) == 0 || error_set_errno(err, "%s", path))))
        copy_journal_close(journal);
    journal->bytes = header.length;
    buffer_clear(&header);
    return journal->fd >= 0;
}

bool copy_journal_open(struct copy_journal *journal, const char *path, uint64_t bytes,
                       struct copy_point end, struct error *err)
{
    *journal = (struct copy_journal){
        .fd = open(path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW), .bytes = bytes, .end = end};
    if (journal->fd < 0)
        return error_set_errno(err, "%s", path);
    if (ftruncate(journal->fd, (off_t)bytes) == 0 &&
        lseek(journal->fd, (off_t)bytes, SEEK_SET) == (off_t)bytes)
        return true;
    error_set_errno(err, "%s", path);
    copy_journal_close(journal);
    return false;
}

void copy_journal_close(struct copy_journal *journal)
{
    if (journal->fd >= 0)
        close(journal->fd);
    journal->fd = -1;
}

static void put_group(struct buffer *to, struct slice records, struct copy_point start,
                      struct copy_point end)
{
    put_number(to, records.length, 4);
    put_number(to, start.revision, 8);
    put_number(to, start.digest, 8);
    put_number(to, end.revision, 8);
    put_number(to, end.digest, 8);
    put_number(to, hash_stable(records.at, records.length), 8);
    put_checksum(to);
    buffer_append_slice(to, records);
}

bool copy_journal_append(struct copy_journal *journal, struct slice records, struct copy_point end,
                         bool sync, struct error *err)
{
    struct buffer group = BUFFER_EMPTY;
    put_group(&group, records, journal->end, end);
    bool appended =
        write_all(journal->fd, buffer_slice(&group), "journal of the local copy", err) &&
        (!sync || fdatasync(journal->fd) == 0 || error_set_errno(err, "journal of the local copy"));
    if (appended) {
        journal->bytes += group.length;
        journal->end = end;
    } else {
        /* Half a group would be cut off at the next start too; if even this fails, it is. */
        if (ftruncate(journal->fd, (off_t)journal->bytes) != 0)
            error_prefix(err, "cannot be cut: ");
        copy_journal_close(journal);
    }
    buffer_clear(&group);
    return appended;
}

/* --- the base ------------------------------------------------------------------------------- */

/* A file being written. After a failure the rest is skipped. */
struct base_writer {
    const char *path;
    int fd;
    bool has_failed;
    struct error *err;
    struct buffer block;
    uint64_t object_count;
    uint64_t bytes;
    uint64_t handed_on; /* of the bytes: the disk has been told to begin with them */
    void (*on_block)(void *context);
    void *context;
};

static void write_buffer(struct base_writer *writer, struct buffer *bytes)
{
    if (!writer->has_failed)
        writer->has_failed = !write_all(writer->fd, buffer_slice(bytes), writer->path, writer->err);
    writer->bytes += bytes->length;
    buffer_reset(bytes);
}

static void start_disk(struct base_writer *writer)
{
    uint64_t waiting = writer->bytes - writer->handed_on;
    if (waiting < WRITE_BEHIND_BYTES)
        return;
    /* A hint: a file system that cannot do it syncs at the end. */
    sync_file_range(writer->fd, (off_t)writer->handed_on, (off_t)waiting, SYNC_FILE_RANGE_WRITE);
    writer->handed_on = writer->bytes;
}

static void write_block(struct base_writer *writer)
{
    struct buffer head = BUFFER_EMPTY;
    put_number(&head, writer->block.length, 4);
    put_number(&head, hash_stable(writer->block.at, writer->block.length), 8);
    write_buffer(writer, &head);
    write_buffer(writer, &writer->block);
    buffer_clear(&head);
    start_disk(writer);
    writer->on_block(writer->context);
}

static void write_object(void *context, Pointsman__V1__ObjectKind kind, struct slice name,
                         struct slice bytes)
{
    struct base_writer *writer = context;
    if (writer->has_failed)
        return;
    put_record(&writer->block, kind, name, false, bytes);
    writer->object_count++;
    if (writer->block.length >= LOCAL_COPY_BLOCK_BYTES)
        write_block(writer);
}

static void write_header(struct base_writer *writer, const char *proxy_id,
                         const struct replica_snapshot *snapshot)
{
    struct buffer fields = BUFFER_EMPTY;
    put_number(&fields, replica_snapshot_revision(snapshot), 8);
    put_number(&fields, replica_snapshot_digest(snapshot), 8);
    put_number(&fields, clock_wall_ms(), 8);
    put_text(&fields, replica_snapshot_epoch(snapshot));
    put_text(&fields, proxy_id);

    struct buffer header = BUFFER_EMPTY;
    buffer_append_string(&header, LOCAL_COPY_MAGIC);
    put_number(&header, LOCAL_COPY_VERSION, 4);
    put_number(&header, fields.length, 4);
    buffer_append_slice(&header, buffer_slice(&fields));
    put_checksum(&header);
    write_buffer(writer, &header);

    buffer_clear(&fields);
    buffer_clear(&header);
}

static void write_end(struct base_writer *writer)
{
    struct buffer count = BUFFER_EMPTY;
    put_number(&count, writer->object_count, 8);
    struct buffer end = BUFFER_EMPTY;
    put_number(&end, 0, 4);
    put_number(&end, hash_stable(count.at, count.length), 8);
    buffer_append_slice(&end, buffer_slice(&count));
    write_buffer(writer, &end);
    buffer_clear(&count);
    buffer_clear(&end);
}

bool copy_base_write(const char *path, const char *proxy_id,
                     const struct replica_snapshot *snapshot, void (*on_block)(void *context),
                     void *context, uint64_t *bytes, struct error *err)
{
    struct base_writer writer = {
        .path = path,
        .fd = create(path, err),
        .err = err,
        .on_block = on_block,
        .context = context,
    };
    if (writer.fd < 0)
        return false;

    write_header(&writer, proxy_id, snapshot);
    replica_snapshot_each(snapshot, write_object, &writer);
    if (writer.block.length > 0)
        write_block(&writer);
    write_end(&writer);
    buffer_clear(&writer.block);
    if (!writer.has_failed && fsync(writer.fd) != 0)
        writer.has_failed = !error_set_errno(err, "%s", path);
    close(writer.fd);
    *bytes = writer.bytes;
    return !writer.has_failed;
}
