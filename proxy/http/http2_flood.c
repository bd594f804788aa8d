#include "proxy/http/http2_flood.h"

enum {
    IDLE_FRAMES = 400,
    IDLE_FRAMES_A_SECOND = 20,
    IDLE_FRAMES_FOR_USE = 4,
    RESETS = 200,
    RESETS_A_SECOND = 20,
};

void http2_flood_init(struct http2_flood *flood, uint64_t now_ms)
{
    *flood = (struct http2_flood){.second = now_ms / 1000};
}

static void forgive(unsigned *count, uint64_t forgiven)
{
    *count -= forgiven < *count ? (unsigned)forgiven : *count;
}

static void let_time_pass(struct http2_flood *flood, uint64_t now_ms)
{
    uint64_t seconds = now_ms / 1000 - flood->second;
    if (seconds == 0)
        return;
    flood->second += seconds;
    forgive(&flood->idle_frames, seconds * IDLE_FRAMES_A_SECOND);
    forgive(&flood->resets, seconds * RESETS_A_SECOND);
}

bool http2_flood_note_idle(struct http2_flood *flood, uint64_t now_ms)
{
    let_time_pass(flood, now_ms);
    return ++flood->idle_frames <= IDLE_FRAMES;
}

bool http2_flood_note_reset(struct http2_flood *flood, uint64_t now_ms)
{
    let_time_pass(flood, now_ms);
    return ++flood->resets <= RESETS;
}

void http2_flood_note_use(struct http2_flood *flood)
{
    forgive(&flood->idle_frames, IDLE_FRAMES_FOR_USE);
}
