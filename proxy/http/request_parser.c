/* A head is read line by line: field_parser finds the lines, each is taken apart as it comes, and
 * what only the whole head can tell is checked at the empty line. */
#include "proxy/http/request_parser.h"

#include "common/character.h"

#include <stdint.h>

/* What a broken WebSocket field adds to the count of good ones: it must come out as exactly one. */
enum { NEVER_ONE = 2 };

void request_parser_init(struct request_parser *parser, const struct request_limits *limits,
                         struct request_areas areas, struct slice scheme, bool peer_is_trusted)
{
    *parser = (struct request_parser){
        .request = {.fields = areas.fields, .head = {.scheme = scheme}},
        .limits = *limits,
        .peer_is_trusted = peer_is_trusted,
        .host = areas.host,
    };
    parser->request.fields.count = 0;
    field_parser_init(&parser->lines, limits->head_bytes);
}

static enum parse_result refuse(struct request_parser *parser, enum refusal refusal)
{
    parser->refusal = refusal;
    return PARSE_REFUSED;
}

void request_parser_follow(struct request_parser *parser, const struct slice_move *move)
{
    struct request_head *head = &parser->request.head;

    slice_follow(&head->method, move);
    slice_follow(&head->path, move);
    slice_follow(&head->query, move);
    slice_follow(&parser->target_authority, move);
    slice_follow(&parser->host_field, move);
    header_list_follow(&parser->request.fields, move);
}

/* Slices of the lines read so far follow the buffer to its new place. */
static void follow_buffer(struct request_parser *parser, const char *at)
{
    const struct slice_move move = {parser->base, parser->lines.line_start, at};
    request_parser_follow(parser, &move);
}

/* --- the request line ------------------------------------------------------------------------ */

static enum refusal read_version(struct parsed_request *request, struct slice version)
{
    if (version.length != 8 || memcmp(version.at, "HTTP/", 5) != 0 ||
        !character_is(version.at[5], CHARACTER_DIGIT) || version.at[6] != '.' ||
        !character_is(version.at[7], CHARACTER_DIGIT))
        return REFUSAL_REQUEST_LINE;
    if (version.at[5] != '1' || version.at[7] > '1')
        return REFUSAL_VERSION;
    request->minor_version = (uint8_t)(version.at[7] - '0');
    return REFUSAL_NONE;
}

/* "http://host/path": the authority must be Host's, once that is known; the rest is a target like
 * any other (RFC 9112 section 3.2.2). */
static enum refusal read_absolute_target(struct request_parser *parser, char *target, size_t length)
{
    struct request_head *head = &parser->request.head;

    const char *mark = memmem(target, length, "://", 3);
    if (mark == NULL)
        return REFUSAL_TARGET_FORM;
    size_t used = (size_t)(mark - target);
    if (!slice_equals_ignoring_case(slice_of(target, used), head->scheme))
        return REFUSAL_TARGET_AUTHORITY;
    used += 3;

    size_t authority_length = 0;
    while (used + authority_length < length && target[used + authority_length] != '/' &&
           target[used + authority_length] != '?')
        authority_length++;
    parser->has_target_authority = true;
    parser->target_authority = slice_of(target + used, authority_length);
    used += authority_length;

    if (used < length && target[used] == '/')
        return request_lint_target(target + used, length - used, head);

    /* An empty path is "/", or "*" when OPTIONS has no query either (RFC 9112 section 3.2.4). */
    head->path = SLICE("/");
    if (used == length) {
        if (slice_equals(head->method, SLICE("OPTIONS")))
            head->path = SLICE("*");
        return REFUSAL_NONE;
    }
    head->has_query = true;
    head->query = slice_of(target + used + 1, length - used - 1);
    return request_lint_query(head->query);
}

static enum refusal read_request_line(struct request_parser *parser, char *line, size_t length)
{
    struct parsed_request *request = &parser->request;

    const char *end = line + length;
    const char *first = memchr(line, ' ', length);
    if (first == NULL)
        return REFUSAL_REQUEST_LINE;
    char *target = line + (first - line) + 1;
    const char *second = memchr(target, ' ', (size_t)(end - target));
    if (second == NULL)
        return REFUSAL_REQUEST_LINE;
    size_t target_length = (size_t)(second - target);

    if (slice_equals(slice_of(line, length), SLICE("PRI * HTTP/2.0")))
        return REFUSAL_HTTP2_PREFACE;
    enum refusal refusal = read_version(request, slice_of(second + 1, (size_t)(end - second) - 1));
    if (refusal != REFUSAL_NONE)
        return refusal;

