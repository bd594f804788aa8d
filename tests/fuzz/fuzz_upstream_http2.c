/* An endpoint of HTTP/2 that says anything, and a client of HTTP/1 that has asked it for something.
 * The first byte says for what, and whether the endpoint begins as it should. Each piece behind it
 * has a byte in front: how it is packed, and its length. Whatever comes, nothing of it is left when
 * both have gone, and what the client gets begins with heads of HTTP/1. */
#include "common/buffer.h"
#include "proxy/http/conn_pool.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/unix_stage.h"
#include "tests/support/http2_frames.h"
#include "tests/support/websocket_switch.h"

#include <assert.h>
#include <string.h>

enum { MAX_BYTES = 16 * 1024, TURNS_A_PIECE = 3, LAST_TURNS = 10 };

/* The first byte. */
enum { REQUEST_MASK = 0x03, SAYS_SETTINGS = 0x04 };

/* The byte in front of a piece: as it is, in DATA or HEADERS of the request's stream, or of the
 * client. HEADERS and DATA may end the stream. */
enum {
    PACKING_MASK = 0xc0,
    AS_IT_IS = 0x00,
    IN_DATA = 0x40,
    IN_HEADERS = 0x80,
    OF_CLIENT = 0xc0,
    IS_END = 0x20,
    LENGTH_MASK = 0x1f,
};

static const char *const requests[] = {
    "GET / HTTP/1.1\r\nHost: a\r\nTE: trailers\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
    "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: a\r\n" WEBSOCKET_SWITCH_FIELDS "\r\n",
};

struct play {
    struct player client;
    struct player endpoint;
};

static struct stage *stage;

static void take_turns(struct play *play, int count)
{
    for (int i = 0; i < count; i++) {
        unix_stage_turn(stage);
        player_read(&play->client);
        player_read(&play->endpoint);
        player_forget(&play->endpoint);
    }
}

static void begin(struct play *play, uint8_t how)
{
    const char *request = requests[how & REQUEST_MASK];
    *play = (struct play){.client = unix_stage_connect(stage)};
    player_send_some(&play->client, request, strlen(request));
    unix_stage_turn(stage);
    play->endpoint = stage_accept(stage, 0);
    if ((how & SAYS_SETTINGS) != 0) {
        struct buffer frames = BUFFER_EMPTY;
        http2_put_setting(&frames, HTTP2_SETTING_ENABLE_CONNECT_PROTOCOL, 1);
        http2_put_frame(&frames, HTTP2_FRAME_SETTINGS, HTTP2_FLAG_ACK, 0, SLICE(""));
        player_send_some(&play->endpoint, frames.at, frames.length);
        buffer_clear(&frames);
    }
    take_turns(play, TURNS_A_PIECE);
}

static void say(struct play *play, uint8_t how, struct slice bytes)
{
    struct buffer frames = BUFFER_EMPTY;
    uint8_t end = (how & IS_END) != 0 ? HTTP2_FLAG_END_STREAM : 0;
    switch (how & PACKING_MASK) {
    case OF_CLIENT:
        player_send_some(&play->client, bytes.at, bytes.length);
        if (end != 0)
            player_finish_sending(&play->client);
        break;
    case IN_DATA:
        http2_put_frame(&frames, HTTP2_FRAME_DATA, end, 1, bytes);
        break;
    case IN_HEADERS:
        http2_put_frame(&frames, HTTP2_FRAME_HEADERS, HTTP2_FLAG_END_HEADERS | end, 1, bytes);
        break;
    default:
        buffer_append_slice(&frames, bytes);
        break;
    }
    player_send_some(&play->endpoint, frames.at, frames.length);
    buffer_clear(&frames);
    take_turns(play, TURNS_A_PIECE);
}

/* What comes behind an interim head is another. */
static void check_response(struct play *play)
{
    const char *at = buffer_string(&play->client.received);
    while (strncmp(at, "HTTP/1.1 1", 10) == 0 && strncmp(at, "HTTP/1.1 101", 12) != 0) {
        at = strstr(at, "\r\n\r\n");
        assert(at != NULL);
        at += 4;
    }
    assert(*at == '\0' || strncmp(at, "HTTP/1.1 ", 9) == 0);
}

static void end(struct play *play)
{
    const struct worker_counters *counters = stage->worker->counters;
    player_close(&play->client);
    player_close(&play->endpoint);
    for (int i = 0; i < LAST_TURNS; i++) {
        unix_stage_turn(stage);
        unix_stage_turn_away(stage);
    }
    assert(stage->worker->connection_count == 0);
    assert(stage->worker->http2_dirty.first == NULL);
    assert(conn_pool_count(stage->worker->pool) == 0);
    assert(counter_read(&counters->tunnels_opened) == counter_read(&counters->tunnels_closed));
    assert(counter_read(&counters->upstream_connections_opened) ==
           counter_read(&counters->upstream_connections_closed));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (stage == NULL)
        stage = unix_stage_start("h2c");
    if (size < 1 || size > MAX_BYTES)
        return 0;
    struct play play;
    begin(&play, data[0]);
    for (size_t at = 1; at < size;) {
        uint8_t how = data[at++];
        size_t length = how & LENGTH_MASK;
        if (length > size - at)
            length = size - at;
        say(&play, how, slice_of((const char *)data + at, length));
        at += length;
    }
    check_response(&play);
    end(&play);
    return 0;
}
