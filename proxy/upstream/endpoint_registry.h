/* Endpoint registry: one endpoint for one address, protocol and the same TLS settings, across all
 * changes.
 *
 * Threads: any. The mutex covers the map alone; requests never take it. */
#ifndef PROXY_UPSTREAM_ENDPOINT_REGISTRY_H
#define PROXY_UPSTREAM_ENDPOINT_REGISTRY_H

#include "proxy/upstream/endpoint.h"

struct check_registry;
struct dns_names;
struct endpoint_registry;
struct endpoint_tls;
struct tls_registry;

struct endpoint_registry *endpoint_registry_new(void);
/* Every endpoint must have been released. */
void endpoint_registry_free(struct endpoint_registry *registry);

/* The endpoint of this address that speaks `protocol`, made when it is new, with connections
 * secured by `tls` (NULL: clear ones). Caller releases. */
struct endpoint *endpoint_registry_acquire(struct endpoint_registry *registry,
                                           const struct endpoint_address *address,
                                           enum endpoint_protocol protocol,
                                           struct endpoint_tls *tls);

/* Where the DNS names of its endpoints are. Borrowed until the registry goes. */
struct dns_names *endpoint_registry_names(struct endpoint_registry *registry);

/* Where the TLS settings of its endpoints are. Borrowed until the registry goes. */
struct tls_registry *endpoint_registry_tls(struct endpoint_registry *registry);

/* Where the checks of its endpoints are. Borrowed until the registry goes. */
struct check_registry *endpoint_registry_checks(struct endpoint_registry *registry);

/* Drops a reference that may be the last one; for endpoint_release. */
void endpoint_registry_release(struct endpoint *endpoint);

#endif
