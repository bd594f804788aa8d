/* Local copy format: how objects lie in the file; see local_copy.h.
 *
 *   header   magic "pointsmn", u32 format version, u32 length of what follows
 *            u64 revision, u64 digest, u64 written_ms, u16 + epoch, u16 + proxy id
 *            u64 checksum of all of it
 *   block    u32 length, u64 checksum, then records; a record never crosses blocks
 *   record   u8 kind, u16 length of name, u32 length of bytes, name, bytes
 *   end      u32 0, u64 checksum of the count, u64 count of objects
 *
 * Numbers are little-endian, checksums hash_stable. *Stored: a change needs a new version.*
 *
 * Threads: none shared. */
#ifndef PROXY_LOCAL_COPY_FORMAT_H
#define PROXY_LOCAL_COPY_FORMAT_H

#include "common/buffer.h"

#include <stdint.h>

#define LOCAL_COPY_MAGIC "pointsmn"

enum {
    LOCAL_COPY_VERSION = 1,
    LOCAL_COPY_MAGIC_BYTES = 8,
    /* A block is handed on when it has reached this; one object may make it longer. */
    LOCAL_COPY_BLOCK_BYTES = 256 * 1024,
    LOCAL_COPY_BLOCK_MAX = 64 * 1024 * 1024,
    LOCAL_COPY_HEADER_MAX = 4096,
};

static inline void put_number(struct buffer *to, uint64_t value, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        buffer_append_char(to, (char)(unsigned char)(value >> (8 * i)));
}

/* Takes a number off the front; false when `from` is too short. */
static inline bool take_number(struct slice *from, size_t bytes, uint64_t *value)
{
    if (from->length < bytes)
        return false;
    *value = 0;
    for (size_t i = 0; i < bytes; i++)
        *value |= (uint64_t)(unsigned char)from->at[i] << (8 * i);
    *from = slice_of(from->at + bytes, from->length - bytes);
    return true;
}

static inline bool take_bytes(struct slice *from, size_t bytes, struct slice *taken)
{
    if (from->length < bytes)
        return false;
    *taken = slice_of(from->at, bytes);
    *from = slice_of(from->at + bytes, from->length - bytes);
    return true;
}

#endif
