/* The fields of a response of HTTP/2, written as HTTP/1 when they are taken: HTTP/1's parser must
 * then read the same, and nothing behind it. The first byte says whether HEAD was asked; each field
 * ends in 0xff, and 0xfe stands between its name and its value. */
#include "common/buffer.h"
#include "proxy/http/http1_head.h"
#include "proxy/http/http2_response.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

static struct header headers[RESPONSE_HEADERS_DEFAULT], read_headers[RESPONSE_HEADERS_DEFAULT + 1];
static struct header_tag tags[RESPONSE_HEADERS_DEFAULT], read_tags[RESPONSE_HEADERS_DEFAULT + 1];

static enum response_framing framing_of(const struct parsed_response *head)
{
    switch (head->framing) {
    case BODY_NONE:
        return RESPONSE_WITHOUT_BODY;
    case BODY_LENGTH:
        return RESPONSE_BY_LENGTH;
    case BODY_CHUNKED:
    case BODY_UNTIL_CLOSE:
        break;
    }
    return RESPONSE_CHUNKED;
}

/* What the reader of HTTP/1 finds of the fields that were passed on. */
static void compare(const struct parsed_response *head, const struct parsed_response *read)
{
    if (read->status != head->status || read->is_informational != head->is_informational ||
        (!head->is_informational && read->framing != head->framing) ||
        (head->framing == BODY_LENGTH && read->content_length != head->content_length))
        abort();
    size_t at = 0;
    for (size_t i = 0; i < head->fields.count; i++) {
        if (head->fields.tags[i].is_dropped)
            continue;
        if (at == read->fields.count ||
            !slice_equals(read->fields.headers[at].name, head->fields.headers[i].name) ||
            !slice_equals(read->fields.headers[at].value, head->fields.headers[i].value))
            abort();
        at++;
    }
    for (; at < read->fields.count; at++) { /* how the body is framed is said anew */
        if (!read->fields.tags[at].is_dropped)
            abort();
    }
}

static void write_and_read(const struct parsed_response *head, bool is_to_head)
{
    struct buffer text = BUFFER_EMPTY;
    http1_head_write_response(&text, head, framing_of(head), CONNECTION_UNSAID);
    struct header_list fields = {
        .headers = read_headers, .tags = read_tags, .capacity = RESPONSE_HEADERS_DEFAULT + 1};
    struct response_parser parser;
    /* Names, values and what stands between them: four bytes a field more than HTTP/2 counts. */
    response_parser_init(&parser, 2 * RESPONSE_HEAD_BYTES_DEFAULT, fields,
                         (struct response_context){.is_head = is_to_head});
    if (response_parser_feed(&parser, text.at, text.length) != PARSE_DONE ||
        parser.response.head_bytes != text.length)
        abort();
    compare(head, &parser.response);
    buffer_clear(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1)
        return 0;
    bool is_to_head = (data[0] & 1) != 0;
    const char *at = (const char *)data + 1;
    const char *end = (const char *)data + size;
    struct buffer bytes = BUFFER_EMPTY;
    struct http2_response response;
    struct header_list fields = {
        .headers = headers, .tags = tags, .capacity = RESPONSE_HEADERS_DEFAULT};
    http2_response_start(&response, &bytes, fields, is_to_head);
    while (at < end) {
        const char *stop = memchr(at, 0xff, (size_t)(end - at));
        if (stop == NULL)
            stop = end;
        const char *middle = memchr(at, 0xfe, (size_t)(stop - at));
        if (middle != NULL)
            http2_response_add(&response, slice_of(at, (size_t)(middle - at)),
                               slice_of(middle + 1, (size_t)(stop - middle - 1)));
        at = stop == end ? end : stop + 1;
    }
    if (http2_response_finish(&response)) {
        write_and_read(&response.head, is_to_head);
        http2_response_end(&response.head);
        write_and_read(&response.head, is_to_head);
    }
    buffer_clear(&bytes);
    return 0;
}
