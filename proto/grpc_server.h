/* gRPC server: HTTP/2 sessions on Unix sockets, dispatched by a table of methods.
 *
 * Everything runs on one event loop. A handler gets a checked, unpacked request and answers at
 * once or later: a call lives until it is answered, cancelled, or its deadline is over. A stream
 * is pulled: when the client can take more, the server asks the call's source for the next
 * message, so nothing queues up for a slow reader.
 *
 * Threads: the loop's. */
#ifndef PROTO_GRPC_SERVER_H
#define PROTO_GRPC_SERVER_H

#include "common/event_loop.h"
#include "proto/grpc_core.h"
#include "proto/message.h"
#include "proto/unix_socket.h"

#include <stdbool.h>
#include <stddef.h>

struct grpc_call;
struct grpc_server;

struct grpc_method {
    const char *path; /* "/pointsman.v1.RouteControl/Apply"; NULL ends the table */
    const ProtobufCMessageDescriptor *request;
    size_t max_request_bytes;  /* 0: 1 MiB */
    size_t max_request_memory; /* 0: MESSAGE_MEMORY_DEFAULT */

    /* May this peer call it? Asked before the body is read. NULL: yes. On false the call ends
     * with PERMISSION_DENIED and the error's message. */
    bool (*authorize)(void *context, const struct grpc_method *method,
                      const struct peer_credentials *peer, struct error *err);

    /* Newer clients may say more than we know. Refused unless said otherwise: what a change says
     * is never dropped silently. */
    enum unknown_fields unknown_fields;

    /* A client stream: on_call is called for each message, and with NULL at their end. */
    bool has_many_requests;

    /* `request` is borrowed until it returns. */
    void (*on_call)(void *context, struct grpc_call *call, const ProtobufCMessage *request);
};

/* What limits connections. */
struct grpc_server_limits {
    size_t max_connections;         /* 1,024 */
    size_t max_connections_per_uid; /* 64 */
    size_t reserved_connections;    /* 16, for peers that has_reserve says yes to */
    /* 5,000: from a call's head to the end of its message, from the head's begin to its end, and
     * from connecting to a first frame. */
    uint64_t message_timeout_ms;
    /* 30,000: something waits to be sent, and the peer takes nothing of it. */
    uint64_t stall_timeout_ms;
    /* 8 MiB of answers that wait to be taken: further calls of the connection are refused. */
    size_t max_queued_bytes;
    /* Proxies and admins: not counted against their uid. NULL: nobody. */
    bool (*is_exempt)(void *context, const struct peer_credentials *peer);
    /* Admins: the last connections are theirs. NULL: everybody's. */
    bool (*has_reserve)(void *context, const struct peer_credentials *peer);
    /* Peers that may not do anything at all are hung up on at once. NULL: everybody stays. */
    bool (*is_welcome)(void *context, const struct peer_credentials *peer);
};

/* The numbers above; NULL for every question. */
void grpc_server_limits_init(struct grpc_server_limits *limits);

/* `methods` (ended by a NULL path) and `context` outlive the server; `listen_fd` becomes the
 * server's. grpc.health.v1 and reflection are there without being in the table. */
struct grpc_server *grpc_server_new(struct event_loop *loop, int listen_fd,
                                    const struct grpc_server_limits *limits,
                                    const struct grpc_method *methods, void *context);

/* What grpc.health.v1 answers for "" and for every service. */
void grpc_server_set_serving(struct grpc_server *server, bool is_serving);

/* No new connections or calls; sends GOAWAY; calls on_drained (perhaps at once) when the last call
 * has ended. Streams are ended with UNAVAILABLE. */
void grpc_server_drain(struct grpc_server *server, void (*on_drained)(void *context),
                       void *context);

/* Closes what is left; calls get their on_end. */
void grpc_server_free(struct grpc_server *server);

/* --- calls ---------------------------------------------------------------------------------- */

const struct peer_credentials *grpc_call_peer(const struct grpc_call *call);

/* Of the message at hand, or the last one. */
size_t grpc_call_request_bytes(const struct grpc_call *call);

/* Called once when the call ends by anything but our own answer: cancelled, connection lost,
 * deadline over. The call is gone afterwards. Whoever answers later must set this. */
void grpc_call_on_end(struct grpc_call *call, void (*on_end)(void *context), void *context);

/* Answers a unary call with a message and OK. The call is gone afterwards. */
void grpc_call_reply(struct grpc_call *call, const ProtobufCMessage *response);

/* The same with a message that is packed already. Copies. */
void grpc_call_reply_packed(struct grpc_call *call, struct slice response);

/* Queues one message of an answer that has more; the loop sends it. ERROR_LIMIT when more than 1
 * MiB waits for a client that does not read. For answers of many messages use grpc_call_stream. */
bool grpc_call_send(struct grpc_call *call, const ProtobufCMessage *message, struct error *err);

/* Ends a call with a status. `details` (or NULL) is sent as grpc-status-details-bin. The call is
 * gone afterwards. */
void grpc_call_fail(struct grpc_call *call, enum grpc_status status, const char *message,
                    const Google__Rpc__Status *details);
/* The same from one of our errors. */
void grpc_call_fail_error(struct grpc_call *call, const struct error *err);

/* Makes it a server stream. `pull` is asked for one message (unframed bytes) at a time, from the
 * loop, never from inside this or resume. A pull may call grpc_call_fail and return WAIT. */
void grpc_call_stream(struct grpc_call *call,
                      enum grpc_pull (*pull)(void *context, struct buffer *to), void *context);

/* There is something to pull again. */
void grpc_call_resume(struct grpc_call *call);

#endif
