/* Bytes from a client into the gRPC core of a server that answers, fails and streams. */
#include "proto/grpc_core.h"
#include "tests/fuzz/fuzz.h"

#include <assert.h>

enum { MAX_MESSAGE_BYTES = 4096, ENOUGH_BYTES = 64 * 1024, PULLS = 3 };

/* What a stream's user points at: the state of every open stream is one of these. */
static int open_mark;

static void on_call(void *context, struct grpc_stream *stream, struct slice path,
                    uint64_t timeout_ms)
{
    (void)context;
    (void)timeout_ms;
    if (slice_equals(path, SLICE("/none"))) {
        grpc_stream_finish(stream, GRPC_UNIMPLEMENTED, SLICE("100 %"), SLICE("\0\1\2"));
        return;
    }
    grpc_stream_set_user(stream, &open_mark);
    grpc_stream_set_max_message(stream, MAX_MESSAGE_BYTES);
}

static void on_message(void *context, struct grpc_stream *stream, struct slice bytes)
{
    (void)context;
    assert(grpc_stream_user(stream) == &open_mark);
    assert(bytes.length <= MAX_MESSAGE_BYTES);
    if (bytes.length > 0 && bytes.at[0] == 'f')
        grpc_stream_finish(stream, GRPC_INVALID_ARGUMENT, bytes, bytes);
    else if (bytes.length > 0 && bytes.at[0] == 's')
        grpc_stream_start_pull(stream);
}

static void on_half_close(void *context, struct grpc_stream *stream)
{
    (void)context;
    LabelMessage label = POINTSMAN__V1__LABEL__INIT;
    if (grpc_stream_user(stream) == NULL)
        return;
    grpc_stream_send(stream, &label.base);
    grpc_stream_finish(stream, GRPC_OK, SLICE(""), SLICE(""));
}

static enum grpc_pull on_pull(void *context, struct grpc_stream *stream, struct buffer *to)
{
    (void)stream;
    int *pulls = context;
    if (++*pulls > PULLS)
        return *pulls % 2 == 0 ? GRPC_PULL_END : GRPC_PULL_WAIT;
    buffer_append_string(to, "message");
    return GRPC_PULL_MESSAGE;
}

static void on_close(void *context, struct grpc_stream *stream, const struct grpc_result *result)
{
    (void)context;
    assert(grpc_stream_user(stream) == &open_mark);
    assert(result->status != GRPC_OK);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int pulls = 0;
    const struct grpc_core_handlers handlers = {
        .context = &pulls,
        .on_call = on_call,
        .on_message = on_message,
        .on_half_close = on_half_close,
        .on_pull = on_pull,
        .on_close = on_close,
    };
    struct grpc_core *core = grpc_core_new(GRPC_ROLE_SERVER, &handlers);
    struct buffer out = BUFFER_EMPTY;

    /* The first byte says in what pieces the rest arrives. */
    size_t piece = size > 0 ? (size_t)data[0] + 1 : 1;
    bool goes_on = true;
    for (size_t at = 1; at < size && goes_on; at += piece) {
        size_t length = size - at < piece ? size - at : piece;
        goes_on = grpc_core_receive(core, slice_of((const char *)data + at, length));
        goes_on = grpc_core_send(core, &out, ENOUGH_BYTES) && goes_on;
        assert(out.length < 2 * ENOUGH_BYTES);
        buffer_reset(&out);
    }
    grpc_core_free(core);
    buffer_clear(&out);
    return 0;
}
