/* Feed service: proxies watch the routes, and report.
 *
 * A watcher is a cursor: what is left to send is read from the store when the proxy can take it,
 * and while an update is unanswered, commits wait in the log and leave as one delta.
 *
 * Threads: main. */
#ifndef CONTROL_FEED_SERVICE_H
#define CONTROL_FEED_SERVICE_H

#include "proto/messages.h"

#include <stdint.h>

struct change_feed;
struct event_loop;
struct feed_service;
struct grpc_call;
struct proxy_registry;
struct store;

struct feed_service_options {
    uint64_t heartbeat_interval_ms; /* down; a proxy that misses three of its own is hung up on */
    uint64_t rejection_pause_ms;    /* from a rejection to the next offer */
    /* A proxy has come, gone, applied or rejected something. */
    void (*on_proxy_changed)(void *context);
    void *context;
};

/* 5 s and 1 s. */
void feed_service_options_init(struct feed_service_options *options);

/* All outlive the service. */
struct feed_service *feed_service_new(struct event_loop *loop, struct store *store,
                                      struct change_feed *feed, struct proxy_registry *registry,
                                      const struct feed_service_options *options);
/* Every call has ended. Harmless on NULL. */
void feed_service_free(struct feed_service *service);

void feed_service_watch(struct feed_service *service, struct grpc_call *call,
                        const Pointsman__V1__WatchRequest *request);
void feed_service_report(struct feed_service *service, struct grpc_call *call,
                         const Pointsman__V1__ReportRequest *request);

#endif