    request->head.method = slice_of(line, (size_t)(first - line));
    refusal = request_lint_method(request->head.method);
    if (refusal != REFUSAL_NONE)
        return refusal;

    if (target_length > 0 && target[0] != '/' && target[0] != '*')
        return read_absolute_target(parser, target, target_length);
    return request_lint_target(target, target_length, &request->head);
}

/* --- fields ---------------------------------------------------------------------------------- */

/* 24 characters of base64, that is 16 bytes (RFC 6455 section 4.2.1). */
static bool is_websocket_key(struct slice value)
{
    if (value.length != 24 || value.at[22] != '=' || value.at[23] != '=')
        return false;
    for (size_t i = 0; i < 22; i++) {
        char c = ascii_lower(value.at[i]);
        if (!(c >= 'a' && c <= 'z') && !character_is(c, CHARACTER_DIGIT) && c != '+' && c != '/')
            return false;
    }
    return true;
}

/* Takes in what a field means to us. */
static enum refusal note_field(struct request_parser *parser, enum header_id id, struct slice value)
{
    switch (id) {
    case HEADER_CONTENT_LENGTH:
    case HEADER_TRANSFER_ENCODING:
    case HEADER_CONNECTION:
        return message_framing_note(&parser->framing, id, value);
    case HEADER_HOST:
        if (parser->has_host)
            return REFUSAL_TWO_HOSTS;
        parser->has_host = true;
        parser->host_field = value;
        return REFUSAL_NONE;
    case HEADER_EXPECT:
        parser->request.expects_continue = true;
        return slice_equals_ignoring_case(value, SLICE("100-continue")) ? REFUSAL_NONE
                                                                        : REFUSAL_EXPECTATION;
    case HEADER_TE:
        if (header_value_has_token(value, SLICE("trailers")))
            parser->request.accepts_trailers = true;
        return REFUSAL_NONE;
    case HEADER_UPGRADE:
        parser->websocket_upgrades +=
            slice_equals_ignoring_case(value, SLICE("websocket")) ? 1 : NEVER_ONE;
        return REFUSAL_NONE;
    case HEADER_SEC_WEBSOCKET_KEY:
        parser->websocket_keys += is_websocket_key(value) ? 1 : NEVER_ONE;
        return REFUSAL_NONE;
    case HEADER_SEC_WEBSOCKET_VERSION:
        parser->websocket_versions += slice_equals(value, SLICE("13")) ? 1 : NEVER_ONE;
        return REFUSAL_NONE;
    default:
        return REFUSAL_NONE;
    }
}

static enum refusal add_field(struct request_parser *parser, struct slice name, struct slice value)
{
    enum header_id id = header_name_id(name);
    enum refusal refusal = note_field(parser, id, value);
    if (refusal != REFUSAL_NONE)
        return refusal;

    if (++parser->field_count > parser->request.fields.capacity)
        return REFUSAL_TOO_MANY_FIELDS;
    if (header_name_is_visible(name, id, parser->peer_is_trusted))
        header_list_add(&parser->request.fields, name, value, id);
    return REFUSAL_NONE;
}

enum refusal request_parser_add_field(struct request_parser *parser, struct slice name,
                                      struct slice value)
{
    return add_field(parser, name, value);
}

static enum refusal read_field(struct request_parser *parser, struct slice line)
{
    struct slice name;
    struct slice value;
    enum refusal refusal = field_parser_split(line, &name, &value);
    return refusal == REFUSAL_NONE ? add_field(parser, name, value) : refusal;
}

/* --- the whole head -------------------------------------------------------------------------- */

static enum refusal settle_authority(struct request_parser *parser)
{
    struct request_head *head = &parser->request.head;

    if (!parser->has_host && parser->request.minor_version >= 1)
        return REFUSAL_HOST_MISSING;
    if (parser->has_target_authority && parser->has_host &&
        !slice_equals_ignoring_case(parser->target_authority, parser->host_field))
        return REFUSAL_TARGET_AUTHORITY;
    if (!parser->has_host && !parser->has_target_authority)
        return REFUSAL_NONE; /* HTTP/1.0 */

    head->authority = parser->has_host ? parser->host_field : parser->target_authority;
    return request_lint_authority(head->authority, parser->host, &head->host);
}

static enum refusal settle_framing(struct request_parser *parser)
{
    struct parsed_request *request = &parser->request;
    const struct message_framing *framing = &parser->framing;

