/* One route: a route cache in which every request under a prefix goes to the same endpoints. */
#ifndef TESTS_UNIT_PROXY_HTTP_ONE_ROUTE_H
#define TESTS_UNIT_PROXY_HTTP_ONE_ROUTE_H

#include "proxy/routing/route_cache.h"
#include "proxy/upstream/backend.h"
#include "proxy/upstream/endpoint_registry.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct one_route {
    struct route_cache *cache;
    struct route_table_builder *builder;
    struct endpoint_registry *endpoints;
    struct route *route;          /* the builder's */
    const char *prefix;           /* "/" unless set before the first publish */
    struct backend_limits limits; /* of its backend */
    const char *app_protocol;     /* of its backend and of the mirror; NULL: none */
    const char *gate_protocol;    /* of the authorization service; NULL: the same */
    uint64_t connect_timeout_ms;  /* 0: the default */
    uint64_t request_timeout_ms;  /* 0: unset */
    uint64_t try_timeout_ms;      /* 0: unset */
    bool has_retry;               /* a retry stanza, of which the next three are */
    uint32_t retry_attempts;
    uint64_t retry_backoff_ms;
    uint32_t retry_code;         /* 0: none */
    const char *session;         /* of the rule, as in session_text.h; NULL: none */
    const char *filters;         /* of the rule, as in filter_text.h; NULL: none */
    const char *backend_filters; /* of its backendRef */
    const char *unix_path;       /* of the endpoints, instead of ports; NULL: none */
    uint16_t mirror_port;        /* of the backend "mirror"; 0: there is none */
    uint16_t gate_port;          /* of the authorization service "gate"; the same */
    bool has_no_backend;         /* the rule names one that does not exist */
};

void one_route_init(struct one_route *one);
void one_route_clear(struct one_route *one);

/* Replaces the table by one whose backend has the endpoints 127.0.0.1:ports[i]. */
void one_route_publish(struct one_route *one, const uint16_t *ports, size_t port_count);

#endif
