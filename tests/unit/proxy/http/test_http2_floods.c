/* What costs a server and asks for nothing, by the thousand: each ends the connection, and none of
 * it reaches an endpoint. */
#include "common/buffer.h"
#include "proxy/http/front_http2.h"
#include "tests/support/http2_frames.h"
#include "tests/unit/cmocka_all.h"
#include "tests/unit/proxy/http/stage.h"

#include <malloc.h>
#include <stdlib.h>
#include <string.h>

enum { ENHANCE_YOUR_CALM = 11, INTERNAL_ERROR = 2, PROTOCOL_ERROR = 1 };

/* Far more than any budget; rounds are sent one after the other, as fast as they are read. */
enum { ROUNDS = 400, FRAMES_A_ROUND = 100, TURNS = 2000 };

/* A connection may hold this much more while it is flooded: frames that wait for the socket, and
 * what nghttp2 keeps of streams. */
enum { MEMORY_BYTES = 512 * 1024 };

#define GET SLICE("\x82\x86\x84\x01\x04shop")
#define POST SLICE("\x83\x86\x84\x01\x04shop")
#define WHOLE (HTTP2_FLAG_END_HEADERS | HTTP2_FLAG_END_STREAM)

struct flood {
    const char *name;
    /* `turn` counts from 0 over all rounds. */
    void (*put)(struct buffer *to, uint32_t turn);
    void (*begin)(struct buffer *to); /* or NULL */
    uint32_t code;                    /* of GOAWAY */
    unsigned requests; /* that may reach an endpoint: those that were whole, and had their turn */
};

/* --- floods ---------------------------------------------------------------------------------- */

static uint32_t stream_of(uint32_t turn)
{
    return 2 * turn + 1;
}

static void put_ping(struct buffer *to, uint32_t turn)
{
    (void)turn;
    http2_put_frame(to, HTTP2_FRAME_PING, 0, 0, SLICE("12345678"));
}

static void put_settings(struct buffer *to, uint32_t turn)
{
    (void)turn;
    http2_put_frame(to, HTTP2_FRAME_SETTINGS, 0, 0, SLICE(""));
}

static void put_priority(struct buffer *to, uint32_t turn)
{
    http2_put_frame(to, HTTP2_FRAME_PRIORITY, 0, stream_of(turn), SLICE("\0\0\0\0\x0f"));
}

static void put_window(struct buffer *to, uint32_t turn)
{
    (void)turn;
    http2_put_number(to, HTTP2_FRAME_WINDOW_UPDATE, 0, 1);
}

static void put_unknown(struct buffer *to, uint32_t turn)
{
    (void)turn;
    http2_put_frame(to, 0x42, 0, 0, SLICE("x"));
}

static void begin_upload(struct buffer *to)
{
    http2_put_frame(to, HTTP2_FRAME_HEADERS, HTTP2_FLAG_END_HEADERS, 1, POST);
}

static void put_empty_data(struct buffer *to, uint32_t turn)
{
    (void)turn;
    http2_put_frame(to, HTTP2_FRAME_DATA, 0, 1, SLICE(""));
}

static void put_padding(struct buffer *to, uint32_t turn)
{
    (void)turn;
    http2_put_frame(to, HTTP2_FRAME_DATA, HTTP2_FLAG_PADDED, 1, SLICE("\x04\0\0\0\0"));
}

static void begin_block(struct buffer *to)
{
    http2_put_frame(to, HTTP2_FRAME_HEADERS, HTTP2_FLAG_END_STREAM, 1, SLICE("\x82"));
}

static void put_empty_continuation(struct buffer *to, uint32_t turn)
{
    (void)turn;
    http2_put_frame(to, HTTP2_FRAME_CONTINUATION, 0, 1, SLICE(""));
}

/* CVE-2023-44487 */
static void put_rapid_reset(struct buffer *to, uint32_t turn)
{
    http2_put_frame(to, HTTP2_FRAME_HEADERS, WHOLE, stream_of(turn), GET);
    http2_put_number(to, HTTP2_FRAME_RST_STREAM, stream_of(turn), 8);
}

/* CVE-2025-8671: it is made to reset them itself, by a window beyond 2^31-1. */
static void put_made_reset(struct buffer *to, uint32_t turn)
{
    http2_put_frame(to, HTTP2_FRAME_HEADERS, WHOLE, stream_of(turn), GET);
    http2_put_number(to, HTTP2_FRAME_WINDOW_UPDATE, stream_of(turn), 0x7fffffff);
}

