/* The local copy is read at every start; whatever stands in its files must not do more than be
 * refused. The checksums keep a fuzzer out, so a second pass fixes them first. An input is taken as
 * a base and as the journal of one. */
#include "common/buffer.h"
#include "common/hash.h"
#include "proxy/local_copy_format.h"
#include "proxy/local_copy_read.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

static void touch(void *context, Pointsman__V1__ObjectKind kind, struct slice name, bool deleted,
                  struct slice bytes)
{
    uint64_t *sum = context;
    *sum += deleted;
    *sum += hash_stable(name.at, name.length) + hash_stable(bytes.at, bytes.length) + kind;
}

static void parse(const char *bytes, size_t length)
{
    struct local_copy_info info;
    struct error err;
    uint64_t sum = 0;
    local_copy_parse(slice_of(bytes, length), &info, touch, &sum, &err);

    /* The base that the corpus's journals go with. */
    info = (struct local_copy_info){.epoch = "e", .revision = 1, .digest = 1};
    local_copy_parse_journal(slice_of(bytes, length), &info, touch, &sum, &err);
}

static uint64_t number_at(const char *bytes, size_t count)
{
    uint64_t number = 0;
    struct slice from = slice_of(bytes, count);
    take_number(&from, count, &number);
    return number;
}

static void set_checksum(char *to, const char *bytes, size_t length)
{
    uint64_t checksum = hash_stable(bytes, length);
    for (size_t i = 0; i < 8; i++)
        to[i] = (char)(unsigned char)(checksum >> (8 * i));
}

/* Each walks the file as its reader does and puts the right checksums in. */
static void fix_journal(char *bytes, size_t length)
{
    size_t at = LOCAL_COPY_MAGIC_BYTES + 6;
    if (length < at)
        return;
    uint64_t epoch = number_at(bytes + at - 2, 2);
    if (epoch > length - at || length - at - epoch < 8)
        return;
    at += epoch;
    set_checksum(bytes + at, bytes, at);
    at += 8;

    while (length - at >= LOCAL_COPY_GROUP_HEAD_BYTES) {
        char *head = bytes + at;
        uint64_t records = number_at(head, 4);
        at += LOCAL_COPY_GROUP_HEAD_BYTES;
        if (records <= length - at)
            set_checksum(head + LOCAL_COPY_GROUP_HEAD_BYTES - 16, bytes + at, (size_t)records);
        set_checksum(head + LOCAL_COPY_GROUP_HEAD_BYTES - 8, head, LOCAL_COPY_GROUP_HEAD_BYTES - 8);
        if (records > length - at)
            return;
        at += records;
    }
}

static void fix_base(char *bytes, size_t length)
{
    size_t at = LOCAL_COPY_MAGIC_BYTES + 8;
    if (length < at)
        return;
    uint64_t fields = number_at(bytes + at - 4, 4);
    if (fields > length - at || length - at - fields < 8)
        return;
    at += fields;
    set_checksum(bytes + at, bytes, at);
    at += 8;

    while (length - at >= 12) {
        uint64_t block = number_at(bytes + at, 4);
        uint64_t covered = block == 0 ? 8 : block;
        if (covered > length - at - 12)
            return;
        set_checksum(bytes + at + 4, bytes + at + 12, (size_t)covered);
        at += 12 + (size_t)covered;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    parse((const char *)data, size);

    char *copy = memory_allocate(size);
    if (size > 0)
        memcpy(copy, data, size);
    if (size >= LOCAL_COPY_MAGIC_BYTES &&
        memcmp(copy, LOCAL_COPY_JOURNAL_MAGIC, LOCAL_COPY_MAGIC_BYTES) == 0)
        fix_journal(copy, size);
    else
        fix_base(copy, size);
    parse(copy, size);
    free(copy);
    return 0;
}
