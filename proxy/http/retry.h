/* Retry: whether a try that failed is repeated, where, and after how long.
 *
 * Without a retry stanza only what has cost no service anything is repeated: a connection that was
 * refused, once, on another endpoint, and one that was closed while it waited in the pool; with
 * HTTP/2 also one on which the endpoint never said anything (upstream_http2.h). A
 * stanza repeats more, within a budget: of one backend's requests in one worker no more than a
 * fifth, and 32, may be in their second try or a later one. So retries never multiply what a
 * service that fails under its load has to bear.
 *
 * Threads: worker. */
#ifndef PROXY_HTTP_RETRY_H
#define PROXY_HTTP_RETRY_H

#include "proxy/http/exchange.h"

#include <stdbool.h>
#include <stdint.h>

struct retry_plan {
    uint64_t delay_ms;
    struct endpoint *endpoint; /* NULL: to be picked then, one not tried where there is one */
    bool is_fresh;             /* on no connection of the pool */
};

/* The request is about to be sent to exchange->forwarding.backend for the first time: keeps its
 * body as far as it may have to be sent again, and counts it as running. */
void retry_begin(struct exchange *exchange);

/* Before that, of a body that is gathered whole: so many bytes more are kept until the request is
 * over, or its body need not be kept. False when there are too many already, of all requests. */
bool retry_count_in_body(struct exchange *exchange, uint64_t bytes);

/* It will not be sent again: its body need not be kept. True when that made room for more of it.
 * That of a question stays, as it is the one of the request in question. */
bool retry_forget_body(struct exchange *exchange);

/* Counts it out. Harmless when it was not counted in. */
void retry_end(struct exchange *exchange);

/* Whether the try that has failed is to be repeated, and how. Counts as done. */
bool retry_plan(struct exchange *exchange, enum upstream_failure failure, struct retry_plan *plan);

/* Whether an answer with this status counts as a failure, to be repeated. */
bool retry_wants_status(const struct exchange *exchange, unsigned status);

#endif
