/* HTTP/2 request reader: the fields of a request to a request head that can be trusted (RFC 9113
 * section 8.3.1).
 *
 * nghttp2 has judged what is malformed: pseudo-header fields that are missing, twice or unknown,
 * Connection and its like, TE but for trailers, names and values with characters that no field may
 * have, :protocol without CONNECT. Everything else is refused by the rules, and the very functions,
 * of HTTP/1: see request_parser.h, whose state this fills.
 *
 * Fields of one head come without anything of another between them, so a connection needs one.
 *
 * Threads: none shared. */
#ifndef PROXY_HTTP_HTTP2_REQUEST_READER_H
#define PROXY_HTTP_HTTP2_REQUEST_READER_H

#include "common/buffer.h"
#include "proxy/http/request_parser.h"

#include <stdbool.h>

/* Starts as zeros. */
struct http2_request_reader {
    struct request_parser *parser; /* of the request being read */
    struct buffer *bytes;          /* what its slices point into */
    enum refusal refusal;          /* the first */
    struct slice target;
    struct slice authority;
    struct slice protocol; /* of an extended CONNECT */
    bool has_authority;
    bool has_protocol;
    struct buffer cookies; /* crumbs joined; RFC 9113 section 8.2.3 */
};

/* A head begins. `parser` is initialised, `bytes` empty; both are kept until the end. */
void http2_request_reader_begin(struct http2_request_reader *reader, struct request_parser *parser,
                                struct buffer *bytes);
void http2_request_reader_clear(struct http2_request_reader *reader);

void http2_request_reader_add(struct http2_request_reader *reader, struct slice name,
                              struct slice value);

/* The head is complete: REFUSAL_NONE and parser->request is filled in, as request_parser_feed does
 * with PARSE_DONE; or why not, and then as far as it was understood. `has_body`: the stream does
 * not end with its head. */
enum refusal http2_request_reader_end(struct http2_request_reader *reader, bool has_body);

#endif
