/* Reference matcher: the rules of ROUTING.md written down as plainly as can be.
 *
 * It looks at every match of every route for every request, and shares no code with the table but
 * the engine of regular expressions. What it says is right; how long it takes does not matter. */
#ifndef TESTS_UNIT_PROXY_ROUTING_REFERENCE_MATCHER_H
#define TESTS_UNIT_PROXY_ROUTING_REFERENCE_MATCHER_H

#include "proto/messages.h"
#include "proxy/routing/request_head.h"

#include <stddef.h>

struct reference_answer {
    const RouteMessage *route; /* NULL: no rule matches */
    size_t rule_index;
};

struct reference_answer reference_find(RouteMessage *const *routes, size_t count,
                                       const struct request_head *head);

#endif
