/* Upstream: a place for one exchange at an endpoint, whatever it speaks.
 *
 * With HTTP/1 the place is a connection, with HTTP/2 a stream of one.
 *
 * Threads: worker. */
#ifndef PROXY_HTTP_UPSTREAM_H
#define PROXY_HTTP_UPSTREAM_H

#include <stdbool.h>
#include <stdint.h>

struct endpoint;
struct exchange;
struct upstream_http1;
struct upstream_http2;
struct worker;

enum upstream_lease {
    UPSTREAM_LEASED,
    UPSTREAM_FULL,        /* it would take one connection more than `max_connections` */
    UPSTREAM_UNREACHABLE, /* refused at once */
};

/* Where an exchange goes; of the two the one that its endpoint speaks. */
struct upstream_place {
    struct upstream_http1 *http1;
    struct upstream_http2 *http2;
};

/* A place at the endpoint, for upstream_start in the same call; `is_fresh`: on a connection that
 * was not used before. `max_connections` is for all workers together; 0: no limit. */
enum upstream_lease upstream_lease(struct worker *worker, struct endpoint *endpoint, bool is_fresh,
                                   uint32_t max_connections, struct upstream_place *place);

/* Sends the exchange's request. What becomes of it, the exchange is told. */
void upstream_start(struct exchange *exchange, const struct upstream_place *place);

#endif
