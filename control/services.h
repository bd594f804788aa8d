/* Services: what the methods of the socket work with, and the table of the methods.
 *
 * Threads: main. */
#ifndef CONTROL_SERVICES_H
#define CONTROL_SERVICES_H

#include "proto/grpc_server.h"

#include <stdint.h>

struct authorizer;
struct backup_service;
struct blame_service;
struct commit_group;
struct commit_streams;
struct explain_service;
struct feed_service;
struct proxy_registry;
struct shadow_index;
struct replace_service;
struct store;
struct wait_list;

/* Plain; control.c owns the parts and fills it in. The context of every method. */
struct services {
    struct authorizer *authorizer;
    struct store *store;
    struct commit_group *commits;
    struct proxy_registry *proxies;
    struct feed_service *feed;
    struct wait_list *waits;
    struct explain_service *explain;
    struct shadow_index *shadows;
    struct blame_service *blame;
    struct commit_streams *streams;
    struct replace_service *replaces;
    struct backup_service *backup;
    uint64_t started_wall_ms;
};

/* Every method, who may call it, and what answers it. */
extern const struct grpc_method service_methods[];

/* For the server's limits: admins and proxies are not counted against their user, and the last
 * connections are the admins'. */
bool services_is_exempt(void *context, const struct peer_credentials *peer);
bool services_has_reserve(void *context, const struct peer_credentials *peer);

#endif
