/* Slice: bytes that live somewhere else. Not terminated, may hold any byte.
 *
 * Threads: none shared. */
#ifndef COMMON_SLICE_H
#define COMMON_SLICE_H

#include "common/word.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct slice {
    const char *at; /* may be NULL when length is 0 */
    size_t length;
};

/* A string literal, or a char array with a terminator, as a slice. */
#define SLICE(literal) ((struct slice){.at = (literal), .length = sizeof(literal) - 1})

static inline struct slice slice_of(const char *at, size_t length)
{
    return (struct slice){.at = at, .length = length};
}

static inline struct slice slice_from_string(const char *string)
{
    return slice_of(string, strlen(string));
}

static inline bool slice_equals(struct slice a, struct slice b)
{
    return a.length == b.length && (a.length == 0 || memcmp(a.at, b.at, a.length) == 0);
}

/* slice_equals of texts that are mostly short and that nobody has read for long. The C library's
 * memcmp reads a whole vector, and so waits for the line behind, too, when a text ends near the end
 * of one. */
static inline bool slice_equals_far(struct slice a, struct slice b)
{
    enum { SHORT_MAX = 64 };
    if (a.length != b.length)
        return false;
    if (a.length > SHORT_MAX)
        return memcmp(a.at, b.at, a.length) == 0;
    if (a.length < sizeof(uint64_t))
        return word_read_tail(a.at, a.length) == word_read_tail(b.at, b.length);
    for (size_t i = 0; i + sizeof(uint64_t) < a.length; i += sizeof(uint64_t)) {
        if (word_read(a.at + i) != word_read(b.at + i))
            return false;
    }
    size_t last = a.length - sizeof(uint64_t);
    return word_read(a.at + last) == word_read(b.at + last);
}

static inline bool slice_has_prefix(struct slice text, struct slice prefix)
{
    return text.length >= prefix.length &&
           (prefix.length == 0 || memcmp(text.at, prefix.at, prefix.length) == 0);
}

/* ASCII only: names of headers and hosts, never paths. */
bool slice_equals_ignoring_case(struct slice a, struct slice b);

/* UTF-8 that was cut to fit somewhere, without the character that lost its end. */
struct slice slice_whole_characters(struct slice text);

/* memcmp order; a prefix sorts first. */
int slice_compare(struct slice a, struct slice b);

/* Lower-case for ASCII letters, everything else as it is; no locale. */
static inline char ascii_lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

/* The same of eight characters at once, in any order. */
static inline uint64_t ascii_lower_word(uint64_t word)
{
    const uint64_t ones = UINT64_C(0x0101010101010101);
    uint64_t low_bits = word & 0x7f * ones;
    uint64_t from_a = low_bits + (0x80 - 'A') * ones;
    uint64_t behind_z = low_bits + (0x7f - 'Z') * ones;
    uint64_t is_upper = from_a & ~behind_z & ~word & 0x80 * ones;
    return word | is_upper >> 2;
}

static inline char ascii_upper(char c)
{
    return c >= 'a' && c <= 'z' ? (char)(c & ~0x20) : c;
}

#endif
