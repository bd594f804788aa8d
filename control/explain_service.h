/* Explain service: what the proxies would do with a request, and why: at the head, at a revision of
 * the past, or if changes were made that are not.
 *
 * No second copy of the routes is kept for it: explain_reading.h says which it reads. A call is
 * worked on a few milliseconds in each turn of the loop, which several calls share, so that it
 * holds nobody up. A table kept in memory would be faster to ask, but as large as a proxy's.
 *
 * Threads: main. */
#ifndef CONTROL_EXPLAIN_SERVICE_H
#define CONTROL_EXPLAIN_SERVICE_H

#include "proto/messages.h"

#include <stdint.h>

struct event_loop;
struct explain_service;
struct grpc_call;
struct proxy_registry;
struct shadow_index;
struct store;

/* All outlive the service. */
struct explain_service *explain_service_new(struct event_loop *loop, struct store *store,
                                            const struct shadow_index *shadows,
                                            const struct proxy_registry *proxies);
/* No call is open any more. Harmless on NULL. */
void explain_service_free(struct explain_service *service);

/* Answers the call with an ExplainResponse, now or when the routes are read. Every commit so far
 * is durable. */
void explain_service_explain(struct explain_service *service, struct grpc_call *call,
                             const Pointsman__V1__ExplainRequest *request);

/* How many routes were read for all calls so far. For tests. */
uint64_t explain_service_read_count(const struct explain_service *service);

#endif
