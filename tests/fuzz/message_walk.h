/* Message walk: everything that went over a connection, message by message, read by the strict
 * parsers, so that what came in and what went out can be compared.
 *
 * Threads: none shared. */
#ifndef TESTS_FUZZ_MESSAGE_WALK_H
#define TESTS_FUZZ_MESSAGE_WALK_H

#include "common/buffer.h"

#include <stdbool.h>
#include <stddef.h>

struct walked_request {
    struct buffer line; /* method, path and query as they count */
    struct buffer body; /* without chunks; as far as it came */
    bool is_complete;
    bool is_head; /* HEAD */
    bool wants_websocket;
};

/* Up to what cannot be read, is not there any more, or is another protocol. */
struct request_walk {
    struct walked_request *requests;
    size_t count;
    bool is_refused; /* something is no request */
    bool has_more;   /* there is something behind the last complete one */
};

void request_walk(struct request_walk *walk, struct slice bytes, bool peer_is_trusted);
void request_walk_clear(struct request_walk *walk);

/* Whether what arrived on a connection was asked, and in that order; a request may be repeated. */
bool request_walk_is_part_of(const struct request_walk *arrived, const struct request_walk *asked);

/* Whether `bytes` are responses, one for each request at most, and one more where not everything
 * was a request. */
bool responses_fit(struct slice bytes, const struct request_walk *asked);

#endif
