#include "proxy/http/http_server.h"

#include "common/buffer.h"
#include "common/clock.h"
#include "common/log.h"
#include "proxy/http/access_log.h"
#include "proxy/http/connection_limits.h"
#include "proxy/http/via.h"
#include "proxy/http/worker.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <sys/resource.h>

struct http_server {
    /* immutable once started */
    struct via *via; /* NULL: none */
    struct worker_shared shared;
    struct listener **listeners;
    struct worker **workers;
    unsigned worker_count;
    void (*on_drained)(void *context);
    void *on_drained_context;

    /* atomic: workers */
    _Atomic uint64_t replay_bytes;
    atomic_uint running_count; /* workers that are not drained */
};

/* What systems give by default; with fewer, it may well be a mistake. */
enum { FEW_FILES = 1024 };

/* What a proxy has open before the first client comes: of a worker its loop, its hangup watch,
 * a descriptor that wakes it, twice, and each listener's socket, twice. */
enum { FILES_OF_A_PROXY = 32, FILES_OF_A_WORKER = 4, FILES_OF_A_LISTENER = 2 };

/* `*allowed` 0: no limit. */
static bool count_connections(const struct http_server_options *options, uint32_t *allowed,
                              struct error *err)
{
    struct rlimit files;
    *allowed = options->http.max_connections;
    if (getrlimit(RLIMIT_NOFILE, &files) != 0 || files.rlim_cur == RLIM_INFINITY)
        return true;
    uint64_t own = FILES_OF_A_PROXY +
                   options->worker_count *
                       (FILES_OF_A_WORKER + FILES_OF_A_LISTENER * (uint64_t)options->listen->count);
    uint32_t enough_for = connection_limits_for_files(files.rlim_cur, own);
    unsigned long long limit = files.rlim_cur;
    if (enough_for == 0)
        return error_set(err, ERROR_LIMIT,
                         "the limit on open files, %llu, is too low: %u workers with %zu listeners "
                         "have %llu open before the first client comes",
                         limit, options->worker_count, options->listen->count,
                         (unsigned long long)own);
    if (limit < FEW_FILES)
        log_warn("few_descriptors",
                 "limit=%llu connections=%u advice=\"raise the limit on open files\"", limit,
                 enough_for);
    if (*allowed == 0)
        *allowed = enough_for;
    return true;
}

static void on_worker_drained(void *context)
{
    struct http_server *server = context;
    if (atomic_fetch_sub(&server->running_count, 1) == 1 && server->on_drained != NULL)
        server->on_drained(server->on_drained_context);
}

static bool open_listeners(struct http_server *server, const struct http_server_options *options,
                           struct error *err)
{
    server->listeners =
        memory_allocate_zeroed(options->listen->count, sizeof(server->listeners[0]));
    server->shared.listeners = server->listeners;
    for (size_t i = 0; i < options->listen->count; i++) {
        const struct listener_spec *spec = &options->listen->items[i];
        server->listeners[i] = listener_open(spec, options->worker_count, options->inherited, err);
        if (server->listeners[i] == NULL)
            return false;
        server->shared.listener_count++;
    }
    return true;
}

static bool make_workers(struct http_server *server, unsigned count, struct error *err)
{
    server->workers = memory_allocate_zeroed(count, sizeof(server->workers[0]));
    server->shared.workers = server->workers;
    server->shared.worker_count = count;
    for (unsigned i = 0; i < count; i++) {
        server->workers[i] = worker_new(&server->shared, i, err);
        if (server->workers[i] == NULL)
            return false;
        server->worker_count++;
    }
    atomic_store(&server->running_count, count);
    return true;
}

struct http_server *http_server_open(const struct http_server_options *options, struct error *err)
{
    struct http_server *server = memory_allocate_zeroed(1, sizeof(*server));
    server->on_drained = options->on_drained;
    server->on_drained_context = options->on_drained_context;
    server->shared.http = options->http;
    server->shared.route_cache = options->route_cache;
    server->shared.counters = options->counters;
    server->shared.trusted = options->trusted_proxies;
    server->via = via_new(options->via);
    server->shared.via = server->via;
    server->shared.replay_bytes = &server->replay_bytes;
    server->shared.on_drained = on_worker_drained;
    server->shared.on_drained_context = server;

    uint32_t max_connections;
    if (!count_connections(options, &max_connections, err))
        goto fail;
    server->shared.limits =
        connection_limits_new(max_connections, options->http.max_connections_per_peer);
    if (!open_listeners(server, options, err) || !make_workers(server, options->worker_count, err))
        goto fail;

    for (size_t i = 0; i < server->shared.listener_count; i++)
        log_info("listening", "listener=%s workers=%u", listener_description(server->listeners[i]),
                 server->worker_count);
    return server;

fail:
    http_server_stop(server);
    return NULL;
}

bool http_server_open_log(struct http_server *server, const char *path, struct error *err)
{
    server->shared.access_log = access_log_open(path, server->worker_count, err);
    return server->shared.access_log != NULL;
}

void http_server_serve(struct http_server *server)
{
    struct error err;
    for (size_t i = 0; i < server->shared.listener_count; i++) {
        if (!listener_listen(server->listeners[i], &err))
            log_error("not_listening", "reason=\"%s\"", err.message);
    }
    for (unsigned i = 0; i < server->worker_count; i++)
        worker_start(server->workers[i]);
}

void http_server_wake(struct http_server *server)
{
    for (unsigned i = 0; i < server->worker_count; i++)
        worker_wake(server->workers[i]);
}

bool http_server_reopen_log(struct http_server *server, struct error *err)
{
    return server->shared.access_log == NULL || access_log_reopen(server->shared.access_log, err);
}

void http_server_drain(struct http_server *server, uint64_t drain_ms, bool is_patient)
{
    uint64_t deadline_ms = clock_now_ms() + drain_ms;
    for (unsigned i = 0; i < server->worker_count; i++)
        worker_drain(server->workers[i], deadline_ms, is_patient);
    /* A socket goes when its last descriptor is closed: the workers close theirs. */
    for (size_t i = 0; i < server->shared.listener_count; i++)
        listener_stop(server->listeners[i]);
}

void http_server_stop(struct http_server *server)
{
    if (server == NULL)
        return;
    for (unsigned i = 0; i < server->worker_count; i++)
        worker_stop(server->workers[i]);
    for (unsigned i = 0; i < server->worker_count; i++)
        worker_free(server->workers[i]);
    for (size_t i = 0; i < server->shared.listener_count; i++)
        listener_close(server->listeners[i]);
    access_log_close(server->shared.access_log);
    connection_limits_free(server->shared.limits);
    via_free(server->via);
    free(server->workers);
    free(server->listeners);
    free(server);
}

size_t http_server_listener_count(const struct http_server *server)
{
    return server->shared.listener_count;
}

struct listener *http_server_listener(const struct http_server *server, size_t index)
{
    return server->listeners[index];
}
