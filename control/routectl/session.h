/* Session: one run of routectl: its global flags, its output, its connection.
 *
 * The connection is made by the first call. When it breaks, as it does when the daemon is
 * restarted, the call is made once more: questions can be asked twice, and changes carry a request
 * id. A call that fails has told people why on standard error when it returns, and has its exit
 * code.
 *
 * Threads: main. */
#ifndef CONTROL_ROUTECTL_SESSION_H
#define CONTROL_ROUTECTL_SESSION_H

#include "common/options.h"
#include "control/routectl/exit_code.h"
#include "control/routectl/output.h"
#include "proto/grpc_client.h"

#include <stdint.h>

struct draft;

struct session_options {
    const char *socket;
    const char *output;
    uint64_t timeout_ms; /* of each call, and of waiting for proxies */
    bool wait, no_wait;
    bool help, version;
};

/* The flags of every verb write here. */
extern struct session_options session_options;
extern const struct option session_option_table[];

struct session {
    const struct output *output;
    struct output_sink sink;
    struct grpc_client *client; /* NULL before the first call, and when the daemon is gone */
    bool has_connected;
};

/* False with an error when a flag's value is wrong. */
bool session_init(struct session *session, struct error *err);
void session_clear(struct session *session);

/* After the connection broke: waits a few seconds for the daemon to come back. False when it does
 * not. */
bool session_reconnect(struct session *session);

/* One call. `draft` (or NULL) is what the request was made from, for naming fields. Returns the
 * response (free with message_free), or NULL with *code set. */
ProtobufCMessage *session_call(struct session *session, const char *path,
                               const ProtobufCMessage *request,
                               const ProtobufCMessageDescriptor *response, uint64_t timeout_ms,
                               const struct draft *draft, enum exit_code *code);

/* One stream, until it ends or `on_message` returns false. False with `result` saying why (cleared
 * by the caller) or, when nobody listens, with that said and the result OK. */
bool session_stream(struct session *session, const char *path, const ProtobufCMessage *request,
                    const ProtobufCMessageDescriptor *response,
                    bool (*on_message)(void *context, const ProtobufCMessage *message),
                    void *context, struct grpc_result *result);

/* A call that looks for an object: NULL with EXIT_OK, and nothing said, when it is not there. */
ProtobufCMessage *session_find(struct session *session, const char *path,
                               const ProtobufCMessage *request,
                               const ProtobufCMessageDescriptor *response, enum exit_code *code);

#endif