static void put_malformed(struct buffer *to, uint32_t turn)
{
    http2_put_frame(to, HTTP2_FRAME_HEADERS, WHOLE, stream_of(turn), SLICE("\x82\x82"));
}

/* More streams at a time than the server has said it takes. */
static void put_too_many(struct buffer *to, uint32_t turn)
{
    http2_put_frame(to, HTTP2_FRAME_HEADERS, HTTP2_FLAG_END_HEADERS, stream_of(turn), POST);
}

static const struct flood floods[] = {
    {"PING", put_ping, NULL, ENHANCE_YOUR_CALM, 0},
    {"SETTINGS", put_settings, NULL, ENHANCE_YOUR_CALM, 0},
    {"PRIORITY", put_priority, NULL, ENHANCE_YOUR_CALM, 0},
    {"WINDOW_UPDATE", put_window, NULL, ENHANCE_YOUR_CALM, 0},
    {"frames nobody knows", put_unknown, NULL, ENHANCE_YOUR_CALM, 0},
    {"empty DATA", put_empty_data, begin_upload, ENHANCE_YOUR_CALM, 1},
    {"DATA that is padding", put_padding, begin_upload, ENHANCE_YOUR_CALM, 1},
    {"empty CONTINUATION", put_empty_continuation, begin_block, ENHANCE_YOUR_CALM, 0},
    {"rapid reset", put_rapid_reset, NULL, INTERNAL_ERROR, 0},
    {"resets that are ours", put_made_reset, NULL, ENHANCE_YOUR_CALM, 0},
    {"malformed heads", put_malformed, NULL, ENHANCE_YOUR_CALM, 0},
    {"too many streams", put_too_many, NULL, ENHANCE_YOUR_CALM, HTTP2_STREAMS_MAX},
};

/* --- played ---------------------------------------------------------------------------------- */

struct ending {
    bool has_goaway;
    uint32_t code;
};

static void read_frames(struct player *client, struct ending *ending)
{
    struct http2_frame frame;
    player_read(client);
    while (http2_look_at_frame(&client->received, &frame)) {
        if (frame.type == HTTP2_FRAME_GOAWAY) {
            ending->has_goaway = true;
            ending->code = http2_frame_number(&frame);
        }
        http2_drop_frame(&client->received, &frame);
    }
}

static size_t allocated_bytes(void)
{
    return mallinfo2().uordblks + mallinfo2().hblkhd;
}

static void flood_with(struct stage *stage, const struct flood *flood)
{
    struct player client = stage_connect(stage);
    struct buffer bytes = BUFFER_EMPTY;
    buffer_append_slice(&bytes, HTTP2_FRAMES_PREFACE);
    http2_put_frame(&bytes, HTTP2_FRAME_SETTINGS, 0, 0, SLICE(""));
    if (flood->begin != NULL)
        flood->begin(&bytes);

    struct ending ending = {0};
    size_t before = allocated_bytes();
    size_t most = before;
    uint32_t turn = 0;
    for (unsigned round = 0; round < ROUNDS && !client.has_ended; round++) {
        for (unsigned i = 0; i < FRAMES_A_ROUND; i++)
            flood->put(&bytes, turn++);
        for (int i = 0; i < TURNS && bytes.length > 0 && !client.has_ended; i++) {
            buffer_consume(&bytes, player_send_some(&client, bytes.at, bytes.length));
            stage_turn(stage);
            read_frames(&client, &ending);
            if (allocated_bytes() > most)
                most = allocated_bytes();
        }
    }
    for (int i = 0; i < TURNS && !client.has_ended; i++) {
        stage_turn(stage);
        read_frames(&client, &ending);
    }

    if (!ending.has_goaway || ending.code != flood->code)
        fail_msg("%s: goaway %d, code %u", flood->name, ending.has_goaway, ending.code);
    if (most - before > MEMORY_BYTES + flood->requests * sizeof(struct exchange) * 2)
        fail_msg("%s: %zu bytes", flood->name, most - before);
    player_close(&client);
    buffer_clear(&bytes);
}

static void every_flood_ends_its_connection(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(floods) / sizeof(floods[0]); i++) {
        struct stage *stage = stage_new();
        stage_start(stage);

        flood_with(stage, &floods[i]);

        const struct worker_counters *counters = stage->worker->counters;
        uint64_t opened = counter_read(&counters->upstream_connections_opened);
        if (opened > floods[i].requests)
            fail_msg("%s: %u requests went on", floods[i].name, (unsigned)opened);
        stage_free(stage);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_flood_ends_its_connection),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
