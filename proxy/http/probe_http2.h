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
    PROBE_ANSWER_STATUS, /* there is one */
    PROBE_ANSWER_BROKEN, /* it is not HTTP/2, or too much of it */
};

/* Puts GET `path` of `authority` into `output`. */
struct probe_http2 *probe_http2_new(struct slice path, struct slice authority, bool is_secured,
                                    struct buffer *output);
/* Harmless on NULL. */
void probe_http2_free(struct probe_http2 *probe);

/* Takes what was received; what is to be sent goes to `output`. */
enum probe_answer probe_http2_take(struct probe_http2 *probe, struct slice bytes,
                                   struct buffer *output);

/* After PROBE_ANSWER_STATUS. */
unsigned probe_http2_status(const struct probe_http2 *probe);

#endif
