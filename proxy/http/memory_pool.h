/* Memory pool: small pieces that are needed for a moment, many for each request.
 *
 * Pieces are kept by size when they are given back, and the last one is lent first, so that it is
 * still in the CPU's cache. The functions are those of malloc with the pool behind their arguments,
 * as nghttp2_mem wants them; they abort when there is no memory.
 *
 * Threads: worker. */
#ifndef PROXY_HTTP_MEMORY_POOL_H
#define PROXY_HTTP_MEMORY_POOL_H

#include <stddef.h>

/* Multiples of 64 bytes, up to 1 KiB. */
enum { MEMORY_POOL_SIZES = 16 };

/* Starts as zeros. */
struct memory_pool {
    struct memory_pool_piece *kept[MEMORY_POOL_SIZES];
    unsigned count[MEMORY_POOL_SIZES];
};

/* Those that are lent stay with who has them, to be given back to the system. */
void memory_pool_clear(struct memory_pool *pool);

/* `pool` is a struct memory_pool *. */
void *memory_pool_allocate(size_t bytes, void *pool);
void *memory_pool_allocate_zeroed(size_t count, size_t bytes, void *pool);
void *memory_pool_reallocate(void *memory, size_t bytes, void *pool);
void memory_pool_free(void *memory, void *pool);

#endif
