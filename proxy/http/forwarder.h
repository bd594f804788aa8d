/* Forwarder: takes a request to an endpoint of its backend: tries, retries, timeouts, the
 * outcome.
 *
 * It decides when a failed try may be repeated, and what the client is told when not. Everything
 * about a request that outlasts a moment is held here: the rule and the backend, never the table
 * they came from.
 *
 * Threads: worker. */
#ifndef PROXY_HTTP_FORWARDER_H
#define PROXY_HTTP_FORWARDER_H

#include <stdbool.h>

struct backend;
struct backend_choice;
struct exchange;
struct rule;

/* Once for each exchange, while it is all zero. */
void forwarder_init(struct exchange *exchange);
/* Before that memory goes. */
void forwarder_clear(struct exchange *exchange);

/* The rule that won; counted and logged with the request. Acquires it. */
void forwarder_set_rule(struct exchange *exchange, const struct rule *rule);

/* Where the request goes: `choice` is a part of the rule. Acquires the backend; NULL: there is
 * none, and it must not be sent. */
void forwarder_set_backend(struct exchange *exchange, const struct backend_choice *choice,
                           struct backend *backend);

/* From now on the request's time counts: that of its rule's timeout, and its grpc-timeout. Without
 * it, that is so from forwarder_start on. */
void forwarder_start_clock(struct exchange *exchange);

/* Sends the request, whose head is ready, to an endpoint of its backend. Without a rule, as one
 * does that sets no filters, timeouts and retries. */
void forwarder_start(struct exchange *exchange);

/* The client gets another answer: whatever was going on for this request stops. */
void forwarder_abandon(struct exchange *exchange);

/* The exchange is over, for whatever reason: counts it, logs it, lets go of everything. */
void forwarder_end(struct exchange *exchange);

/* --- what exchange.c tells ------------------------------------------------------------------- */

void forwarder_on_answered(struct exchange *exchange);
void forwarder_on_complete(struct exchange *exchange);
void forwarder_on_failed(struct exchange *exchange);

/* --- what the waiting line tells ------------------------------------------------------------- */

/* There may be room for the request now. False when there is none and it waits on. */
bool forwarder_on_room(struct exchange *exchange);

/* --- what an upstream tells, right away ------------------------------------------------------ */

/* The connection stands, or stood before. */
void forwarder_on_connected(struct exchange *exchange);

/* The endpoint has taken bytes of the request. */
void forwarder_on_sent(struct exchange *exchange);

/* The endpoint has sent bytes. */
void forwarder_on_received(struct exchange *exchange);

#endif
