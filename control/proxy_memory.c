#include "control/proxy_memory.h"

#include "common/clock.h"
#include "common/log.h"

static void restore(void *context, const char *id, uint64_t lost_wall_ms)
{
    struct proxy_registry *registry = context;
    uint64_t now_ms = clock_now_ms();
    uint64_t now_wall_ms = clock_wall_ms();

    /* Whoever was connected when the daemon ended is lost since now: it had nobody to talk to. */
    uint64_t gone_ms = 0;
    if (lost_wall_ms != 0 && lost_wall_ms < now_wall_ms)
        gone_ms = now_wall_ms - lost_wall_ms;
    if (gone_ms < PROXY_LOST_GRACE_MS)
        proxy_registry_restore(registry, id, now_ms > gone_ms ? now_ms - gone_ms : 0);
}

void proxy_memory_restore(struct store *store, struct proxy_registry *registry)
{
    struct error err;
    if (!store_each_proxy(store, restore, registry, &err))
        log_warn("proxies_not_restored", "reason=\"%s\"", err.message);
}

static void keep(struct store *store, struct proxy *proxy)
{
    bool is_lost = proxy->watcher == NULL;
    if (proxy->is_kept && proxy->is_kept_lost == is_lost)
        return;

    struct error err;
    uint64_t now_wall_ms = clock_wall_ms();
    proxy->is_kept = true;
    proxy->is_kept_lost = is_lost;
    if (!store_put_proxy(store, proxy->id, is_lost ? now_wall_ms : 0,
                         now_wall_ms - PROXY_LOST_GRACE_MS, &err))
        log_warn("proxy_not_kept", "proxy=%s reason=\"%s\"", proxy->id, err.message);
}

void proxy_memory_keep(struct store *store, const struct proxy_registry *registry)
{
    if (store_read_only_reason(store) != NULL)
        return;
    for (size_t i = 0; i < proxy_registry_count(registry); i++)
        keep(store, proxy_registry_at(registry, i));
}
