#include "common/hash.h"
#include "proxy/local_copy.h"
#include "proxy/local_copy_format.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static bool corrupt(struct error *err, const char *what)
{
    return error_set(err, ERROR_CORRUPT, "%s", what);
}

/* A text with its length in front, into an array; without NUL inside. */
static bool take_text(struct slice *from, char *to, size_t to_bytes)
{
    uint64_t length;
    struct slice text;
    if (!take_number(from, 2, &length) || length >= to_bytes ||
        !take_bytes(from, (size_t)length, &text) || memchr(text.at, '\0', text.length) != NULL)
        return false;
    memcpy(to, text.at, text.length);
    to[text.length] = '\0';
    return true;
}

static bool parse_header(struct slice *file, struct local_copy_info *info, struct error *err)
{
    const char *start = file->at;
    struct slice magic, fields;
    uint64_t version, length, checksum;

    if (!take_bytes(file, LOCAL_COPY_MAGIC_BYTES, &magic) ||
        !slice_equals(magic, SLICE(LOCAL_COPY_MAGIC)))
        return corrupt(err, "not a local copy of pointsman-proxy");
    if (!take_number(file, 4, &version))
        return corrupt(err, "the header is cut off");
    if (version != LOCAL_COPY_VERSION)
        return error_set(err, ERROR_UNSUPPORTED, "format version %" PRIu64 " is not known here",
                         version);
    if (!take_number(file, 4, &length) || length > LOCAL_COPY_HEADER_MAX ||
        !take_bytes(file, (size_t)length, &fields))
        return corrupt(err, "the header is cut off");
    uint64_t expected = hash_stable(start, (size_t)(file->at - start));
    if (!take_number(file, 8, &checksum) || checksum != expected)
        return corrupt(err, "the header's checksum is wrong");

    if (!take_number(&fields, 8, &info->revision) || !take_number(&fields, 8, &info->digest) ||
        !take_number(&fields, 8, &info->written_ms) ||
        !take_text(&fields, info->epoch, sizeof(info->epoch)) ||
        !take_text(&fields, info->proxy_id, sizeof(info->proxy_id)) || fields.length != 0)
        return corrupt(err, "the header is malformed");
    return true;
}

static bool parse_record(struct slice *block, local_copy_visit_fn *visit, void *context)
{
    uint64_t kind, name_length, byte_count;
    struct slice name, bytes;
    if (!take_number(block, 1, &kind) || !take_number(block, 2, &name_length) ||
        !take_number(block, 4, &byte_count) || !take_bytes(block, (size_t)name_length, &name) ||
        !take_bytes(block, (size_t)byte_count, &bytes))
        return false;
    if (kind != POINTSMAN__V1__OBJECT_KIND__OBJECT_KIND_ROUTE &&
        kind != POINTSMAN__V1__OBJECT_KIND__OBJECT_KIND_BACKEND)
        return false;
    visit(context, (Pointsman__V1__ObjectKind)kind, name, bytes);
    return true;
}

static bool parse_end(struct slice *file, uint64_t checksum, uint64_t count, struct error *err)
{
    uint64_t stored_count;
    const char *at = file->at;
    if (!take_number(file, 8, &stored_count) || hash_stable(at, 8) != checksum)
        return corrupt(err, "the end is damaged");
    if (stored_count != count)
        return corrupt(err, "objects are missing");
    if (file->length != 0)
        return corrupt(err, "there are bytes behind the end");
    return true;
}

bool local_copy_parse(struct slice file, struct local_copy_info *info, local_copy_visit_fn *visit,
                      void *context, struct error *err)
{
    memset(info, 0, sizeof(*info));
    if (!parse_header(&file, info, err))
        return false;

    for (;;) {
        uint64_t length, checksum;
        struct slice block;
        if (!take_number(&file, 4, &length) || !take_number(&file, 8, &checksum))
            return corrupt(err, "the file is cut off");
        if (length == 0)
            return parse_end(&file, checksum, info->object_count, err);
        if (length > LOCAL_COPY_BLOCK_MAX || !take_bytes(&file, (size_t)length, &block))
            return corrupt(err, "the file is cut off");
        if (hash_stable(block.at, block.length) != checksum)
            return corrupt(err, "a block's checksum is wrong");
        for (; block.length > 0; info->object_count++) {
            if (!parse_record(&block, visit, context))
                return corrupt(err, "a record is malformed");
        }
    }
}

static bool map_and_parse(int fd, struct local_copy_info *info, local_copy_visit_fn *visit,
                          void *context, struct error *err)
{
    struct stat status;
    if (fstat(fd, &status) != 0)
        return error_set_errno(err, "cannot read it");
    if (!S_ISREG(status.st_mode) || status.st_size <= 0)
        return corrupt(err, "it is empty, or no file");

    size_t bytes = (size_t)status.st_size;
    void *map = mmap(NULL, bytes, PROT_READ, MAP_PRIVATE, fd, 0);
    if (map == MAP_FAILED)
        return error_set_errno(err, "cannot map it");
    madvise(map, bytes, MADV_SEQUENTIAL);
    bool parsed = local_copy_parse(slice_of(map, bytes), info, visit, context, err);
    munmap(map, bytes);
    return parsed;
}

bool local_copy_read(const char *path, struct local_copy_info *info, local_copy_visit_fn *visit,
                     void *context, struct error *err)
{
    memset(info, 0, sizeof(*info));
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 && errno == ENOENT)
        return error_set(err, ERROR_NOT_FOUND, "there is no local copy %s", path);
    if (fd < 0)
        return error_set_errno(err, "local copy %s", path);

    bool parsed = map_and_parse(fd, info, visit, context, err);
    close(fd);
    if (!parsed)
        error_prefix(err, "local copy %s: ", path);
    return parsed;
}
