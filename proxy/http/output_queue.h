/* Output queue: what is to leave on a connection, in pieces of memory that go out one behind the
 * other in one call. Short things are copied to the end; a long one that has memory of its own can
 * come with it, without a copy.
 *
 * The memory is that of read buffers, and goes back there when it has left.
 *
 * Threads: worker. */
#ifndef PROXY_HTTP_OUTPUT_QUEUE_H
#define PROXY_HTTP_OUTPUT_QUEUE_H

#include "common/buffer.h"
#include "proxy/http/read_buffers.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/uio.h>

enum { OUTPUT_PIECES_MAX = 8 };

/* Starts as zeros. */
struct output_queue {
    struct buffer pieces[OUTPUT_PIECES_MAX];
    unsigned count; /* of pieces; none of them is empty */
    size_t length;  /* of all */
};

/* Gives all memory back. */
void output_queue_clear(struct output_queue *queue, struct read_buffers *buffers);

/* Copies. */
void output_queue_append(struct output_queue *queue, struct read_buffers *buffers,
                         struct slice bytes);

/* Whether the queue should take a buffer with its memory instead of copying: when its content is
 * not short, and the memory, which is held while the socket is full, is not mostly empty. */
bool output_queue_wants(const struct output_queue *queue, const struct buffer *piece);

/* Takes the memory of such a buffer. */
void output_queue_adopt(struct output_queue *queue, struct buffer *piece);

/* All that is in it, to be sent: returns how many there are. Borrowed until the queue changes. */
int output_queue_vector(const struct output_queue *queue, struct iovec vector[OUTPUT_PIECES_MAX]);

/* So many bytes have left. */
void output_queue_consume(struct output_queue *queue, struct read_buffers *buffers, size_t bytes);

#endif
