#include "tests/fuzz/message_walk.h"

#include "proxy/http/chunk_decoder.h"
#include "proxy/http/request_parser.h"
#include "proxy/http/response_parser.h"

#include <stdlib.h>

/* --- bodies ---------------------------------------------------------------------------------- */

enum body_result { BODY_WHOLE, BODY_CUT, BODY_BROKEN };

/* Appends what there is of it; `*used` bytes belong to it. */
static enum body_result walk_chunks(struct slice bytes, struct buffer *body, size_t *used)
{
    struct chunk_decoder decoder;
    chunk_decoder_init(&decoder, (struct header_list){0}, 0);
    enum chunk_result result;
    *used = 0;
    do {
        struct chunk_step step;
        result = chunk_decoder_next(&decoder, bytes.at + *used, bytes.length - *used, &step);
        *used += step.used;
        if (result == CHUNK_DATA)
            buffer_append_slice(body, step.data);
    } while (result == CHUNK_DATA);
    chunk_decoder_clear(&decoder);
    return result == CHUNK_DONE ? BODY_WHOLE : result == CHUNK_MORE ? BODY_CUT : BODY_BROKEN;
}

static enum body_result walk_body(enum body_framing framing, uint64_t length, struct slice bytes,
                                  struct buffer *body, size_t *used)
{
    *used = 0;
    switch (framing) {
    case BODY_NONE:
        return BODY_WHOLE;
    case BODY_LENGTH:
        *used = bytes.length < length ? bytes.length : (size_t)length;
        if (*used > 0)
            buffer_append(body, bytes.at, *used);
        return *used == length ? BODY_WHOLE : BODY_CUT;
    case BODY_CHUNKED:
        return walk_chunks(bytes, body, used);
    case BODY_UNTIL_CLOSE:
        *used = bytes.length;
        return BODY_WHOLE;
    }
    return BODY_BROKEN;
}

static struct slice rest_of(struct slice bytes, size_t used)
{
    return slice_of(bytes.at + used, bytes.length - used);
}

/* --- requests -------------------------------------------------------------------------------- */

static struct walked_request *add_request(struct request_walk *walk,
                                          const struct parsed_request *request)
{
    walk->requests =
        memory_reallocate(walk->requests, (walk->count + 1) * sizeof(walk->requests[0]));
    struct walked_request *walked = &walk->requests[walk->count++];
    const struct request_head *head = &request->head;
    *walked = (struct walked_request){
        .is_head = slice_equals(head->method, SLICE("HEAD")),
        .wants_websocket = request->wants_websocket,
    };
    buffer_append_slice(&walked->line, head->method);
    buffer_append_char(&walked->line, ' ');
    buffer_append_slice(&walked->line, head->path);
    if (head->has_query)
        buffer_append_char(&walked->line, '?');
    buffer_append_slice(&walked->line, head->query);
    return walked;
}

/* Who asks in HTTP/1.0 may name no host, and then the field is empty, as RFC 9112 section 3.2 wants
 * it; from a client we refuse that. Appends the request with one, and returns how many bytes longer
 * it is; nothing when there is a host. */
static size_t append_with_host(struct buffer *copy, struct slice bytes)
{
    static const struct slice empty_host = {"\r\nhost: \r\n", 10};
    const char *line_end = memmem(bytes.at, bytes.length, "\r\n", 2);
    if (line_end == NULL)
        return 0;
    size_t line = (size_t)(line_end - bytes.at);
    if (!slice_has_prefix(rest_of(bytes, line), empty_host))
        return 0;
    buffer_append(copy, bytes.at, line);
    buffer_append_string(copy, "\r\nhost: a\r\n");
    buffer_append_slice(copy, rest_of(bytes, line + empty_host.length));
    return 1;
}

/* One request at the front of `bytes`. False when nothing can follow it. */
static bool walk_request(struct request_walk *walk, struct slice *bytes, bool peer_is_trusted)
{
    static const struct request_limits limits = REQUEST_LIMITS_DEFAULT;
    static struct header headers[REQUEST_HEADERS_MAX];
    static struct header_tag tags[REQUEST_HEADERS_MAX];
    char host[REQUEST_HOST_BYTES];
    struct request_areas areas = {
        .fields = {.headers = headers, .tags = tags, .capacity = REQUEST_HEADERS_DEFAULT},
        .host = host,
    };
    if (peer_is_trusted)
        areas.fields.capacity = REQUEST_HEADERS_MAX; /* with what the proxy adds */
    struct request_parser parser;
    request_parser_init(&parser, &limits, areas, SLICE("http"), peer_is_trusted);

    /* It writes to what it reads. */
    struct buffer copy = BUFFER_EMPTY;
    size_t added = peer_is_trusted ? append_with_host(&copy, *bytes) : 0;
    if (added == 0)
        buffer_append_slice(&copy, *bytes);
    enum parse_result result = request_parser_feed(&parser, copy.at, copy.length);
    bool goes_on = false;
    walk->is_refused = result == PARSE_REFUSED;
    walk->has_more = result == PARSE_MORE;
    if (result == PARSE_DONE) {
        struct walked_request *request = add_request(walk, &parser.request);
        *bytes = rest_of(*bytes, parser.request.head_bytes - added);
        size_t used;
        enum body_result body = walk_body(parser.request.framing, parser.request.content_length,
                                          *bytes, &request->body, &used);
        *bytes = rest_of(*bytes, used);
        request->is_complete = body == BODY_WHOLE;
        walk->is_refused = body == BODY_BROKEN;
        walk->has_more = body != BODY_WHOLE;
        goes_on = body == BODY_WHOLE && parser.request.keep_alive;
    }
    buffer_clear(&copy);
    return goes_on;
}

