#include "common/slice.h"

bool slice_equals_ignoring_case(struct slice a, struct slice b)
{
    if (a.length != b.length)
        return false;
    size_t i = 0;
    for (; a.length - i >= sizeof(uint64_t); i += sizeof(uint64_t)) {
        if (ascii_lower_word(word_read(a.at + i)) != ascii_lower_word(word_read(b.at + i)))
            return false;
    }
    for (; i < a.length; i++) {
        if (ascii_lower(a.at[i]) != ascii_lower(b.at[i]))
            return false;
    }
    return true;
}

struct slice slice_whole_characters(struct slice text)
{
    size_t begun = text.length;
    size_t most = text.length < 4 ? text.length : 4;
    for (size_t back = 1; back <= most; back++) {
        unsigned char byte = (unsigned char)text.at[text.length - back];
        if ((byte & 0xc0) == 0x80)
            continue; /* the inside of a character */
        size_t needed = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 1;
        if (needed > back)
            begun = text.length - back;
        break;
    }
    return slice_of(text.at, begun);
}

int slice_compare(struct slice a, struct slice b)
{
    size_t shared = a.length < b.length ? a.length : b.length;
    int order = shared == 0 ? 0 : memcmp(a.at, b.at, shared);
    if (order != 0)
        return order;
    return a.length == b.length ? 0 : (a.length < b.length ? -1 : 1);
}
