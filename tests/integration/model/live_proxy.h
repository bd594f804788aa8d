/* Live proxy: all of a proxy but its listeners, on a thread of this process: the feed over the real
 * socket, the replica, the tables, the local copy.
 *
 * Threads: one owns it; the feed runs on a thread of its own. */
#ifndef TESTS_INTEGRATION_MODEL_LIVE_PROXY_H
#define TESTS_INTEGRATION_MODEL_LIVE_PROXY_H

#include "common/buffer.h"
#include "proxy/control_client.h"

#include <stdbool.h>
#include <stdint.h>

struct live_proxy;

/* What was published last. */
struct live_view {
    char *objects; /* as model_describe says them; NULL: nothing was published */
    uint64_t digest;
    uint64_t revision;
    char epoch[CONTROL_CLIENT_EPOCH_BYTES];
};

/* `id` and the path are borrowed; `local_copy` NULL: it keeps none. */
struct live_proxy *live_proxy_start(const char *id, const char *socket_path,
                                    const char *local_copy);
/* Harmless on NULL. */
void live_proxy_stop(struct live_proxy *proxy);

/* Clear it with live_view_clear. */
void live_proxy_view(struct live_proxy *proxy, struct live_view *view);
void live_view_clear(struct live_view *view);
void live_proxy_status(struct live_proxy *proxy, struct control_client_status *status);

/* What a request for this host and path gets: a port, or 404 or 500. */
unsigned live_proxy_answer(struct live_proxy *proxy, const char *host, const char *path);

#endif
