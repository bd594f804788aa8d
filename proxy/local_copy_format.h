/* Local copy format: how objects lie in the two files; see local_copy.h.
 *
 * The base holds all objects at one revision:
 *
 *   header   magic "pointsmn", u32 format version, u32 length of what follows
 *            u64 revision, u64 digest, u64 written_ms, u16 + epoch, u16 + proxy id
 *            u64 checksum of all of it
 *   block    u32 length, u64 checksum, then records; a record never crosses blocks
 *   end      u32 0, u64 checksum of the count, u64 count of objects
 *
 * The journal holds what changed since, in groups that each lead from one revision to a later one:
 *
 *   header   magic "pointsjl", u32 format version, u16 + epoch, u64 checksum of all of it
 *   group    u32 length of the records, u64 revision and u64 digest before them, the same after
 *            them, u64 checksum of the records, u64 checksum of all of it; then the records
 *
 *   record   u8 kind, u16 length of name, u32 length of bytes, name, bytes; in a journal the
 *            highest bit of the kind says that the object is gone. The name of a route is its
 *            id (proto/route_id.h); in version 1 just a name, of whichever kind
 *
 * Numbers are little-endian, checksums hash_stable. *Stored: a change needs a new version.*
 *
 * Threads: none shared. */
#ifndef PROXY_LOCAL_COPY_FORMAT_H
#define PROXY_LOCAL_COPY_FORMAT_H

#include "common/buffer.h"
#include "common/hash.h"
#include "proto/messages.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define LOCAL_COPY_MAGIC "pointsmn"
#define LOCAL_COPY_JOURNAL_MAGIC "pointsjl"
#define LOCAL_COPY_JOURNAL_SUFFIX ".journal"

enum {
    LOCAL_COPY_VERSION = 2, /* of both files; the first is read too */
    LOCAL_COPY_VERSION_IDS = 2,
    LOCAL_COPY_MAGIC_BYTES = 8,
    /* A block is handed on when it has reached this; one object may make it longer. */
    LOCAL_COPY_BLOCK_BYTES = 256 * 1024,
    LOCAL_COPY_BLOCK_MAX = 64 * 1024 * 1024,
    LOCAL_COPY_HEADER_MAX = 4096,
    LOCAL_COPY_GROUP_HEAD_BYTES = 4 + 6 * 8,
    LOCAL_COPY_GONE = 0x80,
};

static inline void put_number(struct buffer *to, uint64_t value, size_t bytes)
{
    char *at = buffer_reserve(to, bytes);
    for (size_t i = 0; i < bytes; i++)
        at[i] = (char)(unsigned char)(value >> (8 * i));
    buffer_extend(to, bytes);
}

/* A text with its length in front. */
static inline void put_text(struct buffer *to, const char *text)
{
    put_number(to, strlen(text), 2);
    buffer_append_string(to, text);
}

/* The checksum of everything in the buffer. */
static inline void put_checksum(struct buffer *to)
{
    put_number(to, hash_stable(to->at, to->length), 8);
}

static inline void put_record(struct buffer *to, Pointsman__V1__ObjectKind kind, struct slice name,
                              bool deleted, struct slice bytes)
{
    put_number(to, (unsigned)kind | (deleted ? LOCAL_COPY_GONE : 0), 1);
    put_number(to, name.length, 2);
    put_number(to, bytes.length, 4);
    buffer_append_slice(to, name);
    buffer_append_slice(to, bytes);
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
