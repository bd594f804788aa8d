/* CRC-32 as zip, gzip and zlib have it: whether bytes arrived as they were sent.
 *
 * Threads: any. */
#ifndef COMMON_CRC32_H
#define COMMON_CRC32_H

#include <stddef.h>
#include <stdint.h>

/* The checksum of what had `crc` (0: nothing) with these bytes behind it. */
uint32_t crc32_add(uint32_t crc, const void *bytes, size_t length);

#endif
