/* Chunked body: takes the chunked coding off and puts the payload into a body pipe.
 *
 * Both ends use it: the front for requests, the upstream for responses.
 *
 * Threads: worker. */
#ifndef PROXY_HTTP_CHUNKED_BODY_H
#define PROXY_HTTP_CHUNKED_BODY_H

#include "proxy/http/body_pipe.h"
#include "proxy/http/chunk_decoder.h"
#include "proxy/http/trailers.h"

#include <stdbool.h>
#include <stdint.h>

struct chunked_body {
    struct chunk_decoder decoder;
    struct header headers[TRAILERS_MAX];
    struct header_tag tags[TRAILERS_MAX];
};

/* `limit_bytes` of payload, 0: no limit. All zero before the first time. */
void chunked_body_start(struct chunked_body *chunks, uint64_t limit_bytes, bool is_of_response);
void chunked_body_clear(struct chunked_body *chunks);

/* Decodes into `to`, which is ended, with its trailers, when the result is CHUNK_DONE. `*used`:
 * how many of the bytes belong to the body. CHUNK_MORE, CHUNK_DONE or CHUNK_REFUSED. */
enum chunk_result chunked_body_decode(struct chunked_body *chunks, struct slice bytes,
                                      struct body_pipe *to, size_t *used);

#endif
