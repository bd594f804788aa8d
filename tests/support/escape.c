#include "tests/support/escape.h"

void escape_bytes(struct buffer *to, const char *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)bytes[i];
        if (c >= 0x20 && c < 0x7f)
            buffer_append_char(to, (char)c);
        else
            buffer_printf(to, "\\x%02x", c);
    }
    buffer_string(to);
}
