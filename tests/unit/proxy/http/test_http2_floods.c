/* What costs a server and asks for nothing, by the thousand: each ends the connection, and none of
 * it reaches an endpoint. */
#include "common/buffer.h"
#include "proxy/http/front_http2.h"
#include "tests/support/http2_floods.h"
#include "tests/support/http2_frames.h"
#include "tests/unit/cmocka_all.h"
#include "tests/unit/proxy/http/stage.h"

#include <malloc.h>
#include <stdlib.h>
#include <string.h>

/* Far more than any budget; rounds are sent one after the other, as fast as they are read. */
enum { ROUNDS = 400, FRAMES_A_ROUND = 100, TURNS = 2000 };

/* A connection may hold this much more while it is flooded: frames that wait for the socket, and
 * what nghttp2 keeps of streams. */
enum { MEMORY_BYTES = 512 * 1024 };

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

static void flood_with(struct stage *stage, const struct http2_flood_kind *flood)
{
    struct player client = stage_connect(stage);
    struct buffer bytes = BUFFER_EMPTY;
    http2_flood_begin(flood, &bytes);

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
    for (size_t i = 0; i < http2_flood_kind_count; i++) {
        struct stage *stage = stage_new();
        stage_start(stage);

        flood_with(stage, &http2_flood_kinds[i]);

        const struct worker_counters *counters = stage->worker->counters;
        uint64_t opened = counter_read(&counters->upstream_connections_opened);
        if (opened > http2_flood_kinds[i].requests)
            fail_msg("%s: %u requests went on", http2_flood_kinds[i].name, (unsigned)opened);
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
