/* Probe HTTP/2: the one request of a health check on a connection of HTTP/2. No I/O: bytes come in,
 * bytes go out.
 *
 * Threads: health. */
#ifndef PROXY_HTTP_PROBE_HTTP2_H
#define PROXY_HTTP_PROBE_HTTP2_H

#include "common/buffer.h"

#include <stdbool.h>

struct probe_http2;

enum probe_answer {
    PROBE_ANSWER_MORE,   /* needed */
    PROBE_ANSWER_STATUS, /* there is one; of a call that got 200, its end as well */
    PROBE_ANSWER_BROKEN, /* it is not HTTP/2, or too much of it */
};

/* Puts GET `path` of `authority` into `output`. */
struct probe_http2 *probe_http2_new(struct slice path, struct slice authority, bool is_secured,
                                    struct buffer *output);
/* Puts a call of gRPC there, whose messages are `body`. */
struct probe_http2 *probe_http2_new_call(struct slice path, struct slice authority, bool is_secured,
                                         struct slice body, struct buffer *output);
/* Harmless on NULL. */
void probe_http2_free(struct probe_http2 *probe);

/* Takes what was received; what is to be sent goes to `output`. */
enum probe_answer probe_http2_take(struct probe_http2 *probe, struct slice bytes,
                                   struct buffer *output);

/* After PROBE_ANSWER_STATUS. */
unsigned probe_http2_status(const struct probe_http2 *probe);
/* The same of a call: its grpc-status, length 0 when there was none, and its body, or one byte more
 * of it than its answer may have. Borrowed from the probe. */
struct slice probe_http2_grpc_status(const struct probe_http2 *probe);
struct slice probe_http2_body(const struct probe_http2 *probe);

#endif
