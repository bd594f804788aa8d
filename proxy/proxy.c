#include "proxy/proxy.h"

#include "common/buffer.h"
#include "common/event_loop.h"
#include "common/inherited_sockets.h"
#include "common/log.h"
#include "common/notify.h"
#include "common/privileges.h"
#include "common/sandbox.h"
#include "proxy/admin_pages.h"
#include "proxy/certificate_watch.h"
#include "proxy/control_client.h"
#include "proxy/http/admin_handler.h"
#include "proxy/http/health_checker.h"
#include "proxy/http/http_server.h"
#include "proxy/http/tls_client.h"
#include "proxy/identity.h"
#include "proxy/metrics/counters.h"
#include "proxy/routing/route_cache.h"
#include "proxy/routing/route_replica.h"
#include "proxy/supervised.h"
#include "proxy/upstream/dns_names.h"
#include "proxy/upstream/endpoint_registry.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdlib.h>

/* The listeners as the feed names them: control warns when a route wants one that nobody has. */
struct feed_listeners {
    Pointsman__V1__Listener *messages;
    Pointsman__V1__Listener **pointers;
    char **names;
    size_t count;
};

struct proxy {
    /* immutable once started */
    const struct proxy_options *options;
    struct event_loop *loop;
    struct identity identity;
    struct counters *counters;
    struct endpoint_registry *endpoints;
    struct route_cache *cache;
    struct route_replica *replica;
    struct http_server *server;
    struct feed_listeners listeners;
    struct control_client *control;
    struct health_checker *health;
    struct dns_resolver *resolver;
    struct listener *admin_listener; /* until the admin handler has it */
    struct admin_handler *admin;
    struct admin_sources sources;
    struct certificate_watch certificates;

    /* atomic: other threads say what main shall do */
    atomic_bool is_settled;
    atomic_bool has_routes;
    atomic_bool is_drained;

    /* main only */
    bool is_waiting; /* for routes, and said so */
    bool is_serving;
    bool has_told_routes; /* to the supervisor */
};

/* --- what other threads report -------------------------------------------------------------- */

static void on_published(void *context)
{
    struct proxy *proxy = context;
    http_server_wake(proxy->server);
    bool had_routes = atomic_exchange(&proxy->has_routes, true);
    if (!had_routes || certificate_watch_wants_wake(&proxy->certificates))
        event_loop_wake(proxy->loop);
}

static void on_settled(void *context)
{
    struct proxy *proxy = context;
    atomic_store(&proxy->is_settled, true);
    event_loop_wake(proxy->loop);
}

static void on_addresses(void *context)
{
    struct proxy *proxy = context;
    control_client_refresh(proxy->control);
}

static void on_drained(void *context)
{
    struct proxy *proxy = context;
    atomic_store(&proxy->is_drained, true);
    event_loop_wake(proxy->loop);
}

/* --- serving -------------------------------------------------------------------------------- */

static void start_admin(struct proxy *proxy)
{
    if (proxy->admin_listener == NULL)
        return;
    proxy->sources.identity = &proxy->identity;
    proxy->sources.control = proxy->control;
    proxy->sources.counters = proxy->counters;
    proxy->sources.server = proxy->server;
    proxy->sources.cache = proxy->cache;
    proxy->sources.names = endpoint_registry_names(proxy->endpoints);
    proxy->sources.generation = proxy->options->supervised->generation;
    proxy->sources.restarts = proxy->options->supervised->restarts;
    proxy->admin = admin_handler_start(proxy->admin_listener, admin_pages, &proxy->sources);
    proxy->admin_listener = NULL;
}

static void serve(struct proxy *proxy)
{
    proxy->is_serving = true;
    http_server_serve(proxy->server);
    start_admin(proxy);
    proxy->has_told_routes = atomic_load(&proxy->has_routes);
    supervised_ready(proxy->options->supervised, proxy->options->drain_ms, proxy->has_told_routes);
    notify_send("READY=1");
}

/* We share the sockets with one that has routes: what we took from it we could only refuse. */
static void wait_for_routes(struct proxy *proxy)
{
    if (proxy->is_waiting)
        return;
    proxy->is_waiting = true;
    supervised_ready(proxy->options->supervised, proxy->options->drain_ms, false);
}

static void on_settled_or_routes(struct proxy *proxy)
{
    if (proxy->is_serving || !atomic_load(&proxy->is_settled))
        return;
    if (proxy->options->supervised->waits_for_routes && !atomic_load(&proxy->has_routes))
        wait_for_routes(proxy);
    else
        serve(proxy);
}

static void on_wake(void *context)
{
    struct proxy *proxy = context;
    if (atomic_load(&proxy->is_drained)) {
        event_loop_stop(proxy->loop);
        return;
    }
    on_settled_or_routes(proxy);
    certificate_watch_go_on(&proxy->certificates);
    if (proxy->is_serving && atomic_load(&proxy->has_routes) && !proxy->has_told_routes) {
        proxy->has_told_routes = true;
        supervised_has_routes(proxy->options->supervised);
    }
}

