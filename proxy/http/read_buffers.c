#include "proxy/http/read_buffers.h"

void read_buffers_clear(struct read_buffers *buffers)
{
    while (buffers->count > 0)
        buffer_clear(&buffers->kept[--buffers->count]);
}

void read_buffers_lend(struct read_buffers *buffers, struct buffer *buffer)
{
    if (buffer->at != NULL)
        return;
    if (buffers->count > 0)
        *buffer = buffers->kept[--buffers->count];
    else
        buffer_reserve(buffer, READ_BUFFER_BYTES);
}

void read_buffers_return(struct read_buffers *buffers, struct buffer *buffer)
{
    if (buffer->capacity != READ_BUFFER_BYTES || buffers->count == READ_BUFFERS_KEPT) {
        buffer_clear(buffer);
        return;
    }
    buffer_reset(buffer);
    buffers->kept[buffers->count++] = *buffer;
    *buffer = BUFFER_EMPTY;
}
