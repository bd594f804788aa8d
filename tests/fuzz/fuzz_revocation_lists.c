/* A file of lists of revoked certificates. Each that is read has an issuer and an end, and none is
 * read of what was refused. */
#include "proxy/http/revocation_lists.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct revocation_lists lists;
    bool is_read = revocation_lists_parse(slice_of((const char *)data, size), &lists, NULL);
    if (is_read != (lists.count > 0))
        abort();
    for (size_t i = 0; i < lists.count; i++) {
        if (lists.items[i].list == NULL || lists.items[i].issuer == NULL ||
            lists.items[i].next_update_s < revocation_lists_end_s(&lists))
            abort();
    }
    revocation_lists_clear(&lists);
    return 0;
}
