#include "tests/unit/proxy/http/parse_pieces.h"

#include "proxy/http/chunk_decoder.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>

enum { FIELDS_MAX = 256 };

/* --- pieces ---------------------------------------------------------------------------------- */

/* The next `length` bytes of the message where nothing else is. What the parser wrote into the
 * buffer before moves along. */
static char *move_on(char *old, size_t old_length, struct slice bytes, size_t length)
{
    char *fresh = memory_allocate(length);
    if (old_length > 0)
        memcpy(fresh, old, old_length);
    if (length > old_length)
        memcpy(fresh + old_length, bytes.at + old_length, length - old_length);
    free(old);
    return fresh;
}

static size_t next_length(size_t length, size_t all, struct pieces pieces)
{
    size_t step = length == 0 ? pieces.first : pieces.others;
    return step > all - length ? all : length + step;
}

/* --- what came out --------------------------------------------------------------------------- */

static void describe_end(struct buffer *to, enum parse_result result, enum refusal refusal)
{
    if (result == PARSE_MORE)
        buffer_append_string(to, "more\n");
    if (result == PARSE_REFUSED)
        buffer_printf(to, "refused: %s\n", refusal_info(refusal)->name);
}

static void describe_fact(struct buffer *to, const char *name, struct slice value)
{
    buffer_printf(to, "%s: ", name);
    buffer_append_slice(to, value);
    buffer_append_char(to, '\n');
}

static void describe_fields(struct buffer *to, const struct header_list *fields)
{
    for (size_t i = 0; i < fields->count; i++) {
        buffer_append_string(to, fields->tags[i].is_dropped ? "- " : "+ ");
        buffer_append_slice(to, fields->headers[i].name);
        buffer_append_char(to, '=');
        buffer_append_slice(to, fields->headers[i].value);
        buffer_append_char(to, '\n');
    }
}

static void describe_framing(struct buffer *to, enum body_framing framing, uint64_t length)
{
    switch (framing) {
    case BODY_NONE:
        buffer_append_string(to, "body: none\n");
        break;
    case BODY_LENGTH:
        buffer_printf(to, "body: %" PRIu64 "\n", length);
        break;
    case BODY_CHUNKED:
        buffer_append_string(to, "body: chunked\n");
        break;
    case BODY_UNTIL_CLOSE:
        buffer_append_string(to, "body: until close\n");
        break;
    }
}

static void describe_flag(struct buffer *to, bool holds, const char *name)
{
    if (holds)
        buffer_printf(to, "%s\n", name);
}

static void describe_parsed_request(struct buffer *to, const struct parsed_request *request)
{
    const struct request_head *head = &request->head;
    assert(head->headers == request->fields.headers);
    assert(head->header_count == request->fields.count);

    describe_fact(to, "method", head->method);
    describe_fact(to, "authority", head->authority);
    describe_fact(to, "host", head->host);
    describe_fact(to, "path", head->path);
    if (head->has_query)
        describe_fact(to, "query", head->query);
    buffer_printf(to, "version: 1.%d\n", request->minor_version);
    describe_framing(to, request->framing, request->content_length);
    describe_flag(to, request->keep_alive, "keep alive");
    describe_flag(to, request->expects_continue, "expects continue");
    describe_flag(to, request->accepts_trailers, "accepts trailers");
    describe_flag(to, request->wants_websocket, "wants websocket");
    describe_fields(to, &request->fields);
}

static void describe_parsed_response(struct buffer *to, const struct parsed_response *response)
{
    buffer_printf(to, "status: %d\n", response->status);
    describe_fact(to, "reason", response->reason);
    buffer_printf(to, "version: 1.%d\n", response->minor_version);
    describe_framing(to, response->framing, response->content_length);
    if (response->has_content_length)
        buffer_printf(to, "length: %" PRIu64 "\n", response->content_length);
    describe_flag(to, response->keep_alive, "keep alive");
    describe_flag(to, response->is_informational, "informational");
    describe_fields(to, &response->fields);
}

/* --- the parsers ----------------------------------------------------------------------------- */

