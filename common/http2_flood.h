/* HTTP/2 flood: how much of what costs and asks for nothing a peer may send.
 *
 * PING, SETTINGS, PRIORITY, WINDOW_UPDATE, empty DATA and frames that nobody knows are each fine,
 * and so is a frame that breaks the rules and costs its stream; many of them are an attack. A peer
 * has some of each at once, more as time goes by, and more idle frames for what it asks and takes.
 *
 * Threads: none shared. */
#ifndef COMMON_HTTP2_FLOOD_H
#define COMMON_HTTP2_FLOOD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What a peer has at once, and then each second. */
enum {
    HTTP2_FLOOD_IDLE_FRAMES = 400, /* far fewer than nghttp2 queues answers to before it gives up */
    HTTP2_FLOOD_FAULTS = 200,
    HTTP2_FLOOD_FORGIVEN_A_SECOND = 20,
    HTTP2_FLOOD_FORGIVEN_FOR_USE = 4, /* idle frames */
};

struct http2_flood {
    unsigned idle_frames; /* not yet forgiven */
    unsigned faults;
    uint64_t second; /* up to when time has forgiven some */
};

/* Milliseconds are of clock_now_ms. */
void http2_flood_init(struct http2_flood *flood, uint64_t now_ms);

/* Whether a frame asks for nothing: its type and flags (RFC 9113 section 6), its length and how
 * much of that is padding. Of RST_STREAM nghttp2 limits the rate itself. */
bool http2_flood_is_idle(uint8_t type, uint8_t flags, size_t length, size_t padding);

/* The peer has sent a frame that asks for nothing; or one for which its stream is reset (CVE-2025-
 * 8671). False when that is too many. */
bool http2_flood_note_idle(struct http2_flood *flood, uint64_t now_ms);
bool http2_flood_note_fault(struct http2_flood *flood, uint64_t now_ms);

/* A stream has begun or carried data, either way: a few idle frames belong to that. */
void http2_flood_note_use(struct http2_flood *flood);

#endif
