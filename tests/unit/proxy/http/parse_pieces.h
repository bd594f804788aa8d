/* Parse pieces: feeds a message to its parser in every way it can arrive.
 *
 * A parser's answer is written down as text, so that answers compare and tests read. Each piece
 * arrives in a new buffer of exactly its size: whoever reads behind the end or keeps an old
 * pointer is caught by the address sanitizer. Used by unit tests and fuzz targets alike. */
#ifndef TESTS_UNIT_PROXY_HTTP_PARSE_PIECES_H
#define TESTS_UNIT_PROXY_HTTP_PARSE_PIECES_H

#include "common/buffer.h"
#include "proxy/http/request_parser.h"
#include "proxy/http/response_parser.h"

/* The first piece has `first` bytes, each of the others `others`. */
struct pieces {
    size_t first;
    size_t others;
};

#define ALL_AT_ONCE ((struct pieces){.first = SIZE_MAX, .others = 1})
#define BYTE_BY_BYTE ((struct pieces){.first = 1, .others = 1})

struct request_setting {
    struct request_limits limits;
    size_t headers;
    const char *scheme;
    bool peer_is_trusted;
};

#define REQUEST_SETTING                                                                            \
    ((struct request_setting){.limits = REQUEST_LIMITS_DEFAULT, .headers = 100, .scheme = "http"})

/* Each appends what was understood: "more", "refused: bare_lf", or the message, a fact a line,
 * up to how many bytes were left over. */
void describe_request(struct buffer *to, struct slice bytes, struct request_setting setting,
                      struct pieces pieces);
void describe_response(struct buffer *to, struct slice bytes, struct response_context context,
                       struct pieces pieces);
void describe_chunks(struct buffer *to, struct slice bytes, uint64_t body_limit_bytes,
                     struct pieces pieces);

#endif
