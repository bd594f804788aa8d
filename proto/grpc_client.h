/* gRPC client: calls on one connection to a Unix socket.
 *
 * Two ways to use it. Blocking: one call at a time, for routectl. Driven: streams and calls on an
 * event loop, for the proxy's control thread.
 *
 * Threads: one owns a client. */
#ifndef PROTO_GRPC_CLIENT_H
#define PROTO_GRPC_CLIENT_H

#include "common/event_loop.h"
#include "proto/grpc_result.h"
#include "proto/message.h"

#include <stdbool.h>
#include <stdint.h>

struct grpc_client;

/* --- blocking ------------------------------------------------------------------------------- */

/* Connects. NULL with ERROR_UNAVAILABLE when nobody listens. */
struct grpc_client *grpc_client_connect(const char *socket_path, struct error *err);

/* One unary call. Returns the response, unpacked and checked (free with message_free), or NULL
 * with `result` saying why (UNAVAILABLE when the connection is lost, DEADLINE_EXCEEDED). */
ProtobufCMessage *grpc_client_call(struct grpc_client *client, const char *path,
                                   const ProtobufCMessage *request,
                                   const ProtobufCMessageDescriptor *response, uint64_t timeout_ms,
                                   struct grpc_result *result);

/* The connection broke, or was given up when an answer did not come in time: no call goes through
 * any more. */
bool grpc_client_is_lost(const struct grpc_client *client);

/* One server stream: calls on_message for each until it returns false (the call is cancelled) or
 * the stream ends. True when it ended with OK or was cancelled here. */
bool grpc_client_call_stream(struct grpc_client *client, const char *path,
                             const ProtobufCMessage *request,
                             const ProtobufCMessageDescriptor *response,
                             bool (*on_message)(void *context, const ProtobufCMessage *message),
                             void *context, struct grpc_result *result);

/* --- driven by a loop ----------------------------------------------------------------------- */

/* Connects (a Unix connect does not wait) and runs on `loop`. `on_closed` is called once when the
 * connection is lost, after every call's on_end; the client must then be freed. */
struct grpc_client *grpc_client_open(struct event_loop *loop, const char *socket_path,
                                     void (*on_closed)(void *context), void *context,
                                     struct error *err);

struct grpc_client_call_handlers {
    /* Each message as it came: bounded, not unpacked. Borrowed until it returns. */
    void (*on_message)(void *context, struct slice bytes);
    /* Once. */
    void (*on_end)(void *context, const struct grpc_result *result);
    void *context;
};

/* Starts a call, unary or streaming; 0 for `timeout_ms` means none. `max_message_bytes` bounds each
 * message of the answer. Handlers are called from the loop, never from inside this. A call started
 * when the connection is lost ends with UNAVAILABLE, unless the client is freed first. */
void grpc_client_start(struct grpc_client *client, const char *path,
                       const ProtobufCMessage *request, size_t max_message_bytes,
                       uint64_t timeout_ms, const struct grpc_client_call_handlers *handlers);

/* Both kinds. Calls under way get no callbacks any more. Harmless on NULL. */
void grpc_client_free(struct grpc_client *client);

#endif
