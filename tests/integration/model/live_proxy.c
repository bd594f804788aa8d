#include "tests/integration/model/live_proxy.h"

#include "common/mutex.h"
#include "proxy/routing/replica_snapshot.h"
#include "proxy/routing/route_cache.h"
#include "proxy/routing/route_replica.h"
#include "proxy/upstream/backend.h"
#include "proxy/upstream/endpoint_registry.h"
#include "tests/integration/model/model.h"
#include "tests/support/check.h"

#include <arpa/inet.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BACKOFF_MIN_MS = 2, BACKOFF_MAX_MS = 20, SETTLE_MS = 10000, OBJECTS_MAX = 64 };

struct live_proxy {
    struct identity identity;
    struct endpoint_registry *endpoints;
    struct route_replica *replica;
    struct route_cache *cache;
    struct control_client *client;

    struct mutex mutex;
    /* guarded by mutex */
    struct live_view view;
};

/* --- what it holds ---------------------------------------------------------------------------- */

struct listing {
    char *lines[OBJECTS_MAX];
    size_t count;
};

static void add_line(void *context, Pointsman__V1__ObjectKind kind, struct slice name,
                     struct slice bytes)
{
    struct listing *listing = context;
    struct buffer line = BUFFER_EMPTY;
    CHECK(listing->count < OBJECTS_MAX, "more objects than the model has");
    model_describe_object(kind, name, bytes, &line);
    listing->lines[listing->count++] = memory_duplicate_string(buffer_string(&line));
    buffer_clear(&line);
}

static int compare_lines(const void *left, const void *right)
{
    return strcmp(*(char *const *)left, *(char *const *)right);
}

/* On the feed's thread. */
static void on_published(void *context)
{
    struct live_proxy *proxy = context;
    struct listing listing = {.count = 0};
    struct buffer text = BUFFER_EMPTY;
    /* The local copy may be using the only one there may be. */
    struct replica_snapshot *snapshot = NULL;
    while ((snapshot = route_replica_snapshot(proxy->replica)) == NULL)
        sched_yield();
    replica_snapshot_each(snapshot, add_line, &listing);
    replica_snapshot_release(&snapshot);
    qsort(listing.lines, listing.count, sizeof(listing.lines[0]), compare_lines);
    for (size_t i = 0; i < listing.count; i++) {
        buffer_append_string(&text, listing.lines[i]);
        free(listing.lines[i]);
    }

    char *objects = memory_duplicate_string(buffer_string(&text));
    buffer_clear(&text);
    mutex_lock(&proxy->mutex);
    struct live_view *view = &proxy->view;
    char *before = view->objects;
    view->objects = objects;
    view->digest = route_replica_digest(proxy->replica);
    view->revision = route_replica_revision(proxy->replica);
    snprintf(view->epoch, sizeof(view->epoch), "%s", route_replica_epoch(proxy->replica));
    mutex_unlock(&proxy->mutex);
    free(before);
}

static void on_settled(void *context)
{
    (void)context;
}

void live_proxy_view(struct live_proxy *proxy, struct live_view *view)
{
    mutex_lock(&proxy->mutex);
    *view = proxy->view;
    if (view->objects != NULL)
        view->objects = memory_duplicate_string(view->objects);
    mutex_unlock(&proxy->mutex);
}

void live_view_clear(struct live_view *view)
{
    free(view->objects);
    view->objects = NULL;
}

void live_proxy_status(struct live_proxy *proxy, struct control_client_status *status)
{
    control_client_status(proxy->client, status);
}

/* --- requests --------------------------------------------------------------------------------- */

static unsigned answer_of(struct route_table *table, const struct rule *rule)
{
    if (rule == NULL)
        return 404;
    if (rule->is_broken || rule->total_weight == 0)
        return 500;
    const struct backend_choice *choice = rule_choose(rule, 0);
    const struct backend *backend = route_table_backend(table, choice->backend_index);
    if (backend == NULL || backend->endpoint_count != 1)
        return 500;
    return ntohs(backend->endpoints[0].endpoint->address.ipv4.sin_port);
}

unsigned live_proxy_answer(struct live_proxy *proxy, const char *host, const char *path)
{
    static const struct listener_identity listener = {.name = {"default", 7}, .port = 80};
    const struct request_head head = {
        .method = slice_from_string(host[0] == 'b' ? "NOPE" : "GET"), /* the bad route's own */
        .scheme = slice_from_string("http"),
        .authority = slice_from_string(host),
        .host = slice_from_string(host),
        .path = slice_from_string(path),
        .listener = &listener,
    };
    struct route_table *table = route_cache_acquire(proxy->cache);
    unsigned answer = answer_of(table, route_table_find(table, &head));
    route_table_release(&table);
    return answer;
}

/* --- its life --------------------------------------------------------------------------------- */

struct live_proxy *live_proxy_start(const char *id, const char *socket_path, const char *local_copy)
{
    struct live_proxy *proxy = memory_allocate_zeroed(1, sizeof(*proxy));
    struct error err = {0};
    CHECK(identity_init(&proxy->identity, id, local_copy, &err), "%s", err.message);
    mutex_init(&proxy->mutex);
    proxy->endpoints = endpoint_registry_new();
    proxy->replica = route_replica_new(proxy->endpoints);
    proxy->cache = route_cache_new();

    struct control_client_options options = CONTROL_CLIENT_OPTIONS_DEFAULT;
    options.socket_path = socket_path;
    options.local_copy_path = local_copy;
    options.identity = &proxy->identity;
    options.replica = proxy->replica;
    options.cache = proxy->cache;
    options.settle_ms = SETTLE_MS;
    options.backoff_min_ms = BACKOFF_MIN_MS;
    options.backoff_max_ms = BACKOFF_MAX_MS;
    options.on_published = on_published;
    options.on_settled = on_settled;
    options.context = proxy;
    proxy->client = control_client_start(&options);
    return proxy;
}

void live_proxy_stop(struct live_proxy *proxy)
{
    if (proxy == NULL)
        return;
    control_client_stop(proxy->client);
    route_cache_free(proxy->cache);
    route_replica_free(proxy->replica);
    endpoint_registry_free(proxy->endpoints);
    mutex_clear(&proxy->mutex);
    live_view_clear(&proxy->view);
    free(proxy);
}
