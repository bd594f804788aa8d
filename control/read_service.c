#include "control/read_service.h"

#include "common/clock.h"
#include "control/commit_group.h"
#include "control/kind_hint.h"
#include "control/moment.h"
#include "control/object_page.h"
#include "control/proxy_registry.h"
#include "control/services.h"
#include "control/store_history.h"
#include "control/wait_list.h"
#include "proto/message.h"

#include <inttypes.h>
#include <stdlib.h>

enum { WAIT_DEFAULT_MS = 10000, WAIT_MAX_MS = 3600000 };

/* --- objects -------------------------------------------------------------------------------- */

struct object_name {
    Pointsman__V1__ObjectKind kind;
    const char *name;
    uint64_t at_revision;
    uint64_t at_wall_ms;
};

static void answer_get(struct services *services, struct grpc_call *call,
                       const struct object_name *wanted)
{
    struct buffer bytes = BUFFER_EMPTY;
    struct error err = {0};
    ProtobufCMessage *object = NULL;
    uint64_t revision;
    commit_group_flush(services->commits);
    if (moment_resolve(services->store, wanted->at_revision, wanted->at_wall_ms, &revision, &err) &&
        store_get_at(services->store, revision, wanted->kind, wanted->name, &bytes, &err))
        object = object_unpack(wanted->kind, buffer_slice(&bytes), &err);
    if (object == NULL) {
        kind_hint_add(services->store, wanted->kind, wanted->name, &err);
        grpc_call_fail_error(call, &err);
    } else {
        grpc_call_reply(call, object);
    }
    message_free(object);
    buffer_clear(&bytes);
}

void read_service_get_route(void *context, struct grpc_call *call, const ProtobufCMessage *request)
{
    const Pointsman__V1__GetRouteRequest *get = (const Pointsman__V1__GetRouteRequest *)request;
    const struct object_name wanted = {
        .kind = POINTSMAN__V1__OBJECT_KIND__OBJECT_KIND_ROUTE,
        .name = get->name,
        .at_revision = get->at_revision,
        .at_wall_ms = get->at_time_ms,
    };
    answer_get(context, call, &wanted);
}

void read_service_get_backend(void *context, struct grpc_call *call,
                              const ProtobufCMessage *request)
{
    const Pointsman__V1__GetBackendRequest *get = (const Pointsman__V1__GetBackendRequest *)request;
    const struct object_name wanted = {
        .kind = POINTSMAN__V1__OBJECT_KIND__OBJECT_KIND_BACKEND,
        .name = get->name,
        .at_revision = get->at_revision,
        .at_wall_ms = get->at_time_ms,
    };
    answer_get(context, call, &wanted);
}

/* False when the call has failed. */
static bool read_page(struct services *services, struct grpc_call *call, struct object_page *page,
                      const struct object_query *query)
{
    struct error err = {0};
    commit_group_flush(services->commits);
    if (object_page_read(page, services->store, query, &err))
        return true;
    grpc_call_fail_error(call, &err);
    return false;
}

void read_service_list_routes(void *context, struct grpc_call *call,
                              const ProtobufCMessage *request)
{
    const Pointsman__V1__ListRoutesRequest *list =
        (const Pointsman__V1__ListRoutesRequest *)request;
    struct services *services = context;
    const struct object_query query = {
        .kind = POINTSMAN__V1__OBJECT_KIND__OBJECT_KIND_ROUTE,
        .page_size = list->page_size,
        .token = list->page_token,
        .selector = list->selector,
        .selector_count = list->n_selector,
        .at_revision = list->at_revision,
        .at_wall_ms = list->at_time_ms,
    };
    struct object_page page;
    if (read_page(services, call, &page, &query)) {
        Pointsman__V1__ListRoutesResponse response = POINTSMAN__V1__LIST_ROUTES_RESPONSE__INIT;
        response.n_routes = page.count;
        response.routes = (RouteMessage **)page.objects;
        response.next_page_token = page.next_token;
        response.revision = page.revision;
        grpc_call_reply(call, &response.base);
    }
    object_page_clear(&page);
}

void read_service_list_backends(void *context, struct grpc_call *call,
                                const ProtobufCMessage *request)
{
    const Pointsman__V1__ListBackendsRequest *list =
        (const Pointsman__V1__ListBackendsRequest *)request;
    struct services *services = context;
    const struct object_query query = {
        .kind = POINTSMAN__V1__OBJECT_KIND__OBJECT_KIND_BACKEND,
        .page_size = list->page_size,
        .token = list->page_token,
        .selector = list->selector,
        .selector_count = list->n_selector,
        .at_revision = list->at_revision,
        .at_wall_ms = list->at_time_ms,
    };
    struct object_page page;
    if (read_page(services, call, &page, &query)) {
        Pointsman__V1__ListBackendsResponse response = POINTSMAN__V1__LIST_BACKENDS_RESPONSE__INIT;
        response.n_backends = page.count;
        response.backends = (BackendMessage **)page.objects;
        response.next_page_token = page.next_token;
        response.revision = page.revision;
        grpc_call_reply(call, &response.base);
    }
    object_page_clear(&page);
}

