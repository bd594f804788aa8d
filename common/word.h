/* Word: up to eight bytes of a text as one number.
 *
 * Reads nothing in front of the bytes or behind them.
 *
 * Threads: none shared. */
#ifndef COMMON_WORD_H
#define COMMON_WORD_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

static inline uint64_t word_read(const char *at)
{
    uint64_t word;
    memcpy(&word, at, sizeof(word));
    return word;
}

/* Fewer than eight bytes, without a loop: what is read twice lands in the same place. */
static inline uint64_t word_read_tail(const char *at, size_t length)
{
    const unsigned char *bytes = (const unsigned char *)at;
    if (length >= 4) {
        uint32_t low;
        uint32_t high;
        memcpy(&low, bytes, sizeof(low));
        memcpy(&high, bytes + length - sizeof(high), sizeof(high));
        return low | (uint64_t)high << (8 * (length - sizeof(high)));
    }
    if (length == 0)
        return 0;
    return bytes[0] | (uint64_t)bytes[length / 2] << (8 * (length / 2)) |
           (uint64_t)bytes[length - 1] << (8 * (length - 1));
}

#endif
