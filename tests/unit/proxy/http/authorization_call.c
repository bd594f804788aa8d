#include "tests/unit/proxy/http/authorization_call.h"

#include "proto/grpc_wire.h"
#include "proto/message.h"
#include "tests/unit/cmocka_all.h"

#include <string.h>

int call_set_up(void **state)
{
    authorization_set_up(state);
    struct stage *stage = *state;
    stage->route.filters = "auth:gate auth-grpc";
    stage->route.gate_protocol = "h2c";
    return 0;
}

void call_read(struct call *call)
{
    struct buffer body = BUFFER_EMPTY;
    struct grpc_frame frame;
    call->stream = http2_endpoint_expect_head(&call->gate);
    http2_endpoint_read_body(&call->gate, call->stream, &body);
    assert_true(grpc_frame_read(buffer_slice(&body), &frame));
    message_free((ProtobufCMessage *)call->message);
    call->message =
        (CheckRequest *)message_unpack(&envoy__service__auth__v3__check_request__descriptor,
                                       slice_of(body.at + GRPC_FRAME_BYTES, frame.length),
                                       MESSAGE_MEMORY_DEFAULT, UNKNOWN_FIELDS_REFUSED, NULL);
    assert_non_null(call->message);
    call->http = call->message->attributes->request->http;
    buffer_clear(&body);
}

struct call call_begin(struct stage *stage, const char *request)
{
    struct call call = {.stage = stage, .client = stage_connect(stage)};
    player_send(&call.client, request);
    call.gate = http2_endpoint_accept(stage, GATE);
    call_read(&call);
    return call;
}

void call_end(struct call *call)
{
    message_free((ProtobufCMessage *)call->message);
    http2_endpoint_close(&call->gate);
    player_close(&call->client);
}

const char *call_header(const struct call *call, const char *name)
{
    for (size_t i = 0; i < call->http->n_headers; i++) {
        if (strcmp(call->http->headers[i]->key, name) == 0)
            return call->http->headers[i]->value;
    }
    return "none";
}

void call_answer_head(struct call *call)
{
    http2_endpoint_send_head(&call->gate, call->stream, false,
                             ":status: 200\ncontent-type: application/grpc\n");
}

void call_answer_bytes(struct call *call, struct slice bytes, const char *grpc_status)
{
    struct buffer trailers = BUFFER_EMPTY;
    buffer_printf(&trailers, "grpc-status: %s\n", grpc_status);
    call_answer_head(call);
    http2_endpoint_send_bytes(&call->gate, call->stream, bytes);
    http2_endpoint_send_head(&call->gate, call->stream, true, buffer_string(&trailers));
    buffer_clear(&trailers);
}

void call_answer(struct call *call, const CheckResponse *response)
{
    struct buffer bytes = BUFFER_EMPTY;
    grpc_frame_begin(&bytes);
    message_pack(&response->base, &bytes);
    grpc_frame_end(&bytes, 0);
    call_answer_bytes(call, buffer_slice(&bytes), "0");
    buffer_clear(&bytes);
}

void call_allow(struct call *call)
{
    call_answer_bytes(call, SLICE("\0\0\0\0\2\x0a\0"), "0");
}

/* --- answers --------------------------------------------------------------------------------- */

void answer_init(struct answer *answer)
{
    memset(answer, 0, sizeof(*answer));
    google__rpc__status__init(&answer->status);
    envoy__service__auth__v3__ok_http_response__init(&answer->ok);
    envoy__service__auth__v3__check_response__init(&answer->message);
    for (size_t i = 0; i < ANSWER_HEADERS_MAX; i++) {
        envoy__config__core__v3__header_value__init(&answer->values[i]);
        envoy__config__core__v3__header_value_option__init(&answer->options[i]);
        answer->options[i].header = &answer->values[i];
        answer->headers[i] = &answer->options[i];
    }
    answer->message.status = &answer->status;
    answer->message.http_response_case =
        ENVOY__SERVICE__AUTH__V3__CHECK_RESPONSE__HTTP_RESPONSE_OK_RESPONSE;
    answer->message.ok_response = &answer->ok;
}

void answer_init_denied(struct answer *answer, int status, const char *body)
{
    answer_init(answer);
    envoy__type__v3__http_status__init(&answer->http_status);
    envoy__service__auth__v3__denied_http_response__init(&answer->denied);
    answer->http_status.code = status;
    answer->denied.status = status == 0 ? NULL : &answer->http_status;
    answer->denied.body = (char *)body;
    answer->denied.headers = answer->headers;
    answer->status.code = 7;
    answer->message.http_response_case =
        ENVOY__SERVICE__AUTH__V3__CHECK_RESPONSE__HTTP_RESPONSE_DENIED_RESPONSE;
    answer->message.denied_response = &answer->denied;
}

void answer_add(struct answer *answer, const char *name, const char *value)
{
    assert_true(answer->count < ANSWER_HEADERS_MAX);
    answer->values[answer->count].key = (char *)name;
    answer->values[answer->count].value = (char *)value;
    answer->count++;
}
