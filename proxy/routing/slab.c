#include "proxy/routing/slab.h"

#include "common/buffer.h"
#include "common/cache_line.h"
#include "common/huge_region.h"
#include "common/mutex.h"
#include "common/round_up.h"
#include "common/sanitizers.h"

#include <malloc.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>

#if IS_ADDRESS_SANITIZED
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(at, bytes) ((void)(at), (void)(bytes))
#define ASAN_UNPOISON_MEMORY_REGION(at, bytes) ((void)(at), (void)(bytes))
#endif

/* A region begins with its own description and that of its pages, so what a piece belongs to
 * follows from its address. Larger pieces, of which there are few, are malloc's; a map with a bit
 * for each 2 MiB of address space (of which only a page or two is ever touched) tells them apart.
 */

enum {
    PAGE_BITS = 15,
    PAGE_BYTES = 1 << PAGE_BITS,
    PAGES = HUGE_REGION_BYTES / PAGE_BYTES,
    ADDRESS_BITS = 47,

    GRAIN = 16,
    FINE_MAX = 512, /* up to here a class for each multiple of a grain */
    MIDDLE_GRAIN = 64,
    MIDDLE_MAX = 2048,
    COARSE_GRAIN = 256,
    PIECE_MAX = 8192,
    FINE_CLASSES = FINE_MAX / GRAIN,
    MIDDLE_CLASSES = (MIDDLE_MAX - FINE_MAX) / MIDDLE_GRAIN,
    CLASSES = FINE_CLASSES + MIDDLE_CLASSES + (PIECE_MAX - MIDDLE_MAX) / COARSE_GRAIN,

    SMALL_REGIONS = 3,     /* so many are not asked to be huge */
    IDLE_PAGES_MAX = 32,   /* of a region; beyond, their memory goes back to the kernel */
    EMPTY_REGIONS_MAX = 1, /* kept for what comes next */
};

/* Pieces of one class. Offsets are counted in grains from the start of the page. */
struct page {
    struct page *next; /* of those of its class with room */
    struct page *previous;
    uint16_t class;
    uint16_t used;       /* pieces */
    uint16_t first_free; /* offset of a piece that was freed, plus one; 0: none */
    uint16_t fresh;      /* offset of what was never given out */
};

struct region {
    struct region *next; /* of those with free pages */
    struct region *previous;
    uint64_t free_pages; /* a bit for each */
    uint64_t idle_pages; /* those of them that may still hold memory */
    struct page pages[PAGES];
};

/* Behind a piece that is free. */
struct free_piece {
    uint16_t next_free; /* as first_free */
};

static struct mutex slab_mutex = {.native = PTHREAD_MUTEX_INITIALIZER};
static struct page *pages_with_room[CLASSES] GUARDED_BY(slab_mutex);
static struct region *regions_with_pages GUARDED_BY(slab_mutex);
static size_t region_count GUARDED_BY(slab_mutex);
static size_t empty_count GUARDED_BY(slab_mutex); /* of regions */

static atomic_uchar region_map[(size_t)1 << (ADDRESS_BITS - HUGE_REGION_BITS - 3)];

/* --- classes -------------------------------------------------------------------------------- */

static unsigned class_of(size_t bytes)
{
    if (bytes <= FINE_MAX)
        return bytes == 0 ? 0 : (unsigned)((bytes - 1) / GRAIN);
    if (bytes <= MIDDLE_MAX)
        return FINE_CLASSES + (unsigned)((bytes - FINE_MAX - 1) / MIDDLE_GRAIN);
    return FINE_CLASSES + MIDDLE_CLASSES + (unsigned)((bytes - MIDDLE_MAX - 1) / COARSE_GRAIN);
}

static size_t class_bytes(unsigned class)
{
    if (class < FINE_CLASSES)
        return (size_t)(class + 1) * GRAIN;
    if (class < FINE_CLASSES + MIDDLE_CLASSES)
        return FINE_MAX + (size_t)(class - FINE_CLASSES + 1) * MIDDLE_GRAIN;
    return MIDDLE_MAX + (size_t)(class - FINE_CLASSES - MIDDLE_CLASSES + 1) * COARSE_GRAIN;
}

/* --- regions -------------------------------------------------------------------------------- */

static bool is_in_region(const void *piece)
{
    uintptr_t number = (uintptr_t)piece >> HUGE_REGION_BITS;
    unsigned byte = atomic_load_explicit(&region_map[number / 8], memory_order_relaxed);
    return (byte >> number % 8 & 1) != 0;
}