/* --- proxies -------------------------------------------------------------------------------- */

static bool read_timeout(const DurationMessage *duration, uint64_t *timeout_ms, struct error *err)
{
    *timeout_ms = WAIT_DEFAULT_MS;
    if (duration == NULL)
        return true;
    if (duration->seconds < 0 || duration->nanos < 0 || duration->nanos > 999999999)
        return error_set(err, ERROR_INVALID, "timeout: is not a duration from now on");
    *timeout_ms = duration->seconds >= WAIT_MAX_MS / 1000
                      ? WAIT_MAX_MS
                      : (uint64_t)duration->seconds * 1000 + (uint64_t)duration->nanos / 1000000;
    return true;
}

void read_service_wait_applied(void *context, struct grpc_call *call,
                               const ProtobufCMessage *request)
{
    const Pointsman__V1__WaitAppliedRequest *wait =
        (const Pointsman__V1__WaitAppliedRequest *)request;
    struct services *services = context;
    struct error err = {0};
    uint64_t timeout_ms;
    commit_group_flush(services->commits);
    uint64_t head = store_head(services->store).revision;
    uint64_t revision = wait->revision == 0 ? head : wait->revision;
    if (revision > head)
        error_set(&err, ERROR_OUT_OF_RANGE, "revision %" PRIu64 " is ahead of the head, %" PRIu64,
                  revision, head);
    if (err.code != ERROR_NONE || !read_timeout(wait->timeout, &timeout_ms, &err)) {
        grpc_call_fail_error(call, &err);
        return;
    }
    wait_list_add(services->waits, call, revision, timeout_ms);
}

static void describe_proxy(const struct proxy *proxy, uint64_t now_ms, Pointsman__V1__Proxy *to)
{
    pointsman__v1__proxy__init(to);
    to->id = proxy->id;
    to->boot_id = proxy->boot_id;
    to->version = proxy->version;
    to->connected = proxy->watcher != NULL;
    to->connected_since_ms = proxy->connected_since_wall_ms;
    to->last_seen_ms = proxy->last_seen_wall_ms;
    to->revision = proxy->revision;
    to->digest_matches = proxy->digest_matches;
    to->last_rejection = proxy->last_rejection;
    to->last_applied = proxy->last_applied;
    to->endpoints_out = proxy->endpoints_out;
    to->n_listeners = proxy->listener_count;
    to->listeners = proxy->listeners;
    if (proxy->behind_since_ms != 0)
        to->behind_ms = now_ms - proxy->behind_since_ms;
}

void read_service_list_proxies(void *context, struct grpc_call *call,
                               const ProtobufCMessage *request)
{
    (void)request;
    struct services *services = context;
    commit_group_flush(services->commits);
    size_t count = proxy_registry_count(services->proxies);
    Pointsman__V1__Proxy *proxies = memory_allocate(count * sizeof(proxies[0]));
    Pointsman__V1__Proxy **pointers = memory_allocate(count * sizeof(pointers[0]));
    for (size_t i = 0; i < count; i++) {
        describe_proxy(proxy_registry_at(services->proxies, i), clock_now_ms(), &proxies[i]);
        pointers[i] = &proxies[i];
    }

    Pointsman__V1__ListProxiesResponse response = POINTSMAN__V1__LIST_PROXIES_RESPONSE__INIT;
    response.n_proxies = count;
    response.proxies = pointers;
    response.head_revision = store_head(services->store).revision;
    grpc_call_reply(call, &response.base);
    free(pointers);
    free(proxies);
}

/* --- the daemon ----------------------------------------------------------------------------- */

void read_service_get_info(void *context, struct grpc_call *call, const ProtobufCMessage *request)
{
    (void)request;
    struct services *services = context;
    commit_group_flush(services->commits);
    struct store_head head = store_head(services->store);
    const char *reason = store_read_only_reason(services->store);
    Pointsman__V1__GetInfoResponse response = POINTSMAN__V1__GET_INFO_RESPONSE__INIT;
    response.version = (char *)POINTSMAN_VERSION;
    response.epoch = (char *)store_epoch(services->store);
    response.revision = head.revision;
    response.routes = head.routes;
    response.backends = head.backends;
    response.started_ms = services->started_wall_ms;
    if (reason != NULL)
        response.read_only_reason = (char *)reason;
    response.oldest_revision = store_compacted_revision(services->store);
    response.pending_revision = store_pending(services->store, &response.pending_confirm_by_ms);
    grpc_call_reply(call, &response.base);
}
