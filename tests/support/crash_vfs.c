/* Each file is an image in memory, of what the process reads, and a list of what was done to it
 * since its last sync. A sync does the same to the real file. The methods are those of version 1,
 * without shared memory, as in fault_vfs.c; nobody else opens the files, so there are no locks. */
#include "tests/support/crash_vfs.h"

#include "common/buffer.h"
#include "tests/support/check.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sqlite3.h>

enum { SECTOR_BYTES = 512 };

/* Something that was done and is not on disk. */
struct operation {
    struct operation *next;
    bool is_truncate;
    sqlite3_int64 offset; /* or the new size */
    struct buffer bytes;
};

struct image {
    struct image *next;
    char *name;
    enum crash_file file;
    int fd; /* -1: on disk there is no such file yet */
    unsigned handles;
    struct buffer content;
    struct operation *first;
    struct operation **last;
};

struct crash_file_handle {
    sqlite3_file base;
    struct image *image;
};

static sqlite3_vfs *real_vfs;
static sqlite3_vfs our_vfs;
static struct image *images;

static struct {
    enum crash_file file;
    enum crash_point point;
    uint64_t left;
    uint64_t random;
} plan;

static bool is_weak;
static bool hides_weakness;

/* --- the disk --------------------------------------------------------------------------------- */

static uint64_t next_random(void)
{
    plan.random = plan.random * 6364136223846793005U + 1442695040888963407U;
    return plan.random >> 33;
}

