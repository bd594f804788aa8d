/* HTTP/2 flood: how much of what costs and asks for nothing a peer may send.
 *
 * PING, SETTINGS, PRIORITY, WINDOW_UPDATE, empty DATA and frames that nobody knows are each fine,
 * and so is a stream that we have to reset; many of them are an attack. A peer has some of
 * each at once, more as time goes by, and more idle frames for what it asks and takes.
 *
 * Threads: none shared. */
#ifndef PROXY_HTTP_HTTP2_FLOOD_H
#define PROXY_HTTP_HTTP2_FLOOD_H

#include <stdbool.h>
#include <stdint.h>

struct http2_flood {
    unsigned idle_frames; /* not yet forgiven */
    unsigned resets;
    uint64_t second; /* up to when time has forgiven some */
};

void http2_flood_init(struct http2_flood *flood, uint64_t now_ms);

/* The peer sent a frame that asks for nothing; or it made us reset a stream (RST_STREAM that the
 * rules demand, CVE-2025-8671). False when that is too many. */
bool http2_flood_note_idle(struct http2_flood *flood, uint64_t now_ms);
bool http2_flood_note_reset(struct http2_flood *flood, uint64_t now_ms);

/* A stream has begun or carried data, either way: a few idle frames belong to that. */
void http2_flood_note_use(struct http2_flood *flood);

#endif
