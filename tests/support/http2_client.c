#include "tests/support/http2_client.h"

#include "tests/support/check.h"
#include "tests/support/http_connection.h"
#include "tests/support/wait.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum { FRAME_BYTES_MAX = 16 * 1024, READ_BYTES = 64 * 1024, WINDOW_BYTES = 0x7fffffff };
enum { FIRST_WINDOW_BYTES = 65535, SETTING_BYTES = 6 };

/* --- the connection -------------------------------------------------------------------------- */

struct http2_client *http2_client_open(int port)
{
    struct http_connection *connection = http_connection_open(port);
    if (connection == NULL)
        return NULL;
    struct http2_client *client = memory_allocate_zeroed(1, sizeof(*client));
    client->connection = connection;
    client->next_stream = 1;
    http2_coder_init(&client->coder);
    struct buffer frames = BUFFER_EMPTY;
    buffer_append_slice(&frames, HTTP2_FRAMES_PREFACE);
    http2_put_setting(&frames, HTTP2_SETTING_INITIAL_WINDOW_SIZE, WINDOW_BYTES);
    http2_put_number(&frames, HTTP2_FRAME_WINDOW_UPDATE, 0, WINDOW_BYTES - FIRST_WINDOW_BYTES);
    http2_client_send_frames(client, &frames);
    return client;
}

void http2_client_close(struct http2_client *client)
{
    if (client == NULL)
        return;
    http_connection_close(client->connection);
    http2_coder_clear(&client->coder);
    buffer_clear(&client->received);
    struct http2_reply *next;
    for (struct http2_reply *reply = client->replies; reply != NULL; reply = next) {
        next = reply->next;
        buffer_clear(&reply->fields);
        buffer_clear(&reply->body);
        free(reply);
    }
    free(client);
}

/* --- sending --------------------------------------------------------------------------------- */

/* That the other side is gone is seen when something is waited for. */
void http2_client_send_frames(struct http2_client *client, struct buffer *frames)
{
    http_connection_send(client->connection, frames->at, frames->length);
    buffer_clear(frames);
}

struct http2_reply *http2_client_ask(struct http2_client *client, const char *fields, bool is_end)
{
    struct http2_reply *reply = memory_allocate_zeroed(1, sizeof(*reply));
    reply->stream = client->next_stream;
    reply->next = client->replies;
    client->replies = reply;
    client->next_stream += 2;
    struct buffer frames = BUFFER_EMPTY;
    http2_put_head(&client->coder, &frames, reply->stream, is_end ? HTTP2_FLAG_END_STREAM : 0,
                   fields);
    http2_client_send_frames(client, &frames);
    return reply;
}

void http2_client_send(struct http2_client *client, const struct http2_reply *reply,
                       struct slice bytes, bool is_end)
{
    struct buffer frames = BUFFER_EMPTY;
    do {
        size_t length = bytes.length < FRAME_BYTES_MAX ? bytes.length : (size_t)FRAME_BYTES_MAX;
        bool is_last = length == bytes.length;
        http2_put_frame(&frames, HTTP2_FRAME_DATA, is_end && is_last ? HTTP2_FLAG_END_STREAM : 0,
                        reply->stream, slice_of(bytes.at, length));
        bytes = slice_of(bytes.at + length, bytes.length - length);
    } while (bytes.length > 0);
    http2_client_send_frames(client, &frames);
}

/* --- taking ---------------------------------------------------------------------------------- */

static void acknowledge(struct http2_client *client, const struct http2_frame *frame,
                        struct slice payload)
{
    struct buffer frames = BUFFER_EMPTY;
    http2_put_frame(&frames, frame->type, HTTP2_FLAG_ACK, 0, payload);
    http2_client_send_frames(client, &frames);
}

static void take_settings(struct http2_client *client, const struct http2_frame *frame)
{
    if ((frame->flags & HTTP2_FLAG_ACK) != 0)
        return;
    client->has_settings = true;
    for (size_t at = 0; at + SETTING_BYTES <= frame->payload.length; at += SETTING_BYTES) {
        const char *setting = frame->payload.at + at;
        if (setting[1] == HTTP2_SETTING_ENABLE_CONNECT_PROTOCOL)
            client->takes_connect = setting[SETTING_BYTES - 1] == 1;
    }
    acknowledge(client, frame, SLICE(""));
}

static void take_goaway(struct http2_client *client, const struct http2_frame *frame)
{
    client->goaways++;
    client->goaway_error = http2_frame_number(frame);
    client->last_stream = http2_frame_last_stream(frame);
}

static void take_of_stream(struct http2_client *client, const struct http2_frame *frame)
{
    struct http2_reply *reply = client->replies;
    while (reply != NULL && reply->stream != frame->stream)
        reply = reply->next;
    CHECK(reply != NULL, "frame %u of stream %u, which nobody asked for", frame->type,
          frame->stream);
    if (frame->type == HTTP2_FRAME_HEADERS) {
        CHECK(http2_read_head(&client->coder, frame, &reply->fields), "a broken head");
        reply->has_head = http2_reply_status(reply) != 0;
    } else if (frame->type == HTTP2_FRAME_DATA) {
        buffer_append_slice(&reply->body, frame->payload);
    } else if (frame->type == HTTP2_FRAME_RST_STREAM) {
        reply->was_reset = !reply->has_ended;
        reply->error = http2_frame_number(frame);
        reply->has_ended = true;
        return;
    }
    if (frame->type != HTTP2_FRAME_WINDOW_UPDATE && (frame->flags & HTTP2_FLAG_END_STREAM) != 0)
        reply->has_ended = true;
}

static void take_frame(struct http2_client *client, const struct http2_frame *frame)
{
    if (frame->type == HTTP2_FRAME_SETTINGS)
        take_settings(client, frame);
    else if (frame->type == HTTP2_FRAME_GOAWAY)
        take_goaway(client, frame);
    else if (frame->type == HTTP2_FRAME_PING && (frame->flags & HTTP2_FLAG_ACK) == 0 &&
             !client->holds_acks)
        acknowledge(client, frame, frame->payload);
    else if (frame->stream != 0)
        take_of_stream(client, frame);
}

bool http2_client_take_some(struct http2_client *client)
{
    struct http2_frame frame;
    if (client->is_over || !http_connection_wait(client->connection, WAIT_MS))
        return false;
    ssize_t length = recv(http_connection_fd(client->connection),
                          buffer_reserve(&client->received, READ_BYTES), READ_BYTES, 0);
    if (length <= 0) {
        client->is_over = true;
        return false;
    }
    buffer_extend(&client->received, (size_t)length);
    while (http2_look_at_frame(&client->received, &frame)) {
        take_frame(client, &frame);
        http2_drop_frame(&client->received, &frame);
    }
    return true;
}

/* --- replies --------------------------------------------------------------------------------- */

/* Interim heads come first. */
int http2_reply_status(struct http2_reply *reply)
{
    static const char name[] = ":status: ";
    const char *at = buffer_string(&reply->fields);
    while ((at = strstr(at, name)) != NULL) {
        at += sizeof(name) - 1;
        if (*at != '1')
            return atoi(at);
    }
    return 0;
}

bool http2_reply_has_field(struct http2_reply *reply, const char *line)
{
    const char *at = buffer_string(&reply->fields);
    size_t length = strlen(line);
    while (at != NULL && *at != '\0') {
        if (strncmp(at, line, length) == 0 && at[length] == '\n')
            return true;
        at = strchr(at, '\n');
        at = at == NULL ? NULL : at + 1;
    }
    return false;
}
