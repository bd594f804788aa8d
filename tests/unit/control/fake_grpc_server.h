/* Fake gRPC server: calls without a socket. Stands in for proto/grpc_server.h at link time.
 *
 * Threads: main. */
#ifndef TESTS_UNIT_CONTROL_FAKE_GRPC_SERVER_H
#define TESTS_UNIT_CONTROL_FAKE_GRPC_SERVER_H

#include "common/buffer.h"
#include "proto/grpc_server.h"

/* As user 1000 with process 42, "tester". Freed by fake_call_free, whatever has become of it. */
struct grpc_call *fake_call_new(void);
void fake_call_set_uid(struct grpc_call *call, uid_t uid);
void fake_call_free(struct grpc_call *call);

/* The client goes away: on_end is called, if it was set and the call has not ended. */
void fake_call_cancel(struct grpc_call *call);

bool fake_call_has_ended(const struct grpc_call *call);
/* Of an ended call. */
enum grpc_status fake_call_status(const struct grpc_call *call);
const char *fake_call_message(const struct grpc_call *call);
/* The fields of its BadRequest: "a.b c.d"; "" without one. Borrowed. */
const char *fake_call_bad_fields(const struct grpc_call *call);

/* The answer, unpacked; NULL when it has none. Free with message_free. */
ProtobufCMessage *fake_call_answer(const struct grpc_call *call,
                                   const ProtobufCMessageDescriptor *descriptor);

/* A stream's next message, unpacked; NULL when it has nothing now or has ended. Free with
 * message_free. */
ProtobufCMessage *fake_call_pull(struct grpc_call *call,
                                 const ProtobufCMessageDescriptor *descriptor);
/* Was grpc_call_resume called since the last pull? */
bool fake_call_was_resumed(const struct grpc_call *call);

#endif
