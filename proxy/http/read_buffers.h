/* Read buffers: the memory that bodies are received into, one set for each worker.
 *
 * An exchange has one only while bytes of a body wait in it. The one given back last is lent
 * first, so that what is received and at once sent again stays in the CPU's cache, however many
 * exchanges there are. Heads are written into the smallest for the same reason.
 *
 * Threads: worker. */
#ifndef PROXY_HTTP_READ_BUFFERS_H
#define PROXY_HTTP_READ_BUFFERS_H

#include "common/buffer.h"

/* Most answers fit into the first, one of 10 KiB with its head too; those that prove to be longer
 * go on in the second. */
enum { READ_BUFFER_BYTES = 11 * 1024, LARGE_READ_BUFFER_BYTES = 64 * 1024 };

enum { HEAD_BUFFER_BYTES = 4 * 1024 };

enum { READ_BUFFERS_KEPT = 32, LARGE_READ_BUFFERS_KEPT = 8, HEAD_BUFFERS_KEPT = 32 };

struct read_buffers {
    struct buffer kept[READ_BUFFERS_KEPT];
    struct buffer kept_large[LARGE_READ_BUFFERS_KEPT];
    struct buffer kept_for_heads[HEAD_BUFFERS_KEPT];
    unsigned count;
    unsigned large_count;
    unsigned head_count;
};

void read_buffers_clear(struct read_buffers *buffers);

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
