/* HTTP message: takes requests and responses apart, for the two ends of a test.
 *
 * Plain and lenient where the proxy is strict: it shows what was sent. It must not be told apart
 * from correct by sharing code with the proxy, so it shares none.
 *
 * Threads: none shared. */
#ifndef TESTS_SUPPORT_HTTP_MESSAGE_H
#define TESTS_SUPPORT_HTTP_MESSAGE_H

#include "common/buffer.h"

#include <stdbool.h>
#include <stddef.h>

enum http_message_state {
    HTTP_MESSAGE_HEAD, /* the head is not there yet */
    HTTP_MESSAGE_BODY, /* the head is, the rest is not */
    HTTP_MESSAGE_COMPLETE,
    HTTP_MESSAGE_BROKEN, /* not HTTP */
};

struct http_message {
    enum http_message_state state;
    int status; /* of a response; 0 for a request */
    /* Each with a terminator behind it once something was taken: `.at` is a string. */
    struct buffer head;     /* start line and fields with the empty line */
    struct buffer body;     /* without chunk framing */
    struct buffer trailers; /* field lines */
    bool is_chunked;
    bool is_until_close; /* the body ends with the connection */
    size_t body_left;    /* of the body, or of this chunk */
    int chunk_step;
};

#define HTTP_MESSAGE_EMPTY ((struct http_message){0})

void http_message_clear(struct http_message *message);

/* Moves what belongs to the message from the front of `input` into it. `has_no_body`: the answer
 * to a HEAD. Returns the state. */
enum http_message_state http_message_take(struct http_message *message, struct buffer *input,
                                          bool has_no_body);

/* The connection has ended: completes a body that was to end with it. */
enum http_message_state http_message_end(struct http_message *message);

/* The first field of that name in the head, without spaces around; NULL when there is none.
 * Caller frees. */
char *http_message_field(const struct http_message *message, const char *name);
/* How many fields have that name. */
size_t http_message_field_count(const struct http_message *message, const char *name);

#endif
