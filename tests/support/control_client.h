/* Control client: short words for talking to a pointsman-control of a story, over its real socket.
 *
 * Threads: one owns a client. */
#ifndef TESTS_SUPPORT_CONTROL_CLIENT_H
#define TESTS_SUPPORT_CONTROL_CLIENT_H

#include "proto/grpc_client.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Connects; the daemon must be there. Free with grpc_client_free. */
struct grpc_client *control_client_connect(const char *socket_path);

/* Puts `count` backends "PREFIX-0", ... with an endpoint at `port`, as one commit. Returns the new
 * revision, or 0 when there was no answer of success; then `result` (cleared by the caller) says
 * why. */
uint64_t control_client_put_backends(struct grpc_client *client, const char *prefix, size_t count,
                                     uint32_t port, struct grpc_result *result);

/* The same under a request id: repeated, it is answered as it was the first time. */
uint64_t control_client_put_backends_once(struct grpc_client *client, const char *prefix,
                                          size_t count, uint32_t port, const char *request_id,
                                          struct grpc_result *result);

/* The same, and of those that were put so before with the prefix, no others stay. */
uint64_t control_client_replace_backends_once(struct grpc_client *client, const char *prefix,
                                              size_t count, uint32_t port, const char *request_id,
                                              struct grpc_result *result);

/* The same as _put_backends_once, in a commit that would revert itself in an hour, and confirmed.
 * One such commit may wait at a time. */
uint64_t control_client_confirm_backends_once(struct grpc_client *client, const char *prefix,
                                              size_t count, uint32_t port, const char *request_id,
                                              struct grpc_result *result);

/* The port of a backend's only endpoint; 0 when there is no such backend. */
uint32_t control_client_get_port(struct grpc_client *client, const char *name);

/* Must be answered; free with message_free. */
Pointsman__V1__GetInfoResponse *control_client_get_info(struct grpc_client *client);

#endif
