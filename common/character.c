#include "common/character.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

/* What each kind of byte belongs to. */
enum {
    TARGET = CHARACTER_TARGET | CHARACTER_PATH,
    LETTER = CHARACTER_TOKEN | CHARACTER_UNRESERVED | TARGET | CHARACTER_HOST,
    HEX_LETTER = LETTER | CHARACTER_HEX,
    DIGIT = HEX_LETTER | CHARACTER_DIGIT,
    TOKEN_MARK = CHARACTER_TOKEN | TARGET,
};

const uint8_t character_classes[256] = {
    ['!'] = TOKEN_MARK,
    ['"'] = TARGET,
    ['#'] = CHARACTER_TOKEN,
    ['$'] = TOKEN_MARK,
    ['%'] = CHARACTER_TOKEN | CHARACTER_TARGET,
    ['&' ... '\''] = TOKEN_MARK,
    ['(' ... ')'] = TARGET,
    ['*' ... '+'] = TOKEN_MARK,
    [','] = TARGET,
    ['-'] = LETTER,
    ['.'] = LETTER & ~CHARACTER_PATH,
    ['/'] = TARGET,
    ['0' ... '9'] = DIGIT,
    [':' ... '>'] = TARGET,
    ['?'] = CHARACTER_TARGET,
    ['@'] = TARGET,
    ['A' ... 'F'] = HEX_LETTER,
    ['G' ... 'Z'] = LETTER,
    ['['] = TARGET,
    ['\\'] = 0,
    [']'] = TARGET,
    ['^'] = TOKEN_MARK,
    ['_'] = LETTER,
    ['`'] = TOKEN_MARK,
    ['a' ... 'f'] = HEX_LETTER,
    ['g' ... 'z'] = LETTER,
    ['{'] = TARGET,
    ['|'] = TOKEN_MARK,
    ['}'] = TARGET,
    ['~'] = TOKEN_MARK | CHARACTER_UNRESERVED,
};

/* --- spans ----------------------------------------------------------------------------------- */

/* Every byte of every head is looked at by these two, so where the processor can, they take 16 at
 * a time: a set has one bit for each. */
enum { AT_ONCE = 16, ALL_OF_THEM = 0xffff };

#ifdef __SSE2__

static __m128i load(const char *at)
{
    return _mm_loadu_si128((const __m128i *)(const void *)at);
}

static __m128i at_most(__m128i bytes, char limit)
{
    return _mm_cmpeq_epi8(_mm_min_epu8(bytes, _mm_set1_epi8(limit)), bytes);
}

static unsigned set_of(__m128i marks)
{
    return (unsigned)_mm_movemask_epi8(marks);
}

/* Letters and '-': what names are made of, nearly always. */
static unsigned find_name_bytes(const char *at)
{
    __m128i bytes = load(at);
    __m128i lowered = _mm_or_si128(bytes, _mm_set1_epi8(0x20));
    __m128i letters = at_most(_mm_sub_epi8(lowered, _mm_set1_epi8('a')), 'z' - 'a');
    return set_of(_mm_or_si128(letters, _mm_cmpeq_epi8(bytes, _mm_set1_epi8('-'))));
}

static unsigned find_controls(const char *at)
{
    __m128i bytes = load(at);
    __m128i deletes = _mm_cmpeq_epi8(bytes, _mm_set1_epi8(0x7f));
    return set_of(_mm_or_si128(at_most(bytes, 0x1f), deletes));
}

#else

static unsigned find_name_bytes(const char *at)
{
    unsigned set = 0;
    for (unsigned i = 0; i < AT_ONCE; i++)
        set |= (unsigned)character_is(at[i], CHARACTER_TOKEN) << i;
    return set;
}

static unsigned find_controls(const char *at)
{
    unsigned set = 0;
    for (unsigned i = 0; i < AT_ONCE; i++)
        set |= (unsigned)((unsigned char)at[i] < 0x20 || at[i] == 0x7f) << i;
    return set;
}

#endif

size_t character_token_span(const char *at, size_t length)
{
    size_t span = 0;
    while (span < length) {
        if (length - span >= AT_ONCE) {
            unsigned others = find_name_bytes(at + span) ^ ALL_OF_THEM;
            if (others == 0) {
                span += AT_ONCE;
                continue;
            }
            span += (unsigned)__builtin_ctz(others);
        }
        if (!character_is(at[span], CHARACTER_TOKEN))
            return span;
        span++;
    }
    return span;
}

size_t character_text_span(const char *at, size_t length)
{
    size_t span = 0;
    while (span < length) {
        if (length - span >= AT_ONCE) {
            unsigned controls = find_controls(at + span);
            if (controls == 0) {
                span += AT_ONCE;
                continue;
            }
            span += (unsigned)__builtin_ctz(controls);
        }
        if (((unsigned char)at[span] < 0x20 && at[span] != '\t') || at[span] == 0x7f)
            return span;
        span++;
    }
    return span;
}
