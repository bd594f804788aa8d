/* CORS: which cross-origin requests the CORS filter of a rule lets through, and the headers that
 * tell a browser (https://fetch.spec.whatwg.org/#http-cors-protocol).
 *
 * The answer always names the origin, method and headers that were asked for, never "*", so that
 * it is right with credentials and without.
 *
 * Threads: none shared. */
#ifndef PROXY_ROUTING_CORS_H
#define PROXY_ROUTING_CORS_H

#include "common/arena.h"
#include "proxy/routing/filter.h"
#include "proxy/routing/request_head.h"

#include <stdbool.h>

/* More than any of these functions fills in. */
enum { CORS_MAX_HEADERS = 8 };

/* Whether the request asks for permission on behalf of another. */
bool cors_is_preflight(const struct request_head *head);

/* Whether `origin`, as in a request's Origin, is one of those allowed. */
bool cors_allows_origin(const struct cors *cors, struct slice origin);

/* The headers of the answer to a preflight. Returns how many: without permission only Vary. */
size_t cors_preflight_headers(const struct cors *cors, const struct request_head *head,
                              struct header headers[CORS_MAX_HEADERS], struct arena *arena);

/* Completes the headers of a service's response to `head`, of which there are `count` and room for
 * CORS_MAX_HEADERS more. What the service says itself about a cross-origin request does not count.
 * Returns how many there are then. */
size_t cors_response_headers(const struct cors *cors, const struct request_head *head,
                             struct header *headers, size_t count, struct arena *arena);

#endif
