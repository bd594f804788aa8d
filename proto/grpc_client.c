/* Both kinds of client share the connection and the core. Driven by a loop, a watch and a timer of
 * 0 ms move the bytes; blocking, a poll of our own does, for one call at a time.
 *
 * A handler may free its client. It is called from inside the core then, so the client lives on
 * until the core has returned (enter and leave). */
#include "proto/grpc_client.h"

#include "common/clock.h"
#include "proto/grpc_core.h"
#include "proto/unix_socket.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    BYTES_AT_A_TIME = 64 * 1024,
    BLOCKING_MESSAGE_BYTES = 8 << 20, /* of an answer */
};

struct grpc_client {
    int fd;
    struct grpc_core *core;
    struct buffer out;
    unsigned depth;    /* inside the core */
    bool is_abandoned; /* freed while inside */
    bool is_lost;

    /* driven only */
    struct event_loop *loop;
    struct event_watch watch;
    struct event_timer flush_timer;
    struct client_call *late; /* started when the connection was lost */
    void (*on_closed)(void *context);
    void *context;
};

struct client_call {
    struct grpc_client *client;
    struct grpc_stream *stream; /* NULL: it is late */
    struct client_call *next;   /* late */
    struct grpc_client_call_handlers handlers;
    struct event_timer end_timer; /* driven only: at the deadline, or at once when it is late */
};

/* --- calls ------------------------------------------------------------------------------------ */

static void on_message(void *context, struct grpc_stream *stream, struct slice bytes)
{
    const struct grpc_client *client = context;
    struct client_call *call = grpc_stream_user(stream);
    if (!client->is_abandoned)
        call->handlers.on_message(call->handlers.context, bytes);
}

static void on_close(void *context, struct grpc_stream *stream, const struct grpc_result *result)
{
    const struct grpc_client *client = context;
    struct client_call *call = grpc_stream_user(stream);
    event_timer_stop(&call->end_timer);
    if (!client->is_abandoned)
        call->handlers.on_end(call->handlers.context, result);
    free(call);
}

static struct client_call *start_call(struct grpc_client *client, const char *path,
                                      const ProtobufCMessage *request, size_t max_message_bytes,
                                      uint64_t timeout_ms,
                                      const struct grpc_client_call_handlers *handlers)
{
    struct client_call *call = memory_allocate_zeroed(1, sizeof(*call));
    call->client = client;
    call->handlers = *handlers;
    call->stream =
        grpc_core_start_call(client->core, path, request, timeout_ms, max_message_bytes, call);
    return call;
}

/* --- the connection --------------------------------------------------------------------------- */

static struct grpc_client *new_client(const char *socket_path, struct error *err)
{
    int fd = unix_socket_connect(socket_path, err);
    if (fd < 0)
        return NULL;

    struct grpc_client *client = memory_allocate_zeroed(1, sizeof(*client));
    const struct grpc_core_handlers handlers = {
        .context = client,
        .on_message = on_message,
        .on_close = on_close,
    };
    client->fd = fd;
    client->core = grpc_core_new(GRPC_ROLE_CLIENT, &handlers);
    return client;
}

static void free_late(struct client_call *call)
{
    struct client_call **at = &call->client->late;
    while (*at != call)
        at = &(*at)->next;
    *at = call->next;
    event_timer_stop(&call->end_timer);
    free(call);
}

static void free_now(struct grpc_client *client)
{
    while (client->late != NULL)
        free_late(client->late);
    event_watch_stop(&client->watch);
    event_timer_stop(&client->flush_timer);
    client->is_abandoned = true; /* calls under way end without a word */
    grpc_core_free(client->core);
    close(client->fd);
    buffer_clear(&client->out);
    free(client);
}

void grpc_client_free(struct grpc_client *client)
{
    if (client == NULL)
        return;
    if (client->depth > 0)
        client->is_abandoned = true;
    else
        free_now(client);
}

static void enter(struct grpc_client *client)
{
    client->depth++;
}

/* False when the client is gone. */
static bool leave(struct grpc_client *client)
{
    client->depth--;
    if (client->depth > 0 || !client->is_abandoned)
        return true;
    free_now(client);
    return false;
}

/* False when the connection is lost. Stops when the socket takes no more. */
static bool send_some(struct grpc_client *client)
{
    for (;;) {
        if (!grpc_core_send(client->core, &client->out, BYTES_AT_A_TIME))
            return false;
        if (client->out.length == 0)
            return true;
        ssize_t sent = send(client->fd, client->out.at, client->out.length, MSG_NOSIGNAL);
        if (sent < 0)
            return errno == EAGAIN || errno == EINTR;
        buffer_consume(&client->out, (size_t)sent);
    }
}

