/* Line memory: the things that every connection has, close together.
 *
 * With many connections most of them lie in pages that the CPU's translation cache has forgotten
 * when their turn comes, and to look such a page up takes longer than to fetch a line of it. So
 * these things come from regions of 2 MiB. Once most of a region is in use, the kernel is asked to
 * make one huge page of it (Linux 6.1; before that it stays as it is): a few connections cost no
 * more memory for it. Of regions of which nothing is used any more one is kept, the others are
 * given back.
 *
 * Threads: worker. */
#ifndef PROXY_HTTP_LINE_MEMORY_H
#define PROXY_HTTP_LINE_MEMORY_H

#include <stddef.h>

struct line_region;

/* Starts as zeros. */
struct line_memory {
    struct line_region *regions; /* that which has had room last comes first */
    unsigned unused_count;       /* of regions */
};

/* Everything that came from it must have been given back. */
void line_memory_clear(struct line_memory *memory);

/* Zeroed, at the beginning of a cache line. `bytes`: whole lines, up to 4 KiB, as a struct has that
 * is CACHE_LINE_ALIGNED. */
void *line_memory_allocate(struct line_memory *memory, size_t bytes);
/* `bytes` as it was asked for. */
void line_memory_free(struct line_memory *memory, void *piece, size_t bytes);

#endif
