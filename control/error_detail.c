#include "control/error_detail.h"

#include "common/buffer.h"
#include "proto/grpc_server.h"
#include "proto/message.h"

void error_detail_fail_call(struct grpc_call *call, enum grpc_status status, const char *message,
                            const char *type_url, const ProtobufCMessage *detail)
{
    struct buffer packed = BUFFER_EMPTY;
    message_pack(detail, &packed);
    Google__Protobuf__Any any = GOOGLE__PROTOBUF__ANY__INIT;
    Google__Protobuf__Any *details[] = {&any};
    any.type_url = (char *)type_url;
    any.value.data = (uint8_t *)packed.at;
    any.value.len = packed.length;

    Google__Rpc__Status rich = GOOGLE__RPC__STATUS__INIT;
    rich.code = (int32_t)status;
    rich.message = (char *)message;
    rich.n_details = 1;
    rich.details = details;
    grpc_call_fail(call, status, message, &rich);
    buffer_clear(&packed);
}
