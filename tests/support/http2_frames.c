#include "tests/support/http2_frames.h"

#include <stdlib.h>
#include <string.h>

#include <nghttp2/nghttp2.h>

enum { FRAME_PAYLOAD_MAX = 16384 };
enum { FRAME_HEAD_BYTES = 9, FIELDS_MAX = 1024, TABLE_BYTES = 4096 };

void http2_coder_init(struct http2_coder *coder)
{
    if (nghttp2_hd_deflate_new(&coder->deflater, TABLE_BYTES) != 0 ||
        nghttp2_hd_inflate_new(&coder->inflater) != 0)
        abort();
}

void http2_coder_clear(struct http2_coder *coder)
{
    nghttp2_hd_deflate_del(coder->deflater);
    nghttp2_hd_inflate_del(coder->inflater);
}

/* --- writing --------------------------------------------------------------------------------- */

static void put_number(struct buffer *to, uint32_t number, unsigned bytes)
{
    while (bytes-- > 0)
        buffer_append_char(to, (char)(number >> (8 * bytes)));
}

void http2_put_frame(struct buffer *to, uint8_t type, uint8_t flags, uint32_t stream,
                     struct slice payload)
{
    put_number(to, (uint32_t)payload.length, 3);
    buffer_append_char(to, (char)type);
    buffer_append_char(to, (char)flags);
    put_number(to, stream, 4);
    buffer_append_slice(to, payload);
}

void http2_put_preface(struct buffer *to)
{
    buffer_append_slice(to, HTTP2_FRAMES_PREFACE);
    http2_put_frame(to, HTTP2_FRAME_SETTINGS, 0, 0, SLICE(""));
}

/* Lines "name: value"; a pseudo-header field begins with the colon that is a part of its name. */
static size_t split_fields(const char *text, nghttp2_nv *fields)
{
    size_t count = 0;
    while (*text != '\0' && count < FIELDS_MAX) {
        const char *colon = strchr(text + 1, ':');
        const char *end = strchr(text, '\n');
        if (colon == NULL || end == NULL || end < colon + 2)
            abort(); /* the test is wrong */
        fields[count++] = (nghttp2_nv){
            .name = (uint8_t *)(uintptr_t)text,
            .namelen = (size_t)(colon - text),
            .value = (uint8_t *)(uintptr_t)(colon + 2),
            .valuelen = (size_t)(end - colon - 2),
        };
        text = end + 1;
    }
    return count;
}

void http2_put_head(struct http2_coder *coder, struct buffer *to, uint32_t stream, uint8_t flags,
                    const char *fields)
{
    nghttp2_nv *list = memory_allocate_zeroed(FIELDS_MAX, sizeof(*list));
    size_t count = split_fields(fields, list);
    size_t bound = nghttp2_hd_deflate_bound(coder->deflater, list, count);
    uint8_t *block = memory_allocate(bound);
    ssize_t length = nghttp2_hd_deflate_hd(coder->deflater, block, bound, list, count);
    if (length < 0)
        abort();
    http2_put_frame(to, HTTP2_FRAME_HEADERS, flags | HTTP2_FLAG_END_HEADERS, stream,
                    slice_of((const char *)block, (size_t)length));
    free(block);
    free(list);
}

void http2_put_long_head(struct http2_coder *coder, struct buffer *to, uint32_t stream,
                         uint8_t flags, const char *fields)
{
    struct buffer whole = BUFFER_EMPTY;
    struct http2_frame head;
    http2_put_head(coder, &whole, stream, flags, fields);
    if (!http2_look_at_frame(&whole, &head))
        abort();
    size_t at = 0;
    do {
        size_t left = head.payload.length - at;
        size_t length = left < FRAME_PAYLOAD_MAX ? left : FRAME_PAYLOAD_MAX;
        http2_put_frame(
            to, at == 0 ? HTTP2_FRAME_HEADERS : HTTP2_FRAME_CONTINUATION,
            (uint8_t)((at == 0 ? flags : 0) | (length == left ? HTTP2_FLAG_END_HEADERS : 0)),
            stream, slice_of(head.payload.at + at, length));
        at += length;
    } while (at < head.payload.length);
    buffer_clear(&whole);
}

