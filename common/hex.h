/* Hex: numbers as hexadecimal digits.
 *
 * Threads: any. */
#ifndef COMMON_HEX_H
#define COMMON_HEX_H

#include <stdint.h>
#include <string.h>

/* Eight digits, the lowest first. Without a loop: each half byte goes to a byte of its own, and
 * those above 9 are moved on to the letters. */
static inline void hex_write(char to[8], uint32_t bits)
{
    const uint64_t ones = UINT64_C(0x0101010101010101);
    uint64_t halves = bits;
    halves = (halves | halves << 16) & UINT64_C(0x0000ffff0000ffff);
    halves = (halves | halves << 8) & UINT64_C(0x00ff00ff00ff00ff);
    halves = (halves | halves << 4) & (ones * 0x0f);
    uint64_t letters = (halves + ones * 6) >> 4 & ones;
    uint64_t digits = halves + ones * '0' + letters * ('a' - '0' - 10);
    memcpy(to, &digits, sizeof(digits));
}

/* Sixteen. */
static inline void hex_write_word(char to[16], uint64_t bits)
{
    hex_write(to, (uint32_t)bits);
    hex_write(to + 8, (uint32_t)(bits >> 32));
}

enum { PERCENT_ESCAPE_BYTES = 3 };

/* "%2F", as RFC 3986 section 2.1 has it. */
static inline void hex_write_escape(char to[PERCENT_ESCAPE_BYTES], unsigned char byte)
{
    static const char digits[] = "0123456789ABCDEF";
    to[0] = '%';
    to[1] = digits[byte >> 4];
    to[2] = digits[byte & 15];
}

#endif
