/* HTTP/2 frames: one end of a connection, written and read frame by frame, right or wrong (RFC 9113
 * section 4). No I/O: bytes are put into a buffer and taken from one.
 *
 * Heads are text: ":status: 200\ncontent-type: text/plain\n".
 *
 * Threads: none shared. */
#ifndef TESTS_SUPPORT_HTTP2_FRAMES_H
#define TESTS_SUPPORT_HTTP2_FRAMES_H

#include "common/buffer.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum http2_frame_type {
    HTTP2_FRAME_DATA = 0,
    HTTP2_FRAME_HEADERS = 1,
    HTTP2_FRAME_PRIORITY = 2,
    HTTP2_FRAME_RST_STREAM = 3,
    HTTP2_FRAME_SETTINGS = 4,
    HTTP2_FRAME_PUSH_PROMISE = 5,
    HTTP2_FRAME_PING = 6,
    HTTP2_FRAME_GOAWAY = 7,
    HTTP2_FRAME_WINDOW_UPDATE = 8,
    HTTP2_FRAME_CONTINUATION = 9,
};

enum http2_frame_flag {
    HTTP2_FLAG_ACK = 0x1,
    HTTP2_FLAG_END_STREAM = 0x1,
    HTTP2_FLAG_END_HEADERS = 0x4,
    HTTP2_FLAG_PADDED = 0x8,
    HTTP2_FLAG_PRIORITY = 0x20,
};

enum http2_setting {
    HTTP2_SETTING_MAX_CONCURRENT_STREAMS = 3,
    HTTP2_SETTING_INITIAL_WINDOW_SIZE = 4,
    HTTP2_SETTING_ENABLE_CONNECT_PROTOCOL = 8, /* RFC 8441 section 3 */
};

/* What a client says first, before its SETTINGS. */
#define HTTP2_FRAMES_PREFACE SLICE("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")

/* Both tables of a connection's HPACK. */
struct http2_coder {
    struct nghttp2_hd_deflater *deflater;
    struct nghttp2_hd_inflater *inflater;
};

void http2_coder_init(struct http2_coder *coder);
void http2_coder_clear(struct http2_coder *coder);

/* --- writing --------------------------------------------------------------------------------- */

void http2_put_frame(struct buffer *to, uint8_t type, uint8_t flags, uint32_t stream,
                     struct slice payload);
/* What a client begins with: the preface, and SETTINGS that set nothing. */
void http2_put_preface(struct buffer *to);
/* HEADERS, with END_HEADERS beside `flags`. */
void http2_put_head(struct http2_coder *coder, struct buffer *to, uint32_t stream, uint8_t flags,
                    const char *fields);
/* The same, of any length: in frames that everyone takes (RFC 9113 section 4.2). */
void http2_put_long_head(struct http2_coder *coder, struct buffer *to, uint32_t stream,
                         uint8_t flags, const char *fields);
void http2_put_data(struct buffer *to, uint32_t stream, uint8_t flags, const char *text);
void http2_put_setting(struct buffer *to, uint16_t setting, uint32_t value);
/* RST_STREAM with an error, or WINDOW_UPDATE with an increment. */
void http2_put_number(struct buffer *to, uint8_t type, uint32_t stream, uint32_t number);
void http2_put_goaway(struct buffer *to, uint32_t last_stream, uint32_t error);

/* --- reading --------------------------------------------------------------------------------- */

struct http2_frame {
    uint8_t type;
    uint8_t flags;
    uint32_t stream;
    struct slice payload; /* borrowed until the buffer changes */
};

/* Whether a whole frame is there; http2_drop_frame takes it away. */
bool http2_look_at_frame(const struct buffer *received, struct http2_frame *frame);
void http2_drop_frame(struct buffer *received, const struct http2_frame *frame);

/* Of RST_STREAM, WINDOW_UPDATE; the error of GOAWAY. */
uint32_t http2_frame_number(const struct http2_frame *frame);
/* Of GOAWAY. */
uint32_t http2_frame_last_stream(const struct http2_frame *frame);

/* Appends the fields of HEADERS; each must be read once, in the order they came. False when they
 * are broken. */
bool http2_read_head(struct http2_coder *coder, const struct http2_frame *frame,
                     struct buffer *fields);

#endif
