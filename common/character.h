/* Character: which bytes may stand where.
 *
 * Threads: any; constant data. */
#ifndef COMMON_CHARACTER_H
#define COMMON_CHARACTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum character_class {
    CHARACTER_TOKEN = 1,      /* RFC 9110 section 5.6.2 */
    CHARACTER_DIGIT = 2,      /* 0-9 */
    CHARACTER_HEX = 4,        /* 0-9, a-f, A-F */
    CHARACTER_UNRESERVED = 8, /* RFC 3986 section 2.3 */
    CHARACTER_TARGET = 16,    /* 0x21 to 0x7e, but neither '#' nor '\' */
    CHARACTER_PATH = 32,      /* the same without '?', '%' and '.': means nothing in a path */
    CHARACTER_HOST = 64,      /* letters, digits, '-', '.', '_' */
};

extern const uint8_t character_classes[256];

static inline bool character_is(char c, unsigned classes)
{
    return (character_classes[(unsigned char)c] & classes) != 0;
}

/* How many of the first `length` bytes come before the first that may not stand in a token. */
size_t character_token_span(const char *at, size_t length);

/* How many of them come before the first control character that is not a tab. */
size_t character_text_span(const char *at, size_t length);

/* Of a digit that is CHARACTER_HEX. */
static inline unsigned character_hex_value(char c)
{
    return c <= '9' ? (unsigned)(c - '0') : (unsigned)((c | 0x20) - 'a') + 10;
}

/* The byte that two digits stand for, as behind a '%'; -1 when one of them is not CHARACTER_HEX. */
static inline int character_hex_byte(const char *digits)
{
    if (!character_is(digits[0], CHARACTER_HEX) || !character_is(digits[1], CHARACTER_HEX))
        return -1;
    return (int)(character_hex_value(digits[0]) << 4 | character_hex_value(digits[1]));
}

#endif
