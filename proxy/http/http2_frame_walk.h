/* HTTP/2 frame walk: where the DATA frames are in what the other side sends, which comes in pieces
 * (RFC 9113 sections 3.4 and 4.1).
 *
 * nghttp2 ignores DATA on a closed stream without telling; a caller that hands it no more than one
 * head of DATA at a time can see whether it took that one.
 *
 * Threads: none shared. */
#ifndef PROXY_HTTP_HTTP2_FRAME_WALK_H
#define PROXY_HTTP_HTTP2_FRAME_WALK_H

#include "common/slice.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { HTTP2_FRAME_HEAD_BYTES = 9 };

struct http2_frame_walk {
    uint32_t payload_left; /* of the frame, or of the preface, that has begun */
    uint8_t head_length;   /* of the head, as far as it has come */
    uint8_t head[HTTP2_FRAME_HEAD_BYTES];
};

/* Of a head. */
struct http2_data_head {
    int32_t stream_id; /* 0 also where there is no head */
    uint32_t length;   /* of the payload, padding included */
};

/* Before the first byte: of a client's preface, or of a frame. */
void http2_frame_walk_start(struct http2_frame_walk *walk, bool has_preface);

/* How many of `bytes` there are up to the end of the next head of a DATA frame, which is told; or
 * all of them. */
size_t http2_frame_walk_to_data(struct http2_frame_walk *walk, struct slice bytes,
                                struct http2_data_head *found);

#endif
