/* Request parser: bytes from a client to a request head that can be trusted.
 *
 * Strict and incremental. What it accepts reads the same to everyone: HARDENING's rules hold
 * (proxy/http/request_lint.h), the path is canonical, the body has exactly one framing. Nothing
 * is allocated, or copied but the host: slices point into the caller's buffer, which is written
 * to where the path becomes canonical (it only shrinks).
 *
 * Threads: none shared. */
#ifndef PROXY_HTTP_REQUEST_PARSER_H
#define PROXY_HTTP_REQUEST_PARSER_H

#include "proxy/http/field_parser.h"
#include "proxy/http/message_framing.h"
#include "proxy/http/request_lint.h"
#include "proxy/routing/header_list.h"
#include "proxy/routing/request_head.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct request_limits {
    size_t line_bytes;   /* of the request line; beyond: 414 */
    size_t head_bytes;   /* of everything up to the empty line; beyond: 431 */
    uint64_t body_bytes; /* announced by Content-Length; beyond: 413. 0: no limit */
};

#define REQUEST_LIMITS_DEFAULT                                                                     \
    ((struct request_limits){.line_bytes = 16384, .head_bytes = 65536, .body_bytes = 0})

/* How many headers a request may have, and how many it may be allowed. */
enum { REQUEST_HEADERS_DEFAULT = 100, REQUEST_HEADERS_MAX = 200 };

/* Small things first: an answer looks at these and at the method, when the rest has left the cache
 * (see struct exchange). */
struct parsed_request {
    enum body_framing framing;
    uint8_t minor_version; /* HTTP/1.0 or 1.1; of HTTP/2: 1 */
    bool is_http2;
    bool keep_alive;
    bool expects_continue;   /* HTTP/1.1, and there is a body to wait for */
    bool accepts_trailers;   /* TE: trailers */
    bool wants_websocket;    /* a complete WebSocket handshake (RFC 6455 section 4.2.1); any other
                                Upgrade is ignored */
    bool is_connect;         /* it came as an extended CONNECT (RFC 8441), and reads as the GET that
                                HTTP/1 has for it, but for its Sec-WebSocket-Key */
    uint64_t content_length; /* for BODY_LENGTH */
    size_t head_bytes;       /* the body, or the next request, starts here */

    /* All of it but `listener`. Headers that nobody may see are not in it: names with '_',
     * Proxy, and what only a trusted peer may claim. */
    struct request_head head;
    struct header_list fields; /* the same headers, with their tags */
};

struct request_parser {
    struct parsed_request request; /* valid after DONE, as long as the buffer */
    enum refusal refusal;          /* after REFUSED */

    /* the parser's own */
    struct request_limits limits;
    bool peer_is_trusted;
    bool has_body_of_unknown_length; /* HTTP/2: there is one, without Content-Length */
    bool has_request_line;
    struct field_parser lines;
    struct message_framing framing;
    struct slice host_field;
    struct slice target_authority;
    bool has_host;
    bool has_target_authority;
    size_t field_count;
    unsigned websocket_upgrades;
    unsigned websocket_keys;
    unsigned websocket_versions;
    const char *base; /* where the head was in the last call */
    char *host;       /* REQUEST_HOST_BYTES of the caller's */
};

/* What the parser fills: `fields` names arrays, and its capacity is the limit of headers (beyond:
 * 431); `host` is for head.host. */
struct request_areas {
    struct header_list fields;
    char *host; /* REQUEST_HOST_BYTES */
};

/* `scheme` is a constant, SLICE("http") or SLICE("https"). */
void request_parser_init(struct request_parser *parser, const struct request_limits *limits,
                         struct request_areas areas, struct slice scheme, bool peer_is_trusted);

/* Reads on. `at` holds all bytes from the start of the head, `length` of them, never fewer than
 * in the call before; the buffer may have moved since then, but not the parser. Bytes behind the
 * head are not touched. */
enum parse_result request_parser_feed(struct request_parser *parser, char *at, size_t length);

/* --- the same rules for a head that is not written in lines (http2_request_reader.h) --------- */

/* One field, in the order in which they came. REFUSAL_NONE, or what is wrong with it. */
enum refusal request_parser_add_field(struct request_parser *parser, struct slice name,
                                      struct slice value);

/* Before request_parser_end_fields: it is an extended CONNECT, whose pseudo-header fields say what
 * a handshake has in Upgrade, Connection and Sec-WebSocket-Key. */
void request_parser_set_connect(struct request_parser *parser);

/* All fields are there: what must hold between them. `request` is complete but for method and
 * target. */
enum refusal request_parser_end_fields(struct request_parser *parser);

/* What the slices point into has moved. */
void request_parser_follow(struct request_parser *parser, const struct slice_move *move);

#endif
