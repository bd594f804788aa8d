#include "control/proxy_registry.h"

#include "common/clock.h"
#include "proto/message.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct proxy_registry {
    struct proxy *proxies[PROXIES_MAX];
    size_t count;
};

static void clear_description(struct proxy *proxy)
{
    free(proxy->boot_id);
    free(proxy->version);
    for (size_t i = 0; i < proxy->listener_count; i++)
        message_free(&proxy->listeners[i]->base);
    free(proxy->listeners);
}

static void free_proxy(struct proxy *proxy)
{
    assert(proxy->watcher == NULL);
    clear_description(proxy);
    message_free((ProtobufCMessage *)proxy->last_applied);
    message_free((ProtobufCMessage *)proxy->last_rejection);
    message_free((ProtobufCMessage *)proxy->endpoints_out);
    free(proxy->id);
    free(proxy);
}

struct proxy_registry *proxy_registry_new(void)
{
    return memory_allocate_zeroed(1, sizeof(struct proxy_registry));
}

void proxy_registry_free(struct proxy_registry *registry)
{
    if (registry == NULL)
        return;
    for (size_t i = 0; i < registry->count; i++)
        free_proxy(registry->proxies[i]);
    free(registry);
}

struct proxy *proxy_registry_find(const struct proxy_registry *registry, const char *id,
                                  const char *boot_id)
{
    for (size_t i = 0; i < registry->count; i++) {
        struct proxy *proxy = registry->proxies[i];
        if (strcmp(proxy->id, id) == 0 && strcmp(proxy->boot_id, boot_id) == 0)
            return proxy;
    }
    return NULL;
}

static struct proxy *find_start(const struct proxy_registry *registry, const char *id,
                                bool is_connected)
{
    for (size_t i = 0; i < registry->count; i++) {
        struct proxy *proxy = registry->proxies[i];
        if (strcmp(proxy->id, id) == 0 && (proxy->watcher != NULL) == is_connected)
            return proxy;
    }
    return NULL;
}

/* The index of the proxy that was lost first; the count when all are connected. */
static size_t find_longest_lost(const struct proxy_registry *registry)
{
    size_t longest = registry->count;
    for (size_t i = 0; i < registry->count; i++) {
        const struct proxy *proxy = registry->proxies[i];
        if (proxy->watcher == NULL &&
            (longest == registry->count || proxy->lost_ms < registry->proxies[longest]->lost_ms))
            longest = i;
    }
    return longest;
}

static struct proxy *add_proxy(struct proxy_registry *registry, const char *id)
{
    size_t index = registry->count;
    if (registry->count == PROXIES_MAX) {
        index = find_longest_lost(registry);
        if (index == registry->count)
            return NULL;
        free_proxy(registry->proxies[index]);
    } else {
        registry->count++;
    }
    struct proxy *proxy = memory_allocate_zeroed(1, sizeof(*proxy));
    proxy->id = memory_duplicate_string(id);
    registry->proxies[index] = proxy;
    return proxy;
}

struct proxy *proxy_registry_admit(struct proxy_registry *registry,
                                   const Pointsman__V1__WatchRequest *request)
{
    struct proxy *proxy = proxy_registry_find(registry, request->proxy_id, request->boot_id);
    if (proxy == NULL)
        proxy = find_start(registry, request->proxy_id, false);
    if (proxy == NULL)
        proxy = add_proxy(registry, request->proxy_id);
    if (proxy == NULL)
        return NULL;

    clear_description(proxy);
    proxy->boot_id = memory_duplicate_string(request->boot_id);
    proxy->version = memory_duplicate_string(request->version);
    proxy->listener_count = request->n_listeners;
    proxy->listeners = memory_allocate(request->n_listeners * sizeof(proxy->listeners[0]));
    for (size_t i = 0; i < request->n_listeners; i++)
        proxy->listeners[i] = (Pointsman__V1__Listener *)message_copy(&request->listeners[i]->base);
    return proxy;
}

static void remove_proxy(struct proxy_registry *registry, struct proxy *proxy)
{
    size_t index = 0;
    while (registry->proxies[index] != proxy)
        index++;
    registry->count--;
    memmove(registry->proxies + index, registry->proxies + index + 1,
            (registry->count - index) * sizeof(registry->proxies[0]));
    free_proxy(proxy);
}

void proxy_registry_lose(struct proxy_registry *registry, struct proxy *proxy)
{
    proxy->watcher = NULL;
    proxy->lost_ms = clock_now_ms();
    if (find_start(registry, proxy->id, true) != NULL)
        remove_proxy(registry, proxy);
}

void proxy_registry_restore(struct proxy_registry *registry, const char *id, uint64_t lost_ms)
{
    struct proxy *proxy = add_proxy(registry, id);
    if (proxy == NULL)
        return;
    proxy->boot_id = memory_duplicate_string("");
    proxy->version = memory_duplicate_string("");
    proxy->lost_ms = lost_ms;
}

size_t proxy_registry_count(const struct proxy_registry *registry)
{
    return registry->count;
}

struct proxy *proxy_registry_at(const struct proxy_registry *registry, size_t index)
{
    return registry->proxies[index];
}

static bool proxy_has_listener(const struct proxy *proxy, const char *name, uint32_t port)
{
    for (size_t i = 0; i < proxy->listener_count; i++) {
        const Pointsman__V1__Listener *listener = proxy->listeners[i];
        if ((name[0] == '\0' || strcmp(listener->name, name) == 0) &&
            (port == 0 || listener->port == port))
            return true;
    }
    return false;
}

bool proxy_registry_has_listener(const struct proxy_registry *registry, const char *name,
                                 uint32_t port)
{
    for (size_t i = 0; i < registry->count; i++) {
        const struct proxy *proxy = registry->proxies[i];
        if (proxy->watcher != NULL && proxy_has_listener(proxy, name, port))
            return true;
    }
    return false;
}

void proxy_set_applied(struct proxy *proxy, const Pointsman__V1__Applied *applied)
{
    message_free((ProtobufCMessage *)proxy->last_applied);
    proxy->last_applied = (Pointsman__V1__Applied *)message_copy(&applied->base);
}

void proxy_set_endpoints_out(struct proxy *proxy, const Pointsman__V1__EndpointsOut *out)
{
    message_free((ProtobufCMessage *)proxy->endpoints_out);
    proxy->endpoints_out =
        out == NULL ? NULL : (Pointsman__V1__EndpointsOut *)message_copy(&out->base);
}

void proxy_set_rejection(struct proxy *proxy, uint64_t revision, const char *message,
                         Pointsman__V1__ObjectError *const *errors, size_t error_count)
{
    Pointsman__V1__Rejection rejection = POINTSMAN__V1__REJECTION__INIT;
    rejection.proxy_id = proxy->id;
    rejection.revision = revision;
    rejection.message = (char *)message;
    rejection.errors = (Pointsman__V1__ObjectError **)errors;
    rejection.n_errors = error_count;
    message_free((ProtobufCMessage *)proxy->last_rejection);
    proxy->last_rejection = (Pointsman__V1__Rejection *)message_copy(&rejection.base);
}
