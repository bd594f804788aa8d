/* Cache lines: what the CPU fetches from memory at once.
 *
 * Whatever thousands of connections each have a copy of has left the cache before it is needed
 * again. Then each line that a step touches is waited for, so fields that are used together lie
 * together.
 *
 * Threads: any. */
#ifndef COMMON_CACHE_LINE_H
#define COMMON_CACHE_LINE_H

enum { CACHE_LINE_BYTES = 64 };

/* In front of the first member: the struct, and each whole line of it, begins with a line. Its
 * memory must be aligned so. */
#define CACHE_LINE_ALIGNED _Alignas(CACHE_LINE_BYTES)

#endif
