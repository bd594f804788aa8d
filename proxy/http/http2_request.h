/* HTTP/2 request: a request's head as the fields of a stream (RFC 9113 section 8.3.1).
 *
 * Threads: any. */
#ifndef PROXY_HTTP_HTTP2_REQUEST_H
#define PROXY_HTTP_HTTP2_REQUEST_H

#include "common/arena.h"
#include "common/decimal.h"
#include "proxy/http/request_parser.h"

#include <stdbool.h>
#include <stddef.h>

enum { HTTP2_REQUEST_OWN_FIELDS = 7 };

/* What is written anew. The rest are request->fields that are not dropped. */
struct http2_request {
    struct header own[HTTP2_REQUEST_OWN_FIELDS]; /* pseudo-header fields first */
    size_t own_count;
    bool has_body;
    char digits[DECIMAL_BYTES];
};

/* Borrows from all of them. `is_secured`: so the connection is. `authority` is for a request that
 * names none: HTTP/1.0 allows that, HTTP/2 does not. A WebSocket handshake becomes an extended
 * CONNECT (RFC 8441 section 5), whose body is what the client says once it is open. */
void http2_request_make(struct http2_request *made, const struct parsed_request *request,
                        bool is_secured, struct slice authority, struct arena *arena);

#endif
