/* Route support: what the model has and the proxy does not act on yet.
 *
 * Such a field is refused at commit, never ignored. Acting on one means removing its line from
 * the table in route_support.c.
 *
 * Threads: any. */
#ifndef PROXY_ROUTING_ROUTE_SUPPORT_H
#define PROXY_ROUTING_ROUTE_SUPPORT_H

#include "common/slice.h"
#include "proto/messages.h"

#include <stdbool.h>

/* Whether a field that is set is acted on. `number` is the value of an enum field, else ignored. */
bool route_support_has_field(const ProtobufCMessageDescriptor *message,
                             const ProtobufCFieldDescriptor *field, int number);

/* Whether endpoints may be DNS names. */
bool route_support_has_dns_names(void);

/* Whether endpoints may speak `app_protocol`, one of those a Service knows. */
bool route_support_has_app_protocol(struct slice app_protocol);

#endif
