/* A PROXY header in front of a connection. Whole or byte by byte, the answer is the same; what is
 * behind a complete header does not change it. */
#include "proxy/http/proxy_header.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

static int are_equal(const struct proxy_header *a, const struct proxy_header *b)
{
    return a->length == b->length && memcmp(&a->source, &b->source, sizeof(a->source)) == 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice all = slice_of((const char *)data, size);
    struct proxy_header whole;
    enum parse_result result = proxy_header_parse(all, &whole);
    if (result == PARSE_DONE &&
        (whole.length == 0 || whole.length > size || whole.length > PROXY_HEADER_MAX_BYTES))
        abort();

    for (size_t length = 0; length <= size; length++) {
        /* In memory of its own, so that reading past the end is seen. */
        char *copy = malloc(length == 0 ? 1 : length);
        if (length > 0)
            memcpy(copy, data, length);
        struct proxy_header part;
        enum parse_result early = proxy_header_parse(slice_of(copy, length), &part);
        free(copy);
        if (early == PARSE_MORE)
            continue;
        if (early != result || (early == PARSE_DONE && !are_equal(&part, &whole)))
            abort();
        return 0;
    }
    if (result != PARSE_MORE)
        abort();
    return 0;
}
