/* gRPC check: what a health check of type GRPC says and hears, the health checking protocol of gRPC
 * (grpc.health.v1.Health/Check): one message each way, in gRPC's frames.
 *
 * Threads: any. */
#ifndef PROXY_UPSTREAM_GRPC_CHECK_H
#define PROXY_UPSTREAM_GRPC_CHECK_H

#include "common/buffer.h"

/* The body of an answer that is longer says nothing. */
enum { GRPC_CHECK_ANSWER_BYTES_MAX = 1024 };

#define GRPC_CHECK_PATH SLICE("/grpc.health.v1.Health/Check")

/* Appends the body of the request that asks about this service; empty: the server as a whole. */
void grpc_check_put_request(struct slice service, struct buffer *to);

/* What the whole body of the answer to a call that ended with grpc-status 0 says against the
 * endpoint; NULL: nothing, it serves. */
const char *grpc_check_problem(struct slice body);

#endif
