#include "common/buffer.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { FIRST_CAPACITY = 256 };

static void *check(void *memory)
{
    if (memory == NULL) {
        fputs("out of memory\n", stderr);
        abort();
    }
    return memory;
}

void *memory_allocate(size_t bytes)
{
    return check(malloc(bytes == 0 ? 1 : bytes));
}

/* Up to this size the C library keeps what a thread frees for that thread alone, but calloc does
 * not look there: for what comes and goes with each connection malloc is several times as fast. */
enum { QUICK_BYTES = 1024 };

void *memory_allocate_zeroed(size_t count, size_t bytes)
{
    if (count == 1 && bytes <= QUICK_BYTES)
        return memset(memory_allocate(bytes), 0, bytes);
    return check(calloc(count == 0 ? 1 : count, bytes == 0 ? 1 : bytes));
}

void *memory_reallocate(void *old, size_t bytes)
{
    return check(realloc(old, bytes == 0 ? 1 : bytes));
}

char *memory_duplicate_string(const char *string)
{
    return check(strdup(string));
}

char *memory_duplicate_slice(struct slice slice)
{
    char *copy = memory_allocate(slice.length + 1);
    if (slice.length > 0)
        memcpy(copy, slice.at, slice.length);
    copy[slice.length] = '\0';
    return copy;
}

void *memory_allocate_aligned(size_t alignment, size_t bytes)
{
    return check(aligned_alloc(alignment, bytes == 0 ? alignment : bytes));
}

void buffer_clear(struct buffer *buffer)
{
    if (buffer->at != NULL)
        free(buffer->at - buffer->consumed);
    *buffer = BUFFER_EMPTY;
}

char *buffer_make_room(struct buffer *buffer, size_t bytes)
{
    /* Content moves to the front when that alone makes the room; growing doubles. */
    char *base = buffer->at == NULL ? NULL : buffer->at - buffer->consumed;
    if (buffer->consumed > 0) {
        memmove(base, buffer->at, buffer->length);
        buffer->consumed = 0;
        buffer->at = base;
    }
    if (base == NULL || buffer->capacity - buffer->length < bytes) {
        size_t capacity = buffer->capacity == 0 ? FIRST_CAPACITY : buffer->capacity;
        while (capacity - buffer->length < bytes)
            capacity *= 2;
        base = memory_reallocate(base, capacity);
        buffer->capacity = capacity;
        buffer->at = base;
    }
    return buffer->at + buffer->length;
}

void buffer_append(struct buffer *buffer, const void *bytes, size_t length)
{
    if (length == 0)
        return;
    memcpy(buffer_reserve(buffer, length), bytes, length);
    buffer->length += length;
}

void buffer_append_slice(struct buffer *buffer, struct slice slice)
{
    buffer_append(buffer, slice.at, slice.length);
}

void buffer_append_string(struct buffer *buffer, const char *string)
{
    buffer_append(buffer, string, strlen(string));
}

void buffer_append_char(struct buffer *buffer, char c)
{
    *buffer_reserve(buffer, 1) = c;
    buffer->length++;
}

void buffer_printf(struct buffer *buffer, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    va_list again;
    va_copy(again, arguments);

    int needed = vsnprintf(NULL, 0, format, arguments);
    if (needed > 0) {
        char *room = buffer_reserve(buffer, (size_t)needed + 1);
        vsnprintf(room, (size_t)needed + 1, format, again);
        buffer->length += (size_t)needed;
    }
    va_end(again);
    va_end(arguments);
}

void buffer_consume(struct buffer *buffer, size_t bytes)
{
    if (bytes >= buffer->length) {
        buffer_reset(buffer);
        return;
    }
    buffer->at += bytes;
    buffer->consumed += bytes;
    buffer->length -= bytes;
}

void buffer_reset(struct buffer *buffer)
{
    if (buffer->at != NULL)
        buffer->at -= buffer->consumed;
    buffer->consumed = 0;
    buffer->length = 0;
}

const char *buffer_string(struct buffer *buffer)
{
    *buffer_reserve(buffer, 1) = '\0';
    return buffer->at;
}
