/* Route puts: the routes that benchmarks fill control with.
 *
 * A route is what `routectl add` makes: a host, a prefix, one backend.
 *
 * Threads: any. */
#ifndef TESTS_BENCH_ROUTE_PUTS_H
#define TESTS_BENCH_ROUTE_PUTS_H

#include "proto/grpc_client.h"

#include <stddef.h>
#include <stdint.h>

enum { ROUTE_PUT_BACKENDS = 100, ROUTE_PUT_TEXT_BYTES = 48, ROUTE_PUTS_MAX = 1000 };

/* All in one piece; may not be moved once it is filled. */
struct route_put {
    MutationMessage mutation;
    RouteMessage route;
    RouteRuleMessage rule, *rules[1];
    RouteMatchMessage match, *matches[1];
    PathMatchMessage path;
    BackendRefMessage ref, *refs[1];
    char *hostnames[1];
    char name[ROUTE_PUT_TEXT_BYTES], host[ROUTE_PUT_TEXT_BYTES], prefix[ROUTE_PUT_TEXT_BYTES];
    char backend[ROUTE_PUT_TEXT_BYTES];
};

/* "route-NUMBER" for "host-HOST.internal", to "backend-N", one of ROUTE_PUT_BACKENDS. */
void route_put_fill(struct route_put *put, size_t number, size_t host, const char *prefix);

/* At most ROUTE_PUTS_MAX in one commit, which must succeed. Returns its revision. */
uint64_t route_puts_apply(struct grpc_client *client, struct route_put *puts, size_t count);

#endif
