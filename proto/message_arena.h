/* Message arena: memory for unpacked messages that go together.
 *
 * A message of a thousand routes is ten thousand allocations. From an arena they cost an addition
 * each, and are given back at once, without walking the message. What is unpacked into one is not
 * freed by message_free, and nothing in it may be replaced by what is.
 *
 * Threads: one at a time. */
#ifndef PROTO_MESSAGE_ARENA_H
#define PROTO_MESSAGE_ARENA_H

#include "common/slice.h"
#include "proto/message.h"

#include <stddef.h>

#include <protobuf-c/protobuf-c.h>

struct message_arena_block;

/* Zeroed: empty. */
struct message_arena {
    struct message_arena_block *newest;
};

/* As message_unpack. Borrowed until the arena is reset or cleared. */
ProtobufCMessage *message_arena_unpack(struct message_arena *arena,
                                       const ProtobufCMessageDescriptor *descriptor,
                                       struct slice bytes, size_t max_memory,
                                       enum unknown_fields unknown, struct error *err);

/* Forgets what is in it and keeps one block for what comes next. */
void message_arena_reset(struct message_arena *arena);
void message_arena_clear(struct message_arena *arena);

#endif
