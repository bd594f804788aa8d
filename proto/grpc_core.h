/* gRPC core: one HTTP/2 connection that speaks gRPC, without any I/O: bytes in, bytes out.
 *
 * Server and client are built on it. It keeps what HTTP/2 and gRPC's wire format ask for: heads,
 * framed messages, statuses in trailers, limits. What calls mean is its user's business.
 *
 * Handlers are called from inside grpc_core_receive and grpc_core_send. They may start, send on
 * and finish streams, but not call receive, send or free.
 *
 * Threads: one owns a core. */
#ifndef PROTO_GRPC_CORE_H
#define PROTO_GRPC_CORE_H

#include "common/buffer.h"
#include "proto/grpc_result.h"
#include "proto/grpc_status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct grpc_core;
struct grpc_stream;

enum grpc_role { GRPC_ROLE_SERVER, GRPC_ROLE_CLIENT };

enum grpc_pull {
    GRPC_PULL_MESSAGE, /* one message (unframed bytes) was appended */
    GRPC_PULL_WAIT,    /* nothing now; resume when there is */
    GRPC_PULL_END,     /* that was the last: the stream ends with OK */
};

struct grpc_core_handlers {
    void *context;

    /* Server: the head of a call, well-formed. `path` is borrowed until it returns. The answer to
     * one that is not wanted is grpc_stream_finish. `timeout_ms` is UINT64_MAX without one. */
    void (*on_call)(void *context, struct grpc_stream *stream, struct slice path,
                    uint64_t timeout_ms);
    /* A whole message. Borrowed until it returns. */
    void (*on_message)(void *context, struct grpc_stream *stream, struct slice bytes);
    /* Server: the client sends no more messages. Not called for a stream that was finished. */
    void (*on_half_close)(void *context, struct grpc_stream *stream);
    /* Server: a pulled stream can take one more message. */
    enum grpc_pull (*on_pull)(void *context, struct grpc_stream *stream, struct buffer *to);
    /* The stream is over and gone afterwards. Client: how the call ended. Server: only when it
     * ended before grpc_stream_finish: cancelled, or the connection lost. */
    void (*on_close)(void *context, struct grpc_stream *stream, const struct grpc_result *result);
};

/* Copies `handlers`. */
struct grpc_core *grpc_core_new(enum grpc_role role, const struct grpc_core_handlers *handlers);
/* Every stream that is left gets its on_close. Harmless on NULL. */
void grpc_core_free(struct grpc_core *core);

/* False when the connection cannot go on: send what grpc_core_send still gives, then close. */
bool grpc_core_receive(struct grpc_core *core, struct slice bytes);

/* Appends what is to be sent until `to` holds `enough` bytes or nothing is left. */
bool grpc_core_send(struct grpc_core *core, struct buffer *to, size_t enough);

/* Neither side has anything to say any more: close. */
bool grpc_core_is_done(struct grpc_core *core);
/* Some call is under way, or answered and not yet sent to its end. */
bool grpc_core_has_streams(const struct grpc_core *core);
/* Bytes of messages that wait until the peer takes them, on all streams. */
size_t grpc_core_queued(const struct grpc_core *core);
/* Server: the peer has begun the head of a call and not ended it. */
bool grpc_core_awaits_head(const struct grpc_core *core);
/* The peer has shown that it speaks HTTP/2. */
bool grpc_core_has_begun(const struct grpc_core *core);

/* Server: no new streams from now on (GOAWAY). Those under way go on. */
void grpc_core_drain(struct grpc_core *core);

/* --- streams -------------------------------------------------------------------------------- */

/* Client: starts a call with its one message. UINT64_MAX for `timeout_ms` means none. */
struct grpc_stream *grpc_core_start_call(struct grpc_core *core, const char *path,
                                         const ProtobufCMessage *message, uint64_t timeout_ms,
                                         size_t max_message_bytes, void *user);

void *grpc_stream_user(const struct grpc_stream *stream);
void grpc_stream_set_user(struct grpc_stream *stream, void *user);
/* A longer incoming message ends the call with RESOURCE_EXHAUSTED before it is stored. */
void grpc_stream_set_max_message(struct grpc_stream *stream, size_t bytes);

/* Server: queues one message. */
void grpc_stream_send(struct grpc_stream *stream, const ProtobufCMessage *message);
/* The same of a message that is packed already. */
void grpc_stream_send_packed(struct grpc_stream *stream, struct slice message);
/* Bytes queued and not yet given to grpc_core_send. */
size_t grpc_stream_queued(const struct grpc_stream *stream);

/* Server: from now on messages are pulled (on_pull), one when the last is sent. */
void grpc_stream_start_pull(struct grpc_stream *stream);
/* There is something to pull again: with the next grpc_core_send. From inside on_pull, too. */
void grpc_stream_resume(struct grpc_stream *stream);

/* Server: ends the call behind what is queued. `details` (may be empty) is a serialized
 * google.rpc.Status, left out where it would make the trailers larger than clients take (8 KiB).
 * The user is forgotten: no handler is called for this stream any more. */
void grpc_stream_finish(struct grpc_stream *stream, enum grpc_status status, struct slice message,
                        struct slice details);

/* Client: the call is given up; on_close follows with this status. */
void grpc_stream_cancel(struct grpc_stream *stream, enum grpc_status status, const char *message);

#endif
