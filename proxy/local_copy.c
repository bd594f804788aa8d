/* The control thread writes the temporary file, which goes to the page cache; a thread of our own
 * waits for the disk (fsync) and renames. One file at a time is under way. */
#include "proxy/local_copy.h"

#include "common/clock.h"
#include "common/hash.h"
#include "common/log.h"
#include "common/mutex.h"
#include "proxy/local_copy_format.h"
#include "proxy/routing/route_replica.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

struct local_copy {
    /* immutable */
    char *path;
    char *temporary_path;
    char *folder;
    char *proxy_id;
    pthread_t thread;
    pthread_cond_t changed;

    struct mutex mutex;
    /* guarded by mutex */
    int pending_fd; /* written, waiting for the disk; -1: none */
    bool is_stopping;

    /* own thread only */
    bool has_failed; /* the last time; failures are logged once */
};

/* --- the disk ------------------------------------------------------------------------------- */

static bool sync_folder(const char *path, struct error *err)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return error_set_errno(err, "folder %s", path);
    bool synced = fsync(fd) == 0 || error_set_errno(err, "folder %s", path);
    close(fd);
    return synced;
}

static bool put_in_place(struct local_copy *copy, int fd, struct error *err)
{
    if (fsync(fd) != 0)
        return error_set_errno(err, "%s", copy->temporary_path);
    if (rename(copy->temporary_path, copy->path) != 0)
        return error_set_errno(err, "%s", copy->path);
    return sync_folder(copy->folder, err);
}

static void finish(struct local_copy *copy, int fd)
{
    struct error err;
    bool in_place = put_in_place(copy, fd, &err);
    close(fd);
    if (!in_place && !copy->has_failed)
        log_error("local_copy_failed", "reason=\"%s\"", err.message);
    copy->has_failed = !in_place;
}

static void *wait_for_disk(void *context)
{
    struct local_copy *copy = context;
    mutex_lock(&copy->mutex);
    for (;;) {
        if (copy->pending_fd >= 0) {
            int fd = copy->pending_fd;
            mutex_unlock(&copy->mutex);
            finish(copy, fd);
            mutex_lock(&copy->mutex);
            copy->pending_fd = -1;
            pthread_cond_broadcast(&copy->changed);
        } else if (copy->is_stopping) {
            break;
        } else {
            pthread_cond_wait(&copy->changed, &copy->mutex.native);
        }
    }
    mutex_unlock(&copy->mutex);
    return NULL;
}

/* --- start and stop ------------------------------------------------------------------------- */

struct local_copy *local_copy_start(const char *path, const char *proxy_id)
{
    struct local_copy *copy = memory_allocate_zeroed(1, sizeof(*copy));
    struct buffer temporary = BUFFER_EMPTY;
    buffer_printf(&temporary, "%s.new", path);
    char *scratch = memory_duplicate_string(path);

    copy->path = memory_duplicate_string(path);
    copy->temporary_path = memory_duplicate_string(buffer_string(&temporary));
    copy->folder = memory_duplicate_string(dirname(scratch));
    copy->proxy_id = memory_duplicate_string(proxy_id);
    copy->pending_fd = -1;
    mutex_init(&copy->mutex);
    pthread_cond_init(&copy->changed, NULL);
    if (pthread_create(&copy->thread, NULL, wait_for_disk, copy) != 0)
        abort();

    free(scratch);
    buffer_clear(&temporary);
    return copy;
}

void local_copy_stop(struct local_copy *copy)
{
    if (copy == NULL)
        return;
    mutex_lock(&copy->mutex);
    copy->is_stopping = true;
    pthread_cond_broadcast(&copy->changed);
    mutex_unlock(&copy->mutex);
    pthread_join(copy->thread, NULL);

    pthread_cond_destroy(&copy->changed);
    mutex_clear(&copy->mutex);
    free(copy->path);
    free(copy->temporary_path);
    free(copy->folder);
    free(copy->proxy_id);
    free(copy);
}

bool local_copy_is_idle(struct local_copy *copy)
{
    mutex_lock(&copy->mutex);
    bool is_idle = copy->pending_fd < 0;
    mutex_unlock(&copy->mutex);
    return is_idle;
}

/* --- writing -------------------------------------------------------------------------------- */