static void make_real(struct image *image)
{
    if (image->fd >= 0)
        return;
    image->fd = open(image->name, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    CHECK(image->fd >= 0, "cannot make %s", image->name);
}

static void write_real(const struct image *image, const struct operation *operation, size_t from,
                       size_t length)
{
    ssize_t written = pwrite(image->fd, operation->bytes.at + from, length,
                             (off_t)(operation->offset + (sqlite3_int64)from));
    CHECK(written == (ssize_t)length, "cannot write %s", image->name);
}

static void truncate_real(const struct image *image, const struct operation *operation)
{
    CHECK(ftruncate(image->fd, (off_t)operation->offset) == 0, "cannot truncate %s", image->name);
}

static void drop_operations(struct image *image)
{
    while (image->first != NULL) {
        struct operation *operation = image->first;
        image->first = operation->next;
        buffer_clear(&operation->bytes);
        free(operation);
    }
    image->last = &image->first;
}

/* All that was done is on disk. */
static void sync_real(struct image *image)
{
    make_real(image);
    for (const struct operation *each = image->first; each != NULL; each = each->next) {
        if (each->is_truncate)
            truncate_real(image, each);
        else
            write_real(image, each, 0, each->bytes.length);
    }
    drop_operations(image);
}

/* --- the power cut ---------------------------------------------------------------------------- */

/* Of what was done since the last sync, each sector may be on disk or not, whatever came later. */
static void leave_some(struct image *image, unsigned percent)
{
    if (percent > 0)
        make_real(image);
    for (const struct operation *each = image->first; each != NULL; each = each->next) {
        if (each->is_truncate && next_random() % 100 < percent)
            truncate_real(image, each);
        for (size_t from = 0; !each->is_truncate && from < each->bytes.length;) {
            size_t in_sector = ((size_t)each->offset + from) % SECTOR_BYTES;
            size_t left = each->bytes.length - from;
            size_t length = SECTOR_BYTES - in_sector < left ? SECTOR_BYTES - in_sector : left;
            if (next_random() % 100 < percent)
                write_real(image, each, from, length);
            from += length;
        }
    }
}

_Noreturn static void cut_power(void)
{
    static const unsigned percents[] = {0, 10, 50, 90, 100};
    for (struct image *image = images; image != NULL; image = image->next)
        leave_some(image, percents[next_random() % 5]);
    raise(SIGKILL);
    abort();
}

static void pass(enum crash_file file, enum crash_point point)
{
    if (plan.point != point || plan.file != file)
        return;
    if (plan.left == 0)
        cut_power();
    plan.left--;
}

/* --- images ----------------------------------------------------------------------------------- */

static struct image **find_image(const char *name)
{
    struct image **at = &images;
    while (*at != NULL && strcmp((*at)->name, name) != 0)
        at = &(*at)->next;
    return at;
}

static bool ends_with(const char *name, const char *end)
{
    size_t length = strlen(name);
    return length >= strlen(end) && strcmp(name + length - strlen(end), end) == 0;
}

static enum crash_file file_of(const char *name)
{
    if (ends_with(name, "-wal"))
        return CRASH_LOG;
    return ends_with(name, "-journal") ? CRASH_JOURNAL : CRASH_DATABASE;
}

static void read_real(struct image *image)
{
    struct stat status;
    CHECK(fstat(image->fd, &status) == 0, "cannot read %s", image->name);
    size_t size = (size_t)status.st_size;
    CHECK(size == 0 ||
              pread(image->fd, buffer_reserve(&image->content, size), size, 0) == (ssize_t)size,
          "cannot read %s", image->name);
    buffer_extend(&image->content, size);
}

static struct image *new_image(const char *name, int flags)
{
    int fd = open(name, O_RDWR | O_CLOEXEC);
    if (fd < 0 && (flags & SQLITE_OPEN_CREATE) == 0)
        return NULL;
    struct image *image = memory_allocate_zeroed(1, sizeof(*image));
    image->name = memory_duplicate_string(name);
    image->file = file_of(name);
    image->fd = fd;
    image->last = &image->first;
    image->next = images;
    images = image;
    if (fd >= 0)
        read_real(image);
    return image;
}

static void free_image(struct image **at)
{
    struct image *image = *at;
    *at = image->next;
    drop_operations(image);
    if (image->fd >= 0)
        close(image->fd);
    buffer_clear(&image->content);
    free(image->name);
    free(image);
}

static struct operation *add_operation(struct image *image, sqlite3_int64 offset)
{
    struct operation *operation = memory_allocate_zeroed(1, sizeof(*operation));
    operation->offset = offset;
    *image->last = operation;
    image->last = &operation->next;
    return operation;
}

/* --- SQLite's view ---------------------------------------------------------------------------- */

static struct image *image_of(sqlite3_file *file)
{
    return ((struct crash_file_handle *)file)->image;
}

/* The system writes back sooner or later what a closed file holds: here, now. */
static int on_close(sqlite3_file *file)
{
    struct image *image = image_of(file);
    if (--image->handles == 0) {
        sync_real(image);
        free_image(find_image(image->name));
    }
    return SQLITE_OK;
}

static int on_read(sqlite3_file *file, void *to, int length, sqlite3_int64 offset)
{
    const struct buffer *content = &image_of(file)->content;
    size_t at = (size_t)offset < content->length ? (size_t)offset : content->length;
    size_t there = content->length - at < (size_t)length ? content->length - at : (size_t)length;
    if (there > 0)
        memcpy(to, content->at + at, there);
    memset((char *)to + there, 0, (size_t)length - there);
    return there == (size_t)length ? SQLITE_OK : SQLITE_IOERR_SHORT_READ;
}

static void resize(struct buffer *content, size_t size)
{
    if (size > content->length) {
        size_t more = size - content->length;
        memset(buffer_reserve(content, more), 0, more);
        buffer_extend(content, more);
    }
    content->length = size;
}

static int on_write(sqlite3_file *file, const void *bytes, int length, sqlite3_int64 offset)
{
    struct image *image = image_of(file);
    size_t end = (size_t)offset + (size_t)length;
    if (end > image->content.length)
        resize(&image->content, end);
    memcpy(image->content.at + offset, bytes, (size_t)length);
    buffer_append(&add_operation(image, offset)->bytes, bytes, (size_t)length);
    pass(image->file, CRASH_AT_WRITE);
    return SQLITE_OK;
}

static int on_truncate(sqlite3_file *file, sqlite3_int64 size)
{
    struct image *image = image_of(file);
    resize(&image->content, (size_t)size);
    add_operation(image, size)->is_truncate = true;
    pass(image->file, CRASH_AT_TRUNCATE);
    return SQLITE_OK;
}

static int on_sync(sqlite3_file *file, int flags)
{
    (void)flags;
    struct image *image = image_of(file);
    pass(image->file, CRASH_BEFORE_SYNC);
    if (plan.point == CRASH_IN_SYNC && plan.file == image->file && plan.left == 0)
        leave_some(image, 50);
    pass(image->file, CRASH_IN_SYNC);
    sync_real(image);
    pass(image->file, CRASH_AFTER_SYNC);
    return SQLITE_OK;
}

static int on_file_size(sqlite3_file *file, sqlite3_int64 *size)
{
    *size = (sqlite3_int64)image_of(file)->content.length;
    return SQLITE_OK;
}

static int on_lock(sqlite3_file *file, int level)
{
    (void)file;
    (void)level;
    return SQLITE_OK;
}

static int on_check_reserved_lock(sqlite3_file *file, int *is_reserved)
{
    (void)file;
    *is_reserved = 0;
    return SQLITE_OK;
}

/* The words of a pragma are SQLite's own copies: OFF is no longer than FULL. */
static int on_file_control(sqlite3_file *file, int operation, void *argument)
{
    (void)file;
    char **words = argument;
    if (operation != SQLITE_FCNTL_PRAGMA || !is_weak || strcmp(words[1], "synchronous") != 0)
        return SQLITE_NOTFOUND;
    if (words[2] != NULL && strcmp(words[2], "FULL") == 0)
        memcpy(words[2], "OFF", sizeof("OFF"));
    if (words[2] != NULL || !hides_weakness)
        return SQLITE_NOTFOUND;
    words[0] = sqlite3_mprintf("2");
    return SQLITE_OK;
}

static int on_sector_size(sqlite3_file *file)
{
    (void)file;
    return 4096;
}

static int on_device_characteristics(sqlite3_file *file)
{
    (void)file;
    return SQLITE_IOCAP_POWERSAFE_OVERWRITE;
}

static const sqlite3_io_methods methods = {
    .iVersion = 1,
    .xClose = on_close,
    .xRead = on_read,
    .xWrite = on_write,
    .xTruncate = on_truncate,
    .xSync = on_sync,
    .xFileSize = on_file_size,
    .xLock = on_lock,
    .xUnlock = on_lock,
    .xCheckReservedLock = on_check_reserved_lock,
    .xFileControl = on_file_control,
    .xSectorSize = on_sector_size,
    .xDeviceCharacteristics = on_device_characteristics,
};

static int on_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags,
                   int *out_flags)
{
    (void)vfs;
    const int ours = SQLITE_OPEN_MAIN_DB | SQLITE_OPEN_WAL | SQLITE_OPEN_MAIN_JOURNAL;
    if (name == NULL || (flags & ours) == 0)
        return real_vfs->xOpen(real_vfs, name, file, flags, out_flags);

    file->pMethods = NULL;
    struct image *image = *find_image(name);
    if (image == NULL)
        image = new_image(name, flags);
    if (image == NULL)
        return SQLITE_CANTOPEN;
    image->handles++;
    ((struct crash_file_handle *)file)->image = image;
    file->pMethods = &methods;
    if (out_flags != NULL)
        *out_flags = flags;
    return SQLITE_OK;
}

