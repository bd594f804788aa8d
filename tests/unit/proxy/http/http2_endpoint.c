#include "tests/unit/proxy/http/http2_endpoint.h"

#include "common/buffer.h"
#include "tests/unit/cmocka_all.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { PATIENCE_TURNS = 2000 };

/* --- connections ----------------------------------------------------------------------------- */

int http2_endpoint_set_up(void **state)
{
    struct stage *stage = stage_new();
    stage->route.app_protocol = "h2c";
    *state = stage;
    stage_start(stage);
    return 0;
}

struct http2_endpoint http2_endpoint_accept_silently(struct stage *stage, size_t index)
{
    struct http2_endpoint endpoint = {.player = stage_accept(stage, index)};
    int on = 1; /* frames are small and many */
    assert_int_equal(setsockopt(endpoint.player.fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)), 0);
    http2_coder_init(&endpoint.coder);
    player_expect(&endpoint.player, HTTP2_FRAMES_PREFACE.at);
    return endpoint;
}

/* What the proxy has said, which comes with its preface, is acknowledged at once. */
static void send_settings(struct http2_endpoint *endpoint, struct buffer *frames)
{
    http2_put_frame(frames, HTTP2_FRAME_SETTINGS, HTTP2_FLAG_ACK, 0, SLICE(""));
    http2_endpoint_send(endpoint, frames);
}

struct http2_endpoint http2_endpoint_accept(struct stage *stage, size_t index)
{
    struct http2_endpoint endpoint = http2_endpoint_accept_silently(stage, index);
    struct buffer frames = BUFFER_EMPTY;
    http2_put_frame(&frames, HTTP2_FRAME_SETTINGS, 0, 0, SLICE(""));
    send_settings(&endpoint, &frames);
    return endpoint;
}

struct http2_endpoint http2_endpoint_accept_saying(struct stage *stage, size_t index,
                                                   enum http2_setting setting, uint32_t value)
{
    struct http2_endpoint endpoint = http2_endpoint_accept_silently(stage, index);
    struct buffer frames = BUFFER_EMPTY;
    http2_put_setting(&frames, (uint16_t)setting, value);
    send_settings(&endpoint, &frames);
    return endpoint;
}

void http2_endpoint_close(struct http2_endpoint *endpoint)
{
    http2_coder_clear(&endpoint->coder);
    buffer_clear(&endpoint->fields);
    player_close(&endpoint->player);
}

/* --- reading --------------------------------------------------------------------------------- */

static void wait_for_frame(struct http2_endpoint *endpoint, struct http2_frame *frame)
{
    struct player *player = &endpoint->player;
    for (int i = 0; i < PATIENCE_TURNS; i++) {
        player_read(player);
        if (http2_look_at_frame(&player->received, frame)) {
            endpoint->stream = frame->stream;
            endpoint->flags = frame->flags;
            return;
        }
        if (player->has_ended || player->was_reset)
            fail_msg("the end, where a frame was expected");
        stage_turn(player->stage);
    }
    fail_msg("no frame came");
}

static bool is_of_message(const struct http2_frame *frame)
{
    return frame->type == HTTP2_FRAME_DATA || frame->type == HTTP2_FRAME_HEADERS;
}

void http2_endpoint_expect(struct http2_endpoint *endpoint, enum http2_frame_type type)
{
    struct http2_frame frame;
    for (;;) {
        wait_for_frame(endpoint, &frame);
        bool is_wanted = frame.type == type;
        if (!is_wanted && is_of_message(&frame))
            fail_msg("frame %d of stream %u, where %d was expected", frame.type, frame.stream,
                     type);
        buffer_reset(&endpoint->fields);
        if (frame.type == HTTP2_FRAME_HEADERS)
            assert_true(http2_read_head(&endpoint->coder, &frame, &endpoint->fields));
        endpoint->number = http2_frame_number(&frame);
        http2_drop_frame(&endpoint->player.received, &frame);
        if (is_wanted)
            return;
    }
}

uint32_t http2_endpoint_expect_head(struct http2_endpoint *endpoint)
{
    http2_endpoint_expect(endpoint, HTTP2_FRAME_HEADERS);
    return endpoint->stream;
}

