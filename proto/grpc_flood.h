/* gRPC flood: how much a peer sends that asks for nothing.
 *
 * PING, SETTINGS, PRIORITY, WINDOW_UPDATE, empty DATA, and frames that nobody knows: each is fine,
 * and costs. A peer may send some of them at any time, and more as it makes calls and takes data.
 *
 * Threads: its core's. */
#ifndef PROTO_GRPC_FLOOD_H
#define PROTO_GRPC_FLOOD_H

#include <stdbool.h>
#include <stdint.h>

#include <nghttp2/nghttp2.h>

/* Starts as zeros. */
struct grpc_flood {
    unsigned idle_frames;
    uint64_t second; /* when some were last forgiven */
    unsigned faults; /* frames that break the protocol */
};

/* Does this frame of the peer ask for nothing? */
bool grpc_flood_is_idle(const nghttp2_frame *frame);

/* False when these are too many. */
bool grpc_flood_note_idle(struct grpc_flood *flood);
bool grpc_flood_note_fault(struct grpc_flood *flood);

/* The peer has made a call, or has been sent a DATA frame. */
void grpc_flood_forgive_for_call(struct grpc_flood *flood);
void grpc_flood_forgive_for_data(struct grpc_flood *flood);

#endif
