/* Random routes: what the table is tried with against the reference matcher.
 *
 * A seed gives the same routes and requests everywhere. Words are few, so that much collides:
 * hosts of several depths, paths that contain each other, headers of equal names, values that only
 * joining or decoding makes equal.
 *
 * Threads: none shared. */
#ifndef TESTS_UNIT_PROXY_ROUTING_RANDOM_ROUTES_H
#define TESTS_UNIT_PROXY_ROUTING_RANDOM_ROUTES_H

#include "common/buffer.h"
#include "proto/messages.h"
#include "proxy/routing/request_head.h"

#include <stdbool.h>
#include <stdint.h>

enum world_kind {
    WORLD_MIXED,       /* some of everything */
    WORLD_CROWDED,     /* two paths on every host: hundreds of matches share one */
    WORLD_WIDE,        /* many hosts and many paths: deep indexes */
    WORLD_EXPRESSIONS, /* hundreds of expressions for the paths of two hosts */
    WORLD_VALUES,      /* hundreds of expressions for values, and gRPC methods, on two paths */
    WORLD_KINDS,
};

enum { WORLD_MAX_ROUTES = 400 };

void random_seed(uint64_t seed);
unsigned random_below(unsigned below);
bool random_once_in(unsigned times);

/* How many names there are; routes are numbered by them. */
unsigned world_route_count(enum world_kind world);

/* Passes route_validate. Free with route_text_free. */
RouteMessage *random_route(enum world_kind world, unsigned number);
/* As request_text_init takes it. */
void random_request(enum world_kind world, struct buffer *text);
/* One of those that attachments speak of, or another. */
const struct listener_identity *random_listener(void);

#endif
