#include "proxy/http/spares.h"

#include "common/buffer.h"

#include <assert.h>
#include <stdlib.h>

/* What stands in a spare while it is one. */
struct spare {
    struct spare *next;
};

void spares_init(struct spares *spares, size_t bytes)
{
    assert(bytes >= sizeof(struct spare));
    *spares = (struct spares){.bytes = bytes};
}

static struct spare *pop(struct spares *spares)
{
    struct spare *spare = spares->first;
    spares->first = spare->next;
    spares->count--;
    return spare;
}

static void free_some(struct spares *spares, size_t count)
{
    for (; count > 0; count--)
        free(pop(spares));
}

void spares_clear(struct spares *spares)
{
    free_some(spares, spares->count);
    spares->least = 0;
}

void *spares_take(struct spares *spares)
{
    if (spares->first == NULL)
        return memory_allocate(spares->bytes);
    void *memory = pop(spares);
    if (spares->least > spares->count)
        spares->least = spares->count;
    return memory;
}

void spares_give(struct spares *spares, void *memory)
{
    if (memory == NULL)
        return;
    if (!spares_are_kept(spares->bytes) ||
        (spares->count + 1) * spares->bytes > SPARES_KEPT_BYTES) {
        free(memory);
        return;
    }
    struct spare *spare = memory;
    spare->next = spares->first;
    spares->first = spare;
    spares->count++;
}

bool spares_trim(struct spares *spares)
{
    free_some(spares, spares->least);
    spares->least = spares->count;
    return spares->count > 0;
}
