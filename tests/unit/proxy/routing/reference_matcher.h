/* Reference matcher: the rules of ROUTING.md written down as plainly as can be.
 *
 * It looks at every match of every route for every request, and shares no code with the table but
 * the engine of regular expressions. What it says is right; how long it takes does not matter. */
#ifndef TESTS_UNIT_PROXY_ROUTING_REFERENCE_MATCHER_H
#define TESTS_UNIT_PROXY_ROUTING_REFERENCE_MATCHER_H

#include "proto/messages.h"
#include "proxy/routing/request_head.h"

#include <stddef.h>
#include <stdint.h>

/* What had the last word between the winner and the next best match that holds. */
enum reference_criterion {
    DECIDED_ALONE, /* nothing else holds */
    DECIDED_HOST,
    DECIDED_PATH_KIND,
    DECIDED_PATH_SIZE,
    DECIDED_GRPC_METHOD, /* of any service */
    DECIDED_METHOD,
    DECIDED_HEADERS,
    DECIDED_PARAMS,
    DECIDED_CREATED,
    DECIDED_ORDER, /* within one commit */
    DECIDED_NAME,
    DECIDED_RULE,
    DECIDED_NOTHING, /* two matches of one rule */
    REFERENCE_CRITERIA,
};

/* What the winner is, as bits. */
enum reference_trait {
    TRAIT_EXACT_HOST,
    TRAIT_WILDCARD_HOST,
    TRAIT_EVERY_HOST,
    TRAIT_FELL_BACK, /* routes of a more specific hostname had no rule for it */
    TRAIT_EXACT_PATH,
    TRAIT_REGEX_PATH,
    TRAIT_PREFIX,
    TRAIT_SHORTER_PREFIX, /* than the path is */
    TRAIT_ESCAPED_PATH,
    TRAIT_ASTERISK, /* OPTIONS * */
    TRAIT_METHOD,
    TRAIT_HEADER,
    TRAIT_HEADER_REGEX,
    TRAIT_REPEATED_HEADER, /* of which only the first counts */
    TRAIT_JOINED_HEADER,
    TRAIT_SET_COOKIE,
    TRAIT_QUERY,
    TRAIT_QUERY_REGEX,
    TRAIT_ESCAPED_QUERY,
    TRAIT_ATTACHED_BY_NAME,
    TRAIT_ATTACHED_BY_PORT,
    TRAIT_WITHOUT_RULES,
    REFERENCE_TRAITS,
};

struct reference_answer {
    const RouteMessage *route; /* NULL: no rule matches */
    size_t rule_index;
    enum reference_criterion decided_by;
    uint64_t traits; /* a bit for each enum reference_trait */
};

struct reference_answer reference_find(RouteMessage *const *routes, size_t count,
                                       const struct request_head *head);

#endif