    enum refusal refusal = message_framing_check(framing, request->minor_version);
    if (refusal != REFUSAL_NONE)
        return refusal;
    /* A server must know chunked in any case, but what hides behind Chunked are attempts to find
     * one that does not. */
    if (framing->is_chunked_in_capitals)
        return REFUSAL_TRANSFER_ENCODING;
    if (parser->limits.body_bytes > 0 && framing->content_length > parser->limits.body_bytes)
        return REFUSAL_BODY_TOO_LARGE;

    bool is_of_unknown_length =
        framing->has_transfer_encoding || parser->has_body_of_unknown_length;
    request->framing = is_of_unknown_length          ? BODY_CHUNKED
                       : framing->has_content_length ? BODY_LENGTH
                                                     : BODY_NONE;
    request->content_length = framing->content_length;
    return REFUSAL_NONE;
}

static bool is_websocket_handshake(const struct request_parser *parser)
{
    const struct parsed_request *request = &parser->request;
    return parser->websocket_upgrades == 1 && parser->websocket_keys == 1 &&
           parser->websocket_versions == 1 && parser->framing.connection_upgrade &&
           request->minor_version >= 1 && request->framing == BODY_NONE &&
           slice_equals(request->head.method, SLICE("GET"));
}

void request_parser_set_connect(struct request_parser *parser)
{
    parser->request.is_connect = true;
    parser->request.head.method = SLICE("GET");
    parser->framing.connection_upgrade = true;
    parser->websocket_upgrades = 1;
    parser->websocket_keys = 1;
}

enum refusal request_parser_end_fields(struct request_parser *parser)
{
    struct parsed_request *request = &parser->request;

    enum refusal refusal = settle_authority(parser);
    if (refusal == REFUSAL_NONE)
        refusal = settle_framing(parser);
    if (refusal != REFUSAL_NONE)
        return refusal;
    if (!message_framing_drop_named(&parser->framing, &request->fields))
        return REFUSAL_CONNECTION_OPTION;

    bool has_body = request->framing == BODY_CHUNKED || request->content_length > 0;
    request->expects_continue &= has_body && request->minor_version >= 1;
    request->keep_alive = message_framing_keeps_alive(&parser->framing, request->minor_version);
    request->wants_websocket = is_websocket_handshake(parser);
    if (request->is_connect && !request->wants_websocket)
        return REFUSAL_WEBSOCKET_HANDSHAKE;
    request->head.headers = request->fields.headers;
    request->head.header_count = request->fields.count;
    return REFUSAL_NONE;
}

static enum parse_result finish(struct request_parser *parser)
{
    enum refusal refusal = request_parser_end_fields(parser);
    if (refusal != REFUSAL_NONE)
        return refuse(parser, refusal);
    parser->request.head_bytes = parser->lines.line_start;
    return PARSE_DONE;
}

static enum parse_result read_first_line(struct request_parser *parser, char *at, struct slice line)
{
    /* One empty line in front is forgiven (RFC 9112 section 2.2). */
    if (line.length == 0 && line.at == at)
        return PARSE_MORE;
    parser->has_request_line = true;
    enum refusal refusal = read_request_line(parser, at + (line.at - at), line.length);
    return refusal == REFUSAL_NONE ? PARSE_MORE : refuse(parser, refusal);
}

enum parse_result request_parser_feed(struct request_parser *parser, char *at, size_t length)
{
    if (length == 0)
        return PARSE_MORE;
    if (parser->base != at && parser->base != NULL)
        follow_buffer(parser, at);
    parser->base = at;

    for (;;) {
        size_t line_limit = parser->has_request_line ? SIZE_MAX : parser->limits.line_bytes;
        struct slice line;
        enum parse_result result = field_parser_take_line(&parser->lines, at, length, line_limit,
                                                          REFUSAL_REQUEST_LINE_TOO_LONG, &line);
        if (result == PARSE_REFUSED)
            return refuse(parser, parser->lines.refusal);
        if (result == PARSE_MORE)
            return PARSE_MORE;

        if (!parser->has_request_line) {
            if (read_first_line(parser, at, line) == PARSE_REFUSED)
                return PARSE_REFUSED;
            continue;
        }
        if (line.length == 0)
            return finish(parser);
        enum refusal refusal = read_field(parser, line);
        if (refusal != REFUSAL_NONE)
            return refuse(parser, refusal);
    }
}
