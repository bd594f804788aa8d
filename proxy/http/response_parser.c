#include "proxy/http/response_parser.h"

#include "common/character.h"

/* What a broken WebSocket field adds to the count of good ones: it must come out as exactly one. */
enum { NEVER_ONE = 2 };

void response_parser_init(struct response_parser *parser, size_t head_limit_bytes,
                          struct header_list fields, struct response_context context)
{
    *parser = (struct response_parser){.response = {.fields = fields}, .context = context};
    parser->response.fields.count = 0;
    field_parser_init(&parser->lines, head_limit_bytes);
}

static enum parse_result refuse(struct response_parser *parser, enum refusal refusal)
{
    parser->refusal = refusal;
    return PARSE_REFUSED;
}

static void follow_buffer(struct response_parser *parser, const char *at)
{
    struct slice_move move = {parser->base, parser->lines.line_start, at};

    slice_follow(&parser->response.reason, &move);
    header_list_follow(&parser->response.fields, &move);
}

/* "HTTP/1.1 200 OK". Servers forget the blank behind the code when there is no reason; nothing
 * else could be meant. */
static enum refusal read_status_line(struct parsed_response *response, struct slice line)
{
    static const struct slice name = {"HTTP/1.", 7};

    if (line.length < 12 || !slice_has_prefix(line, name) ||
        (line.at[7] != '0' && line.at[7] != '1') || line.at[8] != ' ')
        return REFUSAL_STATUS_LINE;
    response->minor_version = (uint8_t)(line.at[7] - '0');

    unsigned status = 0;
    for (size_t i = 9; i < 12; i++) {
        if (!character_is(line.at[i], CHARACTER_DIGIT))
            return REFUSAL_STATUS_LINE;
        status = status * 10 + (unsigned)(line.at[i] - '0');
    }
    if (line.length > 12 && line.at[12] != ' ')
        return REFUSAL_STATUS_LINE;
    if (status < 100 || status > 599)
        return REFUSAL_STATUS_CODE;

    response->status = (uint16_t)status;
    response->reason =
        line.length > 13 ? slice_of(line.at + 13, line.length - 13) : slice_of(NULL, 0);
    return REFUSAL_NONE;
}

static enum refusal read_field(struct response_parser *parser, struct slice line)
{
    struct slice name;
    struct slice value;
    enum refusal refusal = field_parser_split(line, &name, &value);
    if (refusal != REFUSAL_NONE)
        return refusal;

    enum header_id id = header_name_id(name);
    refusal = message_framing_note(&parser->framing, id, value);
    if (refusal != REFUSAL_NONE)
        return refusal;
    if (id == HEADER_UPGRADE)
        parser->websocket_upgrades +=
            slice_equals_ignoring_case(value, SLICE("websocket")) ? 1 : NEVER_ONE;
    if (id == HEADER_SEC_WEBSOCKET_ACCEPT)
        parser->websocket_accepts++;

    return header_list_add(&parser->response.fields, name, value, id) ? REFUSAL_NONE
                                                                      : REFUSAL_TOO_MANY_FIELDS;
}

/* RFC 9112 section 6.3: a response to HEAD, 1xx, 204 and 304 ends with its head, whatever its
 * fields say. */
static bool has_no_body(const struct response_parser *parser)
{
    unsigned status = parser->response.status;
    return parser->context.is_head || status < 200 || status == 204 || status == 304;
}

static void settle_framing(struct response_parser *parser)
{
    struct parsed_response *response = &parser->response;
    const struct message_framing *framing = &parser->framing;

    response->has_content_length = framing->has_content_length;
    response->content_length = framing->content_length;
    response->keep_alive = message_framing_keeps_alive(framing, response->minor_version);

    if (response->status == 101) {
        response->framing = BODY_UNTIL_CLOSE;
        response->keep_alive = false;
    } else if (has_no_body(parser)) {
        response->framing = BODY_NONE;
        /* 1xx and 204 announce no body (RFC 9110 section 8.6); one that does may send it too. */
        bool may_announce = parser->context.is_head || response->status == 304;
        if (!may_announce && (framing->has_transfer_encoding || framing->content_length > 0))
            response->keep_alive = false;
    } else if (framing->has_transfer_encoding) {
        response->framing = BODY_CHUNKED;
    } else if (framing->has_content_length) {
        response->framing = BODY_LENGTH;
    } else {
        response->framing = BODY_UNTIL_CLOSE;
        response->keep_alive = false;
    }
}

static enum refusal check_switch(const struct response_parser *parser)
{
    if (parser->response.status != 101)
        return REFUSAL_NONE;
    if (!parser->context.asked_websocket)
        return REFUSAL_SWITCHED_UNASKED;
    if (parser->websocket_upgrades != 1 || parser->websocket_accepts != 1 ||
        !parser->framing.connection_upgrade || parser->response.minor_version == 0)
        return REFUSAL_BROKEN_SWITCH;
    return REFUSAL_NONE;
}

static enum parse_result finish(struct response_parser *parser)
{
    struct parsed_response *response = &parser->response;

    enum refusal refusal = message_framing_check(&parser->framing, response->minor_version);
    if (refusal == REFUSAL_NONE)
        refusal = check_switch(parser);
    if (refusal != REFUSAL_NONE)
        return refuse(parser, refusal);

    /* What a response's Connection cannot take away simply stays. */
    message_framing_drop_named(&parser->framing, &response->fields);
    settle_framing(parser);
    response->is_informational = response->status < 200 && response->status != 101;
    response->head_bytes = parser->lines.line_start;
    return PARSE_DONE;
}

enum parse_result response_parser_feed(struct response_parser *parser, const char *at,
                                       size_t length)
{
    if (length == 0)
        return PARSE_MORE;
    if (parser->base != at && parser->base != NULL)
        follow_buffer(parser, at);
    parser->base = at;

    for (;;) {
        struct slice line;
        enum parse_result result = field_parser_take_line(&parser->lines, at, length, SIZE_MAX,
                                                          REFUSAL_HEAD_TOO_LARGE, &line);
        if (result == PARSE_REFUSED)
            return refuse(parser, parser->lines.refusal);
        if (result == PARSE_MORE)
            return PARSE_MORE;

        enum refusal refusal;
        if (!parser->has_status_line) {
            parser->has_status_line = true;
            refusal = read_status_line(&parser->response, line);
        } else if (line.length > 0) {
            refusal = read_field(parser, line);
        } else {
            return finish(parser);
        }
        if (refusal != REFUSAL_NONE)
            return refuse(parser, refusal);
    }
}
