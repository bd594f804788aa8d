#include "common/huge_region.h"

#include <stddef.h>
#include <stdlib.h>
#include <sys/mman.h>

/* Twice as much has an aligned part; the rest goes back. */
void *huge_region_map(void)
{
    char *at = mmap(NULL, 2 * (size_t)HUGE_REGION_BYTES, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (at == MAP_FAILED)
        abort(); /* as when memory runs out */
    size_t before = -(uintptr_t)at & (HUGE_REGION_BYTES - 1);
    if (before > 0)
        munmap(at, before);
    munmap(at + before + HUGE_REGION_BYTES, HUGE_REGION_BYTES - before);
    return at + before;
}

void huge_region_unmap(void *region)
{
    munmap(region, HUGE_REGION_BYTES);
}
