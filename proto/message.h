/* Message: protobuf-c with the checks it lacks.
 *
 * protobuf-c takes tens of times the memory of what it unpacks, cuts strings at an embedded NUL,
 * does not check UTF-8, and keeps unknown fields silently. Everything that comes from outside is
 * unpacked here.
 *
 * Threads: any. */
#ifndef PROTO_MESSAGE_H
#define PROTO_MESSAGE_H

#include "common/buffer.h"
#include "common/error.h"
#include "proto/messages.h"

#include <stddef.h>

/* What unpacking one message may take, in bytes. */
#define MESSAGE_MEMORY_DEFAULT ((size_t)8 << 20)
#define MESSAGE_MEMORY_APPLY ((size_t)64 << 20)

/* What one Apply may hold. */
enum { APPLY_MUTATIONS_MAX = 10000, APPLY_BYTES_MAX = 4 << 20 };

/* What becomes of fields that this version does not know. */
enum unknown_fields {
    UNKNOWN_FIELDS_REFUSED, /* ERROR_INVALID */
    UNKNOWN_FIELDS_KEPT,    /* packing the message writes them again */
};

/* Unpacks and checks, at every depth: strings are UTF-8 without NUL, and unknown fields are what
 * `unknown` says. The error names the field's path. NULL on error. Free with message_free. */
ProtobufCMessage *message_unpack(const ProtobufCMessageDescriptor *descriptor, struct slice bytes,
                                 size_t max_memory, enum unknown_fields unknown, struct error *err);

/* Copies: unknown fields too, and whatever it takes in memory, as the message has been let in
 * before. Free with message_free. */
ProtobufCMessage *message_copy(const ProtobufCMessage *message);

/* Frees what message_unpack or message_copy returned. Harmless on NULL. */
void message_free(ProtobufCMessage *message);

/* Appends the message's bytes. */
void message_pack(const ProtobufCMessage *message, struct buffer *to);

#endif
