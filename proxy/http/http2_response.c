#include "proxy/http/http2_response.h"

#include "common/character.h"
#include "proxy/http/status_reason.h"

/* What most heads take. */
enum { FIRST_BYTES = 512 };

void http2_response_start(struct http2_response *response, struct buffer *bytes,
                          struct header_list fields, bool is_to_head)
{
    fields.count = 0;
    *response = (struct http2_response){
        .head = {.fields = fields, .minor_version = 1, .is_http2 = true, .keep_alive = true},
        .bytes = bytes,
        .is_to_head = is_to_head,
    };
    buffer_reset(bytes);
}

/* --- fields ---------------------------------------------------------------------------------- */

/* RFC 9113 section 8.3.2. There is no 101 (section 8.6). */
static enum refusal read_status(struct http2_response *response, struct slice value)
{
    if (response->has_status || response->head.fields.count > 0 || value.length != 3)
        return REFUSAL_STATUS_LINE;
    unsigned status = 0;
    for (size_t i = 0; i < value.length; i++) {
        if (!character_is(value.at[i], CHARACTER_DIGIT))
            return REFUSAL_STATUS_LINE;
        status = status * 10 + (unsigned)(value.at[i] - '0');
    }
    if (status < 100 || status > 599)
        return REFUSAL_STATUS_CODE;
    if (status == 101)
        return REFUSAL_SWITCHED_UNASKED;
    response->has_status = true;
    response->head.status = (uint16_t)status;
    response->head.reason = status_reason(status);
    return REFUSAL_NONE;
}

/* RFC 9113 section 8.2.1: lower case, and what is no token in HTTP/1 is none here. */
static bool is_name(struct slice name)
{
    if (!header_name_is_token(name))
        return false;
    for (size_t i = 0; i < name.length; i++) {
        if (name.at[i] >= 'A' && name.at[i] <= 'Z')
            return false;
    }
    return true;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static bool is_value(struct slice value)
{
    for (size_t i = 0; i < value.length; i++) {
        unsigned char c = (unsigned char)value.at[i];
        if ((c < ' ' && c != '\t') || c == 0x7f)
            return false;
    }
    return value.length == 0 || (!is_blank(value.at[0]) && !is_blank(value.at[value.length - 1]));
}

/* RFC 9113 section 8.2.2: what only a connection of HTTP/1 has. */
static bool is_of_connection(enum header_id id)
{
    return id == HEADER_CONNECTION || id == HEADER_KEEP_ALIVE || id == HEADER_PROXY_CONNECTION ||
           id == HEADER_TRANSFER_ENCODING || id == HEADER_UPGRADE;
}

/* The slices that lie in the buffer follow it when it grows. */
static void make_room(struct http2_response *response, size_t length)
{
    struct buffer *bytes = response->bytes;
    const char *before = bytes->at;
    if (before == NULL)
        buffer_reserve(bytes, FIRST_BYTES);
    buffer_reserve(bytes, length);
    if (before != NULL && bytes->at != before) {
        struct slice_move move = {before, bytes->length, bytes->at};
        header_list_follow(&response->head.fields, &move);
    }
}

static struct slice copy_into_room(struct buffer *bytes, struct slice text)
{
    size_t length = bytes->length;
    buffer_append_slice(bytes, text);
    return slice_of(bytes->at + length, text.length);
}

static enum refusal read_field(struct http2_response *response, struct slice name,
                               struct slice value)
{
    if (!response->has_status)
        return REFUSAL_STATUS_LINE;
    if (!is_name(name))
        return REFUSAL_FIELD_NAME;
    if (!is_value(value))
        return REFUSAL_CONTROL_CHARACTER;
    enum header_id id = header_name_id(name);
    if (is_of_connection(id))
        return REFUSAL_CONNECTION_OPTION;
    enum refusal refusal = message_framing_note(&response->framing, id, value);
    if (refusal != REFUSAL_NONE)
        return refusal;
    if (response->bytes->length + name.length + value.length > RESPONSE_HEAD_BYTES_DEFAULT)
        return REFUSAL_HEAD_TOO_LARGE;

    make_room(response, name.length + value.length);
    struct slice kept_name = copy_into_room(response->bytes, name);
    struct slice kept_value = copy_into_room(response->bytes, value);
    return header_list_add(&response->head.fields, kept_name, kept_value, id)
               ? REFUSAL_NONE
               : REFUSAL_TOO_MANY_FIELDS;
}

void http2_response_add(struct http2_response *response, struct slice name, struct slice value)
{
    if (response->refusal != REFUSAL_NONE)
        return;
    response->refusal = slice_equals(name, SLICE(":status")) ? read_status(response, value)
                                                             : read_field(response, name, value);
}

/* --- the head -------------------------------------------------------------------------------- */

/* Frames say where the body ends, so its length is only what the fields say. */
static void settle_framing(struct http2_response *response)
{
    struct parsed_response *head = &response->head;
    head->is_informational = head->status < 200;
    head->has_content_length = response->framing.has_content_length;
    head->content_length = response->framing.content_length;
    if (response->is_to_head || head->status < 200 || head->status == 204 || head->status == 304)
        head->framing = BODY_NONE;
    else if (head->has_content_length)
        head->framing = BODY_LENGTH;
    else
        head->framing = BODY_CHUNKED;
}

bool http2_response_finish(struct http2_response *response)
{
    if (response->refusal == REFUSAL_NONE && !response->has_status)
        response->refusal = REFUSAL_STATUS_LINE;
    if (response->refusal != REFUSAL_NONE)
        return false;
    settle_framing(response);
    return true;
}

/* What was asked for had no key to be answered (RFC 8441 section 5). */
void http2_response_switch(struct parsed_response *head, struct slice accept)
{
    header_list_drop(&head->fields, HEADER_SEC_WEBSOCKET_ACCEPT);
    head->status = 101;
    head->reason = status_reason(101);
    head->has_content_length = false;
    head->framing = BODY_UNTIL_CLOSE;
    head->keep_alive = false;
    header_list_add(&head->fields, SLICE("sec-websocket-accept"), accept,
                    HEADER_SEC_WEBSOCKET_ACCEPT);
}

void http2_response_end(struct parsed_response *head)
{
    if (head->framing != BODY_CHUNKED)
        return;
    head->framing = BODY_LENGTH;
    head->content_length = 0;
}
