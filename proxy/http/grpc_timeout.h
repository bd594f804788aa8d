/* gRPC timeout: how long a call may still take, as the service is told.
 *
 * A client gives its deadline as a timeout, which counts from when the call was sent ("gRPC over
 * HTTP2": 1 to 8 digits and a unit). The deadline is that of the whole call (gRFC A6), so a try
 * that does not begin at once is told only what is left. A value that breaks the rules is left to
 * the service to judge.
 *
 * Threads: worker. */
#ifndef PROXY_HTTP_GRPC_TIMEOUT_H
#define PROXY_HTTP_GRPC_TIMEOUT_H

#include <stdbool.h>

struct exchange;

/* The call's head has come: what it says counts from here. */
void grpc_timeout_start(struct exchange *exchange);

/* Whether nothing is left. */
bool grpc_timeout_is_over(const struct exchange *exchange);

/* From now on its fields say what is left: never more, and for a call that is over nothing. */
void grpc_timeout_renew(struct exchange *exchange);

#endif
