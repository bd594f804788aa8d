#include "common/arena.h"

#include "common/buffer.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One block for each allocation: there are few, and a sanitizer sees each. */
struct arena_block {
    struct arena_block *older;
    max_align_t bytes[];
};

void *arena_allocate(struct arena *arena, size_t bytes)
{
    struct arena_block *block = memory_allocate_zeroed(1, sizeof(*block) + bytes);
    block->older = arena->newest;
    arena->newest = block;
    return block->bytes;
}

char *arena_string(struct arena *arena, const char *from, size_t length)
{
    char *copy = arena_allocate(arena, length + 1);
    if (length > 0)
        memcpy(copy, from, length);
    return copy;
}

char *arena_printf(struct arena *arena, const char *format, ...)
{
    va_list arguments;
    va_list again;
    va_start(arguments, format);
    va_copy(again, arguments);

    int length = vsnprintf(NULL, 0, format, arguments);
    size_t bytes = (size_t)(length < 0 ? 0 : length) + 1;
    char *text = arena_allocate(arena, bytes);
    vsnprintf(text, bytes, format, again);

    va_end(again);
    va_end(arguments);
    return text;
}

void *arena_grow(struct arena *arena, void *items, size_t count, size_t item_bytes)
{
    /* Full whenever the count is a power of two. */
    if ((count & (count - 1)) != 0)
        return items;
    void *grown = arena_allocate(arena, (count == 0 ? 1 : 2 * count) * item_bytes);
    if (count > 0)
        memcpy(grown, items, count * item_bytes);
    return grown;
}

void arena_clear(struct arena *arena)
{
    while (arena->newest != NULL) {
        struct arena_block *block = arena->newest;
        arena->newest = block->older;
        free(block);
    }
}
