#include "tests/support/http_message.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { CHUNK_SIZE_LINE, CHUNK_DATA, CHUNK_DATA_END, CHUNK_TRAILERS };

void http_message_clear(struct http_message *message)
{
    buffer_clear(&message->head);
    buffer_clear(&message->body);
    buffer_clear(&message->trailers);
    *message = HTTP_MESSAGE_EMPTY;
}

/* --- fields --------------------------------------------------------------------------------- */

/* The `skip`th value of that name, or NULL; its end in `end`. */
static const char *find_field(const struct http_message *message, const char *name, size_t skip,
                              const char **end)
{
    const char *at = message->head.at;
    const char *head_end = at + message->head.length;
    size_t name_length = strlen(name);

    while (at < head_end) {
        const char *line_end = memchr(at, '\n', (size_t)(head_end - at));
        if (line_end == NULL)
            return NULL;
        if ((size_t)(line_end - at) > name_length && at[name_length] == ':' &&
            strncasecmp(at, name, name_length) == 0 && skip-- == 0) {
            const char *value = at + name_length + 1;
            *end = line_end;
            while (*end > value && strchr("\r \t", (*end)[-1]) != NULL)
                (*end)--;
            while (value < *end && (*value == ' ' || *value == '\t'))
                value++;
            return value;
        }
        at = line_end + 1;
    }
    return NULL;
}

char *http_message_field(const struct http_message *message, const char *name)
{
    const char *end;
    const char *value = find_field(message, name, 0, &end);
    if (value == NULL)
        return NULL;

    size_t length = (size_t)(end - value);
    char *copy = memory_allocate(length + 1);
    memcpy(copy, value, length);
    copy[length] = '\0';
    return copy;
}

size_t http_message_field_count(const struct http_message *message, const char *name)
{
    const char *end;
    size_t count = 0;
    while (find_field(message, name, count, &end) != NULL)
        count++;
    return count;
}

/* --- head ----------------------------------------------------------------------------------- */

static bool is_response(const struct http_message *message)
{
    return message->head.length > 5 && memcmp(message->head.at, "HTTP/", 5) == 0;
}

static void read_framing(struct http_message *message, bool has_no_body)
{
    char *encoding = http_message_field(message, "transfer-encoding");
    char *length = http_message_field(message, "content-length");
    bool is_bodiless = has_no_body || (message->status >= 100 && message->status < 200) ||
                       message->status == 204 || message->status == 304;

    if (is_bodiless)
        message->body_left = 0;
    else if (encoding != NULL)
        message->is_chunked = true;
    else if (length != NULL)
        message->body_left = strtoull(length, NULL, 10);
    else
        message->is_until_close = is_response(message);
    free(encoding);
    free(length);
}

static void take_head(struct http_message *message, struct buffer *input, bool has_no_body)
{
    const char *end = input->length == 0 ? NULL : memmem(input->at, input->length, "\r\n\r\n", 4);
    if (end == NULL)
        return;

    size_t length = (size_t)(end - input->at) + 4;
    buffer_append(&message->head, input->at, length);
    buffer_consume(input, length);
    message->state = HTTP_MESSAGE_BODY;

    if (is_response(message) &&
        sscanf(buffer_string(&message->head), "HTTP/%*d.%*d %d", &message->status) != 1)
        message->state = HTTP_MESSAGE_BROKEN;
    else
        read_framing(message, has_no_body);
}

/* --- body ----------------------------------------------------------------------------------- */

static void take_body_bytes(struct http_message *message, struct buffer *input)
{
    size_t bytes = input->length < message->body_left ? input->length : message->body_left;
    buffer_append(&message->body, input->at, bytes);
    buffer_consume(input, bytes);
    message->body_left -= bytes;
}

/* The length of the line at the front with its end, or 0 when it is not whole yet. */
static size_t line_length(const struct buffer *input)
{
    const char *end = input->length == 0 ? NULL : memchr(input->at, '\n', input->length);
    return end == NULL ? 0 : (size_t)(end - input->at) + 1;
}

/* False when more bytes are needed or the message is at its end. */
static bool take_chunk_step(struct http_message *message, struct buffer *input)
{
    if (message->chunk_step == CHUNK_DATA) {
        take_body_bytes(message, input);
        if (message->body_left == 0)
            message->chunk_step = CHUNK_DATA_END;
        return message->body_left == 0;
    }

    size_t length = line_length(input);
    if (length == 0)
        return false;
    if (message->chunk_step == CHUNK_SIZE_LINE) {
        char *end;
        message->body_left = strtoull(buffer_string(input), &end, 16);
        if (end == input->at)
            message->state = HTTP_MESSAGE_BROKEN;
        message->chunk_step = message->body_left == 0 ? CHUNK_TRAILERS : CHUNK_DATA;
    } else if (message->chunk_step == CHUNK_DATA_END) {
        if (length != 2)
            message->state = HTTP_MESSAGE_BROKEN;
        message->chunk_step = CHUNK_SIZE_LINE;
    } else if (length == 2) {
        message->state = HTTP_MESSAGE_COMPLETE;
    } else {
        buffer_append(&message->trailers, input->at, length);
    }
    buffer_consume(input, length);
    return message->state == HTTP_MESSAGE_BODY;
}

static void take_body(struct http_message *message, struct buffer *input)
{
    if (message->is_chunked) {
        while (take_chunk_step(message, input))
            continue;
        return;
    }
    if (message->is_until_close) {
        buffer_append(&message->body, input->at, input->length);
        buffer_reset(input);
        return;
    }
    take_body_bytes(message, input);
    if (message->body_left == 0)
        message->state = HTTP_MESSAGE_COMPLETE;
}

enum http_message_state http_message_take(struct http_message *message, struct buffer *input,
                                          bool has_no_body)
{
    if (message->state == HTTP_MESSAGE_HEAD)
        take_head(message, input, has_no_body);
    if (message->state == HTTP_MESSAGE_BODY)
        take_body(message, input);

    buffer_string(&message->head);
    buffer_string(&message->body);
    buffer_string(&message->trailers);
    return message->state;
}

enum http_message_state http_message_end(struct http_message *message)
{
    if (message->state == HTTP_MESSAGE_BODY && message->is_until_close)
        message->state = HTTP_MESSAGE_COMPLETE;
    return message->state;
}
