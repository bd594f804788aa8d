/* Read buffers: the memory that answers are received into, one set for each worker.
 *
 * An exchange has one only from the first byte of its answer to the last byte sent. The one given
 * back last is lent first, so that what is received and at once sent again stays in the CPU's
 * cache, however many exchanges wait for their endpoints.
 *
 * Threads: worker. */
#ifndef PROXY_HTTP_READ_BUFFERS_H
#define PROXY_HTTP_READ_BUFFERS_H

#include "common/buffer.h"

enum { READ_BUFFER_BYTES = 16 * 1024, READ_BUFFERS_KEPT = 32 };

struct read_buffers {
    struct buffer kept[READ_BUFFERS_KEPT];
    unsigned count;
};

void read_buffers_clear(struct read_buffers *buffers);

/* Gives an allocation of READ_BUFFER_BYTES to a buffer that has none. */
void read_buffers_lend(struct read_buffers *buffers, struct buffer *buffer);

/* Takes the allocation of a buffer, whose content is dropped. */
void read_buffers_return(struct read_buffers *buffers, struct buffer *buffer);

#endif
