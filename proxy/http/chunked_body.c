#include "proxy/http/chunked_body.h"

void chunked_body_start(struct chunked_body *chunks, uint64_t limit_bytes, bool is_of_response)
{
    chunked_body_clear(chunks);
    struct header_list trailers = {
        .headers = chunks->headers, .tags = chunks->tags, .capacity = TRAILERS_MAX};
    chunk_decoder_init(&chunks->decoder, trailers, limit_bytes);
    chunks->decoder.is_of_response = is_of_response;
}

void chunked_body_clear(struct chunked_body *chunks)
{
    chunk_decoder_clear(&chunks->decoder);
}

static void end(const struct header_list *trailers, struct body_pipe *to)
{
    for (size_t i = 0; i < trailers->count; i++) {
        if (!trailers->tags[i].is_dropped)
            trailer_append(&to->trailers, trailers->headers[i].name, trailers->headers[i].value);
    }
    to->is_ended = true;
}

enum chunk_result chunked_body_decode(struct chunked_body *chunks, struct slice bytes,
                                      struct body_pipe *to, size_t *used)
{
    *used = 0;
    for (;;) {
        struct chunk_step step = {0};
        enum chunk_result result =
            chunk_decoder_next(&chunks->decoder, bytes.at + *used, bytes.length - *used, &step);
        *used += step.used;
        if (result == CHUNK_DATA) {
            body_pipe_append(to, step.data);
            continue;
        }
        if (result == CHUNK_DONE)
            end(&chunks->decoder.trailers, to);
        return result;
    }
}
