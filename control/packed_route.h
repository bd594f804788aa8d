/* Packed route: what can be told of a route from its bytes, without unpacking it.
 *
 * Threads: any. */
#ifndef CONTROL_PACKED_ROUTE_H
#define CONTROL_PACKED_ROUTE_H

#include "common/slice.h"
#include "proto/messages.h"

#include <stdbool.h>
#include <stdint.h>

/* Whether one of its hostnames takes `host` (in lower case, without port). True for bytes that
 * are no route: unpacking them tells why. */
bool packed_route_serves_host(struct slice bytes, struct slice host);

/* As what it was written. */
Pointsman__V1__RouteKind packed_route_kind(struct slice bytes);

/* Its place among the routes of one commit. */
uint32_t packed_route_created_order(struct slice bytes);

#endif