/* False when the connection is lost. */
static bool receive_some(struct grpc_client *client)
{
    char bytes[BYTES_AT_A_TIME];
    ssize_t got = recv(client->fd, bytes, sizeof(bytes), 0);
    if (got < 0)
        return errno == EAGAIN || errno == EINTR;
    return got > 0 && grpc_core_receive(client->core, slice_of(bytes, (size_t)got));
}

/* --- driven by a loop ------------------------------------------------------------------------- */

static void lose(struct grpc_client *client)
{
    event_watch_stop(&client->watch);
    event_timer_stop(&client->flush_timer);

    enter(client);
    client->is_lost = true;
    grpc_core_free(client->core);
    client->core = NULL;
    if (!leave(client))
        return;
    client->on_closed(client->context);
}

/* Moves bytes after anything has happened. */
static void pump(struct grpc_client *client, bool is_readable)
{
    enter(client);
    bool is_alive = (!is_readable || receive_some(client)) && send_some(client);
    is_alive = is_alive && !(client->out.length == 0 && grpc_core_is_done(client->core));
    if (!leave(client))
        return;

    if (is_alive)
        event_watch_change(&client->watch,
                           EPOLLIN | (client->out.length > 0 ? (uint32_t)EPOLLOUT : 0));
    else
        lose(client);
}

