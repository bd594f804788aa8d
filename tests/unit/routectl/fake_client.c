#include "tests/unit/routectl/fake_client.h"

#include "common/buffer.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_CALLS = 16 };

static struct call {
    /* the script */
    struct buffer response;
    enum grpc_status status;
    char message[128];
    bool breaks, is_back;
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

ProtobufCMessage *grpc_client_call(struct grpc_client *client, const char *path,
                                   const ProtobufCMessage *request,
                                   const ProtobufCMessageDescriptor *response, uint64_t timeout_ms,
                                   struct grpc_result *result)
{
    assert(client != NULL && call_count < scripted_count);
    struct call *call = &calls[call_count++];
    struct buffer bytes = BUFFER_EMPTY;
    message_pack(request, &bytes);
    call->path = path;
    call->timeout_ms = timeout_ms;
    call->request = message_unpack(request->descriptor, buffer_slice(&bytes),
                                   MESSAGE_MEMORY_DEFAULT, true, NULL);
    buffer_clear(&bytes);

    client->is_lost = call->breaks;
    is_refusing = call->breaks && !call->is_back;
    result->status = call->status;
    snprintf(result->message, sizeof(result->message), "%s", call->message);
    if (call->status != GRPC_OK)
        return NULL;
    return message_unpack(response, buffer_slice(&call->response), MESSAGE_MEMORY_DEFAULT, true,
                          NULL);
}

void grpc_result_clear(struct grpc_result *result)
{
    *result = (struct grpc_result){0};
}
