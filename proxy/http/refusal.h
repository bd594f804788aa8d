/* Refusal: why a message is not accepted.
 *
 * One rule, one entry: what the client is answered, what the counter and the log call it, and
 * where the rule comes from. Every refusal closes the connection: behind a message that can be
 * read in two ways nothing else can be trusted.
 *
 * Threads: any; constant data. */
#ifndef PROXY_HTTP_REFUSAL_H
#define PROXY_HTTP_REFUSAL_H

#include <stdint.h>

enum refusal {
    REFUSAL_NONE, /* accepted so far */

    /* lines and fields, in requests, responses and trailers */
    REFUSAL_BARE_LF,
    REFUSAL_BARE_CR,
    REFUSAL_CONTROL_CHARACTER,
    REFUSAL_FOLDED_FIELD,
    REFUSAL_FIELD_NAME,
    REFUSAL_HEAD_TOO_LARGE,
    REFUSAL_TOO_MANY_FIELDS,

    /* framing */
    REFUSAL_CONTENT_LENGTH,
    REFUSAL_TWO_CONTENT_LENGTHS,
    REFUSAL_TRANSFER_ENCODING,
    REFUSAL_TWO_TRANSFER_ENCODINGS,
    REFUSAL_TRANSFER_ENCODING_IN_1_0,
    REFUSAL_LENGTH_AND_ENCODING,
    REFUSAL_CONNECTION_OPTION,
    REFUSAL_BODY_TOO_LARGE,

    /* chunks */
    REFUSAL_CHUNK_SIZE,
    REFUSAL_CHUNK_EXTENSION,
    REFUSAL_CHUNK_END,
    REFUSAL_TRAILERS_TOO_LARGE,

    /* requests */
    REFUSAL_REQUEST_LINE,
    REFUSAL_REQUEST_LINE_TOO_LONG,
    REFUSAL_VERSION,
    REFUSAL_HTTP2_PREFACE,
    REFUSAL_HTTP2_MALFORMED, /* its stream is reset, without an answer */
    REFUSAL_METHOD,
    REFUSAL_METHOD_NOT_ALLOWED,
    REFUSAL_TARGET_FORM,
    REFUSAL_TARGET_CHARACTER,
    REFUSAL_TARGET_ESCAPE,
    REFUSAL_TARGET_NUL,
    REFUSAL_TARGET_OVERLONG,
    REFUSAL_DOT_SEGMENT,
    REFUSAL_TARGET_AUTHORITY,
    REFUSAL_HOST_MISSING,
    REFUSAL_TWO_HOSTS,
    REFUSAL_HOST,
    REFUSAL_EXPECTATION,
    REFUSAL_PROTOCOL,
    REFUSAL_WEBSOCKET_HANDSHAKE,

    /* responses */
    REFUSAL_STATUS_LINE,
    REFUSAL_STATUS_CODE,
    REFUSAL_SWITCHED_UNASKED,
    REFUSAL_BROKEN_SWITCH,
    REFUSAL_TOO_MANY_INTERIM_HEADS,

    REFUSAL_COUNT
};

struct refusal_info {
    uint16_t status;    /* for the client that sent it; an upstream's message is always a 502 */
    const char *name;   /* for counters and logs: "bare_lf" */
    const char *reason; /* for people, one sentence without a full stop */
    const char *source; /* "RFC 9112 section 2.2" */
};

/* Never NULL. */
const struct refusal_info *refusal_info(enum refusal refusal);

#endif
