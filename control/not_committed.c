#include "control/not_committed.h"

#include "common/buffer.h"
#include "proto/error_info.h"
#include "proto/grpc_server.h"
#include "proto/message.h"

void not_committed_fail_call(struct grpc_call *call, const struct error *err)
{
    enum grpc_status status = grpc_status_from_error(err->code);
    if (status != GRPC_UNAVAILABLE) {
        grpc_call_fail_error(call, err);
        return;
    }
    struct buffer packed = BUFFER_EMPTY;
    Google__Rpc__ErrorInfo info = GOOGLE__RPC__ERROR_INFO__INIT;
    info.reason = (char *)ERROR_INFO_NOT_COMMITTED;
    info.domain = (char *)ERROR_INFO_DOMAIN;
    message_pack(&info.base, &packed);

    Google__Protobuf__Any any = GOOGLE__PROTOBUF__ANY__INIT;
    Google__Protobuf__Any *details[] = {&any};
    any.type_url = (char *)ERROR_INFO_TYPE;
    any.value.data = (uint8_t *)packed.at;
    any.value.len = packed.length;

    Google__Rpc__Status rich = GOOGLE__RPC__STATUS__INIT;
    rich.code = (int32_t)status;
    rich.message = (char *)err->message;
    rich.n_details = 1;
    rich.details = details;
    grpc_call_fail(call, status, err->message, &rich);
    buffer_clear(&packed);
}
