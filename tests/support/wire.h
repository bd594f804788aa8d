/* Wire: an HTTP/2 connection to a gRPC socket that sends exactly what it is told, frame by frame,
 * and reads only when it is told to.
 *
 * Threads: one owns a wire. */
#ifndef TESTS_SUPPORT_WIRE_H
#define TESTS_SUPPORT_WIRE_H

#include "common/buffer.h"
#include "common/slice.h"
#include "proto/message.h"

#include <stdbool.h>
#include <stddef.h>

struct nghttp2_hd_inflater;

struct wire {
    int fd;
    struct buffer in;
    struct nghttp2_hd_inflater *inflater;
    int grpc_status; /* the last that was said; -1: none */
};

struct frame {
    size_t length;
    unsigned type;
    unsigned stream;
};

enum {
    FRAME_DATA = 0,
    FRAME_HEADERS = 1,
    FRAME_RESET = 3,
    FRAME_PING = 6,
    FRAME_GOAWAY = 7,
};

/* What a client says first. The second lets no answer through until windows are opened. */
#define WIRE_HELLO SLICE("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0")
#define WIRE_HELLO_WITHOUT_WINDOW                                                                  \
    SLICE("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\x06\x04\0\0\0\0\0\0\x04\0\0\0\0")
#define WIRE_PING SLICE("\0\0\x08\x06\0\0\0\0\0pingpong")

/* Somebody must be listening. */
void wire_open(struct wire *wire, const char *socket_path);
void wire_close(struct wire *wire);

void wire_send(const struct wire *wire, struct slice bytes);
/* The head of a call, on a stream below 128. */
void wire_call_on(const struct wire *wire, unsigned stream, const char *path);
/* Its message, with a text of less than 120 bytes as field 1 (NULL: an empty one), and the end of
 * the request. */
void wire_message_on(const struct wire *wire, unsigned stream, const char *text);
/* The same with any message of less than 16 KB. */
void wire_request_on(const struct wire *wire, unsigned stream, const ProtobufCMessage *message);
/* On stream 1. */
void wire_call(const struct wire *wire, const char *path);
void wire_message(const struct wire *wire, const char *text);

/* Reads the next frame. False at the end of the connection. */
bool wire_next(struct wire *wire, struct frame *frame);
/* Skips frames up to one of this type. */
bool wire_expect(struct wire *wire, unsigned type, struct frame *frame);
/* Skips all. */
bool wire_is_hung_up(struct wire *wire);

#endif
