/* Chunk decoder: takes the chunked coding off a body (RFC 9112 section 7.1), strictly.
 *
 * Piece by piece and without a copy: each step says how many bytes it used up and where in them
 * payload lies. It keeps no reference to the caller's buffer. Sizes are hex digits only, at most
 * 16; extensions are dropped, at most 256 bytes for a chunk; trailers obey the rules of all
 * fields, at most 8 KB.
 *
 * Threads: none shared. */
#ifndef PROXY_HTTP_CHUNK_DECODER_H
#define PROXY_HTTP_CHUNK_DECODER_H

#include "common/buffer.h"
#include "proxy/http/field_parser.h"
#include "proxy/routing/header_list.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum chunk_result {
    CHUNK_MORE,    /* all bytes are used up: call again when there are more */
    CHUNK_DATA,    /* payload: take it, then call again behind `used` */
    CHUNK_DONE,    /* the body is complete; what follows `used` is not part of it */
    CHUNK_REFUSED, /* see chunk_decoder.refusal */
};

struct chunk_step {
    size_t used;       /* bytes this step used up, payload included */
    struct slice data; /* for CHUNK_DATA: its end is where `used` ends */
};

enum chunk_state {
    CHUNK_AT_SIZE,
    CHUNK_AT_EXTENSION, /* from behind the digits up to CR */
    CHUNK_AT_SIZE_LF,
    CHUNK_AT_DATA,
    CHUNK_AT_DATA_CR, /* behind the payload */
    CHUNK_AT_DATA_LF,
    CHUNK_AT_LAST, /* behind the last chunk: CR, or the first trailer */
    CHUNK_AT_LAST_LF,
    CHUNK_AT_TRAILERS,
    CHUNK_AT_END,
};

struct chunk_decoder {
    enum refusal refusal;
    /* After DONE; borrowed until chunk_decoder_clear. Those that trailer_is_kept keeps. */
    struct header_list trailers;
    bool is_of_response; /* may be set behind chunk_decoder_init */

    /* the decoder's own */
    enum chunk_state state;
    unsigned digits;
    unsigned extension_bytes;
    uint64_t left;       /* of the chunk being read */
    uint64_t body_bytes; /* payload announced so far */
    uint64_t body_limit; /* 0: none */
    struct buffer kept;  /* the trailer section; empty as long as there is none */
    struct field_parser lines;
};

/* `trailers` names the arrays to fill; with capacity 0 trailers are checked and forgotten. More
 * payload than `body_limit_bytes` (0: no limit) is refused as soon as it is announced. */
void chunk_decoder_init(struct chunk_decoder *decoder, struct header_list trailers,
                        uint64_t body_limit_bytes);
void chunk_decoder_clear(struct chunk_decoder *decoder);

enum chunk_result chunk_decoder_next(struct chunk_decoder *decoder, const char *at, size_t length,
                                     struct chunk_step *step);

#endif
