/* Calls: from the head of a stream to its handler and back. A call is gone as soon as it has been
 * answered or has ended; its stream may live on until the answer is sent. */
#include "proto/grpc_server_parts.h"

#include <stdlib.h>
#include <string.h>

enum {
    DEFAULT_REQUEST_BYTES = 1 << 20,
    QUEUE_LIMIT_BYTES = 1 << 20,
};

/* --- life ------------------------------------------------------------------------------------- */

static struct grpc_call *new_call(struct grpc_connection *connection, struct grpc_stream *stream,
                                  const struct grpc_method *method, void *method_context)
{
    struct grpc_call *call = memory_allocate_zeroed(1, sizeof(*call));
    call->connection = connection;
    call->stream = stream;
    call->method = method;
    call->method_context = method_context;

    call->next = connection->calls;
    if (connection->calls != NULL)
        connection->calls->previous = call;
    connection->calls = call;
    grpc_stream_set_user(stream, call);
    return call;
}

static void free_call(struct grpc_call *call)
{
    struct grpc_connection *connection = call->connection;
    event_timer_stop(&call->deadline_timer);
    event_timer_stop(&call->message_timer);
    message_arena_clear(&call->arena);

    if (call->previous != NULL)
        call->previous->next = call->next;
    else
        connection->calls = call->next;
    if (call->next != NULL)
        call->next->previous = call->previous;
    free(call);
}

/* Tells whoever was going to answer that nobody listens any more. */
static void end_call(struct grpc_call *call)
{
    void (*on_end)(void *context) = call->on_end;
    void *context = call->end_context;
    free_call(call);
    if (on_end != NULL)
        on_end(context);
}

static void finish(struct grpc_call *call, enum grpc_status status, const char *message,
                   struct slice details)
{
    struct grpc_connection *connection = call->connection;
    struct grpc_stream *stream = call->stream;
    free_call(call);
    grpc_stream_finish(stream, status, slice_from_string(message), details);
    grpc_connection_touch(connection);
}

void grpc_call_abandon(struct grpc_call *call, enum grpc_status status, const char *message)
{
    struct grpc_connection *connection = call->connection;
    struct grpc_stream *stream = call->stream;
    end_call(call);
    grpc_stream_finish(stream, status, slice_from_string(message), SLICE(""));
    grpc_connection_touch(connection);
}

static void on_deadline(struct event_timer *timer)
{
    grpc_call_abandon(timer->context, GRPC_DEADLINE_EXCEEDED,
                      "the deadline passed before the answer");
}

static void on_message_timeout(struct event_timer *timer)
{
    grpc_call_abandon(timer->context, GRPC_DEADLINE_EXCEEDED,
                      "the request was not complete in time");
}

/* --- dispatch --------------------------------------------------------------------------------- */

static const struct grpc_method *find_in(const struct grpc_method *methods, struct slice path)
{
    for (; methods->path != NULL; methods++) {
        if (slice_equals(slice_from_string(methods->path), path))
            return methods;
    }
    return NULL;
}

static const struct grpc_method *find_method(struct grpc_server *server, struct slice path,
                                             void **context)
{
    *context = server->context;
    const struct grpc_method *method = find_in(server->methods, path);
    if (method != NULL)
        return method;
    *context = server;
    method = find_in(grpc_health_methods, path);
    return method != NULL ? method : find_in(grpc_reflection_methods, path);
}

static void finish_with_error(struct grpc_stream *stream, const struct error *err)
{
    grpc_stream_finish(stream, grpc_status_from_error(err->code), slice_from_string(err->message),
                       SLICE(""));
}

static void on_call(void *context, struct grpc_stream *stream, struct slice path,
                    uint64_t timeout_ms)
{
    struct grpc_connection *connection = context;
    struct grpc_server *server = connection->server;
    struct error err = {0};
    void *method_context;

    const struct grpc_method *method = find_method(server, path, &method_context);
    if (method == NULL) {
        error_set(&err, ERROR_UNSUPPORTED, "there is no method %.*s",
                  path.length < 200 ? (int)path.length : 200, path.at);
        return finish_with_error(stream, &err);
    }
    if (server->is_draining) {
        error_set(&err, ERROR_UNAVAILABLE, "shutting down");
        return finish_with_error(stream, &err);
    }
    if (method->authorize != NULL &&
        !method->authorize(method_context, method, &connection->peer, &err))
        return finish_with_error(stream, &err);

    struct grpc_call *call = new_call(connection, stream, method, method_context);
    grpc_stream_set_max_message(stream, method->max_request_bytes != 0 ? method->max_request_bytes
                                                                       : DEFAULT_REQUEST_BYTES);
    event_timer_start(&call->message_timer, server->loop, server->limits.message_timeout_ms,
                      on_message_timeout, call);
    if (timeout_ms != UINT64_MAX)
        event_timer_start(&call->deadline_timer, server->loop, timeout_ms, on_deadline, call);
}

