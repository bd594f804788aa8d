#include "tests/unit/proxy/routing/fields_text.h"

#include "common/buffer.h"
#include "tests/unit/cmocka_all.h"

void fields_assert(const struct header_list *fields, const char *expected)
{
    struct buffer text = BUFFER_EMPTY;
    for (size_t i = 0; i < fields->count; i++) {
        if (fields->tags[i].is_dropped)
            continue;
        buffer_append_slice(&text, fields->headers[i].name);
        buffer_append_string(&text, "=");
        buffer_append_slice(&text, fields->headers[i].value);
        buffer_append_string(&text, ";");
    }
    assert_string_equal(buffer_string(&text), expected);
    buffer_clear(&text);
}