/* The next frame, which may be of a body. True when that ends. */
static bool read_data(struct http2_endpoint *endpoint, uint32_t stream, struct buffer *to)
{
    struct http2_frame frame;
    bool has_end = false;
    wait_for_frame(endpoint, &frame);
    if (frame.type == HTTP2_FRAME_DATA) {
        assert_int_equal(frame.stream, stream);
        buffer_append_slice(to, frame.payload);
        has_end = (frame.flags & HTTP2_FLAG_END_STREAM) != 0;
    } else if (frame.type == HTTP2_FRAME_HEADERS) {
        fail_msg("a head, where data was expected");
    }
    http2_drop_frame(&endpoint->player.received, &frame);
    return has_end;
}

void http2_endpoint_read_body(struct http2_endpoint *endpoint, uint32_t stream, struct buffer *to)
{
    while (!read_data(endpoint, stream, to))
        continue;
}

void http2_endpoint_expect_data(struct http2_endpoint *endpoint, uint32_t stream, const char *text,
                                bool is_end)
{
    struct buffer got = BUFFER_EMPTY;
    bool has_end = false;
    while (!has_end && (got.length < strlen(text) || is_end))
        has_end = read_data(endpoint, stream, &got);
    assert_string_equal(buffer_string(&got), text);
    assert_int_equal(has_end, is_end);
    buffer_clear(&got);
}

void http2_endpoint_expect_reset(struct http2_endpoint *endpoint, uint32_t stream, uint32_t error)
{
    http2_endpoint_expect(endpoint, HTTP2_FRAME_RST_STREAM);
    assert_int_equal(endpoint->stream, stream);
    assert_int_equal(endpoint->number, error);
}

/* --- writing --------------------------------------------------------------------------------- */

void http2_endpoint_send(struct http2_endpoint *endpoint, struct buffer *frames)
{
    for (int i = 0; i < PATIENCE_TURNS && frames->length > 0; i++) {
        buffer_consume(frames, player_send_some(&endpoint->player, frames->at, frames->length));
        if (frames->length > 0)
            stage_turn(endpoint->player.stage);
    }
    buffer_clear(frames);
}

void http2_endpoint_send_head(struct http2_endpoint *endpoint, uint32_t stream, bool is_end,
                              const char *fields)
{
    struct buffer frames = BUFFER_EMPTY;
    http2_put_head(&endpoint->coder, &frames, stream, is_end ? HTTP2_FLAG_END_STREAM : 0, fields);
    http2_endpoint_send(endpoint, &frames);
}

void http2_endpoint_send_data(struct http2_endpoint *endpoint, uint32_t stream, bool is_end,
                              const char *text)
{
    struct buffer frames = BUFFER_EMPTY;
    http2_put_data(&frames, stream, is_end ? HTTP2_FLAG_END_STREAM : 0, text);
    http2_endpoint_send(endpoint, &frames);
}

void http2_endpoint_send_bytes(struct http2_endpoint *endpoint, uint32_t stream, struct slice bytes)
{
    enum { FRAME_BYTES_MAX = 16384 };
    struct buffer frames = BUFFER_EMPTY;
    while (bytes.length > 0) {
        size_t length = bytes.length < FRAME_BYTES_MAX ? bytes.length : FRAME_BYTES_MAX;
        http2_put_frame(&frames, HTTP2_FRAME_DATA, 0, stream, slice_of(bytes.at, length));
        bytes = slice_of(bytes.at + length, bytes.length - length);
    }
    http2_endpoint_send(endpoint, &frames);
}

void http2_endpoint_send_reset(struct http2_endpoint *endpoint, uint32_t stream, uint32_t error)
{
    struct buffer frames = BUFFER_EMPTY;
    http2_put_number(&frames, HTTP2_FRAME_RST_STREAM, stream, error);
    http2_endpoint_send(endpoint, &frames);
}

void http2_endpoint_send_goaway(struct http2_endpoint *endpoint, uint32_t last_stream)
{
    struct buffer frames = BUFFER_EMPTY;
    http2_put_goaway(&frames, last_stream, 0);
    http2_endpoint_send(endpoint, &frames);
}
