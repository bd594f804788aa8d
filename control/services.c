#include "control/services.h"

#include "control/authorizer.h"
#include "control/backup_service.h"
#include "control/blame_service.h"
#include "control/commit_group.h"
#include "control/commit_stream.h"
#include "control/control_service.h"
#include "control/explain_service.h"
#include "control/feed_service.h"
#include "control/history_service.h"
#include "control/read_service.h"

#define CONTROL "/pointsman.v1.RouteControl/"
#define FEED "/pointsman.v1.RouteFeed/"

static bool check(void *context, const struct grpc_method *method,
                  const struct peer_credentials *peer, enum permission permission,
                  struct error *err)
{
    const struct services *services = context;
    return authorizer_check(services->authorizer, peer, permission, method->path, err);
}

static bool may_read(void *context, const struct grpc_method *method,
                     const struct peer_credentials *peer, struct error *err)
{
    return check(context, method, peer, PERMISSION_READ, err);
}

static bool may_watch(void *context, const struct grpc_method *method,
                      const struct peer_credentials *peer, struct error *err)
{
    return check(context, method, peer, PERMISSION_WATCH, err);
}

static bool may_write(void *context, const struct grpc_method *method,
                      const struct peer_credentials *peer, struct error *err)
{
    return check(context, method, peer, PERMISSION_WRITE, err);
}

bool services_is_exempt(void *context, const struct peer_credentials *peer)
{
    const struct services *services = context;
    return authorizer_allows(services->authorizer, peer, PERMISSION_WATCH);
}

bool services_has_reserve(void *context, const struct peer_credentials *peer)
{
    const struct services *services = context;
    return authorizer_allows(services->authorizer, peer, PERMISSION_WRITE);
}

static void on_explain(void *context, struct grpc_call *call, const ProtobufCMessage *request)
{
    const struct services *services = context;
    commit_group_flush(services->commits);
    explain_service_explain(services->explain, call,
                            (const Pointsman__V1__ExplainRequest *)request);
}

static void on_backup(void *context, struct grpc_call *call, const ProtobufCMessage *request)
{
    (void)request;
    const struct services *services = context;
    backup_service_start(services->backup, call);
}

static void on_blame(void *context, struct grpc_call *call, const ProtobufCMessage *request)
{
    const struct services *services = context;
    commit_group_flush(services->commits);
    blame_service_blame(services->blame, call, (const Pointsman__V1__BlameRequest *)request);
}

static void on_watch_commits(void *context, struct grpc_call *call, const ProtobufCMessage *request)
{
    const struct services *services = context;
    commit_group_flush(services->commits);
    commit_streams_add(services->streams, call,
                       (const Pointsman__V1__WatchCommitsRequest *)request);
}

static void on_watch(void *context, struct grpc_call *call, const ProtobufCMessage *request)
{
    const struct services *services = context;
    feed_service_watch(services->feed, call, (const Pointsman__V1__WatchRequest *)request);
}

static void on_report(void *context, struct grpc_call *call, const ProtobufCMessage *request)
{
    const struct services *services = context;
    feed_service_report(services->feed, call, (const Pointsman__V1__ReportRequest *)request);
}

/* Mutations, and what else an Apply says. */
enum { APPLY_REQUEST_BYTES_MAX = APPLY_BYTES_MAX + 64 * 1024 };

#define READ(name, message, handler)                                                               \
    {                                                                                              \
        .path = CONTROL name, .request = &pointsman__v1__##message##__descriptor,                  \
        .authorize = may_read, .on_call = (handler)                                                \
    }
#define WRITE(name, message, handler)                                                              \
    {                                                                                              \
        .path = CONTROL name, .request = &pointsman__v1__##message##__descriptor,                  \
        .max_request_bytes = APPLY_REQUEST_BYTES_MAX, .max_request_memory = MESSAGE_MEMORY_APPLY,  \
        .authorize = may_write, .on_call = (handler)                                               \
    }

const struct grpc_method service_methods[] = {
    WRITE("Apply", apply_request, control_service_apply),
    WRITE("PutRoute", put_route_request, control_service_put_route),
    WRITE("DeleteRoute", delete_route_request, control_service_delete_route),
    WRITE("PutBackend", put_backend_request, control_service_put_backend),
    WRITE("DeleteBackend", delete_backend_request, control_service_delete_backend),
    WRITE("Undo", undo_request, control_service_undo),
    WRITE("Confirm", confirm_request, control_service_confirm),
    WRITE("Backup", backup_request, on_backup),
    READ("GetRoute", get_route_request, read_service_get_route),
    READ("ListRoutes", list_routes_request, read_service_list_routes),
    READ("GetBackend", get_backend_request, read_service_get_backend),
    READ("ListBackends", list_backends_request, read_service_list_backends),
    READ("ListCommits", list_commits_request, history_service_list_commits),
    READ("GetCommit", get_commit_request, history_service_get_commit),
    READ("Diff", diff_request, history_service_diff),
    READ("Blame", blame_request, on_blame),
    READ("WatchCommits", watch_commits_request, on_watch_commits),
    READ("WaitApplied", wait_applied_request, read_service_wait_applied),
    READ("Explain", explain_request, on_explain),
    READ("ListProxies", list_proxies_request, read_service_list_proxies),
    READ("GetInfo", get_info_request, read_service_get_info),
    {.path = FEED "Watch",
     .request = &pointsman__v1__watch_request__descriptor,
     .unknown_fields = UNKNOWN_FIELDS_KEPT,
     .authorize = may_watch,
     .on_call = on_watch},
    {.path = FEED "Report",
     .request = &pointsman__v1__report_request__descriptor,
     .unknown_fields = UNKNOWN_FIELDS_KEPT,
     .authorize = may_watch,
     .on_call = on_report},
    {.path = NULL},
};
