/* Update stream: one update of the feed on its way to a proxy.
 *
 * A cursor into the store, not a copy: each message is read when the proxy can take it. What is
 * sent is exact at one revision, however many commits are made meanwhile.
 *
 * Threads: main. */
#ifndef CONTROL_UPDATE_STREAM_H
#define CONTROL_UPDATE_STREAM_H

#include "common/buffer.h"
#include "common/error.h"
#include "control/store.h"

#include <stdbool.h>
#include <stdint.h>

enum { UPDATE_MESSAGE_BYTES = 512 * 1024 }; /* then a message is full; one object may be more */

/* Plain; embedded in its watcher. */
struct update_stream {
    uint64_t update_id;
    bool is_snapshot;
    uint64_t base_revision; /* 0 in a snapshot */
    uint64_t revision;
    uint64_t digest;
    uint32_t protocol;
    bool is_finished; /* the last message has been made */

    /* where to go on */
    struct store_cursor cursor; /* in a snapshot */
    uint64_t sequence;          /* in a delta */
};

/* Everything at the store's head, or what has changed since `base_revision`, as this feed protocol
 * has it (proto/feed_protocol.h). */
void update_stream_begin_snapshot(struct update_stream *stream, uint64_t update_id,
                                  uint32_t protocol, const struct store *store);
void update_stream_begin_delta(struct update_stream *stream, uint64_t update_id, uint32_t protocol,
                               uint64_t base_revision, const struct store *store);

/* Appends the next message, a packed WatchResponse. ERROR_OUT_OF_RANGE when compaction has
 * overtaken it. */
bool update_stream_next(struct update_stream *stream, struct store *store, struct buffer *to,
                        struct error *err);

#endif
