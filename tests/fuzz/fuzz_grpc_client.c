/* Bytes from a server into the gRPC core of a client with three calls under way. However they go
 * on, each call ends exactly once. */
#include "proto/grpc_core.h"
#include "tests/fuzz/fuzz.h"

#include <assert.h>

enum { CALLS = 3, MAX_MESSAGE_BYTES = 4096, ENOUGH_BYTES = 64 * 1024 };

struct call {
    struct grpc_stream *stream;
    bool is_cancelled;
    unsigned ends;
};

static void on_message(void *context, struct grpc_stream *stream, struct slice bytes)
{
    (void)context;
    struct call *call = grpc_stream_user(stream);
    assert(call->stream == stream && call->ends == 0 && !call->is_cancelled);
    assert(bytes.length <= MAX_MESSAGE_BYTES);
    if (bytes.length > 0 && bytes.at[0] == 'c') {
        call->is_cancelled = true;
        grpc_stream_cancel(stream, GRPC_CANCELLED, "enough");
    }
}

static void on_close(void *context, struct grpc_stream *stream, const struct grpc_result *result)
{
    (void)context;
    struct call *call = grpc_stream_user(stream);
    assert(call->stream == stream);
    assert(memchr(result->message, '\0', sizeof(result->message)) != NULL);
    assert(!call->is_cancelled || result->status != GRPC_OK);
    call->ends++;
}

static void start_calls(struct grpc_core *core, struct call *calls)
{
    LabelMessage label = POINTSMAN__V1__LABEL__INIT;
    for (size_t i = 0; i < CALLS; i++)
        calls[i].stream =
            grpc_core_start_call(core, "/a/b", &label.base, 1000, MAX_MESSAGE_BYTES, &calls[i]);
}

static bool send_all(struct grpc_core *core)
{
    struct buffer out = BUFFER_EMPTY;
    bool goes_on = grpc_core_send(core, &out, ENOUGH_BYTES);
    assert(out.length < (size_t)2 * ENOUGH_BYTES);
    buffer_clear(&out);
    return goes_on;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct grpc_core_handlers handlers = {.on_message = on_message, .on_close = on_close};
    struct grpc_core *core = grpc_core_new(GRPC_ROLE_CLIENT, &handlers);
    struct call calls[CALLS] = {0};
    start_calls(core, calls);

    /* The first byte says in what pieces the rest arrives. */
    size_t piece = size > 0 ? (size_t)data[0] + 1 : 1;
    bool goes_on = send_all(core);
    for (size_t at = 1; at < size && goes_on; at += piece) {
        size_t length = size - at < piece ? size - at : piece;
        goes_on = grpc_core_receive(core, slice_of((const char *)data + at, length));
        goes_on = send_all(core) && goes_on;
    }
    grpc_core_free(core);
    for (size_t i = 0; i < CALLS; i++)
        assert(calls[i].ends == 1);
    return 0;
}
