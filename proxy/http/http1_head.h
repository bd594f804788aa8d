/* HTTP/1 heads: a request or a response head as bytes.
 *
 * Threads: any. */
#ifndef PROXY_HTTP_HTTP1_HEAD_H
#define PROXY_HTTP_HTTP1_HEAD_H

#include "common/buffer.h"
#include "proxy/http/request_parser.h"
#include "proxy/http/response_parser.h"

#include <stdbool.h>

/* The head of `request` for an endpoint; framed anew, without what was dropped. */
void http1_head_write_request(struct buffer *to, const struct parsed_request *request);

/* How a response's body is told from what follows it. */
enum response_framing {
    RESPONSE_WITHOUT_BODY, /* HEAD, 1xx, 204, 304 */
    RESPONSE_BY_LENGTH,
    RESPONSE_CHUNKED,
    RESPONSE_UNTIL_CLOSE,
};

/* What is to be said about the connection; HTTP/1.1 and 1.0 have different defaults. */
enum connection_field {
    CONNECTION_UNSAID,
    CONNECTION_CLOSE,
    CONNECTION_KEEP_ALIVE,
    CONNECTION_UPGRADE, /* with a 101: to WebSocket */
};

/* The head of `response` for a client; framed anew, without what was dropped. */
void http1_head_write_response(struct buffer *to, const struct parsed_response *response,
                               enum response_framing framing, enum connection_field connection);

#endif
