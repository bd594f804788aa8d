/* Feed protocol: what the numbers in WatchRequest and Welcome stand for. Both sides speak all of
 * them; the highest that both speak is used.
 *
 * Threads: none. */
#ifndef PROTO_FEED_PROTOCOL_H
#define PROTO_FEED_PROTOCOL_H

enum {
    /* Routes of both kinds go by their names alone: of one name, there is one. */
    FEED_PROTOCOL_NAMES = 1,
    /* Routes go by their ids (proto/route_id.h). */
    FEED_PROTOCOL_IDS = 2,

    FEED_PROTOCOL_MIN = FEED_PROTOCOL_NAMES,
    FEED_PROTOCOL_MAX = FEED_PROTOCOL_IDS,
};

#endif
