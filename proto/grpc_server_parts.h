/* The parts of grpc_server.c as they see each other: connections (grpc_connection.c), calls
 * (grpc_call.c), and the services every server has (grpc_health.c, grpc_reflection.c).
 *
 * Threads: the loop's. */
#ifndef PROTO_GRPC_SERVER_PARTS_H
#define PROTO_GRPC_SERVER_PARTS_H

#include "proto/grpc_core.h"
#include "proto/grpc_server.h"
#include "proto/message_arena.h"

struct grpc_connection {
    struct grpc_server *server;
    struct grpc_connection *next;
    struct grpc_connection *previous;
    struct grpc_core *core;
    struct peer_credentials peer;
    bool is_exempt;
    int fd;
    struct event_watch watch;
    struct event_timer flush_timer; /* 0 ms: something is to be sent */
    struct event_timer head_timer;  /* the peer has yet to speak HTTP/2, or to end a call's head */
    struct event_timer stall_timer; /* something is to be sent, and was not taken so far */
    uint64_t taken_bytes;           /* by the socket */
    uint64_t taken_before;          /* the stall timer was started */
    struct buffer out;              /* bytes the socket did not take */
    struct grpc_call *calls;
};

struct grpc_call {
    struct grpc_connection *connection;
    struct grpc_call *next;
    struct grpc_call *previous;
    struct grpc_stream *stream;
    const struct grpc_method *method;
    void *method_context;
    ProtobufCMessage *request; /* until its handler returns; in the arena */
    struct message_arena arena;
    size_t request_bytes;
    struct event_timer deadline_timer;
    struct event_timer message_timer; /* until the request is complete */
    void (*on_end)(void *context);
    void *end_context;
    enum grpc_pull (*pull)(void *context, struct buffer *to); /* NULL: not a stream */
    void *pull_context;
};

struct grpc_server {
    struct event_loop *loop;
    struct grpc_server_limits limits;
    const struct grpc_method *methods;
    void *context;
    int listen_fd; /* -1 once draining */
    struct event_watch listen_watch;
    struct event_timer accept_timer; /* out of descriptors: accepting has paused */
    bool has_paused;                 /* and that was said, once */
    struct grpc_connection *connections;
    size_t connection_count;
    bool is_draining;
    void (*on_drained)(void *context);
    void *drained_context;
    bool is_serving;
    struct health_watcher *health_watchers;
};

/* --- grpc_connection.c ------------------------------------------------------------------------ */

/* Takes the descriptor. */
void grpc_connection_open(struct grpc_server *server, int fd, const struct peer_credentials *peer,
                          bool is_exempt);
/* Something was queued: the loop sends it. */
void grpc_connection_touch(struct grpc_connection *connection);
void grpc_connection_close(struct grpc_connection *connection);
/* Nothing is under way, and all is sent. */
bool grpc_connection_is_idle(const struct grpc_connection *connection);
/* As much waits for the peer to read as may. */
bool grpc_connection_is_full(const struct grpc_connection *connection);

/* --- grpc_call.c ------------------------------------------------------------------------------ */

/* What a connection's core calls; the context is the connection. */
extern const struct grpc_core_handlers grpc_call_handlers;
/* The call ends by our doing, but not by its handler's: that gets its on_end. */
void grpc_call_abandon(struct grpc_call *call, enum grpc_status status, const char *message);

/* --- grpc_server.c ---------------------------------------------------------------------------- */

/* A connection has become idle or is gone. */
void grpc_server_check_drained(struct grpc_server *server);

/* --- built-in services ------------------------------------------------------------------------ */

/* Their context is the server. */
extern const struct grpc_method grpc_health_methods[];
extern const struct grpc_method grpc_reflection_methods[];

/* The serving status has changed. */
void grpc_health_announce(struct grpc_server *server);

#endif
