#include "proxy/local_copy_read.h"

#include "proxy/local_copy_format.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static bool corrupt(struct error *err, const char *what)
{
    return error_set(err, ERROR_CORRUPT, "%s", what);
}

/* --- the files ------------------------------------------------------------------------------ */

static bool map_file(const char *path, struct slice *file, struct error *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 && errno == ENOENT)
        return error_set(err, ERROR_NOT_FOUND, "there is no local copy %s", path);
    if (fd < 0)
        return error_set_errno(err, "local copy %s", path);

    struct stat status;
    void *map = MAP_FAILED;
    if (fstat(fd, &status) != 0)
        error_set_errno(err, "local copy %s: cannot read it", path);
    else if (!S_ISREG(status.st_mode) || status.st_size <= 0)
        error_set(err, ERROR_CORRUPT, "local copy %s: it is empty, or no file", path);
    else if ((map = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, fd, 0)) ==
             MAP_FAILED)
        error_set_errno(err, "local copy %s: cannot map it", path);
    close(fd);
    if (map == MAP_FAILED)
        return false;
    *file = slice_of(map, (size_t)status.st_size);
    madvise(map, file->length, MADV_WILLNEED);
    return true;
}

static void unmap(struct slice *file)
{
    if (file->at != NULL)
        munmap((void *)file->at, file->length);
    *file = slice_of(NULL, 0);
}

bool local_copy_open(struct local_copy_files *files, const char *path, struct error *err)
{
    *files = (struct local_copy_files){.base = slice_of(NULL, 0)};
    if (!map_file(path, &files->base, err))
        return false;

    struct buffer journal_path = BUFFER_EMPTY;
    buffer_printf(&journal_path, "%s%s", path, LOCAL_COPY_JOURNAL_SUFFIX);
    struct error why = {0};
    bool is_open = map_file(buffer_string(&journal_path), &files->journal, &why) ||
                   why.code == ERROR_NOT_FOUND;
    buffer_clear(&journal_path);
    if (!is_open) {
        local_copy_close(files);
        return error_set(err, why.code, "%s", why.message);
    }
    return true;
}

void local_copy_close(struct local_copy_files *files)
{
    unmap(&files->base);
    unmap(&files->journal);
}

/* --- headers -------------------------------------------------------------------------------- */

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

static bool take_magic(struct slice *file, struct slice expected, uint64_t *version,
                       struct error *err)
{
    struct slice magic;
    *version = 0;
    if (!take_bytes(file, LOCAL_COPY_MAGIC_BYTES, &magic) || !slice_equals(magic, expected))
        return corrupt(err, "not a local copy of pointsman-proxy");
    if (!take_number(file, 4, version))
        return corrupt(err, "the header is cut off");
    if (*version == 0 || *version > LOCAL_COPY_VERSION)
        return error_set(err, ERROR_UNSUPPORTED, "format version %" PRIu64 " is not known here",
                         *version);
    return true;
}

/* Takes the checksum of everything from `start` on. */
static bool take_checksum(struct slice *file, const char *start, struct error *err)
{
    uint64_t checksum;
    uint64_t expected = hash_stable(start, (size_t)(file->at - start));
    if (!take_number(file, 8, &checksum) || checksum != expected)
        return corrupt(err, "the header's checksum is wrong");
    return true;
}

bool local_copy_take_header(struct slice *base, struct local_copy_info *info, struct error *err)
{
    const char *start = base->at;
    struct slice fields;
    uint64_t version, length;

    memset(info, 0, sizeof(*info));
    info->base_bytes = base->length;
    if (!take_magic(base, SLICE(LOCAL_COPY_MAGIC), &version, err))
        return false;
    info->is_older = version < LOCAL_COPY_VERSION;
    if (!take_number(base, 4, &length) || length > LOCAL_COPY_HEADER_MAX ||
        !take_bytes(base, (size_t)length, &fields))
        return corrupt(err, "the header is cut off");
    if (!take_checksum(base, start, err))
        return false;

    if (!take_number(&fields, 8, &info->revision) || !take_number(&fields, 8, &info->digest) ||
        !take_number(&fields, 8, &info->written_ms) ||
        !take_text(&fields, info->epoch, sizeof(info->epoch)) ||
        !take_text(&fields, info->proxy_id, sizeof(info->proxy_id)) || fields.length != 0)
        return corrupt(err, "the header is malformed");
    return true;
}

