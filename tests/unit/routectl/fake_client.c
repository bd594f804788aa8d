#include "tests/unit/routectl/fake_client.h"

#include "common/buffer.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_CALLS = 16, MAX_MESSAGES = 8 };

static struct call {
    /* the script */
    struct buffer response;
    enum grpc_status status;
    char message[128];
    bool breaks, is_back;
    struct buffer messages[MAX_MESSAGES]; /* of a stream */
    size_t message_count;
    /* what happened */
    const char *path;
    uint64_t timeout_ms;
    ProtobufCMessage *request;
} calls[MAX_CALLS];

static size_t scripted_count, call_count, connect_count;
static bool is_refusing;

struct grpc_client {
    bool is_lost;
};

void fake_client_reset(void)
{
    for (size_t i = 0; i < MAX_CALLS; i++) {
        buffer_clear(&calls[i].response);
        for (size_t j = 0; j < MAX_MESSAGES; j++)
            buffer_clear(&calls[i].messages[j]);
        message_free(calls[i].request);
    }
    memset(calls, 0, sizeof(calls));
    scripted_count = call_count = connect_count = 0;
    is_refusing = false;
}

void fake_client_refuse(void)
{
    is_refusing = true;
}

void fake_client_answer(const ProtobufCMessage *response)
{
    assert(scripted_count < MAX_CALLS);
    message_pack(response, &calls[scripted_count++].response);
}

void fake_client_fail(enum grpc_status status, const char *message)
{
    assert(scripted_count < MAX_CALLS);
    struct call *call = &calls[scripted_count++];
    call->status = status;
    snprintf(call->message, sizeof(call->message), "%s", message);
}

void fake_client_break(bool is_back)
{
    fake_client_fail(GRPC_UNAVAILABLE, "the connection is lost");
    calls[scripted_count - 1].breaks = true;
    calls[scripted_count - 1].is_back = is_back;
}

void fake_client_stream(enum grpc_status end, const ProtobufCMessage *const *messages, size_t count)
{
    assert(scripted_count < MAX_CALLS && count <= MAX_MESSAGES);
    struct call *call = &calls[scripted_count++];
    for (size_t i = 0; i < count; i++)
        message_pack(messages[i], &call->messages[i]);
    call->message_count = count;
    call->status = end;
    call->breaks = call->is_back = end == GRPC_UNAVAILABLE;
    snprintf(call->message, sizeof(call->message), "the stream has ended");
}

size_t fake_client_call_count(void)
{
    return call_count;
}

size_t fake_client_connect_count(void)
{
    return connect_count;
}

const char *fake_client_path(size_t index)
{
    return index < call_count ? calls[index].path : "";
}

uint64_t fake_client_timeout_ms(size_t index)
{
    return calls[index].timeout_ms;
}

const ProtobufCMessage *fake_client_request(size_t index)
{
    assert(index < call_count);
    return calls[index].request;
}

/* --- what it stands in for -------------------------------------------------------------------- */

struct grpc_client *grpc_client_connect(const char *socket_path, struct error *err)
{
    connect_count++;
    if (is_refusing) {
        error_set(err, ERROR_UNAVAILABLE, "%s: nobody listens", socket_path);
        return NULL;
    }
    return memory_allocate_zeroed(1, sizeof(struct grpc_client));
}

bool grpc_client_is_lost(const struct grpc_client *client)
{
    return client->is_lost;
}

void grpc_client_free(struct grpc_client *client)
{
    free(client);
}

/* The next call of the script, with what was asked. */
static struct call *next_call(struct grpc_client *client, const char *path,
                              const ProtobufCMessage *request, struct grpc_result *result)
{
    assert(client != NULL && call_count < scripted_count);
    struct call *call = &calls[call_count++];
    struct buffer bytes = BUFFER_EMPTY;
    message_pack(request, &bytes);
    call->path = path;
    call->request = message_unpack(request->descriptor, buffer_slice(&bytes),
                                   MESSAGE_MEMORY_DEFAULT, UNKNOWN_FIELDS_REFUSED, NULL);
    buffer_clear(&bytes);

    client->is_lost = call->breaks;
    is_refusing = call->breaks && !call->is_back;
    result->status = call->status;
    snprintf(result->message, sizeof(result->message), "%s", call->message);
    return call;
}

ProtobufCMessage *grpc_client_call(struct grpc_client *client, const char *path,
                                   const ProtobufCMessage *request,
                                   const ProtobufCMessageDescriptor *response, uint64_t timeout_ms,
                                   struct grpc_result *result)
{
    struct call *call = next_call(client, path, request, result);
    call->timeout_ms = timeout_ms;
    if (call->status != GRPC_OK)
        return NULL;
    return message_unpack(response, buffer_slice(&call->response), MESSAGE_MEMORY_DEFAULT,
                          UNKNOWN_FIELDS_REFUSED, NULL);
}

bool grpc_client_call_stream(struct grpc_client *client, const char *path,
                             const ProtobufCMessage *request,
                             const ProtobufCMessageDescriptor *response,
                             bool (*on_message)(void *context, const ProtobufCMessage *message),
                             void *context, struct grpc_result *result)
{
    const struct call *call = next_call(client, path, request, result);
    bool goes_on = true;
    for (size_t i = 0; i < call->message_count && goes_on; i++) {
        ProtobufCMessage *message =
            message_unpack(response, buffer_slice(&call->messages[i]), MESSAGE_MEMORY_DEFAULT,
                           UNKNOWN_FIELDS_REFUSED, NULL);
        assert(message != NULL);
        goes_on = on_message(context, message);
        message_free(message);
    }
    if (!goes_on)
        *result = (struct grpc_result){0};
    return result->status == GRPC_OK;
}

void grpc_result_clear(struct grpc_result *result)
{
    *result = (struct grpc_result){0};
}