static void on_ready(struct event_watch *watch, uint32_t events)
{
    pump(watch->context, (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0);
}

static void on_flush_due(struct event_timer *timer)
{
    pump(timer->context, false);
}

static void flush_later(struct grpc_client *client)
{
    if (client->flush_timer.loop == NULL)
        event_timer_start(&client->flush_timer, client->loop, 0, on_flush_due, client);
}

static void on_deadline(struct event_timer *timer)
{
    struct client_call *call = timer->context;
    grpc_stream_cancel(call->stream, GRPC_DEADLINE_EXCEEDED, "no answer in time");
    flush_later(call->client);
}

struct grpc_client *grpc_client_open(struct event_loop *loop, const char *socket_path,
                                     void (*on_closed)(void *context), void *context,
                                     struct error *err)
{
    struct grpc_client *client = new_client(socket_path, err);
    if (client == NULL)
        return NULL;

    client->loop = loop;
    client->on_closed = on_closed;
    client->context = context;
    event_watch_start(&client->watch, loop, client->fd, EPOLLIN, on_ready, client);
    flush_later(client);
    return client;
}

static void on_late_end(struct event_timer *timer)
{
    struct client_call *call = timer->context;
    struct grpc_client_call_handlers handlers = call->handlers;
    struct grpc_result result = {0};
    grpc_result_set(&result, GRPC_UNAVAILABLE, "the connection is lost");
    free_late(call);
    handlers.on_end(handlers.context, &result);
    grpc_result_clear(&result);
}

/* Ends like any other: from the loop. */
static void start_late(struct grpc_client *client, const struct grpc_client_call_handlers *handlers)
{
    struct client_call *call = memory_allocate_zeroed(1, sizeof(*call));
    call->client = client;
    call->handlers = *handlers;
    call->next = client->late;
    client->late = call;
    event_timer_start(&call->end_timer, client->loop, 0, on_late_end, call);
}

void grpc_client_start(struct grpc_client *client, const char *path,
                       const ProtobufCMessage *request, size_t max_message_bytes,
                       uint64_t timeout_ms, const struct grpc_client_call_handlers *handlers)
{
    if (client->is_lost) {
        start_late(client, handlers);
        return;
    }
    struct client_call *call = start_call(client, path, request, max_message_bytes,
                                          timeout_ms == 0 ? UINT64_MAX : timeout_ms, handlers);
    if (timeout_ms != 0)
        event_timer_start(&call->end_timer, client->loop, timeout_ms, on_deadline, call);
    flush_later(client);
}

/* --- blocking --------------------------------------------------------------------------------- */

struct grpc_client *grpc_client_connect(const char *socket_path, struct error *err)
{
    return new_client(socket_path, err);
}

/* One call that somebody waits for. */
struct awaited {
    const ProtobufCMessageDescriptor *descriptor;
    struct client_call *call;
    struct grpc_result *result;
    bool has_ended;
    bool was_stopped; /* by on_message */

    ProtobufCMessage *response; /* unary: the last message */
    bool (*on_message)(void *context, const ProtobufCMessage *message); /* stream */
    void *context;
};

static void on_awaited_message(void *context, struct slice bytes)
{
    struct awaited *awaited = context;
    struct error err = {0};
    if (awaited->was_stopped)
        return;

    ProtobufCMessage *message =
        message_unpack(awaited->descriptor, bytes, MESSAGE_MEMORY_APPLY, UNKNOWN_FIELDS_KEPT, &err);
    if (message == NULL) {
        awaited->was_stopped = true;
        grpc_stream_cancel(awaited->call->stream, GRPC_INTERNAL, err.message);
        return;
    }
    message_free(awaited->response);
    awaited->response = message;
    if (awaited->on_message != NULL && !awaited->on_message(awaited->context, message)) {
        awaited->was_stopped = true;
        grpc_stream_cancel(awaited->call->stream, GRPC_OK, "");
    }
}

static void on_awaited_end(void *context, const struct grpc_result *result)
{
    struct awaited *awaited = context;
    awaited->has_ended = true;
    grpc_result_set(awaited->result, result->status, result->message);
    /* The result is borrowed; the caller keeps its own. */
    if (result->details != NULL)
        awaited->result->details = (Google__Rpc__Status *)message_copy(&result->details->base);
}

/* Moves bytes until the call has ended, the connection is lost, or the time is over. */
static void wait_for_end(struct grpc_client *client, struct awaited *awaited, uint64_t timeout_ms)
{
    uint64_t started_ms = clock_now_ms();
    while (!awaited->has_ended) {
        uint64_t waited_ms = clock_now_ms() - started_ms;
        bool is_late = timeout_ms != 0 && waited_ms >= timeout_ms;
        if (is_late)
            grpc_stream_cancel(awaited->call->stream, GRPC_DEADLINE_EXCEEDED, "no answer in time");
        if (!send_some(client))
            break;
        if (awaited->has_ended)
            return;
        if (is_late)
            break;

        uint64_t left_ms = timeout_ms == 0 ? INT_MAX : timeout_ms - waited_ms;
        struct pollfd ready = {.fd = client->fd, .events = POLLIN};
        ready.events |= client->out.length > 0 ? POLLOUT : 0;
        int count = poll(&ready, 1, left_ms < INT_MAX ? (int)left_ms : INT_MAX);
        if (count > 0 && (ready.revents & ~POLLOUT) != 0 && !receive_some(client))
            break;
    }
    if (awaited->has_ended)
        return;
    /* Freeing the core ends its calls: this one with UNAVAILABLE. */
    grpc_core_free(client->core);
    client->core = NULL;
    client->is_lost = true;
}

static void call_and_wait(struct grpc_client *client, const char *path,
                          const ProtobufCMessage *request, uint64_t timeout_ms,
                          struct awaited *awaited)
{
    const struct grpc_client_call_handlers handlers = {
        .on_message = on_awaited_message,
        .on_end = on_awaited_end,
        .context = awaited,
    };
    *awaited->result = (struct grpc_result){0};
    if (client->is_lost) {
        grpc_result_set(awaited->result, GRPC_UNAVAILABLE, "the connection is lost");
        return;
    }
    awaited->call = start_call(client, path, request, BLOCKING_MESSAGE_BYTES,
                               timeout_ms == 0 ? UINT64_MAX : timeout_ms, &handlers);
    wait_for_end(client, awaited, timeout_ms);
}

ProtobufCMessage *grpc_client_call(struct grpc_client *client, const char *path,
                                   const ProtobufCMessage *request,
                                   const ProtobufCMessageDescriptor *response, uint64_t timeout_ms,
                                   struct grpc_result *result)
{
    struct awaited awaited = {.descriptor = response, .result = result};
    call_and_wait(client, path, request, timeout_ms, &awaited);

    if (result->status == GRPC_OK && awaited.response == NULL)
        grpc_result_set(result, GRPC_INTERNAL, "the answer has no message");
    if (result->status == GRPC_OK)
        return awaited.response;
    message_free(awaited.response);
    return NULL;
}

bool grpc_client_is_lost(const struct grpc_client *client)
{
    return client->is_lost;
}

bool grpc_client_call_stream(struct grpc_client *client, const char *path,
                             const ProtobufCMessage *request,
                             const ProtobufCMessageDescriptor *response,
                             bool (*on_stream_message)(void *context,
                                                       const ProtobufCMessage *message),
                             void *context, struct grpc_result *result)
{
    struct awaited awaited = {
        .descriptor = response,
        .result = result,
        .on_message = on_stream_message,
        .context = context,
    };
    call_and_wait(client, path, request, 0, &awaited);
    message_free(awaited.response);
    return result->status == GRPC_OK;
}
