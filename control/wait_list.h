/* Wait list: calls that wait until proxies have applied a revision.
 *
 * Waited for are the proxies connected now, and those lost within the last minute. Without any,
 * there is nothing to wait for.
 *
 * Threads: main. */
#ifndef CONTROL_WAIT_LIST_H
#define CONTROL_WAIT_LIST_H

#include <stdint.h>

struct event_loop;
struct grpc_call;
struct proxy_registry;
struct wait_list;

/* Both outlive the list. */
struct wait_list *wait_list_new(struct event_loop *loop, const struct proxy_registry *registry);
/* Nobody waits any more. Harmless on NULL. */
void wait_list_free(struct wait_list *list);

/* Answers the call with a WaitAppliedResponse, now or when it is time. */
void wait_list_add(struct wait_list *list, struct grpc_call *call, uint64_t revision,
                   uint64_t timeout_ms);

/* Proxies have changed: answers those whose wait is over. */
void wait_list_check(struct wait_list *list);

/* Answers all, as things stand. */
void wait_list_finish(struct wait_list *list);

#endif
