#include "tests/unit/control/fake_grpc_server.h"

#include "proto/message.h"

#include <stdio.h>
#include <stdlib.h>

struct grpc_call {
    struct peer_credentials peer;
    void (*on_end)(void *context);
    void *on_end_context;
    enum grpc_pull (*pull)(void *context, struct buffer *to);
    void *pull_context;
    bool was_resumed;

    bool has_ended;
    enum grpc_status status;
    char message[1024];
    struct buffer answer;
    bool has_answer;
    struct buffer bad_fields;
};

struct grpc_call *fake_call_new(void)
{
    struct grpc_call *call = memory_allocate_zeroed(1, sizeof(*call));
    call->peer =
        (struct peer_credentials){.uid = 1000, .gid = 1000, .pid = 42, .command = "tester"};
    return call;
}

void fake_call_set_uid(struct grpc_call *call, uid_t uid)
{
    call->peer.uid = uid;
}

void fake_call_free(struct grpc_call *call)
{
    fake_call_cancel(call);
    buffer_clear(&call->answer);
    buffer_clear(&call->bad_fields);
    free(call);
}

void fake_call_cancel(struct grpc_call *call)
{
    if (call->has_ended)
        return;
    call->has_ended = true;
    call->status = GRPC_CANCELLED;
    if (call->on_end != NULL)
        call->on_end(call->on_end_context);
}

bool fake_call_has_ended(const struct grpc_call *call)
{
    return call->has_ended;
}

enum grpc_status fake_call_status(const struct grpc_call *call)
{
    return call->status;
}

const char *fake_call_message(const struct grpc_call *call)
{
    return call->message;
}

const char *fake_call_bad_fields(const struct grpc_call *call)
{
    return call->bad_fields.length == 0 ? "" : call->bad_fields.at;
}

ProtobufCMessage *fake_call_answer(const struct grpc_call *call,
                                   const ProtobufCMessageDescriptor *descriptor)
{
    if (!call->has_answer)
        return NULL;
    return message_unpack(descriptor, buffer_slice(&call->answer), MESSAGE_MEMORY_APPLY,
                          UNKNOWN_FIELDS_REFUSED, NULL);
}

ProtobufCMessage *fake_call_pull(struct grpc_call *call,
                                 const ProtobufCMessageDescriptor *descriptor)
{
    struct buffer bytes = BUFFER_EMPTY;
    ProtobufCMessage *message = NULL;
    call->was_resumed = false;
    enum grpc_pull pulled =
        call->has_ended ? GRPC_PULL_WAIT : call->pull(call->pull_context, &bytes);
    if (pulled == GRPC_PULL_MESSAGE)
        message = message_unpack(descriptor, buffer_slice(&bytes), MESSAGE_MEMORY_APPLY,
                                 UNKNOWN_FIELDS_REFUSED, NULL);
    if (pulled == GRPC_PULL_END) {
        call->has_ended = true;
        call->status = GRPC_OK;
    }
    buffer_clear(&bytes);
    return message;
}

bool fake_call_was_resumed(const struct grpc_call *call)
{
    return call->was_resumed;
}

/* --- what proto/grpc_server.h promises ------------------------------------------------------ */

/* Unknown here. */
size_t grpc_call_request_bytes(const struct grpc_call *call)
{
    (void)call;
    return 0;
}

const struct peer_credentials *grpc_call_peer(const struct grpc_call *call)
{
    return &call->peer;
}

void grpc_call_on_end(struct grpc_call *call, void (*on_end)(void *context), void *context)
{
    call->on_end = on_end;
    call->on_end_context = context;
}

void grpc_call_reply_packed(struct grpc_call *call, struct slice response)
{
    buffer_append(&call->answer, response.at, response.length);
    call->has_answer = true;
    call->has_ended = true;
    call->status = GRPC_OK;
}

void grpc_call_reply(struct grpc_call *call, const ProtobufCMessage *response)
{
    struct buffer packed = BUFFER_EMPTY;
    message_pack(response, &packed);
    grpc_call_reply_packed(call, buffer_slice(&packed));
    buffer_clear(&packed);
}

static void read_bad_request(struct grpc_call *call, const Google__Rpc__Status *details)
{
    const Google__Protobuf__Any *any = details->details[0];
    Google__Rpc__BadRequest *bad_request = (Google__Rpc__BadRequest *)message_unpack(
        &google__rpc__bad_request__descriptor,
        slice_of((const char *)any->value.data, any->value.len), MESSAGE_MEMORY_DEFAULT,
        UNKNOWN_FIELDS_REFUSED, NULL);
    for (size_t i = 0; bad_request != NULL && i < bad_request->n_field_violations; i++)
        buffer_printf(&call->bad_fields, "%s%s", i == 0 ? "" : " ",
                      bad_request->field_violations[i]->field);
    buffer_string(&call->bad_fields);
    message_free((ProtobufCMessage *)bad_request);
}

void grpc_call_fail(struct grpc_call *call, enum grpc_status status, const char *message,
                    const Google__Rpc__Status *details)
{
    call->has_ended = true;
    call->status = status;
    snprintf(call->message, sizeof(call->message), "%s", message);
    if (details != NULL)
        read_bad_request(call, details);
}

void grpc_call_fail_error(struct grpc_call *call, const struct error *err)
{
    grpc_call_fail(call, grpc_status_from_error(err->code), err->message, NULL);
}

void grpc_call_stream(struct grpc_call *call,
                      enum grpc_pull (*pull)(void *context, struct buffer *to), void *context)
{
    call->pull = pull;
    call->pull_context = context;
}

void grpc_call_resume(struct grpc_call *call)
{
    call->was_resumed = true;
}
