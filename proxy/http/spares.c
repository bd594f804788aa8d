#include "proxy/http/spares.h"

#include "common/buffer.h"

#include <stdlib.h>

void spares_init(struct spares *spares, size_t bytes)
{
    *spares = (struct spares){.bytes = bytes};
}

void spares_clear(struct spares *spares)
{
    while (spares->count > 0)
        free(spares->kept[--spares->count]);
}

void *spares_take(struct spares *spares)
{
    return spares->count > 0 ? spares->kept[--spares->count] : memory_allocate(spares->bytes);
}

void spares_give(struct spares *spares, void *spare)
{
    if (spare == NULL)
        return;
    if (spares->count < SPARES_KEPT)
        spares->kept[spares->count++] = spare;
    else
        free(spare);
}