static int on_delete(sqlite3_vfs *vfs, const char *name, int syncs_folder)
{
    (void)vfs;
    struct image **at = find_image(name);
    pass(file_of(name), CRASH_AT_DELETE);
    if (*at != NULL) {
        CHECK((*at)->handles == 0, "%s is deleted while it is open", name);
        free_image(at);
    }
    return real_vfs->xDelete(real_vfs, name, syncs_folder);
}

static int on_access(sqlite3_vfs *vfs, const char *name, int flags, int *result)
{
    (void)vfs;
    if (*find_image(name) == NULL)
        return real_vfs->xAccess(real_vfs, name, flags, result);
    *result = 1;
    return SQLITE_OK;
}

/* --- what tests call -------------------------------------------------------------------------- */

void crash_vfs_install(void)
{
    CHECK(real_vfs == NULL, "the crash VFS is there already");
    real_vfs = sqlite3_vfs_find(NULL);
    our_vfs = *real_vfs;
    our_vfs.zName = "crash";
    our_vfs.pNext = NULL;
    our_vfs.xOpen = on_open;
    our_vfs.xDelete = on_delete;
    our_vfs.xAccess = on_access;
    if (our_vfs.szOsFile < (int)sizeof(struct crash_file_handle))
        our_vfs.szOsFile = sizeof(struct crash_file_handle);
    sqlite3_vfs_register(&our_vfs, 1);
}

void crash_vfs_crash_at(enum crash_file file, enum crash_point point, uint64_t after, uint64_t seed)
{
    plan.file = file;
    plan.point = point;
    plan.left = after;
    plan.random = seed;
}

void crash_vfs_weaken(bool hides)
{
    is_weak = true;
    hides_weakness = hides;
}
