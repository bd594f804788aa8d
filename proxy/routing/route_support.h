/* Route support: what the model has and the proxy does not act on yet.
 *
 * Such a value is refused at commit, never ignored.
 *
 * Threads: any. */
#ifndef PROXY_ROUTING_ROUTE_SUPPORT_H
#define PROXY_ROUTING_ROUTE_SUPPORT_H

#include "common/slice.h"

#include <stdbool.h>

/* Whether endpoints may speak `app_protocol`, one of those a Service knows. */
bool route_support_has_app_protocol(struct slice app_protocol);

#endif
