#include "proxy/http/output_queue.h"

#include <assert.h>
#include <string.h>

/* Less is cheaper to copy than to name in an iovec. */
enum { ADOPTED_LEAST_BYTES = 2 * 1024 };

void output_queue_clear(struct output_queue *queue, struct read_buffers *buffers)
{
    for (unsigned i = 0; i < queue->count; i++)
        read_buffers_return(buffers, &queue->pieces[i]);
    *queue = (struct output_queue){0};
}

static bool has_place(const struct output_queue *queue)
{
    return queue->count < OUTPUT_PIECES_MAX;
}

static size_t room_of(const struct buffer *piece)
{
    return piece->capacity - piece->consumed - piece->length;
}

/* Where the next bytes go. Nothing moves for them as long as there is a place for a new piece,
 * which has room for as much as there is already: few are needed then. */
static struct buffer *end_with_room(struct output_queue *queue, struct read_buffers *buffers,
                                    size_t bytes)
{
    struct buffer *last = queue->count == 0 ? NULL : &queue->pieces[queue->count - 1];
    if (last != NULL && room_of(last) >= bytes)
        return last;
    if (!has_place(queue)) {
        buffer_reserve(last, bytes);
        return last;
    }
    struct buffer *next = &queue->pieces[queue->count++];
    read_buffers_lend_room(buffers, next, bytes + queue->length);
    return next;
}

void output_queue_append(struct output_queue *queue, struct read_buffers *buffers,
                         struct slice bytes)
{
    if (bytes.length == 0)
        return;
    buffer_append_slice(end_with_room(queue, buffers, bytes.length), bytes);
    queue->length += bytes.length;
}

bool output_queue_wants(const struct output_queue *queue, const struct buffer *piece)
{
    return has_place(queue) && piece->length >= ADOPTED_LEAST_BYTES &&
           piece->length >= piece->capacity / 2;
}

void output_queue_adopt(struct output_queue *queue, struct buffer *piece)
{
    assert(output_queue_wants(queue, piece));
    queue->length += piece->length;
    queue->pieces[queue->count++] = *piece;
    *piece = BUFFER_EMPTY;
}

int output_queue_vector(const struct output_queue *queue, struct iovec vector[OUTPUT_PIECES_MAX])
{
    for (unsigned i = 0; i < queue->count; i++)
        vector[i] = (struct iovec){queue->pieces[i].at, queue->pieces[i].length};
    return (int)queue->count;
}

void output_queue_consume(struct output_queue *queue, struct read_buffers *buffers, size_t bytes)
{
    assert(bytes <= queue->length);
    queue->length -= bytes;
    unsigned gone = 0;
    while (gone < queue->count && bytes >= queue->pieces[gone].length) {
        bytes -= queue->pieces[gone].length;
        read_buffers_return(buffers, &queue->pieces[gone++]);
    }
    queue->count -= gone;
    memmove(queue->pieces, queue->pieces + gone, queue->count * sizeof(queue->pieces[0]));
    for (unsigned i = queue->count; i < queue->count + gone; i++)
        queue->pieces[i] = BUFFER_EMPTY;
    if (bytes > 0)
        buffer_consume(&queue->pieces[0], bytes);
}
