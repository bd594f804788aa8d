/* Makes backends from a few words, for the tests of this folder.
 *
 * Threads: none shared. */
#ifndef TESTS_UNIT_PROXY_UPSTREAM_BACKEND_MAKER_H
#define TESTS_UNIT_PROXY_UPSTREAM_BACKEND_MAKER_H

#include "proxy/upstream/backend.h"
#include "proxy/upstream/endpoint_registry.h"

enum { MAKER_ENDPOINTS = 8, MAKER_PORTS = 4 };

/* A message on the stack: fill in with maker_*, then pass &maker.message. */
struct backend_maker {
    BackendMessage message;
    EndpointMessage endpoints[MAKER_ENDPOINTS];
    EndpointMessage *endpoint_pointers[MAKER_ENDPOINTS];
    Pointsman__V1__BackendPort ports[MAKER_PORTS];
    Pointsman__V1__BackendPort *port_pointers[MAKER_PORTS];
    Pointsman__V1__LoadBalancing load_balancing;
};

static inline void maker_init(struct backend_maker *maker)
{
    pointsman__v1__backend__init(&maker->message);
    maker->message.name = (char *)"users";
    maker->message.endpoints = maker->endpoint_pointers;
    maker->message.ports = maker->port_pointers;
}

static inline EndpointMessage *maker_add(struct backend_maker *maker, const char *address,
                                         uint32_t port)
{
    EndpointMessage *endpoint = &maker->endpoints[maker->message.n_endpoints];
    pointsman__v1__endpoint__init(endpoint);
    endpoint->address = (char *)address;
    endpoint->port = port;
    maker->endpoint_pointers[maker->message.n_endpoints++] = endpoint;
    return endpoint;
}

static inline void maker_add_weighted(struct backend_maker *maker, const char *address,
                                      uint32_t weight)
{
    EndpointMessage *endpoint = maker_add(maker, address, 80);
    endpoint->weight_presence_case = POINTSMAN__V1__ENDPOINT__WEIGHT_PRESENCE_WEIGHT;
    endpoint->weight = weight;
}

static inline void maker_add_port(struct backend_maker *maker, uint32_t port, uint32_t target)
{
    Pointsman__V1__BackendPort *added = &maker->ports[maker->message.n_ports];
    pointsman__v1__backend_port__init(added);
    added->port = port;
    added->target_port = target;
    maker->port_pointers[maker->message.n_ports++] = added;
}

static inline void maker_set_policy(struct backend_maker *maker,
                                    Pointsman__V1__LoadBalancingPolicy policy)
{
    pointsman__v1__load_balancing__init(&maker->load_balancing);
    maker->load_balancing.policy = policy;
    maker->message.load_balancing = &maker->load_balancing;
}

#endif