/* A file being written. After a failure the rest is skipped; the first errno is kept. */
struct copy_writer {
    int fd;
    int failed_errno;
    struct buffer block;
    uint64_t object_count;
};

static void write_all(struct copy_writer *writer, const void *bytes, size_t length)
{
    const char *at = bytes;
    while (length > 0 && writer->failed_errno == 0) {
        ssize_t written = write(writer->fd, at, length);
        if (written < 0) {
            if (errno != EINTR)
                writer->failed_errno = errno;
            continue;
        }
        at += written;
        length -= (size_t)written;
    }
}

static void write_block(struct copy_writer *writer)
{
    struct buffer head = BUFFER_EMPTY;
    put_number(&head, writer->block.length, 4);
    put_number(&head, hash_stable(writer->block.at, writer->block.length), 8);
    write_all(writer, head.at, head.length);
    write_all(writer, writer->block.at, writer->block.length);
    buffer_clear(&head);
    buffer_reset(&writer->block);
}

static void write_object(void *context, Pointsman__V1__ObjectKind kind, struct slice name,
                         struct slice bytes)
{
    struct copy_writer *writer = context;
    put_number(&writer->block, kind, 1);
    put_number(&writer->block, name.length, 2);
    put_number(&writer->block, bytes.length, 4);
    buffer_append_slice(&writer->block, name);
    buffer_append_slice(&writer->block, bytes);
    writer->object_count++;
    if (writer->block.length >= LOCAL_COPY_BLOCK_BYTES)
        write_block(writer);
}

static void put_text(struct buffer *to, const char *text)
{
    put_number(to, strlen(text), 2);
    buffer_append_string(to, text);
}

static void write_header(struct copy_writer *writer, const struct local_copy *copy,
                         const struct route_replica *replica)
{
    struct buffer fields = BUFFER_EMPTY;
    put_number(&fields, route_replica_revision(replica), 8);
    put_number(&fields, route_replica_digest(replica), 8);
    put_number(&fields, clock_wall_ms(), 8);
    put_text(&fields, route_replica_epoch(replica));
    put_text(&fields, copy->proxy_id);

    struct buffer header = BUFFER_EMPTY;
    buffer_append_string(&header, LOCAL_COPY_MAGIC);
    put_number(&header, LOCAL_COPY_VERSION, 4);
    put_number(&header, fields.length, 4);
    buffer_append_slice(&header, buffer_slice(&fields));
    put_number(&header, hash_stable(header.at, header.length), 8);
    write_all(writer, header.at, header.length);

    buffer_clear(&fields);
    buffer_clear(&header);
}

static void write_end(struct copy_writer *writer)
{
    struct buffer count = BUFFER_EMPTY;
    put_number(&count, writer->object_count, 8);
    struct buffer end = BUFFER_EMPTY;
    put_number(&end, 0, 4);
    put_number(&end, hash_stable(count.at, count.length), 8);
    buffer_append_slice(&end, buffer_slice(&count));
    write_all(writer, end.at, end.length);
    buffer_clear(&count);
    buffer_clear(&end);
}

static void wait_until_idle(struct local_copy *copy)
{
    mutex_lock(&copy->mutex);
    while (copy->pending_fd >= 0)
        pthread_cond_wait(&copy->changed, &copy->mutex.native);
    mutex_unlock(&copy->mutex);
}

bool local_copy_write(struct local_copy *copy, const struct route_replica *replica,
                      struct error *err)
{
    wait_until_idle(copy);
    struct copy_writer writer = {
        .fd = open(copy->temporary_path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640),
    };
    if (writer.fd < 0)
        return error_set_errno(err, "local copy %s", copy->temporary_path);

    write_header(&writer, copy, replica);
    route_replica_each(replica, write_object, &writer);
    if (writer.block.length > 0)
        write_block(&writer);
    write_end(&writer);
    buffer_clear(&writer.block);
    if (writer.failed_errno != 0) {
        close(writer.fd);
        errno = writer.failed_errno;
        return error_set_errno(err, "local copy %s", copy->temporary_path);
    }

    mutex_lock(&copy->mutex);
    copy->pending_fd = writer.fd;
    pthread_cond_broadcast(&copy->changed);
    mutex_unlock(&copy->mutex);
    return true;
}
