#include "proxy/http/memory_pool.h"

#include "common/buffer.h"

#include <stdlib.h>
#include <string.h>

enum { STEP_BYTES = 64, LARGE = MEMORY_POOL_SIZES };

/* Of each size; more goes back to the system. Under AddressSanitizer all does, so that it sees who
 * uses what was given back. */
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define KEPT_BYTES 0
#endif
#endif
#ifndef KEPT_BYTES
#define KEPT_BYTES (64 * 1024)
#endif

/* In front of what is lent, which is aligned as malloc would. */
struct memory_pool_piece {
    union {
        struct memory_pool_piece *next; /* while it is kept */
        unsigned size;                  /* while it is lent: LARGE, or it is kept then */
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

static struct memory_pool_piece *piece_of(void *memory)
{
    return (struct memory_pool_piece *)memory - 1;
}

void memory_pool_clear(struct memory_pool *pool)
{
    for (unsigned size = 0; size < MEMORY_POOL_SIZES; size++) {
        while (pool->kept[size] != NULL) {
            struct memory_pool_piece *piece = pool->kept[size];
            pool->kept[size] = piece->next;
            free(piece);
        }
    }
}

void *memory_pool_allocate(size_t bytes, void *context)
{
    struct memory_pool *pool = context;
    size_t whole = sizeof(struct memory_pool_piece) + bytes;
    unsigned size = size_for(whole);
    struct memory_pool_piece *piece;
    if (size == LARGE) {
        piece = memory_allocate(whole);
    } else if (pool->kept[size] != NULL) {
        piece = pool->kept[size];
        pool->kept[size] = piece->next;
        pool->count[size]--;
    } else {
        piece = memory_allocate(bytes_of(size));
    }
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
    struct memory_pool_piece *piece = piece_of(memory);
    unsigned size = piece->size;
    if (size == LARGE || (pool->count[size] + 1) * bytes_of(size) > KEPT_BYTES) {
        free(piece);
        return;
    }
    piece->next = pool->kept[size];
    pool->kept[size] = piece;
    pool->count[size]++;
}

void *memory_pool_reallocate(void *memory, size_t bytes, void *context)
{
    if (memory == NULL)
        return memory_pool_allocate(bytes, context);
    struct memory_pool_piece *piece = piece_of(memory);
    size_t whole = sizeof(struct memory_pool_piece) + bytes;
    if (piece->size == LARGE) {
        piece = memory_reallocate(piece, whole);
        return piece + 1;
    }
    size_t room = bytes_of(piece->size) - sizeof(struct memory_pool_piece);
    if (bytes <= room)
        return memory;
    void *moved = memory_pool_allocate(bytes, context);
    memcpy(moved, memory, room);
    memory_pool_free(memory, context);
    return moved;
}
