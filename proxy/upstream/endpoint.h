/* Endpoint: one address that serves; its state survives changes of routes and backends.
 *
 * Threads: any. Workers count, health and workers judge; all of that is atomic. */
#ifndef PROXY_UPSTREAM_ENDPOINT_H
#define PROXY_UPSTREAM_ENDPOINT_H

#include "common/error.h"

#include <netinet/in.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>

/* --- addresses ------------------------------------------------------------------------------ */

struct endpoint_address {
    socklen_t length; /* what bind and connect want */
    union {
        struct sockaddr any;
        struct sockaddr_in ipv4;
        struct sockaddr_in6 ipv6;
        struct sockaddr_un unix_path;
    };
};

/* From an IPv4 or IPv6 address without brackets. False when it is none. */
bool endpoint_address_set_ip(struct endpoint_address *address, const char *ip, uint16_t port);
/* Of an IP address. */
void endpoint_address_set_port(struct endpoint_address *address, uint16_t port);
/* ERROR_LIMIT for a path longer than the system takes. */
bool endpoint_address_set_unix(struct endpoint_address *address, const char *path,
                               struct error *err);

struct endpoint_tls;
struct health_check;

/* --- endpoints ------------------------------------------------------------------------------ */

/* What became of a try, for health. */
enum endpoint_outcome {
    ENDPOINT_ANSWERED, /* a response head that is not 5xx */
    ENDPOINT_ANSWERED_5XX,
    ENDPOINT_CONNECT_FAILED, /* refused, unreachable, or connecting took too long */
    ENDPOINT_FAILED,         /* closed, reset or broken before a response head */
    ENDPOINT_TIMED_OUT,
    ENDPOINT_ABANDONED, /* the client left first: says nothing about the endpoint */
};

/* What its connections carry. */
enum endpoint_protocol {
    ENDPOINT_HTTP1,
    ENDPOINT_HTTP2, /* with prior knowledge; with TLS, chosen by ALPN */
};

struct endpoint {
    /* immutable */
    struct endpoint_address address;
    enum endpoint_protocol protocol;
    struct endpoint_tls *tls; /* held; NULL: clear connections */
    const char *name;         /* "10.0.0.7:8080", "[::1]:80" or "unix:/run/a.sock"; for logs */
    /* Small, unique while the endpoint lives, then used again: workers index their pools by it.
     * A pool with connections to an endpoint therefore holds a reference. */
    uint32_t id;
    uint64_t name_hash; /* hash_stable: the same in every process */

    /* atomic: any */
    atomic_uint references;
    /* atomic: workers count, the balancer compares */
    atomic_uint in_flight;          /* requests */
    atomic_uint connections;        /* open or opening, idle ones included */
    atomic_uint waiting;            /* requests that found no room */
    atomic_uint wanted_connections; /* how many of these lack a connection */
    /* atomic: set when it comes to serve; slow start counts from here */
    _Atomic uint64_t serving_since_ms;
    /* atomic: workers count; failed tries since the last answer */
    atomic_uint consecutive_failures;
    /* atomic: ejection sets both, whoever looks first after that time ends it */
    _Atomic uint64_t ejected_until_ms; /* 0: it is in */
    atomic_uint ejections;             /* one after the other */

    /* guarded by the registry's mutex */
    struct endpoint_registry *registry;
    struct endpoint *next_in_bucket;
    uint64_t hash;

    /* guarded by the check registry's mutex */
    struct health_check *checks;
};

/* What to ask it for when nobody says: its address and port. Borrowed from it. */
const char *endpoint_authority(const struct endpoint *endpoint);

void endpoint_acquire(struct endpoint *endpoint);
/* Clears *endpoint. Harmless on NULL. The last release takes it out of its registry. */
void endpoint_release(struct endpoint **endpoint);

/* Around each try, from the pick to the end of the response. False, and nothing is counted, when
 * `max_requests` (0: no limit) run already, over all workers. */
bool endpoint_request_start(struct endpoint *endpoint, uint32_t max_requests);
void endpoint_request_ended(struct endpoint *endpoint);

/* Around each connection; the same for `max_connections`. */
bool endpoint_connection_start(struct endpoint *endpoint, uint32_t max_connections);
void endpoint_connection_ended(struct endpoint *endpoint);

/* Around the time a request waits for room; the same for `max_waiting`. Whoever makes room
 * afterwards sees that somebody waits. */
bool endpoint_wait_start(struct endpoint *endpoint, uint32_t max_waiting, bool lacks_connection);
void endpoint_wait_ended(struct endpoint *endpoint, bool lacks_connection);
bool endpoint_has_waiting(const struct endpoint *endpoint);

/* Takes it out until then. False when it is out already. */
bool endpoint_eject(struct endpoint *endpoint, uint64_t until_ms);
/* As if it had not been ejected just now. */
void endpoint_take_back(struct endpoint *endpoint);

/* Ends an ejection whose time is over. Returns whether the endpoint is in. */
bool endpoint_return(struct endpoint *endpoint, uint64_t now_ms);

static inline bool endpoint_is_in(struct endpoint *endpoint, uint64_t now_ms)
{
    return atomic_load_explicit(&endpoint->ejected_until_ms, memory_order_relaxed) == 0 ||
           endpoint_return(endpoint, now_ms);
}

#endif
