#include "proto/grpc_flood.h"

#include "common/clock.h"

enum {
    FAULTS = 100,
    IDLE_FRAMES = 400, /* far fewer than nghttp2 queues answers to before it gives up */
    FORGIVEN_A_SECOND = 20,
    FORGIVEN_FOR_CALL = 8,
    FORGIVEN_FOR_DATA = 4,
};

bool grpc_flood_is_idle(const nghttp2_frame *frame)
{
    switch (frame->hd.type) {
    case NGHTTP2_HEADERS:
    case NGHTTP2_RST_STREAM: /* nghttp2 limits their rate */
        return false;
    case NGHTTP2_DATA:
        return frame->hd.length == frame->data.padlen &&
               (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) == 0;
    default:
        return true;
    }
}

static void forgive(struct grpc_flood *flood, uint64_t frames)
{
    flood->idle_frames -= frames < flood->idle_frames ? (unsigned)frames : flood->idle_frames;
}

bool grpc_flood_note_idle(struct grpc_flood *flood)
{
    uint64_t second = clock_now_ms() / 1000;
    if (second != flood->second)
        forgive(flood, (second - flood->second) * FORGIVEN_A_SECOND);
    flood->second = second;
    return ++flood->idle_frames <= IDLE_FRAMES;
}

bool grpc_flood_note_fault(struct grpc_flood *flood)
{
    return ++flood->faults <= FAULTS;
}

void grpc_flood_forgive_for_call(struct grpc_flood *flood)
{
    forgive(flood, FORGIVEN_FOR_CALL);
}

void grpc_flood_forgive_for_data(struct grpc_flood *flood)
{
    forgive(flood, FORGIVEN_FOR_DATA);
}
