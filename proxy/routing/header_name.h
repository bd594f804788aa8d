/* Header names: a small number for each name that the proxy itself acts on.
 *
 * The parsers find it once, while they read; whoever forwards compares numbers, not strings.
 *
 * Threads: any; constant data. */
#ifndef PROXY_ROUTING_HEADER_NAME_H
#define PROXY_ROUTING_HEADER_NAME_H

#include "common/slice.h"

#include <stdbool.h>
#include <stdint.h>

/* In memory only: free to renumber. */
enum header_id {
    HEADER_OTHER,
    HEADER_AUTHORIZATION,
    HEADER_CACHE_CONTROL,
    HEADER_CDN_LOOP,
    HEADER_CLIENT_CERT,       /* of RFC 9440 */
    HEADER_CLIENT_CERT_CHAIN, /* of RFC 9440 */
    HEADER_CONNECTION,
    HEADER_CONTENT_ENCODING,
    HEADER_CONTENT_LENGTH,
    HEADER_CONTENT_TYPE,
    HEADER_COOKIE,
    HEADER_EXPECT,
    HEADER_FORWARDED,
    HEADER_HOST,
    HEADER_HTTP2_SETTINGS,
    HEADER_KEEP_ALIVE,
    HEADER_ORIGIN,
    HEADER_PROXY,
    HEADER_PROXY_AUTHENTICATE,
    HEADER_PROXY_AUTHORIZATION,
    HEADER_PROXY_CONNECTION,
    HEADER_SEC_WEBSOCKET_ACCEPT,
    HEADER_SEC_WEBSOCKET_KEY,
    HEADER_SEC_WEBSOCKET_VERSION,
    HEADER_SET_COOKIE,
    HEADER_TE,
    HEADER_TRAILER,
    HEADER_TRANSFER_ENCODING,
    HEADER_UPGRADE,
    HEADER_VIA,
    HEADER_X_CLIENT_CERT, /* any name that starts with x-client-cert- */
    HEADER_X_FORWARDED_FOR,
    HEADER_X_FORWARDED_HOST,
    HEADER_X_FORWARDED_PROTO,
    HEADER_X_FORWARDED_OTHER, /* any other name that starts with x-forwarded- */
    HEADER_X_REQUEST_ID,
    HEADER_ID_COUNT
};

enum header_traits {
    /* Speaks about this connection or this framing: never copied to the other side. What is
     * needed there is written anew. */
    HEADER_IS_PER_HOP = 1,
    /* Meant for everyone on the way, or written by us: Connection cannot take it away
     * (RFC 9110 section 7.6.1). */
    HEADER_IS_END_TO_END = 2,
    /* Says who the client is: believed only from a trusted peer. */
    HEADER_IS_CLAIM = 4,
    /* Has no meaning in trailers, and harm in those who merge them (RFC 9110 section 6.5.1). */
    HEADER_IS_NO_TRAILER = 8,
};

/* Compares without case. `name` is a token (RFC 9110 section 5.6.2). */
enum header_id header_name_id(struct slice name);

/* A set of enum header_traits. */
unsigned header_name_traits(enum header_id id);

/* Not empty, and of characters that may stand in a token: a method is one too. */
bool header_name_is_token(struct slice text);

/* Whether anyone behind the parser may see a request's field at all. Names with '_' are the same to
 * CGI and its heirs as names with '-', so one of them could stand beside a field of ours (RFC 3875
 * section 4.1.18); Proxy would become HTTP_PROXY there; and only a trusted peer is believed when
 * it says who the client is, nobody in a name that is only read as one of these
 * ("X.Forwarded.For", see header_name_reads_as). */
bool header_name_is_visible(struct slice name, enum header_id id, bool peer_is_trusted);

/* Whether CGI and its heirs may read both names as one (RFC 3875 section 4.1.18): '-' is '_' to all
 * of them, and to some any other character that is neither letter nor digit. */
bool header_name_reads_as(struct slice name, struct slice other);

/* In lower case; "" for HEADER_OTHER and those that many names have. */
struct slice header_name_text(enum header_id id);

#endif
