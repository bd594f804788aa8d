/* Filter validation: what makes the filters of a rule or of one backendRef acceptable.
 *
 * Threads: any. */
#ifndef PROXY_ROUTING_FILTER_VALIDATE_H
#define PROXY_ROUTING_FILTER_VALIDATE_H

#include "proxy/routing/validation.h"

/* `rule` is the one they stand in: some filters depend on its matches and backendRefs. */
void validate_filters(struct validation *validation, FilterMessage *const *filters, size_t count,
                      const RouteRuleMessage *rule);

#endif
