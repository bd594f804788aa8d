/* Watcher: one proxy's stream, and where that proxy stands.
 *
 * It decides what to offer next: nothing while an update is unanswered; after a rejection nothing
 * until something new is committed, and not at once; a snapshot when a delta cannot be trusted.
 *
 * Threads: main. */
#ifndef CONTROL_WATCHER_H
#define CONTROL_WATCHER_H

#include "control/change_feed.h"
#include "control/feed_service.h"
#include "control/proxy_registry.h"
#include "control/store.h"

struct watcher;

/* What all watchers of a service share. */
struct watcher_environment {
    struct event_loop *loop;
    struct store *store;
    struct change_feed *feed;
    struct proxy_registry *registry;
    struct feed_service_options options;
};

/* Makes the call a stream that begins with a Welcome, for a proxy without a watcher. It frees
 * itself with the call, however that ends. */
void watcher_start(const struct watcher_environment *environment, struct proxy *proxy,
                   struct grpc_call *call, const Pointsman__V1__WatchRequest *request);

/* Ends the stream, with a status and a sentence. */
void watcher_end(struct watcher *watcher, enum error_code code, const char *message);

/* What the proxy says, its boot id being the watcher's. */
void watcher_report(struct watcher *watcher, const Pointsman__V1__ReportRequest *report);

#endif
