/* Response parser: bytes from an upstream to a response head, strictly.
 *
 * An upstream is not trusted more than a client: what can be read in two ways is refused (the
 * client is answered 502). Slices point into the caller's buffer; nothing is allocated.
 *
 * Threads: none shared. */
#ifndef PROXY_HTTP_RESPONSE_PARSER_H
#define PROXY_HTTP_RESPONSE_PARSER_H

#include "proxy/http/field_parser.h"
#include "proxy/http/message_framing.h"
#include "proxy/routing/header_list.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { RESPONSE_HEAD_BYTES_DEFAULT = 65536, RESPONSE_HEADERS_DEFAULT = 256 };

/* The request that is being answered, as far as it matters here. */
struct response_context {
    bool is_head;         /* the method was HEAD */
    bool asked_websocket; /* a WebSocket handshake was forwarded: 101 is allowed */
};

struct parsed_response {
    uint16_t status; /* 100 to 599 */
    struct slice reason;
    struct header_list fields;

    size_t head_bytes;         /* the body, or after a 1xx the next head, starts here */
    enum body_framing framing; /* after a 101 until close: what follows is no HTTP any more */
    /* For BODY_LENGTH; for HEAD and 304 what the body would have had, to be passed on. */
    uint64_t content_length;
    bool has_content_length;
    uint8_t minor_version; /* of HTTP/2: 1 */
    bool is_http2;
    bool keep_alive;       /* the connection may be used again after the body */
    bool is_informational; /* 1xx but not 101: another head follows */
};

struct response_parser {
    struct parsed_response response; /* valid after DONE, as long as the buffer */
    enum refusal refusal;            /* after REFUSED */

    /* the parser's own */
    struct response_context context;
    bool has_status_line;
    unsigned websocket_upgrades;
    unsigned websocket_accepts;
    struct field_parser lines;
    struct message_framing framing;
    const char *base;
};

/* `fields` names the arrays to fill; its capacity is the limit of headers. */
void response_parser_init(struct response_parser *parser, size_t head_limit_bytes,
                          struct header_list fields, struct response_context context);

/* Reads on. `at` holds all bytes from the start of the head, `length` of them, never fewer than
 * in the call before; the buffer may have moved since then. */
enum parse_result response_parser_feed(struct response_parser *parser, const char *at,
                                       size_t length);

#endif
