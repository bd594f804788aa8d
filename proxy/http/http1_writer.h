/* HTTP/1 writer: sends a head and then a body, framed, as fast as a socket takes them.
 *
 * Both ends use it: the front for responses, the upstream for requests. The body goes from its
 * pipe to the socket without being copied, and a head whose body is there leaves together with
 * it.
 *
 * Threads: worker. */
#ifndef PROXY_HTTP_HTTP1_WRITER_H
#define PROXY_HTTP_HTTP1_WRITER_H

#include "common/buffer.h"
#include "proxy/http/body_pipe.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <openssl/ssl.h>

struct http1_writer {
    bool is_chunked;      /* else as it is: by length, or until close */
    bool is_end_framed;   /* whatever ends the body is in `after` or was sent */
    size_t body;          /* bytes of the pipe that go next */
    uint64_t sent_bytes;  /* in all, for counters */
    struct buffer before; /* heads, the size line of the open chunk */
    struct buffer after;  /* the end of the open chunk; the last chunk and trailers */
};

enum writer_result {
    WRITER_DONE,    /* all there was is sent */
    WRITER_BLOCKED, /* the socket takes no more for now */
    WRITER_FAILED,  /* the peer is gone; errno says why */
};

/* Begins a message: its head is then appended to `before`, behind what may wait there. The message
 * before it is complete. */
void http1_writer_start(struct http1_writer *writer, bool is_chunked);
void http1_writer_clear(struct http1_writer *writer);

/* Sends what it can of head and body, through `ssl` unless that is NULL. `*made_room`: the body's
 * producer should be told. */
enum writer_result http1_writer_send(struct http1_writer *writer, int fd, SSL *ssl,
                                     struct body_pipe *body, bool *made_room);

/* Head, body and end are all sent. */
static inline bool http1_writer_is_complete(const struct http1_writer *writer)
{
    return writer->is_end_framed && writer->before.length == 0 && writer->body == 0 &&
           writer->after.length == 0;
}

#endif
