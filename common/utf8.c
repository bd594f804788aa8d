#include "common/utf8.h"

#include "common/word.h"

#include <stdint.h>

/* By the first byte: how long a sequence is, and what its second byte may be, which leaves out
 * overlong forms, surrogates and what is beyond U+10FFFF. */
static const struct sequence {
    unsigned char first_low, first_high;
    unsigned char second_low, second_high;
    size_t length;
} sequences[] = {
    {0xc2, 0xdf, 0x80, 0xbf, 2}, {0xe0, 0xe0, 0xa0, 0xbf, 3}, {0xe1, 0xec, 0x80, 0xbf, 3},
    {0xed, 0xed, 0x80, 0x9f, 3}, {0xee, 0xef, 0x80, 0xbf, 3}, {0xf0, 0xf0, 0x90, 0xbf, 4},
    {0xf1, 0xf3, 0x80, 0xbf, 4}, {0xf4, 0xf4, 0x80, 0x8f, 4},
};

static const struct sequence *find_sequence(unsigned char first)
{
    for (size_t i = 0; i < sizeof(sequences) / sizeof(sequences[0]); i++) {
        if (first >= sequences[i].first_low && first <= sequences[i].first_high)
            return &sequences[i];
    }
    return NULL;
}

size_t utf8_character_length(const char *text, size_t left)
{
    const unsigned char *at = (const unsigned char *)text;
    if (at[0] < 0x80)
        return 1;
    const struct sequence *sequence = find_sequence(at[0]);
    if (sequence == NULL || left < sequence->length || at[1] < sequence->second_low ||
        at[1] > sequence->second_high)
        return 0;
    for (size_t i = 2; i < sequence->length; i++) {
        if ((at[i] & 0xc0) != 0x80)
            return 0;
    }
    return sequence->length;
}

static bool is_ascii_word(const char *at)
{
    return (word_read(at) & UINT64_C(0x8080808080808080)) == 0;
}

bool utf8_is_valid(struct slice text)
{
    while (text.length > 0) {
        size_t length = text.length >= 8 && is_ascii_word(text.at)
                            ? 8
                            : utf8_character_length(text.at, text.length);
        if (length == 0)
            return false;
        text.at += length;
        text.length -= length;
    }
    return true;
}