/* A successor answers for us now, and writes the local copy. What is still asked here, on
 * connections that clients have, is routed by what is live: so we follow control to the end, which
 * waits for us as for any other. */
static void on_taken_over(void *context)
{
    struct proxy *proxy = context;
    log_info("taken_over", "generation=%" PRIu64, proxy->options->supervised->generation);
    admin_handler_stop(proxy->admin);
    proxy->admin = NULL;
    control_client_leave_copy(proxy->control);
    proxy_drain(proxy);
}

/* Nobody would start another one, nor tell us to end. */
static void on_supervisor_lost(void *context)
{
    struct proxy *proxy = context;
    log_error("supervisor_lost", "%s", "");
    proxy_drain(proxy);
}

/* --- start, in order ------------------------------------------------------------------------ */

static bool open_admin(struct proxy *proxy, struct error *err)
{
    struct buffer spec = BUFFER_EMPTY;
    buffer_printf(&spec, "admin=%s", proxy->options->admin);
    proxy->admin_listener =
        listener_open_at(buffer_string(&spec), 1, proxy->options->inherited, err);
    buffer_clear(&spec);
    return proxy->admin_listener != NULL || error_prefix(err, "admin listener: ");
}

static bool open_server(struct proxy *proxy, struct error *err)
{
    const struct http_server_options options = {
        .listen = &proxy->options->listen,
        .trusted_proxies = &proxy->options->trusted_proxies,
        .via = proxy->options->via,
        .inherited = proxy->options->inherited,
        .worker_count = proxy->options->worker_count,
        .route_cache = proxy->cache,
        .counters = proxy->counters,
        .http = proxy->options->http,
        .on_drained = on_drained,
        .on_drained_context = proxy,
    };
    proxy->server = http_server_open(&options, err);
    return proxy->server != NULL;
}

/* A supervisor gets all that we use, and closes what is not among it. Nobody else would, and
 * clients that connect there would wait for ever. */
static bool settle_sockets(struct proxy *proxy, struct error *err)
{
    struct inherited_sockets *inherited = proxy->options->inherited;
    struct supervised *supervised = proxy->options->supervised;
    const struct inherited_socket *unclaimed = inherited_sockets_find_unclaimed(inherited);
    if (supervised->channel < 0 && unclaimed != NULL)
        return error_set(err, ERROR_INVALID,
                         "socket '%s' (descriptor %d) was handed over by LISTEN_FDS, but neither "
                         "--listen nor --admin has its address",
                         unclaimed->name, unclaimed->fd);
    inherited_sockets_clear(inherited);
    for (size_t i = 0; i < http_server_listener_count(proxy->server); i++)
        supervised_offer(supervised, http_server_listener(proxy->server, i));
    supervised_offer(supervised, proxy->admin_listener);
    return true;
}

/* The sockets are there: from here on no capability is needed, and no file but our own is written.
 * Before the first thread. */
static bool confine(const struct proxy *proxy, struct error *err)
{
    const struct proxy_options *options = proxy->options;
    size_t count = 3 + options->listen.count;
    const char **writable = memory_allocate_zeroed(count, sizeof(writable[0]));
    writable[0] = options->local_copy;
    writable[1] = options->access_log;
    writable[2] = options->log_file;
    for (size_t i = 0; i < options->listen.count; i++) {
        const struct listener_address *address = &options->listen.items[i].address;
        if (address->any.sa_family == AF_UNIX)
            writable[3 + i] = address->unix_path.sun_path;
    }
    const struct sandbox_options sandbox = {
        .uses_network = true,
        .writable = writable,
        .writable_count = count,
    };
    bool is_confined = privileges_drop(err) && (!options->sandbox || sandbox_enter(&sandbox, err));
    free(writable);
    return is_confined;
}

static bool open_access_log(struct proxy *proxy, struct error *err)
{
    const char *path = proxy->options->access_log;
    return path == NULL || http_server_open_log(proxy->server, path, err);
}

static bool start_resolver(struct proxy *proxy, struct error *err)
{
    proxy->resolver =
        dns_resolver_start(endpoint_registry_names(proxy->endpoints), &proxy->options->dns, err);
    return proxy->resolver != NULL;
}

static void describe_listeners(struct proxy *proxy)
{
    struct feed_listeners *all = &proxy->listeners;
    all->count = http_server_listener_count(proxy->server);
    all->messages = memory_allocate_zeroed(all->count, sizeof(all->messages[0]));
    all->pointers = memory_allocate_zeroed(all->count, sizeof(all->pointers[0]));
    all->names = memory_allocate_zeroed(all->count, sizeof(all->names[0]));
    for (size_t i = 0; i < all->count; i++) {
        const struct listener *listener = http_server_listener(proxy->server, i);
        const struct listener_identity *identity = listener_identity(listener);
        struct buffer name = BUFFER_EMPTY;
        buffer_append_slice(&name, identity->name);
        all->names[i] = memory_duplicate_string(buffer_string(&name));
        buffer_clear(&name);

        pointsman__v1__listener__init(&all->messages[i]);
        all->messages[i].name = all->names[i];
        all->messages[i].port = identity->port;
        all->messages[i].address = (char *)listener_description(listener);
        all->pointers[i] = &all->messages[i];
    }
}

