/* A WebSocket on a stream of HTTP/2 (RFC 8441), between a client and an endpoint that say what the
 * input has. The first byte says how many pieces come before the endpoint switches. Each piece has
 * a byte in front: whose it is, how it is packed, and its length. What goes in at one end must come
 * out at the other, as far as it comes. */
#include "common/buffer.h"
#include "proxy/http/conn_pool.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/unix_stage.h"
#include "tests/support/http2_frames.h"
#include "tests/support/websocket_switch.h"

#include <assert.h>
#include <string.h>

enum { MAX_BYTES = 16 * 1024, EARLY_PIECES = 3, TURNS_A_PIECE = 3, LAST_TURNS = 10 };

/* The byte in front of a piece. */
enum { FROM_ENDPOINT = 0x80, IN_DATA = 0x40, LENGTH_MASK = 0x3f };

/* CONNECT, :protocol websocket, http, "/", shop, version 13 (RFC 7541 appendix A). */
#define HANDSHAKE                                                                                  \
    SLICE("\x02\x07"                                                                               \
          "CONNECT"                                                                                \
          "\x00\x09:protocol\x09websocket"                                                         \
          "\x86\x84\x01\x04shop"                                                                   \
          "\x00\x15sec-websocket-version\x02"                                                      \
          "13")

struct play {
    struct player client;
    struct player endpoint;
    struct buffer said;  /* by the client, in DATA of the stream */
    struct buffer heard; /* by the client, in the same */
    struct buffer sent;  /* by the endpoint, after its switch */
    char key[WEBSOCKET_SWITCH_KEY_BYTES + 1];
    bool has_raw_frames; /* the client has said what we do not understand */
    bool is_switched;
};

static struct stage *stage;

static void take_frames(struct play *play)
{
    struct http2_frame frame;
    while (http2_look_at_frame(&play->client.received, &frame)) {
        if (frame.type == HTTP2_FRAME_DATA && frame.stream == 1)
            buffer_append_slice(&play->heard, frame.payload);
        http2_drop_frame(&play->client.received, &frame);
    }
}

static void take_turns(struct play *play, int count)
{
    for (int i = 0; i < count; i++) {
        unix_stage_turn(stage);
        player_read(&play->client);
        player_read(&play->endpoint);
        take_frames(play);
    }
}

static void send_frames(struct play *play, struct buffer *frames)
{
    player_send_some(&play->client, frames->at, frames->length);
    buffer_clear(frames);
}

static void begin(struct play *play)
{
    struct buffer frames = BUFFER_EMPTY;
    *play = (struct play){.client = unix_stage_connect(stage)};
    http2_put_preface(&frames);
    http2_put_frame(&frames, HTTP2_FRAME_HEADERS, HTTP2_FLAG_END_HEADERS, 1, HANDSHAKE);
    send_frames(play, &frames);
    unix_stage_turn(stage);
    play->endpoint = stage_accept(stage, 0);
    take_turns(play, TURNS_A_PIECE);
    bool has_key = websocket_switch_find_key(buffer_string(&play->endpoint.received), play->key);
    assert(has_key);
    player_forget(&play->endpoint);
}

static void switch_over(struct play *play)
{
    struct buffer text = BUFFER_EMPTY;
    websocket_switch_put(&text, play->key, "");
    player_send_some(&play->endpoint, text.at, text.length);
    buffer_clear(&text);
    play->is_switched = true;
    take_turns(play, TURNS_A_PIECE);
}

static void say(struct play *play, uint8_t how, struct slice bytes)
{
    struct buffer frames = BUFFER_EMPTY;
    if ((how & FROM_ENDPOINT) != 0) {
        if (play->is_switched)
            buffer_append(&play->sent, bytes.at,
                          player_send_some(&play->endpoint, bytes.at, bytes.length));
    } else if ((how & IN_DATA) != 0) {
        http2_put_frame(&frames, HTTP2_FRAME_DATA, 0, 1, bytes);
        buffer_append_slice(&play->said, bytes);
        send_frames(play, &frames);
    } else {
        play->has_raw_frames = true;
        player_send_some(&play->client, bytes.at, bytes.length);
    }
    take_turns(play, TURNS_A_PIECE);
}

static bool begins_with(const struct buffer *whole, const struct buffer *part)
{
    return part->length <= whole->length && memcmp(whole->at, part->at, part->length) == 0;
}

static void check(const struct play *play)
{
    const struct buffer *got = &play->endpoint.received;
    if (play->heard.length > 0)
        assert(begins_with(&play->sent, &play->heard));
    if (!play->is_switched)
        assert(got->length == 0);
    if (!play->has_raw_frames && got->length > 0)
        assert(begins_with(&play->said, got));
}

/* Nothing of it is left when both have gone. */
static void end(struct play *play)
{
    const struct worker_counters *counters = stage->worker->counters;
    player_close(&play->client);
    player_close(&play->endpoint);
    for (int i = 0; i < LAST_TURNS && stage->worker->connection_count > 0; i++)
        unix_stage_turn(stage);
    unix_stage_turn_away(stage); /* what the client has asked for on other streams */
    assert(stage->worker->connection_count == 0);
    assert(counter_read(&counters->tunnels_opened) == counter_read(&counters->tunnels_closed));
    assert(conn_pool_count(stage->worker->pool) == 0);
    buffer_clear(&play->said);
    buffer_clear(&play->heard);
    buffer_clear(&play->sent);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (stage == NULL)
        stage = unix_stage_start(NULL);
    if (size < 1 || size > MAX_BYTES)
        return 0;
    unsigned early = data[0] % (EARLY_PIECES + 1);
    struct play play;
    begin(&play);
    for (size_t at = 1; at < size;) {
        uint8_t how = data[at++];
        size_t length = how & LENGTH_MASK;
        if (length > size - at)
            length = size - at;
        if (early == 0 && !play.is_switched)
            switch_over(&play);
        early -= early > 0;
        say(&play, how, slice_of((const char *)data + at, length));
        at += length;
        check(&play);
    }
    end(&play);
    return 0;
}