/* The handler may end the call: the request is kept apart from it. */
static void handle(struct grpc_call *call)
{
    struct message_arena arena = call->arena;
    const ProtobufCMessage *request = call->request;
    call->arena = (struct message_arena){0};
    call->request = NULL;
    call->method->on_call(call->method_context, call, request);
    message_arena_clear(&arena);
}

static void on_message(void *context, struct grpc_stream *stream, struct slice bytes)
{
    (void)context;
    struct grpc_call *call = grpc_stream_user(stream);
    const struct grpc_method *method = call->method;
    struct error err = {0};

    if (call->request != NULL) {
        error_set(&err, ERROR_INVALID, "the call takes one message, and more were sent");
        grpc_call_fail_error(call, &err);
        return;
    }
    size_t memory =
        method->max_request_memory != 0 ? method->max_request_memory : MESSAGE_MEMORY_DEFAULT;
    call->request_bytes = bytes.length;
    call->request = message_arena_unpack(&call->arena, method->request, bytes, memory,
                                         method->unknown_fields, &err);
    if (call->request == NULL) {
        grpc_call_fail_error(call, &err);
        return;
    }
    /* The handler of a single one is called when the client has said all. */
    if (method->has_many_requests) {
        event_timer_stop(&call->message_timer);
        handle(call);
    }
}

static void on_half_close(void *context, struct grpc_stream *stream)
{
    (void)context;
    struct grpc_call *call = grpc_stream_user(stream);
    if (call == NULL)
        return;

    event_timer_stop(&call->message_timer);
    if (call->request == NULL && !call->method->has_many_requests) {
        grpc_call_fail(call, GRPC_INVALID_ARGUMENT, "the call has no message", NULL);
        return;
    }
    if (grpc_connection_is_full(call->connection)) {
        grpc_call_fail(call, GRPC_RESOURCE_EXHAUSTED, "earlier answers have not been read", NULL);
        return;
    }
    handle(call);
}

static enum grpc_pull on_pull(void *context, struct grpc_stream *stream, struct buffer *to)
{
    (void)context;
    struct grpc_call *call = grpc_stream_user(stream);
    enum grpc_pull pulled = call->pull(call->pull_context, to);
    /* The core ends the stream; the call goes now, unless its pull has failed it already. */
    if (pulled == GRPC_PULL_END && grpc_stream_user(stream) == call)
        free_call(call);
    return pulled;
}

static void on_close(void *context, struct grpc_stream *stream, const struct grpc_result *result)
{
    (void)context;
    (void)result;
    end_call(grpc_stream_user(stream));
}

const struct grpc_core_handlers grpc_call_handlers = {
    .on_call = on_call,
    .on_message = on_message,
    .on_half_close = on_half_close,
    .on_pull = on_pull,
    .on_close = on_close,
};

/* --- what handlers call ----------------------------------------------------------------------- */

const struct peer_credentials *grpc_call_peer(const struct grpc_call *call)
{
    return &call->connection->peer;
}

size_t grpc_call_request_bytes(const struct grpc_call *call)
{
    return call->request_bytes;
}

void grpc_call_on_end(struct grpc_call *call, void (*on_end)(void *context), void *context)
{
    call->on_end = on_end;
    call->end_context = context;
}

void grpc_call_reply(struct grpc_call *call, const ProtobufCMessage *response)
{
    grpc_stream_send(call->stream, response);
    finish(call, GRPC_OK, "", SLICE(""));
}

void grpc_call_reply_packed(struct grpc_call *call, struct slice response)
{
    grpc_stream_send_packed(call->stream, response);
    finish(call, GRPC_OK, "", SLICE(""));
}

bool grpc_call_send(struct grpc_call *call, const ProtobufCMessage *message, struct error *err)
{
    if (grpc_stream_queued(call->stream) > QUEUE_LIMIT_BYTES ||
        grpc_connection_is_full(call->connection))
        return error_set(err, ERROR_LIMIT, "the client does not read its answers");
    grpc_stream_send(call->stream, message);
    grpc_connection_touch(call->connection);
    return true;
}

void grpc_call_fail(struct grpc_call *call, enum grpc_status status, const char *message,
                    const Google__Rpc__Status *details)
{
    struct buffer packed = BUFFER_EMPTY;
    if (details != NULL)
        message_pack(&details->base, &packed);
    finish(call, status, message, buffer_slice(&packed));
    buffer_clear(&packed);
}

void grpc_call_fail_error(struct grpc_call *call, const struct error *err)
{
    finish(call, grpc_status_from_error(err->code), err->message, SLICE(""));
}

void grpc_call_stream(struct grpc_call *call,
                      enum grpc_pull (*pull)(void *context, struct buffer *to), void *context)
{
    call->pull = pull;
    call->pull_context = context;
    grpc_stream_start_pull(call->stream);
    grpc_connection_touch(call->connection);
}

void grpc_call_resume(struct grpc_call *call)
{
    grpc_stream_resume(call->stream);
    grpc_connection_touch(call->connection);
}
