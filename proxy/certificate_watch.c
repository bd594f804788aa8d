#include "proxy/certificate_watch.h"

#include "common/log.h"
#include "proxy/http/http_server.h"
#include "proxy/http/tls_client.h"
#include "proxy/http/tls_server.h"

enum { LOOK_MS = 2000 };

static void reload(const struct listener *listener)
{
    struct error err;
    if (tls_server_reload(listener_tls(listener), &err)) {
        log_info("certificates_reloaded", "listener=%s", listener_description(listener));
        return;
    }
    char reason[2 * ERROR_MESSAGE_BYTES];
    log_error("certificates_not_reloaded", "listener=%s reason=%s", listener_description(listener),
              log_quote(reason, sizeof(reason), err.message));
}

static bool always(struct tls_server *server)
{
    (void)server;
    return true;
}

static void reload_those(const struct http_server *server, bool (*wants)(struct tls_server *server))
{
    for (size_t i = 0; i < http_server_listener_count(server); i++) {
        const struct listener *listener = http_server_listener(server, i);
        if (listener_tls(listener) != NULL && wants(listener_tls(listener)))
            reload(listener);
    }
}

static void log_ended(const struct http_server *server)
{
    for (size_t i = 0; i < http_server_listener_count(server); i++) {
        struct tls_server *tls = listener_tls(http_server_listener(server, i));
        if (tls != NULL)
            tls_server_log_ended(tls);
    }
}

/* --- endpoints ------------------------------------------------------------------------------- */

static void reload_authorities(struct endpoint_tls *tls, void *context)
{
    (void)context;
    struct error err;
    if (tls_client_reload(tls, &err)) {
        log_info("authorities_reloaded", "ca_file=%s server_name=%s", tls->ca_file,
                 tls->server_name);
        return;
    }
    char reason[2 * ERROR_MESSAGE_BYTES];
    log_error("authorities_not_reloaded", "server_name=%s reason=%s", tls->server_name,
              log_quote(reason, sizeof(reason), err.message));
}

static void reload_changed_authorities(struct endpoint_tls *tls, void *context)
{
    if (tls_client_wants_reload(tls))
        reload_authorities(tls, context);
}

/* --- public ---------------------------------------------------------------------------------- */

static bool has_files(const struct certificate_watch *watch)
{
    for (size_t i = 0; i < http_server_listener_count(watch->server); i++) {
        if (listener_tls(http_server_listener(watch->server, i)) != NULL)
            return true;
    }
    return tls_registry_has_files(watch->endpoints);
}

static void look(struct event_timer *timer);

static void sleep_or_look_later(struct certificate_watch *watch)
{
    /* Said first: an endpoint that comes now is seen here, or by certificate_watch_wants_wake. */
    atomic_store(&watch->is_idle, true);
    if (!has_files(watch))
        return;
    atomic_store(&watch->is_idle, false);
    event_timer_start(&watch->timer, watch->loop, LOOK_MS, look, watch);
}

static void look(struct event_timer *timer)
{
    struct certificate_watch *watch = timer->context;
    reload_those(watch->server, tls_server_wants_reload);
    log_ended(watch->server);
    tls_registry_each(watch->endpoints, reload_changed_authorities, NULL);
    sleep_or_look_later(watch);
}

void certificate_watch_start(struct certificate_watch *watch, struct event_loop *loop,
                             const struct http_server *server, struct tls_registry *endpoints)
{
    watch->loop = loop;
    watch->server = server;
    watch->endpoints = endpoints;
    sleep_or_look_later(watch);
}

void certificate_watch_stop(struct certificate_watch *watch)
{
    event_timer_stop(&watch->timer);
    atomic_store(&watch->is_idle, false);
    watch->loop = NULL;
}

bool certificate_watch_wants_wake(struct certificate_watch *watch)
{
    return atomic_load(&watch->is_idle) && tls_registry_has_files(watch->endpoints);
}

void certificate_watch_go_on(struct certificate_watch *watch)
{
    if (atomic_load(&watch->is_idle))
        sleep_or_look_later(watch);
}

void certificate_watch_reload(struct certificate_watch *watch)
{
    if (watch->loop == NULL)
        return;
    reload_those(watch->server, always);
    tls_registry_each(watch->endpoints, reload_authorities, NULL);
}
