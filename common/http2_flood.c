#include "common/http2_flood.h"

enum { DATA = 0, HEADERS = 1, RST_STREAM = 3, END_STREAM = 0x1 };

void http2_flood_init(struct http2_flood *flood, uint64_t now_ms)
{
    *flood = (struct http2_flood){.second = now_ms / 1000};
}

bool http2_flood_is_idle(uint8_t type, uint8_t flags, size_t length, size_t padding)
{
    switch (type) {
    case HEADERS:
    case RST_STREAM:
        return false;
    case DATA:
        return length == padding && (flags & END_STREAM) == 0;
    default:
        return true;
    }
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
    forgive(&flood->idle_frames, seconds * HTTP2_FLOOD_FORGIVEN_A_SECOND);
    forgive(&flood->faults, seconds * HTTP2_FLOOD_FORGIVEN_A_SECOND);
}

bool http2_flood_note_idle(struct http2_flood *flood, uint64_t now_ms)
{
    let_time_pass(flood, now_ms);
    return ++flood->idle_frames <= HTTP2_FLOOD_IDLE_FRAMES;
}

bool http2_flood_note_fault(struct http2_flood *flood, uint64_t now_ms)
{
    let_time_pass(flood, now_ms);
    return ++flood->faults <= HTTP2_FLOOD_FAULTS;
}

void http2_flood_note_use(struct http2_flood *flood)
{
    forgive(&flood->idle_frames, HTTP2_FLOOD_FORGIVEN_FOR_USE);
}
