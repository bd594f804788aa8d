/* Buffer: bytes that grow at the end and are consumed at the front.
 *
 * Running out of memory aborts: no caller checks. Whoever reads from outside bounds what it
 * appends.
 *
 * Threads: none shared. */
#ifndef COMMON_BUFFER_H
#define COMMON_BUFFER_H

#include "common/slice.h"

#include <stddef.h>
#include <stdint.h>

struct buffer {
    char *at;        /* first unread byte; NULL before the first append */
    size_t length;   /* unread bytes */
    size_t consumed; /* bytes in front of `at` in the allocation */
    size_t capacity; /* of the allocation */
};

#define BUFFER_EMPTY ((struct buffer){0})

void buffer_clear(struct buffer *buffer);

/* For buffer_reserve, where there is no room yet. */
char *buffer_make_room(struct buffer *buffer, size_t bytes);

/* Room for `bytes` more behind the content. Returns where to write them; see buffer_extend. */
static inline char *buffer_reserve(struct buffer *buffer, size_t bytes)
{
    size_t used = buffer->consumed + buffer->length;
    if (buffer->at != NULL && buffer->capacity - used >= bytes)
        return buffer->at + buffer->length;
    return buffer_make_room(buffer, bytes);
}

/* Counts `bytes` that were written into reserved room. */
static inline void buffer_extend(struct buffer *buffer, size_t bytes)
{
    buffer->length += bytes;
}

void buffer_append(struct buffer *buffer, const void *bytes, size_t length);
void buffer_append_slice(struct buffer *buffer, struct slice slice);
void buffer_append_string(struct buffer *buffer, const char *string);
void buffer_append_char(struct buffer *buffer, char c);
void buffer_printf(struct buffer *buffer, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Drops `bytes` (at most length) from the front. */
void buffer_consume(struct buffer *buffer, size_t bytes);

/* Drops the content, keeps the allocation. */
void buffer_reset(struct buffer *buffer);

/* The content with a terminator behind it (not counted). Borrowed until the buffer changes. */
const char *buffer_string(struct buffer *buffer);

static inline struct slice buffer_slice(const struct buffer *buffer)
{
    return slice_of(buffer->at, buffer->length);
}

/* malloc, calloc, realloc, strdup and aligned_alloc that abort when there is no memory. */
void *memory_allocate(size_t bytes);
void *memory_allocate_zeroed(size_t count, size_t bytes);
void *memory_reallocate(void *old, size_t bytes);
char *memory_duplicate_string(const char *string);
/* With a terminator behind it. */
char *memory_duplicate_slice(struct slice slice);
/* `alignment` is a power of two, `bytes` a multiple of it. Free with free. */
void *memory_allocate_aligned(size_t alignment, size_t bytes);

#endif
