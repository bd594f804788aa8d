/* Endpoint: one address that serves; its state survives changes of routes and backends.
 *
 * Threads: any. Workers count, health and workers judge; all of that is atomic. */
#ifndef PROXY_UPSTREAM_ENDPOINT_H
#define PROXY_UPSTREAM_ENDPOINT_H

#include "common/slice.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>

struct endpoint_address {
    socklen_t length; /* 0: a DNS name that has no address yet */
    union {
        struct sockaddr any;
        struct sockaddr_storage storage;
        struct sockaddr_un unix_path;
    };
};

struct endpoint {
    /* immutable */
    struct endpoint_address address;
    const char *name; /* "10.0.0.7:8080", "[::1]:80" or "unix:/run/a.sock"; for logs */
    uint32_t id;      /* small and unique while it lives: workers index their pools by it */

    /* atomic: any */
    atomic_uint references;
    /* atomic: workers count, the balancer compares */
    atomic_uint in_flight;
};

void endpoint_acquire(struct endpoint *endpoint);
/* Clears *endpoint. Harmless on NULL. The last release gives it back to its registry. */
void endpoint_release(struct endpoint **endpoint);

/* What became of a try, for health. */
enum endpoint_outcome {
    ENDPOINT_ANSWERED, /* a response head that is not 5xx */
    ENDPOINT_ANSWERED_5XX,
    ENDPOINT_CONNECT_FAILED, /* refused, unreachable, or connecting took too long */
    ENDPOINT_FAILED,         /* closed, reset or broken before a response head */
    ENDPOINT_TIMED_OUT,
};

void endpoint_request_started(struct endpoint *endpoint);
void endpoint_request_ended(struct endpoint *endpoint, enum endpoint_outcome outcome);

bool endpoint_is_available(const struct endpoint *endpoint);

#endif
