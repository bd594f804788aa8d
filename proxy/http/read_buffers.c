#include "proxy/http/read_buffers.h"

#include <assert.h>

void read_buffers_init(struct read_buffers *buffers)
{
    spares_init(&buffers->small, SMALL_BUFFER_BYTES);
    spares_init(&buffers->heads, HEAD_BUFFER_BYTES);
    spares_init(&buffers->usual, READ_BUFFER_BYTES);
    spares_init(&buffers->large, LARGE_READ_BUFFER_BYTES);
}

void read_buffers_clear(struct read_buffers *buffers)
{
    spares_clear(&buffers->small);
    spares_clear(&buffers->heads);
    spares_clear(&buffers->usual);
    spares_clear(&buffers->large);
}

bool read_buffers_trim(struct read_buffers *buffers)
{
    bool are_left = spares_trim(&buffers->small);
    are_left |= spares_trim(&buffers->heads);
    are_left |= spares_trim(&buffers->usual);
    return spares_trim(&buffers->large) || are_left;
}

static void lend(struct spares *spares, struct buffer *buffer)
{
    *buffer = (struct buffer){.at = spares_take(spares), .capacity = spares->bytes};
}

void read_buffers_lend(struct read_buffers *buffers, struct buffer *buffer)
{
    if (buffer->at == NULL)
        lend(&buffers->usual, buffer);
}

void read_buffers_lend_large(struct read_buffers *buffers, struct buffer *buffer)
{
    assert(buffer->length == 0);
    if (buffer->capacity >= LARGE_READ_BUFFER_BYTES)
        return;
    read_buffers_return(buffers, buffer);
    lend(&buffers->large, buffer);
}

void read_buffers_lend_for_head(struct read_buffers *buffers, struct buffer *buffer)
{
    if (buffer->at == NULL)
        lend(&buffers->heads, buffer);
}

void read_buffers_lend_room(struct read_buffers *buffers, struct buffer *buffer, size_t bytes)
{
    size_t needed = buffer->length + bytes;
    if (needed <= buffer->capacity)
        return;
    struct buffer wider = BUFFER_EMPTY;
    if (needed <= SMALL_BUFFER_BYTES)
        lend(&buffers->small, &wider);
    else if (needed <= HEAD_BUFFER_BYTES)
        read_buffers_lend_for_head(buffers, &wider);
    else if (needed <= READ_BUFFER_BYTES)
        read_buffers_lend(buffers, &wider);
    else
        read_buffers_lend_large(buffers, &wider);
    buffer_append_slice(&wider, buffer_slice(buffer));
    read_buffers_return(buffers, buffer);
    *buffer = wider;
}

static void take_back(struct spares *spares, struct buffer *buffer)
{
    buffer_reset(buffer);
    spares_give(spares, buffer->at);
    *buffer = BUFFER_EMPTY;
}

void read_buffers_return(struct read_buffers *buffers, struct buffer *buffer)
{
    if (buffer->capacity == READ_BUFFER_BYTES)
        take_back(&buffers->usual, buffer);
    else if (buffer->capacity == LARGE_READ_BUFFER_BYTES)
        take_back(&buffers->large, buffer);
    else if (buffer->capacity == SMALL_BUFFER_BYTES)
        take_back(&buffers->small, buffer);
    else if (buffer->capacity == HEAD_BUFFER_BYTES)
        take_back(&buffers->heads, buffer);
    else
        buffer_clear(buffer);
}