void http2_put_data(struct buffer *to, uint32_t stream, uint8_t flags, const char *text)
{
    http2_put_frame(to, HTTP2_FRAME_DATA, flags, stream, slice_from_string(text));
}

void http2_put_setting(struct buffer *to, uint16_t setting, uint32_t value)
{
    struct buffer payload = BUFFER_EMPTY;
    put_number(&payload, setting, 2);
    put_number(&payload, value, 4);
    http2_put_frame(to, HTTP2_FRAME_SETTINGS, 0, 0, buffer_slice(&payload));
    buffer_clear(&payload);
}

void http2_put_number(struct buffer *to, uint8_t type, uint32_t stream, uint32_t number)
{
    struct buffer payload = BUFFER_EMPTY;
    put_number(&payload, number, 4);
    http2_put_frame(to, type, 0, stream, buffer_slice(&payload));
    buffer_clear(&payload);
}

void http2_put_goaway(struct buffer *to, uint32_t last_stream, uint32_t error)
{
    struct buffer payload = BUFFER_EMPTY;
    put_number(&payload, last_stream, 4);
    put_number(&payload, error, 4);
    http2_put_frame(to, HTTP2_FRAME_GOAWAY, 0, 0, buffer_slice(&payload));
    buffer_clear(&payload);
}

/* --- reading --------------------------------------------------------------------------------- */

static uint32_t number_at(const char *at, unsigned bytes)
{
    uint32_t number = 0;
    for (unsigned i = 0; i < bytes; i++)
        number = number << 8 | (uint8_t)at[i];
    return number;
}

bool http2_look_at_frame(const struct buffer *received, struct http2_frame *frame)
{
    if (received->length < FRAME_HEAD_BYTES)
        return false;
    size_t length = number_at(received->at, 3);
    if (received->length < FRAME_HEAD_BYTES + length)
        return false;
    *frame = (struct http2_frame){
        .type = (uint8_t)received->at[3],
        .flags = (uint8_t)received->at[4],
        .stream = number_at(received->at + 5, 4) & 0x7fffffff,
        .payload = slice_of(received->at + FRAME_HEAD_BYTES, length),
    };
    return true;
}

void http2_drop_frame(struct buffer *received, const struct http2_frame *frame)
{
    buffer_consume(received, FRAME_HEAD_BYTES + frame->payload.length);
}

uint32_t http2_frame_number(const struct http2_frame *frame)
{
    size_t before = frame->type == HTTP2_FRAME_GOAWAY ? 4 : 0;
    return frame->payload.length < before + 4 ? 0 : number_at(frame->payload.at + before, 4);
}

uint32_t http2_frame_last_stream(const struct http2_frame *frame)
{
    return frame->payload.length < 4 ? 0 : number_at(frame->payload.at, 4);
}

bool http2_read_head(struct http2_coder *coder, const struct http2_frame *frame,
                     struct buffer *fields)
{
    const uint8_t *at = (const uint8_t *)frame->payload.at;
    size_t left = frame->payload.length;
    for (;;) {
        nghttp2_nv field;
        int flags = 0;
        ssize_t used = nghttp2_hd_inflate_hd2(coder->inflater, &field, &flags, at, left, 1);
        if (used < 0)
            return false;
        at += used;
        left -= (size_t)used;
        if (flags & NGHTTP2_HD_INFLATE_EMIT) {
            buffer_append(fields, field.name, field.namelen);
            buffer_append_string(fields, ": ");
            buffer_append(fields, field.value, field.valuelen);
            buffer_append_char(fields, '\n');
        }
        if (flags & NGHTTP2_HD_INFLATE_FINAL)
            break;
        if (left == 0 && !(flags & NGHTTP2_HD_INFLATE_EMIT))
            return false;
    }
    nghttp2_hd_inflate_end_headers(coder->inflater);
    return true;
}
