/* Route places: numbers that keep routes in the order of their age where they are made anew.
 *
 * Of rules that match alike the older route's wins; routes that one commit makes are equally old,
 * and there the lower created_order counts as the older, then the name. So a route needs a higher
 * number only where an older one with a later name serves the same hostname.
 *
 * Threads: any. */
#ifndef CONTROL_ROUTECTL_ROUTE_PLACES_H
#define CONTROL_ROUTECTL_ROUTE_PLACES_H

#include "proto/messages.h"

#include <stddef.h>
#include <stdint.h>

struct placed_route {
    const RouteMessage *route;
    uint32_t order; /* its created_order, at most 65535 */
};

/* Gives each its number, and sorts them by name; of one name, the HTTPRoute first. */
void route_places_find(struct placed_route *routes, size_t count);

#endif
