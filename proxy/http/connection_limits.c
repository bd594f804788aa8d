#include "proxy/http/connection_limits.h"

#include "common/buffer.h"
#include "common/hash.h"
#include "common/mutex.h"

#include <assert.h>
#include <netinet/in.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { BUCKET_COUNT = 4096 };

/* Descriptors that are kept for what comes and goes: health checks, DNS queries, and connections to
 * endpoints that wait for their next request. */
enum { SPARE_FILES = 64, SPARE_OF_FEW = 8 };

struct peer {
    struct peer *next;
    struct peer_key key;
    uint32_t count;
};

struct connection_limits {
    /* immutable */
    uint32_t max_total;
    uint32_t max_per_peer;

    /* atomic: workers */
    atomic_uint total;

    /* guarded by mutex */
    struct mutex mutex;
    struct peer *buckets[BUCKET_COUNT];
};

uint32_t connection_limits_for_files(uint64_t file_limit, uint64_t own_files)
{
    uint64_t reserved = file_limit / SPARE_OF_FEW;
    if (reserved > SPARE_FILES)
        reserved = SPARE_FILES;
    reserved += own_files;
    if (reserved >= file_limit)
        return 0;
    uint64_t pairs = (file_limit - reserved) / 2;
    return pairs < UINT32_MAX ? (uint32_t)pairs : UINT32_MAX;
}

struct connection_limits *connection_limits_new(uint32_t max_total, uint32_t max_per_peer)
{
    struct connection_limits *limits = memory_allocate_zeroed(1, sizeof(*limits));
    limits->max_total = max_total;
    limits->max_per_peer = max_per_peer;
    mutex_init(&limits->mutex);
    return limits;
}

void connection_limits_free(struct connection_limits *limits)
{
    if (limits == NULL)
        return;
    assert(atomic_load(&limits->total) == 0);
    mutex_clear(&limits->mutex);
    free(limits);
}

struct peer_key peer_key_of(const struct sockaddr *address)
{
    struct peer_key key = {{(uint64_t)address->sa_family, 0}};
    if (address->sa_family == AF_INET)
        key.words[1] = ((const struct sockaddr_in *)(const void *)address)->sin_addr.s_addr;
    else if (address->sa_family == AF_INET6)
        memcpy(&key.words[1], &((const struct sockaddr_in6 *)(const void *)address)->sin6_addr,
               sizeof(key.words[1]));
    return key;
}

static bool is_counted(const struct connection_limits *limits, struct peer_key key)
{
    return limits->max_per_peer != 0 && key.words[0] != AF_UNSPEC;
}

static struct peer **find_locked(struct connection_limits *limits, const struct peer_key *key)
    REQUIRES(limits->mutex)
{
    uint64_t hash = hash_untrusted(key, sizeof(*key));
    struct peer **at = &limits->buckets[hash % BUCKET_COUNT];
    while (*at != NULL && memcmp(&(*at)->key, key, sizeof(*key)) != 0)
        at = &(*at)->next;
    return at;
}

bool connection_limits_introduce(struct connection_limits *limits, struct peer_key key)
{
    if (!is_counted(limits, key))
        return true;

    struct peer *fresh = memory_allocate(sizeof(*fresh));
    *fresh = (struct peer){.key = key};
    mutex_lock(&limits->mutex);
    struct peer **at = find_locked(limits, &key);
    if (*at == NULL) {
        *at = fresh;
        fresh = NULL;
    }
    bool is_admitted = (*at)->count < limits->max_per_peer;
    if (is_admitted)
        (*at)->count++;
    mutex_unlock(&limits->mutex);
    free(fresh);
    return is_admitted;
}

static void leave_peer(struct connection_limits *limits, struct peer_key key)
{
    if (!is_counted(limits, key))
        return;

    struct peer *gone = NULL;
    mutex_lock(&limits->mutex);
    struct peer **at = find_locked(limits, &key);
    if (--(*at)->count == 0) {
        gone = *at;
        *at = gone->next;
    }
    mutex_unlock(&limits->mutex);
    free(gone);
}

bool connection_limits_has_room(const struct connection_limits *limits)
{
    return limits->max_total == 0 ||
           atomic_load_explicit(&limits->total, memory_order_relaxed) < limits->max_total;
}

bool connection_limits_enter(struct connection_limits *limits)
{
    unsigned total = atomic_load_explicit(&limits->total, memory_order_relaxed);
    do {
        if (limits->max_total != 0 && total >= limits->max_total)
            return false;
    } while (!atomic_compare_exchange_weak_explicit(&limits->total, &total, total + 1,
                                                    memory_order_relaxed, memory_order_relaxed));
    return true;
}

void connection_limits_enter_beyond(struct connection_limits *limits)
{
    atomic_fetch_add_explicit(&limits->total, 1, memory_order_relaxed);
}

bool connection_limits_are_exceeded(const struct connection_limits *limits)
{
    return limits->max_total != 0 &&
           atomic_load_explicit(&limits->total, memory_order_relaxed) > limits->max_total;
}

void connection_limits_leave(struct connection_limits *limits, struct peer_key peer)
{
    leave_peer(limits, peer);
    atomic_fetch_sub_explicit(&limits->total, 1, memory_order_relaxed);
}
