#include "control/endpoint_lint.h"

#include "common/buffer.h"
#include "control/proxy_registry.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* As IPv6: of IPv4 the mapped one (RFC 4291 section 2.5.5.2). */
struct place {
    struct in6_addr ip;
    const char *unix_path; /* NULL: it is of TCP */
    uint32_t port;         /* 0 with a path */
};

struct known_listener {
    struct place place;
    const Pointsman__V1__Listener *listener;
    const char *proxy;
};

struct endpoint_lint {
    struct known_listener *listeners; /* by port */
    size_t count;
};

/* --- addresses ------------------------------------------------------------------------------ */

static bool read_ip(const char *text, struct in6_addr *ip)
{
    struct in_addr ipv4;
    if (inet_pton(AF_INET6, text, ip) == 1)
        return true;
    if (inet_pton(AF_INET, text, &ipv4) != 1)
        return false;
    *ip = (struct in6_addr){.s6_addr = {[10] = 0xff, [11] = 0xff}};
    memcpy(ip->s6_addr + 12, &ipv4, sizeof(ipv4));
    return true;
}

static bool is_ipv4_unspecified(const struct in6_addr *ip)
{
    static const unsigned char zero[4];
    return IN6_IS_ADDR_V4MAPPED(ip) && memcmp(ip->s6_addr + 12, zero, sizeof(zero)) == 0;
}

static bool is_ipv4_loopback(const struct in6_addr *ip)
{
    return IN6_IS_ADDR_V4MAPPED(ip) && ip->s6_addr[12] == 127;
}

/* A connection to no address in particular goes to loopback. */
static void mean_loopback(struct in6_addr *ip)
{
    if (IN6_IS_ADDR_UNSPECIFIED(ip))
        *ip = in6addr_loopback;
    else if (is_ipv4_unspecified(ip))
        read_ip("127.0.0.1", ip);
}

/* Whether what connects to `ip` comes in at a listener on `at`. One on every address of IPv6 is on
 * those of IPv4, too. */
static bool leads_to(const struct in6_addr *ip, const struct in6_addr *at)
{
    if (IN6_ARE_ADDR_EQUAL(ip, at))
        return true;
    if (IN6_IS_ADDR_UNSPECIFIED(at))
        return IN6_IS_ADDR_LOOPBACK(ip) || is_ipv4_loopback(ip);
    return is_ipv4_unspecified(at) && is_ipv4_loopback(ip);
}

/* --- listeners ------------------------------------------------------------------------------ */

/* From "web=127.0.0.1:8080", "web=[::1]:8080" or "web=unix:/path". */
static bool read_listener(const Pointsman__V1__Listener *listener, struct place *place)
{
    const char *address = listener->address;
    size_t length = strlen(listener->name);
    if (strncmp(address, listener->name, length) == 0 && address[length] == '=')
        address += length + 1;
    if (strncmp(address, "unix:", 5) == 0) {
        *place = (struct place){.unix_path = address + 5};
        return true;
    }
    const char *colon = strrchr(address, ':');
    size_t is_bracketed = address[0] == '[' ? 1 : 0;
    char host[INET6_ADDRSTRLEN];
    size_t host_length = colon == NULL ? 0 : (size_t)(colon - address);
    if (host_length <= 2 * is_bracketed || host_length - 2 * is_bracketed >= sizeof(host))
        return false;
    host_length -= 2 * is_bracketed;
    memcpy(host, address + is_bracketed, host_length);
    host[host_length] = '\0';
    *place = (struct place){.port = listener->port};
    return read_ip(host, &place->ip);
}

static int compare_ports(const void *a, const void *b)
{
    const struct known_listener *one = a;
    const struct known_listener *other = b;
    return (one->place.port > other->place.port) - (one->place.port < other->place.port);
}

static void add_listeners(struct endpoint_lint *lint, const struct proxy *proxy)
{
    if (proxy->watcher == NULL)
        return;
    lint->listeners = memory_reallocate(lint->listeners, (lint->count + proxy->listener_count) *
                                                             sizeof(lint->listeners[0]));
    for (size_t i = 0; i < proxy->listener_count; i++) {
        struct known_listener known = {.listener = proxy->listeners[i], .proxy = proxy->id};
        if (read_listener(known.listener, &known.place))
            lint->listeners[lint->count++] = known;
    }
}

