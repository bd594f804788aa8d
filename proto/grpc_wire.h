/* gRPC's small encodings: message frames, grpc-timeout, grpc-message, and binary headers.
 *
 * Threads: any. */
#ifndef PROTO_GRPC_WIRE_H
#define PROTO_GRPC_WIRE_H

#include "common/buffer.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* --- messages: a flag, four bytes of length, the message -------------------------------------- */

enum { GRPC_FRAME_BYTES = 5 };

struct grpc_frame {
    bool is_compressed;
    uint32_t length;
};

/* False while fewer than GRPC_FRAME_BYTES are there. A flag that is neither 0 nor 1 counts as
 * compressed: nothing we could read. */
bool grpc_frame_read(struct slice bytes, struct grpc_frame *frame);

/* Room for a frame's head; the message is appended behind it, then the head written. */
void grpc_frame_begin(struct buffer *to);
/* `begun` is to->length as it was before grpc_frame_begin. */
void grpc_frame_end(struct buffer *to, size_t begun);

/* --- headers --------------------------------------------------------------------------------- */

enum { GRPC_TIMEOUT_BYTES = 16 };

/* "250m" and the like to milliseconds, rounded up. False when it has not this form: at most eight
 * digits and one of H M S m u n. */
bool grpc_timeout_parse(struct slice text, uint64_t *timeout_ms);
/* A terminated string; rounded up to the next unit where eight digits are too few. */
void grpc_timeout_format(uint64_t timeout_ms, char to[GRPC_TIMEOUT_BYTES]);

/* Percent-encoding of grpc-message: what is not printable ASCII, and '%', as %XX. */
void grpc_message_encode(struct slice text, struct buffer *to);
/* Decodes into `to` with a terminator, cut to fit. Wrong escapes stay as they are; a NUL, which a
 * C string cannot hold, becomes '?'. */
void grpc_message_decode(struct slice text, char *to, size_t to_bytes);

/* Base64 of "-bin" headers: written without padding, read with or without. */
void grpc_binary_encode(struct slice bytes, struct buffer *to);
bool grpc_binary_decode(struct slice text, struct buffer *to);

#endif
