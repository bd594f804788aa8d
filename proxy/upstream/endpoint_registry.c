#include "proxy/upstream/endpoint_registry.h"

#include "common/buffer.h"
#include "common/clock.h"
#include "common/hash.h"
#include "common/mutex.h"
#include "proxy/upstream/dns_names.h"
#include "proxy/upstream/endpoint_tls.h"
#include "proxy/upstream/health_check.h"

#include <arpa/inet.h>
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_CAPACITY = 64, NAME_BYTES = sizeof("unix:") + sizeof(struct sockaddr_un) };

/* What grows with the number of endpoints. Allocated outside the mutex, filled in under it. */
struct registry_arrays {
    size_t capacity; /* a power of two; of both arrays */
    struct endpoint **buckets;
    uint32_t *free_ids; /* has room for every id there is */
};

struct endpoint_registry {
    struct check_registry *checks; /* immutable */
    struct dns_names *names;       /* immutable */
    struct tls_registry *tls;      /* immutable */
    struct mutex mutex;
    /* guarded by mutex */
    struct registry_arrays arrays;
    uint32_t id_limit;
    size_t free_id_count;
};

static struct registry_arrays arrays_new(size_t capacity)
{
    return (struct registry_arrays){
        .capacity = capacity,
        .buckets = memory_allocate_zeroed(capacity, sizeof(struct endpoint *)),
        .free_ids = memory_allocate_zeroed(capacity, sizeof(uint32_t)),
    };
}

static void arrays_clear(struct registry_arrays *arrays)
{
    free(arrays->buckets);
    free(arrays->free_ids);
    *arrays = (struct registry_arrays){0};
}

struct endpoint_registry *endpoint_registry_new(void)
{
    struct endpoint_registry *registry = memory_allocate_zeroed(1, sizeof(*registry));
    mutex_init(&registry->mutex);
    registry->arrays = arrays_new(FIRST_CAPACITY);
    registry->checks = check_registry_new();
    registry->tls = tls_registry_new();
    registry->names = dns_names_new();
    return registry;
}

struct dns_names *endpoint_registry_names(struct endpoint_registry *registry)
{
    return registry->names;
}

struct tls_registry *endpoint_registry_tls(struct endpoint_registry *registry)
{
    return registry->tls;
}

struct check_registry *endpoint_registry_checks(struct endpoint_registry *registry)
{
    return registry->checks;
}

void endpoint_registry_free(struct endpoint_registry *registry)
{
    if (registry == NULL)
        return;
    assert(registry->free_id_count == registry->id_limit);
    check_registry_free(registry->checks);
    tls_registry_free(registry->tls);
    dns_names_free(registry->names);
    arrays_clear(&registry->arrays);
    mutex_clear(&registry->mutex);
    free(registry);
}

/* --- one endpoint --------------------------------------------------------------------------- */

static void format_name(const struct endpoint_address *address, char name[NAME_BYTES])
{
    char ip[INET6_ADDRSTRLEN];
    switch (address->any.sa_family) {
    case AF_INET:
        inet_ntop(AF_INET, &address->ipv4.sin_addr, ip, sizeof(ip));
        snprintf(name, NAME_BYTES, "%s:%u", ip, (unsigned)ntohs(address->ipv4.sin_port));
        break;
    case AF_INET6:
        inet_ntop(AF_INET6, &address->ipv6.sin6_addr, ip, sizeof(ip));
        snprintf(name, NAME_BYTES, "[%s]:%u", ip, (unsigned)ntohs(address->ipv6.sin6_port));
        break;
    default:
        snprintf(name, NAME_BYTES, "unix:%s", address->unix_path.sun_path);
        break;
    }
}

static struct endpoint *endpoint_new(struct endpoint_registry *registry,
                                     const struct endpoint_address *address,
                                     enum endpoint_protocol protocol, struct endpoint_tls *tls,
                                     uint64_t hash)
{
    char name[NAME_BYTES];
    format_name(address, name);

    struct endpoint *endpoint = memory_allocate_zeroed(1, sizeof(*endpoint));
    endpoint->address = *address;
    endpoint->protocol = protocol;
    endpoint->tls = tls;
    if (tls != NULL)
        endpoint_tls_hold(tls);
    endpoint->name = memory_duplicate_string(name);
    endpoint->name_hash = hash_stable(name, strlen(name));
    endpoint->registry = registry;
    endpoint->hash = hash;
    atomic_init(&endpoint->references, 1);
    atomic_init(&endpoint->serving_since_ms, clock_now_ms());
    return endpoint;
}

static void endpoint_free(struct endpoint *endpoint)
{
    if (endpoint == NULL)
        return;
    endpoint_tls_release(&endpoint->tls);
    free((char *)endpoint->name);
    free(endpoint);
}

