#include "proxy/http/read_buffers.h"

#include <assert.h>

void read_buffers_init(struct read_buffers *buffers)
{
    spares_init(&buffers->sizes[READ_BUFFER_SMALL], SMALL_BUFFER_BYTES);
    spares_init(&buffers->sizes[READ_BUFFER_FOR_HEAD], HEAD_BUFFER_BYTES);
    spares_init(&buffers->sizes[READ_BUFFER_USUAL], READ_BUFFER_BYTES);
    spares_init(&buffers->sizes[READ_BUFFER_LARGE], LARGE_READ_BUFFER_BYTES);
}

void read_buffers_clear(struct read_buffers *buffers)
{
    for (int size = 0; size < READ_BUFFER_SIZES; size++)
        spares_clear(&buffers->sizes[size]);
}

bool read_buffers_trim(struct read_buffers *buffers)
{
    bool are_left = false;
    for (int size = 0; size < READ_BUFFER_SIZES; size++)
        are_left |= spares_trim(&buffers->sizes[size]);
    return are_left;
}

static void lend(struct spares *spares, struct buffer *buffer)
{
    *buffer = (struct buffer){.at = spares_take(spares), .capacity = spares->bytes};
}

void read_buffers_lend(struct read_buffers *buffers, struct buffer *buffer)
{
    if (buffer->at == NULL)
        lend(&buffers->sizes[READ_BUFFER_USUAL], buffer);
}

void read_buffers_lend_large(struct read_buffers *buffers, struct buffer *buffer)
{
    assert(buffer->length == 0);
    if (buffer->capacity >= LARGE_READ_BUFFER_BYTES)
        return;
    read_buffers_return(buffers, buffer);
    lend(&buffers->sizes[READ_BUFFER_LARGE], buffer);
}

void read_buffers_lend_for_head(struct read_buffers *buffers, struct buffer *buffer)
{
    if (buffer->at == NULL)
        lend(&buffers->sizes[READ_BUFFER_FOR_HEAD], buffer);
}

void read_buffers_lend_room(struct read_buffers *buffers, struct buffer *buffer, size_t bytes)
{
    size_t needed = buffer->length + bytes;
    if (needed <= buffer->capacity)
        return;
    struct spares *enough = buffers->sizes;
    while (enough->bytes < needed && enough < &buffers->sizes[READ_BUFFER_LARGE])
        enough++;
    struct buffer wider;
    lend(enough, &wider);
    buffer_append_slice(&wider, buffer_slice(buffer));
    read_buffers_return(buffers, buffer);
    *buffer = wider;
}

void read_buffers_return(struct read_buffers *buffers, struct buffer *buffer)
{
    for (int size = 0; size < READ_BUFFER_SIZES; size++) {
        if (buffers->sizes[size].bytes != buffer->capacity)
            continue;
        buffer_reset(buffer);
        spares_give(&buffers->sizes[size], buffer->at);
        *buffer = BUFFER_EMPTY;
        return;
    }
    buffer_clear(buffer);
}
