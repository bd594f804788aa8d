/* Fake client: stands in for proto/grpc_client.h, answers from a script and keeps what was asked.
 *
 * Threads: main. */
#ifndef TESTS_UNIT_ROUTECTL_FAKE_CLIENT_H
#define TESTS_UNIT_ROUTECTL_FAKE_CLIENT_H

#include "proto/grpc_client.h"

#include <stddef.h>

/* Forgets calls and answers; connecting works. */
void fake_client_reset(void);
/* Nobody listens. */
void fake_client_refuse(void);

/* The answer to the next call that has none yet. Copies. */
void fake_client_answer(const ProtobufCMessage *response);
void fake_client_fail(enum grpc_status status, const char *message);
/* The connection breaks during that call; `is_back`: the daemon can be connected to again. */
void fake_client_break(bool is_back);

/* The next call is a stream of these messages (at most 8), which then ends with `end`; at
 * UNAVAILABLE the connection breaks, and can be made again. Copies. */
void fake_client_stream(enum grpc_status end, const ProtobufCMessage *const *messages,
                        size_t count);

size_t fake_client_call_count(void);
size_t fake_client_connect_count(void);
/* "/pointsman.v1.RouteControl/Apply"; "" when there were not so many calls. */
const char *fake_client_path(size_t index);
uint64_t fake_client_timeout_ms(size_t index);
/* What was sent. Borrowed until the reset. */
const ProtobufCMessage *fake_client_request(size_t index);

#endif
