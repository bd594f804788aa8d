/* HTTP/2 response: the fields of a response, one after the other, to a head as strict as HTTP/1's.
 *
 * What is legal in HTTP/2 is checked here too and not left to the frames below (RFC 9113 section
 * 8): what this accepts can be written as HTTP/1 and reads there the same. Names and values are
 * copied, so a head outlives the stream it came on.
 *
 * Threads: none shared. */
#ifndef PROXY_HTTP_HTTP2_RESPONSE_H
#define PROXY_HTTP_HTTP2_RESPONSE_H

#include "common/buffer.h"
#include "proxy/http/response_parser.h"

#include <stdbool.h>
#include <stddef.h>

struct http2_response {
    struct parsed_response head; /* complete after http2_response_finish; slices into `bytes` */
    enum refusal refusal;        /* the first thing that was wrong */

    /* its own */
    struct buffer *bytes;
    size_t capacity; /* of the fields */
    bool is_to_head;
    bool has_status;
    struct message_framing framing;
};

/* `fields` names the arrays to fill; its capacity is the limit of fields. `bytes` is emptied. The
 * answer is one to HEAD or not. */
void http2_response_start(struct http2_response *response, struct buffer *bytes,
                          struct header_list fields, bool is_to_head);

/* The next field, pseudo-header fields first. Once one was refused the others are not looked at. */
void http2_response_add(struct http2_response *response, struct slice name, struct slice value);

/* The head is complete. False when it is refused. */
bool http2_response_finish(struct http2_response *response);

/* It has opened the WebSocket that was asked for: makes it the answer that HTTP/1 has for that.
 * `accept` is the value of its Sec-WebSocket-Accept, for which there is room; borrowed. */
void http2_response_switch(struct parsed_response *head, struct slice accept);

/* The response has ended with its head: then the body's length is known. */
void http2_response_end(struct parsed_response *head);

#endif
