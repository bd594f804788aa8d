/* HTTP/2 endpoint: a player that speaks HTTP/2 as the test says, frame by frame.
 *
 * Threads: one. */
#ifndef TESTS_UNIT_PROXY_HTTP_HTTP2_ENDPOINT_H
#define TESTS_UNIT_PROXY_HTTP_HTTP2_ENDPOINT_H

#include "tests/support/http2_frames.h"
#include "tests/unit/proxy/http/stage.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct http2_endpoint {
    struct player player;
    struct http2_coder coder;
    struct buffer fields; /* of the head that came last */
    uint32_t stream;      /* of the frame that came last */
    uint8_t flags;
    uint32_t number;
};

/* For cmocka's set-up: a stage whose endpoint speaks HTTP/2. stage_tear_down ends it. */
int http2_endpoint_set_up(void **state);

/* The next connection to endpoint `index`; both sides say their SETTINGS. */
struct http2_endpoint http2_endpoint_accept(struct stage *stage, size_t index);
/* The same, with a setting. */
struct http2_endpoint http2_endpoint_accept_saying(struct stage *stage, size_t index,
                                                   enum http2_setting setting, uint32_t value);
/* The same, but the endpoint says nothing yet. */
struct http2_endpoint http2_endpoint_accept_silently(struct stage *stage, size_t index);
void http2_endpoint_close(struct http2_endpoint *endpoint);

/* Waits for the next frame of this type; others are passed over, but for DATA and HEADERS, which
 * must not come then. */
void http2_endpoint_expect(struct http2_endpoint *endpoint, enum http2_frame_type type);
/* A request's head; returns its stream. */
uint32_t http2_endpoint_expect_head(struct http2_endpoint *endpoint);
/* Bytes of a request's body on `stream`, in frames of any size, and whether the stream ends. */
void http2_endpoint_expect_data(struct http2_endpoint *endpoint, uint32_t stream, const char *text,
                                bool is_end);
/* All bytes of a request's body on `stream`, up to its end; appended. */
void http2_endpoint_read_body(struct http2_endpoint *endpoint, uint32_t stream, struct buffer *to);
/* RST_STREAM of `stream`. */
void http2_endpoint_expect_reset(struct http2_endpoint *endpoint, uint32_t stream, uint32_t error);

void http2_endpoint_send_head(struct http2_endpoint *endpoint, uint32_t stream, bool is_end,
                              const char *fields);
void http2_endpoint_send_data(struct http2_endpoint *endpoint, uint32_t stream, bool is_end,
                              const char *text);
/* The same of any bytes, in frames that everyone takes. */
void http2_endpoint_send_bytes(struct http2_endpoint *endpoint, uint32_t stream,
                               struct slice bytes);
void http2_endpoint_send_reset(struct http2_endpoint *endpoint, uint32_t stream, uint32_t error);
void http2_endpoint_send_goaway(struct http2_endpoint *endpoint, uint32_t last_stream);
/* What was put there with http2_put_*; empties it. */
void http2_endpoint_send(struct http2_endpoint *endpoint, struct buffer *frames);

#endif
