/* Memory pool: small pieces that are needed for a moment, many for each request; spares of many
 * sizes.
 *
 * The functions are those of malloc with the pool behind their arguments, as nghttp2_mem wants
 * them; they abort when there is no memory.
 *
 * Threads: worker. */
#ifndef PROXY_HTTP_MEMORY_POOL_H
#define PROXY_HTTP_MEMORY_POOL_H

#include "proxy/http/spares.h"

#include <stdbool.h>
#include <stddef.h>

/* Multiples of 64 bytes, up to 1 KiB. */
enum { MEMORY_POOL_SIZES = 16 };

struct memory_pool {
    struct spares sizes[MEMORY_POOL_SIZES];
};

void memory_pool_init(struct memory_pool *pool);
/* Those that are lent stay with their borrowers, to be given back to the system. */
void memory_pool_clear(struct memory_pool *pool);
/* As spares_trim. */
bool memory_pool_trim(struct memory_pool *pool);

/* `pool` is a struct memory_pool *. */
void *memory_pool_allocate(size_t bytes, void *pool);
void *memory_pool_allocate_zeroed(size_t count, size_t bytes, void *pool);
void *memory_pool_reallocate(void *memory, size_t bytes, void *pool);
void memory_pool_free(void *memory, void *pool);

#endif
