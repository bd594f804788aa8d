#include "proxy/http/line_memory.h"

#include "common/buffer.h"
#include "common/cache_line.h"
#include "common/huge_region.h"
#include "common/sanitizers.h"

#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* Newer than the C library's headers. */
#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25
#endif

enum {
    MOST_BYTES = HUGE_REGION_BYTES / 4 * 3, /* of which one huge page is made */
    PIECE_MAX = 4096,
    CLASSES = PIECE_MAX / CACHE_LINE_BYTES,
};

struct free_piece {
    struct free_piece *next;
};

/* It begins with its own description, so what a piece belongs to follows from its address. */
struct line_region {
    struct line_region *next;
    struct line_region *previous;
    struct free_piece *free[CLASSES]; /* by lines; the last one that was given back first */
    size_t used;                      /* pieces */
    size_t fresh;                     /* offset of what was never given out */
    bool is_huge;
};

static unsigned class_of(size_t bytes)
{
    assert(bytes > 0 && bytes <= PIECE_MAX && bytes % CACHE_LINE_BYTES == 0);
    return (unsigned)(bytes / CACHE_LINE_BYTES - 1);
}

/* --- regions --------------------------------------------------------------------------------- */

static void link_first(struct line_memory *memory, struct line_region *region)
{
    region->previous = NULL;
    region->next = memory->regions;
    if (memory->regions != NULL)
        memory->regions->previous = region;
    memory->regions = region;
}

static void unlink_region(struct line_memory *memory, struct line_region *region)
{
    if (region->previous != NULL)
        region->previous->next = region->next;
    else
        memory->regions = region->next;
    if (region->next != NULL)
        region->next->previous = region->previous;
}

static struct line_region *add_region(struct line_memory *memory)
{
    struct line_region *region = huge_region_map();
    size_t header = sizeof(*region) + CACHE_LINE_BYTES - 1;
    region->fresh = header - header % CACHE_LINE_BYTES;
    link_first(memory, region);
    memory->unused_count++;
    return region;
}

static void remove_region(struct line_memory *memory, struct line_region *region)
{
    assert(region->used == 0);
    unlink_region(memory, region);
    memory->unused_count--;
    huge_region_unmap(region);
}

/* --- pieces ---------------------------------------------------------------------------------- */

static void make_huge_when_used(struct line_region *region)
{
    if (region->is_huge || region->fresh < MOST_BYTES)
        return;
    region->is_huge = true;
    madvise(region, HUGE_REGION_BYTES, MADV_COLLAPSE);
}

static void *take(struct line_memory *memory, struct line_region *region, size_t bytes)
{
    struct free_piece **kept = &region->free[class_of(bytes)];
    void *piece = *kept;
    if (piece != NULL) {
        *kept = (*kept)->next;
    } else {
        if (HUGE_REGION_BYTES - region->fresh < bytes)
            return NULL;
        piece = (char *)region + region->fresh;
        region->fresh += bytes;
        make_huge_when_used(region);
    }
    if (region->used++ == 0)
        memory->unused_count--;
    return piece;
}

static void *take_anywhere(struct line_memory *memory, size_t bytes)
{
    for (struct line_region *region = memory->regions; region != NULL; region = region->next) {
        void *piece = take(memory, region, bytes);
        if (piece == NULL)
            continue;
        if (region != memory->regions) {
            unlink_region(memory, region);
            link_first(memory, region);
        }
        return piece;
    }
    return take(memory, add_region(memory), bytes);
}

/* Under AddressSanitizer all comes from the system, so that it sees who uses what was given back.
 */
void *line_memory_allocate(struct line_memory *memory, size_t bytes)
{
    void *piece = IS_ADDRESS_SANITIZED ? memory_allocate_aligned(CACHE_LINE_BYTES, bytes)
                                       : take_anywhere(memory, bytes);
    return memset(piece, 0, bytes);
}

void line_memory_free(struct line_memory *memory, void *piece, size_t bytes)
{
    if (IS_ADDRESS_SANITIZED) {
        free(piece);
        return;
    }
    struct line_region *region = huge_region_of(piece);
    struct free_piece *free_piece = piece;
    struct free_piece **kept = &region->free[class_of(bytes)];
    free_piece->next = *kept;
    *kept = free_piece;
    if (--region->used > 0)
        return;
    memory->unused_count++;
    if (memory->unused_count > 1)
        remove_region(memory, region);
}

void line_memory_clear(struct line_memory *memory)
{
    while (memory->regions != NULL)
        remove_region(memory, memory->regions);
}
