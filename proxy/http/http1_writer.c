#include "proxy/http/http1_writer.h"

#include "proxy/http/byte_stream.h"

#include <errno.h>
#include <stdio.h>
#include <sys/uio.h>

/* What an idle writer may keep allocated. */
enum { RETAINED_BYTES = 4096 };

/* A body as small as this is cheaper to copy behind its head than to name in a second iovec. */
enum { COPIED_BYTES = 1024 };

static void recycle(struct buffer *buffer)
{
    if (buffer->length == 0 && buffer->capacity > RETAINED_BYTES)
        buffer_clear(buffer);
}

void http1_writer_start(struct http1_writer *writer, bool is_chunked)
{
    recycle(&writer->before);
    recycle(&writer->after);
    writer->body = 0;
    writer->is_chunked = is_chunked;
    writer->is_end_framed = false;
}

void http1_writer_clear(struct http1_writer *writer)
{
    buffer_clear(&writer->before);
    buffer_clear(&writer->after);
}

/* Takes what waits in the pipe into the message: an open chunk is never extended. */
static void frame_next(struct http1_writer *writer, const struct body_pipe *body)
{
    size_t waiting = body_pipe_waiting(body).length;
    if (!writer->is_chunked) {
        writer->body = waiting;
        writer->is_end_framed = body->is_ended;
        return;
    }
    if (writer->body > 0 || writer->after.length > 0 || writer->is_end_framed)
        return;

    if (waiting > 0) {
        buffer_printf(&writer->before, "%zx\r\n", waiting);
        writer->body = waiting;
        buffer_append(&writer->after, "\r\n", 2);
    }
    if (body->is_ended) {
        buffer_append(&writer->after, "0\r\n", 3);
        buffer_append_slice(&writer->after, buffer_slice(&body->trailers));
        buffer_append(&writer->after, "\r\n", 2);
        writer->is_end_framed = true;
    }
}

static size_t consume_up_to(struct buffer *buffer, size_t sent)
{
    size_t part = sent < buffer->length ? sent : buffer->length;
    buffer_consume(buffer, part);
    return sent - part;
}

static bool take_body(struct http1_writer *writer, struct body_pipe *body, size_t length)
{
    writer->body -= length;
    return length > 0 && body_pipe_take(body, length);
}

/* Returns what is still to send, as one piece or as up to three. */
static size_t gather(struct http1_writer *writer, struct body_pipe *body, struct iovec vector[3],
                     int *count, bool *made_room)
{
    struct slice waiting = body_pipe_waiting(body);
    if (writer->before.length > 0 && writer->body > 0 && writer->body <= COPIED_BYTES) {
        buffer_append(&writer->before, waiting.at, writer->body);
        *made_room |= take_body(writer, body, writer->body);
        if (writer->after.length > 0 && writer->after.length <= COPIED_BYTES) {
            buffer_append_slice(&writer->before, buffer_slice(&writer->after));
            buffer_reset(&writer->after);
        }
    }

    *count = 0;
    if (writer->before.length > 0)
        vector[(*count)++] = (struct iovec){writer->before.at, writer->before.length};
    if (writer->body > 0)
        vector[(*count)++] = (struct iovec){(void *)(uintptr_t)waiting.at, writer->body};
    if (writer->after.length > 0)
        vector[(*count)++] = (struct iovec){writer->after.at, writer->after.length};
    return writer->before.length + writer->body + writer->after.length;
}

enum writer_result http1_writer_send(struct http1_writer *writer, int fd, SSL *ssl,
                                     struct body_pipe *body, bool *made_room)
{
    *made_room = false;
    for (;;) {
        frame_next(writer, body);
        struct iovec vector[3];
        int count;
        size_t wanted = gather(writer, body, vector, &count, made_room);
        if (wanted == 0)
            return WRITER_DONE;

        ssize_t sent = byte_stream_send(fd, ssl, vector, count);
        if (sent < 0)
            return errno == EAGAIN ? WRITER_BLOCKED : WRITER_FAILED;

        writer->sent_bytes += (size_t)sent;
        size_t left = consume_up_to(&writer->before, (size_t)sent);
        size_t of_body = left < writer->body ? left : writer->body;
        *made_room |= take_body(writer, body, of_body);
        consume_up_to(&writer->after, left - of_body);
        /* A record may hold less than there is, and there is room for the next one. */
        if ((size_t)sent < wanted && ssl == NULL)
            return WRITER_BLOCKED;
        /* An open chunk is sent; the pipe may hold more, or the end. */
    }
}
