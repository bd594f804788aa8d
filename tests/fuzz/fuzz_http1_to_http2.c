/* A request head of HTTP/1 that the parser takes, as the fields of a stream: a server of HTTP/2
 * that is as strict as RFC 9113 section 8 must take them, and read what the parser has read. */
#include "common/buffer.h"
#include "proxy/http/http2_request.h"
#include "tests/fuzz/fuzz.h"
#include "tests/support/http2_frames.h"

#include <stdlib.h>
#include <string.h>

#include <nghttp2/nghttp2.h>

enum { FIELDS_MAX = REQUEST_HEADERS_DEFAULT + HTTP2_REQUEST_OWN_FIELDS };

static struct header headers[REQUEST_HEADERS_DEFAULT];
static struct header_tag tags[REQUEST_HEADERS_DEFAULT];

/* What the server has heard. */
struct heard {
    struct buffer path;
    size_t field_count;
    bool has_head;
};

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
                     size_t name_length, const uint8_t *value, size_t value_length, uint8_t flags,
                     void *context)
{
    (void)session;
    (void)frame;
    (void)flags;
    struct heard *heard = context;
    if (slice_equals(slice_of((const char *)name, name_length), SLICE(":path")))
        buffer_append(&heard->path, value, value_length);
    heard->field_count++;
    return 0;
}

static int on_invalid_header(nghttp2_session *session, const nghttp2_frame *frame,
                             const uint8_t *name, size_t name_length, const uint8_t *value,
                             size_t value_length, uint8_t flags, void *context)
{
    (void)session;
    (void)frame;
    (void)name;
    (void)name_length;
    (void)value;
    (void)value_length;
    (void)flags;
    (void)context;
    abort();
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *context)
{
    (void)session;
    struct heard *heard = context;
    heard->has_head |= frame->hd.type == NGHTTP2_HEADERS;
    return 0;
}

static int on_invalid_frame(nghttp2_session *session, const nghttp2_frame *frame, int error,
                            void *context)
{
    (void)session;
    (void)frame;
    (void)error;
    (void)context;
    abort();
}

static void hear(struct heard *heard, const struct buffer *frames)
{
    nghttp2_session_callbacks *callbacks;
    nghttp2_session *session;
    if (nghttp2_session_callbacks_new(&callbacks) != 0)
        abort();
    nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
    nghttp2_session_callbacks_set_on_invalid_header_callback(callbacks, on_invalid_header);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
    nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(callbacks, on_invalid_frame);
    if (nghttp2_session_server_new(&session, callbacks, heard) != 0)
        abort();
    nghttp2_session_callbacks_del(callbacks);
    const nghttp2_settings_entry takes_connect = {NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL, 1};
    if (nghttp2_submit_settings(session, NGHTTP2_FLAG_NONE, &takes_connect, 1) != 0)
        abort();
    if (nghttp2_session_mem_recv(session, (const uint8_t *)frames->at, frames->length) !=
        (ssize_t)frames->length)
        abort();
    nghttp2_session_del(session);
}

/* "name: value\n", names in lower case, as nghttp2 makes them on their way out. */
static size_t put_field(struct buffer *text, struct slice name, struct slice value)
{
    for (size_t i = 0; i < name.length; i++)
        buffer_append_char(text, ascii_lower(name.at[i]));
    buffer_append_string(text, ": ");
    buffer_append_slice(text, value);
    buffer_append_char(text, '\n');
    return 1;
}

static void translate(const struct parsed_request *request)
{
    struct arena arena = {0};
    struct http2_request made;
    http2_request_make(&made, request, false, SLICE("10.0.0.1:80"), &arena);
    struct buffer text = BUFFER_EMPTY;
    size_t count = 0;
    for (size_t i = 0; i < made.own_count; i++)
        count += put_field(&text, made.own[i].name, made.own[i].value);
    for (size_t i = 0; i < request->fields.count; i++) {
        if (!request->fields.tags[i].is_dropped)
            count += put_field(&text, headers[i].name, headers[i].value);
    }

    struct buffer frames = BUFFER_EMPTY;
    struct http2_coder coder;
    http2_coder_init(&coder);
    http2_put_preface(&frames);
    http2_put_long_head(&coder, &frames, 1, made.has_body ? 0 : HTTP2_FLAG_END_STREAM,
                        buffer_string(&text));
    struct heard heard = {0};
    hear(&heard, &frames);

    if (!heard.has_head || heard.field_count != count)
        abort();
    const struct request_head *head = &request->head;
    struct slice path = buffer_slice(&heard.path);
    if (!slice_has_prefix(path, head->path) ||
        path.length != head->path.length + (head->has_query ? 1 + head->query.length : 0))
        abort();
    buffer_clear(&heard.path);
    buffer_clear(&frames);
    buffer_clear(&text);
    http2_coder_clear(&coder);
    arena_clear(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char host[REQUEST_HOST_BYTES];
    struct request_areas areas = {
        .fields = {.headers = headers, .tags = tags, .capacity = REQUEST_HEADERS_DEFAULT},
        .host = host,
    };
    struct request_parser parser;
    request_parser_init(&parser, &REQUEST_LIMITS_DEFAULT, areas, SLICE("http"), false);
    struct buffer bytes = BUFFER_EMPTY;
    buffer_append(&bytes, data, size);
    if (request_parser_feed(&parser, bytes.at, bytes.length) == PARSE_DONE)
        translate(&parser.request);
    buffer_clear(&bytes);
    return 0;
}