static bool take_journal_header(struct slice *journal, uint64_t *version,
                                char epoch[static LOCAL_COPY_EPOCH_BYTES], struct error *err)
{
    const char *start = journal->at;
    if (!take_magic(journal, SLICE(LOCAL_COPY_JOURNAL_MAGIC), version, err))
        return false;
    if (!take_text(journal, epoch, LOCAL_COPY_EPOCH_BYTES))
        return corrupt(err, "the header is malformed");
    return take_checksum(journal, start, err);
}

/* --- records -------------------------------------------------------------------------------- */

static bool parse_record(struct slice *records, bool may_be_gone, local_copy_visit_fn *visit,
                         void *context)
{
    uint64_t kind, name_length, byte_count;
    struct slice name, bytes;
    if (!take_number(records, 1, &kind) || !take_number(records, 2, &name_length) ||
        !take_number(records, 4, &byte_count) || !take_bytes(records, (size_t)name_length, &name) ||
        !take_bytes(records, (size_t)byte_count, &bytes))
        return false;

    bool is_gone = may_be_gone && (kind & LOCAL_COPY_GONE) != 0;
    if (is_gone)
        kind -= LOCAL_COPY_GONE;
    if ((kind != POINTSMAN__V1__OBJECT_KIND__OBJECT_KIND_ROUTE &&
         kind != POINTSMAN__V1__OBJECT_KIND__OBJECT_KIND_BACKEND) ||
        (is_gone && byte_count > 0))
        return false;
    visit(context, (Pointsman__V1__ObjectKind)kind, name, is_gone, bytes);
    return true;
}

/* --- the base ------------------------------------------------------------------------------- */

bool local_copy_take_block(struct slice *base, struct local_copy_block *block, bool *is_end,
                           uint64_t *object_count, struct error *err)
{
    uint64_t length;
    if (!take_number(base, 4, &length) || !take_number(base, 8, &block->checksum))
        return corrupt(err, "the file is cut off");
    *is_end = length == 0;
    if (!*is_end)
        return (length <= LOCAL_COPY_BLOCK_MAX &&
                take_bytes(base, (size_t)length, &block->records)) ||
               corrupt(err, "the file is cut off");

    const char *at = base->at;
    if (!take_number(base, 8, object_count) || hash_stable(at, 8) != block->checksum)
        return corrupt(err, "the end is damaged");
    return base->length == 0 || corrupt(err, "there are bytes behind the end");
}

bool local_copy_parse_block(const struct local_copy_block *block, local_copy_visit_fn *visit,
                            void *context, uint64_t *object_count, struct error *err)
{
    struct slice left = block->records;
    if (hash_stable(left.at, left.length) != block->checksum)
        return corrupt(err, "a block's checksum is wrong");
    for (; left.length > 0; ++*object_count) {
        if (!parse_record(&left, false, visit, context))
            return corrupt(err, "a record is malformed");
    }
    return true;
}

bool local_copy_parse(struct slice base, struct local_copy_info *info, local_copy_visit_fn *visit,
                      void *context, struct error *err)
{
    struct local_copy_block block;
    bool is_end = false;
    uint64_t expected_count = 0;

    if (!local_copy_take_header(&base, info, err))
        return false;
    for (;;) {
        if (!local_copy_take_block(&base, &block, &is_end, &expected_count, err))
            return false;
        if (is_end)
            return info->object_count == expected_count || corrupt(err, "objects are missing");
        if (!local_copy_parse_block(&block, visit, context, &info->object_count, err))
            return false;
    }
}

/* --- the journal ---------------------------------------------------------------------------- */

struct group {
    uint64_t revision_before, digest_before;
    uint64_t revision, digest;
    struct slice records;
};

enum group_state {
    GROUP_WHOLE,
    GROUP_TORN,    /* the last append did not come to its end: the journal ends before it */
    GROUP_CORRUPT, /* this cannot have been written so */
};

