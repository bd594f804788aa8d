/* A server's core under test, and the raw client it speaks to: what claims about the core start
 * from. The path of a call says what becomes of it:
 *
 *   /refused          ended at its head
 *   /long-winded      the same, with a message that is too long
 *   /too-long-winded  the same, with details that are
 *   /early            ended at its first message
 *   /endless          answered with messages of 1,000 bytes without end
 *   /stutter          answered with one message, after it was resumed from inside its pull
 *   /never            not answered
 *   /friends          not answered, and ended when another call closes
 *   /large            takes messages of 4 MiB instead of 1,000 bytes
 *
 * and any other is answered with an empty message when the client has said all. */
#ifndef TESTS_UNIT_PROTO_CORE_WORLD_H
#define TESTS_UNIT_PROTO_CORE_WORLD_H

#include "tests/unit/proto/raw_client.h"

struct world {
    struct raw_client *client;
    char path[256];
    uint64_t timeout_ms;
    unsigned calls;
    unsigned messages;
    unsigned open;
    size_t last_message_bytes;
    unsigned pulled;
    struct grpc_stream *friend; /* ended with the first that closes */
};

/* For cmocka: *state is the world. In the end every call that began must have ended. */
int core_world_set_up(void **state);
int core_world_tear_down(void **state);

#define CALL(call_path)                                                                            \
    {":method", "POST"}, {":scheme", "http"}, {":path", (call_path)},                              \
    {                                                                                              \
        "content-type", "application/grpc"                                                         \
    }
#define MESSAGE SLICE("\0\0\0\0\5hello")
#define OK_STORY                                                                                   \
    "HEADERS(:status=200 content-type=application/grpc) DATA(5) HEADERS(grpc-status=0) END"

/* Sends a call with one whole message and returns what came back. */
const char *core_world_call(struct world *world, const struct raw_header *headers);

#endif
