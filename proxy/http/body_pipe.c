#include "proxy/http/body_pipe.h"

#include <assert.h>

/* What a buffer may keep of its allocation from one request to the next. */
enum { RETAINED_BYTES = 32 * 1024 };

static void recycle(struct buffer *buffer)
{
    if (buffer->capacity > RETAINED_BYTES)
        buffer_clear(buffer);
    else
        buffer_reset(buffer);
}

void body_pipe_reset(struct body_pipe *body)
{
    recycle(&body->bytes);
    recycle(&body->trailers);
    body->taken = 0;
    body->keep_limit = 0;
    body->total = 0;
    body->is_ended = false;
}

void body_pipe_clear(struct body_pipe *body)
{
    buffer_clear(&body->bytes);
    buffer_clear(&body->trailers);
}

void body_pipe_append(struct body_pipe *body, struct slice bytes)
{
    buffer_append_slice(&body->bytes, bytes);
    body->total += bytes.length;
}

void body_pipe_extend(struct body_pipe *body, size_t length)
{
    buffer_extend(&body->bytes, length);
    body->total += length;
}

static bool made_room(const struct body_pipe *body, size_t before)
{
    size_t low = BODY_PIPE_LOW_BYTES - body->withheld / 2;
    size_t after = body->bytes.length;
    return (before > low && after <= low) || (after == 0 && before > 0 && !body->is_ended);
}

static bool drop(struct body_pipe *body, size_t length)
{
    size_t before = body->bytes.length;
    buffer_consume(&body->bytes, length);
    return made_room(body, before);
}

bool body_pipe_take(struct body_pipe *body, size_t length)
{
    assert(length <= body->bytes.length - body->taken);
    body->taken += length;
    if (body->taken <= body->keep_limit)
        return false;
    return body_pipe_stop_keeping(body);
}

bool body_pipe_move(struct body_pipe *body, struct buffer *to)
{
    assert(body->taken == 0 && body->keep_limit == 0);
    *to = body->bytes;
    body->bytes = BUFFER_EMPTY;
    return made_room(body, to->length);
}

void body_pipe_rewind(struct body_pipe *body)
{
    assert(body_pipe_can_rewind(body));
    body->taken = 0;
}

void body_pipe_give(struct body_pipe *body, struct body_pipe *to)
{
    assert(body_pipe_can_rewind(body) && to->bytes.length == 0 && to->is_ended);
    buffer_clear(&to->bytes);
    to->bytes = body->bytes;
    to->taken = 0;
    body->bytes = BUFFER_EMPTY;
    body->taken = 0;
}

bool body_pipe_stop_keeping(struct body_pipe *body)
{
    size_t taken = body->taken;
    body->taken = 0;
    body->keep_limit = 0;
    return drop(body, taken);
}
