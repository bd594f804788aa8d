#include "proxy/http/memory_pool.h"

#include "common/buffer.h"

#include <stdlib.h>
#include <string.h>

enum { STEP_BYTES = 64, LARGE = MEMORY_POOL_SIZES };

/* In front of what is lent, which is aligned as malloc would. */
struct piece {
    union {
        unsigned size; /* LARGE, or which spares it is one of */
        max_align_t alignment;
    };
};

static size_t bytes_of(unsigned size)
{
    return ((size_t)size + 1) * STEP_BYTES;
}

static unsigned size_for(size_t bytes)
{
    return bytes <= bytes_of(LARGE - 1) ? (unsigned)((bytes - 1) / STEP_BYTES) : LARGE;
}

static struct piece *piece_of(void *memory)
{
    return (struct piece *)memory - 1;
}

void memory_pool_init(struct memory_pool *pool)
{
    for (unsigned size = 0; size < MEMORY_POOL_SIZES; size++)
        spares_init(&pool->sizes[size], bytes_of(size));
}

void memory_pool_clear(struct memory_pool *pool)
{
    for (unsigned size = 0; size < MEMORY_POOL_SIZES; size++)
        spares_clear(&pool->sizes[size]);
}

bool memory_pool_trim(struct memory_pool *pool)
{
    bool are_left = false;
    for (unsigned size = 0; size < MEMORY_POOL_SIZES; size++)
        are_left |= spares_trim(&pool->sizes[size]);
    return are_left;
}

void *memory_pool_allocate(size_t bytes, void *context)
{
    struct memory_pool *pool = context;
    size_t whole = sizeof(struct piece) + bytes;
    unsigned size = size_for(whole);
    struct piece *piece = size == LARGE ? memory_allocate(whole) : spares_take(&pool->sizes[size]);
    piece->size = size;
    return piece + 1;
}

void *memory_pool_allocate_zeroed(size_t count, size_t bytes, void *context)
{
    size_t all;
    if (__builtin_mul_overflow(count, bytes, &all))
        abort();
    return memset(memory_pool_allocate(all, context), 0, all);
}

void memory_pool_free(void *memory, void *context)
{
    struct memory_pool *pool = context;
    if (memory == NULL)
        return;
    struct piece *piece = piece_of(memory);
    if (piece->size == LARGE)
        free(piece);
    else
        spares_give(&pool->sizes[piece->size], piece);
}

void *memory_pool_reallocate(void *memory, size_t bytes, void *context)
{
    if (memory == NULL)
        return memory_pool_allocate(bytes, context);
    struct piece *piece = piece_of(memory);
    size_t whole = sizeof(struct piece) + bytes;
    if (piece->size == LARGE) {
        piece = memory_reallocate(piece, whole);
        return piece + 1;
    }
    size_t room = bytes_of(piece->size) - sizeof(struct piece);
    if (bytes <= room)
        return memory;
    void *moved = memory_pool_allocate(bytes, context);
    memcpy(moved, memory, room);
    memory_pool_free(memory, context);
    return moved;
}
