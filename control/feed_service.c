#include "control/feed_service.h"

#include "common/buffer.h"
#include "control/watcher.h"
#include "proto/feed_protocol.h"
#include "proto/grpc_server.h"

#include <stdlib.h>
#include <string.h>

struct feed_service {
    struct watcher_environment environment;
};

void feed_service_options_init(struct feed_service_options *options)
{
    *options = (struct feed_service_options){
        .heartbeat_interval_ms = 5000,
        .rejection_pause_ms = 1000,
    };
}

struct feed_service *feed_service_new(struct event_loop *loop, struct store *store,
                                      struct change_feed *feed, struct proxy_registry *registry,
                                      const struct feed_service_options *options)
{
    struct feed_service *service = memory_allocate_zeroed(1, sizeof(*service));
    service->environment = (struct watcher_environment){
        .loop = loop,
        .store = store,
        .feed = feed,
        .registry = registry,
        .options = *options,
    };
    return service;
}

void feed_service_free(struct feed_service *service)
{
    free(service);
}

/* --- watch ---------------------------------------------------------------------------------- */

/* Ids go into logs and onto terminals as they are. */
static bool is_id(const char *text)
{
    size_t length = strlen(text);
    if (length == 0 || length > PROXY_ID_BYTES_MAX)
        return false;
    for (size_t i = 0; i < length; i++) {
        if (text[i] <= ' ' || text[i] > '~' || text[i] == '"')
            return false;
    }
    return true;
}

static bool check_request(const struct feed_service *service,
                          const Pointsman__V1__WatchRequest *request, struct error *err)
{
    if (!is_id(request->proxy_id))
        return error_set(err, ERROR_INVALID, "proxy_id: must be 1 to %d visible characters",
                         PROXY_ID_BYTES_MAX);
    if (!is_id(request->boot_id))
        return error_set(err, ERROR_INVALID, "boot_id: must be 1 to %d visible characters",
                         PROXY_ID_BYTES_MAX);
    if (request->version[0] != '\0' && !is_id(request->version))
        return error_set(err, ERROR_INVALID, "version: must be visible characters");
    if (request->protocol_min > FEED_PROTOCOL_MAX || request->protocol_max < FEED_PROTOCOL_MIN)
        return error_set(err, ERROR_UNSUPPORTED,
                         "protocol_min: this daemon speaks feed protocols %d to %d, the proxy"
                         " %u to %u",
                         FEED_PROTOCOL_MIN, FEED_PROTOCOL_MAX, request->protocol_min,
                         request->protocol_max);
    /* What cannot be read whole must not replace what a proxy has. */
    if (store_is_damaged(service->environment.store))
        return error_set(err, ERROR_UNAVAILABLE, "no routes are sent: %s",
                         store_read_only_reason(service->environment.store));
    return true;
}

/* A process that has opened another stream does not listen to the one before any more. */
static void end_older_stream(const struct feed_service *service,
                             const Pointsman__V1__WatchRequest *request)
{
    const struct proxy *proxy =
        proxy_registry_find(service->environment.registry, request->proxy_id, request->boot_id);
    if (proxy != NULL && proxy->watcher != NULL)
        watcher_end(proxy->watcher, ERROR_UNAVAILABLE, "this proxy has opened another stream");
}

void feed_service_watch(struct feed_service *service, struct grpc_call *call,
                        const Pointsman__V1__WatchRequest *request)
{
    struct error err = {0};
    if (!check_request(service, request, &err)) {
        grpc_call_fail_error(call, &err);
        return;
    }
    end_older_stream(service, request);
    struct proxy *proxy = proxy_registry_admit(service->environment.registry, request);
    if (proxy == NULL) {
        error_set(&err, ERROR_LIMIT, "%d proxies are connected already", PROXIES_MAX);
        grpc_call_fail_error(call, &err);
        return;
    }
    proxy->uid = grpc_call_peer(call)->uid;
    watcher_start(&service->environment, proxy, call, request);
}

/* --- report --------------------------------------------------------------------------------- */

void feed_service_report(struct feed_service *service, struct grpc_call *call,
                         const Pointsman__V1__ReportRequest *request)
{
    const struct proxy *proxy =
        proxy_registry_find(service->environment.registry, request->proxy_id, request->boot_id);
    struct error err = {0};
    if (proxy == NULL || proxy->watcher == NULL)
        error_set(&err, ERROR_CONFLICT, "no stream of proxy '%s' is open", request->proxy_id);
    else if (proxy->uid != grpc_call_peer(call)->uid)
        error_set(&err, ERROR_DENIED, "the stream of proxy '%s' belongs to another user",
                  request->proxy_id);
    if (err.code != ERROR_NONE) {
        grpc_call_fail_error(call, &err);
        return;
    }

    watcher_report(proxy->watcher, request);
    Pointsman__V1__ReportResponse response = POINTSMAN__V1__REPORT_RESPONSE__INIT;
    grpc_call_reply(call, &response.base);
}