static bool is_all_zero(struct slice bytes)
{
    for (size_t i = 0; i < bytes.length; i++) {
        if (bytes.at[i] != '\0')
            return false;
    }
    return true;
}

/* Each group is synced before the next is appended, so a crash can only have damaged the last: it
 * stops short, or parts of it never reached the disk, which then reads as zeros. */
static enum group_state take_group(struct slice *journal, struct group *group)
{
    struct slice head;
    const char *start = journal->at;
    uint64_t length, records_checksum, head_checksum;
    if (!take_bytes(journal, LOCAL_COPY_GROUP_HEAD_BYTES, &head))
        return GROUP_TORN;
    if (is_all_zero(head))
        return GROUP_TORN;

    take_number(&head, 4, &length);
    take_number(&head, 8, &group->revision_before);
    take_number(&head, 8, &group->digest_before);
    take_number(&head, 8, &group->revision);
    take_number(&head, 8, &group->digest);
    take_number(&head, 8, &records_checksum);
    uint64_t expected = hash_stable(start, (size_t)(head.at - start));
    take_number(&head, 8, &head_checksum);
    if (head_checksum != expected)
        return GROUP_CORRUPT;

    if (!take_bytes(journal, (size_t)length, &group->records))
        return GROUP_TORN;
    if (hash_stable(group->records.at, group->records.length) != records_checksum)
        return journal->length == 0 ? GROUP_TORN : GROUP_CORRUPT;
    return GROUP_WHOLE;
}

static bool leads_on(const struct group *group, const struct local_copy_info *info)
{
    return group->revision_before == info->revision && group->digest_before == info->digest;
}

struct older_visit {
    local_copy_visit_fn *visit;
    void *context;
};

static void visit_older(void *context, Pointsman__V1__ObjectKind kind, struct slice name,
                        bool deleted, struct slice bytes)
{
    const struct older_visit *older = context;
    shared_name_change(kind, name, deleted, bytes, older->visit, older->context);
}

static bool apply_group(const struct group *group, uint64_t version, struct local_copy_info *info,
                        local_copy_visit_fn *visit, void *context)
{
    struct slice left = group->records;
    struct older_visit older = {visit, context};
    bool has_ids = version >= LOCAL_COPY_VERSION_IDS;
    while (left.length > 0) {
        if (!parse_record(&left, true, has_ids ? visit : visit_older, has_ids ? context : &older))
            return false;
    }
    info->revision = group->revision;
    info->digest = group->digest;
    return true;
}

/* A new base is put in place before its journal: so a journal may begin before the base does, and
 * what stands in it up to there is passed over; or it may go with an earlier base altogether. */
bool local_copy_parse_journal(struct slice journal, struct local_copy_info *info,
                              local_copy_visit_fn *visit, void *context, struct error *err)
{
    const char *start = journal.at;
    char epoch[LOCAL_COPY_EPOCH_BYTES];
    uint64_t version;
    info->journal_bytes = 0;
    if (journal.length == 0)
        return true;
    if (!take_journal_header(&journal, &version, epoch, err))
        return error_prefix(err, "journal: ");
    info->is_older = info->is_older || version < LOCAL_COPY_VERSION;
    if (strcmp(epoch, info->epoch) != 0)
        return true;

    bool has_begun = false;
    bool ends_here = true; /* what was read ends where `info` stands */
    size_t used = (size_t)(journal.at - start);
    while (journal.length > 0) {
        struct group group;
        enum group_state state = take_group(&journal, &group);
        if (state == GROUP_TORN)
            break;
        if (state == GROUP_CORRUPT)
            return corrupt(err, "journal: a checksum is wrong");
        if (has_begun && !leads_on(&group, info))
            return corrupt(err, "journal: a group is missing");
        has_begun = has_begun || leads_on(&group, info);
        if (has_begun && !apply_group(&group, version, info, visit, context))
            return corrupt(err, "journal: a record is malformed");
        ends_here = group.revision == info->revision && group.digest == info->digest;
        used = (size_t)(journal.at - start);
    }
    if (ends_here)
        info->journal_bytes = used;
    return true;
}
