/* A chunked body. The first byte says whether there is a limit and where the input is cut in two;
 * the rest is what arrives. The answer must not depend on the pieces. */
#include "common/buffer.h"
#include "tests/fuzz/fuzz.h"
#include "tests/unit/proxy/http/parse_pieces.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    uint64_t body_limit_bytes = (data[0] & 1) != 0 ? 100 : 0;
    struct slice bytes = slice_of((const char *)data + 1, size - 1);
    size_t cut = 1 + data[0] % bytes.length;

    struct buffer whole = BUFFER_EMPTY;
    struct buffer pieces = BUFFER_EMPTY;
    describe_chunks(&whole, bytes, body_limit_bytes, ALL_AT_ONCE);
    describe_chunks(&pieces, bytes, body_limit_bytes, BYTE_BY_BYTE);
    if (!slice_equals(buffer_slice(&whole), buffer_slice(&pieces)))
        abort();
    buffer_reset(&pieces);
    describe_chunks(&pieces, bytes, body_limit_bytes, (struct pieces){cut, SIZE_MAX});
    if (!slice_equals(buffer_slice(&whole), buffer_slice(&pieces)))
        abort();

    buffer_clear(&whole);
    buffer_clear(&pieces);
    return 0;
}