struct endpoint_lint *endpoint_lint_new(const struct proxy_registry *proxies)
{
    struct endpoint_lint *lint = memory_allocate_zeroed(1, sizeof(*lint));
    for (size_t i = 0; i < proxy_registry_count(proxies); i++)
        add_listeners(lint, proxy_registry_at(proxies, i));
    if (lint->count > 0)
        qsort(lint->listeners, lint->count, sizeof(lint->listeners[0]), compare_ports);
    return lint;
}

void endpoint_lint_free(struct endpoint_lint *lint)
{
    if (lint == NULL)
        return;
    free(lint->listeners);
    free(lint);
}

/* --- endpoints ------------------------------------------------------------------------------ */

static bool is_there(const struct place *place, const struct place *listener)
{
    if (place->unix_path != NULL || listener->unix_path != NULL)
        return place->unix_path != NULL && listener->unix_path != NULL &&
               strcmp(place->unix_path, listener->unix_path) == 0;
    return leads_to(&place->ip, &listener->ip);
}

/* NULL: nobody listens there. */
static const struct known_listener *find(const struct endpoint_lint *lint,
                                         const struct place *place)
{
    size_t first = 0;
    size_t end = lint->count;
    while (first < end) {
        size_t middle = first + (end - first) / 2;
        if (lint->listeners[middle].place.port < place->port)
            first = middle + 1;
        else
            end = middle;
    }
    for (; first < lint->count && lint->listeners[first].place.port == place->port; first++) {
        if (is_there(place, &lint->listeners[first].place))
            return &lint->listeners[first];
    }
    return NULL;
}

static const struct known_listener *find_ip(const struct endpoint_lint *lint, const char *address,
                                            uint32_t port)
{
    struct place place = {.port = port};
    if (!read_ip(address, &place.ip))
        return NULL;
    mean_loopback(&place.ip);
    return find(lint, &place);
}

static const struct known_listener *find_at(const struct endpoint_lint *lint,
                                            const EndpointMessage *endpoint, uint32_t port)
{
    if (endpoint->unix_path[0] != '\0')
        return find(lint, &(struct place){.unix_path = endpoint->unix_path});
    if (strcmp(endpoint->address, "localhost") != 0)
        return find_ip(lint, endpoint->address, port);
    const struct known_listener *found = find_ip(lint, "127.0.0.1", port);
    return found != NULL ? found : find_ip(lint, "::1", port);
}

/* An endpoint without a port is reached at those of its backend; where that lists none, the routes
 * say. */
static const struct known_listener *find_any(const struct endpoint_lint *lint,
                                             const BackendMessage *backend,
                                             const EndpointMessage *endpoint)
{
    if (endpoint->port != 0 || endpoint->unix_path[0] != '\0')
        return find_at(lint, endpoint, endpoint->port);
    for (size_t i = 0; i < backend->n_ports; i++) {
        const Pointsman__V1__BackendPort *port = backend->ports[i];
        const struct known_listener *found =
            find_at(lint, endpoint, port->target_port != 0 ? port->target_port : port->port);
        if (found != NULL)
            return found;
    }
    return NULL;
}

void endpoint_lint_warn(const struct endpoint_lint *lint, const BackendMessage *backend,
                        AnswerMessage *answer)
{
    for (size_t i = 0; i < backend->n_endpoints && lint->count > 0; i++) {
        const EndpointMessage *endpoint = backend->endpoints[i];
        const struct known_listener *found = find_any(lint, backend, endpoint);
        if (found == NULL)
            continue;
        char field[64];
        snprintf(field, sizeof(field), "endpoints[%zu]", i);
        answer_add_warning(
            answer, POINTSMAN__V1__OBJECT_KIND__OBJECT_KIND_BACKEND, backend->name, field,
            "%s is the listener %s of proxy %s: what comes back to its rule again and again is "
            "answered 508",
            endpoint->unix_path[0] != '\0' ? endpoint->unix_path : endpoint->address,
            found->listener->address, found->proxy);
    }
}