static void mark_region(const struct region *region, bool is_there)
{
    uintptr_t number = (uintptr_t)region >> HUGE_REGION_BITS;
    unsigned char bit = (unsigned char)(1U << number % 8);
    if (is_there)
        atomic_fetch_or(&region_map[number / 8], bit);
    else
        atomic_fetch_and(&region_map[number / 8], (unsigned char)~bit);
}

static struct region *region_of(const void *piece)
{
    return huge_region_of(piece);
}

static size_t page_number(const struct page *page)
{
    return (size_t)(page - region_of(page)->pages);
}

static char *page_base(const struct page *page)
{
    return (char *)region_of(page) + page_number(page) * PAGE_BYTES;
}

#if IS_ADDRESS_SANITIZED
/* From malloc, so that the leak checker looks into it. */
static void *map_region(bool is_huge)
{
    (void)is_huge;
    return memory_allocate_aligned(HUGE_REGION_BYTES, HUGE_REGION_BYTES);
}

static void unmap_region(struct region *region)
{
    ASAN_UNPOISON_MEMORY_REGION(region, HUGE_REGION_BYTES);
    free(region);
}
#else
static void *map_region(bool is_huge)
{
    void *region = huge_region_map();
    if (is_huge)
        madvise(region, HUGE_REGION_BYTES, MADV_HUGEPAGE);
    return region;
}

static void unmap_region(struct region *region)
{
    huge_region_unmap(region);
}
#endif

static struct region *new_region(bool is_huge)
{
    struct region *region = map_region(is_huge);
    region->next = region->previous = NULL;
    region->free_pages = UINT64_MAX;
    region->idle_pages = 0;
    mark_region(region, true);
    return region;
}

static void free_region(struct region *region)
{
    if (region == NULL)
        return;
    mark_region(region, false);
    unmap_region(region);
}

static void add_region_locked(struct region *region) REQUIRES(slab_mutex)
{
    region->previous = NULL;
    region->next = regions_with_pages;
    if (region->next != NULL)
        region->next->previous = region;
    regions_with_pages = region;
}

static void remove_region_locked(struct region *region) REQUIRES(slab_mutex)
{
    if (region->previous == NULL)
        regions_with_pages = region->next;
    else
        region->previous->next = region->next;
    if (region->next != NULL)
        region->next->previous = region->previous;
}

/* The pages stay free; their memory comes back, zeroed, when they are written to again. */
static void give_idle_pages_back(struct region *region)
{
    for (size_t i = 1; i < PAGES; i++) { /* the first holds the region's description */
        if ((region->idle_pages >> i & 1) != 0)
            madvise((char *)region + i * PAGE_BYTES, PAGE_BYTES, MADV_DONTNEED);
    }
    region->idle_pages = 0;
}

/* --- pages ---------------------------------------------------------------------------------- */

static void add_page_locked(struct page *page) REQUIRES(slab_mutex)
{
    page->previous = NULL;
    page->next = pages_with_room[page->class];
    if (page->next != NULL)
        page->next->previous = page;
    pages_with_room[page->class] = page;
}

static void remove_page_locked(struct page *page) REQUIRES(slab_mutex)
{
    if (page->previous == NULL)
        pages_with_room[page->class] = page->next;
    else
        page->previous->next = page->next;
    if (page->next != NULL)
        page->next->previous = page->previous;
}

/* A free page for pieces of this class; NULL: no region has any. */
static struct page *take_page_locked(unsigned class) REQUIRES(slab_mutex)
{
    struct region *region = regions_with_pages;
    if (region == NULL)
        return NULL;
    if (region->free_pages == UINT64_MAX)
        empty_count--;

    /* Memory that is there already comes first. */
    uint64_t choice = region->idle_pages != 0 ? region->idle_pages : region->free_pages;
    unsigned number = (unsigned)__builtin_ctzll(choice);
    region->free_pages &= ~(UINT64_C(1) << number);
    region->idle_pages &= ~(UINT64_C(1) << number);
    if (region->free_pages == 0)
        remove_region_locked(region);

    struct page *page = &region->pages[number];
    /* Pieces of whole lines are aligned to lines. */
    size_t start = number == 0 ? round_up(sizeof(struct region), CACHE_LINE_BYTES) / GRAIN : 0;
    *page = (struct page){.class = (uint16_t) class, .fresh = (uint16_t)start};
    add_page_locked(page);
    return page;
}

