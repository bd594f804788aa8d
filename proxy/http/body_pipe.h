/* Body pipe: the bytes of one body on their way from a producer to a consumer.
 *
 * The producer appends while there is room, the consumer takes from the front. That is all the
 * flow control there is: memory stays bounded because a producer without room stops reading its
 * socket. What was taken may be kept for a while, so that a request can be sent a second time.
 *
 * Threads: worker. */
#ifndef PROXY_HTTP_BODY_PIPE_H
#define PROXY_HTTP_BODY_PIPE_H

#include "common/buffer.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A producer stops at the high mark and is told to go on at the low one. */
enum { BODY_PIPE_HIGH_BYTES = 64 * 1024, BODY_PIPE_LOW_BYTES = 32 * 1024 };

struct body_pipe {
    struct buffer bytes;    /* first the kept ones, then those waiting */
    uint64_t total;         /* bytes ever appended */
    size_t taken;           /* bytes at the front that were taken and are kept */
    size_t keep_limit;      /* keep taken bytes while there are no more than this; 0: keep none */
    bool is_ended;          /* nothing more will be appended */
    size_t withheld;        /* its high mark is lower by this, the low one by half of it */
    struct buffer trailers; /* "name: value\r\n" lines, checked; when the end has come */
};

/* Forgets the content, keeps its marks, and allocations of ordinary size for the next body. */
void body_pipe_reset(struct body_pipe *body);
void body_pipe_clear(struct body_pipe *body);

/* Bytes that wait for the consumer. Borrowed until the pipe changes. */
static inline struct slice body_pipe_waiting(const struct body_pipe *body)
{
    if (body->bytes.length == body->taken)
        return slice_of(NULL, 0);
    return slice_of(body->bytes.at + body->taken, body->bytes.length - body->taken);
}

/* How much may wait in it. */
static inline size_t body_pipe_high(const struct body_pipe *body)
{
    return BODY_PIPE_HIGH_BYTES - body->withheld;
}

/* How much the producer may append. */
static inline size_t body_pipe_room(const struct body_pipe *body)
{
    size_t high = body_pipe_high(body);
    return body->bytes.length < high ? high - body->bytes.length : 0;
}

void body_pipe_append(struct body_pipe *body, struct slice bytes);

/* Counts bytes that were received straight into room reserved in body->bytes. */
void body_pipe_extend(struct body_pipe *body, size_t length);

/* The consumer has taken the first `length` waiting bytes. True when that takes the pipe from
 * above the low mark to below it, or empties it before its end: the producer may have stopped and
 * should be told. */
bool body_pipe_take(struct body_pipe *body, size_t length);

/* Takes all that waits, as body_pipe_take does, and its memory with it: it is sent from there. Not
 * while something is kept. */
bool body_pipe_move(struct body_pipe *body, struct buffer *to);

/* Whether the consumer can have everything again from the first byte. */
static inline bool body_pipe_can_rewind(const struct body_pipe *body)
{
    return body->total == body->bytes.length;
}

void body_pipe_rewind(struct body_pipe *body);

/* Gives everything, which it has kept or which waits, to a pipe that is empty and gets no more:
 * there all of it waits. */
void body_pipe_give(struct body_pipe *body, struct body_pipe *to);

/* From now on what is taken is gone. True when that made room, as in body_pipe_take. */
bool body_pipe_stop_keeping(struct body_pipe *body);

#endif
