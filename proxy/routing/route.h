/* Route: one route as the data plane uses it, compiled from its message.
 *
 * Immutable and counted: tables share it, and a request holds the rule it chose until it ends,
 * never the whole table.
 *
 * Threads: any; the count is atomic. */
#ifndef PROXY_ROUTING_ROUTE_H
#define PROXY_ROUTING_ROUTE_H

#include "common/error.h"
#include "common/slice.h"
#include "proxy/routing/request_head.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct route;
struct route_metrics;

/* A rule that sets no timeout of its own. Zero means: no limit. */
#define TIMEOUT_UNSET UINT64_MAX

/* --- filters: plain data, owned by the route ------------------------------------------------ */

enum filter_kind {
    FILTER_REQUEST_HEADERS,
    FILTER_RESPONSE_HEADERS,
    FILTER_REDIRECT,
    FILTER_REWRITE,
    FILTER_MIRROR,
    FILTER_CORS,
};

struct filter; /* proxy/routing/filter.h, when the first filter is acted on */

/* --- rules ---------------------------------------------------------------------------------- */

/* One share of a rule's traffic. */
struct backend_choice {
    uint32_t backend_index; /* for route_table_backend; stable while any table names it */
    uint32_t weight;
    const struct filter *filters;
    size_t filter_count;
};

struct retry_policy {
    bool is_set;       /* the rule has a retry stanza */
    uint32_t attempts; /* retries after the first try */
    uint64_t backoff_ms;
    const uint16_t *codes;
    size_t code_count;
};

struct rule {
    const struct route *route;
    uint32_t index; /* in its route, from 0 */
    const struct filter *filters;
    size_t filter_count;
    const struct backend_choice *choices;
    size_t choice_count;
    uint64_t total_weight;       /* 0: answer 500 */
    uint64_t request_timeout_ms; /* TIMEOUT_UNSET, 0: none */
    uint64_t backend_request_timeout_ms;
    struct retry_policy retry;
    bool is_broken; /* could not be built: answer 500 (DESIGN: only after a first snapshot) */
};

/* Who this rule belongs to, for logs and counters. Borrowed from the rule's route. */
struct slice rule_route_name(const struct rule *rule);
uint64_t rule_route_revision(const struct rule *rule);
struct route_metrics *rule_metrics(const struct rule *rule);

/* Picks a share in proportion to the weights. `random` is any 64 random bits.
 * NULL when the weights add up to 0. Borrowed from the rule. */
const struct backend_choice *rule_choose(const struct rule *rule, uint64_t random);

/* Keeps the rule (its whole route) beyond the table it was found in. */
void rule_acquire(const struct rule *rule);
/* Clears *rule. Harmless on NULL. */
void rule_release(const struct rule **rule);

#endif