/* --- the map -------------------------------------------------------------------------------- */

static struct endpoint **bucket_of(const struct registry_arrays *arrays, uint64_t hash)
{
    return &arrays->buckets[hash & (arrays->capacity - 1)];
}

static bool is_same(const struct endpoint *endpoint, const struct endpoint *other)
{
    return endpoint->hash == other->hash && endpoint->protocol == other->protocol &&
           endpoint->tls == other->tls && endpoint->address.length == other->address.length &&
           memcmp(&endpoint->address.any, &other->address.any, other->address.length) == 0;
}

static struct endpoint *find_locked(struct endpoint_registry *registry, const struct endpoint *like)
    REQUIRES(registry->mutex)
{
    struct endpoint *endpoint = *bucket_of(&registry->arrays, like->hash);
    while (endpoint != NULL && !is_same(endpoint, like))
        endpoint = endpoint->next_in_bucket;
    return endpoint;
}

static bool is_full_locked(const struct endpoint_registry *registry) REQUIRES(registry->mutex)
{
    return registry->free_id_count == 0 && registry->id_limit == registry->arrays.capacity;
}

/* Moves everything over and leaves the old arrays in `larger`, for the caller to free. */
static void grow_locked(struct endpoint_registry *registry, struct registry_arrays *larger)
    REQUIRES(registry->mutex)
{
    struct registry_arrays old = registry->arrays;
    for (size_t i = 0; i < old.capacity; i++) {
        for (struct endpoint *endpoint = old.buckets[i]; endpoint != NULL;) {
            struct endpoint *next = endpoint->next_in_bucket;
            struct endpoint **bucket = bucket_of(larger, endpoint->hash);
            endpoint->next_in_bucket = *bucket;
            *bucket = endpoint;
            endpoint = next;
        }
    }
    /* Growing happens only when no id is free, so there is none to move. */
    registry->arrays = *larger;
    *larger = old;
}

static void add_locked(struct endpoint_registry *registry, struct endpoint *endpoint)
    REQUIRES(registry->mutex)
{
    endpoint->id = registry->free_id_count > 0
                       ? registry->arrays.free_ids[--registry->free_id_count]
                       : registry->id_limit++;
    struct endpoint **bucket = bucket_of(&registry->arrays, endpoint->hash);
    endpoint->next_in_bucket = *bucket;
    *bucket = endpoint;
}

/* The endpoint of the address, `fresh` put in its place, or NULL: the arrays must grow first. */
static struct endpoint *find_or_add_locked(struct endpoint_registry *registry,
                                           struct endpoint *fresh) REQUIRES(registry->mutex)
{
    struct endpoint *found = find_locked(registry, fresh);
    if (found != NULL) {
        endpoint_acquire(found);
        return found;
    }
    if (is_full_locked(registry))
        return NULL;
    add_locked(registry, fresh);
    return fresh;
}

struct endpoint *endpoint_registry_acquire(struct endpoint_registry *registry,
                                           const struct endpoint_address *address,
                                           enum endpoint_protocol protocol,
                                           struct endpoint_tls *tls)
{
    uint64_t hash = hash_bytes(&address->any, address->length, protocol);
    if (tls != NULL)
        hash = endpoint_tls_hash(tls, hash);
    struct endpoint *fresh = endpoint_new(registry, address, protocol, tls, hash);
    struct registry_arrays spare = {0};

    mutex_lock(&registry->mutex);
    struct endpoint *endpoint = find_or_add_locked(registry, fresh);
    while (endpoint == NULL) {
        size_t capacity = registry->arrays.capacity * 2;
        mutex_unlock(&registry->mutex);
        arrays_clear(&spare);
        spare = arrays_new(capacity);
        mutex_lock(&registry->mutex);
        if (is_full_locked(registry) && capacity > registry->arrays.capacity)
            grow_locked(registry, &spare);
        endpoint = find_or_add_locked(registry, fresh);
    }
    mutex_unlock(&registry->mutex);

    arrays_clear(&spare);
    if (endpoint != fresh)
        endpoint_free(fresh);
    return endpoint;
}

void endpoint_registry_release(struct endpoint *endpoint)
{
    struct endpoint_registry *registry = endpoint->registry;

    mutex_lock(&registry->mutex);
    bool was_last = atomic_fetch_sub_explicit(&endpoint->references, 1, memory_order_acq_rel) == 1;
    if (was_last) {
        struct endpoint **at = bucket_of(&registry->arrays, endpoint->hash);
        while (*at != endpoint)
            at = &(*at)->next_in_bucket;
        *at = endpoint->next_in_bucket;
        registry->arrays.free_ids[registry->free_id_count++] = endpoint->id;
    }
    mutex_unlock(&registry->mutex);

    if (was_last)
        endpoint_free(endpoint);
}