static void listeners_clear(struct feed_listeners *all)
{
    for (size_t i = 0; i < all->count; i++)
        free(all->names[i]);
    free(all->names);
    free(all->pointers);
    free(all->messages);
}

static void start_control(struct proxy *proxy)
{
    struct control_client_options options = CONTROL_CLIENT_OPTIONS_DEFAULT;
    options.socket_path = proxy->options->control;
    options.local_copy_path = proxy->options->local_copy;
    options.identity = &proxy->identity;
    options.listeners = proxy->listeners.pointers;
    options.listener_count = proxy->listeners.count;
    options.replica = proxy->replica;
    options.cache = proxy->cache;
    options.has_predecessor = proxy->options->supervised->has_predecessor;
    options.on_published = on_published;
    options.on_settled = on_settled;
    options.context = proxy;
    proxy->control = control_client_start(&options);
}

struct proxy *proxy_start(const struct proxy_options *options, struct event_loop *loop,
                          struct error *err)
{
    struct proxy *proxy = memory_allocate_zeroed(1, sizeof(*proxy));
    proxy->options = options;
    proxy->loop = loop;
    proxy->counters = counters_new(options->worker_count);
    proxy->endpoints = endpoint_registry_new();
    tls_registry_set_maker(endpoint_registry_tls(proxy->endpoints), &tls_client_maker);
    proxy->cache = route_cache_new();
    proxy->replica = route_replica_new(proxy->endpoints);
    if (!identity_init(&proxy->identity, options->id, options->local_copy, err) ||
        !open_admin(proxy, err) || !open_server(proxy, err) || !settle_sockets(proxy, err) ||
        !confine(proxy, err) || !open_access_log(proxy, err) || !start_resolver(proxy, err)) {
        proxy_stop(proxy);
        return NULL;
    }
    log_info("starting", "version=%s id=%s workers=%u control=%s generation=%" PRIu64,
             POINTSMAN_VERSION, proxy->identity.id, options->worker_count, options->control,
             options->supervised->generation);
    supervised_watch(options->supervised, loop, on_taken_over, on_supervisor_lost, proxy);
    describe_listeners(proxy);
    proxy->health = health_checker_start(endpoint_registry_checks(proxy->endpoints));
    event_loop_on_wake(loop, on_wake, proxy);
    start_control(proxy);
    dns_names_on_addresses(endpoint_registry_names(proxy->endpoints), on_addresses, proxy);
    if (!options->supervised->has_predecessor)
        start_admin(proxy);
    certificate_watch_start(&proxy->certificates, loop, proxy->server,
                            endpoint_registry_tls(proxy->endpoints));
    return proxy;
}

/* --- while it runs -------------------------------------------------------------------------- */

void proxy_drain(struct proxy *proxy)
{
    if (atomic_exchange(&proxy->sources.is_draining, true))
        return;
    log_info("draining", "drain_ms=%" PRIu64, proxy->options->drain_ms);
    notify_send("STOPPING=1");
    supervised_stopping(proxy->options->supervised);
    bool has_successor = proxy->options->supervised->generation > 0;
    if (proxy->is_serving)
        http_server_drain(proxy->server, proxy->options->drain_ms, has_successor);
    else
        event_loop_stop(proxy->loop);
}

void proxy_reload(struct proxy *proxy)
{
    struct error err;
    if (!http_server_reopen_log(proxy->server, &err))
        log_error("access_log_not_reopened", "reason=\"%s\"", err.message);
    certificate_watch_reload(&proxy->certificates);
    if (proxy->is_serving) {
        notify_send_reloading();
        notify_send("READY=1");
    }
}

/* --- stop, in reverse ----------------------------------------------------------------------- */

void proxy_stop(struct proxy *proxy)
{
    if (proxy == NULL)
        return;
    supervised_unwatch(proxy->options->supervised);
    certificate_watch_stop(&proxy->certificates);
    admin_handler_stop(proxy->admin);
    dns_resolver_stop(proxy->resolver);
    control_client_stop(proxy->control);
    http_server_stop(proxy->server);
    health_checker_stop(proxy->health);
    listener_close(proxy->admin_listener);
    listeners_clear(&proxy->listeners);
    /* The cache holds a table, tables hold routes and backends, backends hold endpoints. */
    route_cache_free(proxy->cache);
    route_replica_free(proxy->replica);
    endpoint_registry_free(proxy->endpoints);
    counters_free(proxy->counters);
    free(proxy);
}
