#include "proxy/http/http2_request_reader.h"

#include <string.h>

/* Enough for most heads: what is kept rarely moves. */
enum { FIRST_BYTES = 1024 };

void http2_request_reader_begin(struct http2_request_reader *reader, struct request_parser *parser,
                                struct buffer *bytes)
{
    reader->parser = parser;
    reader->bytes = bytes;
    reader->refusal = REFUSAL_NONE;
    reader->target = slice_of(NULL, 0);
    reader->authority = slice_of(NULL, 0);
    reader->has_authority = false;
    reader->protocol = slice_of(NULL, 0);
    reader->has_protocol = false;
    buffer_reset(&reader->cookies);
    buffer_reserve(bytes, FIRST_BYTES);
    /* It is HTTP/1.1 in everything that the rules depend on. */
    parser->request.minor_version = 1;
    parser->request.is_http2 = true;
}

void http2_request_reader_clear(struct http2_request_reader *reader)
{
    buffer_clear(&reader->cookies);
}

static void make_room(struct http2_request_reader *reader, size_t length)
{
    struct buffer *bytes = reader->bytes;
    struct slice_move move = {.from = bytes->at, .length = bytes->length};
    buffer_reserve(bytes, length);
    if (bytes->at == move.from)
        return;
    move.to = bytes->at;
    request_parser_follow(reader->parser, &move);
    slice_follow(&reader->target, &move);
    slice_follow(&reader->authority, &move);
    slice_follow(&reader->protocol, &move);
}

/* What nghttp2 has told is gone when it returns. */
static struct slice keep_in_room(struct buffer *bytes, struct slice text)
{
    char *to = bytes->at + bytes->length;
    if (text.length > 0)
        memcpy(to, text.at, text.length);
    buffer_extend(bytes, text.length);
    return slice_of(to, text.length);
}

static struct slice keep(struct http2_request_reader *reader, struct slice text)
{
    make_room(reader, text.length);
    return keep_in_room(reader->bytes, text);
}

static void add_pseudo(struct http2_request_reader *reader, struct slice name, struct slice value)
{
    if (slice_equals(name, SLICE(":method"))) {
        reader->parser->request.head.method = keep(reader, value);
    } else if (slice_equals(name, SLICE(":path"))) {
        reader->target = keep(reader, value);
    } else if (slice_equals(name, SLICE(":authority"))) {
        reader->authority = keep(reader, value);
        reader->has_authority = true;
    } else if (slice_equals(name, SLICE(":protocol"))) {
        reader->protocol = keep(reader, value);
        reader->has_protocol = true;
    } else if (slice_equals(name, SLICE(":scheme"))) {
        /* What is in front of us may have taken TLS off, so both are believed; what the service is
         * told is how the connection came in. */
        if (!slice_equals_ignoring_case(value, SLICE("http")) &&
            !slice_equals_ignoring_case(value, SLICE("https")))
            reader->refusal = REFUSAL_TARGET_AUTHORITY;
    }
}

static void add_cookie(struct http2_request_reader *reader, struct slice crumb)
{
    if (reader->cookies.length > 0)
        buffer_append(&reader->cookies, "; ", 2);
    buffer_append_slice(&reader->cookies, crumb);
}

static void add_field(struct http2_request_reader *reader, struct slice name, struct slice value)
{
    make_room(reader, name.length + value.length);
    struct slice kept_name = keep_in_room(reader->bytes, name);
    struct slice kept_value = keep_in_room(reader->bytes, value);
    reader->refusal = request_parser_add_field(reader->parser, kept_name, kept_value);
}

void http2_request_reader_add(struct http2_request_reader *reader, struct slice name,
                              struct slice value)
{
    if (reader->refusal != REFUSAL_NONE)
        return;
    if (name.at[0] == ':')
        add_pseudo(reader, name, value);
    else if (slice_equals(name, SLICE("cookie")))
        add_cookie(reader, value);
    else if (!reader->has_protocol || !slice_equals(name, SLICE("sec-websocket-key")))
        add_field(reader, name, value);
}

/* :authority stands for Host; a Host beside it says the same (RFC 9113 section 8.3.1). */
static void settle_host(struct http2_request_reader *reader)
{
    struct request_parser *parser = reader->parser;
    if (!reader->has_authority)
        return;
    if (parser->has_host) {
        parser->target_authority = reader->authority;
        parser->has_target_authority = true;
        return;
    }
    parser->host_field = reader->authority;
    parser->has_host = true;
}

/* RFC 8441 section 4. */
static enum refusal read_method(struct http2_request_reader *reader)
{
    struct request_parser *parser = reader->parser;
    if (!reader->has_protocol)
        return request_lint_method(parser->request.head.method);
    if (!slice_equals_ignoring_case(reader->protocol, SLICE("websocket")))
        return REFUSAL_PROTOCOL;
    request_parser_set_connect(parser);
    return REFUSAL_NONE;
}

static enum refusal read_target(struct http2_request_reader *reader)
{
    struct request_head *head = &reader->parser->request.head;
    enum refusal refusal = read_method(reader);
    if (refusal != REFUSAL_NONE)
        return refusal;
    if (reader->target.length > reader->parser->limits.line_bytes)
        return REFUSAL_REQUEST_LINE_TOO_LONG;
    char *at = reader->bytes->at + (reader->target.at - reader->bytes->at);
    return request_lint_target(at, reader->target.length, head);
}

enum refusal http2_request_reader_end(struct http2_request_reader *reader, bool has_body)
{
    struct request_parser *parser = reader->parser;
    if (reader->cookies.length > 0 && reader->refusal == REFUSAL_NONE)
        add_field(reader, SLICE("cookie"), buffer_slice(&reader->cookies));
    if (reader->refusal == REFUSAL_NONE)
        reader->refusal = read_target(reader);
    if (reader->refusal != REFUSAL_NONE)
        return reader->refusal;
    settle_host(reader);
    /* What follows a CONNECT is no body. */
    parser->has_body_of_unknown_length =
        has_body && !parser->framing.has_content_length && !parser->request.is_connect;
    return request_parser_end_fields(parser);
}
