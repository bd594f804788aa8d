#include "proxy/http/read_buffers.h"

#include <assert.h>

void read_buffers_clear(struct read_buffers *buffers)
{
    while (buffers->count > 0)
        buffer_clear(&buffers->kept[--buffers->count]);
    while (buffers->large_count > 0)
        buffer_clear(&buffers->kept_large[--buffers->large_count]);
    while (buffers->head_count > 0)
        buffer_clear(&buffers->kept_for_heads[--buffers->head_count]);
}

static void lend(struct buffer *kept, unsigned *count, size_t bytes, struct buffer *buffer)
{
    if (*count > 0)
        *buffer = kept[--*count];
    else
        *buffer = (struct buffer){.at = memory_allocate(bytes), .capacity = bytes};
}

void read_buffers_lend(struct read_buffers *buffers, struct buffer *buffer)
{
    if (buffer->at == NULL)
        lend(buffers->kept, &buffers->count, READ_BUFFER_BYTES, buffer);
}

void read_buffers_lend_large(struct read_buffers *buffers, struct buffer *buffer)
{
    assert(buffer->length == 0);
    if (buffer->capacity >= LARGE_READ_BUFFER_BYTES)
        return;
    read_buffers_return(buffers, buffer);
    lend(buffers->kept_large, &buffers->large_count, LARGE_READ_BUFFER_BYTES, buffer);
}

void read_buffers_lend_for_head(struct read_buffers *buffers, struct buffer *buffer)
{
    if (buffer->at == NULL)
        lend(buffers->kept_for_heads, &buffers->head_count, HEAD_BUFFER_BYTES, buffer);
}

void read_buffers_lend_room(struct read_buffers *buffers, struct buffer *buffer, size_t bytes)
{
    size_t needed = buffer->length + bytes;
    if (needed <= buffer->capacity)
        return;
    struct buffer wider = BUFFER_EMPTY;
    if (needed <= HEAD_BUFFER_BYTES)
        read_buffers_lend_for_head(buffers, &wider);
    else if (needed <= READ_BUFFER_BYTES)
        read_buffers_lend(buffers, &wider);
    else
        read_buffers_lend_large(buffers, &wider);
    buffer_append_slice(&wider, buffer_slice(buffer));
    read_buffers_return(buffers, buffer);
    *buffer = wider;
}

static void take_back(struct buffer *kept, unsigned *count, unsigned most, struct buffer *buffer)
{
    if (*count == most) {
        buffer_clear(buffer);
        return;
    }
    buffer_reset(buffer);
    kept[(*count)++] = *buffer;
    *buffer = BUFFER_EMPTY;
}

void read_buffers_return(struct read_buffers *buffers, struct buffer *buffer)
{
    if (buffer->capacity == READ_BUFFER_BYTES)
        take_back(buffers->kept, &buffers->count, READ_BUFFERS_KEPT, buffer);
    else if (buffer->capacity == LARGE_READ_BUFFER_BYTES)
        take_back(buffers->kept_large, &buffers->large_count, LARGE_READ_BUFFERS_KEPT, buffer);
    else if (buffer->capacity == HEAD_BUFFER_BYTES)
        take_back(buffers->kept_for_heads, &buffers->head_count, HEAD_BUFFERS_KEPT, buffer);
    else
        buffer_clear(buffer);
}
