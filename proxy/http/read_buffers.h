/* Read buffers: the memory that bodies are received into, one set for each worker.
 *
 * An exchange has one only while bytes of a body wait in it. They are spares, so that what is
 * received and at once sent again stays in the CPU's cache, however many exchanges there are.
 *
 * Threads: worker. */
#ifndef PROXY_HTTP_READ_BUFFERS_H
#define PROXY_HTTP_READ_BUFFERS_H

#include "common/buffer.h"
#include "proxy/http/spares.h"

#include <stdbool.h>

enum {
    SMALL_BUFFER_BYTES = 512, /* a message of gRPC, say: a hundred of these stay in the cache */
    HEAD_BUFFER_BYTES = 4 * 1024,
    READ_BUFFER_BYTES = 11 * 1024,       /* most answers, one of 10 KiB with its head too */
    LARGE_READ_BUFFER_BYTES = 64 * 1024, /* for those that prove to be longer */
};

/* The sizes above, in order. */
enum read_buffer_size {
    READ_BUFFER_SMALL,
    READ_BUFFER_FOR_HEAD,
    READ_BUFFER_USUAL,
    READ_BUFFER_LARGE,
    READ_BUFFER_SIZES
};

struct read_buffers {
    struct spares sizes[READ_BUFFER_SIZES];
};

void read_buffers_init(struct read_buffers *buffers);
void read_buffers_clear(struct read_buffers *buffers);
/* As spares_trim. */
bool read_buffers_trim(struct read_buffers *buffers);

/* Gives an allocation of READ_BUFFER_BYTES to a buffer that has none. */
void read_buffers_lend(struct read_buffers *buffers, struct buffer *buffer);

/* Gives an empty buffer LARGE_READ_BUFFER_BYTES, if it has less. */
void read_buffers_lend_large(struct read_buffers *buffers, struct buffer *buffer);

/* Gives an allocation of HEAD_BUFFER_BYTES to a buffer that has none. */
void read_buffers_lend_for_head(struct read_buffers *buffers, struct buffer *buffer);

/* Makes sure that a buffer has room for `bytes` more, in the smallest of these that is enough: what
 * it holds moves there. */
void read_buffers_lend_room(struct read_buffers *buffers, struct buffer *buffer, size_t bytes);

/* Takes the allocation of a buffer, whose content is dropped. */
void read_buffers_return(struct read_buffers *buffers, struct buffer *buffer);

#endif
