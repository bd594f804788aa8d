/* Huge regions: memory of the size of a huge page of x86-64 and AArch64, and aligned as one, so
 * that the kernel can back it with one, and that what a piece belongs to follows from its address.
 *
 * Threads: any. */
#ifndef COMMON_HUGE_REGION_H
#define COMMON_HUGE_REGION_H

#include <stdint.h>

enum { HUGE_REGION_BITS = 21, HUGE_REGION_BYTES = 1 << HUGE_REGION_BITS };

/* Zeroed, in small pages as yet; aborts when there is no memory. */
void *huge_region_map(void);
void huge_region_unmap(void *region);

/* Where the region begins in which this lies. */
static inline void *huge_region_of(const void *piece)
{
    return (void *)((uintptr_t)piece & ~(uintptr_t)(HUGE_REGION_BYTES - 1)); // NOLINT
}

#endif
