/* A gRPC server on a thread of its own with a few methods to try, and its socket.
 *
 *   /test.v1.Try/Echo   answers a HealthCheckRequest with its service as a Label's key
 *   /test.v1.Try/Large  answers with a key of as many bytes as the service's digits say
 *   /test.v1.Try/Fail   answers FAILED_PRECONDITION with "100 % wrong\n" and details
 *   /test.v1.Try/Count  streams as many Labels as the service's digits say
 *   /test.v1.Try/Never  does not answer
 *   /test.v1.Try/Denied is allowed to nobody */
#ifndef TESTS_UNIT_PROTO_GRPC_PAIR_H
#define TESTS_UNIT_PROTO_GRPC_PAIR_H

#include "proto/grpc_client.h"
#include "proto/grpc_server.h"

struct grpc_pair;

/* NULL for `limits` means the defaults. */
struct grpc_pair *grpc_pair_start(const struct grpc_server_limits *limits);
void grpc_pair_stop(struct grpc_pair *pair);

const char *grpc_pair_socket(const struct grpc_pair *pair);
struct grpc_server *grpc_pair_server(struct grpc_pair *pair);

/* Runs `act` on the server's thread and waits for it. */
void grpc_pair_act(struct grpc_pair *pair, void (*act)(struct grpc_pair *pair));

/* Calls that ended by anything but an answer, so far. */
unsigned grpc_pair_ended(struct grpc_pair *pair);
/* Waits (bounded) until that is at least `count`. */
bool grpc_pair_wait_ended(struct grpc_pair *pair, unsigned count);

/* A client of its server. Caller frees. */
struct grpc_client *grpc_pair_connect(struct grpc_pair *pair);

/* How a call of Echo ends. */
enum grpc_status grpc_pair_echo(struct grpc_client *client);
enum grpc_status grpc_pair_echo_within(struct grpc_client *client, uint64_t timeout_ms);

#endif