void request_walk(struct request_walk *walk, struct slice bytes, bool peer_is_trusted)
{
    *walk = (struct request_walk){0};
    while (bytes.length > 0 && walk_request(walk, &bytes, peer_is_trusted)) {
        /* What follows a handshake that succeeded is no HTTP, and this cannot tell whether it has.
         */
        if (peer_is_trusted && walk->requests[walk->count - 1].wants_websocket)
            break;
    }
}

void request_walk_clear(struct request_walk *walk)
{
    for (size_t i = 0; i < walk->count; i++) {
        buffer_clear(&walk->requests[i].line);
        buffer_clear(&walk->requests[i].body);
    }
    free(walk->requests);
}

/* All of it when it arrived complete, or else its beginning. */
static bool is_that_request(const struct walked_request *arrived,
                            const struct walked_request *asked)
{
    if (!slice_equals(buffer_slice(&arrived->line), buffer_slice(&asked->line)))
        return false;
    if (arrived->is_complete)
        return asked->is_complete &&
               slice_equals(buffer_slice(&arrived->body), buffer_slice(&asked->body));
    return slice_has_prefix(buffer_slice(&asked->body), buffer_slice(&arrived->body));
}

bool request_walk_is_part_of(const struct request_walk *arrived, const struct request_walk *asked)
{
    size_t at = 0;
    for (size_t i = 0; i < arrived->count; i++) {
        while (at < asked->count && !is_that_request(&arrived->requests[i], &asked->requests[at]))
            at++;
        if (at == asked->count)
            return false;
    }
    return true;
}

/* --- responses ------------------------------------------------------------------------------- */

enum walk_result { WALK_NEXT, WALK_AGAIN, WALK_END, WALK_BROKEN };

/* One head at the front of `bytes`, with its body. */
static enum walk_result walk_response(struct slice *bytes, struct response_context context)
{
    static struct header headers[RESPONSE_HEADERS_DEFAULT];
    static struct header_tag tags[RESPONSE_HEADERS_DEFAULT];
    struct header_list fields = {
        .headers = headers, .tags = tags, .capacity = RESPONSE_HEADERS_DEFAULT};
    struct response_parser parser;
    response_parser_init(&parser, 2 * RESPONSE_HEAD_BYTES_DEFAULT, fields, context);

    enum parse_result result = response_parser_feed(&parser, bytes->at, bytes->length);
    if (result != PARSE_DONE)
        return result == PARSE_MORE ? WALK_END : WALK_BROKEN;
    const struct parsed_response *response = &parser.response;
    *bytes = rest_of(*bytes, response->head_bytes);
    if (response->is_informational)
        return WALK_AGAIN;

    struct buffer body = BUFFER_EMPTY;
    size_t used;
    enum body_result walked =
        walk_body(response->framing, response->content_length, *bytes, &body, &used);
    buffer_clear(&body);
    *bytes = rest_of(*bytes, used);
    if (walked == BODY_BROKEN || (walked == BODY_WHOLE && !response->keep_alive))
        return walked == BODY_WHOLE && bytes->length == 0 ? WALK_END : WALK_BROKEN;
    return walked == BODY_WHOLE ? WALK_NEXT : WALK_END;
}

bool responses_fit(struct slice bytes, const struct request_walk *asked)
{
    /* Behind the last that was understood, one answer to what was not. */
    size_t most = asked->count + (asked->is_refused || asked->has_more);
    for (size_t i = 0; bytes.length > 0;) {
        if (i == most)
            return false;
        struct response_context context = {
            .is_head = i < asked->count && asked->requests[i].is_head,
            .asked_websocket = i < asked->count && asked->requests[i].wants_websocket,
        };
        enum walk_result result = walk_response(&bytes, context);
        if (result == WALK_BROKEN)
            return false;
        if (result == WALK_END)
            return true;
        if (result == WALK_NEXT)
            i++;
    }
    return true;
}