/* Returns a region that is to be freed, or NULL. */
static struct region *give_page_back_locked(struct page *page) REQUIRES(slab_mutex)
{
    struct region *region = region_of(page);
    uint64_t bit = UINT64_C(1) << page_number(page);
    remove_page_locked(page);
    if (region->free_pages == 0)
        add_region_locked(region);
    region->free_pages |= bit;
    region->idle_pages |= bit;

    if (region->free_pages != UINT64_MAX) {
        if (__builtin_popcountll(region->idle_pages) > IDLE_PAGES_MAX)
            give_idle_pages_back(region);
        return NULL;
    }
    if (empty_count < EMPTY_REGIONS_MAX) {
        empty_count++;
        give_idle_pages_back(region);
        return NULL;
    }
    remove_region_locked(region);
    region_count--;
    return region;
}

/* --- pieces --------------------------------------------------------------------------------- */

static bool has_room(const struct page *page)
{
    return page->first_free != 0 ||
           (size_t)page->fresh * GRAIN + class_bytes(page->class) <= PAGE_BYTES;
}

static void *take_piece_locked(struct page *page, size_t bytes) REQUIRES(slab_mutex)
{
    char *piece;
    if (page->first_free != 0) {
        piece = page_base(page) + (size_t)(page->first_free - 1) * GRAIN;
        ASAN_UNPOISON_MEMORY_REGION(piece, sizeof(struct free_piece));
        page->first_free = ((struct free_piece *)piece)->next_free;
    } else {
        piece = page_base(page) + (size_t)page->fresh * GRAIN;
        page->fresh = (uint16_t)(page->fresh + class_bytes(page->class) / GRAIN);
    }
    ASAN_POISON_MEMORY_REGION(piece, class_bytes(page->class));
    ASAN_UNPOISON_MEMORY_REGION(piece, bytes < GRAIN ? GRAIN : bytes);
    page->used++;
    if (!has_room(page))
        remove_page_locked(page);
    return piece;
}

static void *try_allocate(unsigned class, size_t bytes, bool *is_next_huge)
{
    void *piece = NULL;
    mutex_lock(&slab_mutex);
    struct page *page = pages_with_room[class];
    if (page == NULL)
        page = take_page_locked(class);
    if (page != NULL)
        piece = take_piece_locked(page, bytes);
    *is_next_huge = region_count >= SMALL_REGIONS;
    mutex_unlock(&slab_mutex);
    return piece;
}

void *slab_allocate(size_t bytes)
{
    if (bytes > PIECE_MAX)
        return memory_allocate(bytes);

    bool is_next_huge;
    void *piece;
    while ((piece = try_allocate(class_of(bytes), bytes, &is_next_huge)) == NULL) {
        struct region *region = new_region(is_next_huge);
        mutex_lock(&slab_mutex);
        region_count++;
        empty_count++;
        add_region_locked(region);
        mutex_unlock(&slab_mutex);
    }
    return piece;
}

static struct page *page_of(const void *piece)
{
    struct region *region = region_of(piece);
    return &region->pages[((uintptr_t)piece - (uintptr_t)region) >> PAGE_BITS];
}

void slab_free(void *piece)
{
    if (piece == NULL)
        return;
    if (!is_in_region(piece)) {
        free(piece);
        return;
    }

    struct region *gone = NULL;
    mutex_lock(&slab_mutex);
    struct page *page = page_of(piece);
    bool had_room = has_room(page);
    size_t offset = (size_t)((char *)piece - page_base(page)) / GRAIN;
    ((struct free_piece *)piece)->next_free = page->first_free;
    ASAN_POISON_MEMORY_REGION(piece, class_bytes(page->class));
    page->first_free = (uint16_t)(offset + 1);
    page->used--;
    if (!had_room)
        add_page_locked(page);
    if (page->used == 0)
        gone = give_page_back_locked(page);
    mutex_unlock(&slab_mutex);
    free_region(gone);
}

size_t slab_usable_bytes(const void *piece)
{
    return is_in_region(piece) ? class_bytes(page_of(piece)->class)
                               : malloc_usable_size((void *)piece); // NOLINT: it is only read
}

size_t slab_mapped_bytes(void)
{
    mutex_lock(&slab_mutex);
    size_t count = region_count;
    mutex_unlock(&slab_mutex);
    return count * HUGE_REGION_BYTES;
}
