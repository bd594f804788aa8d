#include "proxy/http/http1_head.h"

#include "common/decimal.h"

#include <string.h>

/* More than any line written here but fields and target: versions, digits, framing. */
enum { FIXED_BYTES = 256 };

static const char upgrade_to_websocket[] = "connection: upgrade\r\nupgrade: websocket\r\n";

static char *put(char *at, struct slice bytes)
{
    if (bytes.length > 0)
        memcpy(at, bytes.at, bytes.length);
    return at + bytes.length;
}

static char *put_number(char *at, uint64_t number)
{
    char digits[DECIMAL_BYTES];
    return put(at, decimal_write(digits, number));
}

static char *put_field(char *at, struct slice name, struct slice value)
{
    at = put(at, name);
    at = put(at, SLICE(": "));
    at = put(at, value);
    return put(at, SLICE("\r\n"));
}

static size_t fields_size(const struct header_list *fields)
{
    size_t size = 0;
    for (size_t i = 0; i < fields->count; i++)
        size += fields->headers[i].name.length + fields->headers[i].value.length + 4;
    return size;
}

static char *put_content_length(char *at, uint64_t length)
{
    at = put(at, SLICE("content-length: "));
    at = put_number(at, length);
    return put(at, SLICE("\r\n"));
}

void http1_head_write_request(struct buffer *to, const struct parsed_request *request)
{
    const struct request_head *head = &request->head;
    const struct header_list *fields = &request->fields;
    size_t size = FIXED_BYTES + head->method.length + head->path.length + head->query.length +
                  head->authority.length + fields_size(fields);
    char *start = buffer_reserve(to, size);

    char *at = put(start, head->method);
    *at++ = ' ';
    at = put(at, head->path);
    if (head->has_query) {
        *at++ = '?';
        at = put(at, head->query);
    }
    at = put(at, SLICE(" HTTP/1.1\r\n"));
    at = put_field(at, SLICE("host"), head->authority);
    for (size_t i = 0; i < fields->count; i++) {
        if (!fields->tags[i].is_dropped)
            at = put_field(at, fields->headers[i].name, fields->headers[i].value);
    }
    if (request->wants_websocket)
        at = put(at, SLICE(upgrade_to_websocket));
    else if (request->accepts_trailers)
        at = put(at, SLICE("te: trailers\r\nconnection: te\r\n"));
    if (request->framing == BODY_LENGTH)
        at = put_content_length(at, request->content_length);
    else if (request->framing == BODY_CHUNKED)
        at = put(at, SLICE("transfer-encoding: chunked\r\n"));
    at = put(at, SLICE("\r\n"));
    buffer_extend(to, (size_t)(at - start));
}

static char *put_framing(char *at, const struct parsed_response *response,
                         enum response_framing framing)
{
    switch (framing) {
    case RESPONSE_WITHOUT_BODY:
        /* HEAD and 304 may say how long the body would be; 1xx and 204 have none (RFC 9110 section
         * 8.6). */
        if (response->has_content_length && response->status >= 200 && response->status != 204)
            return put_content_length(at, response->content_length);
        return at;
    case RESPONSE_BY_LENGTH:
        return put_content_length(at, response->content_length);
    case RESPONSE_CHUNKED:
        return put(at, SLICE("transfer-encoding: chunked\r\n"));
    case RESPONSE_UNTIL_CLOSE:
        return at;
    }
    return at;
}

void http1_head_write_response(struct buffer *to, const struct parsed_response *response,
                               enum response_framing framing, enum connection_field connection)
{
    const struct header_list *fields = &response->fields;
    char *start = buffer_reserve(to, FIXED_BYTES + response->reason.length + fields_size(fields));

    char *at = put(start, SLICE("HTTP/1.1 "));
    at = put_number(at, response->status);
    *at++ = ' ';
    at = put(at, response->reason);
    at = put(at, SLICE("\r\n"));
    for (size_t i = 0; i < fields->count; i++) {
        if (!fields->tags[i].is_dropped)
            at = put_field(at, fields->headers[i].name, fields->headers[i].value);
    }
    at = put_framing(at, response, framing);
    if (connection == CONNECTION_CLOSE)
        at = put(at, SLICE("connection: close\r\n"));
    else if (connection == CONNECTION_KEEP_ALIVE)
        at = put(at, SLICE("connection: keep-alive\r\n"));
    else if (connection == CONNECTION_UPGRADE)
        at = put(at, SLICE(upgrade_to_websocket));
    at = put(at, SLICE("\r\n"));
    buffer_extend(to, (size_t)(at - start));
}
