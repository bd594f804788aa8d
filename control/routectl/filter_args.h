/* Filter arguments: the flags of `add` that become filters of its rule.
 *
 * Threads: main. */
#ifndef CONTROL_ROUTECTL_FILTER_ARGS_H
#define CONTROL_ROUTECTL_FILTER_ARGS_H

#include "control/routectl/route_args.h"

/* Whether any --redirect-... was given: such a rule needs no backend. */
bool filter_args_redirects(const struct route_args *args);

/* Appends the filters to rules[0] of the draft's newest mutation. */
bool filter_args_build(const struct route_args *args, RouteRuleMessage *rule, struct draft *draft,
                       struct error *err);

#endif
