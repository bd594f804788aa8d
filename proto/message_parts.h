/* Unpacking, with the memory it goes into: what message.c and message_arena.c share.
 *
 * Threads: any. */
#ifndef PROTO_MESSAGE_PARTS_H
#define PROTO_MESSAGE_PARTS_H

#include "proto/message.h"

struct message_memory {
    void *(*allocate)(void *context, size_t bytes); /* never NULL */
    void (*free)(void *context, void *memory);
    void *context;
};

/* As message_unpack. */
ProtobufCMessage *message_unpack_with(const struct message_memory *memory,
                                      const ProtobufCMessageDescriptor *descriptor,
                                      struct slice bytes, size_t max_memory,
                                      enum unknown_fields unknown, struct error *err);

#endif
