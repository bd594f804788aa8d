#include "tests/unit/proto/raw_client.h"

#include <stdio.h>
#include <stdlib.h>

#include <nghttp2/nghttp2.h>

enum { STREAMS_MAX = 4096, ENOUGH_BYTES = 64 * 1024, HEADERS_MAX = 64 };

/* What is to be sent on a stream; the data callback takes it from here. */
struct outgoing {
    struct buffer bytes;
    bool ends;
};

struct raw_client {
    nghttp2_session *session;
    struct grpc_core *server;
    struct buffer stories[STREAMS_MAX]; /* by stream id; 0 is the connection's */
    struct outgoing outgoing[STREAMS_MAX];
    struct buffer headers; /* of the frame that is coming in */
    size_t received;
};

/* --- the record ------------------------------------------------------------------------------- */

static struct buffer *story(struct raw_client *client, int stream)
{
    struct buffer *text = &client->stories[stream < STREAMS_MAX ? stream : 0];
    if (text->length > 0)
        buffer_append_char(text, ' ');
    return text;
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
                     size_t name_length, const uint8_t *value, size_t value_length, uint8_t flags,
                     void *user_data)
{
    (void)session;
    (void)frame;
    (void)flags;
    struct raw_client *client = user_data;
    if (client->headers.length > 0)
        buffer_append_char(&client->headers, ' ');
    buffer_append(&client->headers, name, name_length);
    buffer_append_char(&client->headers, '=');
    buffer_append(&client->headers, value, value_length);
    return 0;
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *user_data)
{
    (void)session;
    struct raw_client *client = user_data;
    int stream = frame->hd.stream_id;

    switch (frame->hd.type) {
    case NGHTTP2_HEADERS:
        buffer_printf(story(client, stream), "HEADERS(%s)", buffer_string(&client->headers));
        buffer_reset(&client->headers);
        break;
    case NGHTTP2_DATA:
        buffer_printf(story(client, stream), "DATA(%zu)", frame->hd.length);
        break;
    case NGHTTP2_RST_STREAM:
        buffer_printf(story(client, stream), "RST(%u)", frame->rst_stream.error_code);
        break;
    case NGHTTP2_GOAWAY:
        buffer_printf(story(client, 0), "GOAWAY(%u)", frame->goaway.error_code);
        break;
    case NGHTTP2_SETTINGS:
        if ((frame->hd.flags & NGHTTP2_FLAG_ACK) != 0)
            break;
        buffer_append_string(story(client, 0), "SETTINGS(");
        for (size_t i = 0; i < frame->settings.niv; i++)
            buffer_printf(&client->stories[0], "%s%d=%u", i > 0 ? " " : "",
                          frame->settings.iv[i].settings_id, frame->settings.iv[i].value);
        buffer_append_char(&client->stories[0], ')');
        break;
    default:
        break;
    }
    if ((frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA) &&
        (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0)
        buffer_append_string(story(client, stream), "END");
    return 0;
}

/* --- the session ------------------------------------------------------------------------------ */

struct raw_client *raw_client_new(const struct grpc_core_handlers *handlers)
{
    struct raw_client *client = memory_allocate_zeroed(1, sizeof(*client));
    client->server = grpc_core_new(GRPC_ROLE_SERVER, handlers);

    nghttp2_session_callbacks *callbacks;
    nghttp2_option *option;
    if (nghttp2_session_callbacks_new(&callbacks) != 0 || nghttp2_option_new(&option) != 0)
        abort();
    nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
    nghttp2_option_set_no_http_messaging(option, 1);
    nghttp2_option_set_peer_max_concurrent_streams(option, STREAMS_MAX);
    if (nghttp2_session_client_new2(&client->session, callbacks, client, option) != 0)
        abort();
    nghttp2_session_callbacks_del(callbacks);
    nghttp2_option_del(option);
    nghttp2_submit_settings(client->session, NGHTTP2_FLAG_NONE, NULL, 0);
    return client;
}

void raw_client_free(struct raw_client *client)
{
    nghttp2_session_del(client->session);
    grpc_core_free(client->server);
    for (size_t i = 0; i < STREAMS_MAX; i++) {
        buffer_clear(&client->stories[i]);
        buffer_clear(&client->outgoing[i].bytes);
    }
    buffer_clear(&client->headers);
    free(client);
}

static ssize_t read_outgoing(nghttp2_session *session, int32_t stream, uint8_t *to, size_t room,
                             uint32_t *flags, nghttp2_data_source *source, void *user_data)
{
    (void)session;
    (void)source;
    struct raw_client *client = user_data;
    struct outgoing *outgoing = &client->outgoing[stream];
    size_t length = outgoing->bytes.length < room ? outgoing->bytes.length : room;
    if (length > 0) {
        memcpy(to, outgoing->bytes.at, length);
        buffer_consume(&outgoing->bytes, length);
    }
    if (outgoing->bytes.length > 0)
        return (ssize_t)length;
    if (outgoing->ends)
        *flags = NGHTTP2_DATA_FLAG_EOF;
    else if (length == 0)
        return NGHTTP2_ERR_DEFERRED;
    return (ssize_t)length;
}

int raw_client_request(struct raw_client *client, const struct raw_header *headers, bool ends)
{
    nghttp2_nv fields[HEADERS_MAX];
    size_t count = 0;
    for (; headers[count].name != NULL && count < HEADERS_MAX; count++) {
        fields[count] = (nghttp2_nv){
            .name = (uint8_t *)headers[count].name,
            .namelen = strlen(headers[count].name),
            .value = (uint8_t *)headers[count].value,
            .valuelen = strlen(headers[count].value),
        };
    }
    const nghttp2_data_provider provider = {.read_callback = read_outgoing};
    return nghttp2_submit_request(client->session, NULL, fields, count, ends ? NULL : &provider,
                                  NULL);
}

void raw_client_data(struct raw_client *client, int stream, struct slice bytes, bool ends)
{
    buffer_append_slice(&client->outgoing[stream].bytes, bytes);
    client->outgoing[stream].ends = ends;
    nghttp2_session_resume_data(client->session, stream);
}

void raw_client_reset(struct raw_client *client, int stream)
{
    nghttp2_submit_rst_stream(client->session, NGHTTP2_FLAG_NONE, stream, NGHTTP2_CANCEL);
}

void raw_client_ping(struct raw_client *client)
{
    nghttp2_submit_ping(client->session, NGHTTP2_FLAG_NONE, NULL);
}

bool raw_client_bytes(struct raw_client *client, struct slice bytes)
{
    return grpc_core_receive(client->server, bytes);
}

/* One step each way. *moved: anything did. */
static bool step(struct raw_client *client, bool reads, bool *moved)
{
    bool is_alive = true;
    const uint8_t *bytes;
    ssize_t length = nghttp2_session_mem_send(client->session, &bytes);
    if (length > 0)
        is_alive = grpc_core_receive(client->server, slice_of((const char *)bytes, (size_t)length));

    struct buffer out = BUFFER_EMPTY;
    is_alive = grpc_core_send(client->server, &out, ENOUGH_BYTES) && is_alive;
    client->received += out.length;
    if (reads && out.length > 0)
        nghttp2_session_mem_recv(client->session, (const uint8_t *)out.at, out.length);
    *moved = length > 0 || out.length > 0;
    buffer_clear(&out);
    return is_alive;
}

bool raw_client_run(struct raw_client *client, bool reads)
{
    bool moved = true;
    bool is_alive = true;
    while (moved && is_alive)
        is_alive = step(client, reads, &moved);
    return is_alive;
}

const char *raw_client_story(struct raw_client *client, int stream)
{
    return buffer_string(&client->stories[stream]);
}

const char *raw_client_connection_story(struct raw_client *client)
{
    return buffer_string(&client->stories[0]);
}

size_t raw_client_received(const struct raw_client *client)
{
    return client->received;
}

struct grpc_core *raw_client_server(struct raw_client *client)
{
    return client->server;
}
