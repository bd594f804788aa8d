/* Proxy registry: which proxies are there, and what they have applied.
 *
 * While one takes over from the other, two starts of a proxy serve at the same time: each is an
 * entry of its own, and each is waited for. The one that goes is forgotten at once, as the other is
 * there.
 *
 * Kept in memory. Over a restart of the daemon proxy_memory.h keeps who there was, and no more.
 *
 * Threads: main. */
#ifndef CONTROL_PROXY_REGISTRY_H
#define CONTROL_PROXY_REGISTRY_H

#include "proto/messages.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct proxy_registry;
struct watcher;

enum {
    PROXY_ID_BYTES_MAX = 128,
    PROXIES_MAX = 1024,         /* the one that was lost first makes room */
    PROXY_LOST_GRACE_MS = 60000 /* so long after it was lost, a proxy is still waited for */
};

/* Plain; the feed service keeps it up to date. Times are of clock_now_ms unless said otherwise. */
struct proxy {
    char *id;
    char *boot_id; /* which start of it; "": one that was restored */
    char *version;
    uid_t uid;
    Pointsman__V1__Listener **listeners;
    size_t listener_count;

    struct watcher *watcher; /* NULL: it is not connected */
    uint64_t connected_since_wall_ms;
    uint64_t last_seen_wall_ms;
    uint64_t lost_ms;
    bool is_kept;      /* the store knows it, */
    bool is_kept_lost; /* as one that was lost */

    uint64_t revision; /* what it serves of the current epoch; 0: nothing known */
    bool digest_matches;
    uint64_t behind_since_ms;                   /* 0: it is not */
    Pointsman__V1__Applied *last_applied;       /* NULL: none yet */
    Pointsman__V1__Rejection *last_rejection;   /* NULL: none yet */
    Pointsman__V1__EndpointsOut *endpoints_out; /* NULL: it has said nothing of them */
};

struct proxy_registry *proxy_registry_new(void);
/* Nobody is connected any more. Harmless on NULL. */
void proxy_registry_free(struct proxy_registry *registry);

/* That start of it. NULL when it is not known. */
struct proxy *proxy_registry_find(const struct proxy_registry *registry, const char *id,
                                  const char *boot_id);

/* The proxy that asks to watch, with what the request says of it copied: known as this start or as
 * one that was lost, and then all else is as it was, or new. NULL when as many as may be are
 * connected. */
struct proxy *proxy_registry_admit(struct proxy_registry *registry,
                                   const Pointsman__V1__WatchRequest *request);

/* It is not connected any more: lost since now, and gone where another start of it is connected. */
void proxy_registry_lose(struct proxy_registry *registry, struct proxy *proxy);

/* A proxy from before this daemon started, lost since `lost_ms` on clock_now_ms. */
void proxy_registry_restore(struct proxy_registry *registry, const char *id, uint64_t lost_ms);

size_t proxy_registry_count(const struct proxy_registry *registry);
struct proxy *proxy_registry_at(const struct proxy_registry *registry, size_t index);

/* Has a connected proxy a listener of that name ("": any) and port (0: any)? */
bool proxy_registry_has_listener(const struct proxy_registry *registry, const char *name,
                                 uint32_t port);

/* Copies what the proxy reports. */
void proxy_set_applied(struct proxy *proxy, const Pointsman__V1__Applied *applied);
void proxy_set_endpoints_out(struct proxy *proxy, const Pointsman__V1__EndpointsOut *out);
void proxy_set_rejection(struct proxy *proxy, uint64_t revision, const char *message,
                         Pointsman__V1__ObjectError *const *errors, size_t error_count);

#endif
