#include "control/not_committed.h"

#include "control/error_detail.h"
#include "proto/error_info.h"
#include "proto/grpc_server.h"

void not_committed_fail_call(struct grpc_call *call, const struct error *err)
{
    enum grpc_status status = grpc_status_from_error(err->code);
    if (status != GRPC_UNAVAILABLE) {
        grpc_call_fail_error(call, err);
        return;
    }
    Google__Rpc__ErrorInfo info = GOOGLE__RPC__ERROR_INFO__INIT;
    info.reason = (char *)ERROR_INFO_NOT_COMMITTED;
    info.domain = (char *)ERROR_INFO_DOMAIN;
    error_detail_fail_call(call, status, err->message, ERROR_INFO_TYPE, &info.base);
}
