#include "proxy/http/http2_frame_walk.h"

#include <string.h>

enum { PREFACE_BYTES = 24, TYPE_DATA = 0 };

void http2_frame_walk_start(struct http2_frame_walk *walk, bool has_preface)
{
    *walk = (struct http2_frame_walk){.payload_left = has_preface ? PREFACE_BYTES : 0};
}

static uint32_t big_endian(const uint8_t *at, size_t count)
{
    uint32_t value = 0;
    for (size_t i = 0; i < count; i++)
        value = value << 8 | at[i];
    return value;
}

static size_t at_most(size_t most, size_t count)
{
    return count < most ? count : most;
}

/* Length, type, flags, and a stream's number behind a bit that is reserved. */
static bool take_head(struct http2_frame_walk *walk, const uint8_t *head,
                      struct http2_data_head *found)
{
    walk->head_length = 0;
    walk->payload_left = big_endian(head, 3);
    if (head[3] != TYPE_DATA)
        return false;
    found->length = walk->payload_left;
    found->stream_id = (int32_t)(big_endian(head + 5, 4) & 0x7fffffff);
    return true;
}

/* A head that comes in several parts is put together. Returns it when it is there, or NULL. */
static const uint8_t *gather_head(struct http2_frame_walk *walk, struct slice bytes, size_t *used)
{
    const uint8_t *at = (const uint8_t *)bytes.at + *used;
    size_t count = at_most(HTTP2_FRAME_HEAD_BYTES - walk->head_length, bytes.length - *used);
    *used += count;
    if (count == HTTP2_FRAME_HEAD_BYTES)
        return at;
    memcpy(walk->head + walk->head_length, at, count);
    walk->head_length += (uint8_t)count;
    return walk->head_length == HTTP2_FRAME_HEAD_BYTES ? walk->head : NULL;
}

size_t http2_frame_walk_to_data(struct http2_frame_walk *walk, struct slice bytes,
                                struct http2_data_head *found)
{
    *found = (struct http2_data_head){0};
    size_t used = 0;
    while (used < bytes.length) {
        size_t skipped = at_most(walk->payload_left, bytes.length - used);
        walk->payload_left -= (uint32_t)skipped;
        used += skipped;

        const uint8_t *head = gather_head(walk, bytes, &used);
        if (head != NULL && take_head(walk, head, found))
            break;
    }
    return used;
}
