#include "common/json.h"

void json_append_string(struct buffer *to, struct slice text)
{
    buffer_append_char(to, '"');
    size_t plain_from = 0;
    for (size_t i = 0; i < text.length; i++) {
        unsigned char c = (unsigned char)text.at[i];
        if (c >= 0x20 && c < 0x7f && c != '"' && c != '\\')
            continue;
        buffer_append(to, text.at + plain_from, i - plain_from);
        plain_from = i + 1;
        buffer_printf(to, "\\u%04x", c);
    }
    if (plain_from < text.length)
        buffer_append(to, text.at + plain_from, text.length - plain_from);
    buffer_append_char(to, '"');
}
