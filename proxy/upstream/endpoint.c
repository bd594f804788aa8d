#include "proxy/upstream/endpoint.h"

#include "common/log.h"
#include "proxy/upstream/endpoint_registry.h"

#include <arpa/inet.h>
#include <string.h>

bool endpoint_address_set_ip(struct endpoint_address *address, const char *ip, uint16_t port)
{
    memset(address, 0, sizeof(*address));
    if (inet_pton(AF_INET, ip, &address->ipv4.sin_addr) == 1) {
        address->length = sizeof(address->ipv4);
        address->ipv4.sin_family = AF_INET;
        address->ipv4.sin_port = htons(port);
        return true;
    }
    if (inet_pton(AF_INET6, ip, &address->ipv6.sin6_addr) == 1) {
        address->length = sizeof(address->ipv6);
        address->ipv6.sin6_family = AF_INET6;
        address->ipv6.sin6_port = htons(port);
        return true;
    }
    return false;
}

void endpoint_address_set_port(struct endpoint_address *address, uint16_t port)
{
    if (address->any.sa_family == AF_INET)
        address->ipv4.sin_port = htons(port);
    else
        address->ipv6.sin6_port = htons(port);
}

bool endpoint_address_set_unix(struct endpoint_address *address, const char *path,
                               struct error *err)
{
    size_t length = strlen(path);
    memset(address, 0, sizeof(*address));
    if (length == 0 || length >= sizeof(address->unix_path.sun_path))
        return error_set(err, ERROR_LIMIT, "Unix path must have 1 to %zu bytes",
                         sizeof(address->unix_path.sun_path) - 1);

    address->length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length + 1);
    address->unix_path.sun_family = AF_UNIX;
    memcpy(address->unix_path.sun_path, path, length);
    return true;
}

const char *endpoint_authority(const struct endpoint *endpoint)
{
    return endpoint->address.any.sa_family == AF_UNIX ? "localhost" : endpoint->name;
}

void endpoint_acquire(struct endpoint *endpoint)
{
    atomic_fetch_add_explicit(&endpoint->references, 1, memory_order_relaxed);
}

void endpoint_release(struct endpoint **endpoint)
{
    struct endpoint *ours = *endpoint;
    if (ours == NULL)
        return;
    *endpoint = NULL;

    /* Only what may be the last reference needs the registry's mutex: under it nobody can find
     * the endpoint while it goes. */
    unsigned references = atomic_load_explicit(&ours->references, memory_order_relaxed);
    while (references > 1) {
        if (atomic_compare_exchange_weak_explicit(&ours->references, &references, references - 1,
                                                  memory_order_release, memory_order_relaxed))
            return;
    }
    endpoint_registry_release(ours);
}

/* --- what is limited ------------------------------------------------------------------------ */

/* Whoever waits counts itself and then looks for room again; whoever makes room counts down and
 * then looks for those who wait. One of the two sees the other, because all of this is in one order
 * (memory_order_seq_cst). */

static bool count_up(atomic_uint *count, uint32_t limit)
{
    if (limit == 0) {
        atomic_fetch_add(count, 1);
        return true;
    }
    /* Never more than the limit, not even for a moment in which another would find no room. */
    unsigned before = atomic_load(count);
    while (before < limit) {
        if (atomic_compare_exchange_weak(count, &before, before + 1))
            return true;
    }
    return false;
}

bool endpoint_connection_start(struct endpoint *endpoint, uint32_t max_connections)
{
    return count_up(&endpoint->connections, max_connections);
}

void endpoint_connection_ended(struct endpoint *endpoint)
{
    atomic_fetch_sub(&endpoint->connections, 1);
}

bool endpoint_wait_start(struct endpoint *endpoint, uint32_t max_waiting, bool lacks_connection)
{
    if (!count_up(&endpoint->waiting, max_waiting))
        return false;
    if (lacks_connection)
        atomic_fetch_add(&endpoint->wanted_connections, 1);
    return true;
}

void endpoint_wait_ended(struct endpoint *endpoint, bool lacks_connection)
{
    if (lacks_connection)
        atomic_fetch_sub(&endpoint->wanted_connections, 1);
    atomic_fetch_sub(&endpoint->waiting, 1);
}

bool endpoint_has_waiting(const struct endpoint *endpoint)
{
    return atomic_load(&endpoint->waiting) != 0;
}

bool endpoint_request_start(struct endpoint *endpoint, uint32_t max_requests)
{
    return count_up(&endpoint->in_flight, max_requests);
}

void endpoint_request_ended(struct endpoint *endpoint)
{
    atomic_fetch_sub(&endpoint->in_flight, 1);
}

/* --- ejection ------------------------------------------------------------------------------- */

bool endpoint_eject(struct endpoint *endpoint, uint64_t until_ms)
{
    uint64_t is_in = 0;
    return atomic_compare_exchange_strong(&endpoint->ejected_until_ms, &is_in, until_ms);
}

void endpoint_take_back(struct endpoint *endpoint)
{
    atomic_fetch_sub(&endpoint->ejections, 1);
    atomic_store(&endpoint->ejected_until_ms, 0);
}

bool endpoint_return(struct endpoint *endpoint, uint64_t now_ms)
{
    uint64_t until_ms = atomic_load(&endpoint->ejected_until_ms);
    if (now_ms < until_ms)
        return false;
    atomic_store(&endpoint->consecutive_failures, 0);
    if (until_ms != 0 &&
        atomic_compare_exchange_strong(&endpoint->ejected_until_ms, &until_ms, 0)) {
        atomic_store(&endpoint->serving_since_ms, now_ms);
        log_info("endpoint_returned", "endpoint=%s", endpoint->name);
    }
    return true;
}
