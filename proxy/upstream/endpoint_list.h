/* Endpoint list: the endpoints that a Backend's message stands for, seen through one port.
 *
 * A DNS name stands for all addresses it has right now, each with the weight of the name.
 *
 * Threads: none shared. */
#ifndef PROXY_UPSTREAM_ENDPOINT_LIST_H
#define PROXY_UPSTREAM_ENDPOINT_LIST_H

#include "common/error.h"
#include "proto/messages.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct dns_name;
struct endpoint;
struct endpoint_registry;

struct listed_endpoint {
    struct endpoint *endpoint; /* held */
    uint32_t weight;
};

struct listed_name {
    struct dns_name *name; /* used */
    uint64_t version;      /* of the addresses that are listed */
};

struct endpoint_list {
    struct listed_endpoint *endpoints;
    size_t count;
    struct listed_name *names;
    size_t name_count;
};

/* Fills an empty list. `ref_port` is that of the backendRef, or 0. False with the first thing that
 * is wrong; clear it all the same. */
bool endpoint_list_fill(struct endpoint_list *list, const BackendMessage *message,
                        uint32_t ref_port, struct endpoint_registry *registry, struct error *err);
/* The same for what the port alone decides; touches no registry. */
bool endpoint_list_check_port(const BackendMessage *message, uint32_t ref_port, struct error *err);
void endpoint_list_clear(struct endpoint_list *list);

void listed_names_free(struct listed_name *names, size_t count);

#endif