void describe_request(struct buffer *to, struct slice bytes, struct request_setting setting,
                      struct pieces pieces)
{
    struct header headers[FIELDS_MAX];
    struct header_tag tags[FIELDS_MAX];
    char host[REQUEST_HOST_BYTES];
    struct request_areas areas = {
        .fields = {.headers = headers, .tags = tags, .capacity = setting.headers}, .host = host};
    struct request_parser parser;
    request_parser_init(&parser, &setting.limits, areas, slice_from_string(setting.scheme),
                        setting.peer_is_trusted);

    char *at = NULL;
    size_t length = 0;
    enum parse_result result = PARSE_MORE;
    while (result == PARSE_MORE && length < bytes.length) {
        size_t longer = next_length(length, bytes.length, pieces);
        at = move_on(at, length, bytes, longer);
        length = longer;
        result = request_parser_feed(&parser, at, length);
    }

    describe_end(to, result, parser.refusal);
    if (result == PARSE_DONE) {
        const struct parsed_request *request = &parser.request;
        assert(request->head_bytes <= length);
        assert(memcmp(at + request->head_bytes, bytes.at + request->head_bytes,
                      length - request->head_bytes) == 0);
        describe_parsed_request(to, request);
        buffer_printf(to, "left over: %zu\n", bytes.length - request->head_bytes);
    }
    free(at);
}

void describe_response(struct buffer *to, struct slice bytes, struct response_context context,
                       struct pieces pieces)
{
    struct header headers[RESPONSE_HEADERS_DEFAULT];
    struct header_tag tags[RESPONSE_HEADERS_DEFAULT];
    struct header_list fields = {
        .headers = headers, .tags = tags, .capacity = RESPONSE_HEADERS_DEFAULT};
    struct response_parser parser;
    response_parser_init(&parser, RESPONSE_HEAD_BYTES_DEFAULT, fields, context);

    char *at = NULL;
    size_t length = 0;
    enum parse_result result = PARSE_MORE;
    while (result == PARSE_MORE && length < bytes.length) {
        size_t longer = next_length(length, bytes.length, pieces);
        at = move_on(at, length, bytes, longer);
        length = longer;
        result = response_parser_feed(&parser, at, length);
    }

    describe_end(to, result, parser.refusal);
    if (result == PARSE_DONE) {
        assert(parser.response.head_bytes <= length);
        describe_parsed_response(to, &parser.response);
        buffer_printf(to, "left over: %zu\n", bytes.length - parser.response.head_bytes);
    }
    free(at);
}

void describe_chunks(struct buffer *to, struct slice bytes, uint64_t body_limit_bytes,
                     struct pieces pieces)
{
    struct header headers[FIELDS_MAX];
    struct header_tag tags[FIELDS_MAX];
    struct header_list trailers = {.headers = headers, .tags = tags, .capacity = FIELDS_MAX};
    struct chunk_decoder decoder;
    chunk_decoder_init(&decoder, trailers, body_limit_bytes);

    /* The decoder keeps nothing of what it was given: each piece lies alone. */
    struct buffer payload = BUFFER_EMPTY;
    enum chunk_result result = CHUNK_MORE;
    size_t done = 0;
    while (result == CHUNK_MORE && done < bytes.length) {
        size_t length = next_length(done, bytes.length, pieces) - done;
        char *piece = move_on(NULL, 0, slice_of(bytes.at + done, length), length);
        size_t used = 0;
        do {
            struct chunk_step step;
            result = chunk_decoder_next(&decoder, piece + used, length - used, &step);
            used += step.used;
            assert(used <= length);
            if (result == CHUNK_DATA) {
                assert(step.data.length > 0);
                assert(step.data.at + step.data.length == piece + used);
                buffer_append_slice(&payload, step.data);
            }
        } while (result == CHUNK_DATA);
        assert(result != CHUNK_MORE || used == length);
        done += used;
        free(piece);
    }

    if (result == CHUNK_REFUSED)
        buffer_printf(to, "refused: %s\n", refusal_info(decoder.refusal)->name);
    else
        buffer_append_string(to, result == CHUNK_DONE ? "done\n" : "more\n");
    describe_fact(to, "payload", buffer_slice(&payload));
    if (result == CHUNK_DONE) {
        describe_fields(to, &decoder.trailers);
        buffer_printf(to, "left over: %zu\n", bytes.length - done);
    }
    buffer_clear(&payload);
    chunk_decoder_clear(&decoder);
}
