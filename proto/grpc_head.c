/* What the heads of calls say: a server's requests, a client's responses and their trailers. */
#include "proto/grpc_stream.h"
#include "proto/grpc_wire.h"

/* application/grpc or application/grpc+proto, alone or with parameters. Other message formats are
 * not ours. */
static bool is_grpc_type(struct slice value)
{
    const char *end = memchr(value.at, ';', value.length);
    struct slice type = slice_of(value.at, end == NULL ? value.length : (size_t)(end - value.at));
    return slice_equals(type, SLICE("application/grpc")) ||
           slice_equals(type, SLICE("application/grpc+proto"));
}

static unsigned parse_small_number(struct slice digits)
{
    unsigned number = 0;
    if (digits.length == 0 || digits.length > 4)
        return GRPC_UNKNOWN;
    for (size_t i = 0; i < digits.length; i++) {
        if (digits.at[i] < '0' || digits.at[i] > '9')
            return GRPC_UNKNOWN;
        number = 10 * number + (unsigned)(digits.at[i] - '0');
    }
    return number;
}

static void note_details(struct grpc_stream *stream, struct slice value)
{
    struct buffer bytes = BUFFER_EMPTY;
    if (grpc_binary_decode(value, &bytes) && stream->result.details == NULL)
        stream->result.details = (Google__Rpc__Status *)message_unpack(
            &google__rpc__status__descriptor, buffer_slice(&bytes), MESSAGE_MEMORY_DEFAULT,
            UNKNOWN_FIELDS_KEPT, NULL);
    buffer_clear(&bytes);
}

/* Of two fields that say what the call is, either could be the one that is meant. */
static void note_once(struct grpc_head *head, bool *has)
{
    head->is_repeated = head->is_repeated || *has;
    *has = true;
}

void grpc_stream_note_header(struct grpc_stream *stream, struct slice name, struct slice value)
{
    struct grpc_head *head = &stream->head;

    if (slice_equals(name, SLICE(":method"))) {
        note_once(head, &head->has_method);
        head->is_post = slice_equals(value, SLICE("POST"));
    } else if (slice_equals(name, SLICE(":path"))) {
        note_once(head, &head->has_path);
        buffer_reset(&head->path);
        buffer_append_slice(&head->path, value);
    } else if (slice_equals(name, SLICE(":status"))) {
        head->http_status = parse_small_number(value);
    } else if (slice_equals(name, SLICE("content-type"))) {
        note_once(head, &head->has_type);
        head->has_grpc_type = is_grpc_type(value);
    } else if (slice_equals(name, SLICE("grpc-encoding"))) {
        head->is_encoded = !slice_equals(value, SLICE("identity"));
    } else if (slice_equals(name, SLICE("grpc-timeout"))) {
        if (!grpc_timeout_parse(value, &head->timeout_ms))
            head->timeout_ms = 0;
    } else if (slice_equals(name, SLICE("grpc-status"))) {
        head->has_status = true;
        stream->result.status = (enum grpc_status)parse_small_number(value);
    } else if (slice_equals(name, SLICE("grpc-message"))) {
        grpc_message_decode(value, stream->result.message, sizeof(stream->result.message));
    } else if (slice_equals(name, SLICE("grpc-status-details-bin"))) {
        note_details(stream, value);
    }
}

static void finish_request_head(struct grpc_stream *stream)
{
    struct grpc_core *core = stream->core;
    struct grpc_head *head = &stream->head;

    if (stream->ignores_rest)
        return;
    if (head->is_repeated)
        grpc_stream_refuse_http(stream, "400");
    else if (!head->is_post)
        grpc_stream_refuse_http(stream, "405");
    else if (!head->has_grpc_type)
        grpc_stream_refuse_http(stream, "415");
    else if (head->is_encoded)
        grpc_stream_fail(stream, GRPC_UNIMPLEMENTED, "compressed messages are not supported");
    else if (head->timeout_ms == 0)
        grpc_stream_fail(stream, GRPC_DEADLINE_EXCEEDED, "grpc-timeout leaves no time");
    else
        core->handlers.on_call(core->handlers.context, stream, buffer_slice(&head->path),
                               head->timeout_ms);
}

void grpc_stream_finish_head(struct grpc_stream *stream)
{
    if (stream->head.is_complete)
        return; /* these were trailers */
    stream->head.is_complete = true;

    if (stream->core->role == GRPC_ROLE_SERVER)
        finish_request_head(stream);
    else if (stream->head.is_encoded)
        grpc_stream_cancel(stream, GRPC_UNIMPLEMENTED,
                           "the server compresses, which we did not ask for");
}
